"""Pairs window by window: as if they were read whole."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hscd.scenes.scene
from hscd.scenes.image import ByBands, Image, in_memory, physical, with_bands
from hscd.scenes.scene import Scene, Window, joined, survey, thinned, windows_of
from hscd.system.errors import InputError


def image_of(pixels, block=None, **said):
    """An image that remembers which windows were read."""
    read = []

    def window(rows, columns):
        read.append((rows, columns))
        return pixels[rows, columns]

    found = Image(Path("a"), "test", pixels.shape, pixels.dtype, block or (1, pixels.shape[1]), window, **said)
    return found, read


def random_image(shape, dtype=np.float32, seed=0, block=None, **said):
    pixels = np.random.default_rng(seed).integers(0, 1000, shape).astype(dtype)
    return image_of(pixels, block, **said)[0]


@pytest.fixture
def small_windows(monkeypatch):
    """Windows of some 12 pixels of three bands."""
    monkeypatch.setattr(hscd.scenes.scene, "_WINDOW_BYTES", 12 * 2 * 3 * 4)


# --- windows ---------------------------------------------------------------------------------------------------------


@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 4)),
    block=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    budget=st.integers(1, 4000),
    halo=st.sampled_from([0, 0, 1, 3, 20]),
    step=st.sampled_from([1, 1, 4]),
)
@settings(max_examples=200)
def test_windows_cover_every_pixel_once_row_by_row(shape, block, budget, halo, step):
    block = min(block[0], shape[0]), min(block[1], shape[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hscd.scenes.scene, "_WINDOW_BYTES", budget)
        windows = windows_of(image_of(np.zeros(shape), block)[0], halo=halo, step=step)
    times = np.zeros(shape[:2], int)
    for window in windows:
        times[window] += 1
        assert step == 1 or all(part.start % step == 0 for part in window)
        if halo or step > 1:  # blocks may be cut
            continue
        if block[0] * block[1] * 2 * shape[2] * 4 > budget:  # blocks that are too large are cut
            continue
        for part, size, length in zip(window, block, shape, strict=False):
            assert part.start % size == 0
            assert part.stop % size == 0 or part.stop == length
    assert (times == 1).all()
    assert [(window.rows.start, window.columns.start) for window in windows] == sorted(
        (window.rows.start, window.columns.start) for window in windows
    )
    # One size, but at the border.
    assert len({window.rows.stop - window.rows.start for window in windows if window.rows.stop < shape[0]}) <= 1


def test_windows_of_a_striped_and_of_a_tiled_file(monkeypatch):
    # 10,000 × 10,000 pixels of 32 bands: 2²⁶ bytes are 262,144 pixel pairs, 26 rows or a tile of 512 × 512.
    shape = (10_000, 10_000, 32)
    for block, rows, columns in (((1, 10_000), 26, 10_000), ((512, 512), 512, 512), ((256, 256), 256, 1024)):
        image = Image(Path("a"), "test", shape, np.dtype("u2"), block, lambda *_: np.empty(0))
        first = windows_of(image)[0]
        assert (first.rows.stop, first.columns.stop) == (rows, columns)


# 20,971 pixels of 400 bands are 2²⁶ bytes: 41,943 in twice that. Of strips of 10,000 columns these are 4 rows, of which
# a halo of 1 leaves 2, and one of 2 none: as many as the halo are taken. One of 30 has squares: √41,943 is 204, less
# 60. With a step of 32 that is 128, 188 with the halo, and 41,943 / 188 less 60 is 163, 160 in steps. A tile is a tile.
@pytest.mark.parametrize(
    ("block", "halo", "step", "size"),
    [
        ((1, 10_000), 1, 1, (2, 10_000)), ((1, 10_000), 2, 1, (4, 10_000)), ((1, 10_000), 30, 1, (144, 145)),
        ((1, 10_000), 30, 32, (128, 160)), ((64, 64), 30, 1, (64, 640)),
    ],
)  # fmt: skip
def test_windows_leave_room_for_what_is_around_them(block, halo, step, size):
    image = Image(Path("a"), "test", (10_000, 10_000, 400), np.dtype("u2"), block, lambda *_: np.empty(0))
    first = windows_of(image, times=2, halo=halo, step=step)[0]
    assert (first.rows.stop, first.columns.stop) == size


# --- survey ----------------------------------------------------------------------------------------------------------


def test_a_survey_finds_what_a_look_at_the_whole_finds(small_windows):
    before, after = (random_image((9, 7, 3), seed=seed) for seed in (1, 2))
    pixels = before.read()
    pixels[2, 3, 1] = pixels[8, 6, 0] = np.nan
    pixels[0, 0] = 10_000
    before = replace(image_of(pixels)[0], masked=True)
    found = survey(before, after, windows_of(before))
    valid = np.isfinite(pixels).all(axis=2)
    np.testing.assert_array_equal(found.valid, valid)
    both = np.concatenate([pixels[valid], after.read()[valid]])
    np.testing.assert_array_equal(found.ranges[0], both.min(axis=0))
    np.testing.assert_array_equal(found.ranges[1], both.max(axis=0))


def test_a_survey_of_masked_pixels_only_has_no_ranges(small_windows):
    masked = replace(random_image((9, 7, 3)), masked=True, window=lambda r, c: np.full((9, 7, 3), np.nan)[r, c])
    found = survey(masked, masked, windows_of(masked))
    assert not found.valid.any()
    assert found.ranges is None
    assert found.suspects == [[], []]
    assert joined([None, (np.array([1]), np.array([2])), (np.array([0]), np.array([1]))]) == (0, 2)


# --- scenes ----------------------------------------------------------------------------------------------------------


def scene_of(block, valid=None, ranges=None):
    before, after = (random_image((9, 7, 3), seed=seed, block=block) for seed in (1, 2))
    return Scene("town", before, after, np.full((9, 7), 2, np.uint8), valid, ranges)


# 9 × 7 pixels in squares of 4: three rows of two; only the last has data.
def test_squares_cover_what_holds_data():
    valid = np.zeros((9, 7), bool)
    assert len(scene_of((9, 7)).squares(4)) == 6
    valid[8, 4] = True
    assert scene_of((9, 7), valid).squares(4) == [Window(slice(8, 9), slice(4, 7))]


@pytest.mark.parametrize("block", [(1, 7), (2, 3), (9, 7)])
def test_pixel_pairs_of_windows_and_of_positions(small_windows, block):
    valid = np.random.default_rng(3).random((9, 7)) < 0.8
    ranges = np.zeros(3), np.array([1000.0, 500.0, 0.0])
    scene = scene_of(block, valid, ranges)
    # Band 0 in thousandths, band 1 twice that, band 2 constant; masked pixels 0.
    whole = np.stack([scene.before.read(), scene.after.read()], axis=2) / [1000, 500, np.inf] * valid[:, :, None, None]
    assert len(scene.windows) > 1 or block == (9, 7)
    for window in scene.windows:
        np.testing.assert_allclose(scene.pairs(window), whole[window].reshape(-1, 2, 3), rtol=1e-6)
    positions = np.random.default_rng(4).permutation(np.flatnonzero(valid))[:20]
    positions = np.concatenate([positions, positions[:3]])  # one may be asked for twice
    np.testing.assert_allclose(scene.take(positions), whole.reshape(-1, 2, 3)[positions], rtol=1e-6)
    assert scene.take(positions[:0]).shape == (0, 2, 3)


def test_what_is_measured_lies_where_its_pixel_is(small_windows):
    for block in ((1, 7), (2, 3), (9, 7)):
        scene = scene_of(block)
        found = scene.score(lambda block: block.pairs[:, :, 1, 2], what="band")
        np.testing.assert_array_equal(found, scene.after.read()[:, :, 2])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_valid_pixel_whose_number_is_not_finite_is_an_error_and_a_masked_one_is_not(small_windows, bad):
    images = [random_image((6, 7, 3), seed=seed) for seed in (0, 1)]
    valid = np.ones((6, 7), bool)
    valid[4, 5] = False
    scene = Scene("town", *images, np.zeros((6, 7), np.uint8), valid, None)
    marks = np.zeros((6, 7), np.float32)
    marks[4, 5] = bad
    left = iter([marks[window].ravel() for window in scene.windows] * 2)
    marks[4, 5] = math.nan  # what a masked pixel gets, whatever the scorer says
    np.testing.assert_array_equal(scene.score(lambda _: next(left), what="distance"), marks)
    left = iter([np.full_like(marks[window], bad).ravel() for window in scene.windows])
    with pytest.raises(InputError, match="the distance of 41 pixels is NaN or infinite: their values are too large"):
        scene.score(lambda _: next(left), what="distance")


def mean_of_neighbours(halo):
    """Scores the mean of band 0 of the after image around a pixel, as far as the image goes."""

    def score(block):
        band, (rows, columns) = block.pairs[:, :, 1, 0], block.inner
        return [
            [
                band[max(row - halo, 0) : row + halo + 1, max(column - halo, 0) : column + halo + 1].mean()
                for column in range(columns.start, columns.stop)
            ]
            for row in range(rows.start, rows.stop)
        ]

    return score


@pytest.mark.parametrize("block", [(1, 7), (2, 3), (9, 7)])
def test_a_scorer_sees_as_far_around_its_window_as_it_asks_for(small_windows, block):
    scene = scene_of(block)
    band = scene.after.read()[:, :, 0].astype(np.float32)
    expected = [
        [band[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3].mean() for column in range(7)]
        for row in range(9)
    ]
    # Sums of at most 25 numbers below 1000, rounded by 2^-24 each.
    np.testing.assert_allclose(scene.score(mean_of_neighbours(2), halo=2), expected, rtol=25 * 6e-8)


def test_a_block_is_the_window_and_its_halo_clipped_at_the_border():
    valid = np.ones((9, 7), bool)
    valid[4, 5] = False
    scene = scene_of((9, 7), valid)
    block = scene.block(Window(slice(3, 6), slice(5, 7)), halo=2)
    # Rows 1 to 7, columns 3 to 6: the image ends there.
    assert block.pairs.shape == (7, 4, 2, 3)
    assert block.inner == (slice(2, 5), slice(2, 4))
    np.testing.assert_array_equal(block.valid, valid[1:8, 3:7])
    np.testing.assert_array_equal(block.pairs[0, 0, 0], scene.before.read()[1, 3].astype(np.float32))
    assert not block.pairs[3, 2].any()  # the masked pixel
    assert scene.block(Window(slice(3, 6), slice(5, 7))).pairs.shape == (3, 2, 2, 3)


@pytest.mark.parametrize(("same", "varied"), [(True, True), (True, False), (False, True)])
def test_nothing_changed_if_the_images_are_the_same_but_not_constant(small_windows, same, varied):
    before = random_image((9, 7, 3), seed=1, block=(2, 3)) if varied else image_of(np.full((9, 7, 3), 7, np.int16))[0]
    after = before if same else random_image((9, 7, 3), seed=2, block=(2, 3))
    scene = Scene("town", before, after, np.full((9, 7), 2, np.uint8), None, None)
    assert scene.nothing_changed() is (same and varied)


def test_masked_pixels_say_nothing_of_whether_anything_changed():
    valid = np.ones((9, 7), bool)
    valid[4, 5] = False
    stored = np.array(random_image((9, 7, 3), seed=1).read())
    other = stored.copy()
    other[4, 5] += 1
    truth = np.full((9, 7), 2, np.uint8)
    assert Scene("town", image_of(stored)[0], image_of(other)[0], truth, valid, None).nothing_changed()
    assert not Scene("town", image_of(stored)[0], image_of(other)[0], truth, None, None).nothing_changed()


# --- images made of others -------------------------------------------------------------------------------------------


def test_held_images_are_read_once():
    image, read = image_of(np.arange(24).reshape(2, 3, 4), block=(2, 3))
    kept = in_memory(image)
    assert kept.block == (1, 3)
    for _ in range(3):
        np.testing.assert_array_equal(kept.window(slice(1, 2), slice(0, 2)), image.window(slice(1, 2), slice(0, 2)))
    assert read.count((slice(0, 2), slice(0, 3))) == 1


def test_bands_of_an_image_and_what_is_said_of_them():
    said = {"wavelengths": np.array([400.0, 500, 600]), "bad_bands": np.array([True, False, False]),
            "names": ("a", "b", "c"), "scale": np.array([1.0, 2, 3]), "offset": np.array([0.0, 0, 5])}  # fmt: skip
    image = random_image((2, 3, 3), **said)
    found = with_bands(image, np.array([0, 2]))
    np.testing.assert_array_equal(found.read(), image.read()[:, :, [0, 2]])
    assert (found.shape, found.names) == ((2, 3, 2), ("a", "c"))
    for name in ("wavelengths", "bad_bands", "scale", "offset"):
        np.testing.assert_array_equal(getattr(found, name), said[name][[0, 2]])


@pytest.mark.parametrize(("dtype", "expected"), [("u1", "f4"), ("i2", "f4"), ("f4", "f4"), ("i4", "f8"), ("f8", "f8")])
def test_physical_values(dtype, expected):
    stored = np.array([[[0, 100], [50, 7]]], dtype)
    image = image_of(stored, scale=np.array([0.5, 0.25]), offset=np.array([0.0, -1]), nodata=(7, 7))[0]
    found = physical(image)
    # 0 · 0.5, 100 · 0.25 − 1; 50 · 0.5, nodata.
    np.testing.assert_array_equal(found.read(), np.array([[[0, 24], [25, np.nan]]], expected), strict=True)
    assert (found.masked, found.nodata) == (True, ())
    assert (found.dtype, found.scale, found.offset) == (np.dtype(expected), None, None)
    np.testing.assert_array_equal(image.read(), stored, strict=True)


def test_an_image_without_scale_and_nodata_stays_as_it_is():
    image = random_image((2, 3, 3), np.uint16)
    assert physical(image) is image


def test_nodata_that_the_type_does_not_hold_masks_nothing():
    found = physical(image_of(np.array([[[0, 255]]], np.uint8), nodata=(-9999, None))[0])
    assert found.read().tolist() == [[[0, 255]]]


def test_an_error_of_a_window_is_that_of_the_survey():
    def fail(rows, columns):
        raise InputError("a: truncated")

    image = replace(random_image((2, 3, 3)), window=fail)
    with pytest.raises(InputError, match="a: truncated"):
        survey(image, image, windows_of(image))


def test_nodata_counts_in_its_band_and_a_mask_in_all():
    stored = np.array([[[1, 1], [1, 2]], [[3, 2], [4, 4]]], np.int16)
    mask = np.array([[True, True], [True, False]])
    image = image_of(stored, nodata=(1, 2), mask=lambda rows, columns: mask[rows, columns])[0]
    # 1 is missing in the first band alone, 2 in the second; the last pixel is masked whatever its values.
    expected = [[[np.nan, 1], [np.nan, np.nan]], [[3, np.nan], [np.nan, np.nan]]]
    found = physical(image)
    np.testing.assert_array_equal(found.read(), np.array(expected, np.float32), strict=True)
    assert (found.masked, found.nodata, found.mask) == (True, (), None)
    np.testing.assert_array_equal(found.window(slice(1, 2), slice(0, 1)), [[[3, np.nan]]])
    # Chosen bands keep their own.
    np.testing.assert_array_equal(physical(with_bands(image, np.array([1]))).read()[0, :, 0], [1, np.nan])


def test_bands_that_are_not_asked_for_are_not_read_where_that_is_possible():
    stored, asked = np.arange(24, dtype=np.int16).reshape(2, 3, 4), []

    def read(rows, columns, of):
        asked.append(None if of is None else of.tolist())
        return stored[rows, columns] if of is None else stored[rows, columns][:, :, of]

    said = {"scale": np.array([1.0, 2, 3, 4]), "offset": np.array([0.0, 1, 2, 3]), "nodata": (None, 5, 5, 3)}
    image = replace(image_of(stored)[0], window=ByBands(read), **said)
    expected = physical(image).read()[:, :, [3, 1]]
    assert np.isnan(expected).sum() == 2  # 3 in the fourth band and 5 in the second, once each
    for found in (with_bands(physical(image), np.array([3, 1])), physical(with_bands(image, np.array([3, 1])))):
        np.testing.assert_array_equal(found.read(), expected, strict=True)
    # Of the second and third of three chosen bands.
    twice = with_bands(with_bands(physical(image), np.array([0, 3, 1])), np.array([1, 2]))
    np.testing.assert_array_equal(twice.read(), expected, strict=True)
    assert asked == [None, [3, 1], [3, 1], [3, 1]]


# Blocks of one row: of every fifth row only that is read; of blocks of three, or where bands lie apart, whole windows.
@pytest.mark.parametrize(("block", "apart", "most"), [
    ((1, 7), None, 1), ((1, 7), False, 1), ((3, 7), None, 23), ((1, 7), True, 23),
])  # fmt: skip
def test_a_thinned_image_is_every_so_manieth_pixel(block, apart, most):
    pixels = np.arange(23 * 7 * 2).reshape(23, 7, 2)
    image, read = image_of(pixels, block)
    if apart is not None:
        image = replace(image, window=ByBands(lambda rows, columns, _, of=image.window: of(rows, columns), apart))
    windows = [Window(slice(row, min(row + 6, 23)), slice(0, 7)) for row in range(0, 23, 6)]
    np.testing.assert_array_equal(thinned(image, windows, 5), pixels[::5, ::5])
    assert max(rows.stop - rows.start for rows, _ in read) <= most
    assert sum(rows.stop - rows.start for rows, _ in read) == (5 if most == 1 else 23)


# --- crops -----------------------------------------------------------------------------------------------------------


def test_a_crop_is_the_scene_of_crops_of_its_images():
    before, after = (np.random.default_rng(seed).random((12, 15, 3), np.float32) for seed in (0, 1))
    valid = np.ones((12, 15), bool)
    valid[3, 4] = False
    truth = np.where(valid, np.arange(180).reshape(12, 15) % 2, 2).astype(np.uint8)
    ranges = np.full(3, -1.0), np.full(3, 2.0)
    classes = np.arange(180, dtype=np.uint8).reshape(12, 15)

    def scene(inside, block):
        images = [image_of(pixels[inside], block)[0] for pixels in (before, after)]
        return Scene("a", *images, truth[inside], valid[inside], ranges, classes[inside])

    window = Window(slice(2, 9), slice(3, 13))
    part, expected = scene(np.s_[:, :], (5, 4)).crop(window), scene(window, (1, 10))
    assert part.before.shape == expected.before.shape == (7, 10, 3)
    np.testing.assert_array_equal(part.truth, expected.truth)
    np.testing.assert_array_equal(part.classes, expected.classes)
    for inner, halo in ((Window(slice(0, 7), slice(0, 10)), 0), (Window(slice(1, 3), slice(0, 2)), 2)):
        one, other = (found.block(inner, halo) for found in (part, expected))
        np.testing.assert_array_equal(one.pairs, other.pairs)
        np.testing.assert_array_equal(one.valid, other.valid)
    np.testing.assert_array_equal(part.take(np.array([5, 60, 2])), expected.take(np.array([5, 60, 2])))
