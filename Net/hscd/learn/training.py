"""Fit and predict Siamese models on pixel pairs; the passes over them are those of `hscd.learn.epochs`."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hscd.labels import CHANGED, UNCHANGED
from hscd.learn.epochs import Epochs
from hscd.learn.regime import SCHEDULES, Augmentation, Regime, augmentation_of
from hscd.learn.samples import Pairs, Passes, Samples
from hscd.networks.dropout import dropout_layers
from hscd.networks.siamese import reach
from hscd.scenes.patches import Patches
from hscd.system.backend import keras
from hscd.system.errors import InputError, brief, counted
from hscd.system.interrupts import ctrl_c_heeded

Reason = Literal["patience", "max_epochs", "stopped"]
# Every pair once an epoch as it is, at one learning rate.
AS_IT_IS = Regime()


class TrainingDivergedError(Exception):
    """The loss or a weight became NaN or infinite."""


@dataclass(frozen=True)
class Rules:
    """When a training ends, and what it is judged by.

    Attributes:
        max_epochs: epochs at most, >= 1.
        min_delta: by how much the validation loss has to fall for an epoch to count as better.
        patience: epochs in a row without a better one after which the training ends, >= 1.
        validation_share: share of the pairs that are held out to judge by, ]0, 1[.
    """

    max_epochs: int
    min_delta: float
    patience: int
    validation_share: float


@dataclass(frozen=True)
class FitResult:
    """The epoch whose weights were kept, what was measured in it, and how the training ended.

    Attributes:
        best_epoch: from 1.
        loss: of the training pairs in it.
        val_loss: of the validation pairs after it.
        val_accuracy: share of the validation pairs on the right side of the head's limit; NaN of a model without
            that metric, as an autoencoder.
        epochs: that were run.
        reason: why no more were: "patience", "max_epochs", or "stopped" where a callback asked for it.
        curve: loss and validation loss of each epoch.
    """

    best_epoch: int
    loss: float
    val_loss: float
    val_accuracy: float
    epochs: int
    reason: Reason
    curve: tuple[tuple[float, float], ...] = ()


class TellEpochs(keras.callbacks.Callback):
    """Tells a function of every epoch, (number from 1, what was measured); the training ends where it answers True."""

    def __init__(self, tell: Callable[[int, dict[str, float]], bool | None]) -> None:
        super().__init__()
        self._tell = tell

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if self._tell(epoch + 1, logs or {}):
            self.model.stop_training = True


def check_classes(labels: np.ndarray) -> None:
    """Raise `InputError` where there are not at least two pairs of each class to learn from and to judge by."""
    changed = int(np.count_nonzero(labels == CHANGED))
    unchanged = int(np.count_nonzero(labels == UNCHANGED))
    if min(changed, unchanged) < 2:
        raise InputError(
            f"training needs at least two pixels of each class, found {changed} changed and {unchanged} unchanged"
        )


def stratified_split(labels: np.ndarray, seed: int, share: float) -> tuple[np.ndarray, np.ndarray]:
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
    pairs: Pairs,
    labels: np.ndarray,
    train: np.ndarray,
    validation: np.ndarray,
    *,
    rules: Rules,
    batch_size: int,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    regime: Regime = AS_IT_IS,
) -> FitResult:
    """Train a compiled model until its validation loss stops to fall, and leave the best weights in it.

    Args:
        model: compiled model from (batch, 2, bands) to (batch,), with a metric named `accuracy` or without.
        pairs: (pairs, 2, bands) float32 array, or patches, or samples of which a block at a time is gathered.
        labels: (pairs,) labels, 0 changed, 1 unchanged.
        train: positions of the pairs to learn from.
        validation: positions of the pairs to judge an epoch by.
        rules: when to end.
        batch_size: pairs a step.
        seed: of the order of the batches, and of what alters spectra.
        callbacks: further Keras callbacks; where one sets `stop_training` of the model, the training ends.
        regime: how pairs are drawn and altered, and how the learning rate falls.

    Raises:
        TrainingDivergedError: if a loss or a weight is not finite.
    """
    steps = stepwise(
        model, pairs, labels, train, validation,
        rules=rules, batch_size=batch_size, seed=seed, callbacks=callbacks, regime=regime,
    )  # fmt: skip
    next(steps)
    while True:
        try:
            steps.send(train)
        except StopIteration as end:
            return end.value


def stepwise(
    model: keras.Model,
    pairs: Pairs,
    labels: np.ndarray,
    train: np.ndarray,
    validation: np.ndarray,
    *,
    rules: Rules,
    batch_size: int,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    regime: Regime = AS_IT_IS,
    like: Passes | None = None,
) -> Generator[Passes, np.ndarray, FitResult]:
    """`fit` epoch by epoch: before each one it gives its passes, and is sent the positions to learn from.

    Passes of another model over the same pairs, which it may be `like`, share with it what they were handed over.
    """
    _prepare(model, min(batch_size, len(train)))
    targets = labels.astype(np.float32)
    with memory_error():
        passes = Passes(model.epochs, _seen_by(model, pairs), targets, like)
    shuffle = np.random.default_rng(seed)
    stopping = keras.callbacks.EarlyStopping(
        monitor="val_loss", mode="min", min_delta=rules.min_delta, patience=rules.patience, restore_best_weights=True
    )
    called = [stopping, *callbacks, *_schedule(model, regime, rules.max_epochs)]
    hooks = keras.callbacks.CallbackList(called, model=model, epochs=rules.max_epochs)
    augmentation = augmentation_of(regime, passes.spectra, train, seed)
    history: list[dict[str, float]] = []
    model.stop_training = False
    hooks.on_train_begin()
    for epoch in range(rules.max_epochs):
        chosen = yield passes
        with ctrl_c_heeded(), memory_error():
            hooks.on_epoch_begin(epoch)
            order = regime.order(chosen, labels, shuffle)
            altered = augmentation(epoch), regime.turns(len(order), seed, epoch)
            logs = _epoch(model, passes, targets, order, validation, batch_size, *altered)
            _check_finite(model, logs, epoch)
            history.append(logs)
            hooks.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    hooks.on_train_end(history[-1])
    best = history[stopping.best_epoch]
    reason: Reason = "patience" if stopping.stopped_epoch else "stopped" if model.stop_training else "max_epochs"
    measured = best["loss"], best["val_loss"], best.get("val_accuracy", math.nan)
    curve = tuple((logs["loss"], logs["val_loss"]) for logs in history)
    return FitResult(stopping.best_epoch + 1, *measured, epochs=len(history), reason=reason, curve=curve)


class _Falling(keras.callbacks.LearningRateScheduler):
    """Sets the learning rate of each epoch; the next training starts where this one did."""

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        self.model.optimizer.learning_rate = self.schedule(0, None)


def _schedule(model: keras.Model, regime: Regime, epochs: int) -> list[keras.callbacks.Callback]:
    """What lets the learning rate fall, if it does."""
    rate, share = float(model.optimizer.learning_rate), SCHEDULES[regime.schedule]
    return [] if regime.schedule == "constant" else [_Falling(lambda epoch, _: rate * share(epoch, epochs))]


def _epoch(
    model: keras.Model,
    passes: Passes,
    targets: np.ndarray,
    order: np.ndarray,
    validation: np.ndarray,
    batch_size: int,
    alter: Augmentation | None,
    turns: np.ndarray | None,
) -> dict[str, float]:
    """Train on the pairs at the positions `order`, judge by those of the validation; loss and accuracy of both."""
    for layer in dropout_layers(model):
        layer.redraw()
    logs = _measured(model, targets[order], *passes.train(order, batch_size, alter, turns))
    judged = _measured(model, targets[validation], *passes.judge(validation, batch_size))
    return logs | {f"val_{name}": value for name, value in judged.items()}


def _prepare(model: keras.Model, largest_batch: int) -> None:
    """Have a model be ready for its passes.

    The optimiser has to know the weights to train; where it knows others, as layers were frozen, it starts anew.
    """
    optimizer, weights = model.optimizer, model.trainable_variables
    known = optimizer._trainable_variables if optimizer.built else weights
    if [id(weight) for weight in known] != [id(weight) for weight in weights]:
        model.optimizer = optimizer = type(optimizer).from_config(optimizer.get_config())
    optimizer.build(weights)
    for layer in dropout_layers(model):
        layer.reserve(2 * largest_batch)
    model.epochs = Epochs(model)


@contextmanager
def memory_error() -> Iterator[None]:
    """Have what a backend says when there is no memory be a MemoryError."""
    try:
        yield
    except Exception as error:
        if "RESOURCE_EXHAUSTED" in str(error) or type(error).__name__ == "ResourceExhaustedError":
            raise MemoryError(brief(error)) from error
        raise


def _check_finite(model: keras.Model, logs: dict[str, float], epoch: int) -> None:
    """Raise `TrainingDivergedError` where losses or weights are NaN or infinite.

    The losses alone do not tell: TensorFlow's relu and maximum may turn NaN into a number.
    """
    if not (math.isfinite(logs["loss"]) and math.isfinite(logs["val_loss"])):
        raise TrainingDivergedError(f"loss {logs['loss']:g}, validation loss {logs['val_loss']:g} in epoch {epoch + 1}")
    if not all(np.isfinite(weights.numpy()).all() for weights in model.trainable_variables):
        raise TrainingDivergedError(f"weights that are not finite in epoch {epoch + 1}")


def _measured(model: keras.Model, labels: np.ndarray, distances: np.ndarray, losses: np.ndarray) -> dict[str, float]:
    """Mean loss of pairs, and the accuracy of their distances where the model measures it."""
    model.reset_metrics()
    metrics = model.compute_metrics(None, labels, distances)
    # In float32, as Keras has it.
    logs = {"loss": float(keras.ops.sum(losses) / len(losses))}
    return logs | ({"accuracy": float(metrics["accuracy"])} if "accuracy" in metrics else {})


def on_gpu() -> bool:
    """Whether the backend computes on a GPU."""
    return any(device.lower().startswith(("gpu", "cuda")) for device in keras.distribution.list_devices())


def epochs_of(model: keras.Model) -> Epochs:
    """The compiled passes of a model; they are kept with it, for compiling takes longer than a small prediction."""
    if not hasattr(model, "epochs"):
        model.epochs = Epochs(model)
    return model.epochs


def _seen_by(model: keras.Model, pairs: Pairs) -> Pairs:
    """What a network sees of patches: those, or their middles alone."""
    return pairs.spectra if isinstance(pairs, Patches) and not reach(model) else pairs


def check_bands(model: keras.Model, pairs: Pairs) -> None:
    """Raise `InputError` where model and pixel pairs have different numbers of bands."""
    bands = model.input_shape[-1]
    if pairs.shape[-1] != bands:
        raise InputError(f"the model was trained on {counted(bands, 'band')}, the images have {pairs.shape[-1]}")


def predict(model: keras.Model, pairs: Pairs, positions: np.ndarray | None = None) -> np.ndarray:
    """Distances of pixel pairs.

    Args:
        model: model from (batch, 2, bands) to (batch,).
        pairs: (pairs, 2, bands) float32 array, or patches, or samples.
        positions: of the pairs to predict, if these are no samples; None for all.

    Returns:
        float32 array, one value for each pair that is predicted.

    Raises:
        InputError: if model and pairs have different numbers of bands.
    """
    check_bands(model, pairs)
    if isinstance(pairs, Samples):
        return np.concatenate([predict(model, pairs.take(block)) for block in pairs.blocks])
    pairs = _seen_by(model, pairs)
    with ctrl_c_heeded(), memory_error():
        epochs = epochs_of(model)
        return epochs.distances(pairs) if positions is None else epochs.distances(epochs.hold(pairs), positions)


def gradients(model: keras.Model, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances of pixel pairs, and how each grows with the values of its own pair.

    Args:
        model: model from (batch, 2, bands) to (batch,).
        pairs: (pairs, 2, bands) array.

    Returns:
        (pairs,) and (pairs, 2, bands), float32.

    Raises:
        InputError: if model and pairs have different numbers of bands.
    """
    check_bands(model, pairs)
    with ctrl_c_heeded(), memory_error():
        return epochs_of(model).gradients(pairs)
