"""The plain way: Keras as its documentation would have it, with TensorFlow's own threads, and TensorFlow in one piece.

Nothing of this program is imported here: it would set up TensorFlow its way.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def euclidean_dist(x: Any, y: Any) -> Any:
    import tensorflow as tf

    return tf.sqrt(tf.maximum(tf.reduce_sum(tf.square(x - y), axis=-1), 1e-7))


def spectral_angle(x: Any, y: Any) -> Any:
    import tensorflow as tf

    cosine = tf.reduce_sum(x * y, axis=-1) / (tf.norm(x, axis=-1) * tf.norm(y, axis=-1))
    return tf.acos(tf.clip_by_value(cosine, -1.0, 1.0))


DISTANCES = {"ED": euclidean_dist, "SAM": spectral_angle}


def _branch(bands: int, parameters: dict[str, Any]) -> Any:
    import keras

    branch = keras.Sequential([keras.Input((bands,))])
    for units, rate in (("layer", "dropout_rate"), ("layer_1", "dropout_rate_1"), ("layer_2", None)):
        branch.add(keras.layers.Dense(parameters[units], activation="relu"))
        if rate:
            branch.add(keras.layers.Dropout(parameters[rate]))
    return branch


def _compiled(inputs: Any, first: Any, second: Any, rate: float, steps: int = 1) -> Any:
    """A network that ends in the Euclidean distance of two embeddings, with contrastive loss."""
    import keras

    squares = keras.ops.sum(keras.ops.square(first - second), axis=-1)
    network = keras.Model(inputs, keras.ops.sqrt(keras.ops.maximum(squares, 1e-7)))

    def contrastive_loss(y_true: Any, y_pred: Any) -> Any:
        same = keras.ops.cast(y_true, y_pred.dtype)
        pushed = keras.ops.square(keras.ops.maximum(1.0 - y_pred, 0))
        return keras.ops.mean(same * keras.ops.square(y_pred) + (1 - same) * pushed)

    network.compile(keras.optimizers.Adam(rate), contrastive_loss, steps_per_execution=steps)
    return network


def model(bands: int, parameters: dict[str, Any]) -> Any:
    """The guide's network: two inputs, the branch called on each, contrastive loss on the Euclidean distance."""
    import keras

    branch = _branch(bands, parameters)
    inputs = [keras.Input((bands,)), keras.Input((bands,))]
    return _compiled(inputs, branch(inputs[0]), branch(inputs[1]), parameters["lr"])


def stacked_model(bands: int, parameters: dict[str, Any], steps: int) -> Any:
    """The same network written the best plain way: both images in one pass, several steps a call."""
    import keras

    pairs = keras.Input((2, bands))
    embeddings = _branch(bands, parameters)(keras.ops.reshape(pairs, (-1, bands)))
    embeddings = keras.ops.reshape(embeddings, (-1, 2, parameters["layer_2"]))
    return _compiled(pairs, *keras.ops.unstack(embeddings, 2, axis=1), parameters["lr"], steps)


def halves(pairs: np.ndarray) -> list[np.ndarray]:
    """Before and after spectra, each in one piece."""
    return [np.ascontiguousarray(pairs[:, date]) for date in range(2)]
