"""How sure the figures of one map are: intervals by drawing blocks of its pixels with replacement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from hscd.evaluation.comparison import CONFIDENCE, block_counts, of_counts

_DRAWS = 4000
# Blocks with labels that are needed: of fewer, the draws are too much alike.
_LEAST_BLOCKS = 10


class Interval(NamedTuple):
    """Bounds of a figure at 95 %; NaN where they are not known."""

    low: float
    high: float


_NOT_KNOWN = Interval(float("nan"), float("nan"))
# Of a map that nothing is said of.
NONE_KNOWN: Mapping[str, Interval] = {"kappa": _NOT_KNOWN, "f1": _NOT_KNOWN}


def intervals(labels: np.ndarray, truth: np.ndarray, seed: int = 0) -> Mapping[str, Interval]:
    """Intervals of "kappa" and "f1" of a map, by the spatial block bootstrap.

    Neighbouring pixels are right or wrong together, so whole blocks are drawn, those of `block_counts`: a tenth of
    the shorter side of the scene, at least 8 pixels. They say how much the figures would vary on other ground of this
    scene; patches that are larger than a block make them too narrow.

    Args:
        labels: (rows, columns), 0 changed, 1 unchanged; other values are left out.
        truth: (rows, columns) labels; the same.
        seed: of the draws.

    Returns:
        The percentile intervals; NaN where fewer than ten blocks have labels, or the figure is undefined.

    References:
        Künsch (1989), "The jackknife and the bootstrap for general stationary observations", Ann. Statist. 17(3);
        Lahiri (2003), "Resampling Methods for Dependent Data", Springer, chapter 12, for blocks of maps.
    """
    counts = block_counts(labels, truth)
    counts = counts[counts.any(axis=1)]
    blocks = len(counts)
    if blocks < _LEAST_BLOCKS:
        return NONE_KNOWN
    times = np.random.default_rng(seed).multinomial(blocks, np.full(blocks, 1 / blocks), _DRAWS)
    drawn = of_counts(times @ counts)
    return {"kappa": _interval(np.asarray(drawn.kappa)), "f1": _interval(np.asarray(drawn.f1))}


def _interval(values: np.ndarray) -> Interval:
    """Of the draws in which the figure is defined: one may hold a single class."""
    values = values[np.isfinite(values)]
    if not values.size:
        return _NOT_KNOWN
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(values, (tail, 100 - tail))
    return Interval(float(low), float(high))
