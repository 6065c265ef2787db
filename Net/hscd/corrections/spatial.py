"""Square windows over class maps: majority vote and uniform neighbourhoods.

Radius counts the centre pixel: radius r is a (2r−1) × (2r−1) window, clipped at the border. Counts come from running
sums, so the cost is linear in the pixels and does not depend on the radius; maps are worked on by blocks of rows, which
overlap by what windows reach. Unknown pixels (label 2) are of no class: they count as little as what lies beyond the
border.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hscd.corrections import CORRECTIONS
from hscd.labels import UNKNOWN
from hscd.system.parallel import over_blocks

# Pixels a block of rows: large beside the rows that two blocks share, small enough for its counts to stay in a cache.
_BLOCK_PIXELS = 2**18


def window_counts(mask: np.ndarray, radius: int) -> np.ndarray:
    """How many pixels of `mask` are set in the window around each pixel.

    Args:
        mask: (rows, columns) boolean array.
        radius: window radius, >= 1.

    Returns:
        (rows, columns) array of the smallest unsigned integers that hold twice the pixels of a window.
    """
    if radius < 1:
        raise ValueError(f"radius must be at least 1, received {radius}")
    count = mask.view(np.uint8).astype(_count_type(mask.shape, radius), copy=False)
    return _window_sum(_window_sum(count, radius, 0), radius, 1)


def _count_type(shape: tuple[int, ...], radius: int) -> np.dtype:
    rows, columns = (min(2 * radius - 1, length) for length in shape)
    return np.min_scalar_type(2 * rows * columns)


def _window_sum(values: np.ndarray, radius: int, axis: int) -> np.ndarray:
    """Sum over the 2·radius−1 neighbours along one axis, as differences of a running sum.

    The running sum may wrap around: the difference of two is right all the same as long as it fits the type itself.
    """
    values = np.moveaxis(values, axis, 0)
    length = len(values)
    radius = min(radius, length)
    running = np.cumsum(values, axis=0, dtype=values.dtype)
    sums = np.empty_like(running)
    sums[: length - radius] = running[radius - 1 : -1]
    sums[length - radius :] = running[-1]
    sums[radius:] -= running[: length - radius]
    return np.moveaxis(sums, 0, axis)


def window_sizes(shape: tuple[int, int], radius: int) -> np.ndarray:
    """Number of pixels of each pixel's clipped window, (rows, columns)."""
    rows, columns = (_window_sum(np.ones(n, dtype=_count_type(shape, radius)), radius, 0) for n in shape)
    return rows[:, None] * columns[None, :]


def spatial_correction(prediction: np.ndarray, radius: int = 3) -> np.ndarray:
    """Give each pixel the most frequent class of its window; a tie keeps the pixel's own class.

    Args:
        prediction: (rows, columns) map of small non-negative integer classes; not modified. 2 is no class but
            unknown: such pixels have no vote and stay unknown.
        radius: window radius.

    Returns:
        Corrected map of the same shape and type.
    """
    low, high = prediction.min(), prediction.max()
    found = [value for value in range(low, high + 1) if (prediction == value).any()]
    classes = np.array([value for value in found if value != UNKNOWN] or [UNKNOWN], prediction.dtype)
    corrected = np.empty_like(prediction, order="C")
    _by_rows(lambda part: _voted(part, classes, radius), prediction, radius, corrected)
    return corrected


def _by_rows(work: Callable[[np.ndarray], np.ndarray], labels: np.ndarray, radius: int, target: np.ndarray) -> None:
    """Write what `work` finds for a map into `target`, from blocks of rows with all that their windows reach."""
    rows, columns = labels.shape

    def write(part: slice) -> None:
        first, last = max(0, part.start - radius + 1), min(rows, part.stop + radius - 1)
        target[part] = work(labels[first:last])[part.start - first : part.stop - first]

    over_blocks(write, rows, max(_BLOCK_PIXELS // columns, 4 * radius, 1))


def _voted(prediction: np.ndarray, classes: np.ndarray, radius: int) -> np.ndarray:
    """`spatial_correction` of a map that holds no classes but these, and unknown pixels."""
    if len(classes) == 2:  # half the work of the general case: one count decides
        twice = 2 * window_counts(prediction == classes[0], radius)
        sizes = _known_sizes(prediction != UNKNOWN, radius)
        corrected = np.where(twice > sizes, classes[0], classes[1])
        keeps = twice == sizes
    else:
        counts = np.stack([window_counts(prediction == value, radius) for value in classes])
        corrected = classes[counts.argmax(axis=0)]
        keeps = (counts == counts.max(axis=0)).sum(axis=0) > 1
    keeps |= prediction == UNKNOWN
    np.copyto(corrected, prediction, where=keeps)
    return corrected


def _known_sizes(known: np.ndarray, radius: int) -> np.ndarray:
    """Number of known pixels of each pixel's window."""
    return window_sizes(known.shape, radius) if known.all() else window_counts(known, radius)


def uniform_neighborhood(prediction: np.ndarray, radius: int) -> np.ndarray:
    """Where every pixel of a pixel's window has the class of the pixel itself; nowhere where that is unknown.

    Args:
        prediction: (rows, columns) map of two classes, and of unknown pixels (2), which do not count.
        radius: window radius.

    Returns:
        (rows, columns) boolean array.
    """
    first = prediction.flat[(prediction != UNKNOWN).argmax()]

    def uniform(part: np.ndarray) -> np.ndarray:
        known = part != UNKNOWN
        counts = window_counts(part == first, radius)
        return ((counts == 0) | (counts == _known_sizes(known, radius))) & known

    found = np.empty(prediction.shape, bool)
    _by_rows(uniform, prediction, radius, found)
    return found


@CORRECTIONS.register("majority")
def majority(labels: np.ndarray, scores: np.ndarray, radius: int) -> np.ndarray:
    """The most frequent label of the window around each pixel; a tie keeps the pixel's own.

    Args:
        labels: (rows, columns) labels.
        scores: not used.
        radius: of the window, the centre counted (3 is 5 × 5).
    """
    return spatial_correction(labels, radius)
