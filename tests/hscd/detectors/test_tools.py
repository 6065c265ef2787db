"""Samples, scaled bands and products that detectors share."""

import numpy as np
import pytest

import hscd.scenes.scene
from detector_scenes import changed_pair, scene_of
from hscd.detectors.tools import samples
from hscd.detectors.tools.products import CHUNK, linear
from hscd.detectors.tools.reweighted import moments, whitener
from hscd.detectors.tools.samples import positions, sampled_pairs
from hscd.detectors.tools.scaling import standard
from hscd.system.errors import InputError


def masked(shape=(40, 50), seed=0):
    valid = np.random.default_rng(seed).random(shape) > 0.6
    valid[7] = False
    return valid


def test_positions_are_random_valid_pixels_each_once_and_all_if_there_are_fewer():
    before, after, _ = changed_pair()
    scene = scene_of(before, after, masked())
    every = np.flatnonzero(masked())
    np.testing.assert_array_equal(positions(scene, np.random.default_rng(0), 10_000), every)
    some = positions(scene, np.random.default_rng(0), 100)
    assert len(np.unique(some)) == 100
    assert np.isin(some, every).all()
    assert (np.diff(some) > 0).all()
    assert (positions(scene, np.random.default_rng(1), 100) != some).any()
    # A pixel is drawn as often as another: 2,000 draws of 100 of n pixels, each expected 2,000 · 100 / n times.
    rng = np.random.default_rng(0)
    counts = np.bincount(np.concatenate([positions(scene, rng, 100) for _ in range(2000)]), minlength=2000)[every]
    expected = 2000 * 100 / len(every)
    assert np.abs(counts - expected).max() < 6 * np.sqrt(expected)


def test_a_sample_has_no_more_values_than_fit(monkeypatch):
    monkeypatch.setattr(samples, "_VALUES", 1200)
    before, after, _ = changed_pair()  # six bands: twelve values a pair
    assert sampled_pairs(scene_of(before, after), np.random.default_rng(0), 500).shape == (100, 2, 6)


def test_a_sample_does_not_depend_on_the_windows(monkeypatch):
    before, after, _ = changed_pair()
    whole = sampled_pairs(scene_of(before, after, masked()), np.random.default_rng(0), 99)
    monkeypatch.setattr(hscd.scenes.scene, "_WINDOW_BYTES", 1000)
    np.testing.assert_array_equal(sampled_pairs(scene_of(before, after, masked()), np.random.default_rng(0), 99), whole)


def test_nothing_to_sample_is_an_input_error():
    before, after, changed = changed_pair()
    with pytest.raises(InputError, match="no pixel is valid"):
        positions(scene_of(before, after, np.zeros(changed.shape, bool)), np.random.default_rng(0), 5)


# 0 … 100: the quantiles of 10 % and 90 % are 10 and 90; a tenth of their span of 80 further they are 2 and 98.
def test_limits_of_a_band_by_hand():
    values = np.arange(101, dtype=np.float32)[:, None]
    scaling = standard(values, clip=0.1, widen=0.1)
    assert (scaling.low[0], scaling.high[0]) == pytest.approx((2, 98))
    found = scaling.apply(values)
    assert (found.mean(), found.std()) == pytest.approx((0, 1), abs=1e-5)
    assert found[0] == found[2]
    assert scaling.apply(np.float32([[1e9]])) == found[-1]


@pytest.mark.parametrize("value", [0, 0.1, 1234.567, -1e20])
def test_a_constant_band_is_zero(value):
    values = np.full((500, 1), value, np.float32)
    assert not standard(values).apply(values).any()
    assert not standard(values, 0.001, 0.3).apply(values).any()


def test_products_equal_numpy_and_do_not_depend_on_how_many_pixels_there_are():
    rng = np.random.default_rng(0)
    spectra, matrix = rng.normal(5, 2, (CHUNK + 37, 9)).astype(np.float32), rng.normal(0, 1, (4, 9))
    scaling = standard(spectra)
    whole = linear(scaling, spectra, matrix)
    np.testing.assert_allclose(whole, matrix @ scaling.apply(spectra).T, atol=1e-5)
    for some in (slice(0, 1), slice(5, 6), slice(30, 1000), slice(CHUNK, CHUNK + 37)):
        np.testing.assert_array_equal(linear(scaling, spectra[some], matrix), whole[:, some])


def test_moments():
    rng = np.random.default_rng(0)
    values, weights = rng.normal(3, 2, (9000, 3)).astype(np.float32), rng.uniform(0, 1, 9000)
    mean, covariance = moments(values, weights)
    np.testing.assert_allclose(mean, np.average(values, axis=0, weights=weights), rtol=1e-6)
    np.testing.assert_allclose(covariance, np.cov(values.T, aweights=weights, ddof=0), rtol=1e-5, atol=1e-5)


# The third value is the sum of the others: two directions are left.
def test_a_whitener_leaves_out_what_does_not_vary():
    values = np.random.default_rng(0).normal(0, 1, (2, 500))
    covariance = np.cov(np.vstack([values, values.sum(axis=0)]))
    found = whitener(covariance)
    assert found.shape == (2, 3)
    np.testing.assert_allclose(found @ covariance @ found.T, np.eye(2), atol=1e-9)
    assert whitener(np.zeros((3, 3))).shape == (0, 3)
