"""What every normalisation must satisfy; the members come from the registry."""

from dataclasses import replace

import numpy as np
import pytest

import hscd.scenes.scene
from conftest import all_pairs
from detector_scenes import changed_pair, scene_of
from hscd.normalisation import NORMALISATIONS, normalised

pytestmark = pytest.mark.parametrize("name", NORMALISATIONS)


def pair():
    """Two dates of which the second has other gains and offsets."""
    before, after, changed = changed_pair(bands=4)
    return before, (after * np.float32([2, 0.5, 1, 3]) + np.float32([5, -3, 0, 20])).astype(np.float32), changed


def pairs_of(name, scene, seed=0):
    return all_pairs(normalised(scene, name, np.random.default_rng(seed)))


def test_the_light_of_the_second_date_is_that_of_the_first(name):
    before, after, changed = pair()
    found = pairs_of(name, scene_of(before, after))
    np.testing.assert_array_equal(found[:, 0], before.reshape(-1, 4))
    if name == "none":
        np.testing.assert_array_equal(found[:, 1], after.reshape(-1, 4))
        return
    # Bands vary by some units; unchanged pixels differ by noise of 0.05 before, and a little for what is estimated.
    off = np.abs(found[:, 1] - found[:, 0])[~changed.ravel()]
    assert np.median(off) < 0.25
    assert np.median(off) < np.median(np.abs(after - before)[~changed]) / 4


def test_values_do_not_depend_on_the_windows_or_the_run(name, monkeypatch):
    before, after, _ = pair()
    whole = pairs_of(name, scene_of(before, after))
    np.testing.assert_array_equal(pairs_of(name, scene_of(before, after)), whole)
    monkeypatch.setattr(hscd.scenes.scene, "_WINDOW_BYTES", 7 * 50 * 2 * 4 * 4)
    np.testing.assert_array_equal(pairs_of(name, scene_of(before, after)), whole)


def test_masked_pixels_count_nowhere_and_stay_masked(name):
    before, after, _ = pair()
    valid = np.ones(before.shape[:2], bool)
    valid[:5, :7] = False
    expected = pairs_of(name, scene_of(before, after, valid))
    after = after.copy()
    after[~valid] = np.nan
    found = pairs_of(name, scene_of(before, after, valid))
    np.testing.assert_array_equal(found, expected)
    assert not found[~valid.ravel()].any()


# Pairs are scaled by the ranges of the scene after the mapping: (value − low) / (high − low).
def test_ranges_apply_afterwards(name):
    before, after, _ = pair()
    plain = scene_of(before, after)
    low, high = np.float64([0, 1, 2, 3]), np.float64([10, 21, 12, 23])
    found = pairs_of(name, replace(plain, ranges=(low, high)))
    np.testing.assert_allclose(found, (pairs_of(name, plain) - low) / (high - low), rtol=1e-4, atol=1e-5)


def test_integers_and_hard_bands(name):
    before, after, _ = pair()
    before, after = ((image - image.min()) * 100 for image in (before, after))
    before[:, :, 1], after[:, :, 2], before[:, :, 3], after[:, :, 3] = 7, 9, 0, 0
    found = pairs_of(name, scene_of(before.astype(np.uint16), after.astype(np.uint16)))
    assert np.isfinite(found).all()


def test_one_pixel(name):
    before, after = np.float32([[[1, 2]]]), np.float32([[[3, 5]]])
    assert np.isfinite(pairs_of(name, scene_of(before, after))).all()


def test_two_images_that_are_the_same_stay_so(name):
    # More pixels than quantiles, and values that a gain and an offset round.
    before = np.random.default_rng(0).normal(1000, 1, (70, 60, 4)).astype(np.float32)
    found = pairs_of(name, scene_of(before, before.copy()))
    np.testing.assert_array_equal(found[:, 0], found[:, 1])
