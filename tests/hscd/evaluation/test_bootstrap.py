"""Intervals of a map's figures: blocks drawn with replacement, against drawing their pixels one draw after another."""

import numpy as np
import pytest

from hscd.evaluation.bootstrap import intervals
from hscd.evaluation.confusion import confusion
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN


def maps(rng, shape=(96, 120), patch=1, wrong=0.1):
    """A map and its truth, a fifth of which changed; the map is wrong in square patches."""
    truth = np.where(rng.random(shape) < 0.2, CHANGED, UNCHANGED).astype(np.uint8)
    coarse = rng.random([-(-length // patch) for length in shape]) < wrong
    is_wrong = coarse.repeat(patch, axis=0).repeat(patch, axis=1)[: shape[0], : shape[1]]
    return np.where(is_wrong, 1 - truth, truth).astype(np.uint8), truth


def test_the_bounds_are_those_of_drawing_the_pixels_of_whole_blocks():
    rng = np.random.default_rng(0)
    labels, truth = maps(rng, patch=10)
    truth[:20, :30] = UNKNOWN  # of three by two blocks of ten nothing is known; they are not drawn
    blocks = [
        (slice(row, row + 10), slice(column, column + 10))
        for row in range(0, 96, 10)
        for column in range(0, 120, 10)
        if (truth[row : row + 10, column : column + 10] != UNKNOWN).any()
    ]
    assert len(blocks) == 10 * 12 - 6
    kappas, f1s = [], []
    for _ in range(1500):
        drawn = [blocks[number] for number in rng.integers(0, len(blocks), len(blocks))]
        of_map, of_truth = (np.concatenate([image[block].ravel() for block in drawn]) for image in (labels, truth))
        counts = confusion(of_map, of_truth)
        kappas.append(counts.kappa)
        f1s.append(counts.f1)
    found = intervals(labels, truth)
    assert list(found) == ["kappa", "f1"]
    for name, values in (("kappa", kappas), ("f1", f1s)):
        # Of 1,500 draws a bound is known to some 7 % of the width.
        width = np.ptp(np.percentile(values, (2.5, 97.5)))
        assert tuple(found[name]) == pytest.approx(tuple(np.percentile(values, (2.5, 97.5))), abs=0.15 * width)


def test_errors_in_patches_make_it_wider_than_errors_of_single_pixels():
    rng = np.random.default_rng(1)
    single, patches = (intervals(*maps(rng, patch=patch))["kappa"] for patch in (1, 10))
    # 100 pixels a patch that are wrong together: ten times the standard error.
    assert 5 < (patches.high - patches.low) / (single.high - single.low) < 15


def test_it_holds_the_figure_of_other_ground_as_often_as_it_says():
    rng = np.random.default_rng(2)
    # Of endless ground: a tenth of the patches is wrong, a fifth of all pixels changed: tp .18, fp .08, tn .72, fn .02.
    kappa = (0.9 - (0.26 * 0.2 + 0.74 * 0.8)) / (1 - (0.26 * 0.2 + 0.74 * 0.8))
    held = [low <= kappa <= high for low, high in (intervals(*maps(rng, patch=10))["kappa"] for _ in range(60))]
    assert np.mean(held) > 0.87


def test_the_seed_decides():
    labels, truth = maps(np.random.default_rng(3))
    assert intervals(labels, truth) == intervals(labels, truth) != intervals(labels, truth, seed=1)


def test_of_few_blocks_or_where_the_figure_is_undefined_nothing_is_said():
    labels, truth = maps(np.random.default_rng(4), shape=(24, 24))  # nine blocks of eight pixels
    assert np.isnan(list(intervals(labels, truth).values())).all()
    assert not np.isnan(list(intervals(*maps(np.random.default_rng(4), shape=(24, 32))).values())).any()
    # 120 blocks of ten pixels, nine of which have labels: those are what is drawn from.
    labels, truth = maps(np.random.default_rng(4))
    truth[30:], truth[:, 30:] = UNKNOWN, UNKNOWN
    assert np.isnan(list(intervals(labels, truth).values())).all()
    same = np.full((96, 120), UNCHANGED, np.uint8)
    assert np.isnan(list(intervals(same, same).values())).all()
    # One changed pixel, found: draws without its block are left out, in all others it is all right.
    same[0, 0] = CHANGED
    assert intervals(same, same) == {"kappa": (1, 1), "f1": (1, 1)}
