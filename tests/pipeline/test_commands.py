"""Suggested commands work where the user is: they name the program, its files and what the run was told."""

import re
import shlex
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import config
from conftest import PROJECT, Workspace
from pipeline.commands import suggested
from settings import read_settings

HERE = {"python": str(Path(sys.executable)), "hscd": "/usr/bin/hscd"}


@pytest.fixture
def space(tmp_path, monkeypatch):
    """A workspace whose folder is the current one; Python and `hscd` are on the path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shutil, "which", HERE.get)
    return Workspace(tmp_path)


def test_a_script_is_named_as_seen_from_here(space, monkeypatch):
    script = shlex.quote(str(PROJECT / "Net/sample.py"))
    assert suggested("sample", Path("a b.tif")) == f"python {script} 'a b.tif'"
    assert suggested("sample", space.folder / "out/a.tif") == f"python {script} out/a.tif"
    monkeypatch.chdir(PROJECT)
    assert suggested("sample", Path("/data/a.tif")) == "python Net/sample.py /data/a.tif"


def test_another_python_on_the_path_is_not_suggested(space, tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    for found in (None, str(tmp_path / "bin/python")):
        monkeypatch.setattr(shutil, "which", lambda _, found=found: found)
        assert shlex.split(suggested("sample"))[0] == sys.executable


def test_an_installed_program_is_hscd(space, monkeypatch):
    monkeypatch.setattr(config, "INSTALLED", True)
    assert suggested("sample", Path("a.tif")) == "hscd sample a.tif"
    monkeypatch.setattr(shutil, "which", {"python": sys.executable}.get)
    assert suggested("sample", Path("a.tif")) == "python -m hscd sample a.tif"


def test_a_command_for_a_page_works_in_every_folder(space):
    python, script, path = shlex.split(suggested("sample", Path("a.tif"), anywhere=True))
    assert (python, script, path) == (sys.executable, str(PROJECT / "Net/sample.py"), str(space.folder / "a.tif"))


def test_no_message_spells_a_command_itself():
    sources = [path for ending in ("py", "html", "js") for path in (PROJECT / "Net").rglob(f"*.{ending}")]
    assert len(sources) > 200
    assert [path.name for path in sources if re.search(r"python [\w/]+\.py", path.read_text(encoding="utf-8"))] == []


def test_a_configuration_goes_with_it(space, monkeypatch):
    settings = read_settings(space.file, ["settings.seed=3", "settings.train_set=PLACE B"])
    told = shlex.split(suggested("pseudo-labels", settings=settings, sets=("settings.train_set=PLACE A",)))
    # Of two values of a key the one that is suggested counts; the place of --config is that below the current folder.
    said = ["--config", space.file.name, "--set", "settings.seed=3", "--set", "settings.train_set=PLACE A"]
    assert told[2:] == said
    # main.py has two commands, and the file says training = True.
    assert shlex.split(suggested("test", settings=settings))[-1] == "settings.training=False"
    assert shlex.split(suggested("train", settings=settings))[-1] == "settings.train_set=PLACE B"
    assert suggested("sample", settings=None).endswith("sample.py")
    # What is written in the file already, or forced by `hscd`, need not be said.
    untrained = replace(settings, training=False, overrides=("settings.training=False",))
    assert suggested("pseudo-labels", settings=untrained).endswith(f"--config {space.file.name}")
    assert suggested("train", settings=untrained).endswith(f"--config {space.file.name} --set settings.training=True")
    monkeypatch.setattr(config, "INSTALLED", True)
    assert suggested("train", settings=untrained) == f"hscd train --config {space.file.name}"
    monkeypatch.setattr(config, "DATA_CONFIG_PATH", space.file)
    assert suggested("train", settings=untrained) == "hscd train"
