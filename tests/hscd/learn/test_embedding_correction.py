"""The correction network: its losses by hand and by loops, what it does for a classifier, what it must not change."""

import math

import numpy as np
import pytest

from hscd.learn import embedding_correction as learn
from hscd.learn.embedding_correction import CLASSIFIERS, change_embeddings, corrected, correction_network, fitted
from hscd.learn.training import TrainingDivergedError, stratified_split
from hscd.system.backend import keras
from hscd.system.errors import InputError

LOSSES = (learn.contrastive, learn.soft_nearest_neighbour, learn.sigmoid_contrastive)
# The first two are one and the same, the third is at a right angle: cosines 1, 0, 0; distances 0, √2, √2.
UNIT = np.array([[1, 0], [1, 0], [0, 1]], np.float32)


@pytest.fixture(autouse=True)
def forgotten():
    learn._compiled.cache_clear()


def corners(items=300, units=4, seed=0):
    """Embeddings of two classes, each at two opposite corners of a square: no plane parts them."""
    rng = np.random.default_rng(seed)
    signs = rng.choice((-1, 1), (items, 2))
    embeddings = rng.normal(0, 0.3, (items, units)).astype(np.float32)
    embeddings[:, :2] += signs
    return embeddings, (signs[:, 0] == signs[:, 1]).astype(np.uint8)


# Contrastive, of three pairs: like at 0, others at √2 beyond the margin: 0. Others at 0: (1 − 0)² = 1, beyond it: 0,
# like at √2: 2. Soft nearest neighbours, T = .1: −log(e¹⁰ / (e¹⁰ + e⁰)) of the first two, the third has none of its
# class.
# With labels 0, 1, 1: −log(1 / (e¹⁰ + 1)) of the second, −log(1/2) of the third, none of the first.
# Sigmoid, t = 10, border .5: all pairs 5 on the right side; two of three 5 on the wrong one.
RIGHT, WRONG = math.log1p(math.exp(-5)), math.log1p(math.exp(5))


@pytest.mark.parametrize(
    ("loss", "labels", "expected"),
    [
        (learn.contrastive, [0, 0, 1], 0),
        (learn.contrastive, [0, 1, 1], (1 + 0 + 2) / 3),
        (learn.soft_nearest_neighbour, [0, 0, 1], math.log1p(math.exp(-10))),
        (learn.soft_nearest_neighbour, [0, 1, 1], (math.log(math.exp(10) + 1) + math.log(2)) / 2),
        (learn.sigmoid_contrastive, [0, 0, 1], RIGHT),
        (learn.sigmoid_contrastive, [0, 1, 1], (WRONG + RIGHT + WRONG) / 3),
    ],
)
def test_losses_by_hand(loss, labels, expected):
    # The floor under the root of the distances is some 3e-4.
    assert float(loss(np.array(labels, np.float32), UNIT)) == pytest.approx(expected, abs=1e-3, rel=1e-5)


def slowly(loss, labels, embeddings):
    values = []
    for i, one in enumerate(embeddings):
        others = [j for j in range(len(labels)) if j != i]
        if loss is learn.soft_nearest_neighbour:
            weight = {j: math.exp(float(one @ embeddings[j]) / 0.1) for j in others}
            own = [weight[j] for j in others if labels[j] == labels[i]]
            values += [-math.log(sum(own) / sum(weight.values()))] if own else []
            continue
        for j in others:
            same, cosine = labels[i] == labels[j], float(one @ embeddings[j])
            distance = math.dist(one, embeddings[j])
            if loss is learn.contrastive:
                values.append(distance**2 if same else max(1 - distance, 0) ** 2)
            else:
                values.append(math.log1p(math.exp((-10 if same else 10) * (cosine - 0.5))))
    return sum(values) / len(values)


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_of_a_batch_are_those_of_loops(loss):
    rng = np.random.default_rng(1)
    embeddings = rng.normal(size=(9, 3))
    embeddings = (embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)).astype(np.float32)
    labels = np.array([0, 1, 1, 0, 1, 1, 1, 0, 1], np.float32)
    expected = slowly(loss, labels, embeddings.astype(float))
    assert float(loss(labels, embeddings)) == pytest.approx(expected, rel=1e-4)
    assert float(loss(labels[:, None], embeddings)) == pytest.approx(expected, rel=1e-4)  # as Keras hands them over


def test_each_layer_is_normalised_and_what_comes_out_has_length_1():
    model = correction_network(5, hidden=(4, 3), momentum=0.8)
    kinds = [type(layer).__name__ for layer in model.layers]
    hidden = ["Dense", "BatchNormalization", "Activation"]
    assert kinds == ["InputLayer", *hidden, *hidden, "Dense", "BatchNormalization", "UnitNormalization"]
    assert [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)] == [4, 3, 5]
    assert {layer.momentum for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)} == {0.8}
    model.get_layer(index=-2).set_weights([np.ones(5), np.full(5, 0.1), np.zeros(5), np.ones(5)])  # none is all 0
    out = corrected(model, np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32))
    np.testing.assert_allclose(np.linalg.norm(out, axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_what_no_plane_parts_is_parted_after_it(loss, monkeypatch):
    monkeypatch.setattr(learn, "RATE", 1e-2)
    (embeddings, labels), (judged, truth) = corners(), corners(seed=1)
    before = CLASSIFIERS["logistic_regression"]().fit(embeddings, labels).score(judged, truth)
    model = fitted(embeddings, labels, loss, seed=0)
    after = CLASSIFIERS["logistic_regression"]().fit(corrected(model, embeddings), labels)
    assert before < 0.65
    assert after.score(corrected(model, judged), truth) > 0.97


@pytest.mark.parametrize("name", [name for name in CLASSIFIERS if name != "logistic_regression"])
def test_classifiers_that_need_no_plane(name):
    (embeddings, labels), (judged, truth) = corners(1000), corners(seed=1)
    assert CLASSIFIERS[name]().fit(embeddings, labels).score(judged, truth) > 0.97


def test_a_fit_depends_on_its_seed_and_not_on_the_fits_before():
    embeddings, labels = corners(120)
    first, other = (fitted(embeddings, labels, seed=seed, epochs=2) for seed in (3, 4))
    held = [weights.copy() for weights in first.get_weights()]
    again = fitted(embeddings, labels, seed=3, epochs=2)
    for one, kept, same in zip(first.get_weights(), held, again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, kept)
        np.testing.assert_array_equal(one, same)
    assert not np.array_equal(first.get_weights()[0], other.get_weights()[0])


def test_the_best_epoch_by_the_validation_loss_is_kept(monkeypatch):
    monkeypatch.setattr(learn, "RATE", 0.3)  # steps that overshoot
    rng = np.random.default_rng(0)
    embeddings, labels = rng.normal(size=(120, 4)).astype(np.float32), rng.integers(0, 2, 120).astype(np.uint8)
    _, held_out = stratified_split(labels, 0, learn._HELD_OUT)
    losses = []
    for epochs in range(1, 5):
        model = fitted(embeddings, labels, seed=0, epochs=epochs)
        losses.append(float(learn.soft_nearest_neighbour(labels[held_out], corrected(model, embeddings[held_out]))))
    assert losses == sorted(losses, reverse=True)
    assert len(set(losses)) < len(losses)  # of some epochs the later was not better


def test_a_training_without_a_better_epoch_ends():
    judged = []

    def same(labels, embeddings):
        if isinstance(labels, np.ndarray):
            judged.append(len(labels))
        return keras.ops.sum(embeddings) * 0

    embeddings, labels = corners(50)
    fitted(embeddings, labels, same, seed=0)
    assert judged == [10] * (1 + learn._PATIENCE)  # a fifth of 50; the first epoch is the best


def test_a_loss_that_is_not_finite_and_one_class_alone_are_told():
    embeddings, labels = corners(50)
    with pytest.raises(TrainingDivergedError, match="validation loss nan in epoch 1"):
        fitted(embeddings, labels, lambda labels, of: keras.ops.sum(of) * float("nan"), seed=0)
    with pytest.raises(InputError, match="two pixels of each class"):
        fitted(embeddings, np.zeros(50, np.uint8), seed=0)


def test_batch_statistics_are_those_of_the_items_in_a_row_and_change_no_weights(monkeypatch):
    monkeypatch.setattr(learn, "BATCH", 4)
    model = correction_network(3, hidden=())
    items = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)
    kept = model.get_weights()
    dense = items @ kept[0]
    expected = np.empty_like(items)
    for rows in (slice(0, 4), slice(4, 8), slice(8, 10)):
        of = dense[rows]
        of = (of - of.mean(axis=0)) / np.sqrt(of.var(axis=0) + 1e-3)
        expected[rows] = of / np.linalg.norm(of, axis=1, keepdims=True)
    np.testing.assert_allclose(corrected(model, items, batch_statistics=True), expected, rtol=1e-3, atol=1e-4)
    for before, after in zip(kept, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    # By the moving statistics, mean 0 and variance 1 at the start, an item does not depend on the others.
    np.testing.assert_allclose(
        corrected(model, items), dense / np.linalg.norm(dense, axis=1, keepdims=True), rtol=1e-3, atol=1e-4
    )


def test_change_embeddings_are_differences_in_either_direction(monkeypatch):
    monkeypatch.setattr(learn, "_PART", 3)
    branch = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, use_bias=False)])
    branch.set_weights([np.array([[1, 0], [0, 2]], np.float32)])
    pairs = np.array([[[0, 0], [1, 1]], [[3, 1], [1, 1]], [[0, 5], [0, 2]]], np.float32)
    np.testing.assert_array_equal(change_embeddings(branch, pairs), [[1, 2], [2, 0], [0, 6]])
