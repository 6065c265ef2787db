"""Min-max scaling against the formula on the concatenated images."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hscd.scenes.scaling import band_ranges, fill_pixels


def obvious(images):
    """(x − min) / (max − min) by band over the pixels of all images, double precision; 0 where max = min."""
    pixels = np.concatenate([image.reshape(-1, image.shape[-1]) for image in images]).astype(np.float64)
    scaled = np.zeros_like(pixels)
    for band in range(pixels.shape[1]):
        low, high = pixels[:, band].min(), pixels[:, band].max()
        for pixel in range(len(pixels)):
            if high > low:
                scaled[pixel, band] = (pixels[pixel, band] - low) / (high - low)
    return scaled


def scaled(images, ranges=None, keep=None):
    """What `fill_pixels` writes for all images, one after the other. Prefilled with NaN, so that gaps show."""
    ranges = band_ranges(images) if ranges is None else ranges
    parts = []
    for image in images:
        size = image.shape[0] * image.shape[1] if keep is None else len(keep)
        target = np.full((size, image.shape[2]), np.nan, dtype=np.float32)
        fill_pixels(target, image, keep, ranges)
        parts.append(target)
    return np.concatenate(parts)


def random_images(seed, dtype=np.float32, bands=4, shapes=((3, 5), (4, 2), (1, 1))):
    rng = np.random.default_rng(seed)
    if np.issubdtype(dtype, np.integer):
        info = np.iinfo(dtype)
        return [rng.integers(info.min, info.max, (*shape, bands), endpoint=True, dtype=dtype) for shape in shapes]
    return [(rng.normal(size=(*shape, bands)) * 100).astype(dtype) for shape in shapes]


# Band 0: values 2, 4, 6, 10, range 8: 0, 0.25, 0.5, 1. Band 1: values 0, 0, 5, −5, range 10: 0.5, 0.5, 1, 0.
def test_by_hand_over_two_images():
    first = np.array([[[2, 0], [4, 0]]], dtype=np.float32)
    second = np.array([[[6, 5], [10, -5]]], dtype=np.float32)
    low, high = band_ranges([first, second])
    assert low.tolist() == [2, -5]
    assert high.tolist() == [10, 5]
    assert low.dtype == high.dtype == np.float64
    assert scaled([first, second]).tolist() == [[0, 0.5], [0.25, 0.5], [0.5, 1], [1, 0]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, np.int8, np.uint16, np.int16, np.int32, ">u2"])
def test_formula_on_images_of_any_type(dtype):
    images = random_images(0, np.dtype(dtype).newbyteorder("=").type)
    images = [image.astype(dtype) for image in images]
    found = scaled(images)
    np.testing.assert_allclose(found, obvious(images), rtol=1e-6, atol=1e-7)
    assert found.min() == 0
    assert found.max() == 1


_IMAGE = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 4), st.just(2)),
    elements=st.floats(-(2.0**17), 2.0**17, width=32, allow_subnormal=False),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(_IMAGE, min_size=1, max_size=3))
def test_formula_on_any_images(images):
    found = scaled(images)
    np.testing.assert_allclose(found, obvious(images), rtol=1e-5, atol=1e-7)
    assert found.min() >= 0
    assert found.max() <= 1


# The second band is 7 everywhere: 0, not 0/0.
@pytest.mark.parametrize("dtype", [np.float32, np.uint16])
def test_constant_band_becomes_zero(dtype):
    image = np.array([[[1, 7, 3], [2, 7, 5]]], dtype=dtype)
    assert scaled([image, image]).tolist() == [[0, 0, 0], [1, 0, 1]] * 2


# A band constant in each image, 1 and 3, is not constant over both.
def test_band_constant_in_each_image_only_keeps_its_difference():
    images = [np.full((1, 2, 1), value, dtype=np.uint8) for value in (1, 3)]
    assert scaled(images).tolist() == [[0], [0], [1], [1]]


def test_all_images_constant_is_all_zero():
    assert scaled([np.full((2, 2, 3), 0.1, dtype=np.float32)] * 2).tolist() == [[0, 0, 0]] * 8


# Values 2²³ + 0, 1, 2, 3, range 3: thirds. x · factor − low · factor in float32 would take differences of numbers near
# 2.8 · 10⁶, known to 0.25 only.
def test_large_offset_with_small_spread_in_float32():
    image = (2**23 + np.array([[[0], [1], [2], [3]]])).astype(np.float32)
    np.testing.assert_allclose(scaled([image]).ravel(), [0, 1 / 3, 2 / 3, 1], rtol=1e-6)


# 10⁹ + 0 … 4: float32 knows only multiples of 64 there, so the difference must be taken before the conversion.
@pytest.mark.parametrize("dtype", [np.int32, np.float64])
def test_large_offset_with_small_spread_beyond_float32(dtype):
    image = (10**9 + np.array([[[0], [1], [2], [4]]])).astype(dtype)
    assert scaled([image]).ravel().tolist() == [0, 0.25, 0.5, 1]


# 2²⁴ lies in the middle of 2²⁴ ± 1, which float32 does not hold: the ranges may come from images of another type.
def test_ranges_that_float32_does_not_hold():
    pixel = np.full((1, 1, 1), 2**24, np.float32)
    ends = [np.full((1, 1, 1), 2**24 + step, np.int32) for step in (-1, 1)]
    assert scaled([pixel, *ends])[0] == 0.5


# The range 6 · 10³⁸ is beyond float32.
def test_range_beyond_float32():
    image = np.array([[[-3e38], [0], [3e38]]], np.float32)
    np.testing.assert_allclose(scaled([image]).ravel(), [0, 0.5, 1])


@pytest.mark.parametrize("kept", [None, [0, 5, 40, 2400, 2429]])
def test_images_that_lie_band_after_band_give_the_same(kept):
    image = np.random.default_rng(3).random((90, 27, 5), dtype=np.float32)
    ranges = band_ranges([image])
    keep = None if kept is None else np.array(kept)
    for order in (np.asfortranarray(image), image.transpose(1, 0, 2).copy().transpose(1, 0, 2)):
        np.testing.assert_array_equal(band_ranges([order]), ranges)
        np.testing.assert_array_equal(scaled([order], keep=keep), scaled([image], keep=keep))


# 100 − (−100) = 200 does not fit int8; 0 lies in the middle of the range.
def test_range_of_signed_bytes_does_not_wrap_around():
    image = np.array([[[-100], [0], [100]]], dtype=np.int8)
    assert scaled([image]).ravel().tolist() == [0, 0.5, 1]


# --- positions to keep -----------------------------------------------------------------------------------------------


# Pixels 1 and 3 of four, scaled with the range of all four, 0 … 8.
def test_kept_positions_are_scaled_with_the_range_of_all():
    image = np.array([[[0], [2]], [[8], [4]]], dtype=np.float32)
    assert scaled([image], keep=np.array([1, 3])).ravel().tolist() == [0.25, 0.5]


@pytest.mark.parametrize("with_ranges", [True, False])
def test_no_kept_position_writes_nothing(with_ranges):
    image = random_images(1)[0]
    target = np.empty((0, 4), dtype=np.float32)
    fill_pixels(target, image, np.array([], dtype=np.int64), band_ranges([image]) if with_ranges else None)
    assert target.shape == (0, 4)


# Around the block of 8192 pixels; the value is the number of the pixel, so that any shift shows.
@pytest.mark.parametrize("pixels", [8191, 8192, 8193, 16384, 16385])
@pytest.mark.parametrize("step", [None, 1, 3])
def test_block_boundaries(pixels, step):
    image = np.arange(pixels, dtype=np.float32).reshape(1, pixels, 1)
    keep = None if step is None else np.arange(0, pixels, step)
    expected = np.arange(0, pixels, step or 1)
    plain = np.full((len(expected), 1), np.nan, dtype=np.float32)
    fill_pixels(plain, image, keep, None)
    assert plain.ravel().tolist() == expected.tolist()
    found = scaled([image], keep=keep)
    np.testing.assert_allclose(found.ravel(), expected / (pixels - 1), rtol=1e-6)


# --- masked pixels ---------------------------------------------------------------------------------------------------


# Pixels 1 and 3 are masked: the range is that of 2 and 6, and masked pixels are 0.
@pytest.mark.parametrize("bad", [np.nan, np.inf, -3.4e38, 1000])
def test_masked_pixels_by_hand(bad):
    image = np.array([[[2], [bad]], [[6], [bad]]], dtype=np.float32)
    valid = np.array([[True, False], [True, False]])
    low, high = ranges = band_ranges([image], [valid])
    assert (low.tolist(), high.tolist()) == ([2], [6])
    target = np.full((4, 1), -5, dtype=np.float32)
    fill_pixels(target, image, None, ranges, valid)
    assert target.ravel().tolist() == [0, 0, 1, 0]
    fill_pixels(target, image, None, None, valid)
    assert target.ravel().tolist() == [2, 0, 6, 0]
    kept = np.full((1, 1), -5, dtype=np.float32)
    fill_pixels(kept, image, np.array([2]), ranges, valid)
    assert kept.tolist() == [[1]]


# Of the two images of one mask and one without, in the types and orders in memory of files; more than a block each.
@pytest.mark.parametrize(("dtype", "bad"), [("float32", np.nan), ("float64", 1e300), ("uint16", 0), ("int64", 2**62)])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(120, 90), (2, 9000)])
def test_masked_pixels_have_no_part_in_anything(shape, order, dtype, bad):
    rng = np.random.default_rng(0)
    first, second = (rng.integers(5, 1000, (*shape, 3)).astype(dtype, order=order) for _ in range(2))
    valid = rng.random(shape) < 0.8
    valid[: shape[0] // 2, : shape[1] // 2] = False
    first[~valid] = bad
    low, high = ranges = band_ranges([first, second], [valid, None])
    expected = np.concatenate([first[valid], second.reshape(-1, 3)])
    assert low.tolist() == expected.min(axis=0).tolist()
    assert high.tolist() == expected.max(axis=0).tolist()
    original = first.copy()
    for scale in (ranges, None):
        target = np.full((valid.size, 3), np.nan, dtype=np.float32)
        fill_pixels(target, first, None, scale, valid)
        assert not target[~valid.ravel()].any()
        wanted = first[valid].astype(np.float64)
        np.testing.assert_allclose(
            target[valid.ravel()], wanted if scale is None else (wanted - low) / (high - low), rtol=1e-6, atol=1e-7
        )
    np.testing.assert_array_equal(first, original)


# --- without scaling -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, np.uint16])
def test_without_ranges_values_are_copied_in_row_major_order(dtype):
    image = np.arange(2 * 3 * 2).reshape(2, 3, 2).astype(dtype)
    target = np.full((6, 2), np.nan, dtype=np.float32)
    fill_pixels(target, image, None, None)
    assert target.tolist() == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10, 11]]


def test_writes_into_a_view_and_nowhere_else():
    image = random_images(2)[0]
    pairs = np.full((17, 2, 4), -5, dtype=np.float32)
    fill_pixels(pairs[1:16, 1], image, None, None)
    np.testing.assert_array_equal(pairs[1:16, 1], image.reshape(15, 4))
    assert (pairs[:, 0] == -5).all()
    assert (pairs[[0, 16], 1] == -5).all()


def test_images_and_ranges_are_not_mutated():
    images = random_images(3)
    ranges = band_ranges(images)
    copies = [array.copy() for array in (*images, *ranges)]
    scaled(images, ranges)
    for array, copy in zip((*images, *ranges), copies, strict=True):
        np.testing.assert_array_equal(array, copy, strict=True)


def test_transposed_image():
    image = np.asfortranarray(random_images(4)[0])
    np.testing.assert_allclose(scaled([image]), obvious([image]), rtol=1e-6, atol=1e-7)
