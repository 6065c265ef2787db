"""What commands do around their work: folders that are made, and what is told at the end."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

import detect
import main
import predutils as pu
from commandline import kept_if_used, tell_results
from conftest import Workspace
from hscd.system.errors import InputError
from hscd.system.messages import show_messages
from settings import read_settings


def test_folders_of_a_run_that_fails_are_removed_if_they_are_new_and_empty(tmp_path: Path) -> None:
    old, new, used = tmp_path / "old", tmp_path / "a/b/new", tmp_path / "used/stat"
    old.mkdir()

    def work(ends: bool) -> None:
        with kept_if_used(old, new, used, tmp_path / "never"):
            new.mkdir(parents=True, exist_ok=True)
            used.mkdir(parents=True, exist_ok=True)
            (used / "table.csv").touch()
            if not ends:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work(False)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["old", "stat", "table.csv", "used"]
    work(True)
    assert new.is_dir()


def test_results_are_told_from_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    tell_results(Path("stat"))
    assert capsys.readouterr().out == f"results: {tmp_path}/stat\n"


def test_what_comes_after_a_training_or_a_test(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    show_messages()
    base = replace(read_settings(workspace.file), report=True)
    steps = [
        # Training is True in the file.
        (replace(base, fine_tuning=-1), "to test the model on PLACE B", "main.py", "settings.training=False"),
        (replace(base, fine_tuning=0), "to make the pseudo-labels of PLACE B that the test fine-tunes on "
         "(no detector is named, and unsupervised makes better ones than the distance of the network)",
         "predutils.py", "settings.preset=unsupervised --set 'settings.train_set=PLACE B'"),
        (replace(base, training=False), "to look at the maps", "report.py", f"{base.stat_path} --serve"),
    ]  # fmt: skip
    for settings, what, script, end in steps:
        main._tell_next(settings)
        line = capsys.readouterr().err
        assert line.startswith(f"next, {what}: ")
        assert f"/{script} " in line
        assert line.endswith(f" {end}\n")
    # With all pseudo-labels the test is next; without pages there is nothing to look at.
    base["PLACE B"].pseudo_path.mkdir(parents=True)
    for name in ("east", "west"):
        (base["PLACE B"].pseudo_path / f"{name}.pickle").touch()
    main._tell_next(replace(base, fine_tuning=0))
    said = "next, to test M on PLACE B, fine-tuned on its pseudo-labels: "
    assert capsys.readouterr().err.startswith(said)
    # A model that is far from home is to be fine-tuned; one that was is not told so again.
    for tuning, told in ((-1, [said]), (0, [])):
        main._tell_next(replace(base, training=False, report=False, fine_tuning=tuning), far=True)
        assert [line[: len(said)] for line in capsys.readouterr().err.splitlines()] == told
    main._tell_next(replace(base, training=False, report=False))
    assert capsys.readouterr().err == ""
    # Pseudo-labels of the place of training are for no test; those that were asked for by --set are.
    pu.tell_use(base, 0)
    assert capsys.readouterr().err.startswith(said)
    pu.tell_use(replace(base, train_set="PLACE B", test_set="PLACE A", overrides=("settings.train_set=PLACE B",)), 0)
    assert capsys.readouterr().err.startswith("next, to train a model (M is not there yet)")
    (base["PLACE B"].pseudo_path / "east.pickle").unlink()
    pu.tell_use(base, 0)
    assert capsys.readouterr().err.startswith("next, to make the pseudo-labels of PLACE B that the test fine-tunes on")
    # Those are made as was asked for, whatever the scale of the model.
    texts = "settings.detector=SAM", "settings.apply_rescaling=False"
    pu.tell_use(replace(base, detector="SAM", apply_rescaling=False, overrides=texts), 0)
    made = "--set settings.detector=SAM --set settings.apply_rescaling=False --set 'settings.train_set=PLACE B'\n"
    assert capsys.readouterr().err.endswith(made)
    # A place for pseudo-labels is asked for where they are used.
    without = dict(base.data_sets) | {"PLACE B": replace(base["PLACE B"], pseudo_path=None)}
    pu.tell_use(replace(base, data_sets=without), 0)
    assert capsys.readouterr().err == ""
    main._tell_next(replace(base, fine_tuning=0, data_sets=without))
    said = "[PLACE B] pseudoPath: missing; "
    assert capsys.readouterr().err == f"warning: {said}a test with fine_tuning = 0 needs it\n"
    tested = replace(base, fine_tuning=0, training=False, data_sets=without)
    with pytest.raises(InputError, match=re.escape(said)):
        main.test(tested)


@pytest.mark.parametrize(
    ("script", "words", "said"),
    [
        (main, "cities.conf", "cities.conf: did you mean --config cities.conf?"),
        (main, "--confg cities.conf", "--confg: unknown option; did you mean --config?"),
        (main, "--confg=cities.conf", "--confg=cities.conf: unknown option; did you mean --config?"),
        (main, "--quiet settings.seed=1", "settings.seed=1: did you mean --set settings.seed=1?"),
        (main, "town", "town: is one argument too many; --help says what is expected"),
        (detect, "a.tif b.tif --wavelet 3", "--wavelet: unknown option; --help lists the options"),
        (detect, "a.tif b.tif a.conf", "a.conf: is one argument too many; --help says what is expected"),  # takes none
    ],
)
def test_a_word_that_no_option_takes_is_one_line(script, words: str, said: str, capsys) -> None:
    assert script.main(words.split()) == 2
    assert capsys.readouterr().err == f"error: {said}\n"


def test_a_training_that_cannot_begin_replaces_no_model(workspace: Workspace, monkeypatch) -> None:
    def fail(*_, **__) -> None:
        raise InputError("labels are odd")

    told: list[object] = []
    monkeypatch.setattr(main.replaced, "warn_of_model", lambda *of: told.append(of))
    monkeypatch.setattr(main, "_search", fail)
    settings = read_settings(workspace.file)
    with pytest.raises(InputError, match="labels are odd"):
        main.train(settings)
    assert len(told) == 1
    monkeypatch.setattr(main.dp, "labelled_pixels", fail)
    with pytest.raises(InputError, match="labels are odd"):
        main.train(settings)
    assert len(told) == 1
