"""What a network is trained for: a loss with its options, bound to the network's head."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hscd.heads import Head, by_function
from hscd.losses import LEARNED, LOSSES, chosen
from hscd.system.backend import keras


@keras.saving.register_keras_serializable("hscd")
class Objective(keras.losses.Loss):
    """A member of `LOSSES` as the epochs want it, and as a Keras loss for those who train with Keras' own `fit`.

    Scales that it learns are weights of a layer, which the network has to have among its own (`layer`).

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
        self._learns = bool(self._options.pop(LEARNED.name, False))
        names = self._loss.learned if self._learns else {}
        self._scales = Scales({name: (self._options.pop(name), above_0) for name, above_0 in names.items()})
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
    def layer(self) -> keras.layers.Layer | None:
        """A layer that passes on what it gets, and whose weights are the scales that are learned; None without any."""
        return self._scales if self._learns else None

    @property
    def learned(self) -> dict[str, float]:
        """The scales that are learned as they are now, by the name of the option."""
        return {name: float(value) for name, value in self._scales.values().items()}

    @property
    def needs_whole_batches(self) -> bool:
        """Whether the value of a pair depends on the others of its batch."""
        return self._loss.of == "batch"

    def values(self, labels: Any, distances: Any, embeddings: Any) -> Any:
        """The loss of each pair, (pairs,); see `hscd.losses.Loss`."""
        return self._loss.function(labels, distances, embeddings, self._head, **self._options, **self._scales.values())

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.values(y_true, y_pred, None)

    def get_config(self) -> dict[str, Any]:
        options = self._options | self.learned | ({LEARNED.name: True} if self._learns else {})
        own = {"loss": self._loss.name, "head": self._head.name, "margin": self._head.margin, "options": options}
        return {**super().get_config(), **own}


class Scales(keras.layers.Layer):
    """Passes on what it gets, and has numbers that are learned as its weights.

    Args:
        start: of each number, by its name, the value and whether it is > 0, when the weight is its logarithm.
    """

    def __init__(self, start: Mapping[str, tuple[float, bool]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._above_0 = {name: above_0 for name, (_, above_0) in start.items()}
        self._numbers = {
            name: self.add_weight((), keras.initializers.Constant(math.log(value) if above_0 else value), name=name)
            for name, (value, above_0) in start.items()
        }

    def values(self) -> dict[str, Any]:
        """The numbers, tensors ()."""
        ops = keras.ops
        return {
            name: ops.exp(weight) if self._above_0[name] else ops.convert_to_tensor(weight)
            for name, weight in self._numbers.items()
        }

    def call(self, inputs: Any) -> Any:
        return inputs
