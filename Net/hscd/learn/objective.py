"""What a network is trained for: a loss with its options, bound to the network's head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hscd.heads import Head, by_function
from hscd.losses import LOSSES, chosen
from hscd.system.backend import keras


@keras.saving.register_keras_serializable("hscd")
class Objective(keras.losses.Loss):
    """A member of `LOSSES` as the epochs want it, and as a Keras loss for those who train with Keras' own `fit`.

    Keras hands no embeddings to a loss, so its `fit` is for losses that do without them.

    Args:
        loss: name of the loss.
        head: name of the head that ends the network.
        margin: distance beyond which a changed pair adds nothing, in the units of the head.
        options: of the loss, by name.
    """

    def __init__(
        self, loss: str, head: str, margin: float, options: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**{"name": f"{loss}_loss", **kwargs})
        self._loss, self._options = LOSSES[loss], dict(options or {})
        self._head = replace(by_function(head), margin=float(margin))

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Objective:
        """The objective that the parameters of a model name.

        Raises:
            ValueError: if they name no loss or head that is known, or lack an option.
        """
        loss, options = chosen(parameters)
        return cls(loss.name, by_function(parameters["score_function"]).name, parameters["margin"], options)

    @property
    def head(self) -> Head:
        """The head of the network, with the margin of the loss."""
        return self._head

    @property
    def needs_whole_batches(self) -> bool:
        """Whether the value of a pair depends on the others of its batch."""
        return self._loss.of == "batch"

    def values(self, labels: Any, distances: Any, embeddings: Any) -> Any:
        """The loss of each pair, (pairs,); see `hscd.losses.Loss`."""
        return self._loss.function(labels, distances, embeddings, self._head, **self._options)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.values(y_true, y_pred, None)

    def get_config(self) -> dict[str, Any]:
        own = {"loss": self._loss.name, "head": self._head.name, "margin": self._head.margin, "options": self._options}
        return {**super().get_config(), **own}
