"""How far places are from each other: by hand, against an integral, and through a saved model."""

import math

import numpy as np
import pytest

from hscd.branches import BRANCHES
from hscd.heads.euclidean import euclidean_dist
from hscd.models import saved
from hscd.scenes.domain_shift import PIXELS, Statistics, domain_shift, from_text, statistics


def one_band(mean, deviation):
    """Statistics that are the same of both dates and their difference."""
    return Statistics(np.full((3, 1), float(mean)), np.full((3, 1), float(deviation)))


# Means 2 apart, deviations 1: B = 4 / (4·2) = 1/2, 2 (1 − e^(−1/2)) = 0.78694.
# The same mean, deviations 1 and 3: B = ln(10 / 6) / 2, e^(−B) = sqrt(6/10), 2 (1 − 0.774597) = 0.450807.
@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((5, 1), (7, 1), 0.78693868), ((5, 1), (5, 3), 0.45080667), ((5, 2), (5, 2), 0),
        ((0, 0), (0, 0), 0), ((0, 0), (1, 0), 2), ((0, 0), (0, 1), 2), ((0, 1), (1e9, 1), 2),
    ],
)  # fmt: skip
def test_distances_by_hand(first, second, expected):
    first, second = one_band(*first), one_band(*second)
    assert domain_shift(first, second) == pytest.approx(expected, abs=1e-8)
    assert domain_shift(second, first) == domain_shift(first, second)


# e^(−B) is the integral of the root of the product of both densities.
def test_distance_is_that_of_the_densities():
    x = np.linspace(-60, 60, 200_001)

    def density(mean, deviation):
        return np.exp(-(((x - mean) / deviation) ** 2) / 2) / (deviation * math.sqrt(2 * math.pi))

    overlap = np.sqrt(density(1, 2) * density(-2, 5)).sum() * (x[1] - x[0])
    assert domain_shift(one_band(1, 2), one_band(-2, 5)) == pytest.approx(2 * (1 - overlap), rel=1e-6)


def test_bands_and_parts_count_alike():
    first = Statistics(np.zeros((3, 2)), np.ones((3, 2)))
    mean = np.zeros((3, 2))
    mean[2, 1] = 2  # of the difference, in one of two bands: 0.78694 of one in six
    assert domain_shift(first, Statistics(mean, np.ones((3, 2)))) == pytest.approx(0.78693868 / 6)
    with pytest.raises(ValueError, match="of 2 and of 1 bands"):
        domain_shift(first, one_band(0, 1))


def test_statistics_are_of_both_dates_and_their_difference():
    pairs = np.array([[[1, 5], [2, 5]], [[3, 5], [8, 6]]], np.float32)
    found = statistics(pairs)
    np.testing.assert_array_equal(found.mean, [[2, 5], [5, 5.5], [3, 0.5]])
    np.testing.assert_array_equal(found.deviation, [[1, 0], [3, 0.5], [2, 0.5]])


def test_statistics_of_many_pairs_are_of_pairs_from_all_over():
    pairs = np.repeat(np.arange(4 * PIXELS, dtype=np.float32), 2).reshape(-1, 2, 1)
    assert statistics(pairs).mean[0, 0] == pytest.approx(2 * PIXELS, rel=1e-3)


@pytest.mark.parametrize("text", ["", "a b c d e f", "1 2 3 4 5 nan", "inf 2 3 4 5 6", "1 2 3 4 5 -6", "1 2 3 4 5 6 7"])
def test_a_text_that_is_none_of_statistics(text):
    assert from_text(text) is None


def test_a_model_remembers_them(tmp_path):
    parameters = {
        "dropout_rate": 0.1, "dropout_rate_1": 0.1, "lr": 1e-3, "layer": 3, "layer_1": 3, "layer_2": 2,
        "score_function": euclidean_dist, "margin": 1.0, "fourth_layer": False, "batch_size": 8,
    }  # fmt: skip
    shapes = BRANCHES["dense"].shapes(4, parameters)
    weights = {str(number): np.zeros(shape, np.float32) for number, shape in enumerate(shapes)}
    pairs = np.random.default_rng(0).uniform(0, 1, (50, 2, 4))
    for name, of in (("with", pairs), ("other", pairs[:, :, :3]), ("without", None)):
        spectra = None if of is None else statistics(of)
        saved.save_model(tmp_path / name, parameters, weights, bands=4, spectra=spectra)
    found = saved.trained_spectra(tmp_path / "with")
    np.testing.assert_allclose(np.stack(found), np.stack(statistics(pairs)), rtol=1e-8)
    assert saved.trained_spectra(tmp_path / "without") is None
    assert saved.trained_spectra(tmp_path / "other") is None  # whose numbers are not those of 4 bands


def test_a_constant_band_is_no_shift_once_saved_and_read():
    pairs = np.full((50, 2, 3), np.float32(0.1))
    pairs[:, :, 1:] = np.random.default_rng(0).random((50, 2, 2), dtype=np.float32)
    found = statistics(pairs)
    assert domain_shift(from_text(found.text), found) == 0
