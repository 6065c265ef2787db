"""Median of the scores around a pixel, cut where the map was cut."""

from __future__ import annotations

from functools import partial

import numpy as np

from hscd.corrections import CORRECTIONS, tools
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.registry import Option
from hscd.system import parsing
from hscd.system.parallel import over_blocks

_LARGEST = 10
_BLOCK_VALUES = 2**22


@CORRECTIONS.register(
    "median",
    Option("median_radius", partial(parsing.integer, low=1, high=_LARGEST), f"an integer from 1 to {_LARGEST}", 2,
           "radius of the window of median, the centre included"),
)  # fmt: skip
def median(labels: np.ndarray, scores: np.ndarray, radius: int, median_radius: int = 2) -> np.ndarray:
    """Labels of the median scores of a window, clipped at the border; masked pixels do not count.

    Unlike a vote it weighs how far scores lie from the threshold only by their order: a step stays where it is. Of an
    even number of scores it is the lower one of the middle two.

    Args:
        labels: (rows, columns) labels.
        scores: (rows, columns) that they were cut from, NaN where masked.
        radius: not used.
        median_radius: of the window: radius r is a (2r−1) × (2r−1) window.

    References:
        Tukey (1977), "Exploratory data analysis", Addison-Wesley.
    """
    least = tools.least_changed(labels, scores)
    reach = median_radius - 1
    padded = np.pad(np.where(labels == UNKNOWN, np.nan, scores).astype(np.float32), reach, constant_values=np.nan)
    rows, columns = labels.shape
    found = labels.copy()

    def write(part: slice) -> None:
        around = padded[part.start : part.stop + 2 * reach]
        windows = np.lib.stride_tricks.sliding_window_view(around, (2 * reach + 1, 2 * reach + 1))
        values = np.sort(windows.reshape(part.stop - part.start, columns, -1), axis=2)  # NaN comes last
        middle = np.maximum(np.isfinite(values).sum(axis=2) - 1, 0) // 2
        medians = np.take_along_axis(values, middle[:, :, None], axis=2)[:, :, 0]
        known = labels[part] != UNKNOWN
        found[part][known] = np.where(medians >= least, CHANGED, UNCHANGED)[known]

    over_blocks(write, rows, max(1, _BLOCK_VALUES // (columns * (2 * reach + 1) ** 2)))
    return found
