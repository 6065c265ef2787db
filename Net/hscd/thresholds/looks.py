"""How thresholds look at scores: on a scale, without what is not finite, and what makes a cut doubtful."""

from __future__ import annotations

import numpy as np

from hscd.system.errors import InputError

SCALES = ("linear", "root", "log")
# Scores that are looked at: more would not move a threshold.
_MOST = 2**22
# Bins in which a second mode is searched above a cut, and by how many standard deviations of its counts it has to rise.
_BINS, _RISE = 16, 3.0
# Scores above this quantile would stretch a histogram until all others share a few bins.
CLIP = 0.9995


def seen(scores: np.ndarray, scale: str = "linear") -> np.ndarray:
    """The finite scores on a scale, (values,) float64; of very many, every so manieth.

    Args:
        scores: array of any shape; NaN and infinite values are ignored.
        scale: "linear", "root" (of what is below 0, 0) or "log" (what is not above 0 counts as the smallest that is).

    Raises:
        InputError: if fewer than two different values are left.
    """
    flat = np.ravel(scores)
    flat = flat[:: max(1, flat.size // _MOST)]
    values = flat[np.isfinite(flat)].astype(np.float64)
    if values.size and scale == "root":
        values = np.sqrt(np.maximum(values, 0))
    elif scale == "log" and (positive := values[values > 0]).size:
        values = np.log(np.maximum(values, positive.min()))
    elif scale not in SCALES:
        raise InputError(f"scale must be one of {SCALES}, received {scale!r}")
    if not values.size:
        raise InputError("the threshold is undefined, as no score is a finite number")
    if values.min() == values.max():
        raise InputError(
            "the threshold is undefined, all scores are equal: identical or constant images, a single pixel, or a "
            "collapsed network"
        )
    return values


def back(value: float, scale: str) -> float:
    """A value of a scale in units of the score."""
    return float(value**2 if scale == "root" else np.exp(value) if scale == "log" else value)


def histogram(values: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts of clipped values in bins of one width, and the middles of the bins; both (bins,) float64."""
    counts, edges = np.histogram(clipped(values), bins)
    return counts.astype(np.float64), (edges[:-1] + edges[1:]) / 2


def clipped(values: np.ndarray) -> np.ndarray:
    """Values, the 0.05 % largest of them clipped."""
    return np.minimum(values, np.quantile(values, CLIP))


def ends(values: np.ndarray, cut: float) -> tuple[str, ...]:
    """Whether there is nothing on one side of a cut.

    Args:
        values: what `seen` gives.
        cut: on the same scale.
    """
    if cut >= values.max():
        return ("no score is above the threshold: nothing changed, or it is too high",)
    if cut < values.min():
        return ("all scores are above the threshold: it is too low",)
    return ()


def doubts(values: np.ndarray, cut: float) -> tuple[str, ...]:
    """What makes a cut between two classes doubtful: nothing on one side of it, or no second mode above it.

    Args:
        values: what `seen` gives.
        cut: on the same scale.
    """
    if found := ends(values, cut):
        return found
    counts = np.histogram(values, _BINS, (cut, max(np.quantile(values, CLIP), np.nextafter(cut, np.inf))))[0]
    lowest = np.minimum.accumulate(counts)
    if (counts - lowest > _RISE * np.sqrt(counts + lowest)).any():
        return ()
    return ("the scores have no second mode above the threshold: change may be rare, or there is none",)
