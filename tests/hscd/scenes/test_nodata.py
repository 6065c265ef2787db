"""Which pixels hold data, against loops over their values, in every memory order and number type."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hscd.scenes.nodata import suspect_bands, suspects, valid_pixels

NAN, INF = math.nan, math.inf


def slow_valid(images, nodata):
    """Pixel by pixel, band by band; nodata rounded to the image's type where that is floating-point."""
    rows, columns, _ = images[0].shape
    valid = np.ones((rows, columns), dtype=bool)
    for image in images:
        value = float(image.dtype.type(nodata)) if image.dtype.kind == "f" else nodata
        for row in range(rows):
            for column in range(columns):
                for stored in image[row, column].tolist():
                    if not math.isfinite(stored) or stored == value:
                        valid[row, column] = False
    return valid


def assert_valid(images, nodata, expected):
    """None stands for a mask of True only."""
    found = valid_pixels(images, [nodata] * len(images))
    if np.all(expected):
        assert found is None
    else:
        assert found.dtype == bool
        assert found.tolist() == np.asarray(expected).tolist()


# Pixel 0 is nodata in one band of the first image, pixel 2 in all bands of the second.
def test_a_pixel_is_masked_by_any_band_of_any_image():
    before = np.array([[[0, 5], [1, 2], [3, 4]]], dtype=np.uint8)
    after = np.array([[[6, 5], [1, 2], [0, 0]]], dtype=np.uint8)
    assert_valid([before, after], 0, [[False, True, False]])
    assert_valid([before], 0, [[False, True, True]])
    assert_valid([after, before], 7, True)


@pytest.mark.parametrize("nodata", [NAN, -9999.0])
@pytest.mark.parametrize("bad", [NAN, INF, -INF])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_pixels_that_are_not_finite_are_masked_whatever_nodata_is(dtype, bad, nodata):
    image = np.ones((2, 2, 3), dtype=dtype)
    image[1, 0, 2] = bad
    assert_valid([np.ones_like(image), image], nodata, [[True, True], [False, True]])


@pytest.mark.parametrize(
    ("dtype", "nodata"),
    [
        *((dtype, 0.0) for dtype in ("bool", "uint8", "uint16", "int16", "int32", "int64", "float32", "float64")),
        *((dtype, -1.0) for dtype in ("int8", "int16", "int32", "float32", ">f4", ">i2")),
        ("uint8", 255.0),
        ("uint16", 65535.0),
        ("int16", -32768.0),
        # float32 holds neither exactly; 1e-4 is 9.99999974737875…e-05 there.
        ("float32", 1e-4),
        ("float64", 1e-4),
        ("float32", -3.4028235e38),
        ("float64", -3.4028235e38),
        ("float64", -1.7976931348623157e308),
    ],
)
def test_nodata_is_found_as_the_type_stores_it(dtype, nodata):
    image = np.ones((2, 3, 2), dtype=dtype)
    image[0, 1, 1] = np.array(nodata).astype(dtype)
    assert_valid([image], nodata, [[True, False, True], [True, True, True]])
    assert_valid([np.ones_like(image)], nodata, True)


# What a type does not hold is nowhere in an image of it: no value wraps around or is rounded to another.
@pytest.mark.parametrize(
    ("dtype", "stored", "nodata"),
    [
        ("uint8", 0, 256.0),
        ("uint8", 241, -9999.0),  # −9999 modulo 256
        ("uint16", 32768, -32768.0),
        ("int16", -1, 65535.0),
        ("uint8", 0, 0.5),
        ("uint8", 0, 1e-4),
        ("uint16", 0, 1e300),
        ("uint8", 0, NAN),
        ("int64", 2**53 + 1, 2.0**53),
        ("float64", float(np.float32(1e-4)), 1e-4),
    ],
)
def test_nodata_that_the_type_does_not_hold(dtype, stored, nodata):
    assert valid_pixels([np.full((2, 2, 2), stored, dtype=dtype)], [nodata]) is None


# Beyond float32, nodata is infinite there; finite values stay.
def test_nodata_beyond_the_type():
    image = np.array([[[np.finfo(np.float32).max], [INF]]], dtype=np.float32)
    assert_valid([image], 1e300, [[True, False]])


def orders(image):
    """The same image, its values in several orders in memory."""
    yield np.ascontiguousarray(image)
    yield np.asfortranarray(image)
    yield image.transpose(2, 0, 1).copy().transpose(1, 2, 0)  # band after band, row-major
    yield image[::-1].copy()[::-1]
    yield np.repeat(image, 2, axis=1)[:, ::2]


# More pixels than a block of 8192: in several blocks of rows or columns, some without a masked pixel.
@pytest.mark.parametrize("shape", [(200, 100), (3, 9000), (9000, 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.uint16])
def test_every_memory_order_gives_the_same(shape, dtype):
    rng = np.random.default_rng(0)
    image = rng.integers(1, 100, (*shape, 3)).astype(dtype)
    expected = np.ones(shape, dtype=bool)
    for pixel in rng.integers(0, expected.size // 2, 50):
        image.reshape(-1, 3)[pixel, rng.integers(3)] = 0
        expected.flat[pixel] = False
    for order in orders(image):
        assert_valid([order, np.ones_like(order)], 0.0, expected)


_VALUES = st.sampled_from([0.0, 1.0, -1.0, 1e-4, NAN, INF])


@settings(max_examples=100, deadline=None)
@given(
    images=st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 3)).flatmap(
        lambda shape: st.lists(hnp.arrays(np.float32, shape, elements=st.floats(width=32) | _VALUES.map(np.float32)),
                               min_size=1, max_size=2)
    ),
    nodata=_VALUES.filter(lambda value: value != INF),
)  # fmt: skip
def test_any_images(images, nodata):
    originals = [image.copy() for image in images]
    assert_valid(images, nodata, slow_valid(images, nodata))
    for image, original in zip(images, originals, strict=True):
        np.testing.assert_array_equal(image, original)


# Bands 2 and 3 of 4 are -32768 everywhere, band 4 is 7 everywhere, which may be measured.
@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        ([1, -32768, -32768, 7], [5, -32768, -32768, 7],
         "bands 12–13 are -32768 in every pixel; if that means no data: bad_bands = 12-13"),
        ([1, -9999, 0, 7], [5, -9999, 3, 7], "band 12 is -9999 in every pixel; if that means no data: bad_bands = 12"),
        ([1, -9999, -9999, 7], [5, 4, 3, 7], ""),
    ],
)  # fmt: skip
def test_bands_of_one_customary_value_are_told(low, high, said):
    ranges = np.array(low, float), np.array(high, float)
    assert suspect_bands(ranges, np.arange(11, 15)) == said
    assert suspects(Counter(), 10, ranges, np.arange(11, 15)) == ([said] if said else [])
    assert suspect_bands(None, np.arange(11, 15)) == ""
