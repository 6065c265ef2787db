"""Otsu's threshold of scores whose largest are clipped."""

from __future__ import annotations

import numpy as np

from hscd.scores import Cut
from hscd.thresholds import THRESHOLDS, looks
from hscd.thresholds.otsu import otsu


@THRESHOLDS.register("otsu_clipped")
def otsu_clipped(scores: np.ndarray, *, scale: str = "linear", degrees: float | None = None) -> Cut:
    """Otsu's threshold on the scale of the scores, the 0.05 % largest clipped: a few outliers do not move it.

    Args:
        scores: array of any shape; NaN is ignored.
        scale: how to look at them, "linear", "root" or "log"; a score map says it.
        degrees: not used.

    Raises:
        InputError: if fewer than two different finite values are left.
    """
    values = looks.seen(scores, scale)
    cut = otsu(looks.clipped(values))
    return Cut(looks.back(cut, scale), looks.doubts(values, cut))
