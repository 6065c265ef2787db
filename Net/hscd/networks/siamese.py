"""The Siamese network: one branch for both images, headed by a distance."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from hscd.branches import branch_of
from hscd.heads import by_function
from hscd.learn.optimizers import Adam
from hscd.losses.contrastive import ContrastiveLoss
from hscd.system.backend import keras


def build_net(input_shape: Sequence[int], parameters: Mapping[str, Any], *, seed: int | None = None) -> keras.Model:
    """Build and compile the Siamese network.

    Both images of a batch go through the branch stacked, in one pass.

    Args:
        input_shape: shape of one spectrum, (bands,).
        parameters: dict of a saved model: `layer`, `layer_1`, `layer_2`, `dropout_rate`, `dropout_rate_1`,
            `fourth_layer`, `lr`, `margin`, and `score_function`, a registered distance or its name.
        seed: of the initial weights and the dropout; None for other ones each time.

    Returns:
        Compiled model from pixel pairs (batch, 2, bands) to distances (batch,).
    """
    if seed is not None:
        random.seed(seed)  # Keras draws its seeds from there
    bands = int(input_shape[-1])
    distance = by_function(parameters["score_function"])
    branch = branch_of(parameters).build(bands, parameters)
    pairs = keras.Input((2, bands), name="pixel_pairs")
    embeddings = branch(keras.ops.reshape(pairs, (-1, bands)))
    embeddings = keras.ops.reshape(embeddings, (-1, 2, embeddings.shape[-1]))
    # Not embeddings[:, 0]: the gradient of such a slice is slow on TensorFlow.
    first, second = keras.ops.unstack(embeddings, 2, axis=1)
    model = keras.Model(pairs, distance.function(first, second), name="siamese")

    def accuracy(y_true: Any, y_pred: Any) -> Any:
        return keras.ops.equal(keras.ops.cast(y_true, "bool"), y_pred < distance.same_below)

    model.compile(
        optimizer=Adam(float(parameters["lr"])),
        loss=ContrastiveLoss(float(parameters["margin"])),
        metrics=[keras.metrics.MeanMetricWrapper(accuracy, name="accuracy")],
    )
    return model
