"""What happens around a run: odd and long names, pipes in place of files, readers that go away, misplaced results."""

import os
import pickle
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import predutils
from breaking import TEST, change_mat, expect
from conftest import CONFIGURATION, ONE_PLACE, PROJECT, Workspace, make_pair, run_apart, write_bands
from hscd.models import saved as models
from raster_scenes import UNLABELLED, UTM, write_labels, write_pair

ODD = ("a;b", "a!b?", "-a", "a#b%20c", "a'b\"c|d")
LONGEST = "PLACE A_{}_ED_pseudo_rescaling_True_distances.tif"  # as long as …_corrected.png and _changes.gpkg


def write_scene(folder: Path, *names: str) -> None:
    before, after, changed = make_pair(1)
    for name in names:
        for part, array in (("before", before), ("after", after), ("label", np.where(changed, 1, 2).astype(np.uint8))):
            (folder / part).mkdir(parents=True, exist_ok=True)
            np.save(folder / part / f"{name}.npy", array)


def test_pairs_and_folders_of_odd_names_have_all_results_in_their_place(tmp_path: Path, undrawn: object) -> None:
    space = Workspace(tmp_path / "x:y" / "a!b;c?" / "a.zip", text=ONE_PLACE)
    write_scene(space.folder / "data/a", *ODD)
    done = space.call("predutils")
    assert done.returncode == 0, done.stderr
    for name in ODD:
        for ending in (".tif", "_corrected.tif", "_distances.tif", "_changes.gpkg"):
            assert (space.folder / f"stat/PLACE A_{name}_ED_pseudo_rescaling_True{ending}").stat().st_size > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x:y"]


@pytest.mark.parametrize("place", ["before", "label", "net.conf", "pseudo"])
def test_a_named_pipe_is_refused(workspace: Workspace, place: str) -> None:
    script = "predutils"
    path = workspace.folder / "data/a" / place / "town.mat"
    if place == "pseudo":
        script, path = "labelbyperc_generation", path.with_suffix(".pickle")
        path.parent.mkdir()
    if place == "net.conf":
        path = workspace.folder / "pipe"
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    command = [sys.executable, str(PROJECT / f"Net/{script}.py"), "--config"]
    command.append(str(path if place == "net.conf" else workspace.file))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    bars = ("pair", "map/s")
    told = [line for line in done.stderr.splitlines() if ": " in line and not any(unit in line for unit in bars)]
    assert told == [f"error: {path}: expected a file, found a named pipe"]


def test_numbers_are_told_in_any_encoding(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = workspace.run("inspect_data")
    assert done.returncode == 0, done.stderr
    assert r"town: 20 \xd7 30 pixels" in done.stdout


@pytest.mark.parametrize("options", [(), ("--quiet",)])
def test_ctrl_c_is_told_in_one_line(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    def interrupted(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(predutils, "generate", interrupted)
    assert predutils.main(["--config", str(workspace.file), *options]) == 130
    said = capsys.readouterr()
    kept = predutils._KEPT
    assert kept.startswith("files that were written are kept; the same command makes all of them again")
    assert (said.out, said.err) == ("", f"interrupted: {kept}\n")


def test_work_goes_on_when_nobody_reads_any_more(space: Workspace) -> None:
    write_scene(space.folder / "data/a", "p1", "p2", "p3")
    command = f'"{sys.executable}" -u "{PROJECT}/Net/predutils.py" --config "{space.file}" 2> err | head -c 5'
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], cwd=space.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "error" not in (space.folder / "err").read_text(encoding="utf-8")
    assert len(list((space.folder / "stat").glob("*_changes.gpkg"))) == 3


@pytest.mark.parametrize(
    ("script", "overrides", "result"),
    [
        ("predutils", (), LONGEST),
        ("inspect_data", (), "PLACE A_{}_quicklook.png"),
        ("main", (TEST,), "PLACE A_{}_on_M_no fine tuning_corrected.tif"),
        ("labelbyperc_generation", (), "PLACE A_{}_90%.png"),
        ("labelbyneigh_generation", (), "PLACE A_{}_radius3.png"),
        ("main", ("settings.model_name={}",), ".{}_param.pickle.of-" + 33 * "0"),
    ],
)
def test_a_name_too_long_is_told_before_any_work(
    space: Workspace, script: str, overrides: tuple[str, ...], result: str
) -> None:
    fits, too_long = (("n" * (length - len(result.format("")))) for length in (255, 256))
    named = "{}" in "".join(overrides)
    write_scene(space.folder / "data/a", "town" if named else too_long)
    line = space.fails(script, *(override.format(too_long) for override in overrides))
    expect(line, "256 bytes long, 255 are allowed", "shorten the names")
    for part in ("before", "after", "label"):
        for file in (space.folder / "data/a" / part).iterdir():
            file.rename(file.with_name(f"{'town' if named else fits}.npy"))
    # One letter less: what is missing is said, or all is written.
    if script in ("predutils", "inspect_data"):
        done = space.call(script, *overrides)
        assert done.returncode == 0, done.stderr
        assert (space.folder / "stat" / result.format(fits)).is_file()
    elif not named:
        expect(space.fails(script, *overrides), "no such file")


@pytest.mark.parametrize("value", [1, 0])
def test_what_labels_of_one_class_leave_undefined_is_called_so(space: Workspace, undrawn: object, value: int) -> None:
    """Unchanged pixels alone are known, or changed ones, and the map is right everywhere."""
    before, _, changed = make_pair(1)
    after = before.copy()
    after[changed] += 3000
    write_pair(space, before, after, **UTM)
    labels = np.where(changed, 1, 0) if value else np.where(changed, 0, 2)
    (space.folder / "data/a/label").mkdir()
    np.save(space.folder / "data/a/label/town.npy", labels.astype(np.uint8))
    done = space.call("predutils")
    assert done.returncode == 0, done.stderr
    assert "kappa undefined" in done.stdout
    assert "nan" not in done.stdout.lower()
    table = (space.folder / "stat/PLACE A_town_ED_pseudo_rescaling_True.csv").read_text(encoding="utf-8")
    assert "nan" not in table.lower()


@pytest.mark.parametrize(("rows", "doubted"), [(4, False), (5, True)])
def test_a_large_share_is_doubted_where_there_are_no_labels(
    space: Workspace, undrawn: object, rows: int, doubted: bool
) -> None:
    # 4 of 20 rows are 20 %, 5 are 25 %.
    before = np.random.default_rng(0).integers(1000, 1010, (20, 30, 4), np.uint16)
    after = before.copy()
    after[:rows] += 500
    write_pair(space, before, after, **UTM)
    write_labels(space, np.arange(20)[:, None] < np.full((1, 30), rows))
    share = f"changed {5 * rows:.1f} % of 600 pixels"
    done = space.call("predutils")
    assert share in done.stdout
    assert done.stderr.count("warning:") == 0, done.stderr
    space.text = UNLABELLED
    done = space.call("predutils")
    assert share in done.stdout
    assert "corrected" not in done.stdout  # nothing is, which is told once
    assert done.stderr.count("warning:") == doubted, done.stderr
    assert ("25 % of the pixels are called changed" in done.stderr) == doubted


# Of 20 × 30 pixels the first 4 rows are found changed, 120 of 600, before and after correction (a majority of 5 rows).
# By chance (120·120 + 480·480)/600² = .68 agree. Labels of 4 other rows: 360 agree, kappa (.6 − .68)/.32 = −.25; of the
# first 6 columns: 24 + 384 agree, .68, kappa 0; of rows 0 and 1 and 4 and 5: 60 + 420, .8, kappa .375.
@pytest.mark.parametrize(("rows", "columns", "said"), [
    ([9, 10, 11, 12], 30, "kappa -0.250: no better than chance; check the map"),
    (range(20), 6, "kappa 0.000: no better than chance; check the map"),
    ([0, 1, 4, 5], 30, ""),
])  # fmt: skip
def test_a_map_that_labels_refute_is_doubted(
    space: Workspace, undrawn: object, rows: list[int], columns: int, said: str
) -> None:
    before = np.random.default_rng(0).integers(1000, 1010, (20, 30, 4), np.uint16)
    after = before.copy()
    after[:4] += 500
    write_pair(space, before, after, **UTM)
    changed = np.zeros((20, 30), bool)
    changed[list(rows), :columns] = True
    write_labels(space, changed)
    done = space.call("predutils")
    assert done.returncode == 0
    warnings = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == bool(said)
    assert all(f"town.tif, 20 × 30 × 4): {said}" in line for line in warnings)


def test_a_log_beside_the_old_polygons_is_not_applied_to_the_new(space: Workspace, undrawn: object) -> None:
    write_scene(space.folder / "data/a", "town")
    assert space.call("predutils").returncode == 0
    file = space.folder / "stat/PLACE A_town_ED_pseudo_rescaling_True_changes.gpkg"
    killed = """
import os, sqlite3, sys
base = sqlite3.connect(sys.argv[1])
base.execute("pragma journal_mode=wal")
base.execute("create table junk(a)")
base.commit()
os._exit(0)
"""
    run_apart(killed, file)
    assert file.with_name(f"{file.name}-wal").stat().st_size > 0
    assert space.call("predutils").returncode == 0
    with sqlite3.connect(file) as base:
        assert base.execute("pragma integrity_check").fetchone() == ("ok",)
        assert base.execute("select name from sqlite_master where name = 'junk'").fetchone() is None
    base.close()


# --- models, without Keras -------------------------------------------------------------------------------------------

WITHOUT_KERAS = """
import sys
sys.modules["keras"] = None
import main
status = main.main(sys.argv[1:])
assert "tensorflow" not in sys.modules
raise SystemExit(status)
"""


def refused_without_keras(space: Workspace, *overrides: str) -> str:
    arguments = ["--config", str(space.file)]
    for override in (TEST, "settings.test_set=PLACE A", *overrides):
        arguments += ["--set", override]
    done = run_apart(WITHOUT_KERAS, *arguments)
    assert done.returncode == 2, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a model of five bands, which nobody trained."""
    from hscd.branches import BRANCHES
    from hscd.heads.euclidean import euclidean_dist
    from hscd.models.saved import save_model

    space = Workspace(tmp_path_factory.mktemp("model"))
    space.write_data()
    parameters = {
        "dropout_rate": 0.1, "dropout_rate_1": 0.1, "lr": 1e-3, "layer": 8, "layer_1": 6, "layer_2": 4,
        "score_function": euclidean_dist, "margin": 1.0, "fourth_layer": False, "batch_size": 64,
    }  # fmt: skip
    named = {f"w{i}": np.ones(shape, np.float32) for i, shape in enumerate(BRANCHES["dense"].shapes(5, parameters))}
    (space.folder / "model").mkdir()
    save_model(space.folder / "model/M", parameters, named)
    return space.folder


@pytest.fixture
def copy(model: Path, tmp_path: Path) -> Workspace:
    shutil.copytree(model, tmp_path, dirs_exist_ok=True)
    return Workspace(tmp_path)


def test_a_model_is_refused_before_keras_is_imported(copy: Workspace) -> None:
    expect(refused_without_keras(copy, "settings.model_name=N"), "N.h5: no such file")
    for part in ("before", "after"):
        change_mat(copy, part, lambda image: image[:, :, :4])
    expect(refused_without_keras(copy), "PLACE A", "town: 4 bands, model M was trained on 5 bands")
    for name, value in (("dropout_rate", 1.0), ("dropout_rate_1", "x"), ("score_function", "SID")):
        file = copy.folder / "model/M_param.pickle"
        content = file.read_bytes()
        models.write_parameter_file(file, models.read_parameter_file(file) | {name: value})
        expect(refused_without_keras(copy), "M_param.pickle", "SID" if value == "SID" else name)
        file.write_bytes(content)
    file.write_bytes(pickle.dumps({"layer": 8}))
    expect(refused_without_keras(copy), "M_param.pickle: lacks the parameters")
    weights = copy.folder / "model/M.h5"
    weights.write_bytes(weights.read_bytes()[:1000])
    expect(refused_without_keras(copy), "M.h5: ")
    weights.unlink()
    os.mkfifo(weights)
    expect(refused_without_keras(copy), "M.h5: expected a file, found a named pipe")


def test_another_distance_than_the_model_has_is_told(copy: Workspace) -> None:
    for part in ("before", "after"):
        change_mat(copy, part, lambda image: image[:, :, :4])
    said = refused_without_keras(copy, "settings.distance=SAM")
    expect(said, "warning: M: trained with the distance ED, which the test uses, distance = SAM is not used")
    assert "warning" not in refused_without_keras(copy)


# --- results among images --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "images"),
    [
        ("settings.stat_path", "data/a/before", "[PLACE A] imgAPath"),
        ("settings.stat_path", "data/b/label/x/y", "[PLACE B] labelPath"),
        ("settings.model_path", "data/a/../a/after/model", "[PLACE A] imgBPath"),
        ("PLACE A.pseudoPath", "data/a/label", "[PLACE A] labelPath"),
        ("PLACE A.pseudoPath", "data/b/before/pseudo", "[PLACE B] imgAPath"),
        ("PLACE A.pseudoPath", "link/pseudo", "[PLACE A] imgAPath"),
    ],
)
def test_results_among_images_are_refused(workspace: Workspace, key: str, value: str, images: str) -> None:
    (workspace.folder / "link").symlink_to("data/a/before")
    line = workspace.fails("predutils", f"{key}={value}")
    section, name = key.split(".")
    expect(line, f"[{section}] {name}: ", images)


@pytest.mark.parametrize("key", ["settings.stat_path", "settings.model_path", "PLACE A.pseudoPath"])
@pytest.mark.parametrize("script", ["predutils", "inspect_data", "main"])
def test_results_among_images_of_a_list_are_refused(space: Workspace, script: str, key: str) -> None:
    # An image that is a folder, one that is a file, and a label map, each in a folder of its own.
    text = "name,before,after,label\ntown,one/bands,two/town.npy,three/town.npy\n"
    (space.folder / "list.csv").write_text(text, encoding="utf-8")
    write_scene(space.folder / "made", "town")
    for part, place in (("after", "two"), ("label", "three")):
        (space.folder / place).mkdir()
        (space.folder / f"made/{part}/town.npy").rename(space.folder / place / "town.npy")
    write_bands(space.folder / "one/bands", make_pair(1)[0])
    for part, place in (("imgAPath", "before"), ("imgBPath", "after"), ("labelPath", "label")):
        space.text = space.text.replace(
            f"{part} = data/a/{place}\n", "pairs = list.csv\n" if part == "imgAPath" else ""
        )
    section, name = key.split(".")
    for value, said in (
        ("one/bands", "is the folder of [PLACE A] pairs, line 2 (before); results would be taken for images"),
        ("one/bands/x", "one/bands/x', inside that of [PLACE A] pairs, line 2 (before); results would be taken"),
        ("two", "is the folder in which [PLACE A] pairs, line 2 (after) lies; results would be taken for images"),
        ("three", "is the folder in which [PLACE A] pairs, line 2 (label) lies; results would be taken for images"),
    ):
        expect(space.fails(script, f"{key}={value}"), f"net.conf: [{section}] {name}: ", said)
    assert not (space.folder / "one/bands/x").exists()
    if script == "inspect_data":  # beside a folder of bands, and below an image, nothing is looked for
        for value in ("one", "two/x"):
            assert space.call(script, f"{key}={value}").returncode == 0


def test_a_list_that_nobody_reads_may_be_broken(workspace: Workspace) -> None:
    workspace.text += "\n[PLACE C]\npairs = nowhere.csv\npseudoPath = c\n"
    assert workspace.call("predutils").returncode == 0


def test_results_beside_and_above_images_are_fine(workspace: Workspace) -> None:
    from settings import read_settings

    (workspace.folder / "loop").symlink_to("loop")
    workspace.text = CONFIGURATION
    for value in ("data/a", ".", "data/a/before2", "data", "loop"):
        read_settings(workspace.file, [f"settings.stat_path={value}", f"PLACE A.pseudoPath={value}"])
