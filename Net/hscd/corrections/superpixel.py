"""Majority among the pixels of a superpixel of the scores or the images."""

from __future__ import annotations

from functools import partial

import numpy as np

from hscd.corrections import CORRECTIONS, IMAGES, SCORES, guide, tools
from hscd.corrections.guidance import Guidance
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.registry import Option
from hscd.scenes.scene import Scene
from hscd.system import parsing

# Of SLIC: how much nearness counts beside likeness, of values between 0 and 1 in each tile.
_COMPACTNESS = 0.3


@CORRECTIONS.register(
    "superpixel",
    Option("superpixel_size", partial(parsing.integer, low=2), "an integer >= 2", 6,
           "pixels of a superpixel, in the mean"),
    guide("superpixel", SCORES),
)  # fmt: skip
def superpixel(
    labels: np.ndarray,
    scores: np.ndarray,
    radius: int,
    superpixel_size: int = 6,
    superpixel_guide: str = SCORES,
    scene: Scene | None = None,
) -> np.ndarray:
    """The most frequent label of each superpixel [1]; a tie keeps each pixel's own.

    Superpixels are those of the scores, of the leading principal components of both images, or of both. One follows the
    borders of what changed, so a vote in it rounds no corners. Large maps are worked on by tiles of 1,024 pixels, where
    superpixels end.

    Args:
        labels: (rows, columns) labels.
        scores: (rows, columns) that they were cut from, NaN where masked.
        radius: not used.
        superpixel_size: pixels of a superpixel, in the mean.
        superpixel_guide: what superpixels are of, one of `corrections.GUIDES`.
        scene: the images; not needed where superpixels are of the scores alone.

    References:
        [1] Achanta et al. (2012), "SLIC superpixels compared to state-of-the-art superpixel methods", IEEE Trans.
            Pattern Anal. Mach. Intell. 34(11).
    """
    from skimage.segmentation import slic

    guidance = Guidance.of(scene, labels, superpixel_guide)
    components = None if guidance is None else guidance.channels()
    evidence, found = tools.evidence(labels, scores), labels.copy()
    for where, _ in tools.tiles(labels.shape):
        of, known = labels[where], labels[where] != UNKNOWN
        if not (of == CHANGED).any() or not (of == UNCHANGED).any():
            continue
        count = max(1, of.size // superpixel_size)
        # Without a mask, for which SLIC takes memory that grows with the square of their number; masked pixels, whose
        # evidence is 0, have no vote.
        seen = [] if components is None else [components(where)]
        seen += [] if superpixel_guide == IMAGES else [evidence[where][:, :, None]]
        channels = np.concatenate(seen, axis=2)
        numbers = slic(channels, count, _COMPACTNESS, channel_axis=2, start_label=0, convert2lab=False)
        parts = numbers[known]
        balance = np.bincount(parts, weights=np.where(of[known] == CHANGED, 1.0, -1.0))[parts]
        found[where][known] = np.where(balance > 0, CHANGED, np.where(balance < 0, UNCHANGED, of[known]))
    return found
