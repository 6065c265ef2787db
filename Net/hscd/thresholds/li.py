"""Li's minimum cross entropy threshold."""

from __future__ import annotations

import numpy as np

from hscd.scores import Cut
from hscd.thresholds import THRESHOLDS, looks


@THRESHOLDS.register("li")
def li(scores: np.ndarray, *, scale: str = "linear", degrees: float | None = None) -> Cut:
    """The threshold at which the cross entropy between the scores and the means of both classes is least.

    Args:
        scores: array of any shape; NaN is ignored.
        scale: how to look at them, "linear", "root" or "log"; a score map says it.
        degrees: not used.

    Raises:
        InputError: if fewer than two different finite values are left.

    References:
        Li, Tam (1998), "An iterative algorithm for minimum cross entropy thresholding", Pattern Recognition Letters
        19(8).
    """
    from skimage.filters import threshold_li

    values = looks.seen(scores, scale)
    cut = float(threshold_li(looks.clipped(values)))
    return Cut(looks.back(cut, scale), looks.doubts(values, cut))
