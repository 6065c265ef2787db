"""Thresholds that split distances into changed and unchanged without labels."""

from __future__ import annotations

import numpy as np

from hscd.errors import InputError


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

    values = distances[np.isfinite(distances)]
    undefined = (
        "Otsu's threshold is undefined, all distances are equal: identical or constant images, a single pixel, or a "
        "collapsed network"
    )
    if values.size == 0 or values.min() == values.max():
        raise InputError(undefined)
    try:
        return float(threshold_otsu(values))
    except ValueError as error:  # a range of a few rounding errors does not hold the histogram's bins
        raise InputError(undefined) from error
