"""Contrastive loss."""

from __future__ import annotations

from typing import Any

from hscd.system.backend import keras


def contrastive_loss(y_true: Any, y_pred: Any, margin: float) -> Any:
    """Per-pair loss y·d² + (1−y)·max(margin−d, 0)².

    Unchanged pairs (y = 1) are pulled together; changed pairs (y = 0) are pushed apart up to the margin.

    Args:
        y_true: (pairs,) labels, 0 changed, 1 unchanged.
        y_pred: (pairs,) distances d.
        margin: distance beyond which a changed pair adds nothing.

    Returns:
        (pairs,) losses.

    References:
        Hadsell, Chopra, LeCun (2006), "Dimensionality reduction by learning an invariant mapping", CVPR.
    """
    y_true = keras.ops.cast(y_true, y_pred.dtype)
    return y_true * keras.ops.square(y_pred) + (1 - y_true) * keras.ops.square(keras.ops.maximum(margin - y_pred, 0))


@keras.saving.register_keras_serializable("hscd")
class ContrastiveLoss(keras.losses.Loss):
    """`contrastive_loss` as a Keras loss: the mean over a batch."""

    def __init__(self, margin: float = 1.0, name: str = "contrastive_loss", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.margin = float(margin)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return contrastive_loss(y_true, y_pred, self.margin)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "margin": self.margin}
