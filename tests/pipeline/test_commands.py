"""Suggested commands work where the user is: they name the program, its files and what the run was told."""

import re
import shlex
import shutil
import sys
import sysconfig
from dataclasses import replace
from pathlib import Path

import pytest

import config
from conftest import PROJECT, Workspace
from hscd.system.errors import InputError
from hscd.system.messages import show_messages, tell, warn
from hscd.system.naming import at, given, in_file, named, place
from pipeline.commands import named as command_named
from pipeline.commands import suggested, tell_maps, tell_next, told_by_options
from settings import read_settings
from settings.two_images import IMAGES, settings_for

HERE = {"python": sys.executable, "hscd": str(Path(sysconfig.get_path("scripts")) / "hscd")}


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
    # Pasted elsewhere, this one would write there.
    out = space.folder / "out"
    assert suggested("sample", Path("/data/a.tif"), "--out", out) == f"python {script} /data/a.tif --out {out}"
    assert suggested("sample", space.folder / "a.tif", "--out", out) == f"python {script} a.tif --out out"
    monkeypatch.chdir(PROJECT)
    assert suggested("sample", Path("/data/a.tif")) == "python Net/sample.py /data/a.tif"
    results = PROJECT / "out"
    assert suggested("sample", Path("/data/a.tif"), "--out", results).endswith("py /data/a.tif --out out")


def test_another_python_on_the_path_is_not_suggested(space, tmp_path, monkeypatch):
    for folder in ("bin", "usr"):
        (tmp_path / folder).mkdir()
        for name in ("python", "python3.11", "other"):
            (tmp_path / folder / name).touch()
    linked = tmp_path / "bin/linked"
    linked.symlink_to(tmp_path / "usr/python3.11")
    monkeypatch.chdir(PROJECT)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "usr/python3.11"))
    # None, one of another folder, another program beside the running one, and its file linked from elsewhere.
    for found in (None, tmp_path / "bin/python", tmp_path / "usr/other", linked):
        monkeypatch.setattr(shutil, "which", lambda _, found=found: found and str(found))
        assert shlex.split(suggested("sample"))[0] == sys.executable
    monkeypatch.setattr(shutil, "which", lambda _: sys.executable)
    assert shlex.split(suggested("sample"))[0] == "python"


def test_an_installed_program_is_hscd(space, monkeypatch):
    monkeypatch.setattr(config, "INSTALLED", True)
    assert suggested("sample", Path("a.tif")) == "hscd sample a.tif"
    monkeypatch.setattr(shutil, "which", {"python": sys.executable}.get)
    assert suggested("sample", Path("a.tif")) == "python -m hscd sample a.tif"
    (space.folder / "hscd").touch()  # of another installation
    monkeypatch.setattr(shutil, "which", {"python": sys.executable, "hscd": str(space.folder / "hscd")}.get)
    assert suggested("sample", Path("a.tif")) == "python -m hscd sample a.tif"


def test_a_command_for_a_page_works_in_every_folder(space):
    python, script, path = shlex.split(suggested("sample", Path("a.tif"), anywhere=True))
    assert (python, script, path) == (sys.executable, str(PROJECT / "Net/sample.py"), str(space.folder / "a.tif"))


def test_a_page_that_is_sent_to_others_has_names_alone(space, monkeypatch):
    assert command_named("sample", "--labelled", space.folder / "a b.gpkg") == (
        "python Net/sample.py --labelled 'a b.gpkg'"
    )
    monkeypatch.setattr(config, "INSTALLED", True)
    assert command_named("report", "FOLDER", "--serve") == "hscd report FOLDER --serve"


def test_on_windows_words_are_quoted_as_there(space, monkeypatch):
    monkeypatch.setattr("pipeline.commands._WINDOWS", True)
    assert suggested("sample", Path("a b.tif")).endswith(' "a b.tif"')


def test_what_may_be_next_ends_with_its_command(capsys):
    show_messages()
    tell_next("to see it", "hscd report")
    assert capsys.readouterr().err == "next, to see it: hscd report\n"


def test_messages_on_two_images_name_the_options_of_the_command(monkeypatch):
    with told_by_options():
        assert given("register", True) == "--set register=True"
        assert given("bad_bands", "file, 9 nm") == "--set 'bad_bands=file, 9 nm'"
        assert place("images", "imgAPath", "imgBPath") == "BEFORE, AFTER"
        assert place("settings", "stat_path", "model_path") == "--out"  # which is one option
        assert (named("labelPath"), place("images", "bands"), place("images")) == ("--labels", "bands", "")
        assert (at("images", "odd"), in_file(Path("command line"), "odd")) == ("odd", "odd")
        monkeypatch.setattr("pipeline.commands._WINDOWS", True)
        assert given("bands", "1, 2") == '--set "bands=1, 2"'
    assert given("register", True) == "register = True"
    assert (place("town", "imgAPath"), at("town", "odd")) == ("[town] imgAPath", "[town]: odd")
    assert in_file(Path("net.conf"), "odd") == "net.conf: odd"


def test_settings_of_a_file_keep_its_keys(space):
    settings = read_settings(space.file)
    with told_by_options(settings):
        assert given("nodata", 0) == "nodata = 0"
    with told_by_options(replace(settings, data_sets={IMAGES: settings[settings.test_set]})):
        assert given("nodata", 0) == "--set nodata=0"


@pytest.mark.parametrize(
    "text",
    [
        "Take context_regression+empirical_null:change_amount=rare: it is best",  # the name of a method
        "/data/nodata=0/labelPath/before.tif: odd",
        "C:\\imgAPath\\nodata = 0\\before.tif: odd",
        'next: hscd detect a.tif b.tif --set "bands=1-50, 60"',
        "the map made with detector=cva, with threshold=otsu is replaced",  # what was done, not what to do
    ],
)
def test_what_a_message_quotes_or_describes_keeps_its_words(text, capsys):
    show_messages()
    with told_by_options():
        warn(text)
        tell(text)
    with pytest.raises(InputError, match=f"^{re.escape(text)}$"), told_by_options():
        raise InputError(text)
    assert capsys.readouterr().err == f"warning: {text}\n{text}\n"


def test_errors_of_two_images_name_its_arguments_and_no_part_of_a_path(tmp_path):
    image = tmp_path / "nodata=0" / "labelPath" / "a.npy"
    image.parent.mkdir(parents=True)
    other = image.with_name("b.npy")
    image.touch()
    other.touch()
    with told_by_options():
        with pytest.raises(InputError) as caught:
            settings_for(image, image, None, tmp_path / "out")
        assert str(caught.value).startswith(f"BEFORE, AFTER: both are {image}; ")
        # Both folders of results are the same option: one line for each image.
        with pytest.raises(InputError) as caught:
            settings_for(image, other, None, image.parent)
        first, second = str(caught.value).splitlines()
        assert first.startswith("--out: is the folder in which BEFORE lies; ")
        assert second.startswith("--out: is the folder in which AFTER lies; ")
        labels = ("changedLabel=1", "unchangedLabel=1")
        with pytest.raises(InputError, match=r"^found changedLabel=1, unchangedLabel=1; expected different values$"):
            settings_for(image, other, image, tmp_path / "out", labels)


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
    # What only a test reads is left out of a command that tests nothing.
    of_test = ("fine_tuning=0", "test_set=PLACE B", "FT_epochs=3", "pseudo_radius=2", "margin=2", "loss=contrastive")
    tested = read_settings(space.file, ["settings.seed=3", *(f"settings.{text}" for text in of_test)])
    assert shlex.split(suggested("pseudo-labels", settings=tested))[2:] == said[:4]
    assert shlex.split(suggested("test", settings=tested))[6:-2:2] == ["--set"] * 6
    # What pseudo-labels are made by stays.
    of_pseudo = ("model_name=M", "apply_rescaling=False", "detector=SAM", "backend=jax", "threshold=triangle")
    made = read_settings(space.file, [f"settings.{text}" for text in of_pseudo])
    assert shlex.split(suggested("pseudo-labels", settings=made))[5::2] == [f"settings.{text}" for text in of_pseudo]
    # Nor has a search a part in anything but a training, or the place of training one in a test.
    searched = read_settings(space.file, ["hyperas settings ED.max_evals=1", "settings.train_set=PLACE B"])
    for name, kept in (("train", 2), ("pseudo-labels", 1), ("test", 0)):
        sets = suggested(name, settings=searched)
        assert ("max_evals=1" in sets, "settings.train_set=" in sets) == (kept == 2, kept > 0)
    # main.py has two commands, and the file says training = True.
    assert shlex.split(suggested("test", settings=settings))[-1] == "settings.training=False"
    assert shlex.split(suggested("train", settings=settings))[-1] == "settings.train_set=PLACE B"
    assert suggested("sample", settings=None).endswith("sample.py")
    # What is written in the file already, or forced by `hscd`, need not be said.
    untrained = replace(settings, training=False, overrides=("settings.training=False",))
    # A script is not forced: what was said against the file has to be said again, whatever the section is called.
    again = shlex.split(suggested("pseudo-labels", settings=untrained))[2:]
    assert again == ["--config", space.file.name, "--set", "settings.training=False"]
    aliased = replace(untrained, overrides=("setting.seed=1", "setting.training=False"))
    sets = shlex.split(suggested("train", settings=aliased, sets=("settings.seed=2",)))[4:]
    assert sets == ["--set", "settings.seed=2", "--set", "settings.training=True"]
    assert suggested("train", settings=untrained).endswith(f"--config {space.file.name} --set settings.training=True")
    monkeypatch.setattr(config, "INSTALLED", True)
    assert suggested("train", settings=untrained) == f"hscd train --config {space.file.name}"
    assert suggested("train", settings=aliased) == f"hscd train --config {space.file.name} --set setting.seed=1"
    monkeypatch.setattr(config, "DATA_CONFIG_PATH", space.file)
    assert suggested("train", settings=untrained) == "hscd train"


def test_the_first_and_the_last_of_the_maps_of_a_pair_are_told(caplog):
    caplog.set_level("INFO", "hscd")
    maps = [Path(f"town_{share}%.png") for share in (10, 20, 30)]
    tell_maps("town", maps)
    tell_maps("town", maps[:1])
    assert caplog.messages == ["town: 3 maps, town_10%.png to town_30%.png", "town: 1 map, town_10%.png"]
