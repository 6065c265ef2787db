"""What a run replaces under the same name is told before it is gone."""

import dataclasses
import json
from pathlib import Path

import pytest

from conftest import CONFIGURATION
from earlier_runs import leave
from hscd.system.messages import collected, show_messages
from pair_finding import PairFiles
from pipeline import pages, replaced
from pipeline.run_record import BEST, RunRecord
from settings import read_settings
from settings.two_images import settings_for


@pytest.fixture
def settings(tmp_path):
    file = tmp_path / "net.conf"
    file.write_text(CONFIGURATION, encoding="utf-8")
    for folder in ("model", "stat"):
        (tmp_path / folder).mkdir()
    return dataclasses.replace(
        read_settings(file), model_path=tmp_path / "model", stat_path=tmp_path / "stat", model_name="M"
    )


def written(path, command, settings, results, *pairs):
    """A record at a path, of pairs of images; what it notes of these."""
    record = RunRecord(command, settings, ["PLACE A"] if hasattr(settings, "data_sets") else [])
    for files in pairs:
        record.add_inputs([files])
    for name, figures in results.items():
        record.add_result(name, figures)
    record.write(path, [])
    return record.part["inputs"]


def pair(folder, before, after):
    for name in (before, after):
        (folder / name).touch()
    return PairFiles(before, folder / before, folder / after, None)


def told(warn, *arguments):
    """What is warned of."""
    return told_parts(warn, *arguments)[0]


def told_parts(warn, *arguments):
    """What is warned of, and the parts of the results that are replaced."""
    with collected() as warnings:
        parts = warn(*arguments)
    return warnings, parts


def test_a_saved_model_is_not_replaced_without_a_word(settings, tmp_path):
    path, weights = settings.stat_path / "M_run.json", settings.model_path / "M.h5"
    inputs = written(path, "training", settings, {BEST: {"val_loss": 0.0123456}}, pair(tmp_path, "a.tif", "b.tif"))

    def of(settings, inputs=inputs):
        return told(replaced.warn_of_model, settings, ["PLACE A"], inputs, path)

    other = dataclasses.replace(settings, seed=settings.seed + 1)
    assert of(other) == []  # there is no model yet
    weights.touch()
    started = json.loads(path.read_text(encoding="utf-8"))["started"]
    said = [
        f"{weights}: the saved model of {started} (train_set {settings.train_set}, validation loss 0.01235) is "
        "replaced; another model_name keeps both"
    ]
    assert of(other) == of(settings, []) == said
    assert of(settings) == []  # the same once more
    unfinished = settings.model_path / "M_search.json"
    unfinished.touch()
    assert of(other) == []  # a search that goes on
    unfinished.unlink()
    path.write_text("{", encoding="utf-8")
    assert of(settings) == [f"{weights}: the saved model is replaced; another model_name keeps both"]


def test_a_test_on_other_pseudo_labels_is_not_replaced_without_a_word(settings):
    path = settings.stat_path / "run.json"
    assert told(replaced.warn_of_test, "town", path, "town", "ED") == []
    written(path, "test", settings, {"town": {"pseudo_source": "SAM"}, "west": {}})
    for name, source in (("town", "SAM"), ("west", "ED"), ("east", "ED")):
        assert told(replaced.warn_of_test, name, path, name, source) == []
    assert told(replaced.warn_of_test, "town", path, "town", "ED") == [
        "town: the results of the test that was fine-tuned on pseudo-labels by SAM are replaced; another stat_path "
        "keeps both"
    ]


@pytest.mark.parametrize(
    ("command", "key", "value", "earlier"),
    [
        ("test", "settings.apply_rescaling", "False", "True"),
        ("test", "settings.threshold", "triangle", "otsu"),
        ("pseudo-labels", "settings.normalisation", "pif", "none"),
        ("pseudo-labels", "PLACE A.nodata", "7", None),
    ],
)
def test_results_of_other_settings_are_not_replaced_without_a_word(settings, command, key, value, earlier):
    path, name = settings.stat_path / "run.json", key.partition(".")[2]
    place, other = ["settings.test_set=PLACE A", "settings.fine_tuning=-1"], f"{key}={value}"

    def now(*overrides):
        return read_settings(settings.file, [*place, *overrides])

    def of(command, *overrides):
        return told(replaced.warn_of_settings, now(*overrides), command, "PLACE A", path)

    assert of(command, other) == []  # nothing is there
    written(path, command, now(), {})
    was = f"without {name}" if earlier is None else f"with {name}={earlier}"
    assert of(command, other) == [f"[PLACE A]: the results made {was} are replaced; another stat_path keeps both"]
    assert of("detect", other) == []
    # Others have no part in the map, or are part of the file names.
    same = {"test": ("seed=1", "detector=SAM", "normalisation=pif"), "pseudo-labels": ("fine_tuning=0", "ft_epochs=3")}
    for more in (*same[command], "workers=2", "kinds=clusters", "distance=SAM"):
        assert of(command, f"settings.{more}") == []
    path.write_text('{"command": "test", "settings": 3, "results": {}}', encoding="utf-8")
    assert of(command, other) == []


def test_a_test_that_was_fine_tuned_otherwise_is_not_replaced_without_a_word(settings):
    path, place = settings.stat_path / "run.json", ["settings.test_set=PLACE A", "settings.fine_tuning=0"]

    def of(*overrides):
        now = read_settings(settings.file, [*place, *(f"settings.{text}" for text in overrides)])
        return told(replaced.warn_of_settings, now, "test", "PLACE A", path)

    written(path, "test", read_settings(settings.file, [*place, "settings.ft_epochs=3"]), {})
    lost = "the results made with ft_epochs=3 are replaced; another stat_path keeps both"
    assert of("ft_epochs=4") == [f"[PLACE A]: {lost}"]
    assert of("ft_epochs=3", "start_from=other") == []  # by which a training starts


def test_a_comparison_that_others_are_missing_from_is_not_replaced_without_a_word(tmp_path):
    first, second = pair(tmp_path, "a.tif", "b.tif"), pair(tmp_path, "c.tif", "d.tif")

    def of(methods, *pairs):
        return told(replaced.warn_of_comparison, tmp_path, methods, pairs)

    assert of(["cva"], first) == []
    written(tmp_path / "run.json", "compare", {}, {"cva": {}, "irmad": {}}, first)
    # Nothing is lost where methods or pairs are added.
    assert of(["irmad", "cva", "ED"], second, first) == []
    elsewhere = "--out FOLDER writes elsewhere"
    assert of(["irmad"], first) == [f"{tmp_path}: the tables with cva are replaced; {elsewhere}"]
    assert told_parts(replaced.warn_of_comparison, tmp_path, ["irmad"], [first])[1] == replaced.PARTS
    assert told_parts(replaced.warn_of_comparison, tmp_path, ["cva", "irmad"], [first])[1] == frozenset()
    of_first = f"the tables of {first.before} and {first.after} are replaced"
    assert of(["cva", "irmad"], second) == [f"{tmp_path}: {of_first}; {elsewhere}"]
    judged = first._replace(label=tmp_path / "a.tif")
    written(tmp_path / "run.json", "compare", {}, {"cva": {}}, judged)
    assert of(["cva"], judged) == []
    lost = f"the tables by the labels of {first.before} and {first.after} are replaced"
    assert of(["cva"], first) == [f"{tmp_path}: {lost}; {elsewhere}"]
    written(tmp_path / "run.json", "detect", {}, {"cva": {}}, first)
    assert of(["irmad"], second) == []  # of another command


@pytest.mark.parametrize(
    ("earlier", "now", "said"),
    [
        # `register` is False where nobody set it; with another detector comes another threshold.
        ((), ("register=True",), "without register=True"),
        (("register=True",), (), "with register=True"),
        (("detector=cva",), (), "with detector=cva"),
        (("Detector = cva",), (), "with detector=cva"),
        ((), ("detector=ED",), "without detector=ED"),
        ((), ("memory_limit=2000",), None),
    ],
)
def test_a_default_that_nobody_set_is_not_named(tmp_path, earlier, now, said):
    files, out = pair(tmp_path, "a.tif", "b.tif"), tmp_path / "out"
    out.mkdir()

    def of(overrides):
        return settings_for(files.before, files.after, None, out, overrides)

    settings = of(earlier)
    record = RunRecord("detect", settings, [settings.test_set])
    record.add_inputs([files])
    record.write(out / "run.json", [])
    expected = [f"{out}: the map made {said} is replaced; --out FOLDER writes elsewhere"]
    assert told(replaced.warn_of_map, of(now), files) == (expected if said else [])


@pytest.mark.parametrize(
    ("earlier", "now", "said", "parts"),
    [
        (("kinds=clusters", "objects=boxes"), (), None, set()),  # they are not written, and hold
        ((), ("kinds=clusters",), None, set()),
        (("kinds=clusters",), ("kinds=compressed_cva",), "the kinds made with kinds=clusters are replaced", {"kinds"}),
        (
            ("objects=boxes", "objects_overlap=0.4", "kinds=clusters"), ("objects=boxes",),
            "the objects made with objects_overlap=0.4 are replaced", {"objects"},
        ),
        (("detector=cva", "kinds=clusters"), (), "the map made with detector=cva is replaced", replaced.PARTS),
    ],
)  # fmt: skip
def test_kinds_and_objects_of_the_same_map_hold(tmp_path, earlier, now, said, parts):
    files, out = pair(tmp_path, "a.tif", "b.tif"), tmp_path / "out"
    before, after = (settings_for(files.before, files.after, None, out, of) for of in (earlier, now))
    record = RunRecord("detect", before, [before.test_set])
    record.add_inputs([files])
    record.write(out / "run.json", [])
    warnings = [f"{out}: {said}; --out FOLDER writes elsewhere"] if said else []
    assert told_parts(replaced.warn_of_map, after, files) == (warnings, parts)
    other = files._replace(after=pair(tmp_path, "a.tif", "c.tif").after)
    assert told_parts(replaced.warn_of_map, after, other)[1] == replaced.PARTS
    # A sample is of the map alone.
    (out / replaced.SAMPLE).touch()
    assert ("was drawn from the map" in str(told(replaced.warn_of_map, after, files))) == ("map" in parts)


# A folder names its header. Other files of one stem are other images.
@pytest.mark.parametrize(
    ("earlier", "name", "same"),
    [
        ("b.hdr", "b.img", True), ("b.img", "b.hdr", True), ("b.hdr", "b", True), ("b.hdr", "c.hdr", False),
        ("b.hdr", "b.npy", False), ("b.tif", "b.tif", True), ("b.tif", "b.npy", False),
    ],
)  # fmt: skip
def test_an_envi_image_is_one_by_either_name(tmp_path, earlier, name, same):
    files, now, out = (*(pair(tmp_path, "a.tif", of) for of in (earlier, name)), tmp_path / "out")
    settings = settings_for(files.before, files.after, None, out)
    record = RunRecord("detect", settings, [settings.test_set])
    record.add_inputs([files])
    record.write(out / "run.json", [])
    assert (told(replaced.warn_of_map, settings, now) == []) == same


def test_maps_of_larger_radii_hold(settings, tmp_path):
    path = tmp_path / "run.json"
    written(path, "maps by radii", settings, {})

    def of(override):
        now = read_settings(settings.file, [f"settings.{override}"])
        return told_parts(replaced.warn_of_settings, now, "maps by radii", "PLACE A", path)

    for same in ("pseudo_radius=2", "seed=9", "apply_rescaling=False"):
        assert of(same) == ([], frozenset())
    said = "[PLACE A]: the results made with correction=majority are replaced; another stat_path keeps both"
    assert of("correction=none") == ([said], replaced.PARTS)


def of_earlier_run(folder, **parts):
    """Leave a run that wrote files of a pair "town"; another one of the same command."""
    leave(folder / "run.json", "test", {}, "town", parts)
    now = RunRecord("test", {})
    now.add_result("town", {})
    now.add_written("town", "map", [])
    return now


def left(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "run.json")


def test_only_files_that_the_record_has_are_removed(tmp_path, capsys):
    show_messages()
    now = of_earlier_run(tmp_path, kinds=["kinds.tif", "kinds.csv"], objects=["objects.csv"])
    (tmp_path / "kinds.png").touch()  # the user's own
    (tmp_path / "kinds.csv").touch()
    now.add_written("town", "kinds", [tmp_path / "kinds.csv"])
    replaced.remove_unwritten(now, tmp_path / "run.json", {"kinds"})
    assert left(tmp_path) == ["kinds.csv", "kinds.png", "objects.csv"]
    assert capsys.readouterr().err == (
        f"{tmp_path}: removed kinds.tif of an earlier run, which this one does not write\n"
    )
    # What is kept is the program's for later runs too.
    assert set(now.written["town"]["objects"]) == {"objects.csv"}
    now.write(tmp_path / "run.json", [])
    later = RunRecord("test", {})
    later.add_result("town", {})
    later.add_written("town", "map", [])
    replaced.remove_unwritten(later, tmp_path / "run.json", replaced.PARTS)
    assert left(tmp_path) == ["kinds.png"]


def test_files_that_somebody_changed_stay(tmp_path):
    names = ["edited.csv", "folder.png", "link.csv"]
    now = of_earlier_run(tmp_path, map=names)
    (tmp_path / "edited.csv").write_text("of the program and mine", encoding="utf-8")
    for name in names[1:]:
        (tmp_path / name).unlink()
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "link.csv").symlink_to(tmp_path / "run.json")
    warnings = told(replaced.remove_unwritten, now, tmp_path / "run.json", replaced.PARTS)
    assert left(tmp_path) == names
    assert warnings == [f"{tmp_path}: kept edited.csv of an earlier run, though not of the results that are there now"]
    assert now.written == {"town": {"map": {}}}


def test_files_that_cannot_be_removed_are_no_error(tmp_path, monkeypatch):
    now = of_earlier_run(tmp_path, map=["a.png"])

    def refused(path, missing_ok=False):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refused)
    warnings = told(replaced.remove_unwritten, now, tmp_path / "run.json", replaced.PARTS)
    assert warnings == [f"{tmp_path / 'a.png'}: is out of date and cannot be removed: Permission denied"]


def test_files_of_a_model_that_was_trained_again_are_told(tmp_path):
    now = of_earlier_run(tmp_path, kinds=["kinds.tif"])
    assert told(replaced.remove_unwritten, now, tmp_path / "run.json", ()) == []
    now.add_result("town", {"threshold": 0.25})
    said = f"{tmp_path}: kept kinds.tif of an earlier run, though not of the results that are there now"
    now.written["town"].pop("kinds")
    assert told(replaced.remove_unwritten, now, tmp_path / "run.json", ()) == [said]


def test_files_without_the_name_of_a_pair_are_removed_with_the_results_of_another(tmp_path):
    leave(tmp_path / "run.json", "detect", {}, "old", {"map": ["view.json", "calibration.csv"]})
    now = RunRecord("detect", {})
    now.add_written("new", "map", [tmp_path / "view.json"])
    assert told(replaced.remove_unwritten, now, tmp_path / "run.json", replaced.PARTS) == []
    assert left(tmp_path) == ["view.json"]


@pytest.mark.parametrize("damage", ["command", "pair", "folder", "written", "parts"])
def test_in_doubt_files_stay(tmp_path, damage):
    place = tmp_path / "stat"
    place.mkdir()
    now = of_earlier_run(place, map=["a.png"])
    record = json.loads((place / "run.json").read_text(encoding="utf-8"))
    stamp = record["written"]["town"]["map"]["a.png"]
    if damage == "folder":  # a record leads nowhere else
        (place / "a.png").rename(tmp_path / "a.png")
    record |= {
        "command": {"command": "detect"},
        "pair": {"written": {"west": record["written"]["town"]}},  # which this run did not come to
        "folder": {"written": {"town": {"map": {"../a.png": stamp}}}},
        "written": {"written": ["a.png"]},
        "parts": {"written": {"town": ["a.png"]}},
    }[damage]
    (place / "run.json").write_text(json.dumps(record), encoding="utf-8")
    assert told(replaced.remove_unwritten, now, place / "run.json", replaced.PARTS) == []
    assert (tmp_path if damage == "folder" else place).joinpath("a.png").exists()


def test_a_page_is_removed_that_an_earlier_run_wrote(settings, tmp_path):
    path, page = tmp_path / "run.json", tmp_path / "run.html"
    page.touch()
    pages.remove(path)  # no run
    for report, stays in ((False, True), (True, False)):
        written(path, "test", dataclasses.replace(settings, report=report), {})
        pages.remove(path)
        assert page.exists() == stays
    page.mkdir()
    pages.remove(path)
    assert page.is_dir()
