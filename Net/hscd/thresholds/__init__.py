"""Thresholds that split scores into changed and unchanged without labels; one file each.

A threshold is a function from scores, an array of any shape in which NaN is ignored, and its options to a `Cut`. What
the detector says of its scores, `scale` and `degrees`, are keywords that each takes. It raises `InputError` where it is
undefined, and puts into the cut what makes it doubtful.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hscd.registry import Registry
from hscd.scores import Cut
from hscd.system.errors import InputError


class NoDistributionError(InputError):
    """A threshold needs scores whose distribution is known where nothing changed, and these have none."""


THRESHOLDS: Registry[Callable[..., Cut]] = Registry("threshold", __name__)


def cut_scores(scores: np.ndarray, threshold: Callable[[np.ndarray], Cut], nothing_changed: Callable[[], bool]) -> Cut:
    """The cut of a threshold; where the two images are the same, one above which nothing is.

    Args:
        scores: array of any shape, NaN where masked.
        threshold: a threshold of `THRESHOLDS` with its options.
        nothing_changed: whether the two images are the same, and not constant; mostly the first pixels tell.

    Raises:
        InputError: if the threshold is undefined.
    """
    if nothing_changed():
        return Cut(float(np.nanmax(scores)), ("the two images are the same in every valid pixel: nothing changed",))
    return threshold(scores)
