"""Kittler and Illingworth's minimum error threshold."""

from __future__ import annotations

import numpy as np

from hscd.scores import Cut
from hscd.thresholds import THRESHOLDS, looks

_BINS = 512
# Least standard deviation of a class, bins: one bin is as wide as the spread of what is rounded to it.
_LEAST = np.sqrt(1 / 12)


@THRESHOLDS.register("kittler_illingworth")
def kittler_illingworth(scores: np.ndarray, *, scale: str = "linear", degrees: float | None = None) -> Cut:
    """The threshold whose classes, each taken for a normal distribution, are confused least.

    J(t) = 1 + 2 Σ P ln σ − 2 Σ P ln P is smallest there, over both classes of share P and standard deviation σ.

    Args:
        scores: array of any shape; NaN is ignored.
        scale: how to look at them, "linear", "root" or "log"; a score map says it.
        degrees: not used.

    Raises:
        InputError: if fewer than two different finite values are left.

    References:
        Kittler, Illingworth (1986), "Minimum error thresholding", Pattern Recognition 19(1).
    """
    values = looks.seen(scores, scale)
    counts, middles = looks.histogram(values, _BINS)
    width = middles[1] - middles[0]
    position = np.arange(_BINS)
    share, mean, square = (np.cumsum(counts * of) / counts.sum() for of in (np.ones(_BINS), position, position**2))
    inside = (share[:-1] > 0) & (share[:-1] < 1)
    criterion = np.full(_BINS - 1, np.inf)
    low, mean_low, square_low = share[:-1][inside], mean[:-1][inside], square[:-1][inside]
    high, mean_high, square_high = 1 - low, mean[-1] - mean_low, square[-1] - square_low
    criterion[inside] = 1 + sum(
        2
        * part
        * (np.log(np.maximum(np.sqrt(np.maximum(squared / part - (of / part) ** 2, 0)), _LEAST)) - np.log(part))
        for part, of, squared in ((low, mean_low, square_low), (high, mean_high, square_high))
    )
    best = int(criterion.argmin())
    cut = middles[best] + width / 2
    found = looks.doubts(values, cut)
    if not found and best in np.flatnonzero(inside)[[0, -1]]:
        found = ("the threshold is at the end of the scores: they do not look like two classes",)
    return Cut(looks.back(cut, scale), found)
