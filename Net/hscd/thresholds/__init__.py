"""Thresholds that split scores into changed and unchanged without labels; one file each.

A threshold is a function from scores, an array of any shape in which NaN and what is masked are ignored, and its
options to a `Cut`, whose `value` changed pixels exceed. What the detector says of its scores, `scale` and `degrees`,
are keywords that each takes; a `ScoreMap` brings them along. It raises `InputError` where it is undefined, and puts
into the cut what makes it doubtful.

    >>> scores = np.array([[1.0, 2.0, 1.0], [9.0, 8.0, np.nan]])
    >>> cut = THRESHOLDS["otsu"](scores)
    >>> (scores > cut.value).tolist()
    [[False, False, False], [True, True, False]]

`help(hscd.THRESHOLDS["otsu"])` tells of one. `hscd.detect` scores two images and cuts the scores:
`hscd.THRESHOLDS["otsu"](found.score_map)` cuts those of its result anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hscd.registry import Functions, Registry
from hscd.scores import Cut, ScoreMap, require_degrees
from hscd.system.arrays import array_of, filled, held
from hscd.system.errors import InputError


class NoDistributionError(InputError):
    """A threshold needs scores whose distribution is known where nothing changed, and these have none."""


class _Thresholds(Functions[Cut]):
    """Thresholds, each of which takes a score map, too."""

    def meant(self, name: str, given: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        """Scores that are an array, with what a score map says of them."""
        if not given and "scores" in named:
            given = (named.pop("scores"),)
        if not given:
            return given
        scores, *others = given
        if isinstance(scores, ScoreMap):
            named |= scores.for_threshold | named
        found = array_of("scores", scores.scores if isinstance(scores, ScoreMap) else scores)
        if found.dtype.kind not in "iuf":
            hint = "; it has a score_map" if hasattr(scores, "score_map") else ""
            expected = "scores: an array of numbers or a ScoreMap expected"
            what = held(found.dtype) if found.shape else type(scores).__name__
            raise InputError(f"{expected}, received {what}{hint}")
        require_degrees(named.get("degrees"))
        return filled(found), *others


THRESHOLDS: Registry[Callable[..., Cut]] = _Thresholds(
    "threshold", __name__, 'hscd.THRESHOLDS["{name}"](scores) takes scores of one map, found.score_map for example'
)


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
