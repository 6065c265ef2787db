"""Differences of methods, counted by blocks, and agreement of maps."""

import numpy as np
import pytest

from hscd.evaluation.comparison import agreement, block_counts, differences, holm, of_counts
from hscd.evaluation.confusion import confusion


def maps(seed, rows=50, columns=70, wrong=0.1):
    """A truth with unknown pixels, and a map that is wrong at so many pixels and masked at some."""
    rng = np.random.default_rng(seed)
    truth = np.where(rng.random((rows, columns)) < 0.3, 0, 1).astype(np.uint8)
    labels = np.where(rng.random(truth.shape) < wrong, 1 - truth, truth).astype(np.uint8)
    truth[rng.random(truth.shape) < 0.2] = 2
    labels[rng.random(truth.shape) < 0.1] = 2
    return labels, truth


def test_counts_of_blocks_are_those_of_parts_of_the_map():
    labels, truth = maps(0)
    counts = block_counts(labels, truth)
    # The shorter side is 50 pixels: blocks of 50 / 10 = 5, but at least 8: 7 down and 9 across.
    assert counts.shape == (7 * 9, 4)
    for down in range(7):
        for across in range(9):
            part = np.s_[8 * down : 8 * down + 8, 8 * across : 8 * across + 8]
            of = confusion(labels[part], truth[part])
            expected = [of.true_positives, of.false_positives, of.true_negatives, of.false_negatives]
            assert counts[9 * down + across].tolist() == expected


def test_the_shorter_side_of_large_scenes_has_ten_blocks():
    labels = np.zeros((600, 1200), np.uint8)
    assert block_counts(labels, labels).shape == (10 * 20, 4)


def test_kappa_of_counts_is_that_of_the_confusion():
    for seed in range(3):
        labels, truth = maps(seed)
        assert of_counts(block_counts(labels, truth).sum(axis=0)).kappa == pytest.approx(confusion(labels, truth).kappa)
    assert np.isnan(of_counts(np.array([[5, 0, 0, 0]])).kappa[0])


def counts_of(pairs, wrong, seeds=2):
    found = []
    for pair in range(pairs):
        _, truth = maps(pair)
        found.append(
            np.stack([block_counts(maps(pair, wrong=wrong + 0.001 * seed)[0], truth) for seed in range(seeds)])
        )
    return found


def test_a_clear_difference_is_larger_than_chance_and_none_is_not():
    good, bad = counts_of(2, 0.05), counts_of(2, 0.2)
    found = differences("good", {"good": good, "bad": bad, "same": good})
    assert set(found) == {"bad", "same"}
    of = found["bad"]
    means = [np.mean([of_counts(counts.sum(axis=1)).kappa.mean() for counts in method]) for method in (bad, good)]
    assert of.mean == pytest.approx(means[0] - means[1])
    assert of.low < of.mean < of.high < -0.2
    # 4,000 draws, none of which is zero or more: 2 · 1 / 4001, times 2 for two comparisons.
    assert of.p == pytest.approx(4 / 4001)
    # The same draws for each method, so nothing is left of no difference.
    assert (found["same"].mean, found["same"].low, found["same"].high, found["same"].p) == (0, 0, 0, 1)
    assert of.rank_p is None


def test_the_interval_has_the_width_of_that_of_independent_blocks():
    # 64 blocks of 25 pixels, half of them changed. In one method each block is right or wrong as a whole: kappa is
    # 1 − 2w for a share w of wrong blocks, so its standard error is 2 · √(w (1 − w) / 64).
    rng = np.random.default_rng(3)
    changed, wrong = np.arange(64) % 2 == 0, rng.permutation(np.arange(64) < 16)
    kind = np.where(changed, np.where(wrong, 3, 0), np.where(wrong, 1, 2))
    blocks = 25 * np.eye(4, dtype=int)[kind]
    right = 25 * np.eye(4, dtype=int)[np.where(changed, 0, 2)]
    of = differences("right", {"right": [right[None]], "wrong": [blocks[None]]})["wrong"]
    assert of.mean == pytest.approx(-0.5, abs=0.05)
    assert of.high - of.low == pytest.approx(2 * 1.96 * 2 * np.sqrt(0.25 * 0.75 / 64), rel=0.1)


def test_seeds_that_differ_widen_the_interval():
    one, other = counts_of(1, 0.05, seeds=1)[0], counts_of(1, 0.2, seeds=1)[0]
    best = counts_of(1, 0.01, seeds=1)[0]
    found = differences("best", {"best": [np.concatenate([best] * 2)], "x": [np.concatenate([one, other])]})["x"]
    alike = differences("best", {"best": [best], "x": [one]})["x"]
    assert found.high - found.low > 2 * (alike.high - alike.low)


def test_the_signed_rank_test_needs_six_pairs():
    five = differences("a", {"a": counts_of(5, 0.05), "b": counts_of(5, 0.2)})["b"]
    six = differences("a", {"a": counts_of(6, 0.05), "b": counts_of(6, 0.2)})["b"]
    # All six differences have one sign: 2 / 2^6.
    assert (five.rank_p, six.rank_p) == (None, pytest.approx(1 / 32))
    three = differences("a", {"a": counts_of(6, 0.05), "b": counts_of(6, 0.2), "c": counts_of(6, 0.3)})
    assert [of.rank_p for of in three.values()] == pytest.approx([2 / 32, 2 / 32])  # corrected for two comparisons
    same = differences("a", {"a": counts_of(6, 0.05), "b": counts_of(6, 0.05)})["b"]
    assert same.rank_p == 1


def test_holm_by_hand():
    # Sorted .01, .03, .04: 3 · .01, 2 · .03, and 1 · .04, which cannot be less than the one before it.
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.6, 0.9]) == [1, 1]


def test_agreement_of_maps():
    labels = np.array([[0, 0, 1, 1, 2]], np.uint8)
    assert agreement(labels, labels) == 1
    assert agreement(labels, np.array([[0, 1, 0, 1, 2]], np.uint8)) == 0
    nothing = np.ones((2, 2), np.uint8)
    assert agreement(nothing, nothing) == 1
    assert agreement(nothing, 1 - nothing) == 0
