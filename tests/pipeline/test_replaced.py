"""What a run replaces under the same name is told before it is gone."""

import dataclasses
import json

import pytest

from conftest import CONFIGURATION
from hscd.system.messages import collected
from pair_finding import PairFiles
from pipeline import replaced
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
    with collected() as warnings:
        warn(*arguments)
    return warnings


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
    of_first = f"the tables of {first.before} and {first.after} are replaced"
    assert of(["cva", "irmad"], second) == [f"{tmp_path}: {of_first}; {elsewhere}"]
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
