"""Fast fit and predict of Siamese models on pixel pairs held in memory.

An epoch is one compiled TensorFlow call that loops over the batches: the data is handed over once, not batch by batch,
and the arithmetic of a step is Keras' own `train_step`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hscd.backend import keras
from hscd.backend import tensorflow as tf
from hscd.errors import InputError
from hscd.labels import CHANGED, UNCHANGED

MAX_EPOCHS = 150
MIN_DELTA = 1e-4
PATIENCE = 10
VALIDATION_SHARE = 0.2
# Pairs a forward pass: large enough for full matrix-product speed, small enough for little extra memory.
PREDICTION_BATCH = 16_384


class TrainingDivergedError(Exception):
    """The loss or a weight became NaN or infinite."""


@dataclass(frozen=True)
class FitResult:
    """The epoch whose weights were kept, counted from 1, and what was measured in it."""

    epoch: int
    loss: float
    val_loss: float
    val_accuracy: float


def check_classes(labels: np.ndarray) -> None:
    """Raise `InputError` where there are not at least two pairs of each class to learn from and to judge by."""
    changed = int(np.count_nonzero(labels == CHANGED))
    unchanged = int(np.count_nonzero(labels == UNCHANGED))
    if min(changed, unchanged) < 2:
        raise InputError(
            f"training needs at least two pixels of each class, found {changed} changed and {unchanged} unchanged"
        )


def stratified_split(labels: np.ndarray, seed: int, share: float = VALIDATION_SHARE) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the training and of the validation pairs, each class split by the same share.

    Args:
        labels: (pairs,) labels, 0 changed, 1 unchanged.
        seed: of the random split.
        share: share of the pairs that goes to validation.

    Raises:
        InputError: if there are not at least two pairs of each class.
    """
    from sklearn.model_selection import train_test_split

    check_classes(labels)
    validation = max(2, math.ceil(share * len(labels)))
    train, held_out = train_test_split(np.arange(len(labels)), test_size=validation, stratify=labels, random_state=seed)
    return train, held_out


def fit(
    model: keras.Model,
    pairs: np.ndarray,
    labels: np.ndarray,
    train: np.ndarray,
    validation: np.ndarray,
    *,
    batch_size: int,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> FitResult:
    """Train a compiled model until its validation loss stops to fall, and leave the best weights in it.

    Args:
        model: compiled model from (batch, 2, bands) to (batch,), with a metric named `accuracy`.
        pairs: (pairs, 2, bands) float32 array.
        labels: (pairs,) labels, 0 changed, 1 unchanged.
        train: positions of the pairs to learn from.
        validation: positions of the pairs to judge an epoch by.
        batch_size: pairs a step.
        seed: of the order of the batches.
        callbacks: further Keras callbacks.

    Raises:
        TrainingDivergedError: if a loss or a weight is not finite.
    """
    model.optimizer.build(model.trainable_variables)
    data = on_device(pairs, labels)
    train_epoch = compiled_epoch(model, model.train_step, data, batch_size)
    validation_epoch = compiled_epoch(model, model.test_step, data, PREDICTION_BATCH)
    order = np.random.default_rng(seed)
    stopping = keras.callbacks.EarlyStopping(
        monitor="val_loss", mode="min", min_delta=MIN_DELTA, patience=PATIENCE, restore_best_weights=True
    )
    hooks = keras.callbacks.CallbackList([stopping, *callbacks], model=model, epochs=MAX_EPOCHS)
    history: list[dict[str, float]] = []
    model.stop_training = False
    hooks.on_train_begin()
    for epoch in range(MAX_EPOCHS):
        hooks.on_epoch_begin(epoch)
        logs = train_epoch(order.permutation(train))
        logs |= {f"val_{name}": value for name, value in validation_epoch(validation).items()}
        _check_finite(model, logs, epoch)
        history.append(logs)
        hooks.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    hooks.on_train_end(history[-1])
    best = history[stopping.best_epoch]
    return FitResult(
        epoch=stopping.best_epoch + 1,
        loss=best["loss"],
        val_loss=best["val_loss"],
        val_accuracy=best["val_accuracy"],
    )


def _check_finite(model: keras.Model, logs: dict[str, float], epoch: int) -> None:
    """Raise `TrainingDivergedError` where losses or weights are NaN or infinite.

    The losses alone do not tell: TensorFlow's relu and maximum may turn NaN into a number.
    """
    if not (math.isfinite(logs["loss"]) and math.isfinite(logs["val_loss"])):
        raise TrainingDivergedError(f"loss {logs['loss']:g}, validation loss {logs['val_loss']:g} in epoch {epoch + 1}")
    if not all(np.isfinite(weights).all() for weights in model.get_weights()):
        raise TrainingDivergedError(f"weights that are not finite in epoch {epoch + 1}")


def on_device(pairs: np.ndarray, labels: np.ndarray) -> tuple[tf.Tensor, tf.Tensor]:
    """Pixel pairs and labels as tensors, handed over once for all epochs."""
    return tf.constant(pairs), tf.constant(labels, dtype=tf.float32)


def compiled_epoch(
    model: keras.Model, step: Callable[[Any], Any], data: tuple[tf.Tensor, tf.Tensor], batch_size: int
) -> Callable[[np.ndarray], dict[str, float]]:
    """A function that runs `step` over all batches of an order of pairs and returns the epoch's metrics."""

    # The data is an argument: what a compiled function takes from around it is never freed.
    @tf.function(
        input_signature=[tf.TensorSpec((None,), tf.int32), *(tf.TensorSpec.from_tensor(part) for part in data)]
    )
    def run(order: tf.Tensor, pairs: tf.Tensor, labels: tf.Tensor) -> None:
        for start in tf.range(0, tf.size(order), batch_size):
            batch = order[start : start + batch_size]
            step((tf.gather(pairs, batch), tf.gather(labels, batch)))

    def epoch(order: np.ndarray) -> dict[str, float]:
        model.reset_metrics()
        run(tf.constant(order, dtype=tf.int32), *data)
        return {name: float(value) for name, value in model.get_metrics_result().items()}

    return epoch


def check_bands(model: keras.Model, pairs: np.ndarray) -> None:
    """Raise `InputError` where model and pixel pairs have different numbers of bands."""
    bands = model.input_shape[-1]
    if pairs.shape[-1] != bands:
        raise InputError(f"the model was trained on {bands} bands, the images have {pairs.shape[-1]}")


def predict(model: keras.Model, pairs: np.ndarray) -> np.ndarray:
    """Distances of pixel pairs.

    Args:
        model: model from (batch, 2, bands) to (batch,).
        pairs: (pairs, 2, bands) float32 array.

    Returns:
        (pairs,) float32 array.

    Raises:
        InputError: if model and pairs have different numbers of bands.
    """
    check_bands(model, pairs)
    return np.asarray(model.predict(pairs, batch_size=PREDICTION_BATCH, verbose=0))
