"""Majority among the pixels of a superpixel of the scores."""

from __future__ import annotations

from functools import partial

import numpy as np

from hscd.corrections import CORRECTIONS, tools
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.registry import Option
from hscd.system import parsing

# Of SLIC: how much nearness counts beside likeness, whose unit is the mean distance of a score from the threshold.
_COMPACTNESS = 0.3


@CORRECTIONS.register(
    "superpixel",
    Option("superpixel_size", partial(parsing.integer, low=2), "an integer >= 2", 6,
           "pixels of a superpixel, in the mean"),
)  # fmt: skip
def superpixel(labels: np.ndarray, scores: np.ndarray, radius: int, superpixel_size: int = 6) -> np.ndarray:
    """The most frequent label of each superpixel [1] of the scores; a tie keeps each pixel's own.

    A superpixel follows the borders of what changed, so a vote in it rounds no corners. Large maps are worked on by
    tiles of 1,024 pixels, where superpixels end.

    Args:
        labels: (rows, columns) labels.
        scores: (rows, columns) that they were cut from, NaN where masked.
        radius: not used.
        superpixel_size: pixels of a superpixel, in the mean.

    References:
        [1] Achanta et al. (2012), "SLIC superpixels compared to state-of-the-art superpixel methods", IEEE Trans.
            Pattern Anal. Mach. Intell. 34(11).
    """
    from skimage.segmentation import slic

    evidence, found = tools.evidence(labels, scores), labels.copy()
    for where, _ in tools.tiles(labels.shape):
        of, known = labels[where], labels[where] != UNKNOWN
        if not (of == CHANGED).any() or not (of == UNCHANGED).any():
            continue
        count = max(1, int(known.sum()) // superpixel_size)
        numbers = slic(
            evidence[where], count, _COMPACTNESS, channel_axis=None, start_label=0, enforce_connectivity=True,
            mask=None if known.all() else known,
        )  # fmt: skip
        parts = numbers[known]
        balance = np.bincount(parts, weights=np.where(of[known] == CHANGED, 1.0, -1.0))[parts]
        found[where][known] = np.where(balance > 0, CHANGED, np.where(balance < 0, UNCHANGED, of[known]))
    return found
