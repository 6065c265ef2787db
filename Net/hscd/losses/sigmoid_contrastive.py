"""Sigmoid contrastive loss."""

from __future__ import annotations

from typing import Any

from hscd.heads import Head
from hscd.losses import register
from hscd.losses.crossed import crossed
from hscd.registry import Option
from hscd.system import parsing

TEMPERATURE = Option(
    "sigmoid_temperature",
    lambda text: parsing.number(text, 0),
    "a number > 0",
    10.0,
    "what similarities, 1 − distance/margin, are multiplied by (loss = sigmoid_contrastive)",
)
BIAS = Option(
    "sigmoid_bias",
    parsing.number,
    "a number",
    -5.0,
    "what is added to them; the border of the classes lies at margin · (1 + bias/temperature) "
    "(loss = sigmoid_contrastive)",
)


@register("sigmoid_contrastive", TEMPERATURE, BIAS, of="batch", learned={TEMPERATURE.name: True, BIAS.name: False})
def sigmoid_contrastive(
    labels: Any, distances: Any, embeddings: Any, head: Head, *, sigmoid_temperature: Any, sigmoid_bias: Any
) -> Any:
    """Value of a pair −log σ(±zᵢᵢ) − mean over j ≠ i of log σ(−zᵢⱼ), with zᵢⱼ = t·(1 − dᵢⱼ/margin) + b.

    dᵢⱼ is the distance from the before embedding of pair i to the after embedding of pair j. A pixel and its own after
    spectrum match (+) where it is unchanged and do not (−) where it changed; a pixel and the after spectrum of another
    pixel count as no match, as in the paper, though both may show the same. So a distance is large unless it is of one
    place that stayed as it is, and what is at which side of the border is the same for all pixels.

    Two things are not as in the paper. The similarity is one of the head's distance, so that each head does (with
    cosines, 1 − d is theirs). The others count by their mean, not their sum: the value is then as large for batches of
    any size, and a search compares batch sizes by it. Temperature and bias are set, or learned as in the paper
    (`loss_learned`). The defaults have the border at half the margin.

    Args:
        labels: (pairs,) 0 changed, 1 unchanged.
        distances: (pairs,) dᵢᵢ, in the units of the head.
        embeddings: (pairs, 2, units).
        head: it measures dᵢⱼ; its margin is their unit.
        sigmoid_temperature: t, a number or a tensor ().
        sigmoid_bias: b, the same.

    Returns:
        (pairs,) values.

    References:
        Zhai, Mustafa, Kolesnikov, Beyer (2023), "Sigmoid loss for language image pre-training", ICCV.
    """
    from hscd.system.backend import keras

    ops = keras.ops
    labels = ops.cast(labels, distances.dtype)

    def match(distance: Any) -> Any:
        return sigmoid_temperature * (1 - distance / head.margin) + sigmoid_bias

    unlike = ops.softplus(match(crossed(embeddings, head)))
    count = ops.shape(unlike)[0]
    others = 1 - ops.eye(count, dtype=unlike.dtype)
    mean = ops.sum(unlike * others, axis=1) / ops.maximum(ops.sum(others, axis=1), 1)
    return ops.softplus((1 - 2 * labels) * match(distances)) + mean
