"""Patches against loops that look at one pixel at a time."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

import hscd.scenes.scene
from conftest import all_pairs
from hscd.scenes import patches
from hscd.scenes.scene import Window
from patch_scenes import BANDS, scene_of

ROWS, COLUMNS = 11, 14
SHAPE = ROWS, COLUMNS


def masks():
    """None masked; a corner, a hole, a border and single pixels masked; a valid pixel alone among masked ones."""
    every = np.ones(SHAPE, bool)
    torn = every.copy()
    torn[:4, :5] = torn[6:9, 5:9] = torn[:, -1] = False
    torn[7, 7] = True
    torn[np.random.default_rng(3).random(SHAPE) < 0.1] = False
    lonely = ~every
    lonely[0, 6] = True
    return {"none": every, "torn": torn, "lonely": lonely}


def nearest(pairs, valid, row, column, reach):
    """The pixel pair at a place, or of the nearest one with data, the upper and then the left one of several."""
    best = None
    for y in range(row - reach, row + reach + 1):
        for x in range(column - reach, column + reach + 1):
            if 0 <= y < len(pairs) and 0 <= x < len(pairs[0]) and valid[y, x]:
                distance = (y - row) ** 2 + (x - column) ** 2
                if best is None or distance < best[0]:
                    best = distance, pairs[y, x]
    return best[1]


def patch(scene, position, reach):
    """(2, side, side, bands), pixel by pixel."""
    row, column = divmod(int(position), scene.truth.shape[1])
    pairs = all_pairs(scene).reshape(*scene.truth.shape, 2, BANDS)
    valid = np.ones(scene.truth.shape, bool) if scene.valid is None else scene.valid
    side = range(-reach, reach + 1)
    found = [[nearest(pairs, valid, row + down, column + across, reach) for across in side] for down in side]
    return np.moveaxis(np.array(found), 2, 0)


@pytest.fixture(params=masks())
def scene(request):
    return scene_of(masks()[request.param])


def positions_of(scene):
    return np.arange(scene.truth.size) if scene.valid is None else np.flatnonzero(scene.valid)


@pytest.mark.parametrize("reach", [1, 2])
def test_a_patch_holds_the_nearest_pixels_with_data(scene, reach, monkeypatch):
    monkeypatch.setattr(hscd.scenes.scene, "_WINDOW_BYTES", 3 * 5 * 2 * BANDS * 4)  # windows of a row
    positions = positions_of(scene)[::3]
    order = np.random.default_rng(1).permutation(len(positions))
    expected = np.array([patch(scene, position, reach) for position in positions])
    wanted = np.zeros(scene.truth.size, bool)
    wanted[positions] = True
    of_images = patches.of_images(all_pairs(scene), [SHAPE], [scene.valid], wanted, reach)
    assert of_images.shape == expected.shape
    np.testing.assert_array_equal(of_images.array, expected)
    np.testing.assert_array_equal(of_images.spectra, all_pairs(scene)[positions])
    of_scenes = patches.of_scenes([scene], [positions[order]], reach)
    np.testing.assert_array_equal(of_scenes.array, expected[order])
    np.testing.assert_array_equal(of_scenes.pixels, of_images.pixels)
    at_positions = patches.at_positions([scene], [positions], reach, order[:20])
    np.testing.assert_array_equal(at_positions.array, expected[order[:20]])


def test_patches_of_several_scenes_are_numbered_one_after_the_other():
    scenes = [scene_of(masks()["torn"]), scene_of(np.ones((6, 9), bool), seed=1)]
    positions = [np.array([13 + 20, 12 * 3]), np.array([5, 0, 53])]
    expected = [patch(of, position, 1) for of, at in zip(scenes, positions, strict=True) for position in at]
    numbers = np.array([4, 0, 3, 1, 2, 0])
    np.testing.assert_array_equal(patches.of_scenes(scenes, positions, 1)[numbers].array, np.array(expected)[numbers])
    np.testing.assert_array_equal(
        patches.at_positions(scenes, positions, 1, numbers).array, np.array(expected)[numbers]
    )
    pairs, wanted = np.concatenate([all_pairs(of) for of in scenes]), np.zeros(ROWS * COLUMNS + 54, bool)
    for start, at in zip((0, ROWS * COLUMNS), positions, strict=True):
        wanted[start + at] = True
    found = patches.of_images(pairs, [SHAPE, (6, 9)], [of.valid for of in scenes], wanted, 1)
    np.testing.assert_array_equal(found.array, np.array(expected)[[0, 1, 3, 2, 4]])  # row by row


def test_turned_patches_are_the_eight_rotations_and_mirrorings():
    scene = scene_of(np.ones(SHAPE, bool))
    found = patches.of_scenes([scene], [np.full(patches.TURNS, 4 * COLUMNS + 5)], 1)
    turned = found.turned(np.arange(patches.TURNS, dtype=np.uint8))
    original = patch(scene, 4 * COLUMNS + 5, 1)
    np.testing.assert_array_equal(turned.array[0], original)
    rotated = [np.rot90(original, times, axes=(1, 2)) for times in range(4)]
    expected = {part.tobytes() for part in (*rotated, *(part[:, ::-1] for part in rotated))}
    assert len(expected) == patches.TURNS
    assert {np.ascontiguousarray(part).tobytes() for part in turned.array} == expected
    # The pixels stay where they are, and patches with pixels of their own turn alike.
    assert turned.pixels is found.pixels
    np.testing.assert_array_equal(found.copied.turned(np.arange(8, dtype=np.uint8)).array, turned.array)


def test_other_processes_get_the_same_patches():
    found = patches.of_scenes([scene_of(masks()["torn"])], [np.array([100, 30])], 2)
    shared = found.shared()
    opened = pickle.loads(pickle.dumps(shared)).open()
    np.testing.assert_array_equal(opened.array, found.array)
    assert opened.reach == 2


def test_masked_pixels_have_no_part_in_patches_whatever_they_hold():
    scene = scene_of(masks()["torn"])
    holes = np.where(masks()["torn"][..., None], scene.before.window(slice(None), slice(None)), np.nan)
    other = replace(scene, before=replace(scene.before, window=lambda *part: holes[part]))
    at = [positions_of(scene)]
    np.testing.assert_array_equal(patches.of_scenes([other], at, 2).array, patches.of_scenes([scene], at, 2).array)


# Of a window inside the image, and of all of it.
@pytest.mark.parametrize("window", [Window(slice(2, 9), slice(3, 12)), Window(slice(0, ROWS), slice(0, COLUMNS))])
@pytest.mark.parametrize("reach", [1, 2])
def test_strips_are_those_of_the_whole(scene, window, reach):
    block = scene.block(window, patches.halo(reach))
    whole, ends = patches.extended(block, reach), []
    for rows, pairs in patches.strips(block, reach, 3):
        np.testing.assert_array_equal(pairs, whole[rows.start : rows.stop + 2 * reach])
        ends.append(rows.stop)
    assert ends[:-1] == list(range(3, 3 * len(ends), 3))
    assert ends[-1] == window.rows.stop - window.rows.start


# It took one step for each of 289 pixels around, over all that is masked.
def test_what_is_far_from_data_is_not_looked_at(monkeypatch):
    monkeypatch.setattr(patches, "_offsets", lambda reach: pytest.fail("looked at"))
    valid = np.zeros(SHAPE, bool)
    valid[0, 0] = True
    scene = scene_of(valid)
    window = Window(slice(5, 9), slice(6, 14))
    assert not patches.extended(scene.block(window, patches.halo(1)), 1).any()
