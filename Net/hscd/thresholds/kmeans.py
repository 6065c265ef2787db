"""Threshold between two clusters of scores."""

from __future__ import annotations

import numpy as np

from hscd.scores import Cut
from hscd.thresholds import THRESHOLDS, looks

_ROUNDS = 1000


@THRESHOLDS.register("kmeans")
def kmeans(scores: np.ndarray, *, scale: str = "linear", degrees: float | None = None) -> Cut:
    """Half way between the means of the scores below it and above it (2-means, Ridler and Calvard's iteration).

    Begun from the mean of all. On the same scores Otsu's threshold is the best of all such ones.

    Args:
        scores: array of any shape; NaN is ignored.
        scale: how to look at them, "linear", "root" or "log"; a score map says it.
        degrees: not used.

    Raises:
        InputError: if fewer than two different finite values are left.

    References:
        Ridler, Calvard (1978), "Picture thresholding using an iterative selection method", IEEE Trans. SMC 8(8).
    """
    values = np.sort(looks.clipped(looks.seen(scores, scale)))
    sums = np.cumsum(values)
    cut = sums[-1] / len(values)
    for _ in range(_ROUNDS):
        below = min(max(int(np.searchsorted(values, cut, side="right")), 1), len(values) - 1)
        before, cut = cut, (sums[below - 1] / below + (sums[-1] - sums[below - 1]) / (len(values) - below)) / 2
        if cut == before:
            break
    return Cut(looks.back(cut, scale), looks.doubts(values, cut))
