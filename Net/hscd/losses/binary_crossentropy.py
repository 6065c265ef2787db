"""Binary cross-entropy of a probability of change."""

from __future__ import annotations

from typing import Any

from hscd.heads import Head
from hscd.losses import register
from hscd.registry import Option
from hscd.system import parsing

TEMPERATURE = Option(
    "probability_temperature",
    lambda text: parsing.number(text, 0),
    "a number > 0",
    0.1,
    "share of the margin over which the probability of change rises from 0.5 to 0.73 (loss = binary_crossentropy)",
)


@register("binary_crossentropy", TEMPERATURE, of="pairs")
def binary_crossentropy(
    labels: Any, distances: Any, embeddings: Any, head: Head, *, probability_temperature: float
) -> Any:
    """Value of a pair −y·log(1−p) − (1−y)·log p, with p = 1/(1 + exp(−z)), z = (d/margin − 1/2)/T, of change.

    The even chance lies at half the margin, where the contrastive loss has the border of the classes too. At the margin
    itself it would be out of reach for spectral angles: between embeddings >= 0, as those of ReLU, they end at π/2.

    The slope of a pair on the wrong side is at most 1/(T·margin) however far it is off, so that wrong labels pull less
    than with squares.

    Args:
        labels: (pairs,) y, 0 changed, 1 unchanged.
        distances: (pairs,) d, in the units of the head.
        embeddings: not used.
        head: its margin is the unit of the distances.
        probability_temperature: T.

    Returns:
        (pairs,) values.

    References:
        Koch, Zemel, Salakhutdinov (2015), "Siamese neural networks for one-shot image recognition", ICML workshop on
        deep learning.
    """
    from hscd.system.backend import keras

    ops = keras.ops
    labels = ops.cast(labels, distances.dtype)
    changed = (distances / head.margin - 0.5) / probability_temperature
    return ops.softplus((2 * labels - 1) * changed)
