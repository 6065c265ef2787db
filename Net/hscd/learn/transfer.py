"""A trained model trained further for another place: at its own rate, in part, in two phases, under another head."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from hscd.heads import by_function
from hscd.learn import training
from hscd.learn.co_teaching import co_taught
from hscd.learn.optimizers import optimizer_of
from hscd.learn.regime import Regime
from hscd.learn.samples import Pairs
from hscd.networks.siamese import headed
from hscd.system.backend import keras
from hscd.system.errors import InputError


@dataclass(frozen=True)
class Transfer:
    """How a model is trained further; by default as it was trained.

    Layers of batch normalisation stay as they are in any case: learning from another place would ruin the statistics
    by which the layers after them were trained.

    Attributes:
        learning_rate: of it; None for that of the first training.
        epochs: at most, >= 1; None for those of any training.
        freeze: number of first layers with weights that stay as they are.
        release_learning_rate: of a second phase, with all layers; None for no second phase.
        optimizer: "adam" or "sgd"; None for that of the first training.
        objective: parameters that name another loss, its options and another distance to head the network
            ("score_function"); those that are not there stay.
        regime: how pairs are drawn and altered, and how the learning rate falls.
        co_teaching: share of the labels that two networks, which teach each other, leave out as wrong, [0, 1[; 0 for
            one network (`hscd.learn.co_teaching`).

    References:
        Yosinski, Clune, Bengio, Lipson (2014), "How transferable are features in deep neural networks?", NIPS 27, of
            frozen layers.
        Howard, Ruder (2018), "Universal language model fine-tuning for text classification", ACL, of releasing them.
    """

    learning_rate: float | None = None
    epochs: int | None = None
    freeze: int = 0
    release_learning_rate: float | None = None
    optimizer: str | None = None
    objective: Mapping[str, Any] = field(default_factory=dict)
    regime: Regime = training.AS_IT_IS
    co_teaching: float = 0.0


LIKE_THE_FIRST = Transfer()


def continued(model: keras.Model, objective: Mapping[str, Any]) -> keras.Model:
    """The model with its branch under another head or loss; the model itself where none is named.

    The margin stays where the distance does, and becomes that of the new distance otherwise, unless it is given.
    """
    if not objective:
        return model
    now = model.loss.get_config()
    before = {"loss": now["loss"], "score_function": now["head"], "margin": now["margin"], **now["options"]}
    if "score_function" in objective and by_function(objective["score_function"]).name != now["head"]:
        before["margin"] = by_function(objective["score_function"]).margin
    return headed(model.get_layer("branch"), before | dict(objective), model.optimizer)


def layers_with_weights(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers of the branch that can be frozen, first to last; those of batch normalisation are not counted."""
    layers = model.get_layer("branch")._flatten_layers(include_self=False)
    return [layer for layer in layers if layer._trainable_variables and not _normalises(layer)]


def _normalises(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, keras.layers.BatchNormalization)


@contextmanager
def frozen(model: keras.Model, count: int) -> Iterator[None]:
    """The first layers with weights, and all of batch normalisation, stay as they are within the block.

    Raises:
        InputError: if none would be left to train.
    """
    layers = layers_with_weights(model)
    if count and count >= len(layers):
        raise InputError(
            f"ft_freeze: {count} of the {len(layers)} layers of the model cannot be frozen; expected at most "
            f"{len(layers) - 1}, so that one is left to train"
        )
    kept = layers[:count] + [layer for layer in model._flatten_layers() if _normalises(layer)]
    kept = [layer for layer in kept if layer.trainable]
    for layer in kept:
        layer.trainable = False
    try:
        yield
    finally:
        for layer in kept:
            layer.trainable = True


def train_further(
    model: keras.Model,
    pairs: Pairs,
    labels: np.ndarray,
    how: Transfer,
    *,
    rules: training.Rules,
    batch_size: int,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> list[training.FitResult]:
    """Train a model further, in one phase or two that are judged by the same pairs; what came of each.

    Args:
        model: compiled model, changed in place.
        pairs: (pairs, 2, bands) float32 array, or patches, or samples.
        labels: (pairs,) labels, 0 changed, 1 unchanged.
        how: what is trained at which rate.
        rules: when a phase ends, unless `how` allows fewer epochs.
        batch_size: pairs a step.
        seed: of the split, and as in `training.fit`.
        callbacks: further Keras callbacks.

    Raises:
        InputError: if a class has fewer than two pairs, or all layers are frozen.
        TrainingDivergedError: if a loss or a weight is not finite.
    """
    if how.epochs is not None:
        rules = replace(rules, max_epochs=how.epochs)
    split = training.stratified_split(labels, seed, rules.validation_share)
    phases = [(how.freeze, how.learning_rate)]
    if how.release_learning_rate is not None:
        phases.append((0, how.release_learning_rate))
    learn = partial(co_taught, share=how.co_teaching) if how.co_teaching else training.fit
    found, first = [], float(model.optimizer.learning_rate)
    for freeze, rate in phases:
        if rate is not None or how.optimizer is not None:
            rate = first if rate is None else rate
            model.optimizer = optimizer_of(how.optimizer or model.optimizer.kind, rate)
        with frozen(model, freeze):
            found.append(
                learn(
                    model, pairs, labels, *split,
                    rules=rules, batch_size=batch_size, seed=seed, callbacks=callbacks, regime=how.regime,
                )
            )  # fmt: skip
    if len(phases) > 1:  # a further round begins as this one did
        model.optimizer.learning_rate = first
    return found
