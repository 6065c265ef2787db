"""Otsu's threshold."""

from __future__ import annotations

from typing import Any

import numpy as np

from hscd.scores import Cut
from hscd.system.errors import InputError
from hscd.system.parallel import over_blocks
from hscd.thresholds import THRESHOLDS

_BINS = 256
_BLOCK_PIXELS = 2**18


def otsu(distances: np.ndarray) -> float:
    """Otsu's threshold of a set of distances.

    Args:
        distances: array of any shape; NaN is ignored.

    Returns:
        The threshold; a pixel is changed where its distance is greater.

    Raises:
        InputError: if fewer than two different finite values are left.

    References:
        Otsu (1979), "A threshold selection method from gray-level histograms", IEEE Trans. SMC 9(1).
    """
    from skimage.filters import threshold_otsu  # a slow import that --help and configuration errors do not need

    flat = distances.reshape(-1)
    undefined = (
        "Otsu's threshold is undefined, all distances are equal: identical or constant images, a single pixel, or a "
        "collapsed network"
    )
    ends = [found for found in over_blocks(lambda part: _ends(flat[part]), flat.size, _BLOCK_PIXELS) if found]
    low, high = min(ends)[0] if ends else 0, max(found[1] for found in ends) if ends else 0
    if low == high:
        raise InputError(undefined)
    try:
        edges = np.histogram_bin_edges(np.array([low, high], distances.dtype), _BINS)
    except ValueError as error:  # a range of a few rounding errors does not hold the histogram's bins
        raise InputError(undefined) from error
    # Every value falls into the bin that the histogram of all of them at once puts it into.
    counts = sum(
        over_blocks(lambda part: np.histogram(_finite(flat[part]), _BINS, (low, high))[0], flat.size, _BLOCK_PIXELS)
    )
    return float(threshold_otsu(hist=(counts, (edges[:-1] + edges[1:]) / 2)))


def _finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]


def _ends(values: np.ndarray) -> tuple[Any, Any] | None:
    """Smallest and largest finite value; None where there is none."""
    finite = _finite(values)
    return (finite.min(), finite.max()) if finite.size else None


@THRESHOLDS.register("otsu")
def otsu_cut(scores: np.ndarray) -> Cut:
    """`otsu` as a cut."""
    return Cut(otsu(scores))
