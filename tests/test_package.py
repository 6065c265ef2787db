"""The program as a package: what `pip install .` installs, and that it works from there."""

import ast
import doctest
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import config
import console
import hscd
from conftest import PROJECT
from hscd.system.errors import InputError

SOURCES = ("pyproject.toml", "setup.py", "requirements.txt", "README.md", "LICENSE")
BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
EXAMPLES = (
    "hscd", "hscd.opening", "hscd.detection", "hscd.evaluation.confusion", "hscd.heads.spectral_angle",
    "hscd.detectors", "hscd.thresholds", "hscd.thresholds.otsu",
)  # fmt: skip
# Scripts that know --version by themselves; `console` is one too.
SCRIPTS = sorted(path.stem for path in (PROJECT / "Net").glob("*.py") if '"__main__"' in path.read_text("utf-8"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the package is installed into."""
    pytest.importorskip("setuptools", "77")
    folder = tmp_path_factory.mktemp("package")
    source = folder / "source"
    made = shutil.ignore_patterns("__pycache__", "data", "model", "stat")
    shutil.copytree(PROJECT / "Net", source / "Net", ignore=made)
    shutil.copytree(PROJECT / "res/spectra", source / "res/spectra")
    for name in SOURCES:
        shutil.copy(PROJECT / name, source)
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(folder)], cwd=source, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


def installed(site: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder with the package installed, and nothing of the checkout on its path."""
    command = [sys.executable, *words]
    environment = os.environ | {"PYTHONPATH": str(site)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_wheel_holds_the_program_below_the_library_alone(site: Path) -> None:
    info = f"hscd-{hscd.__version__}.dist-info"
    assert sorted(path.name for path in site.iterdir()) == ["hscd", info]

    def below(folder: Path) -> set[str]:
        found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        return {
            path.as_posix() for path in found if path.suffix != ".pyc" and path.parts[0] not in ("_program", "data")
        }

    net = below(PROJECT / "Net")
    of_library = {name.removeprefix("hscd/") for name in net if name.startswith("hscd/")}
    spectra = {f"demo/spectra/{path.name}" for path in (PROJECT / "res/spectra").iterdir()}
    assert below(site / "hscd") == of_library | spectra
    of_program = {name for name in net if name.endswith(".py") and not name.startswith("hscd/")}
    assert below(site / "hscd/_program") == of_program | {"net.conf", "oscd.csv"}
    assert "py.typed" in of_library
    assert (site / info / "entry_points.txt").read_text("utf-8") == "[console_scripts]\nhscd = hscd.__main__:main\n"


def test_the_installed_command_works_in_the_current_folder(site: Path, tmp_path: Path) -> None:
    before = np.random.default_rng(0).random((24, 24, 5))
    after = before + np.random.default_rng(1).normal(0, 0.01, before.shape)
    after[5:9, 5:9] += 1
    np.save(tmp_path / "before.npy", before)
    np.save(tmp_path / "after.npy", after)
    done = installed(site, tmp_path, "-m", "hscd", "detect", "before.npy", "after.npy", "--quiet")
    assert done.returncode == 0, done.stderr
    assert f"results: {tmp_path / 'before_after_change'}" in done.stdout
    lost = installed(site, tmp_path, "-m", "hscd", "train")
    expected = f"error: {tmp_path / 'net.conf'}: cannot be read: No such file or directory; `hscd init` writes one\n"
    assert (lost.returncode, lost.stderr) == (2, expected)
    assert installed(site, tmp_path, "-m", "hscd", "init").stdout.startswith(str(tmp_path / "net.conf"))
    # In a notebook, nothing but hscd can be imported; the demo has its spectra.
    script = """
import hscd
from hscd.demo.scene import read_spectra
try:
    import settings
except ImportError:
    print(hscd.open_pair.__name__, len(read_spectra()) > 10)
"""
    assert installed(site, tmp_path, "-c", script).stdout == "open_pair True\n"


def test_a_configuration_is_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(config, "WORK_PATH", tmp_path)
    console.init()
    # Each file that is written is told, and nothing else.
    told = [line.split(" ", 1)[0] for line in capsys.readouterr().out.splitlines()]
    assert sorted(told) == sorted(map(str, tmp_path.iterdir()))
    assert (tmp_path / "net.conf").read_bytes() == config.DATA_CONFIG_PATH.read_bytes()
    (tmp_path / "net.conf").unlink()
    with pytest.raises(InputError, match=r"oscd\.csv: exists already"):
        console.init()
    assert not (tmp_path / "net.conf").exists()


@pytest.mark.parametrize("name", console.COMMANDS)
def test_a_command_runs_its_script(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command, got = console.COMMANDS[name], []
    script = import_module(command.script)
    monkeypatch.setattr(script, "main", lambda words: got.append((sys.argv[0], words)) or 3)
    monkeypatch.setattr(sys, "argv", ["console.py"])
    assert console.main([name, "--quiet", "x"]) == 3
    # Only a training asks for the search of the distance, which pseudo-labels may take another one for.
    forced = dict.fromkeys(("test", "pseudo-labels", "by-percentage", "by-neighborhood"), False) | {"train": True}
    words = ["--set", f"settings.training={forced[name]}"] if name in forced else []
    assert got == [(f"hscd {name}", ["--quiet", "x", *words])]


def test_an_unknown_command_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for word, said in (("Detct", "did you mean detect?"), ("x", "--help lists the commands")):
        assert console.main([word]) == 2
        assert capsys.readouterr().err == f"error: {word}: unknown command; {said}\n"


def test_no_command_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert console.main([]) == 0
    told = capsys.readouterr().out
    assert [name for name in (*console.COMMANDS, "init") if f"\n  {name} " not in told] == []
    assert {command.script for command in console.COMMANDS.values()} == set(SCRIPTS) - {"console"}


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_tells_its_version(script: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        import_module(script).main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"hscd {hscd.__version__} (Python 3.")


def test_public_names_are_what_type_checkers_see() -> None:
    tree = ast.parse(Path(hscd.__file__).read_text(encoding="utf-8"))
    typed = {
        alias.name: str(node.module)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("hscd.")
        for alias in node.names
    }
    assert typed == {name: f"hscd.{module}" for name, module in hscd._PUBLIC.items()}
    assert set(hscd.__all__) <= set(dir(hscd))
    with pytest.raises(AttributeError, match="no attribute 'deteckt'"):
        hscd.deteckt  # noqa: B018


@pytest.mark.parametrize("module", EXAMPLES)
def test_examples_in_docstrings_run(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(import_module(module))
    assert (found.failed, found.attempted > 0) == (0, True)


def test_the_version_is_that_of_the_citation() -> None:
    cited = re.findall(r"^version: (.*)$", (PROJECT / "CITATION.cff").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert cited == [hscd.__version__]


def test_the_lock_file_is_of_the_requirements() -> None:
    def names(file: str, separator: str) -> dict[str, str]:
        lines = (PROJECT / file).read_text(encoding="utf-8").splitlines()
        pairs = [re.split(separator, line, maxsplit=1) for line in lines if line and not line.startswith("#")]
        return {name.lower().replace("_", "-"): version for name, version in pairs}

    locked = names("requirements.lock", "==")
    wanted = names("requirements.txt", "(?=[=<>])")
    packaging = pytest.importorskip("packaging.specifiers")
    assert [name for name, bounds in wanted.items() if locked[name] not in packaging.SpecifierSet(bounds)] == []
    assert not {"jupyter", "notebook", "nbconvert"} & locked.keys()
