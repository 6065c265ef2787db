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
        "(parts 60, 10, 30, blocks of 9, guard 2, seed 1); used anyway; remove it to have it drawn again"
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
    with pytest.raises(InputError, match="both classes in that part, found 0 changed and 714 unchanged"):
        dp.labelled_pixels("PLACE A", of(space), judged=True)


def test_a_search_and_a_test_of_one_scene(space):
    options = (PARTS, BLOCK, "PLACE A.nodata=7")
    done = space.call("main", *options)
    assert done.returncode == 0, done.stderr
    assert "on the test part of PLACE A: " in done.stdout
    assert "be trained on" not in done.stderr
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


# --- validation = blocks ---------------------------------------------------------------------------------------------

IN_BLOCKS = "settings.validation=blocks"


def in_blocks(space, *overrides):
    return read_settings(space.file, [BLOCK, UNSCALED, "PLACE A.nodata=7", IN_BLOCKS, *overrides])


def positions(learned):
    """Row and column of each pixel that was learned from, (pixels, 2), by its values, no two of which are alike."""
    before, after, _ = make_pair(1, 100, 120)
    at = {(*before[row, column], *after[row, column]): (row, column) for row, column in np.ndindex(100, 120)}
    return np.array([at[tuple(pair.ravel().astype(int))] for pair in learned.pairs])


def test_validation_in_blocks_is_far_from_what_is_learned_from(space, capsys):
    learned = dp.labelled_pixels("PLACE A", in_blocks(space))
    held_out, labels = learned.held_out, learned.labels
    where = positions(learned)
    apart = np.abs(where[held_out][:, None] - where[~held_out][None]).max(axis=2)
    assert apart.min() > 2  # the guard band
    # Whole blocks of nine, but for the band.
    blocks = where // 9
    assert not {*map(tuple, blocks[held_out])} & {*map(tuple, blocks[~held_out])}
    for label in (0, 1):
        share = np.mean(held_out[labels == label])
        # A fifth, less the band, of which small parts lose more.
        assert 0.05 < share < 0.25
    counts = [np.count_nonzero(held_out & (labels == label)) for label in (0, 1)]
    said = capsys.readouterr().err
    assert (
        f"[PLACE A]: validation in blocks: train {np.count_nonzero(~held_out & (labels == 0)):,} changed and " in said
    )
    assert f"; validation {counts[0]:,} changed and {counts[1]:,} unchanged" in said
    assert not list((space.folder / "stat").iterdir())
    assert "/" not in learned.places[0]
    # From the seed.
    assert np.array_equal(dp.labelled_pixels("PLACE A", in_blocks(space)).held_out, held_out)
    other = dp.labelled_pixels("PLACE A", in_blocks(space, "settings.seed=1"))
    assert len(other.labels) != len(labels) or not np.array_equal(other.held_out, held_out)
    # What is judged by is not divided.
    judged = dp.labelled_pixels("PLACE A", in_blocks(space), judged=True)
    assert judged.held_out is None
    assert len(judged.labels) == np.count_nonzero(truth(space) != 2)


def test_a_validation_part_of_parts_goes_before_validation_in_blocks(space, capsys):
    expected = dp.labelled_pixels("PLACE A", of(space))
    capsys.readouterr()
    learned = dp.labelled_pixels("PLACE A", in_blocks(space, PARTS))
    assert np.array_equal(learned.held_out, expected.held_out)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("the search is validated on the validation part of parts; validation is ignored")


def test_blocks_to_validate_on_are_of_the_train_part_where_parts_have_none(space):
    overrides = "PLACE A.parts=70, 0, 30"
    learned = dp.labelled_pixels("PLACE A", in_blocks(space, overrides))
    rows, columns = positions(learned).T
    found = saved(space)[0]
    assert set(np.unique(found)) == {0, 1, 3}
    assert (found[rows, columns] == 1).all()
    assert 0.05 < learned.held_out.mean() < 0.25
    judged = dp.labelled_pixels("PLACE A", in_blocks(space, overrides), judged=True)
    assert len(judged.labels) == np.count_nonzero((found == 3) & (truth(space) != 2))
    assert learned.places == judged.places


def test_blocks_that_leave_nothing_to_validate_on_are_refused(space):
    # A block of 200 pixels is the whole image, and of small ones nothing is left beside the band.
    expected = r"\[PLACE A\] validation = blocks: the validation part has 0 changed and 0 unchanged pixels.*parts_block"
    for side in (2, 200):
        with pytest.raises(InputError, match=expected):
            dp.labelled_pixels("PLACE A", in_blocks(space, f"PLACE A.parts_block={side}"))


def test_a_search_is_validated_in_blocks(space):
    options = (BLOCK, IN_BLOCKS, "PLACE A.nodata=7")
    done = space.call("main", *options)
    assert done.returncode == 0, done.stderr
    assert "the model will have been trained on this pair" in done.stderr
    learned = dp.labelled_pixels("PLACE A", in_blocks(space))
    row = pd.read_csv(space.folder / "stat/M_stats.csv").iloc[0]
    names = ("true_positives", "true_negatives", "false_positives", "false_negatives")
    assert sum(row[f"val_{name}"] for name in names) == np.count_nonzero(learned.held_out)
    assert sum(row[f"test_{name}"] for name in names) == np.count_nonzero(truth(space) != 2)
