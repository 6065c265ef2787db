"""The Siamese network: one branch for both images, headed by a distance."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hscd.branches import branch_of
from hscd.heads import Head, by_function
from hscd.learn.objective import Objective
from hscd.learn.optimizers import optimizer_of
from hscd.learn.regime import OPTIMIZERS
from hscd.system.backend import keras

# Name of the layer that passes the embeddings of both images on to the head.
_EMBEDDINGS = "embeddings"


def build_net(input_shape: Sequence[int], parameters: Mapping[str, Any], *, seed: int | None = None) -> keras.Model:
    """Build and compile the Siamese network.

    Args:
        input_shape: shape of one spectrum, (bands,).
        parameters: dict of a saved model: `layer`, `layer_1`, `layer_2`, `dropout_rate`, `dropout_rate_1`,
            `fourth_layer`, `lr`, `margin`, and `score_function`, a registered distance or its name; `loss`, a
            registered one (contrastive where it is not there), with its options; `optimizer`, "adam" where it is not
            there, or "sgd".
        seed: of the initial weights and the dropout; None for other ones each time.

    Returns:
        Compiled model from pixel pairs (batch, 2, bands) to distances (batch,).

    Raises:
        ValueError: if there is no such distance, loss or optimiser, or an option of the loss is missing.
    """
    if seed is not None:
        random.seed(seed)  # Keras draws its seeds from there
    optimizer = optimizer_of(parameters.get("optimizer", OPTIMIZERS[0]), float(parameters["lr"]))
    return headed(branch_of(parameters).build(int(input_shape[-1]), parameters), parameters, optimizer)


def headed(branch: keras.Model, parameters: Mapping[str, Any], optimizer: keras.optimizers.Optimizer) -> keras.Model:
    """The compiled network of a branch, with the head and the loss that parameters name, as `build_net`."""
    head = by_function(parameters["score_function"])
    objective = Objective.of(parameters)
    model = network(branch, head, objective.layer)

    def accuracy(y_true: Any, y_pred: Any) -> Any:
        return keras.ops.equal(keras.ops.cast(y_true, "bool"), y_pred < head.same_below)

    model.compile(
        optimizer=optimizer,
        loss=objective,
        metrics=[keras.metrics.MeanMetricWrapper(accuracy, name="accuracy")],
    )
    return model


def begin_with(model: keras.Model, initial: Mapping[str, Sequence[np.ndarray]]) -> None:
    """Give layers of the branch of a network weights, by their names (`hscd.branches.Branch.initial`)."""
    for layer, arrays in initial.items():
        model.get_layer("branch").get_layer(layer).set_weights(arrays)


def network(branch: keras.Model, head: Head, scales: keras.layers.Layer | None = None) -> keras.Model:
    """A branch for both images, and the head that measures how far apart they come out.

    Both images of a batch go through the branch stacked, in one pass.

    Args:
        branch: model from spectra (batch, bands) to embeddings (batch, units); or of a network that sees neighbours,
            from images (batch, rows, columns, bands) to the embeddings of all pixels around which it sees all.
        head: of the network.
        scales: a layer that passes on what it gets, whose weights are those of the loss; None for a loss without.

    Returns:
        Model from pixel pairs (batch, 2, bands) to distances (batch,), not compiled; or from pairs of images
        (batch, 2, rows, columns, bands) to the distances of those pixels.
    """
    shape = branch.input_shape[1:]
    pairs = keras.Input((2, *shape), name="pixel_pairs")
    if len(shape) == 1:
        embeddings = branch(keras.ops.reshape(pairs, (-1, *shape)))
        embeddings = keras.ops.reshape(embeddings, (-1, 2, embeddings.shape[-1]))
    else:  # rows and columns are not known yet, so there is no shape to give
        both = branch(keras.ops.concatenate(keras.ops.unstack(pairs, 2, axis=1)))
        embeddings = keras.ops.stack(keras.ops.split(both, 2), axis=1)
    embeddings = keras.layers.Identity(name=_EMBEDDINGS)(embeddings if scales is None else scales(embeddings))
    # Not embeddings[:, 0]: the gradient of such a slice is slow on TensorFlow.
    first, second = keras.ops.unstack(embeddings, 2, axis=1)
    return keras.Model(pairs, head.function(first, second), name="siamese")


def reach(model: keras.Model) -> int:
    """How many pixels around its own a network sees, by the sizes of its convolutions over rows and columns."""
    sizes: list[tuple[int, ...]] = [getattr(layer, "kernel_size", ()) for layer in model._flatten_layers()]
    return sum((size[0] - 1) // 2 for size in sizes if len(size) > 1)


def with_embeddings(model: keras.Model) -> keras.Model:
    """The network with its embeddings as a second output: pairs -> distances (batch,), embeddings (batch, 2, units).

    A model that is no Siamese network, as an autoencoder, has no embeddings to give: its output comes twice.
    """
    if all(layer.name != _EMBEDDINGS for layer in model.layers):
        return keras.Model(model.input, [model.output, model.output])
    return keras.Model(model.input, [model.output, model.get_layer(_EMBEDDINGS).output])
