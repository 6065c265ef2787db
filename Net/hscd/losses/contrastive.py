"""Contrastive loss."""

from __future__ import annotations

from typing import Any

from hscd.heads import Head
from hscd.losses import register


@register("contrastive", of="pairs")
def contrastive(labels: Any, distances: Any, embeddings: Any, head: Head) -> Any:
    """Value of a pair y·d² + (1−y)·max(margin−d, 0)².

    Unchanged pairs (y = 1) are pulled together; changed pairs (y = 0) are pushed apart up to the margin.

    Args:
        labels: (pairs,) y, 0 changed, 1 unchanged.
        distances: (pairs,) d, in the units of the head.
        embeddings: not used.
        head: its margin is the distance beyond which a changed pair adds nothing.

    Returns:
        (pairs,) values.

    References:
        Hadsell, Chopra, LeCun (2006), "Dimensionality reduction by learning an invariant mapping", CVPR.
    """
    from hscd.system.backend import keras

    ops = keras.ops
    labels = ops.cast(labels, distances.dtype)
    return labels * ops.square(distances) + (1 - labels) * ops.square(ops.maximum(head.margin - distances, 0))
