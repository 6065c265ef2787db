"""What every distance must satisfy, whatever it measures; the members come from the registry."""

import math

import numpy as np
import pytest

from hscd.detectors.spectral import pixel_distances
from hscd.heads import HEADS, by_function
from hscd.system.backend import keras

pytestmark = pytest.mark.parametrize("distance", HEADS.values(), ids=HEADS.keys())

# Nothing that is zero in exact arithmetic is larger than this in float32: the Euclidean floor is sqrt(1e-7) = 3.2e-4.
ZERO = 1e-3
# Tensors are float32, which rounds by 2⁻²⁴ = 6e-8. A sum of 224 rounded squares, added in any order, is right to
# 225 · 6e-8 = 1.4e-5 at the very worst, and its root to half of that. Near π the next float32 is 2.4e-7 away: an angle,
# twice an arc tangent, is right to two of these.
TENSOR = {"rtol": 7e-6, "atol": 5e-7}


def random_spectra(seed, shape, dtype=np.float32):
    return np.random.default_rng(seed).uniform(0.05, 1, shape).astype(dtype)


def special_pairs():
    """Pairs on which a formula is easily undefined, by name."""
    spectrum = random_spectra(0, 6)
    zero = np.zeros(6, dtype=np.float32)
    first_band, second_band = np.eye(6, dtype=np.float32)[:2]
    return {
        "identical": (spectrum, spectrum),
        "nearly identical": (spectrum, np.nextafter(spectrum, np.float32(2))),
        "parallel": (spectrum, 3 * spectrum),
        "opposite": (spectrum, -spectrum),
        "perpendicular": (first_band, second_band),
        "zero and zero": (zero, zero),
        "zero and other": (zero, spectrum),
        "other and zero": (spectrum, zero),
        "tiny and zero": (zero + np.float32(1e-20), zero),
        "tiny and tiny": (zero + np.float32(1e-20), zero - np.float32(1e-20)),
        "tiny and other": (zero + np.float32(1e-8), spectrum),
        "large": (1e4 * spectrum, 1e4 * random_spectra(1, 6)),
        "constant": (zero + 1, zero + 1),
    }


def test_is_found_under_its_names(distance):
    assert by_function(distance.function) is distance
    assert by_function(distance.function.__name__) is distance
    assert by_function(distance.name) is distance


def test_margin_and_accuracy_threshold_are_usable(distance):
    assert 0 < distance.same_below < distance.margin
    assert math.isfinite(distance.margin)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_are_floats_finite_and_not_negative(distance, dtype):
    first, second = (random_spectra(seed, (500, 7), dtype) - dtype(0.5) for seed in (2, 3))
    found = distance.function(first, second)
    assert found.dtype.kind == "f"
    assert found.shape == (500,)
    assert np.isfinite(found).all()
    assert (found >= 0).all()


@pytest.mark.parametrize("pair", special_pairs())
def test_special_pairs_are_finite_and_not_negative(distance, pair):
    first, second = special_pairs()[pair]
    found = distance.function(first, second)
    assert np.isfinite(found)
    assert found >= 0


def test_is_symmetric(distance):
    first, second = (random_spectra(seed, (500, 7)) - np.float32(0.3) for seed in (4, 5))
    np.testing.assert_allclose(distance.function(first, second), distance.function(second, first), rtol=1e-6)


def test_identical_spectra_are_closer_than_any_others(distance):
    first, second = (random_spectra(seed, (500, 7)) for seed in (6, 7))
    same = distance.function(first, first)
    assert (same < ZERO).all()
    assert (same < distance.function(first, second)).all()
    assert (same < distance.same_below).all()


# Brightness alone is change to some distances and not to others; another spectrum mixed in more and more is to all.
def test_grows_with_change(distance):
    first, second = (random_spectra(seed, (100, 7)) for seed in (8, 9))
    shares = [0, 0.2, 0.4, 0.6, 0.8, 1]
    steps = np.stack([distance.function(first, ((1 - share) * first + share * second)) for share in shares])
    assert (np.diff(steps, axis=0) > 0).all()


# (3, 1, 7) against (4, 7) is broadcast to (3, 4, 7): pixel (i, j) compares spectrum i of one with j of the other.
def test_leading_dimensions_are_broadcast(distance):
    first, second = random_spectra(10, (3, 1, 7)), random_spectra(11, (4, 7))
    found = distance.function(first, second)
    assert found.shape == (3, 4)
    expected = [[float(distance.function(first[i, 0], second[j])) for j in range(4)] for i in range(3)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert distance.function(first[:, 0], second[:3]).shape == (3,)


def test_pixel_distances_are_the_values_of_the_function_in_float32(distance):
    first, second = random_spectra(12, (20, 60, 5)), random_spectra(13, (20, 60, 5))
    found = pixel_distances(first, second, distance.function)
    assert (found.dtype, found.shape) == (np.float32, (1200,))
    np.testing.assert_allclose(found, distance.function(first, second).ravel(), rtol=1e-6)


# --- on tensors ------------------------------------------------------------------------------------------------------


def on_tensors(distance, first, second):
    found = distance.function(keras.ops.convert_to_tensor(first), keras.ops.convert_to_tensor(second))
    return keras.ops.convert_to_numpy(found)


@pytest.mark.parametrize("bands", [1, 7, 224])
def test_tensors_give_the_values_of_arrays(distance, bands):
    first, second = (random_spectra(seed, (300, bands)) - np.float32(0.2) for seed in (14, 15))
    found = on_tensors(distance, first, second)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, distance.function(first, second), **TENSOR)


@pytest.mark.parametrize("pair", special_pairs())
def test_tensors_give_the_values_of_arrays_for_special_pairs(distance, pair):
    first, second = special_pairs()[pair]
    found, expected = on_tensors(distance, first[None], second[None]), distance.function(first[None], second[None])
    np.testing.assert_allclose(found, expected, **TENSOR)


# In a network `==` and other operators that keras.KerasTensor lacks are no operations; and many pairs at a time go
# through other code of TensorFlow than a single one.
def test_a_network_gives_the_values_of_arrays_for_special_pairs(distance):
    first, second = (
        np.repeat(np.stack(spectra), 16, axis=0) for spectra in zip(*special_pairs().values(), strict=True)
    )
    inputs = [keras.Input((6,)) for _ in range(2)]
    found = keras.Model(inputs, distance.function(*inputs)).predict([first, second], verbose=0)
    np.testing.assert_allclose(found, distance.function(first, second), **TENSOR)


def test_tensors_broadcast_too(distance):
    first, second = random_spectra(16, (3, 1, 7)), random_spectra(17, (4, 7))
    np.testing.assert_allclose(on_tensors(distance, first, second), distance.function(first, second), **TENSOR)


def gradients(distance, first, second):
    import tensorflow  # after hscd.system.backend, which keeps its notes quiet

    x, y = tensorflow.Variable(first), tensorflow.Variable(second)
    with tensorflow.GradientTape() as tape:
        value = tensorflow.reduce_sum(distance.function(x, y))
    return [gradient.numpy() for gradient in tape.gradient(value, [x, y])]


# A single NaN among the gradients of a batch makes every weight of the network NaN.
@pytest.mark.parametrize("pair", special_pairs())
def test_gradients_are_finite_for_special_pairs(distance, pair):
    first, second = special_pairs()[pair]
    for gradient in gradients(distance, first[None], second[None]):
        assert np.isfinite(gradient).all()


def test_gradients_of_a_batch_that_holds_all_special_pairs_are_finite(distance):
    first, second = (np.stack(spectra) for spectra in zip(*special_pairs().values(), strict=True))
    for gradient in gradients(distance, first, second):
        assert gradient.shape == first.shape
        assert np.isfinite(gradient).all()


# The oracle is the slope of the distance on arrays in double precision, by central differences with step 1e-6: right to
# 1e-9. In float32 some ten roundings of 6e-8 make 1e-6 of the largest slope, which is some 2.
def test_gradients_are_those_of_the_values(distance):
    first, second = random_spectra(18, (5, 4)), random_spectra(19, (5, 4))
    found = gradients(distance, first, second)
    first, second = first.astype(np.float64), second.astype(np.float64)
    for number, gradient in enumerate(found):
        for band in range(4):
            step = np.zeros(4)
            step[band] = 1e-6
            up, down = (
                distance.function(first + sign * (number == 0) * step, second + sign * (number == 1) * step)
                for sign in (1, -1)
            )
            np.testing.assert_allclose(gradient[:, band], (up - down) / 2e-6, atol=3e-6)
