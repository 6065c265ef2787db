"""Thresholds that split scores into changed and unchanged without labels; one file each.

A threshold is a function from scores, an array of any shape in which NaN is ignored, and its options to a `Cut`, whose
`value` changed pixels exceed. What the detector says of its scores, `scale` and `degrees`, are keywords that each
takes; a `ScoreMap` brings them along. It raises `InputError` where it is undefined, and puts into the cut what makes it
doubtful.

    >>> scores = np.array([[1.0, 2.0, 1.0], [9.0, 8.0, np.nan]])
    >>> cut = THRESHOLDS["otsu"](scores)
    >>> (scores > cut.value).tolist()
    [[False, False, False], [True, True, False]]

`help(hscd.THRESHOLDS["otsu"])` tells of one. `hscd.detect` scores two images and cuts the scores:
`hscd.THRESHOLDS["otsu"](found.score_map)` cuts those of its result anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from inspect import signature
from typing import Any

import numpy as np

from hscd.registry import Option, Registry
from hscd.scores import Cut, ScoreMap
from hscd.system.errors import InputError, nearest


class NoDistributionError(InputError):
    """A threshold needs scores whose distribution is known where nothing changed, and these have none."""


class _Thresholds(Registry[Callable[..., Cut]]):
    """Thresholds, each of which takes a score map, too."""

    def add(self, name: str, member: Callable[..., Cut], *options: Option) -> Callable[..., Cut]:
        """Make a threshold known, and give the one that takes a score map as well."""
        return super().add(name, _of_scores(name, member, options), *options)


def _of_scores(name: str, threshold: Callable[..., Cut], known: Sequence[Option]) -> Callable[..., Cut]:
    """The threshold of an array or of a score map, whose options are checked; else an `InputError`."""
    takes = signature(threshold)

    @wraps(threshold)
    def cut(scores: np.ndarray | ScoreMap, *options: Any, **named: Any) -> Cut:
        if unknown := [key for key in named if key not in takes.parameters]:
            meant = nearest(unknown[0], takes.parameters) or f"; its arguments are {', '.join(takes.parameters)}"
            raise InputError(f"{unknown[0]}: no argument of threshold {name}{meant}")
        if isinstance(scores, ScoreMap):
            named = scores.for_threshold | named
        found = np.asarray(scores.scores if isinstance(scores, ScoreMap) else scores)
        if found.dtype.kind not in "biuf":
            raise InputError(f"scores: an array of numbers or a ScoreMap expected, received {type(scores).__name__}")
        given = takes.bind(found, *options, **named)
        for option in known:
            if option.name in given.arguments:
                given.arguments[option.name] = option.read(given.arguments[option.name])
        return threshold(*given.args, **given.kwargs)

    return cut


THRESHOLDS: Registry[Callable[..., Cut]] = _Thresholds("threshold", __name__)


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
