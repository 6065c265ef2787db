"""Small scenes in the real folder layout, and the real commands run on them."""

import contextlib
import csv
import gc
import importlib
import io
import os
import shutil
import signal
import sqlite3  # noqa: F401 - before TensorFlow, whose own SQLite, without R-trees, would take its place
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from hscd.reports import maps
from hscd.system.messages import show_messages

# Compiling is most of the time of a small training; with one thread there is half as much to compile. Before Keras.
# A number that is set beforehand counts: the numeric tests have to pass with any.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A job in the background ignores Ctrl-C, and so would all that is started here.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

PROJECT = Path(__file__).resolve().parents[1]
SHARED = PROJECT.parent / "shared"

# The files whose tests take longest, begun first so that no worker is left alone with one of them.
LONG = (
    "test_soak", "test_scripts", "test_siamese", "test_formulas", "test_masked_pixels", "test_epochs", "test_bad_input",
    "test_compare", "test_pretraining", "test_detect", "test_resuming", "test_large_scene", "test_bad_models",
    "test_explaining", "test_transfer", "test_fine_tuning", "test_inspect_data", "test_contract", "test_training",
    "test_tensor_angles", "test_run_demo", "test_models", "test_fuzz", "test_runners",
)  # fmt: skip

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared real data is not beside the project")

CONFIGURATION = """
[settings]
train_set = PLACE A
test_set = PLACE B
distance = ED
model_name = M
apply_rescaling = True
training = True
fine_tuning = -1
pseudo_percentage = 0.5
pseudo_radius = 3
report = False

[PLACE A]
imgAPath = data/a/before
imgBPath = data/a/after
labelPath = data/a/label
pseudoPath = data/a/pseudo
matLabel = cube
changedLabel = 1
unchangedLabel = 2
unknownLabel = 0

[PLACE B]
imgAPath = data/b/before
imgBPath = data/b/after
labelPath = data/b/label
pseudoPath = data/b/pseudo
changedLabel = 2
unchangedLabel = 1

[hyperas settings ED]
batch_size = [64]
neurons = [8]
neurons_1 = [6]
neurons_2 = [4]
max_dropout = 0.2
fourth_layer = False
max_evals = 2

[hyperas settings SAM]
batch_size = [64]
neurons = [8]
neurons_1 = [6]
neurons_2 = [4]
max_dropout = 0.2
fourth_layer = True
max_evals = 2
"""
# Training and test on PLACE A.
ONE_PLACE = CONFIGURATION.replace("test_set = PLACE B", "test_set = PLACE A")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Python's garbage collector does not look through the millions of objects that tests and TensorFlow are.

    Neither while they are made, nor later, when each `clear_session` of Keras calls it: they stay anyway.
    """
    gc.disable()
    collected = yield
    gc.enable()
    gc.freeze()
    return collected


def pytest_sessionfinish() -> None:
    gc.unfreeze()  # Hypothesis, imported for the summary, looks for who refers to what


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


def make_pair(
    seed: int, rows: int = 20, columns: int = 30, bands: int = 5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two uint16 images that differ in a rectangle, and the map of it (True changed)."""
    rng = np.random.default_rng(seed)
    spectra = rng.integers(500, 4000, (3, bands))
    cover = rng.integers(0, 2, (rows, columns))
    changed = np.zeros((rows, columns), dtype=bool)
    changed[rows // 4 : rows // 2 + 2, columns // 5 : columns // 2] = True
    before = spectra[cover]
    after = np.where(changed[:, :, None], spectra[2], before)
    noise = rng.normal(0, 30, (2, rows, columns, bands))
    return (before + noise[0]).astype(np.uint16), (after + noise[1]).astype(np.uint16), changed


def write_mat(path: Path, array: np.ndarray, variable: str = "cube") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {variable: array})


def write_bands(folder: Path, image: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for band in range(image.shape[2]):
        Image.fromarray(image[:, :, band]).save(folder / f"B{band + 1:02d}.tif")


def all_pairs(scene):
    """The pixel pairs of a scene in row-major order."""
    pairs = np.empty((*scene.truth.shape, 2, scene.bands), np.float32)
    for window in scene.windows:
        pairs[window] = scene.pairs(window).reshape(pairs[window].shape)
    return pairs.reshape(-1, 2, scene.bands)


def run_apart(script, *arguments, **environment):
    """Run a script that imports from Net in another process, warnings being errors."""
    environment = os.environ | {"PYTHONPATH": str(PROJECT / "Net")} | environment
    command = [sys.executable, "-W", "error", "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def warnings_of(stderr: str) -> list[str]:
    """Lines that warn, but for those of what a map is worth: on scenes and models this small that is chance."""
    doubts = (
        "no better than chance", "of the squared distances", "no second mode", "depends on the threshold",
        "bands shift", "seem to be shifted", "disagrees with what it was", "was trained on",
        "will have been trained on", "spectra are far from",
    )  # fmt: skip
    return [line for line in stderr.splitlines() if "warning" in line and not any(said in line for said in doubts)]


def without_times(table: Path) -> list[dict[str, str]]:
    """Rows of a CSV file without the columns that hold seconds."""
    with table.open(encoding="utf-8", newline="") as file:
        return [
            {name: value for name, value in row.items() if name != "time" and not name.endswith("_time")}
            for row in csv.DictReader(file)
        ]


@dataclass
class Workspace:
    """A configuration file and two small data sets: PLACE A (.mat, unknown pixels), PLACE B (.tif, two pairs)."""

    folder: Path
    text: str = CONFIGURATION
    names_b: list[str] = field(default_factory=lambda: ["east.tif", "west.tif"])

    @property
    def file(self) -> Path:
        path = self.folder / "net.conf"
        path.write_text(self.text, encoding="utf-8")
        return path

    def write_data(self) -> None:
        before, after, changed = make_pair(1)
        labels = np.where(changed, 1, 2).astype(np.uint8)
        labels[-4:] = 0
        for part, array in (("before", before), ("after", after), ("label", labels)):
            write_mat(self.folder / f"data/a/{part}/town.mat", array)
        for seed, name in enumerate(self.names_b, start=2):
            before, after, changed = make_pair(seed, rows=18, columns=24)
            write_bands(self.folder / "data/b/before" / name, before)
            write_bands(self.folder / "data/b/after" / name, after)
            label_folder = self.folder / "data/b/label"
            label_folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.where(changed, 2, 1).astype(np.uint8)).save(label_folder / name)

    def run(self, script: str, *overrides: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a script as a user does, in a process of its own."""
        command = [sys.executable, str(PROJECT / "Net" / f"{script}.py"), "--config", str(self.file)]
        for override in overrides:
            command += ["--set", override]
        return subprocess.run(
            command, capture_output=True, text=True, cwd=cwd or self.folder, env=os.environ, check=False
        )

    def contents(self) -> dict[str, bytes]:
        """Every file of the folder by its relative path, with its bytes."""
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        }

    def call(self, script: str, *overrides: str) -> subprocess.CompletedProcess[str]:
        """Run a script in this process: for those that reach TensorFlow, whose import takes seconds."""
        arguments = ["--config", str(self.file)]
        for override in overrides:
            arguments += ["--set", override]
        output, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            status = importlib.import_module(script).main(arguments)
        return subprocess.CompletedProcess([script, *arguments], status, output.getvalue(), errors.getvalue())

    def fails(self, script: str, *overrides: str, alone: bool = False) -> str:
        """Run a script that must refuse its input and leave the folder as it is; the one line it says.

        In this process, or `alone` in one of its own.
        """
        assert self.file.is_file()
        before = self.contents()
        done = (self.run if alone else self.call)(script, *overrides)
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        assert "Warning" not in done.stderr, done.stderr  # of Python or a library; `warning:` lines may come before
        errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, done.stderr
        after = self.contents()
        assert sorted(after) == sorted(before), "files on disk came or went"
        assert after == before, "a file on disk was changed"
        return errors[0]


@pytest.fixture(autouse=True)
def shown() -> None:
    """Messages are shown as in a script, whether or not a test runs one."""
    show_messages()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Two small data sets and their configuration, in a folder of their own."""
    space = Workspace(tmp_path)
    space.write_data()
    return space


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    """A configuration of one data set, PLACE A, that is still to be written."""
    return Workspace(tmp_path, text=ONE_PLACE)


@contextlib.contextmanager
def without_pictures() -> Iterator[None]:
    """Maps are not drawn as pictures: half of the time of a small scene is theirs."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("write_classes", "write_heatmap"):
            patch.setattr(maps, name, lambda *_, **__: None)
        yield


@pytest.fixture(scope="module")
def undrawn() -> Iterator[Callable[..., None]]:
    """Maps are not drawn as pictures; the function that draws them."""
    drawn = maps.write_classes
    with without_pictures():
        yield drawn


# --- pages -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium, whose console and requests are recorded."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    programs = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
    chromium, driver = next(filter(None, programs), None), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no Chromium with its chromedriver is installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1200,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with webdriver.Chrome(options=options, service=webdriver.ChromeService(driver)) as opened:
        yield opened


def until(browser: Any, script: str, *given: object) -> Any:
    """The answer of a script as soon as it is one."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, 10, 0.02).until(lambda driver: driver.execute_script(f"return {script}", *given))
