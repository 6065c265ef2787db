"""Pairs of tests and of pseudo-labels on an engine that spreads them: results of one machine, what is missing alone."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import compare
from conftest import Workspace
from hscd.kinds.classes import ClassHead, write_head
from hscd.models import saved as models
from hscd.search import engines
from hscd.search.engines.local import Local
from pipeline import comparison, pair_tasks, spread
from settings import read_settings
from tiny_model import PARAMETERS, WEIGHTS

pytestmark = pytest.mark.usefixtures("undrawn")

MEASURED = ("generation_time", "correction_time", "prediction_time")


class Begun(list):
    """Names of pairs and of what was begun with them; the process of what is `lost` is killed."""

    lost = None


@pytest.fixture
def spreading(monkeypatch):
    """An engine that spreads pairs, in this process; the tasks that it was given."""
    begun = Begun()

    def each_apart(work, tasks, workers):
        for position, task in enumerate(tasks):
            begun.append((task.alone.files.name, task.work.__name__))
            if begun[-1] == begun.lost:
                yield position, -9
                continue
            work(task)
            yield position, 0

    monkeypatch.setattr(engines, "each_apart", each_apart)
    monkeypatch.setattr(Local, "spreads", True)
    return begun


@pytest.fixture
def apart(workspace, spreading):
    """Pseudo-labels of both pairs of PLACE B, rescaled together, made by tasks."""
    done = workspace.call("predutils", "settings.train_set=PLACE B")
    assert done.returncode == 0, done.stderr
    return done


def results(space):
    """Results by name, without what each run measures anew."""
    found = space.contents()
    kept = {name: content for name, content in found.items() if name.endswith((".pickle", ".tif", ".png"))}
    tables = {name: pd.read_csv(space.folder / name) for name in found if name.endswith(".csv")}
    plain = {name: table.drop(columns=[*MEASURED], errors="ignore").to_csv() for name, table in tables.items()}
    return {name: content for name, content in (kept | plain).items() if not name.startswith("data/b/before")}


def record(space):
    (path,) = (space.folder / "stat").glob("*_run.json")
    return json.loads(path.read_text(encoding="utf-8"))


def test_pseudo_labels_are_those_of_one_machine(workspace, apart, spreading, monkeypatch):
    # All ranges are known before the first pair is scored.
    assert spreading == [(name, what) for what in ("_survey", "make_alone") for name in ("east", "west")]
    found, told = results(workspace), record(workspace)
    monkeypatch.setattr(Local, "spreads", False)
    alone = workspace.call("predutils", "settings.train_set=PLACE B")
    assert results(workspace) == found
    assert apart.stdout == alone.stdout
    expected = record(workspace)
    for name in ("inputs", "model", "files"):
        assert told[name] == expected[name]
    assert set(told["warnings"]) == set(expected["warnings"])
    for name, row in expected["results"].items():
        assert {key: told["results"][name][key] for key in row if key not in MEASURED} == {
            key: value for key, value in row.items() if key not in MEASURED
        }
    assert set(told["stages"]) == set(expected["stages"])


def test_the_same_command_does_what_is_missing_alone(workspace, apart, spreading):
    command = ("predutils", "settings.train_set=PLACE B")
    spreading.clear()
    again = workspace.call(*command)
    assert spreading == []
    assert again.stdout == apart.stdout, "what is done is told again"
    assert "pairs done: 2, to be done: 0" in again.stderr
    # A result that is gone, one that is another one's, an image that has changed, and another setting.
    (workspace.folder / "data/b/pseudo/west.pickle").unlink()
    workspace.call(*command)
    (workspace.folder / "data/b/pseudo/east.pickle").write_bytes(b"another")
    workspace.call(*command)
    assert spreading == [("west", "make_alone"), ("east", "make_alone")]
    spreading.clear()
    band = workspace.folder / "data/b/before/west.tif/B01.tif"
    band.write_bytes(band.read_bytes() + b"\0")
    workspace.call(*command)
    # Ranges are as they were, as are the pixels.
    assert spreading == [("west", "_survey"), ("west", "make_alone")]
    spreading.clear()
    assert workspace.call(*command, "settings.memory_limit=900").returncode == 0
    assert spreading == []
    workspace.call(*command, "settings.threshold=triangle")
    assert [name for name, what in spreading if what == "make_alone"] == ["east", "west"]


def test_learned_classes_are_depended_on(workspace, spreading):
    head, weights = workspace.folder / "model/M_classes.npz", np.eye(2, 5)
    head.parent.mkdir(exist_ok=True)
    command = ("predutils", "settings.train_set=PLACE B", "settings.kinds=classes", "settings.apply_rescaling=False")
    for names in (("4", "7"), ("11", "12")):
        write_head(head, ClassHead(names, weights, np.zeros(2)))
        assert workspace.call(*command).returncode == 0
        assert [name for name, _ in spreading] == ["east", "west"]
        spreading.clear()
    assert workspace.call(*command).returncode == 0
    assert spreading == []


@pytest.mark.parametrize(
    ("image", "others", "no_others"),
    [
        ("a.img", ["a.hdr", "a.img.aux.xml"], ["ab.img", "b.img"]),
        # The metadata of the product has the wavelengths and scales.
        ("E1-SPECTRAL_IMAGE.TIF", ["E1-METADATA.XML", "E1-SPECTRAL_IMAGE.TIF.aux.xml"], ["E2-METADATA.XML", "E.TIF"]),
    ],
)
def test_files_beside_an_image_are_depended_on(workspace, image, others, no_others):
    folder = workspace.folder / "images"
    folder.mkdir()
    for name in (image, *others, *no_others):
        (folder / name).write_text("a")
    settings = read_settings(workspace.file)
    found = pair_tasks._Inputs(settings, settings["PLACE B"]).depends([folder / image])["files"]
    assert sorted(found) == sorted(str(folder / name) for name in (image, *others))


def test_a_pair_that_fails_costs_the_others_nothing_and_is_tried_again(workspace, spreading):
    band = workspace.folder / "data/b/after/west.tif/B02.tif"
    sound = band.read_bytes()
    band.write_bytes(sound[:100])
    command = ("predutils", "settings.train_set=PLACE B")
    done = workspace.call(*command)
    assert done.returncode == 2
    assert "B02.tif" in done.stderr
    assert "(of 2 pairs, 1 with pseudo-labels)" in done.stderr
    assert (workspace.folder / "data/b/pseudo/east.pickle").is_file()
    assert list(record(workspace)["results"]) == ["east"]
    assert spreading == [("east", "_survey"), ("west", "_survey"), ("east", "make_alone")]
    spreading.clear()
    assert workspace.call(*command).returncode == 2
    assert spreading == [("west", "_survey")]
    band.write_bytes(sound)
    spreading.clear()
    assert workspace.call(*command).returncode == 0
    # The ranges of both are others than those of one.
    assert spreading == [("west", "_survey"), ("east", "make_alone"), ("west", "make_alone")]
    assert list(record(workspace)["results"]) == ["east", "west"]


def test_a_first_pair_that_cannot_be_opened_is_refused_before_any_task(workspace, spreading):
    band = workspace.folder / "data/b/after/east.tif/B02.tif"
    band.write_bytes(band.read_bytes()[:100])
    assert "(the first pair, which says the order of the bands of all)" in workspace.fails(
        "predutils", "settings.train_set=PLACE B"
    )
    assert spreading == []


def test_each_pair_that_fails_is_told_and_that_its_old_result_stays(workspace, spreading):
    command = ("predutils", "settings.train_set=PLACE B", "settings.apply_rescaling=False")
    spreading.lost = ("west", "make_alone")
    assert workspace.call(*command).returncode == 2
    band = workspace.folder / "data/b/after/west.tif/B02.tif"
    band.write_bytes(band.read_bytes()[:100])
    spreading.lost = ("east", "make_alone")
    done = workspace.call(*command, "settings.threshold=triangle")
    assert done.returncode == 2
    east, west = [line for line in done.stderr.splitlines() if line.startswith("warning: [PLACE B] ")]
    old = workspace.folder / "data/b/pseudo/east.pickle"
    killed = "[PLACE B] east: its process ended by signal 9, perhaps for want of memory"
    assert east == f"warning: {killed}; {old} is of an earlier run"
    assert "B02.tif" in west
    assert "earlier run" not in west
    assert f"error: {killed}" in done.stderr
    assert "(of 2 pairs, 0 with pseudo-labels)" in done.stderr


def test_without_the_ranges_of_a_pair_that_may_be_sound_there_is_no_map(workspace, spreading, monkeypatch):
    spreading.lost = ("west", "_survey")
    done = workspace.call("predutils", "settings.train_set=PLACE B")
    assert done.returncode == 2
    assert "[PLACE B] west: its process ended by signal 9" in done.stderr
    assert "(missing: 1 of 2 pairs)" in done.stderr
    given = ["--data", "PLACE B", "--methods", "ED:apply_rescaling=True", "--seeds", "1"]
    assert compare.main(["--config", str(workspace.file), *given]) == 2
    with monkeypatch.context() as patch:
        # A comparison has a row for each pair, and so leaves out none.
        patch.setattr(comparison, "spread_ranges", lambda *_: (None, {"west": "no valid pixels"}))
        assert compare.main(["--config", str(workspace.file), *given]) == 2
    assert {what for _, what in spreading} == {"_survey"}
    assert not list(workspace.folder.rglob("*.pickle"))
    spreading.lost = None
    spreading.clear()
    assert workspace.call("predutils", "settings.train_set=PLACE B").returncode == 0
    assert spreading == [("west", "_survey"), ("east", "make_alone"), ("west", "make_alone")]


def test_a_test_of_a_model_is_that_of_one_machine(tmp_path, spreading, monkeypatch):
    space = Workspace(tmp_path)
    space.write_data()
    models.save_model(tmp_path / "model" / "M", PARAMETERS, WEIGHTS, rescaled=True, trained_on=["0" * 16])
    on = ("settings.training=False", "PLACE B.bands=1-2", "settings.test_set=PLACE B")
    done = space.call("main", *on)
    assert done.returncode == 0, done.stderr
    found, told = results(space), record(space)
    assert {name for name, what in spreading if what == "test_alone"} == {"east", "west"}
    monkeypatch.setattr(Local, "spreads", False)
    assert space.call("main", *on).stdout == done.stdout
    assert results(space) == found
    assert told["model"] == record(space)["model"]
    assert told["results"]["west"]["seen_in_training"] == "no"
    # Another model of the same name.
    monkeypatch.setattr(Local, "spreads", True)
    more = {name: 2 * values for name, values in WEIGHTS.items()}
    models.save_model(tmp_path / "model" / "M", PARAMETERS, more, rescaled=True, trained_on=["0" * 16])
    spreading.clear()
    assert space.call("main", *on).returncode == 0
    assert {name for name, what in spreading} == {"east", "west"}


@pytest.mark.parametrize(("tasks", "memory", "workers", "share"), [(5, 900, 2, 450), (1, 900, 1, 900), (5, 1, 2, 1)])
def test_tasks_share_the_memory_of_a_machine(workspace, tasks, memory, workers, share):
    settings = replace(read_settings(workspace.file), workers=2, memory_limit=memory)
    _, found, base = spread.shared(settings, tasks)
    assert (found, base.memory_limit, base.workers) == (workers, share, 2)


class Hidden:
    """A task whose record another machine wrote, which is to be seen from here only at the sixth look."""

    depends, nothing, ends_alike = {"on": "it"}, {}, True

    def __init__(self, folder):
        self._folder, self._looks = folder, 0

    @property
    def record(self):
        self._looks += 1
        return self._folder / ("record.json" if self._looks > 5 else "not yet")

    def run(self):
        return {"found": True}

    def is_there(self, content):
        return True


class Elsewhere(engines.Engine):
    def each(self, work, tasks, workers):
        for position, task in enumerate(tasks):
            content = {"error": "", "lasts": True, "elapsed": 1.0, "depends": task.depends, "found": position}
            (task._folder / "record.json").write_text(json.dumps(content))
            yield position, 0


def test_a_task_that_is_killed_is_not_told_by_an_earlier_failure(workspace, spreading):
    band = workspace.folder / "data/b/after/west.tif/B02.tif"
    band.write_bytes(band.read_bytes()[:100])
    command = ("predutils", "settings.train_set=PLACE B", "settings.apply_rescaling=False")
    assert "B02.tif" in workspace.call(*command).stderr
    spreading.lost = ("west", "make_alone")
    said = workspace.call(*command).stderr
    assert "B02.tif" not in said
    assert "[PLACE B] west: its process ended by signal 9" in said


def test_a_record_that_a_network_file_system_hides_is_waited_for(tmp_path, monkeypatch):
    waited = []
    monkeypatch.setattr(spread.time, "sleep", waited.append)
    ((_, content),) = spread.ended([Hidden(tmp_path)], Elsewhere(), None)
    assert (content["found"], content["error"], len(waited)) == (0, "", 3)
    monkeypatch.setattr(spread, "_UNSEEN", 0.0)
    ((_, content),) = spread.ended([Hidden(tmp_path)], Elsewhere(), None)
    assert content["error"].startswith("what it wrote is not to be seen from here: ")
    assert not content["lasts"]
