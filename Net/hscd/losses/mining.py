"""Negatives of triplets, mined in a batch; one formula for arrays and tensors."""

from __future__ import annotations

from typing import Any


def mined(own: Any, negatives: Any, changed: Any, ops: Any) -> Any:
    """The negative of each pair: the least distance above its own, semi-hard; where there is none, the largest.

    Args:
        own: (pairs,) distances of the pairs.
        negatives: (pairs, pairs) distances, in a row those that the pair's own one is set against.
        changed: (pairs,) which columns are candidates; without any, what is returned means nothing.
        ops: `numpy` or `keras.ops`.

    Returns:
        (pairs,) columns.
    """
    semi_hard = ops.logical_and(changed[None], negatives > own[:, None])
    nearest = ops.argmin(ops.where(semi_hard, negatives, float("inf")), axis=1)
    farthest = ops.argmax(ops.where(changed[None], negatives, -1.0), axis=1)
    return ops.where(ops.any(semi_hard, axis=1), nearest, farthest)
