"""How far images are shifted is told to parts of a pixel, and the after image is moved back."""

from dataclasses import replace

import numpy as np
import pytest

from detector_scenes import image_of, scene_of, smooth_noise
from hscd.records import Grid
from hscd.scenes import registration as of
from hscd.scenes.grids import onto
from hscd.scenes.registration import Registration, registered, registration


def shifted_pair(down, right, shape=(150, 140), bands=3, seed=0):
    """Two parts of one landscape; what lies at a place is `down` rows lower and `right` columns further right after."""
    rng = np.random.default_rng(seed)
    rows, columns = shape
    planes = smooth_noise(rng, rows + 60, columns + 60, bands, 1.5)
    spectrum = np.fft.fft2(planes, axes=(0, 1))
    waves = [np.fft.fftfreq(length)[:, None, None] for length in planes.shape[:2]]
    phase = np.exp(-2j * np.pi * (waves[0] * down + waves[1].transpose(1, 0, 2) * right))
    moved = np.fft.ifft2(spectrum * phase, axes=(0, 1)).real
    cut = slice(30, 30 + rows), slice(30, 30 + columns)
    noise = rng.normal(0, 0.1, (2, rows, columns, bands))
    return (planes[cut] + noise[0]).astype(np.float32), (moved[cut] + noise[1]).astype(np.float32)


@pytest.mark.parametrize(
    ("down", "right", "gain"), [(0, 0, 1), (0.3, -0.25, 1), (-0.5, 0.7, 2), (1.4, 2, -1), (-20.3, 12, 1)]
)
def test_a_shift_is_told_to_a_tenth_of_a_pixel_whatever_the_light(down, right, gain):
    before, after = shifted_pair(down, right)
    found = registration(scene_of(before, gain * after + 5))
    assert (found.down, found.right) == pytest.approx((down, right), abs=0.1)
    assert found.blocks > 1
    assert found.spread < 0.1
    assert found.far == pytest.approx(max(abs(down), abs(right)), abs=0.1)


@pytest.mark.parametrize("marked", [True, False])
def test_masked_pixels_are_no_edges(marked):
    before, after = shifted_pair(0.6, -0.4)
    valid = np.ones(before.shape[:2], bool)
    valid[40:80, 30:110] = False
    before[~valid] = after[~valid] = 1000 if marked else np.nan
    found = registration(scene_of(before, after, valid if marked else None))
    assert (found.down, found.right) == pytest.approx((0.6, -0.4), abs=0.1)


def test_images_that_are_too_small_too_different_or_empty_tell_nothing():
    before, after = shifted_pair(0, 0, (31, 140))
    assert registration(scene_of(before, after)) is None
    before, _ = shifted_pair(0, 0)
    assert registration(scene_of(before, shifted_pair(0, 0, seed=7)[1])) is None
    assert registration(scene_of(before, np.ones_like(before))) is None
    assert registration(scene_of(before, before, np.zeros(before.shape[:2], bool))) is None


def test_a_shift_of_pixels_that_makes_the_edges_no_more_alike_is_none(monkeypatch):
    before, after = shifted_pair(0, 0)
    monkeypatch.setattr(of, "_shift", lambda *_, **__: (np.array([4.0, -3.0]), 1.0))
    assert registration(scene_of(before, after)) is None


def test_likeness_is_the_correlation_where_moved_images_overlap():
    first = np.array([[1.0, 2, 9], [3, 5, 9], [9, 9, 9]])
    second = np.array([[9.0, 9, 9], [0, 2, 4], [9, 6, 10]])
    # Moved up by a row and left by a column, 2 4 / 6 10 lies on 1 2 / 3 5: twice as much.
    assert of._likeness(first, second, -1, -1) == pytest.approx(1)
    assert of._likeness(second, first, 1, 1) == pytest.approx(1)
    assert of._likeness(first, second, 2, 0) == 0  # 9 9 9 on 9 9 9
    assert of._likeness(first, second, 3, 0) == 0


def test_of_many_bands_a_smaller_part_is_looked_at_for_far_shifts(monkeypatch):
    # 40 x 40 pixel pairs of 3 bands, 24 bytes each.
    monkeypatch.setattr(of, "_BYTES", 40 * 40 * 24)
    windows, read = [], of._read
    monkeypatch.setattr(
        of, "_read", lambda scene, window, *moved: windows.append(window) or read(scene, window, *moved)
    )
    registration(scene_of(*shifted_pair(0, 0, (90, 80))))
    assert windows[0] == (slice(25, 65), slice(20, 60))


def test_blocks_lie_in_both_images():
    # 100 pixels, of which the second image shows the last 90 as its first: blocks of 40 begin at 10, 40 less than 100.
    assert of._starts(100, 40, 10) == [10, 60]
    assert of._starts(100, 40, -10) == [0, 50]
    assert of._starts(40, 40, 0) == [0]
    assert of._starts(10_000, 128, 0) == [0, 2468, 4936, 7404, 9872]


def test_an_image_is_moved_back():
    before, after = shifted_pair(2, -1)
    moved = registered(image_of(after), Registration(2, -1, 0, 1)).read()
    # Whole pixels are copied: row r is row r + 2, column c is column c - 1; beyond the border there is nothing.
    np.testing.assert_allclose(moved[:-2, 1:], after[2:, :-1], atol=1e-5)
    assert np.isnan(moved[-2:]).all()
    assert np.isnan(moved[:, :1]).all()
    before, after = shifted_pair(0.4, -0.3)
    after[50, 60] = np.nan
    image = registered(image_of(after, (64, 64)), Registration(0.4, -0.3, 0, 1))
    moved, inner = image.read(), np.s_[5:-5, 5:-5]
    assert (image.masked, image.grid, image.dtype, image.moved_by) == (True, None, np.float32, (-0.4, 0.3))
    assert 0 < np.isnan(moved[inner]).any(axis=2).sum() <= 16
    assert np.nanstd((moved - before)[inner]) < 0.6 * np.nanstd((after - before)[inner])
    np.testing.assert_array_equal(image.window(slice(37, 90), slice(50, 51)), moved[37:90, 50:51])


def test_an_image_on_another_grid_is_interpolated_once():
    # Its file's grid begins 4 m further east and 3 m further north, of pixels of 10 m, and what it shows lies 0.4
    # pixels further right and 0.3 higher: each pixel of the file is one of the before image. Twice it is not.
    _, pixels = shifted_pair(0, 0)
    here, there = Grid((10, 0, 0, 0, -10, 0), ""), Grid((10, 0, 4, 0, -10, 3), "")
    original = replace(image_of(pixels), grid=there)
    after = onto(original, here, pixels.shape[:2], np.float32, np.nan)
    moved = registered(after, Registration(-0.3, 0.4, 0, 1), original)
    inner = np.s_[3:-3, 3:-3]
    np.testing.assert_allclose(moved.read()[inner], pixels[inner], atol=1e-4)
    assert (moved.grid, moved.format, moved.unmoved) == (here, after.format, after.window)
    assert moved.moved_by == (0.3, -0.4)
    assert np.abs(registered(after, Registration(-0.3, 0.4, 0, 1)).read() - pixels)[inner].max() > 0.1
