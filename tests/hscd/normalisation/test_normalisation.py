"""Normalisations, by hand and against the textbook."""

import numpy as np
import pytest

from conftest import all_pairs
from detector_scenes import changed_pair, scene_of
from hscd.normalisation import normalised
from hscd.normalisation.pif import orthogonal


def after_of(name, before, after):
    """The after image, normalised."""
    pairs = all_pairs(normalised(scene_of(before, after), name, np.random.default_rng(0)))
    return pairs[:, 1].reshape(after.shape)


def column(*values):
    return np.float32(values)[:, None, None]


# Before 1, 3: mean 2, deviation 1. After 10, 30: mean 20, deviation 10. 10 → 2 + (10 − 20) · 1/10 = 1, 30 → 3.
def test_mean_std_by_hand():
    np.testing.assert_allclose(after_of("mean_std", column(1, 3), column(10, 30)).ravel(), [1, 3])


# The k-th smallest value becomes the k-th smallest of the before image, whatever the curve is; those between the ends
# lie between two of 1,001 quantiles.
def test_histogram_by_hand():
    before, after = column(5, 1, 9, 3), column(4, 1, 16, 9)
    np.testing.assert_allclose(after_of("histogram", before, after).ravel(), [3, 1, 9, 5], atol=0.01)


def test_histogram_undoes_any_rising_curve():
    before, _, _ = changed_pair(bands=2)
    found = after_of("histogram", before, np.exp(before / 10).astype(np.float32))
    # 1,001 quantiles of 2,000 values, and a straight line between two of them.
    np.testing.assert_allclose(found, before, atol=0.3)
    assert np.abs(found - before).mean() < 0.01


# The line of least squared distances is the first principal axis through the means.
def test_orthogonal_regression_is_the_principal_axis():
    rng = np.random.default_rng(0)
    true = rng.normal(5, 2, 500)
    x, y = true + rng.normal(0, 0.5, 500), 1.7 * true - 3 + rng.normal(0, 0.5, 500)
    pairs = np.stack([y, x], axis=1)[:, :, None].astype(np.float32)
    _, _, axes = np.linalg.svd(np.stack([x - x.mean(), y - y.mean()], axis=1), full_matrices=False)
    slope = axes[0, 1] / axes[0, 0]
    gain, offset = orthogonal(pairs)
    assert gain[0] == pytest.approx(slope, rel=1e-4)
    assert offset[0] == pytest.approx(y.mean() - slope * x.mean(), rel=1e-4)


# What changed draws mean and deviation with it, but not the regression on what did not.
def test_pif_is_not_moved_by_change():
    before, _, _ = changed_pair(bands=4, rows=60, columns=60)
    rng = np.random.default_rng(3)
    after = 2 * before + 5 + rng.normal(0, 0.05, before.shape)
    changed = np.zeros((60, 60), bool)
    changed[:20] = True  # a third
    after[changed] = rng.normal(60, 5, after[changed].shape)
    off = {name: np.abs(after_of(name, before, after.astype(np.float32)) - before)[~changed].mean()
           for name in ("mean_std", "pif")}  # fmt: skip
    assert off["pif"] < 0.1
    assert off["mean_std"] > 1
