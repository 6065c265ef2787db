"""Two networks that teach each other: each learns from the labels that the other one does not hold for wrong."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any

import numpy as np

from hscd.labels import CHANGED, UNCHANGED
from hscd.learn import training
from hscd.learn.optimizers import optimizer_of
from hscd.learn.regime import Regime
from hscd.learn.samples import Pairs, Passes
from hscd.networks.siamese import headed
from hscd.system.backend import keras

# Epochs after which the whole share is left out; until then it grows.
GRADUAL = 3


def co_taught(
    model: keras.Model,
    pairs: Pairs,
    labels: np.ndarray,
    train: np.ndarray,
    validation: np.ndarray,
    *,
    share: float,
    rules: training.Rules,
    batch_size: int,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    regime: Regime = training.AS_IT_IS,
) -> training.FitResult:
    """Train a compiled network and a twin of it on labels of which a share may be wrong; keep the better one's weights.

    Both start from the same weights. So that they do not err alike, each learns from another half of every class in the
    first epoch, and draws its own dropout and order of the batches. From then on each learns from the pairs whose loss
    is small for the other one: networks learn what most labels say before they learn the wrong ones by heart.

    Three things are not as in the paper. The losses are compared once an epoch, over all pairs as they are predicted,
    not in each batch; and within each class, as the few changed pairs would else be the first to go. Losses of the
    batch are not compared: they depend on what is beside a pair, and say next to nothing of a changed one that is alone
    in its batch. Distances take their place: far changed pairs and near unchanged ones are the least doubtful.

    Args:
        model: as of `training.fit`; the weights of the network of the lower validation loss are left in it.
        pairs, labels, train, validation: as of `training.fit`.
        share: of the pairs of each class that is left out in the end, [0, 1[; of a class, two are kept at least.
        rules, batch_size, regime: as of `training.fit`.
        seed: of both networks.
        callbacks: further Keras callbacks, of the first network.

    Returns:
        What came of the network that was kept.

    Raises:
        TrainingDivergedError: if a loss or a weight is not finite.

    References:
        Han, Yao, Yu, Niu, Xu, Hu, Tsang, Sugiyama (2018), "Co-teaching: robust training of deep neural networks with
            extremely noisy labels", NeurIPS 31.
    """
    other = twin(model, seed)
    steps = partial(
        training.stepwise, pairs=pairs, labels=labels, train=train, validation=validation, rules=rules,
        batch_size=batch_size, regime=regime,
    )  # fmt: skip
    runs = [steps(model, seed=seed, callbacks=callbacks)]
    passes = [next(runs[0])]
    runs.append(steps(other, seed=seed + 1, like=passes[0]))
    passes.append(next(runs[1]))
    whole = bool(model.loss.needs_whole_batches)
    judges = [partial(_doubts, one, train, labels[train], batch_size, whole) for one in passes]
    lessons = halves(train, labels, np.random.default_rng(seed))
    first, second = _taught(runs, judges, lessons, lambda doubts, part: least(train, labels, doubts, share * part))
    if second.val_loss < first.val_loss:
        model.set_weights(other.get_weights())
        return second
    return first


def _doubts(passes: Passes, train: np.ndarray, labels: np.ndarray, batch_size: int, by_distance: bool) -> np.ndarray:
    """How little the labels of pairs agree with a network, comparable within a class: losses, or from distances."""
    distances, losses = passes.judge(train, batch_size)
    return np.where(labels == CHANGED, -distances, distances) if by_distance else losses


def _taught(
    runs: Sequence[Generator[Any, np.ndarray, training.FitResult]],
    judges: Sequence[Callable[[], np.ndarray]],
    lessons: tuple[np.ndarray, np.ndarray],
    trusted: Callable[[np.ndarray, float], np.ndarray],
) -> list[training.FitResult]:
    """Run two trainings in turns, each on what the other one trusts.

    Args:
        runs: of `training.stepwise`, begun.
        judges: what tells how much each network doubts each label now.
        lessons: positions for the first epoch.
        trusted: from doubts, and the part of the share that is left out by now, to positions.
    """
    found: dict[int, training.FitResult] = {}
    epoch = 0
    while len(found) < len(runs):
        for number, run in enumerate(runs):
            if number not in found:
                try:
                    run.send(lessons[number])
                except StopIteration as end:
                    found[number] = end.value
        epoch += 1
        first, second = (trusted(judge(), min(epoch / GRADUAL, 1)) for judge in judges)
        lessons = second, first
    return [found[number] for number in range(len(runs))]


def twin(model: keras.Model, seed: int) -> keras.Model:
    """A compiled network of the same weights, of which the same layers are frozen, with a dropout of its own."""
    random.seed(seed)  # Keras draws its seeds from there
    branch = model.get_layer("branch")
    copy = keras.models.clone_model(branch)
    copy.set_weights(branch.get_weights())
    config = model.loss.get_config()
    parameters: dict[str, Any] = {"loss": config["loss"], "score_function": config["head"], "margin": config["margin"]}
    rate = float(model.optimizer.learning_rate)
    return headed(copy, parameters | config["options"], optimizer_of(model.optimizer.kind, rate))


def halves(train: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two halves of each class; of a class that has one pair, both have that."""
    parts = []
    for label in (CHANGED, UNCHANGED):
        members = rng.permutation(train[labels[train] == label])
        parts.append(np.array_split(members, 2) if len(members) > 1 else [members, members])
    (first, second), (third, fourth) = parts
    # The larger half of a class once to the one network, once to the other.
    return np.concatenate([first, fourth]), np.concatenate([second, third])


def least(train: np.ndarray, labels: np.ndarray, doubts: np.ndarray, left_out: float) -> np.ndarray:
    """The positions of the pairs of each class whose labels are the least doubtful.

    Args:
        train: positions of the pairs.
        labels: of all pairs, 0 changed, 1 unchanged.
        doubts: of the pairs at those positions.
        left_out: share of each class that is not among them; two of a class are.
    """
    kept = []
    for label in (CHANGED, UNCHANGED):
        members = np.flatnonzero(labels[train] == label)
        count = max(min(2, len(members)), round((1 - left_out) * len(members)))
        kept.append(members[np.argsort(doubts[members], kind="stable")[:count]])
    return train[np.sort(np.concatenate(kept))]
