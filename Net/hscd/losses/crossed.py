"""Distances between the pairs of a batch."""

from __future__ import annotations

from typing import Any

from hscd.heads import Head


def crossed(embeddings: Any, head: Head) -> Any:
    """Distance from the before embedding of each pair to the after embedding of each pair.

    It takes some pairs² · units values of memory, and a few times that in training.

    Args:
        embeddings: (pairs, 2, units).
        head: what measures them.

    Returns:
        (pairs, pairs), the rows those of the before embeddings; on the diagonal the distances of the pairs themselves.
    """
    from hscd.system.backend import keras

    before, after = keras.ops.unstack(embeddings, 2, axis=1)
    return head.function(before[:, None], after[None])
