"""detect.py: two images, no labels, no configuration."""

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pyogrio.raw
import pytest
import rasterio
from PIL import Image

import detect
import hscd
import sample
from conftest import PROJECT, make_pair
from detector_scenes import changed_pair
from earlier_runs import leave
from hscd.evaluation.result import mapped
from hscd.labels import CHANGED
from hscd.normalisation import NORMALISATIONS
from hscd.records import PIXEL_GRID
from hscd.scores import Cut, ScoreMap
from hscd.system.errors import InputError
from hscd.system.messages import show_messages
from hscd.system.progress import Whole
from pair_finding import PairFiles
from pipeline import detection
from pipeline.plan import Plan
from raster_scenes import opened
from settings.two_images import settings_for

FILES = [
    "change.png", "change.qml", "change.tif", "changes.gpkg", "report.html", "run.html", "run.json", "score.png",
    "score.qml", "score.tif", "view.json",
]  # fmt: skip


def write_pair(folder, before, after):
    """Two GeoTIFFs of 40 × 60 pixels of 10 m."""
    for name, image in (("before", before), ("after", after)):
        with rasterio.open(
            folder / f"{name}.tif", "w", driver="GTiff", height=40, width=60, count=5, dtype="uint16",
            crs="EPSG:32633", transform=rasterio.Affine(10, 0, 366975, 0, -10, 5808045),
        ) as file:  # fmt: skip
            file.write(np.moveaxis(image, 2, 0))


@pytest.fixture
def pair(tmp_path):
    """Two GeoTIFFs, of which a rectangle changed."""
    before, after, changed = make_pair(1, 40, 60)
    write_pair(tmp_path, before, after)
    return tmp_path, changed


def run(*arguments):
    return detect.main([str(argument) for argument in arguments])


def test_a_shifted_pair_is_registered_and_channels_are_drawn(pair, capsys):
    folder, out = pair[0], pair[0] / "out"
    coarse = np.random.default_rng(0).integers(1000, 3000, (16, 22, 5))
    large = np.kron(coarse, np.ones((3, 3, 1), int)).astype(np.uint16)
    for name, first in (("before", 2), ("after", 4)):
        with rasterio.open(folder / f"{name}.tif", "r+") as file:
            file.write(np.moveaxis(large[first : first + 40, 3:63], 2, 0))
    asked = ("detector=deep_features", "threshold=otsu", "shift_tolerance=both_ways", "register=True")
    assert run(folder / "before.tif", folder / "after.tif", "--out", out, *(f"--set={of}" for of in asked)) == 0
    told = capsys.readouterr().err
    # The after image begins two rows further down, so what it shows has to be moved down by them.
    moved = "moved 2.00 rows down onto"
    assert f"{folder / 'after.tif'}: {moved} {folder / 'before.tif'}" in told
    assert sorted(path.name for path in out.iterdir()) == sorted([*FILES, "features.png"])
    figures = json.loads((out / "run.json").read_text(encoding="utf-8"))["results"]
    (figures,) = figures.values()
    assert [abs(figures[key]) < 0.1 for key in ("shift_down", "shift_right")] == [True, True]
    assert figures["shift_verdict"] == "too small to need registration"
    with opened(out / "score.tif") as file:
        scores = file.read(1)
    # Rows that the after image does not show are masked; the others are the same.
    assert np.isnan(scores[:2]).all()
    assert np.nanmax(scores[8:]) < 1e-3


def test_two_files_give_maps_polygons_and_a_summary(tmp_path, capsys):
    before, after, changed = changed_pair(2, 40, 60, 5)
    noise = np.random.default_rng(2).normal(0, 0.3, (2, *before.shape))
    lowest = min(before.min(), after.min()) - 2
    write_pair(
        tmp_path, *((200 * (image - lowest)).astype(np.uint16) for image in (before + noise[0], after + noise[1]))
    )
    folder, out = tmp_path, tmp_path / "out"
    # Of an earlier run with another detector, labels and kinds: they tell of another map. Objects are the user's own.
    earlier = {"map": ["features.png", "calibration.csv"], "kinds": ["kinds.tif", "kinds.qml"]}
    own = ["objects.csv", "uncertain.png"]
    images = folder / "before.tif", folder / "after.tif"
    made_by = settings_for(*images, None, out, ["detector=SAM"])
    leave(out / "run.json", "detect", made_by, "before", earlier, PairFiles("before", *images, None))
    for name in own:
        (out / name).touch()
    assert run(*images, "--out", out) == 0
    assert sorted(path.name for path in out.iterdir()) == sorted([*FILES, *own])
    with opened(out / "change.tif") as file:
        assert (file.nodata, file.crs.to_epsg(), file.transform.a) == (255, 32633, 10)
        found = file.read(1) == 1
    # The roots of the scores of what changed are 14 and more, of what did not 7 at most.
    assert found[changed].mean() > 0.9
    assert found[~changed].sum() < 5
    with opened(out / "score.tif") as file:
        scores, probability = file.read()
        assert file.descriptions == ("score (higher: more change)", "probability of change")
    assert ((probability >= 0) & (probability <= 1)).all()
    assert probability[found].mean() > 0.4 > 0.1 > probability[~changed].mean()
    assert np.median(scores[changed]) > np.median(scores[~changed])
    meta, _, _, fields = pyogrio.raw.read(out / "changes.gpkg")
    assert list(meta["fields"]) == ["area", "mean_distance", "pixels", "probability"]
    assert fields[0].sum() == found.sum() * 100  # m²
    said = capsys.readouterr()
    removed = (
        "removed features.png, calibration.csv, kinds.tif, kinds.qml of an earlier run, which this one does not write"
    )
    assert f"{out}: {removed}" in said.err.splitlines()
    assert f"warning: {out}: the map made with detector=SAM is replaced; --out FOLDER writes elsewhere\n" in said.err
    assert said.out.startswith(f"changed: {100 * found.mean():.2f} % of 2,400 pixels, ")
    assert ("largest areas: " in said.out) == (len(fields[0]) > 1)  # of one, its size is told already
    sure = 100 * (probability[found] >= 0.9).mean()
    assert f"\n{sure:.0f} % of the changed pixels have a probability of change of 0.9 or more; that is no " in said.out
    assert re.search(
        rf"^next, to learn how right the map is: .*sample\.py {out}/change\.tif\n\Z", said.err, re.MULTILINE
    )
    assert said.out.endswith(f"results: {out}\n")
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert record["command"] == "detect"
    figures = record["results"]["before"]
    assert figures["changed_area"] == found.sum() * 100
    assert round(100 * figures["sure_share"]) == round(sure)
    assert figures["largest_areas"] == sorted(fields[0], reverse=True)[:3]
    assert record["warnings"] == [
        line.removeprefix("warning: ") for line in said.err.splitlines() if line.startswith("warning: ")
    ]


def test_settings_and_labels_can_be_given(pair, capsys):
    folder, changed = pair
    Image.fromarray(np.where(changed, 1, 2).astype(np.uint8)).save(folder / "truth.png")
    options = ["detector=SAM", "threshold=otsu", "bands=1-4", "changedLabel=1", "unchangedLabel=2"]
    overrides = [word for option in options for word in ("--set", option)]
    out = folder / "out"
    images = folder / "before.tif", folder / "after.tif"
    assert run(*images, "--labels", folder / "truth.png", "--out", out, *overrides) == 0
    assert "against the labels: overall accuracy " in capsys.readouterr().out
    settings = json.loads((out / "run.json").read_text(encoding="utf-8"))["settings"]
    assert (settings["detector"], settings["threshold"], settings["correction"]) == ("SAM", "otsu", "none")


def test_labels_of_one_class_judge_nothing():
    scores = np.array([[2.0, 0.5, 0.4]])
    for truth, judges in (([CHANGED, 1, 1], True), ([CHANGED, 2, 2], False), ([1, 1, 1], False), ([2, 2, 2], False)):
        labels = np.array([truth], np.uint8)
        result = mapped("pair", ScoreMap(scores, PIXEL_GRID, "s"), Cut(1.0), lambda labels, _: labels, labels)
        outcome = detection._Outcome(result, result.score_map, 1.0, scores / 2)
        assert (detection._calibration(outcome, labels) is not None) == judges
        # All three pixels are right where both classes are known.
        said = "overall accuracy 1.000, kappa 1.000, F1 1.000" if judges else "of one class, so nothing can be judged"
        assert detection._right(result).endswith(said)


def test_results_of_other_images_and_samples_are_not_replaced_without_a_word(pair, monkeypatch, capsys):
    folder, out = pair[0], pair[0] / "out"

    def replaced(before, after):
        run(folder / before, folder / after, "--out", out, "--set=detector=cva", "--set=threshold=otsu")
        return [line for line in capsys.readouterr().err.splitlines() if "--out FOLDER" in line]

    def fail(*_):
        raise InputError("not mapped")

    sampled = "change_sample.gpkg was drawn from the map that is replaced and no longer fits the new one"
    images, elsewhere = f"{folder / 'before.tif'} and {folder / 'after.tif'}", "--out FOLDER writes elsewhere"
    out.mkdir()
    (out / "run.json").write_text('{"of": "another program"}', encoding="utf-8")
    assert replaced("before.tif", "after.tif") == []
    assert sample.main([str(out / "change.tif")]) == 0
    monkeypatch.setattr("pipeline.detection._mapped", fail)  # it is told before anything is written
    # A command that is told is one that works.
    for number in (2, 3):
        again = detection._drawing(out / "change.tif")
        assert again.endswith(f"change.tif --out {out}/sample_{number}")
        (out / f"sample_{number}").mkdir()
        (out / f"sample_{number}" / "change_sample.gpkg").touch()
    # Of the same images and settings the map stays what it is, and the sample is one of it.
    assert replaced("before.tif", "after.tif") == []
    assert replaced("after.tif", "before.tif") == [
        f"warning: {out}: the results of {images} are replaced; {sampled}; {elsewhere}"
    ]
    # What cannot be mapped replaces nothing.
    with monkeypatch.context() as patch:
        patch.setattr("dataprocessing.scenes", fail)
        assert replaced("after.tif", "before.tif") == []
    # Of other settings, also where that is what is used without a word; what a map does not depend on does not count.
    run(folder / "before.tif", folder / "after.tif", "--out", out, "--set=memory_limit=2000")
    made = "with detector=cva, with threshold=otsu"
    assert f"{out}: the map made {made} is replaced; {sampled}" in capsys.readouterr().err


def test_labels_of_some_pixels_are_no_probability_sample(pair, capsys):
    folder, changed = pair
    labels = np.where(changed, 1, 2).astype(np.uint8)
    labels[:10] = 0  # 600 of 2,400 pixels
    Image.fromarray(labels).save(folder / "truth.png")
    options = ["--set", "changedLabel=1", "--set", "unchangedLabel=2", "--set", "unknownLabel=0"]
    images = folder / "before.tif", folder / "after.tif"
    assert run(*images, "--labels", folder / "truth.png", "--out", folder / "out", *options[:4]) == 0
    alone = capsys.readouterr()
    assert "truth.png: label map holds 0: neither changed nor unchanged, counted as unknown\n" in alone.err
    assert run(*images, "--labels", folder / "truth.png", "--out", folder / "out", *options) == 0
    said = "against the labels (1,800 pixels, not drawn at random): overall accuracy "
    told = capsys.readouterr()
    assert said in told.out
    assert said in alone.out
    assert "neither changed" not in told.err
    assert f"to look at it, open {folder}/out/run.html\n" in told.err
    assert re.search(rf"whole map is: .*sample\.py {folder}/out/change\.tif\n", told.out)
    assert "next, " not in told.err


def test_a_doubt_about_the_threshold_comes_with_the_commands_that_settle_it(pair, monkeypatch, capsys):
    folder, out, asked, found = pair[0], pair[0] / "my out", ("change_amount=rare", "change_amount=plentiful"), []
    cut, words = Plan.cut, [folder / "before.tif", folder / "after.tif", "--out", out, "--set", "detector=ED"]
    taken = "this map is that of --set change_amount=rare; for the other one, in a folder of its own, run\n"
    for choices in ((), asked):
        monkeypatch.setattr(Plan, "cut", lambda *given, of=choices: replace(cut(*given), choices=of))
        assert run(*words) == 0
        told = capsys.readouterr().err.partition(taken)[2].splitlines()
        assert (told == []) == (choices == ())
    # Members of an ensemble settle it each for itself.
    outcome = detection._Outcome(None, None, 1.0, None, asked, ensemble=())
    show_messages()
    detection._tell_other_choices(settings_for(*words[:2], None, out, ("detector=ED",)), outcome)
    both, *lines = capsys.readouterr().err.splitlines()
    assert both == "for the maps of both, in folders of their own, run"
    assert told[0] == lines[1]
    assert not told[1].startswith(" ")  # no more than one command
    monkeypatch.setattr(detect, "carry_out", lambda settings, stage: found.append(settings))
    for line in lines:
        assert run(*shlex.split(line)[2:]) == 0  # as it is when pasted
    assert [settings.overrides for settings in found] == [("detector=ED", choice) for choice in asked]
    assert [settings.stat_path.name for settings in found] == ["my out_rare", "my out_plentiful"]
    assert {settings["images"].img_b_path for settings in found} == {folder / "after.tif"}


def test_a_shift_comes_with_the_command_that_removes_it(pair, monkeypatch, capsys):
    show_messages()
    folder, found = pair[0], []
    images, out = (folder / "before.tif", folder / "after.tif"), folder / "my out"

    def told(right, *overrides):
        settings = settings_for(*images, None, out, overrides)
        shift = {"shift_down": 0.1, "shift_right": right, "shift_spread": 0.1, "shift_blocks": 9}
        detection._tell_registered(settings, shift)
        return capsys.readouterr().err

    # A third of a pixel is worth it; one that was moved is not moved again.
    assert told(-0.33) == told(0.5, "register=True") == ""
    said, command = told(-0.34, "detector=ED").splitlines()
    assert said == "for a map with the after image moved back, in a folder of its own, run"
    monkeypatch.setattr(detect, "carry_out", lambda settings, stage: found.append(settings))
    assert run(*shlex.split(command)[2:]) == 0  # as it is when pasted
    assert found[0].overrides == ("detector=ED", "register=True")
    assert found[0].stat_path.name == "my out_registered"


def test_progress_goes_through_the_parts_of_a_detection(pair, monkeypatch):
    begun, shares = [], []
    monkeypatch.setattr(Whole, "begin", lambda self, name: begun.append(name))
    monkeypatch.setattr(Whole, "report", lambda self, share: shares.append((begun[-1] if begun else "reading", share)))
    assert run(pair[0] / "before.tif", pair[0] / "after.tif", "--out", pair[0] / "out") == 0
    assert begun == ["fitting", "scoring", "mapping"]
    assert ("reading", 1) in shares
    assert ("scoring", 1) in shares


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["before.tif", "nothing.tif"], "nothing.tif: no such file or folder"),
        (
            ["before.tif", "after.tif", "--set", "colour=red"],
            "--set colour=red: unknown key; --help lists the keys",
        ),
        (["before.tif", "after.tif", "--set", "stat_path=x"], "--set stat_path=x: has no part in "),
        (["before.tif", "after.tif", "--set", "training=True"], "--set training=True: has no part in "),
        (["before.tif", "after.tif", "--set", "detector=magic"], "detector: found 'magic'; expected "),
        (["before.tif", "before.tif"], "both are "),
    ],
)
def test_what_cannot_be_is_one_line(pair, capsys, monkeypatch, arguments, said):
    monkeypatch.chdir(pair[0])
    assert run(*arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert said in line


def test_an_option_without_effect_is_told(pair, monkeypatch, capsys):
    monkeypatch.setattr(detect, "carry_out", lambda *_: None)
    images = pair[0] / "before.tif", pair[0] / "after.tif"
    assert run(*images, "--set", "detector=SAM", "--set", "change_amount=rare") == 0
    assert capsys.readouterr().err == (
        "warning: --set change_amount=rare: has no effect with threshold = otsu; it goes with "
        "threshold = empirical_null\n"
    )


def test_an_error_of_the_threshold_names_the_pair(pair, capsys):
    images = pair[0] / "before.tif", pair[0] / "after.tif"
    asked = "--set", "detector=ED", "--set", "threshold=chi2"
    assert run(*images, "--out", pair[0] / "out", *asked) == 2
    said = capsys.readouterr().err
    assert "error: before: the scores have no chi-square distribution" in said
    assert "threshold=otsu_clipped for example" in said


# What goes with each: Otsu's with a distance, 2-means with the statistic of IR-MAD.
@pytest.mark.parametrize(("detector", "threshold"), [("SAM", "otsu"), ("irmad", "kmeans")])
def test_a_detector_has_its_threshold_unless_one_is_named(pair, detector, threshold):
    images = pair[0] / "before.tif", pair[0] / "after.tif"
    assert run(*images, "--out", pair[0] / "out", "--set", f"detector={detector}") == 0
    record = json.loads((pair[0] / "out/run.json").read_text(encoding="utf-8"))
    assert record["settings"]["threshold"] == threshold
    with opened(pair[0] / "out/change.tif") as file:
        assert file.tags()["THRESHOLD_BY"] == threshold
        found = file.read(1) == 1
    for named in ({}, {"threshold": threshold}):
        result = hscd.detect(*images, detector=detector, **named)
        np.testing.assert_array_equal(result.corrected == CHANGED, found)


def test_folders_of_several_images_are_no_pair(tmp_path, capsys):
    for folder in ("before", "after"):
        (tmp_path / folder).mkdir()
        for name in ("a.npy", "b.npy"):
            np.save(tmp_path / folder / name, make_pair(1)[folder == "after"])
    assert run(tmp_path / "before", tmp_path / "after", "--out", tmp_path / "out") == 2
    assert capsys.readouterr().err == "error: found 2 pairs of images; name one image of each date\n"


@pytest.mark.parametrize("name", ["settings", "DEFAULT", "hyperas settings ED", "50%"])
def test_images_may_have_any_name(tmp_path, name):
    before, after, _ = make_pair(1)
    np.save(tmp_path / f"{name}.npy", before)
    np.save(tmp_path / "after.npy", after)
    assert run(tmp_path / f"{name}.npy", tmp_path / "after.npy", "--out", tmp_path / "out") == 0


def test_of_two_images_that_are_the_same_nothing_changed():
    before, _, _ = make_pair(1, 60, 70, 8)
    result = hscd.detect(before, before.copy())
    assert (result.labels == 1).all()
    assert result.cut.warnings


def test_it_needs_no_tensorflow(pair, tmp_path):
    for package in ("tensorflow", "keras", "hyperopt", "hyperas"):
        (tmp_path / "blocked").mkdir(exist_ok=True)
        (tmp_path / f"blocked/{package}.py").write_text("raise SystemExit('a heavy import')\n")
    command = [sys.executable, PROJECT / "Net/detect.py", pair[0] / "before.tif", pair[0] / "after.tif"]
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, cwd=tmp_path, check=False,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "blocked")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "before_after_change/change.tif").is_file()


# --- arrays ----------------------------------------------------------------------------------------------------------


def test_arrays_give_what_files_give(pair, capsys):
    folder, _ = pair
    assert run(folder / "before.tif", folder / "after.tif", "--out", folder / "out") == 0
    images = [rasterio.open(folder / f"{name}.tif").read().transpose(1, 2, 0) for name in ("before", "after")]
    result = hscd.detect(*images)
    with opened(folder / "out/change.tif") as file:
        np.testing.assert_array_equal(result.corrected == CHANGED, file.read(1) == 1)
    with opened(folder / "out/score.tif") as file:
        np.testing.assert_array_equal(result.score_map.scores, file.read(1))


# All bands of the second date are twice as bright and 300 higher, which pseudo-invariant pixels undo exactly.
def test_the_second_date_can_be_put_into_the_light_of_the_first(pair, capsys):
    folder, changed = pair
    with rasterio.open(folder / "after.tif", "r+") as file:
        pixels = file.read()
        pixels[:, :4, :9] = 0
        file.write(2 * pixels + 300 * (pixels > 0).astype(np.uint16))
    images = [rasterio.open(folder / f"{name}.tif").read().transpose(1, 2, 0) for name in ("before", "after")]
    wanted, maps = {"detector": "ED", "threshold": "otsu", "nodata": 0}, {}
    for name in NORMALISATIONS:
        options = [f"{key}={value}" for key, value in (wanted | {"normalisation": name}).items()]
        overrides = [word for option in options for word in ("--set", option)]
        assert run(folder / "before.tif", folder / "after.tif", "--out", folder / name, *overrides) == 0
        with opened(folder / name / "change.tif") as file:
            maps[name] = file.read(1)
        record = json.loads((folder / name / "run.json").read_text(encoding="utf-8"))
        assert record["settings"]["normalisation"] == name
        result = hscd.detect(*images, **wanted, normalisation=name)
        np.testing.assert_array_equal(result.corrected == CHANGED, maps[name] == 1)
    assert all((found[:4, :9] == 255).all() for found in maps.values())
    inside = np.ones((40, 60), bool)
    inside[:4, :9] = False
    right = {name: ((found == 1) == changed)[inside].mean() for name, found in maps.items()}
    assert right["none"] < 0.96
    assert right["pif"] > 0.99


def test_arrays_may_have_pixels_without_data_and_a_truth():
    before, after, changed = make_pair(2)
    before[0, :3] = 7
    truth = np.where(changed, 0, 1)
    result = hscd.detect(before, after, nodata=7, truth=truth, detector="ED", threshold="otsu")
    assert np.isnan(result.score_map.scores[0, :3]).all()
    assert (result.labels[0, :3] == 2).all()
    assert result.counts.total == 600 - 3
    assert result.counts.kappa > 0.9


def test_arrays_of_two_shapes_are_refused():
    before, after, _ = make_pair(3)
    with pytest.raises(ValueError, match=r"received \(20, 30, 5\) and \(19, 30, 5\)"):
        hscd.detect(before, after[1:])
    with pytest.raises(ValueError, match=r"truth: expected shape \(20, 30\) .*, received shape \(3, 3\)"):
        hscd.detect(before, after, truth=np.ones((3, 3)))
    with pytest.raises(ValueError, match=r"\(detector .*\) has an option 'chi_p'; their options are change_amount"):
        hscd.detect(before, after, options={"chi_p": 0.3})
    with pytest.raises(InputError, match="Otsu"):
        hscd.detect(np.ones((4, 5, 3)), np.ones((4, 5, 3)), detector="ED", threshold="otsu")
