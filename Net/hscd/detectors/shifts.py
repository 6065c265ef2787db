"""Scores that a misregistration of up to a pixel leaves as they are, by any detector."""

from __future__ import annotations

from itertools import product

import numpy as np

from hscd.detectors import Detector, Scorer, step_of
from hscd.scenes.scene import Block, Scene, Window
from hscd.system.errors import InputError, shown

NONE, ONE_WAY, BOTH_WAYS = "none", "one_way", "both_ways"
TOLERANCES = (NONE, ONE_WAY, BOTH_WAYS)
# Pixels that a shift reaches.
_REACH = 1
_REACHED = range(-_REACH, _REACH + 1)
_SHIFTS = tuple(product(_REACHED, _REACHED))


def require_tolerance(tolerance: str) -> None:
    """Raise `InputError` where a tolerance is none of `TOLERANCES`."""
    if not (isinstance(tolerance, str) and tolerance in TOLERANCES):
        raise InputError(f"shift_tolerance: one of {', '.join(TOLERANCES)} expected, received {shown(tolerance)}")


def tolerant(detector: Detector, tolerance: str) -> Detector:
    """A detector whose scores are the least over shifts of one image against the other; the same one for `NONE`.

    Raises:
        InputError: if the tolerance is none of `TOLERANCES`.
    """
    require_tolerance(tolerance)
    return detector if tolerance == NONE else ShiftTolerant(detector, both=tolerance == BOTH_WAYS)


class ShiftTolerant:
    """Local co-registration adjustment: the least score of a pixel over shifts of the after image by up to a pixel.

    A pixel of the before image is compared with the after image at its place and at its eight neighbours'; one that
    has no data there, or lies beyond the border, does not count. A small object that appears is missed where what was
    around it is still beside it. With `both`, each pixel of the after image also looks for its like in the before
    image, and the larger one of the two minima counts, which keeps such objects.

    The detector is fitted to the images as they lie. No score grows, so a threshold from the distribution of its scores
    (`degrees`) flags no more than it says.

    References:
        Theiler, Wohlberg (2012), "Local coregistration adjustment for anomalous change detection", IEEE Trans. Geosci.
        Remote Sens. 50(8);
        Wohlberg, Theiler (2010), "Symmetrized local co-registration optimization for anomalous change detection",
        Proc. SPIE 7695.
    """

    def __init__(self, detector: Detector, *, both: bool) -> None:
        self.name, self.unit, self.scale = detector.name, detector.unit, detector.scale
        self.halo = detector.halo + _REACH * (2 if both else 1)
        self.step = 1
        self.degrees: float | None = None
        self._detector, self._both = detector, both

    def fit(self, scene: Scene, rng: np.random.Generator) -> Scorer:
        """Fit the detector.

        Raises:
            InputError: as the detector does.
        """
        scorer, halo = self._detector.fit(scene, rng), self._detector.halo
        self.step = step_of(self._detector)
        # Some detectors know theirs only now. Windows for both ways grow by whole steps.
        grown = -(-_REACH // self.step) * self.step if self._both else 0
        self.halo = halo + _REACH + grown
        self.degrees = self._detector.degrees

        def score(block: Block) -> np.ndarray:
            # Seen from the after image, a pixel's score at a shift is that of the before pixel which is moved onto it.
            needed = _grown(block.inner, grown, block)
            least = np.full(block.pairs.shape[:2], np.inf, np.float32)
            other = least.copy()
            for shift in _SHIFTS:
                part = _shifted(block, shift, needed, halo)
                scores = np.reshape(scorer(part), _size(needed))
                if part.valid is not None:
                    scores = np.where(part.valid[part.inner], scores, np.inf)
                np.minimum(least[needed], scores, out=least[needed])
                if self._both:
                    onto, inside = _onto(needed, shift, block)
                    np.minimum(other[onto], scores[inside], out=other[onto])
            return (np.maximum(least, other) if self._both else least)[block.inner]

        return score


def _size(window: Window) -> tuple[int, int]:
    return window.rows.stop - window.rows.start, window.columns.stop - window.columns.start


def _grown(window: Window, by: int, block: Block) -> Window:
    """A window of a block and what is around it, as far as the block goes."""
    return Window(
        *(
            slice(max(part.start - by, 0), min(part.stop + by, length))
            for part, length in zip(window, block.pairs.shape[:2], strict=True)
        )
    )


def _onto(window: Window, shift: tuple[int, int], block: Block) -> tuple[Window, Window]:
    """Where a moved window lies in a block, and which part of the window that is."""
    onto, inside = [], []
    for part, moved, length in zip(window, shift, block.pairs.shape[:2], strict=True):
        first, last = max(part.start + moved, 0), min(part.stop + moved, length)
        onto.append(slice(first, last))
        inside.append(slice(first - moved - part.start, last - moved - part.start))
    return Window(*onto), Window(*inside)


def _shifted(block: Block, shift: tuple[int, int], needed: Window, halo: int) -> Block:
    """Pairs of the before pixels of a window, and `halo` around it, and the after pixels that lie `shift` from them."""
    around = _grown(needed, halo, block)
    inner = Window(
        *(slice(part.start - wide.start, part.stop - wide.start) for part, wide in zip(needed, around, strict=True))
    )
    start = block.start[0] + around.rows.start, block.start[1] + around.columns.start
    valid = None if block.valid is None else block.valid[around]
    if not any(shift):
        return Block(block.pairs[around], valid, inner, start)
    source, inside = _onto(around, shift, block)
    there = np.zeros(_size(around), bool)
    there[inside] = True if block.valid is None else block.valid[source]
    if valid is not None:
        there &= valid
    pairs = np.zeros((*there.shape, *block.pairs.shape[2:]), np.float32)
    pairs[inside] = np.stack([block.pairs[around][inside][:, :, 0], block.pairs[source][:, :, 1]], axis=2)
    pairs[~there] = 0
    return Block(pairs, there, inner, start)
