"""Corrections that look at the scores: median, superpixels and the Potts model against slow oracles and by hand."""

import itertools
import math

import numpy as np
import pytest

from hscd.corrections import median, potts, superpixel, tools
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.scores import classify


def labelled(scores, cut):
    return classify(scores, cut).reshape(scores.shape)


def test_the_least_changed_score():
    scores = np.array([[1, 5, 3], [np.nan, 4, 2]], np.float32)
    assert tools.least_changed(labelled(scores, 2.5), scores) == 3
    assert tools.least_changed(labelled(scores, 9), scores) == math.inf
    # Labels of a vote: two are changed, and two scores reach 4.
    voted = np.array([[CHANGED, UNCHANGED, UNCHANGED], [UNKNOWN, UNCHANGED, CHANGED]], np.uint8)
    assert tools.least_changed(voted, scores) == 4


@pytest.mark.parametrize("radius", [1, 2, 3])
def test_the_median_of_each_window(radius):
    rng = np.random.default_rng(radius)
    scores = rng.random((9, 12)).astype(np.float32)
    scores[rng.random(scores.shape) < 0.2] = np.nan
    labels = labelled(scores, 0.6)
    expected = labels.copy()
    for row, column in itertools.product(range(9), range(12)):
        window = scores[max(row - radius + 1, 0) : row + radius, max(column - radius + 1, 0) : column + radius]
        values = sorted(window[np.isfinite(window)].tolist())
        if np.isfinite(scores[row, column]):
            expected[row, column] = CHANGED if values[(len(values) - 1) // 2] > 0.6 else UNCHANGED
    np.testing.assert_array_equal(median.median(labels, scores, 3, radius), expected)
    assert (expected != labels).any() == (radius > 1)


def test_evidence_by_hand():
    # Threshold halfway between log 1 and log e², 1; log scores 0, 2, 3, -1 and 0: distances 1, 1, 2, 2 and 1, mean 1.4.
    scores = np.exp(np.array([[0, 2, 3], [-1, 0, np.nan]])).astype(np.float32)
    found = tools.evidence(labelled(scores, 4), scores)
    np.testing.assert_allclose(found, np.array([[-1, 1, 2], [-2, -1, 0]]) / 1.4, rtol=1e-5)
    far = np.exp(np.array([[0.0] * 50 + [2.0] * 50 + [40.0]])).astype(np.float32)
    assert tools.evidence(labelled(far, 4), far).max() == 3
    zero = np.array([[0, 1, 9]], np.float32)  # a score of 0 is as low as the least positive one
    found = tools.evidence(labelled(zero, 4), zero)
    assert found[0, 0] == found[0, 1] < 0 < found[0, 2]


def test_tiles_cover_a_map_once(monkeypatch):
    monkeypatch.setattr(tools, "SIDE", 4)
    numbers, seen = np.arange(7 * 10).reshape(7, 10), []
    for around, inner in tools.tiles((7, 10), 3):
        seen += numbers[around][inner].ravel().tolist()
        assert numbers[around].size <= 10 * 10
    assert sorted(seen) == list(range(70))


def slow_field(evidence, known, weight):
    """Ten rounds of mean field, pixel by pixel."""
    rows, columns = evidence.shape
    steps = [step for step in itertools.product((-1, 0, 1), repeat=2) if any(step)]
    total = 4 + 4 * 0.5**0.5
    field = evidence.astype(float)
    for _ in range(10):
        new = evidence.astype(float)
        for row, column in itertools.product(range(rows), range(columns)):
            for down, right in steps:
                r, c = row + down, column + right
                if 0 <= r < rows and 0 <= c < columns and known[row, column] and known[r, c]:
                    near = 1 if not down or not right else 0.5**0.5
                    alike = math.exp(-0.5 * (evidence[row, column] - evidence[r, c]) ** 2)
                    new[row, column] += 4 * weight / total * near * alike * math.tanh(field[r, c])
        field = new
    return field


@pytest.mark.parametrize("weight", [0.3, 2.0])
def test_the_mean_field_pixel_by_pixel(weight):
    rng = np.random.default_rng(0)
    evidence = rng.normal(0, 1, (7, 9)).astype(np.float32)
    known = rng.random((7, 9)) > 0.2
    evidence[~known] = 0
    couplings = potts._couplings(evidence, known, [], by_scores=True)
    found = potts._mean_field(evidence, couplings, np.float32(weight))
    np.testing.assert_allclose(found, slow_field(evidence, known, weight), rtol=2e-4, atol=2e-4)


def test_potts_takes_away_what_is_doubtful_and_leaves_what_stands_out():
    scores = np.ones((20, 20), np.float32)
    scores[5, 5], scores[12, 2:18] = 2.2, 60  # a pixel near the threshold, and a thin line far above it
    labels = labelled(scores, 2)
    found = potts.potts(labels, scores, 3, 1.0, "scores")
    assert labels[5, 5] == CHANGED
    assert found[5, 5] == UNCHANGED
    assert (found[12, 2:18] == CHANGED).all()
    assert np.count_nonzero(found == CHANGED) == 16


def test_the_majority_of_a_superpixel(monkeypatch):
    numbers = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, -1, 3]])
    monkeypatch.setattr("skimage.segmentation.slic", lambda *_, **__: numbers)
    labels = np.array([[0, 1, 0, 1], [0, 0, 1, 1], [0, 1, 2, 0]], np.uint8)
    scores = np.where(labels == CHANGED, 9, np.where(labels == UNCHANGED, 1, np.nan)).astype(np.float32)
    # Three of four changed, one of four, a tie, a masked pixel, and a pixel alone.
    expected = [[0, 0, 1, 1], [0, 0, 1, 1], [0, 1, 2, 0]]
    assert superpixel.superpixel(labels, scores, 3).tolist() == expected


@pytest.mark.parametrize("known", [3, 5, 11])
def test_superpixels_of_few_known_pixels(known):
    rng = np.random.default_rng(known)
    scores = np.full((30, 30), np.nan, np.float32)
    scores.flat[rng.choice(900, known, replace=False)] = np.arange(known)
    labels = labelled(scores, 1.5)
    found = superpixel.superpixel(labels, scores, 3)
    np.testing.assert_array_equal(found == UNKNOWN, labels == UNKNOWN)


def test_superpixels_under_a_mask_take_no_more_memory_than_without():
    scores = np.random.default_rng(0).gamma(4, 0.25, (400, 400)).astype(np.float32)
    scores[100:200, 100:300] *= 16
    scores[0, 0] = np.nan  # with a mask, SLIC would hold the distances of each two of 26,666 centres, 5 GB
    found = superpixel.superpixel(labelled(scores, 4), scores, 3)
    assert found[0, 0] == UNKNOWN
    assert (found[110:190, 110:290] == CHANGED).mean() > 0.95


def test_evidence_of_many_pixels_looks_at_all_unchanged_ones(monkeypatch):
    monkeypatch.setattr(tools, "_SAMPLE", 10)
    scores = np.full((10, 10), 1.5, np.float32)
    scores[0, 0], scores[3, 1] = 10, 9.9  # the sample has every tenth pixel, not this one
    assert tools.evidence(labelled(scores, 9.95), scores)[3, 1] < 0


def test_superpixels_follow_the_border():
    rng = np.random.default_rng(0)
    truth = np.ones((60, 60), np.uint8)
    truth[10:40, 20:50] = CHANGED
    scores = np.where(truth == CHANGED, 16, 1) * rng.gamma(6, 1 / 6, truth.shape)
    labels = labelled(scores.astype(np.float32), 5)
    found = superpixel.superpixel(labels, scores.astype(np.float32), 3)
    assert (found != truth).sum() < (labels != truth).sum()
