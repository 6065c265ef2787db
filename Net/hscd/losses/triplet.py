"""Triplet loss with semi-hard negatives."""

from __future__ import annotations

from typing import Any

from hscd.heads import Head
from hscd.losses import register
from hscd.losses.crossed import crossed
from hscd.losses.mining import mined
from hscd.registry import Option
from hscd.system import parsing

NEGATIVES = Option(
    "triplet_negatives",
    parsing.one_of(("pairs", "spectra")),
    "pairs or spectra",
    "pairs",
    "what an unchanged pair is to be nearer than, a changed pair or its before to another's after spectrum "
    "(loss = triplet)",
)


@register("triplet", NEGATIVES, of="batch")
def triplet(labels: Any, distances: Any, embeddings: Any, head: Head, *, triplet_negatives: str) -> Any:
    """Value of an unchanged pair max(d⁺ − d⁻ + margin, 0); that of a changed one is 0, as others are set against it.

    Anchor and positive are the before and the after embedding of an unchanged pair, d⁺ their distance. d⁻ is mined in
    the batch, among its changed pairs:

    - "pairs": the distance between the two embeddings of a changed pair. Only these two are known to differ: the after
      spectrum of a changed pair may well show what the anchor shows. It is also what a threshold needs, one order of
      the distances of all pixels; triplets around an anchor order those of each pixel alone.
    - "spectra": the distance from the anchor to the after embedding of a changed pair, triplets as in the paper.

    Semi-hard is the least d⁻ above d⁺; where there is none, it is the largest d⁻. Without a changed pair in the batch
    all values are 0. Distances are not squared, so that the margin is one of the head's units (Hermans et al.).

    Args:
        labels: (pairs,) 0 changed, 1 unchanged.
        distances: (pairs,) in the units of the head.
        embeddings: (pairs, 2, units); not used with "pairs".
        head: it measures d⁻, and has the margin: by how much d⁻ shall be larger than d⁺.
        triplet_negatives: "pairs" or "spectra".

    Returns:
        (pairs,) values.

    References:
        Schroff, Kalenichenko, Philbin (2015), "FaceNet: a unified embedding for face recognition and clustering", CVPR.
        Hermans, Beyer, Leibe (2017), "In defense of the triplet loss for person re-identification", arXiv:1703.07737.
    """
    from hscd.system.backend import keras

    ops = keras.ops
    changed = ops.equal(ops.cast(labels, distances.dtype), 0)
    # With "pairs" each anchor has the same row.
    negatives = (
        crossed(embeddings, head)
        if triplet_negatives == "spectra"
        else ops.zeros_like(distances[:, None]) + distances[None]
    )
    negative = ops.take_along_axis(negatives, mined(distances, negatives, changed, ops)[:, None], axis=1)[:, 0]
    counts = ops.logical_and(ops.any(changed), ops.logical_not(changed))
    return ops.where(counts, ops.maximum(distances - negative + head.margin, 0), 0)
