"""A probability of change from scores and pseudo-labels."""

from __future__ import annotations

import numpy as np

from hscd.labels import CHANGED, UNKNOWN
from hscd.system.parallel import over_blocks

# Bins of equally many pixels, and among the largest tenth of the scores, where change is decided, ever smaller ones;
# of so many pixels at least.
_BINS, _LARGEST_BINS, _PIXELS_A_BIN = 256, 256, 20
# Pixels that the edges of the bins are taken from.
_SAMPLE = 1_000_000
_BLOCK_PIXELS = 2**18
# From which on a pixel differs clearly, whatever labels would call it.
HIGH = 0.9


def probability_of_change(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Probability of change of each pixel, calibrated on pseudo-labels by isotonic regression.

    The share of changed pseudo-labels among pixels of like score, made to rise with the score. Pseudo-labels that are
    cut from the scores themselves would give 0 and 1 alone; where neighbours had a vote, they say how sure a score is.

    Args:
        scores: (rows, columns) float32, NaN where masked.
        labels: (rows, columns) pseudo-labels, 0 changed, 1 unchanged, 2 masked, corrected by their neighbours.

    Returns:
        (rows, columns) float32 in [0, 1], NaN where masked.

    References:
        Zadrozny, Elkan (2002), "Transforming classifier scores into accurate multiclass probability estimates", KDD.
    """
    from scipy.optimize import isotonic_regression  # a slow import

    flat, flat_labels = scores.ravel(), labels.ravel()
    edges = _edges(flat)
    parts = over_blocks(lambda part: _counts(flat[part], flat_labels[part], edges), flat.size, _BLOCK_PIXELS)
    changed, total = np.sum(parts, axis=0)
    filled = total > 0
    changed, total = changed[filled], total[filled]
    shares = isotonic_regression(changed / total, weights=total).x
    # Where all pixels of a bin are of one class, half a one could be of the other (Krichevsky and Trofimov).
    half = 0.5 / (total + 1)
    shares = np.maximum.accumulate(np.clip(shares, half, 1 - half))
    edges = edges[np.flatnonzero(filled)[1:] - 1]  # of the bins that are left
    found = np.full(flat.shape, np.nan, np.float32)

    def fill(part: slice) -> None:
        known = np.isfinite(flat[part])
        found[part][known] = shares[np.searchsorted(edges, flat[part][known], side="right")]

    over_blocks(fill, flat.size, _BLOCK_PIXELS)
    return found.reshape(scores.shape)


def _edges(flat: np.ndarray) -> np.ndarray:
    """Scores that part the valid pixels into bins of equally many; fewer where many scores are the same."""
    sample = flat[:: max(1, flat.size // _SAMPLE)]
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        return np.empty(0, np.float32)
    bins = min(_BINS, max(4, sample.size // _PIXELS_A_BIN))
    least = min(_PIXELS_A_BIN / sample.size, 0.1)
    shares = np.concatenate([np.linspace(0, 0.9, bins)[1:], 1 - np.geomspace(0.1, least, _LARGEST_BINS)])
    return np.unique(np.quantile(sample, shares, method="lower").astype(np.float32))


def _counts(scores: np.ndarray, labels: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Changed pixels and all of known label in each bin, (2, bins)."""
    known = np.isfinite(scores) & (labels != UNKNOWN)
    bins = np.searchsorted(edges, scores[known], side="right")
    return np.array(
        [
            np.bincount(bins[labels[known] == CHANGED], minlength=len(edges) + 1),
            np.bincount(bins, minlength=len(edges) + 1),
        ],
        float,
    )
