"""Probability of change against labels."""

from itertools import pairwise

import numpy as np
import pytest

from hscd.evaluation import calibration
from hscd.evaluation.calibration import calibrated


def pixels(*groups):
    """Probability and truth of groups of (probability, how many, how many of these changed), as 20 rows, shuffled."""
    probability = np.concatenate([np.full(count, value, np.float32) for value, count, _ in groups])
    truth = np.concatenate([np.arange(count) >= changed for _, count, changed in groups]).astype(np.uint8)
    order = np.random.default_rng(0).permutation(len(truth))
    return probability[order].reshape(20, -1), truth[order].reshape(20, -1)


def test_three_bins_by_hand():
    # Of 200 pixels with 0.125, 30 changed (0.15); of 200 with 0.5, 80 (0.4); of 200 with 0.875 all.
    found = calibrated(*pixels((0.125, 200, 30), (0.5, 200, 80), (0.875, 200, 200)))
    assert found.pixels.tolist() == [200, 200, 200]
    assert found.predicted.tolist() == [0.125, 0.5, 0.875]
    assert found.observed.tolist() == [0.15, 0.4, 1]
    assert found.error == pytest.approx((0.025 + 0.1 + 0.125) / 3)
    # 30·0.875² + 170·0.125², 200·0.5², 200·0.125²: 25.625 + 50 + 3.125.
    assert found.brier == pytest.approx(78.75 / 600)
    assert found.mean_predicted == pytest.approx(0.5)
    assert found.mean_observed == pytest.approx(310 / 600)


def test_few_pixels_are_one_bin():
    # 0.25·300/380 + 0.75·80/380 = 0.35526; 100 of 380 changed.
    found = calibrated(*pixels((0.25, 300, 40), (0.75, 80, 60)))
    assert found.pixels.tolist() == [380]
    assert found.error == pytest.approx((135 - 100) / 380)


def test_bins_count_by_their_pixels_and_equal_probabilities_share_one():
    # 1,000 pixels would be 5 bins; 900 are alike.
    found = calibrated(*pixels((0.0, 900, 90), (0.5, 100, 30)))
    assert found.pixels.tolist() == [900, 100]
    assert found.error == pytest.approx(0.9 * 0.1 + 0.1 * 0.2)


def slow(probability, truth, bins):
    """Expected calibration error and Brier score of pixels sorted into bins of equally many, in loops."""
    both = sorted((float(p), t) for p, t in zip(probability, truth, strict=True) if t != 2 and p == p)
    ends = [-(-len(both) * number // bins) for number in range(bins + 1)]
    error = 0.0
    for start, end in pairwise(ends):
        part = both[start:end]
        error += abs(sum(p for p, _ in part) - sum(t == 0 for _, t in part))
    return error / len(both), sum((p - (t == 0)) ** 2 for p, t in both) / len(both)


@pytest.mark.parametrize(("count", "bins"), [(700, 3), (1999, 9), (30_000, 100)])
def test_a_slow_way_gives_the_same(count, bins, monkeypatch):
    monkeypatch.setattr(calibration, "_BLOCK_PIXELS", 901)
    rng = np.random.default_rng(count)
    probability = rng.random(count).astype(np.float32)
    truth = (rng.random(count) > probability**2).astype(np.uint8)
    more = np.concatenate([probability, np.full(50, np.nan, np.float32), rng.random(60).astype(np.float32)])
    labels = np.concatenate([truth, np.zeros(50, np.uint8), np.full(60, 2, np.uint8)])
    order = rng.permutation(len(more))
    found = calibrated(more[order], labels[order])
    error, brier = slow(probability, truth, bins)
    assert found.error == pytest.approx(error, abs=1e-9)
    assert found.brier == pytest.approx(brier, abs=1e-9)
    assert (len(found.pixels), found.pixels.sum()) == (bins, count)


def test_of_many_pixels_a_sample_says_where_bins_end(monkeypatch):
    monkeypatch.setattr(calibration, "_SAMPLE", 5000)
    rng = np.random.default_rng(1)
    probability = rng.random(20_000).astype(np.float32)
    found = calibrated(probability, (rng.random(20_000) > probability).astype(np.uint8))
    assert len(found.pixels) == 100
    assert found.pixels.sum() == 20_000
    np.testing.assert_allclose(found.predicted, (np.arange(100) + 0.5) / 100, atol=0.02)


def test_without_labels_there_is_nothing_to_say():
    assert calibrated(np.full((3, 4), 0.5, np.float32), np.full((3, 4), 2, np.uint8)) is None
    assert calibrated(np.full((3, 4), np.nan, np.float32), np.zeros((3, 4), np.uint8)) is None


def test_maps_of_two_shapes_are_refused():
    with pytest.raises(ValueError, match=r"received \(3, 4\) and \(4, 3\)"):
        calibrated(np.zeros((3, 4), np.float32), np.zeros((4, 3), np.uint8))
