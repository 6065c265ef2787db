"""What corrections share that look at the scores behind the labels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hscd.labels import CHANGED, UNKNOWN

# Pixels that levels are taken from, and a side of the tiles that large maps are worked on by.
_SAMPLE = 500_000
SIDE = 1024


def least_changed(labels: np.ndarray, scores: np.ndarray) -> float:
    """The least score that is changed; where labels are not cut from the scores, that which as many reach.

    Args:
        labels: (rows, columns) labels.
        scores: (rows, columns).
    """
    known = scores[labels != UNKNOWN]
    changed = int(np.count_nonzero(labels == CHANGED))
    if not changed:
        return float("inf")
    return float(np.partition(known, known.size - changed)[known.size - changed])


def evidence(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """How far the logarithm of a score lies above the threshold, in units of its mean distance; 0 where unknown.

    Between −3 and 3, so that no score outweighs all of its neighbours. (rows, columns) float32.

    Args:
        labels: (rows, columns) labels, cut from the scores.
        scores: (rows, columns), >= 0.
    """
    least = least_changed(labels, scores)
    known = labels != UNKNOWN
    sample = scores[known]
    sample = sample[:: max(1, sample.size // _SAMPLE)]
    positive = sample[sample > 0]
    if not positive.size or not 0 < least < np.inf:  # one class alone, or nothing to go by
        return np.where(known, np.where(labels == CHANGED, np.float32(1), np.float32(-1)), np.float32(0))
    # Halfway to the greatest unchanged score, which a threshold lies above.
    below = float(np.max(scores, initial=0, where=known & (scores < least)))
    cut = 0.5 * (np.log(least) + np.log(below)) if below > 0 else np.log(least)
    lowest = np.log(positive.min())
    unit = float(np.abs(np.log(positive) - cut).mean()) or 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.maximum(np.log(scores.astype(np.float32)), np.float32(lowest))
    found = np.clip((logs - np.float32(cut)) / np.float32(unit), np.float32(-3), np.float32(3))
    return np.where(known, found, np.float32(0)).astype(np.float32)


def tiles(shape: tuple[int, int], halo: int = 0) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """Tiles of a map: each with a halo, and where the tile lies in that."""
    rows, columns = shape
    for top in range(0, rows, SIDE):
        for left in range(0, columns, SIDE):
            end, right = min(top + SIDE, rows), min(left + SIDE, columns)
            first, start = max(top - halo, 0), max(left - halo, 0)
            around = slice(first, min(end + halo, rows)), slice(start, min(right + halo, columns))
            yield around, (slice(top - first, end - first), slice(left - start, right - start))
