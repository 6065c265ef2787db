"""Where scales of scores begin and end: of heat maps, histograms and the scores of a page."""

from __future__ import annotations

import numpy as np

# A scale ends here, so that a few extreme pixels do not darken all the others.
TOP_PERCENTILE = 99.5
# How many times as far from its beginning as the threshold a scale ends at least, and a linear one at most.
_NEAREST, FARTHEST = 1.25, 10.0


def score_range(known: np.ndarray, threshold: float, most: float = FARTHEST) -> tuple[float, float]:
    """Where a scale of scores begins and ends, so that a few extreme pixels take no room from all the others.

    The threshold lies well inside, so that changed pixels are told apart and the unchanged ones are seen too.

    Args:
        known: finite scores, one at least.
        threshold: of change.
        most: how many times as far from the beginning as the threshold the end lies at most.
    """
    low, top = min(float(known.min()), threshold), max(float(np.percentile(known, TOP_PERCENTILE)), threshold)
    to_threshold = threshold - low
    if to_threshold > 0:
        top = low + min(max(top - low, _NEAREST * to_threshold), most * to_threshold)
    return low, top
