"""Square windows over class maps: majority vote and uniform neighbourhoods.

Radius counts the centre pixel: radius r is a (2r−1) × (2r−1) window, clipped at the border. Counts come from running
sums, so the cost is linear in the pixels and does not depend on the radius.
"""

from __future__ import annotations

import numpy as np


def window_counts(mask: np.ndarray, radius: int) -> np.ndarray:
    """How many pixels of `mask` are set in the window around each pixel.

    Args:
        mask: (rows, columns) boolean array.
        radius: window radius, >= 1.

    Returns:
        (rows, columns) int32 array.
    """
    if radius < 1:
        raise ValueError(f"radius must be at least 1, received {radius}")
    return _window_sum(_window_sum(mask, radius, 0), radius, 1)


def _window_sum(values: np.ndarray, radius: int, axis: int) -> np.ndarray:
    """Sum over the 2·radius−1 neighbours along one axis, as differences of a running sum."""
    length = values.shape[axis]
    radius = min(radius, length)
    running = np.zeros([n + (i == axis) for i, n in enumerate(values.shape)], dtype=np.int32)
    np.cumsum(values, axis=axis, dtype=np.int32, out=running[(slice(None),) * axis + (slice(1, None),)])
    centre = np.arange(length)
    upper = np.minimum(centre + radius, length)
    lower = np.maximum(centre - radius + 1, 0)
    return running.take(upper, axis=axis) - running.take(lower, axis=axis)


def window_sizes(shape: tuple[int, int], radius: int) -> np.ndarray:
    """Number of pixels of each pixel's clipped window, (rows, columns)."""
    rows, columns = (_window_sum(np.ones(n, dtype=bool), radius, 0) for n in shape)
    return rows[:, None] * columns[None, :]


def spatial_correction(prediction: np.ndarray, radius: int = 3) -> np.ndarray:
    """Give each pixel the most frequent class of its window; a tie keeps the pixel's own class.

    Args:
        prediction: (rows, columns) map of small non-negative integer classes; not modified.
        radius: window radius.

    Returns:
        Corrected map of the same shape and type.
    """
    classes = np.unique(prediction)
    if len(classes) == 2:  # half the work of the general case: one count decides
        first = window_counts(prediction == classes[0], radius)
        balance = 2 * first - window_sizes(prediction.shape, radius)
        return np.where(balance == 0, prediction, np.where(balance > 0, classes[0], classes[1]))
    counts = np.stack([window_counts(prediction == value, radius) for value in classes])
    most = counts.max(axis=0)
    tie = (counts == most).sum(axis=0) > 1
    return np.where(tie, prediction, classes[counts.argmax(axis=0)])


def uniform_neighborhood(prediction: np.ndarray, radius: int) -> np.ndarray:
    """Where every pixel of a pixel's window has the class of the pixel itself.

    Args:
        prediction: (rows, columns) map of two classes.
        radius: window radius.

    Returns:
        (rows, columns) boolean array.
    """
    counts = window_counts(prediction == prediction.flat[0], radius)
    return (counts == 0) | (counts == window_sizes(prediction.shape, radius))
