"""A correction network: a network on finished embeddings that gathers each class, before a classifier is taught anew.

It has nothing to do with `hscd.corrections`, which look at the neighbours of a pixel.

    features = change_embeddings(branch, pairs)
    model = fitted(features, labels, seed=0)
    classifier = CLASSIFIERS["logistic_regression"]().fit(corrected(model, features), labels)

Whether that is worth it is what `benchmarks/correction_network.py` measures.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from hscd.heads import HEADS
from hscd.heads.euclidean import EPSILON
from hscd.learn.training import TrainingDivergedError, stratified_split
from hscd.losses import LOSSES
from hscd.system.backend import keras

# Units of the hidden layers; the last layer has as many as the embedding, so that what read that can read this.
HIDDEN = (64, 64)
# Items a step, the rate that Adam learns at, and epochs at most; the best one by the validation loss is kept.
BATCH, RATE, EPOCHS = 128, 1e-3, 30
# Epochs without a better one after which a training ends.
_PATIENCE = 5
# Share of the items that an epoch is judged by, and how many of them at most: a loss compares each with each.
_HELD_OUT, _JUDGED = 0.2, 1000
# Share of the moving statistics that a step keeps. Keras' own, .99, has a third of their start left after 100 steps.
MOMENTUM = 0.9
# Similarities of a class above it, and across classes below it, add little to the sigmoid loss; how steeply.
_BORDER, _STEEPNESS = 0.5, 10.0
# Logarithm of a weight that counts for nothing; finite, as the slope of infinite ones is not a number.
_NOTHING = -1e30
# Rows that go through a network at once.
_PART = 8192


def _logistic_regression() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def _neighbours() -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(15)


def _perceptron() -> Any:
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    # As patient as the correction is long: few items are few steps an epoch.
    stopping = {"early_stopping": True, "validation_fraction": _HELD_OUT, "n_iter_no_change": EPOCHS, "max_iter": 1000}
    return make_pipeline(StandardScaler(), MLPClassifier(HIDDEN, batch_size=BATCH, random_state=0, **stopping))


# Functions of no arguments that make an unfitted scikit-learn classifier of embeddings. The perceptron has the size of
# the correction network: what it gains without a correction is what two more layers are worth.
CLASSIFIERS: dict[str, Callable[[], Any]] = {
    "logistic_regression": _logistic_regression, "neighbours": _neighbours, "perceptron": _perceptron,
}  # fmt: skip


def change_embeddings(branch: keras.Model, pairs: np.ndarray) -> np.ndarray:
    """What tells the change of pixel pairs: the absolute difference of both embeddings, unit by unit.

    Args:
        branch: model from spectra (batch, bands) to embeddings (batch, units).
        pairs: (pairs, 2, bands) float32.

    Returns:
        (pairs, units) float32.
    """
    embeddings = _applied(branch, pairs.reshape(-1, pairs.shape[-1])).reshape(len(pairs), 2, -1)
    return np.abs(embeddings[:, 1] - embeddings[:, 0])


def correction_network(units: int, hidden: Sequence[int] = HIDDEN, momentum: float = MOMENTUM) -> keras.Model:
    """A multilayer perceptron with batch normalisation after each layer; what it puts out has length 1.

    Args:
        units: of the embeddings.
        hidden: units of each hidden layer, relu.
        momentum: share of the moving statistics that a step keeps.

    Returns:
        Model from embeddings (batch, units) to corrected ones (batch, units), not compiled.

    References:
        Ioffe, Szegedy (2015), "Batch normalization: accelerating deep network training by reducing internal covariate
            shift", ICML.
    """
    layers = keras.layers
    x = inputs = keras.Input((units,), name="embedding")
    for number in hidden:
        x = layers.BatchNormalization(momentum=momentum)(layers.Dense(number)(x))
        x = layers.Activation("relu")(x)
    x = layers.BatchNormalization(momentum=momentum)(layers.Dense(units)(x))
    return keras.Model(inputs, layers.UnitNormalization()(x), name="correction")


def contrastive(labels: Any, embeddings: Any) -> Any:
    """Mean of the contrastive loss over all pairs of different items; like items are pulled together, others apart.

    The formula is that of `hscd.losses`, for the Euclidean distance; see `soft_nearest_neighbour` for the arguments.

    References:
        Hadsell, Chopra, LeCun (2006), "Dimensionality reduction by learning an invariant mapping", CVPR.
    """
    ops = keras.ops
    same, others = _like(labels)
    # Of unit vectors |x − y|² = 2 − 2 x·y; the floor keeps the slope of the root finite.
    distances = ops.sqrt(ops.maximum(2 - 2 * _similarities(embeddings), EPSILON))
    values = LOSSES["contrastive"].function(same, distances, None, HEADS["ED"])
    return _mean(values, others)


def soft_nearest_neighbour(labels: Any, embeddings: Any, temperature: float = 0.1) -> Any:
    """Mean of −log(Σ e^(s/T) over the others of the item's class / Σ e^(s/T) over all others), s the cosine of two.

    An item without another one of its class has no part in the mean. T is inside the exponent: a divisor outside of
    it cancels, which is T = 1.

    Args:
        labels: (items,) 0 or 1.
        embeddings: (items, units) of length 1.
        temperature: T > 0.

    Returns:
        The loss, a number.

    References:
        Frosst, Papernot, Hinton (2019), "Analyzing and improving representations with the soft nearest neighbor loss",
        ICML.
    """
    ops = keras.ops
    same, others = _like(labels)
    logits = _similarities(embeddings) / temperature
    own = ops.logical_and(same, others)
    of_all, of_own = (ops.logsumexp(ops.where(mask, logits, _NOTHING), axis=1) for mask in (others, own))
    return _mean(of_all - of_own, ops.any(own, axis=1))


def sigmoid_contrastive(labels: Any, embeddings: Any) -> Any:
    """Mean over all pairs of different items of −log σ(±t(s − b)), + of like items; s the cosine of both.

    Args as of `soft_nearest_neighbour`; t and b are set.

    References:
        Zhai, Mustafa, Kolesnikov, Beyer (2023), "Sigmoid loss for language image pre-training", ICCV.
    """
    ops = keras.ops
    same, others = _like(labels)
    signed = _STEEPNESS * (_similarities(embeddings) - _BORDER)
    return _mean(ops.softplus(ops.where(same, -signed, signed)), others)


def _similarities(embeddings: Any) -> Any:
    return keras.ops.matmul(embeddings, keras.ops.transpose(embeddings))


def _like(labels: Any) -> tuple[Any, Any]:
    """Which items of a batch are of the same class, and which are not one and the same, (items, items) each."""
    ops = keras.ops
    flat = ops.reshape(labels, (-1,))
    places = ops.arange(ops.shape(flat)[0])
    return ops.equal(flat[:, None], flat[None]), ops.not_equal(places[:, None], places[None])


def _mean(values: Any, mask: Any) -> Any:
    ops = keras.ops
    counts = ops.cast(mask, values.dtype)
    return ops.sum(ops.where(mask, values, 0)) / ops.maximum(ops.sum(counts), 1)


def fitted(
    embeddings: np.ndarray,
    labels: np.ndarray,
    loss: Callable[[Any, Any], Any] = soft_nearest_neighbour,
    *,
    seed: int,
    epochs: int = EPOCHS,
    momentum: float = MOMENTUM,
) -> keras.Model:
    """Train a correction network, and leave the weights of the epoch of least validation loss in it.

    Args:
        embeddings: (items, units) float32.
        labels: (items,) 0 changed, 1 unchanged.
        loss: (labels, corrected embeddings of a batch) -> number.
        seed: of the weights, of the items that are held out and of the order of the batches.
        epochs: at most; it ends when the validation loss stops to fall.
        momentum: of the batch normalisation.

    Raises:
        InputError: if there are not at least two items of each class.
        TrainingDivergedError: if the validation loss is not finite.
    """
    random.seed(seed)  # Keras draws its seeds from there
    train, held_out = stratified_split(labels, seed, _HELD_OUT)
    held_out = held_out[:_JUDGED]
    model = correction_network(embeddings.shape[1], momentum=momentum)
    trained, beginning = _compiled(embeddings.shape[1], loss, momentum)
    trained.set_weights(model.get_weights())
    for variable, at_first in zip(trained.optimizer.variables, beginning, strict=True):
        variable.assign(at_first)
    targets, rng, batch = labels.astype(np.float32), np.random.default_rng(seed), min(BATCH, len(train))
    best, best_epoch = math.inf, 0
    for epoch in range(epochs):
        order = rng.permutation(train)
        for start in range(0, len(order) - batch + 1, batch):
            taken = order[start : start + batch]
            trained.train_on_batch(embeddings[taken], targets[taken])
        value = float(loss(targets[held_out], trained(embeddings[held_out], training=False)))
        if not math.isfinite(value):
            raise TrainingDivergedError(f"validation loss {value:g} in epoch {epoch + 1}")
        if value < best:
            best, best_epoch = value, epoch
            model.set_weights(trained.get_weights())
        elif epoch - best_epoch >= _PATIENCE:
            break
    return model


@lru_cache(maxsize=1)
def _compiled(units: int, loss: Callable[[Any, Any], Any], momentum: float) -> tuple[keras.Model, list[np.ndarray]]:
    """A network to train one after the other in, as compiling takes longer than that; how its optimiser begins."""
    model = correction_network(units, momentum=momentum)
    # To compile for XLA takes longer yet.
    model.compile(optimizer=keras.optimizers.Adam(RATE), loss=loss, jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model, [variable.numpy() for variable in model.optimizer.variables]


def corrected(model: keras.Model, embeddings: np.ndarray, *, batch_statistics: bool = False) -> np.ndarray:
    """Embeddings as a correction network has them.

    Args:
        model: from `fitted`; it is not changed.
        embeddings: (items, units) float32.
        batch_statistics: normalise by the mean and variance of each `BATCH` items in a row, as in training, and not
            by the moving ones. What becomes of an item then depends on its neighbours: a mistake, to be measured.

    Returns:
        (items, units) float32.
    """
    if not batch_statistics:
        return _applied(model, embeddings)
    trained, others = ([of.value for of in kind] for kind in (model.trainable_variables, model.non_trainable_variables))
    # Without state: a plain call in training mode would move the statistics.
    parts = np.split(embeddings, range(BATCH, len(embeddings), BATCH))
    return np.concatenate([np.asarray(model.stateless_call(trained, others, of, training=True)[0]) for of in parts])


def _applied(model: keras.Model, rows: np.ndarray) -> np.ndarray:
    """What a model makes of rows in inference mode; in parts, and as it is: `predict` compiles each model anew."""
    parts = np.split(rows, range(_PART, len(rows), _PART))
    return np.concatenate([np.asarray(model(of, training=False)) for of in parts])
