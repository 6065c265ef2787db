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


def model(bands: int, parameters: dict[str, Any]) -> Any:
    """The guide's network: two inputs, the branch called on each, contrastive loss on the Euclidean distance."""
    import keras

    branch = keras.Sequential([keras.Input((bands,))])
    for units, rate in (("layer", "dropout_rate"), ("layer_1", "dropout_rate_1"), ("layer_2", None)):
        branch.add(keras.layers.Dense(parameters[units], activation="relu"))
        if rate:
            branch.add(keras.layers.Dropout(parameters[rate]))
    first, second = keras.Input((bands,)), keras.Input((bands,))
    difference = branch(first) - branch(second)
    squares = keras.ops.sum(keras.ops.square(difference), axis=-1)
    network = keras.Model([first, second], keras.ops.sqrt(keras.ops.maximum(squares, 1e-7)))

    def contrastive_loss(y_true: Any, y_pred: Any) -> Any:
        same = keras.ops.cast(y_true, y_pred.dtype)
        pushed = keras.ops.square(keras.ops.maximum(1.0 - y_pred, 0))
        return keras.ops.mean(same * keras.ops.square(y_pred) + (1 - same) * pushed)

    network.compile(keras.optimizers.Adam(parameters["lr"]), contrastive_loss)
    return network


def halves(pairs: np.ndarray) -> list[np.ndarray]:
    """Before and after spectra, each in one piece."""
    return [np.ascontiguousarray(pairs[:, date]) for date in range(2)]
