"""One labelled scene in three parts: a search learns from two of them, and what is reported is of the third."""

import json

import numpy as np
import pandas as pd
import pytest

import dataprocessing as dp
from conftest import ONE_PLACE, Workspace, make_pair, write_mat
from hscd.records import PIXEL_GRID
from hscd.reports import gis
from hscd.system.errors import InputError
from pipeline import parts
from raster_scenes import opened
from settings import read_settings

PARTS = "PLACE A.parts=60, 10, 30"
BLOCK = "PLACE A.parts_block=9"
UNSCALED = "settings.apply_rescaling=False"


@pytest.fixture
def space(tmp_path):
    """PLACE A: 100 × 120 pixels, of which a rectangle changed, a column without data and four rows of no label."""
    space = Workspace(tmp_path, text=ONE_PLACE)
    before, after, changed = make_pair(1, 100, 120)
    labels = np.where(changed, 1, 2).astype(np.uint8)
    labels[-4:] = 0
    before[:, 5] = 7
    for part, array in (("before", before), ("after", after), ("label", labels)):
        write_mat(tmp_path / f"data/a/{part}/town.mat", array)
    (tmp_path / "stat").mkdir()
    return space


def of(space, *overrides):
    return read_settings(space.file, [PARTS, BLOCK, UNSCALED, "PLACE A.nodata=7", *overrides])


def saved(space):
    with opened(space.folder / "stat/PLACE A_town_parts.tif") as file:
        return file.read(1), file.descriptions[0]


def truth(space):
    """Labels of the scene, 0 changed, 1 unchanged, 2 unknown or masked."""
    changed = make_pair(1, 100, 120)[2]
    labels = np.where(changed, 0, 1)
    labels[-4:] = 2
    labels[:, 5] = 2
    return labels


def test_learned_and_judged_pixels_are_those_of_the_parts(space):
    learned = dp.labelled_pixels("PLACE A", of(space))
    judged = dp.labelled_pixels("PLACE A", of(space), judged=True)
    found, labels = saved(space)[0], truth(space)
    before, after, _ = make_pair(1, 100, 120)
    pairs = np.stack([before, after], axis=2)
    for pixels, wanted in ((learned, (1, 2)), (judged, (3,))):
        there = np.isin(found, wanted) & (labels != 2)
        assert np.array_equal(pixels.pairs, pairs[there])
        assert np.array_equal(pixels.labels, labels[there])
    assert np.array_equal(learned.held_out, found[np.isin(found, (1, 2)) & (labels != 2)] == 2)
    for label in (0, 1):
        counts = np.bincount(found[labels == label], minlength=4)
        # Before the band of two pixels is left out, of which a small part has more than a large one.
        assert counts[1:] / counts[1:].sum() == pytest.approx([0.6, 0.1, 0.3], abs=0.2)
        assert counts[0] < 0.6 * counts.sum()
    assert learned.places == judged.places
    assert "/" in learned.places[0]


def test_the_parts_are_those_of_the_seed_until_there_is_a_file_of_them(space, capsys):
    dp.labelled_pixels("PLACE A", of(space))
    first, how = saved(space)
    assert how == "parts 60, 10, 30, blocks of 9, guard 2, seed 0"
    said = capsys.readouterr().err
    counts = [np.count_nonzero((first == 3) & (truth(space) == label)) for label in (0, 1)]
    assert "[PLACE A] town: parts drawn in blocks of 9 pixels: train " in said
    assert f"; test {counts[0]:,} changed and {counts[1]:,} unchanged; " in said
    dp.labelled_pixels("PLACE A", of(space))
    assert capsys.readouterr().err == ""
    # Another seed does not divide anew what is divided.
    dp.labelled_pixels("PLACE A", of(space, "settings.seed=1"))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(
        "PLACE A_town_parts.tif: drawn as parts 60, 10, 30, blocks of 9, guard 2, seed 0, not as configured "
        "(parts 60, 10, 30, blocks of 9, guard 2, seed 1), and used as it is; remove it to have it drawn anew"
    )
    assert np.array_equal(saved(space)[0], first)
    file = space.folder / "stat/PLACE A_town_parts.tif"
    file.unlink()
    dp.labelled_pixels("PLACE A", of(space, "settings.seed=1"))
    assert not np.array_equal(saved(space)[0], first)
    file.unlink()
    dp.labelled_pixels("PLACE A", of(space), judged=True)
    assert np.array_equal(saved(space)[0], first)


def test_a_file_of_parts_may_be_made_by_hand(space, capsys):
    by_hand = np.full((100, 120), 1, np.uint8)
    by_hand[:, 40:] = 3
    gis.write_parts(space.folder / "stat/PLACE A_town_parts.tif", by_hand, PIXEL_GRID, "west and east")
    judged = dp.labelled_pixels("PLACE A", of(space), judged=True)
    assert len(judged.labels) == np.count_nonzero(truth(space)[:, 40:] != 2)
    assert "drawn as west and east, not as configured" in capsys.readouterr().err
    assert dp.labelled_pixels("PLACE A", of(space)).held_out is None


@pytest.mark.parametrize("wrong", [np.ones((100, 119), np.uint8), np.full((100, 120), 4, np.uint8)])
def test_a_file_that_is_none_of_this_pair_is_refused(space, wrong):
    gis.write_parts(space.folder / "stat/PLACE A_town_parts.tif", wrong, PIXEL_GRID, "x")
    with pytest.raises(InputError, match="not the parts of an image of"):
        dp.labelled_pixels("PLACE A", of(space))


def test_pixels_that_a_label_file_masks_stay_masked():
    labels = np.ma.array([[5, 6, 7]], mask=[[False, True, False]])
    assert parts.only(labels, np.array([[1, 1, 3]], np.uint8), (1, 2)).mask.tolist() == [[False, True, True]]


def test_without_a_validation_part_there_is_none(space):
    assert dp.labelled_pixels("PLACE A", of(space, "PLACE A.parts=1, 0, 1")).held_out is None
    assert set(np.unique(saved(space)[0])) == {0, 1, 3}


def test_a_part_without_a_class_is_told(space):
    by_hand = np.full((100, 120), 1, np.uint8)
    by_hand[:10], by_hand[90:] = 2, 3  # the rectangle that changed is in neither
    gis.write_parts(space.folder / "stat/PLACE A_town_parts.tif", by_hand, PIXEL_GRID, "x")
    expected = r"\[PLACE A\] parts: the validation part has 0 changed and 1190 unchanged pixels, at least two"
    with pytest.raises(InputError, match=expected):
        dp.labelled_pixels("PLACE A", of(space))
    with pytest.raises(InputError, match="found 0 changed and 714 unchanged in that part"):
        dp.labelled_pixels("PLACE A", of(space), judged=True)


def test_a_search_and_a_test_of_one_scene(space):
    options = (PARTS, BLOCK, "PLACE A.nodata=7")
    done = space.call("main", *options)
    assert done.returncode == 0, done.stderr
    assert "on the test part of PLACE A: " in done.stdout
    assert "was trained on" not in done.stderr
    found, labels = saved(space)[0], truth(space)
    number = {part: np.count_nonzero((found == part) & (labels != 2)) for part in (1, 2, 3)}
    row = pd.read_csv(space.folder / "stat/M_stats.csv").iloc[0]
    for split, part in (("val", 2), ("test", 3)):
        names = ("true_positives", "true_negatives", "false_positives", "false_negatives")
        assert sum(row[f"{split}_{name}"] for name in names) == number[part]
    test = "settings.training=False"
    done = space.call("main", test, *options)
    assert done.returncode == 0, done.stderr
    assert "was trained on" not in done.stderr
    assert f"[PLACE A] town: judged by the {number[3]:,} labels of its test part" in done.stderr
    name = "PLACE A_town_on_M_no fine tuning"
    assert pd.read_csv(space.folder / f"stat/{name}.csv")["total_examples"].tolist() == [number[3]]
    record = json.loads((space.folder / "stat/PLACE A_on_M_no fine tuning_run.json").read_text(encoding="utf-8"))
    assert record["inputs"][-1]["parts"]["path"].endswith("PLACE A_town_parts.tif")
    # On all labels, or on other parts, are pixels that it learned from.
    assert "the model was trained on this pair" in space.call("main", test, "PLACE A.nodata=7").stderr
    (space.folder / "stat/PLACE A_town_parts.tif").unlink()
    assert "the model was trained on this pair" in space.call("main", test, *options, "settings.seed=5").stderr
