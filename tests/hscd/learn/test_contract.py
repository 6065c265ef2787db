"""What networks and losses may rely on in epochs: toys that need it, against NumPy, on every backend."""

import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from conftest import PROJECT
from hscd.heads import HEADS
from hscd.learn import training
from hscd.learn.epochs import Epochs
from hscd.learn.epochs.batches import adds_losses, keeps_statistics
from hscd.learn.objective import Objective
from hscd.losses import LOSSES, register
from hscd.networks.dropout import MaskPoolDropout
from hscd.networks.siamese import network
from hscd.registry import Option
from hscd.system import hardware
from hscd.system.backend import keras
from small_search import labelled_pairs

BANDS, COUNT, BATCH = 5, 75, 32  # batches of 32, 32 and 11 pairs
# Floors the sums of a toy loss: a pair may be far from all others.
FLOOR = 1e-3
RULES = training.Rules(max_epochs=2, min_delta=0.0, patience=5, validation_share=0.2)
PAIRS, LABELS = labelled_pairs(COUNT, BANDS)
TARGETS = LABELS.astype(np.float32)
ORDER = np.random.default_rng(3).permutation(COUNT)
BATCHES = [ORDER[start : start + BATCH] for start in range(0, COUNT, BATCH)]

# Float32 rounds by 6e-8. Sums of at most 75 values of order 1 are off by some 1e-6, logarithms of them floored at 1e-3
# and quotients by deviations of 0.1 by ten times that.
CLOSE = {"rtol": 1e-4, "atol": 2e-5}


def soft_nearest(labels, distances, embeddings, head, temperature):
    """Of a pair: −log of the share of its own class among its neighbours, by what separates its two embeddings."""
    ops = keras.ops
    differences = embeddings[:, 0] - embeddings[:, 1]
    squares = ops.sum(ops.square(differences[:, None] - differences[None]), axis=-1)
    near = ops.exp(-squares / temperature) * (1 - ops.eye(ops.shape(squares)[0]))
    labels = ops.cast(labels, "float32")
    same = ops.cast(ops.equal(labels[:, None], labels[None]), "float32")
    return -ops.log((ops.sum(near * same, axis=1) + FLOOR) / (ops.sum(near, axis=1) + FLOOR))


def slow_soft_nearest(labels, embeddings, temperature):
    differences = embeddings[:, 0] - embeddings[:, 1]
    found = []
    for i in range(len(labels)):
        own = every = FLOOR
        for j in range(len(labels)):
            if i != j:
                near = np.exp(-((differences[i] - differences[j]) ** 2).sum() / temperature)
                every += near
                own += near * (labels[i] == labels[j])
        found.append(-np.log(own / every))
    return np.array(found)


@pytest.fixture(autouse=True)
def toy_loss(monkeypatch):
    len(LOSSES)  # its files come first
    for name in ("_members", "_options"):
        monkeypatch.setattr(LOSSES, name, dict(getattr(LOSSES, name)))
    register("soft nearest", Option("temperature", float, "a number > 0", 0.5), of="batch")(soft_nearest)


class Adds(keras.layers.Layer):
    """Passes spectra on, and adds half of the mean of their squares as a loss."""

    def call(self, inputs):
        self.add_loss(0.5 * keras.ops.mean(keras.ops.square(inputs)))
        return inputs


def compiled(layers, loss="contrastive", options=None, rate=0.01, optimizer=None, seed=1):
    """A network whose branch has these layers."""
    keras.utils.set_random_seed(seed)
    model = network(keras.Sequential([keras.Input((BANDS,)), *layers], name="branch"), HEADS["ED"])
    model.compile(
        optimizer=optimizer or keras.optimizers.SGD(rate),
        loss=Objective(loss, "ED", 1.0, options or ({"temperature": 0.5} if loss == "soft nearest" else {})),
        metrics=[keras.metrics.MeanMetricWrapper(lambda y, d: keras.ops.equal(y > 0.5, d < 0.5), name="accuracy")],
    )
    return model


def dense(units=4, **options):
    return keras.layers.Dense(units, **options)


def train_one_epoch(model, threads, monkeypatch):
    """Distances and losses of an epoch, and the passes that it was made with."""
    monkeypatch.setattr(f"{Epochs.__module__}.threads", lambda: threads, raising=False)
    model.optimizer.build(model.trainable_variables)
    epochs = Epochs(model)
    return epochs, *epochs.train(epochs.hold(PAIRS), epochs.hold(TARGETS), ORDER, BATCH)


def contrastive_values(labels, distances):
    """y·d² + (1−y)·max(1−d, 0)²"""
    return np.where(labels == 1, distances**2, np.maximum(1 - distances, 0) ** 2)


def lengths(embeddings):
    """Euclidean distances, floored as those of the head are."""
    return np.sqrt(np.maximum(((embeddings[:, 0] - embeddings[:, 1]) ** 2).sum(axis=1), 1e-7))


# --- a loss of the batch ---------------------------------------------------------------------------------------------


def test_a_loss_of_the_batch_gets_the_embeddings_of_whole_batches(monkeypatch):
    model = compiled([dense()], "soft nearest", rate=0.0)  # nothing is learned: each batch meets the same weights
    kernel, bias = (weight.astype(np.float64) for weight in model.get_weights())
    epochs, distances, losses = train_one_epoch(model, 3, monkeypatch)
    embeddings = PAIRS.astype(np.float64) @ kernel + bias
    expected = np.concatenate([slow_soft_nearest(LABELS[batch], embeddings[batch], 0.5) for batch in BATCHES])
    np.testing.assert_allclose(losses, expected, **CLOSE)
    np.testing.assert_allclose(distances, lengths(embeddings)[ORDER], **CLOSE)
    judged = epochs.judge(epochs.hold(PAIRS), epochs.hold(TARGETS), ORDER, BATCH)
    np.testing.assert_allclose(judged[1], expected, **CLOSE)
    np.testing.assert_allclose(judged[0], distances, **CLOSE)


def test_a_step_follows_the_slope_of_a_loss_of_the_batch(monkeypatch):
    model = compiled([dense()], "soft nearest", rate=1.0)
    kernel, bias = (weight.astype(np.float64) for weight in model.get_weights())
    monkeypatch.setattr(sys.modules[__name__], "ORDER", BATCHES[0])
    train_one_epoch(model, 3, monkeypatch)

    def loss(kernel):
        return slow_soft_nearest(LABELS[BATCHES[0]], PAIRS[BATCHES[0]].astype(np.float64) @ kernel + bias, 0.5).mean()

    # A step of gradient descent of rate 1 is minus the slope, here a central difference in double precision.
    for place in ((0, 0), (2, 3), (4, 1)):
        nudge = np.zeros_like(kernel)
        nudge[place] = 1e-5
        slope = (loss(kernel + nudge) - loss(kernel - nudge)) / 2e-5
        assert kernel[place] - model.get_weights()[0][place] == pytest.approx(slope, rel=1e-3, abs=2e-5)
        assert abs(slope) > 1e-3


@pytest.mark.parametrize("kind", ["loss of the batch", "batch normalisation"])
def test_what_needs_whole_batches_does_not_depend_on_the_threads(monkeypatch, kind):
    def trained(threads):
        layers = [dense(6, activation="relu"), dense()]
        loss = "soft nearest"
        if kind == "batch normalisation":
            layers.insert(1, keras.layers.BatchNormalization())
            loss = "contrastive"
        model = compiled(layers, loss, rate=0.1)
        _, distances, losses = train_one_epoch(model, threads, monkeypatch)
        return [distances, losses, *model.get_weights()]

    for one, three in zip(trained(1), trained(3), strict=True):
        np.testing.assert_array_equal(one, three)


def test_fit_reports_a_loss_of_the_batch():
    model = compiled([dense()], "soft nearest", rate=0.0)
    kernel, bias = (weight.astype(np.float64) for weight in model.get_weights())
    train, validation = np.arange(60), np.arange(60, 75)
    result = training.fit(model, PAIRS, LABELS, train, validation, rules=RULES, batch_size=BATCH, seed=0)
    embeddings = PAIRS[validation].astype(np.float64) @ kernel + bias
    expected = slow_soft_nearest(LABELS[validation], embeddings, 0.5).mean()  # 15 pairs are one batch
    assert result.val_loss == pytest.approx(expected, rel=1e-4)


# --- batch normalisation ---------------------------------------------------------------------------------------------


def test_batch_normalisation_sees_both_images_of_whole_batches_and_predicts_with_its_moving_statistics(monkeypatch):
    layer = keras.layers.BatchNormalization(momentum=0.9, epsilon=0.01)
    model = compiled([layer, dense()], rate=0.0)
    before = Epochs(model).distances(PAIRS)
    kernel, bias = (weight.astype(np.float64) for weight in model.get_weights()[-2:])
    epochs, distances, losses = train_one_epoch(model, 3, monkeypatch)
    mean, variance = np.zeros(BANDS), np.ones(BANDS)
    expected = []
    for batch in BATCHES:
        spectra = PAIRS[batch].reshape(-1, BANDS).astype(np.float64)
        scaled = (spectra - spectra.mean(0)) / np.sqrt(spectra.var(0) + 0.01)
        expected.append(lengths((scaled @ kernel + bias).reshape(-1, 2, 4)))
        # 0.9 of the old and 0.1 of the new
        mean, variance = 0.9 * mean + 0.1 * spectra.mean(0), 0.9 * variance + 0.1 * spectra.var(0)
    np.testing.assert_allclose(distances, np.concatenate(expected), **CLOSE)
    np.testing.assert_allclose(losses, contrastive_values(LABELS[ORDER], np.concatenate(expected)), **CLOSE)
    np.testing.assert_allclose(layer.moving_mean.numpy(), mean, **CLOSE)
    np.testing.assert_allclose(layer.moving_variance.numpy(), variance, **CLOSE)
    predicted = lengths(((PAIRS - mean) / np.sqrt(variance + 0.01)) @ kernel + bias)
    np.testing.assert_allclose(epochs.distances(PAIRS), predicted, **CLOSE)
    judged, _ = epochs.judge(epochs.hold(PAIRS), epochs.hold(TARGETS), ORDER, BATCH)
    np.testing.assert_allclose(judged, predicted[ORDER], **CLOSE)
    assert np.abs(before - predicted).max() > 0.01, "the statistics have to matter"


def test_predictions_follow_weights_that_are_not_trained():
    model = compiled([keras.layers.BatchNormalization(), dense(trainable=False)])
    training.predict(model, PAIRS)  # compiles
    weights = [weight + 0.5 for weight in model.get_weights()]
    model.set_weights(weights)
    expected = model.predict(PAIRS, verbose=0)
    np.testing.assert_allclose(training.predict(model, PAIRS), expected, **CLOSE)


# What may not be split is what keeps something from batch to batch, not what is frozen, and not a random generator.
@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (lambda: [dense(), MaskPoolDropout(0.2), keras.layers.Dropout(0.3)], False),
        (lambda: [dense(trainable=False), keras.layers.LayerNormalization()], False),
        (lambda: [keras.layers.BatchNormalization(trainable=False), dense()], False),
        (lambda: [dense(), keras.layers.BatchNormalization()], True),
        (lambda: [keras.Sequential([dense(), keras.Sequential([keras.layers.BatchNormalization()])])], True),
        (lambda: [keras.layers.SpectralNormalization(dense())], True),
    ],
)
def test_which_branches_keep_statistics(layers, expected):
    assert keeps_statistics(compiled(layers())) is expected


# --- losses that layers add ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 3])
def test_what_layers_add_counts_in_the_losses(monkeypatch, threads):
    """Half the mean of the squares of a batch, from a layer, and 0.1 times the squares of a kernel, a regulariser."""
    layers = [dense(kernel_regularizer=keras.regularizers.L2(0.1)), Adds()]
    model = compiled(layers, rate=0.0)
    assert adds_losses(model)
    kernel, bias = (weight.astype(np.float64) for weight in model.get_weights())
    epochs, _, losses = train_one_epoch(model, threads, monkeypatch)
    embeddings = PAIRS.astype(np.float64) @ kernel + bias
    values = contrastive_values(LABELS, lengths(embeddings))
    means = [values[batch].mean() + 0.5 * (embeddings[batch] ** 2).mean() for batch in BATCHES]
    # The parts of threads may lie on either side of the mean of their batch.
    starts = np.cumsum([0, *map(len, BATCHES)])
    found = [losses[first:end].mean() for first, end in pairwise(starts)]
    np.testing.assert_allclose(found, np.array(means) + 0.1 * (kernel**2).sum(), **CLOSE)
    _, judged = epochs.judge(epochs.hold(PAIRS), epochs.hold(TARGETS), ORDER, BATCH)
    found = [judged[first:end].mean() for first, end in pairwise(starts)]
    np.testing.assert_allclose(found, np.array(means) + 0.1 * (kernel**2).sum(), **CLOSE)


@pytest.mark.parametrize("threads", [1, 3])
def test_what_layers_add_is_learned_from(monkeypatch, threads):
    plain = compiled([dense()], rate=0.5)
    decayed = compiled([dense(kernel_regularizer=keras.regularizers.L2(0.1))], rate=0.5)
    start = plain.get_weights()[0]
    decayed.set_weights(plain.get_weights())
    monkeypatch.setattr(sys.modules[__name__], "ORDER", BATCHES[0])
    for model in (plain, decayed):
        train_one_epoch(model, threads, monkeypatch)
    # The slope of 0.1·w² is 0.2·w; one step of rate 0.5.
    np.testing.assert_allclose(decayed.get_weights()[0], plain.get_weights()[0] - 0.5 * 0.2 * start, **CLOSE)


def test_looking_for_added_losses_leaves_no_trace():
    layers = [keras.layers.BatchNormalization(), keras.layers.Dropout(0.5), dense()]
    model = compiled(layers)
    before = [variable.numpy() for variable in model.variables]
    assert not adds_losses(model)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


# --- layers that are frozen ------------------------------------------------------------------------------------------


def test_frozen_layers_stay_and_released_ones_learn():
    layers = [dense(6, activation="tanh"), keras.layers.BatchNormalization(), dense()]
    model = compiled(layers, optimizer=keras.optimizers.Adam(0.01))
    train, validation = np.arange(60), np.arange(60, 75)

    def changed():
        """Which layers a training changes."""
        before = [layer.get_weights() for layer in layers]
        training.fit(model, PAIRS, LABELS, train, validation, rules=RULES, batch_size=BATCH, seed=0)
        np.testing.assert_allclose(training.predict(model, PAIRS), model.predict(PAIRS, verbose=0), **CLOSE)
        return [
            any((old != new).any() for old, new in zip(weights, layer.get_weights(), strict=True))
            for weights, layer in zip(before, layers, strict=True)
        ]

    layers[0].trainable = False
    assert changed() == [False, True, True]
    layers[0].trainable = True
    assert changed() == [True, True, True]
    layers[1].trainable = layers[2].trainable = False
    assert changed() == [True, False, False]


# --- the other backends ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", hardware.BACKENDS[1:])
def test_the_contract_holds_on_other_backends(backend):
    if keras.backend.backend() != hardware.BACKENDS[0] or not hardware.is_installed(backend):
        pytest.skip(f"not from here, or {backend} is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", __file__],
        env={**os.environ, "KERAS_BACKEND": backend},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
