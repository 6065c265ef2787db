"""Soft nearest neighbour loss."""

from __future__ import annotations

from typing import Any

from hscd.heads import Head
from hscd.losses import register
from hscd.registry import Option
from hscd.system import parsing

TEMPERATURE = Option(
    "neighbour_temperature",
    lambda text: parsing.number(text, 0),
    "a number > 0",
    0.1,
    "how far neighbours count, as the square of a share of the margin (loss = soft_nearest_neighbour)",
)
# Logarithm of a weight that counts for nothing; finite, as the slope of infinite ones is not a number.
_NOTHING = -1e30


@register("soft_nearest_neighbour", TEMPERATURE, of="batch", learned={TEMPERATURE.name: True})
def soft_nearest_neighbour(
    labels: Any, distances: Any, embeddings: Any, head: Head, *, neighbour_temperature: Any
) -> Any:
    """Value of a pair −log(Σ w over the others of its class / Σ w over all others), w = exp(−((dᵢ−dⱼ)/margin)²/T).

    What are neighbours are the distances of the pairs: a loss over the embeddings would gather classes anywhere, one
    over the distances makes of each class a cluster on the axis that a threshold cuts. An identical pair, of distance
    0, is one more unchanged neighbour of all: it is what says that unchanged is the near end. A changed pair without
    another one in the batch has no neighbour of its class, and the value 0.

    Args:
        labels: (pairs,) 0 changed, 1 unchanged.
        distances: (pairs,) d, in the units of the head.
        embeddings: not used.
        head: its margin is the unit of the distances.
        neighbour_temperature: T, a number or a tensor (); learned, as in the paper, with `loss_learned`.

    Returns:
        (pairs,) values.

    References:
        Frosst, Papernot, Hinton (2019), "Analyzing and improving representations with the soft nearest neighbor loss",
        ICML.
    """
    from hscd.system.backend import keras

    ops = keras.ops
    labels = ops.cast(labels, distances.dtype)
    scaled = distances / head.margin
    # The identical pair comes last.
    neighbours, classes = (ops.pad(scaled, (0, 1)), ops.pad(labels, (0, 1), constant_values=1))
    logits = -ops.square(scaled[:, None] - neighbours[None]) / neighbour_temperature
    places = ops.arange(ops.shape(neighbours)[0])
    other = ops.not_equal(places[:-1, None], places[None])
    same = ops.logical_and(other, ops.equal(labels[:, None], classes[None]))
    of_all, of_own = (ops.logsumexp(ops.where(mask, logits, _NOTHING), axis=1) for mask in (other, same))
    return ops.where(ops.any(same, axis=1), of_all - of_own, 0)
