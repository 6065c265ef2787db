"""Otsu's threshold."""

from __future__ import annotations

from typing import Any

import numpy as np

from hscd.scores import Cut
from hscd.system.errors import InputError
from hscd.system.parallel import over_blocks
from hscd.thresholds import THRESHOLDS, looks

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
    if not ends:
        raise InputError("Otsu's threshold is undefined, as no distance is a finite number")
    low, high = min(ends)[0], max(found[1] for found in ends)
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


def separability(values: np.ndarray) -> float:
    """How far apart the two classes of Otsu's threshold are: variance between them over all variance, in [0, 1].

    Args:
        values: array of any shape, finite; the 0.05 % largest are clipped.

    Returns:
        The share; 0 where all values are equal.
    """
    counts, edges = np.histogram(looks.clipped(values), _BINS)
    middles = (edges[:-1] + edges[1:]) / 2
    share = np.cumsum(counts)[:-1] / counts.sum()
    sums = np.cumsum(counts * (middles - middles.mean()))
    mean = sums[-1] / counts.sum()
    total = (counts * (middles - middles.mean()) ** 2).sum() / counts.sum() - mean**2
    inside = (share > 0) & (share < 1)
    if total <= 0 or not inside.any():
        return 0.0
    between = (mean * share - sums[:-1] / counts.sum())[inside] ** 2 / (share * (1 - share))[inside]
    return float(between.max() / total)


def _finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]


def _ends(values: np.ndarray) -> tuple[Any, Any] | None:
    """Smallest and largest finite value; None where there is none."""
    finite = _finite(values)
    return (finite.min(), finite.max()) if finite.size else None


@THRESHOLDS.register("otsu")
def otsu_cut(scores: np.ndarray, *, scale: str = "linear", degrees: float | None = None) -> Cut:
    """Otsu's threshold: the variance between the scores below it and above it is largest.

    Args:
        scores: array of any shape; NaN is ignored.
        scale: how to look at them, "linear", "root" or "log"; a score map says it.
        degrees: not used.

    Returns:
        The cut; pixels of a greater score than its `value` are changed.

    Raises:
        InputError: if fewer than two different finite values are left.

    References:
        Otsu (1979), "A threshold selection method from gray-level histograms", IEEE Trans. SMC 9(1).

    Example:
        >>> 2 < THRESHOLDS["otsu"](np.array([1.0, 2, 1, 9, 8])).value < 8
        True
    """
    return Cut(otsu(scores) if scale == "linear" else looks.back(otsu(looks.seen(scores, scale)), scale))
