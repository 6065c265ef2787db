"""The triangle threshold."""

from __future__ import annotations

import numpy as np

from hscd.scores import Cut
from hscd.thresholds import THRESHOLDS, looks

_BINS = 256


@THRESHOLDS.register("triangle")
def triangle(scores: np.ndarray, *, scale: str = "linear", degrees: float | None = None) -> Cut:
    """Where the histogram lies farthest below the line from its peak to its upper end: for one mode with a long tail.

    scikit-image takes the longer tail, which may be the lower one; change lies in the upper one.

    Args:
        scores: array of any shape; NaN is ignored.
        scale: how to look at them, "linear", "root" or "log"; a score map says it.
        degrees: not used.

    Raises:
        InputError: if fewer than two different finite values are left.

    References:
        Zack, Rogers, Latt (1977), "Automatic measurement of sister chromatid exchange frequency", J. Histochem.
        Cytochem. 25(7).
    """
    values = looks.seen(scores, scale)
    counts, middles = looks.histogram(values, _BINS)
    peak = int(counts.argmax())
    end = int(np.flatnonzero(counts)[-1])
    bins = np.arange(peak, end + 1)
    # Twice the area of the triangle of the bin and both ends of the line: its height over that line, but for a factor.
    below = counts[peak] * (end - bins) - (end - peak) * counts[bins]
    cut = float(middles[bins[below.argmax()]])
    return Cut(looks.back(cut, scale), looks.doubts(values, cut))
