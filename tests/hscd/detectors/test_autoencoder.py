"""Detectors that are autoencoders: the networks, and what they find."""

import numpy as np
import pytest

from conftest import all_pairs
from detector_scenes import scene_of
from hscd.detectors import DETECTORS, scored
from hscd.detectors.tools import autoencoder
from hscd.detectors.tools.autoencoder import Layers, fitted, sampled
from hscd.detectors.tools.scaling import BandScaling

BANDS = 6


def landscape(seed=0, side=40, bands=BANDS):
    """Two covers in both images, another light in the after image, and where one cover turned into the other one."""
    rng = np.random.default_rng(seed)
    covers = rng.uniform(0.1, 0.9, (2, bands))
    before = rng.integers(0, 2, (side, side))
    changed = np.zeros((side, side), bool)
    changed[5:10, 8:14] = True
    after = np.where(changed, 1 - before, before)
    images = covers[before], covers[after] * 0.7 + 0.1
    noise = rng.normal(0, 0.01, (2, side, side, bands))
    return *(np.float32(image + part) for image, part in zip(images, noise, strict=True)), changed


@pytest.mark.parametrize("name", ["code_distance", "reconstruction"])
def test_a_cover_that_turned_into_another_known_one_is_found(name):
    before, after, changed = landscape()
    scene = scene_of(before, after)
    scores = scored(DETECTORS[name](autoencoder_code=2), scene, np.random.default_rng(0)).scores
    assert scores[changed].min() > np.quantile(scores[~changed], 0.95)


def test_layers_are_applied_as_matrices_say():
    rng = np.random.default_rng(0)
    shapes = [(BANDS, 5), (5, 3), (3, 5), (5, BANDS)]
    layers = Layers(
        tuple(rng.normal(size=shape).astype(np.float32) for shape in shapes),
        tuple(rng.normal(size=shape[1]).astype(np.float32) for shape in shapes),
    )
    scaling = BandScaling(np.full(BANDS, -0.5), np.full(BANDS, 0.9), rng.normal(size=BANDS), rng.uniform(1, 2, BANDS))
    spectra = rng.uniform(-1, 1, (autoencoder.CHUNK + 7, BANDS)).astype(np.float32)
    for of in (layers, layers.encoder):
        expected = (np.clip(spectra, -0.5, 0.9).astype(np.float64) - scaling.mean) * scaling.factor
        for number, (kernel, bias) in enumerate(zip(of.kernels, of.biases, strict=True)):
            expected = expected @ kernel + bias
            if number < len(of.kernels) - 1:
                expected = np.maximum(expected, 0)
        found = of.outputs(scaling, spectra)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
        np.testing.assert_array_equal(of.outputs(scaling, spectra[:9]), found[:9])
    assert [len(bias) for bias in layers.encoder.biases] == [5, 3]


@pytest.mark.parametrize(("bands", "code", "units"), [(1, None, 1), (6, None, 5), (40, None, 8), (6, 5, 5)])
def test_a_code_is_narrower_than_the_spectrum_by_default(bands, code, units):
    spectra = np.random.default_rng(0).normal(size=(120, bands)).astype(np.float32)
    layers = fitted(spectra, spectra, code, np.random.default_rng(0))
    assert [kernel.shape for kernel in layers.kernels] == [
        (bands, 32), (32, units), (units, 32), (32, bands)
    ]  # fmt: skip


def test_what_two_numbers_tell_is_reconstructed():
    rng = np.random.default_rng(1)
    spectra = (rng.normal(size=(3000, 2)) @ rng.normal(size=(2, BANDS))).astype(np.float32)
    layers = fitted(spectra, spectra, 3, np.random.default_rng(0))
    as_they_are = BandScaling(np.full(BANDS, -np.inf), np.full(BANDS, np.inf), np.zeros(BANDS), np.ones(BANDS))
    left = np.square(layers.outputs(as_they_are, spectra) - spectra).mean()
    assert left < 0.1 * spectra.var()


def test_each_date_is_on_its_own_scale():
    before, after, _ = landscape()
    sample = sampled(scene_of(before, after * 3 + 1), np.random.default_rng(0))
    for date in (0, 1):
        np.testing.assert_allclose(sample.scaled(date).mean(axis=0), 0, atol=1e-3)
        np.testing.assert_allclose(sample.scaled(date).std(axis=0), 1, atol=1e-3)


def test_a_band_that_is_constant_counts_nowhere():
    before, after, changed = landscape()
    before[..., 2] = after[..., 2] = 5
    scene = scene_of(before, after)
    scores = scored(DETECTORS["reconstruction"](), scene, np.random.default_rng(0)).scores
    assert np.isfinite(scores).all()
    assert scores[changed].mean() > scores[~changed].mean()


def test_the_error_counts_both_directions(monkeypatch):
    before, after, _ = landscape()
    scene = scene_of(before, after)
    # Networks that answer zero, the mean of a scaled band: errors are the squares of the scaled values.
    nothing = Layers((np.zeros((BANDS, BANDS), np.float32),), (np.zeros(BANDS, np.float32),))
    monkeypatch.setattr("hscd.detectors.reconstruction.fitted", lambda *_: nothing)
    scores = scored(DETECTORS["reconstruction"](), scene, np.random.default_rng(0)).scores
    sample = sampled(scene, np.random.default_rng(0))
    pairs = all_pairs(scene)
    squares = [np.square(sample.scalings[date].apply(pairs[:, date])) for date in (0, 1)]
    expected = sum((part / np.median(part, axis=0)).sum(axis=1) for part in squares)
    np.testing.assert_allclose(scores.ravel(), expected, rtol=1e-4)
