"""What of a model decides whether a batch may be split."""

from __future__ import annotations

from functools import partial

import numpy as np

from hscd.system.backend import keras


def keeps_statistics(model: keras.Model) -> bool:
    """Whether a layer keeps something from batch to batch, as batch normalisation does its moving statistics.

    Weights of frozen layers stay as they are; the states of random generators are no weights.
    """
    frozen = {id(weight) for layer in model._flatten_layers() if not layer.trainable for weight in layer.weights}
    return any(not weight.trainable and id(weight) not in frozen for weight in model.weights)


def adds_losses(model: keras.Model) -> bool:
    """Whether layers add losses of their own; two pairs go through the model to find out, and leave no trace in it."""
    values = [(variable, variable.value) for variable in model.variables]
    pairs = np.zeros((2, *model.input_shape[1:]), np.float32)
    with keras.StatelessScope(values, collect_losses=True):
        if keras.backend.backend() == "jax":
            import jax

            jax.eval_shape(partial(model, training=True), pairs)  # by itself it would compile each operation
        else:
            model(pairs, training=True)
        return bool(model.losses)
