"""How well a probability of change keeps its word, where labels are known: reliability, calibration error, Brier score.

References:
    Naeini, Cooper, Hauskrecht (2015), "Obtaining well calibrated probabilities using Bayesian binning", AAAI.
    Guo, Pleiss, Sun, Weinberger (2017), "On calibration of modern neural networks", ICML.
    Brier (1950), "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hscd.labels import CHANGED, UNKNOWN
from hscd.system.parallel import over_blocks

# Change is mostly rare: with the customary 15 bins, all of it would be in the last one.
_BINS, _PIXELS_A_BIN = 100, 200
# Pixels that the edges of the bins are taken from.
_SAMPLE = 1_000_000
_BLOCK_PIXELS = 2**18


@dataclass(frozen=True)
class Calibration:
    """Probability of change against labels.

    `pixels`, `predicted` (mean probability) and `observed` (share that changed) are of the bins, rising, (bins,) each;
    `brier` is the mean squared difference of probability and label.
    """

    pixels: np.ndarray
    predicted: np.ndarray
    observed: np.ndarray
    brier: float

    @property
    def error(self) -> float:
        """Expected calibration error: mean distance of `predicted` and `observed`, each bin by its pixels."""
        return float(np.average(np.abs(self.predicted - self.observed), weights=self.pixels))

    @property
    def mean_predicted(self) -> float:
        """Mean probability of all pixels."""
        return float(np.average(self.predicted, weights=self.pixels))

    @property
    def mean_observed(self) -> float:
        """Share of all pixels that changed."""
        return float(np.average(self.observed, weights=self.pixels))


def calibrated(probability: np.ndarray, truth: np.ndarray) -> Calibration | None:
    """Compare a probability of change with labels, in bins of equally many pixels; equal probabilities share a bin.

    Labels of a mask are no random sample, and neighbours are alike: the figures are of these pixels, and have no
    interval.

    Args:
        probability: array of any shape in [0, 1], NaN where masked.
        truth: labels of the same shape, 0 changed, 1 unchanged, 2 unknown.

    Returns:
        None where no pixel of known label has a probability.

    Raises:
        ValueError: if the shapes differ.
    """
    if probability.shape != truth.shape:
        raise ValueError(f"maps of one shape expected, received {probability.shape} and {truth.shape}")
    flat, labels = probability.ravel(), truth.ravel()
    edges = _edges(flat, labels)
    if edges is None:
        return None
    parts = over_blocks(lambda part: _sums(flat[part], labels[part], edges), flat.size, _BLOCK_PIXELS)
    pixels, predicted, observed, squared = np.sum(parts, axis=0)
    filled = pixels > 0
    brier = float(squared.sum() / pixels.sum())
    pixels, predicted, observed = pixels[filled], predicted[filled], observed[filled]
    return Calibration(pixels.astype(np.int64), predicted / pixels, observed / pixels, brier)


def _known(probability: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return (labels != UNKNOWN) & np.isfinite(probability)


def _edges(flat: np.ndarray, labels: np.ndarray) -> np.ndarray | None:
    """Probabilities that end a bin, which holds them; None where none is known."""
    known = np.concatenate(
        over_blocks(lambda part: flat[part][_known(flat[part], labels[part])], flat.size, _BLOCK_PIXELS)
    )
    if not known.size:
        return None
    bins = min(_BINS, max(1, known.size // _PIXELS_A_BIN))
    sample = known[:: max(1, known.size // _SAMPLE)]
    shares = np.arange(1, bins) / bins
    return np.quantile(sample, shares, method="inverted_cdf") if bins > 1 else np.empty(0, flat.dtype)


def _sums(probability: np.ndarray, labels: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Of each bin: pixels, sums of probabilities, of changed pixels, and of squared differences; (4, bins)."""
    known = _known(probability, labels)
    values, changed = probability[known], labels[known] == CHANGED
    bins = np.searchsorted(edges, probability[known], side="left")
    sums = (np.ones_like(values), values, changed, (values - changed) ** 2)
    return np.array([np.bincount(bins, weights, len(edges) + 1) for weights in sums])
