"""What of a model decides whether a batch may be split, and how patches of a batch are gathered."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from hscd.networks.siamese import reach
from hscd.system.backend import keras


class HeldPatches(NamedTuple):
    """The arrays of `hscd.scenes.patches.Patches` as the backend wants them."""

    pixels: Any
    centres: Any
    down: Any
    across: Any


def gathered(patches: HeldPatches, chosen: Any, reach: int) -> Any:
    """The patches of some numbers, (chosen, 2, side, side, bands), as far as `reach` on each side."""
    steps = keras.ops.arange(-reach, reach + 1, dtype="int32")
    centres, down, across = (keras.ops.take(part, chosen, axis=0)[:, None, None] for part in patches[1:])
    places = centres + down * steps[:, None] + across * steps
    return keras.ops.transpose(keras.ops.take(patches.pixels, places, axis=0), (0, 3, 1, 2, 4))


def keeps_statistics(model: keras.Model) -> bool:
    """Whether a layer keeps something from batch to batch, as batch normalisation does its moving statistics.

    Weights of frozen layers stay as they are; the states of random generators are no weights.
    """
    frozen = {id(weight) for layer in model._flatten_layers() if not layer.trainable for weight in layer.weights}
    return any(not weight.trainable and id(weight) not in frozen for weight in model.weights)


def adds_losses(model: keras.Model) -> bool:
    """Whether layers add losses of their own; two pairs go through the model to find out, and leave no trace in it."""
    values = [(variable, variable.value) for variable in model.variables]
    side = 2 * reach(model) + 1
    pairs = np.zeros((2, *(side if length is None else length for length in model.input_shape[1:])), np.float32)
    with keras.StatelessScope(values, collect_losses=True):
        if keras.backend.backend() == "jax":
            import jax

            jax.eval_shape(partial(model, training=True), pairs)  # by itself it would compile each operation
        else:
            model(pairs, training=True)
        return bool(model.losses)
