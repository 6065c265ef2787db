"""Distances on NumPy arrays against slow loops in double precision; `pixel_distances` on whole images."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hscd.detectors import spectral
from hscd.detectors.spectral import pixel_distances
from hscd.heads import HEADS, by_function
from hscd.heads.cosine import cosine_dist
from hscd.heads.euclidean import euclidean_dist
from hscd.heads.spectral_angle import SAM
from hscd.system.backend import keras

# The floor under the root of the Euclidean distance, Keras' fuzz factor: identical spectra are sqrt(1e-7) apart.
FLOOR = math.sqrt(1e-7)


def slow_euclidean(x, y):
    """The formula of section 6 on two lists of numbers."""
    return math.sqrt(max(math.fsum((float(a) - float(b)) ** 2 for a, b in zip(x, y, strict=True)), 1e-7))


def slow_angle(x, y):
    """The angle of two lists of numbers; between zero and something it is π/2, between two zeros 0.

    2·atan2(|u−v|, |u+v|) of the unit vectors u, v (Kahan) is accurate for small angles too, unlike an arc cosine.
    """
    x, y = [float(a) for a in x], [float(b) for b in y]
    norm_x, norm_y = math.hypot(*x), math.hypot(*y)
    if norm_x == 0 or norm_y == 0:
        return 0.0 if norm_x == norm_y else math.pi / 2
    apart = math.hypot(*(a / norm_x - b / norm_y for a, b in zip(x, y, strict=True)))
    along = math.hypot(*(a / norm_x + b / norm_y for a, b in zip(x, y, strict=True)))
    return 2 * math.atan2(apart, along)


def slow_cosine(x, y):
    """1 − cos θ = 2 sin²(θ/2) of the slow angle, so that small ones keep their digits; of zero and something 1."""
    return 2 * math.sin(slow_angle(x, y) / 2) ** 2


SLOW = {"COS": slow_cosine, "ED": slow_euclidean, "SAM": slow_angle}


def slow(name, first, second):
    return np.array([SLOW[name](x, y) for x, y in zip(first, second, strict=True)])


def random_pairs(seed, pixels=200, bands=6, dtype=np.float32):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(pixels, bands)).astype(dtype), rng.normal(size=(pixels, bands)).astype(dtype)


def edge_pairs():
    """Zero, equal, opposite, parallel, perpendicular, tiny and huge spectra, each against each."""
    spectra = np.array(
        [
            [0, 0, 0],
            [1, 0, 0],
            [-1, 0, 0],
            [0, 2, 0],
            [1, 1, 1],
            [3, 3, 3],
            [1e-3, 0, 1e-3],
            [1e4, 2e4, 3e4],
            [0.1, 0.2, 0.3],
        ],
        dtype=np.float32,
    )
    first, second = np.meshgrid(np.arange(len(spectra)), np.arange(len(spectra)), indexing="ij")
    return spectra[first.ravel()], spectra[second.ravel()]


# --- against the loops -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SLOW)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bands", [1, 2, 6, 224])
def test_random_spectra(name, dtype, bands):
    first, second = random_pairs(bands, bands=bands, dtype=dtype)
    np.testing.assert_allclose(HEADS[name].function(first, second), slow(name, first, second), rtol=1e-6, atol=1e-7)


# Double precision rounds by 1.1e-16, so an angle is right to some 1e-16, also where it is 0.
@pytest.mark.parametrize("name", SLOW)
def test_edge_case_spectra(name):
    first, second = edge_pairs()
    found = HEADS[name].function(first, second)
    np.testing.assert_allclose(found, slow(name, first, second), rtol=1e-6, atol=1e-15)


_VALUE = st.floats(-1e3, 1e3, width=32).filter(lambda value: value == 0 or abs(value) > 1e-3)
_PAIR = hnp.arrays(np.float32, st.tuples(st.just(2), st.integers(1, 8)), elements=_VALUE)


@settings(max_examples=150, deadline=None)
@given(_PAIR)
def test_any_spectra(pair):
    first, second = pair[:, None]
    for name in SLOW:
        found = HEADS[name].function(first, second)
        np.testing.assert_allclose(found, slow(name, first, second), rtol=1e-5, atol=1e-7)


# --- values by hand --------------------------------------------------------------------------------------------------


# 3-4-5 triangle: sqrt(3² + 4²) = 5.
def test_euclidean_distance_by_hand():
    assert euclidean_dist(np.array([1.0, 1.0]), np.array([4.0, 5.0])) == pytest.approx(5, rel=1e-12)


# (1,0) and (1,1): 45°. (1,0) and (0,5): 90°. (1,0) and (−1,√3): 120°, as cos = −1/2.
@pytest.mark.parametrize(
    ("other", "degrees"), [([1, 1], 45), ([0, 5], 90), ([-1, math.sqrt(3)], 120), ([2, 0], 0), ([-3, 0], 180)]
)
def test_spectral_angle_and_cosine_distance_by_hand(other, degrees):
    pair = np.array([1.0, 0.0]), np.array(other, dtype=np.float64)
    assert SAM(*pair) == pytest.approx(math.radians(degrees), abs=1e-12)
    assert cosine_dist(*pair) == pytest.approx(1 - math.cos(math.radians(degrees)), abs=1e-12)


# Of an angle of 1e-6 the cosine is 1 − 5e-13, which float32 rounds to 1: the distance is still half of the square. The
# angle itself is that of float32 numbers, right to 6e-8 of 1e-6.
def test_cosine_distance_of_a_small_angle_keeps_its_digits_in_float32():
    first, second = np.array([[1, 0]], np.float32), np.array([[1, 1e-6]], np.float32)
    found = keras.ops.convert_to_numpy(cosine_dist(*map(keras.ops.convert_to_tensor, (first, second))))
    assert found == pytest.approx(5e-13, rel=1e-5)


def test_identical_spectra():
    first, _ = random_pairs(0)
    np.testing.assert_allclose(euclidean_dist(first, first), FLOOR, rtol=1e-6)
    assert (SAM(first, first) == 0).all()


def test_zero_spectra_have_a_defined_angle():
    zero, other = np.zeros((1, 4)), np.array([[0.2, 0.0, 0.4, 0.1]])
    assert SAM(zero, other) == pytest.approx(math.pi / 2, abs=1e-12)
    assert SAM(other, zero) == pytest.approx(math.pi / 2, abs=1e-12)
    assert SAM(zero, zero) == 0


def test_zero_spectra_have_the_floor_as_euclidean_distance():
    zero = np.zeros((2, 4), dtype=np.float32)
    np.testing.assert_allclose(euclidean_dist(zero, zero), FLOOR, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_opposite_spectra(dtype):
    first, _ = random_pairs(1, dtype=dtype)
    assert (SAM(first, -first) == math.pi).all()


# A product in float32 is rounded by 2⁻²⁴ of it, by which the direction may turn.
def test_parallel_spectra():
    first, _ = random_pairs(2, pixels=5000, bands=7)
    for factor in (1, 3, 0.1, -1, -7):
        angle = SAM(first, first * np.float32(factor))
        assert angle.min() >= 0
        assert angle.max() <= math.pi
        np.testing.assert_allclose(angle, 0 if factor > 0 else math.pi, atol=2.0**-24)


# Squares of 1e30 overflow in float32, and those of 1e-30 vanish.
@pytest.mark.parametrize("scale", [1e30, 1e-30])
def test_huge_and_tiny_spectra(scale):
    first, second = (spectra * np.float32(scale) for spectra in random_pairs(8))
    np.testing.assert_allclose(SAM(first, second), slow("SAM", first, second), rtol=1e-14)
    np.testing.assert_allclose(pixel_distances(first, second, SAM), slow("SAM", first, second), rtol=2.0**-24)


# The angle between (1, 0) and (1, t) is atan t, and t = 2⁻ᵏ is exact in float32. The arc cosine of 1 − t²/2 would be 0
# for the smallest, also in double precision. Here some roundings of 1.1e-16 are left, of numbers about 1.
@pytest.mark.parametrize("power", range(0, 30, 2))
def test_small_angles(power):
    tangent = 2.0**-power
    first, second = np.array([[1, 0]], dtype=np.float32), np.array([[1, tangent]], dtype=np.float32)
    assert SAM(first, second) == pytest.approx(math.atan(tangent), rel=1e-15, abs=1e-15)
    assert pixel_distances(first, second, SAM) == pytest.approx(math.atan(tangent), rel=2.0**-24)


# 2⁻¹² = 2.44e-4, less than the floor of 3.2e-4 but 2⁻¹¹ is more.
def test_small_euclidean_distances_are_exact_down_to_the_floor():
    base = np.array([[1, 0]], dtype=np.float32)
    above, below = (base + np.array([[0, 2.0**-power]], dtype=np.float32) for power in (11, 12))
    assert euclidean_dist(base, above) == pytest.approx(2.0**-11, rel=1e-7)
    assert euclidean_dist(base, below) == pytest.approx(FLOOR, rel=1e-7)


@pytest.mark.parametrize("factor", [1e-3, 0.5, 1e4])
def test_angle_does_not_depend_on_brightness(factor):
    first, second = random_pairs(3, dtype=np.float64)
    np.testing.assert_allclose(SAM(first * factor, second), SAM(first, second), rtol=1e-9)
    np.testing.assert_allclose(SAM(first * factor, second * factor), SAM(first, second), rtol=1e-9)


@pytest.mark.parametrize("name", SLOW)
def test_input_is_not_mutated(name):
    first, second = random_pairs(4)
    copies = first.copy(), second.copy()
    HEADS[name].function(first, second)
    np.testing.assert_array_equal(first, copies[0])
    np.testing.assert_array_equal(second, copies[1])


# --- whole images ----------------------------------------------------------------------------------------------------


# 10 − 200 = −190, in uint8 66; sqrt(2 · 190²) = 268.70. The other way round there is nothing to wrap.
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.uint32])
def test_unsigned_numbers_do_not_wrap_around(dtype):
    first = np.array([[10, 10], [200, 200]], dtype=dtype)
    found = pixel_distances(first, first[::-1], euclidean_dist)
    np.testing.assert_allclose(found, [190 * math.sqrt(2)] * 2, rtol=1e-6)


# 60000² = 3.6e9 does not fit uint16 or int32; the angle between (60000, 0) and (60000, 60000) is 45°.
# (3, 250) and (250, 3) differ by 247 in both bands.
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint64, np.int8])
def test_formulas_of_integers_do_not_wrap_around(dtype):
    low, high = (3, 250) if dtype != np.int8 else (-120, 127)
    first, second = np.array([[low, high]], dtype), np.array([[high, low]], dtype)
    assert euclidean_dist(first, second) == pytest.approx(247 * math.sqrt(2))


def test_products_of_large_integers_do_not_overflow():
    first = np.array([[60000, 0]], dtype=np.uint16)
    second = np.array([[60000, 60000]], dtype=np.uint16)
    assert pixel_distances(first, second, SAM) == pytest.approx(math.pi / 4, rel=1e-6)
    assert pixel_distances(first, second, euclidean_dist) == pytest.approx(60000, rel=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
@pytest.mark.parametrize("name", SLOW)
def test_random_integer_images(name, dtype):
    rng = np.random.default_rng(5)
    first, second = rng.integers(0, np.iinfo(dtype).max, (2, 150, 5)).astype(dtype)
    found = pixel_distances(first, second, HEADS[name].function)
    np.testing.assert_allclose(found, slow(name, first, second), rtol=1e-6, atol=1e-6)


# Around a block of 1024 pixels: a pixel left out, doubled or shifted changes the values, as all are different.
@pytest.mark.parametrize("pixels", [0, 1, 2, 1023, 1024, 1025, 2047, 2048, 2049, 3000])
@pytest.mark.parametrize("name", SLOW)
def test_block_boundaries(name, pixels, monkeypatch):
    monkeypatch.setattr(spectral, "_BLOCK_VALUES", 3 * 1024)
    first, second = random_pairs(6, pixels=pixels, bands=3)
    found = pixel_distances(first, second, HEADS[name].function)
    assert found.shape == (pixels,)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, slow(name, first, second), rtol=1e-6, atol=1e-7)


# An image is measured window by window, and each window block by block: a pixel must not notice where they begin.
@pytest.mark.parametrize("name", SLOW)
@pytest.mark.parametrize("bands", [1, 5, 52, 224])
def test_the_distance_of_a_pixel_does_not_depend_on_others(name, bands):
    first, second = random_pairs(9, pixels=3001, bands=bands)
    function = HEADS[name].function
    whole = pixel_distances(first, second, function)
    for size in (1, 7, 100, 520, 1024):
        for start in range(0, min(3001, 50 * size), size):
            part = slice(start, start + size)
            np.testing.assert_array_equal(pixel_distances(first[part], second[part], function), whole[part])


# More bands than the values of a block.
def test_a_single_spectrum_fits_a_block(monkeypatch):
    monkeypatch.setattr(spectral, "_BLOCK_VALUES", 4)
    first, second = random_pairs(10, pixels=5, bands=6)
    np.testing.assert_allclose(pixel_distances(first, second, SAM), slow("SAM", first, second), rtol=1e-6)


# Pixel (1, 2) of a 3 × 4 image is number 1 · 4 + 2 = 6.
def test_pixels_of_an_image_are_row_major():
    first = np.zeros((3, 4, 2))
    second = first.copy()
    second[1, 2] = [3, 4]
    found = pixel_distances(first, second, euclidean_dist)
    assert found.shape == (12,)
    assert np.flatnonzero(found > 1).tolist() == [6]
    assert found[6] == pytest.approx(5)


# The stages pass views into one (pixels, 2, bands) array.
def test_views_that_are_not_contiguous():
    pairs = np.random.default_rng(7).normal(size=(1500, 2, 4)).astype(np.float32)
    found = pixel_distances(pairs[:, 0], pairs[:, 1], euclidean_dist)
    np.testing.assert_allclose(found, slow("ED", pairs[:, 0], pairs[:, 1]), rtol=1e-6)


@pytest.mark.parametrize("other", [(4, 5), (5, 4), (20,), (2, 2, 5), (1, 5)])
def test_shape_mismatch_is_an_error(other):
    with pytest.raises(ValueError, match=r"\(4, 6\)") as caught:
        pixel_distances(np.zeros((4, 6)), np.zeros(other), euclidean_dist)
    assert str(other) in str(caught.value)


# --- lookup ----------------------------------------------------------------------------------------------------------


# Section 8: margin 1 and accuracy threshold 0.5 for ED, π/2 and π/4 for SAM. The cosine is 1 at the right angle too.
@pytest.mark.parametrize(
    ("name", "function", "margin", "same_below"),
    [("COS", cosine_dist, 1.0, 0.5), ("ED", euclidean_dist, 1.0, 0.5), ("SAM", SAM, math.pi / 2, math.pi / 4)],
)
def test_lookup_by_function_by_its_name_and_by_configured_name(name, function, margin, same_below):
    distance = HEADS[name]
    assert distance.function is function
    assert (distance.margin, distance.same_below) == (margin, same_below)
    assert by_function(function) is distance
    assert by_function(function.__name__) is distance
    assert by_function(name) is distance


@pytest.mark.parametrize("unknown", ["ed", "", "euclidean", math.hypot, None])
def test_lookup_of_an_unknown_distance_lists_the_known_ones(unknown):
    with pytest.raises(ValueError, match="known: COS, ED, SAM"):
        by_function(unknown)
