"""Each loss: values by hand, slopes against finite differences, float32 at its ends, and whole trainings."""

import math

import numpy as np
import pytest

import siamese
from hscd.heads import HEADS
from hscd.learn import training
from hscd.learn.epochs import Epochs
from hscd.learn.objective import Objective
from hscd.learn.transfer import continued
from hscd.losses import LOSSES
from hscd.models import saved
from hscd.networks.siamese import build_net
from hscd.system.backend import keras
from hscd.system.errors import InputError
from small_search import labelled_pairs

CASES = [(name, {}) for name in LOSSES] + [("triplet", {"triplet_negatives": "spectra"})]
DEFAULTS = {
    "binary_crossentropy": {"probability_temperature": 0.1},
    "contrastive": {},
    "sigmoid_contrastive": {"sigmoid_temperature": 10.0, "sigmoid_bias": -5.0, "loss_learned": False},
    "soft_nearest_neighbour": {"neighbour_temperature": 0.1, "loss_learned": False},
    "triplet": {"triplet_negatives": "pairs"},
}
cases = pytest.mark.parametrize(("loss", "more"), CASES)
heads = pytest.mark.parametrize("head", HEADS)
NETWORK = {
    "layer": 8, "layer_1": 6, "layer_2": 4, "dropout_rate": 0.1, "dropout_rate_1": 0.1, "fourth_layer": False,
    "lr": 5e-3, "batch_size": 32,
}  # fmt: skip


def objective(loss, head="ED", margin=1.0, **more):
    return Objective(loss, head, margin, DEFAULTS[loss] | more)


def values(loss, labels, distances, embeddings=None, dtype="float64", **more):
    tensors = (None if x is None else keras.ops.convert_to_tensor(x, dtype) for x in (labels, distances, embeddings))
    return np.asarray(objective(loss, **more).values(*tensors))


def softplus(x):
    return math.log1p(math.exp(x))


def points(*numbers):
    """Embeddings of one unit, of (before, after) each."""
    return np.array(numbers, float)[..., None]


@pytest.mark.parametrize("loss", LOSSES)
def test_options_have_the_defaults_that_are_tested_here(loss):
    assert {option.name: option.default for option in LOSSES.options(loss)} == DEFAULTS[loss]
    for option in LOSSES.options(loss):
        assert option.parse(str(option.default)) == option.default


def test_binary_crossentropy_is_that_of_a_logistic_around_half_the_margin():
    # margin 2, T 0.5: z = (d/2 − 0.5) / 0.5 = d − 1; d = 1: both ln 2; d = 3: z = 2, −log p = softplus(−2)
    found = values("binary_crossentropy", [1, 0, 0, 1], [1, 1, 3, 3], margin=2.0, probability_temperature=0.5)
    np.testing.assert_allclose(found, [math.log(2), math.log(2), softplus(-2), softplus(2)])


def test_triplets_take_the_nearest_changed_pair_beyond_them_or_else_the_farthest():
    # Changed are 0.3, 0.6, 0.8. Of 0.2 semi-hard is 0.3: 0.2 − 0.3 + 0.5; of 0.6 it is 0.8, as 0.6 is not beyond:
    # 0.6 − 0.8 + 0.5; of 0.9 none, the farthest is 0.8: 0.9 − 0.8 + 0.5.
    found = values("triplet", [1, 0, 1, 0, 0, 1], [0.2, 0.3, 0.6, 0.6, 0.8, 0.9], margin=0.5)
    np.testing.assert_allclose(found, [0.4, 0, 0.3, 0, 0, 0.6])
    # 0.1 − 0.7 + 0.5 < 0
    np.testing.assert_array_equal(values("triplet", [1, 0], [0.1, 0.7], margin=0.5), [0, 0])


def test_triplets_of_spectra_measure_from_the_before_embedding_of_the_anchor():
    # Unchanged: 0 → 1 and 5 → 5.5; changed: 0 → 3 and 0 → 9. From 0 the changed ends are 3 and 9 off, beyond 1 the
    # nearest is 3: 1 − 3 + 4; from 5 they are 2 and 4 off: 0.5 − 2 + 4. By pairs 5's would be 0.5 − 3 + 4.
    embeddings = points((0, 1), (5, 5.5), (0, 3), (0, 9))
    arguments = [1, 1, 0, 0], [1, 0.5, 3, 9], embeddings
    np.testing.assert_allclose(values("triplet", *arguments, margin=4.0, triplet_negatives="spectra"), [2, 2.5, 0, 0])
    np.testing.assert_allclose(values("triplet", *arguments, margin=4.0), [2, 1.5, 0, 0])


@pytest.mark.parametrize("labels", [[1, 1], [0, 0]])
def test_triplets_need_both_classes(labels):
    np.testing.assert_array_equal(values("triplet", labels, [0.2, 0.4]), [0, 0])


def slow_neighbours(labels, distances, margin, temperature):
    every = [*zip(distances, labels, strict=True), (0.0, 1)]  # the identical pair
    found = []
    for i, (own, label) in enumerate(every[:-1]):
        weights = [
            (math.exp(-(((own - other) / margin) ** 2) / temperature), kind == label)
            for j, (other, kind) in enumerate(every)
            if j != i
        ]
        alike = sum(weight for weight, same in weights if same)
        found.append(-math.log(alike / sum(weight for weight, _ in weights)) if alike else 0.0)
    return found


def test_soft_nearest_neighbours_are_those_of_a_class_on_the_axis_of_distances():
    # T 1, margin 1: of 0 (unchanged) the others are the identical pair, 0, of weight 1 and 1 (changed) of e⁻¹; of 1 no
    # other is changed.
    found = values("soft_nearest_neighbour", [1, 0], [0, 1], neighbour_temperature=1.0)
    np.testing.assert_allclose(found, [math.log(1 + math.exp(-1)), 0], atol=1e-15)
    rng = np.random.default_rng(0)
    labels, distances = rng.integers(0, 2, 20), rng.random(20)
    found = values("soft_nearest_neighbour", labels, distances, margin=2.0, neighbour_temperature=0.3)
    np.testing.assert_allclose(found, slow_neighbours(labels, distances, 2.0, 0.3), rtol=1e-9)


def test_soft_nearest_neighbours_know_which_end_is_unchanged():
    # The same two clusters, the labels swapped.
    right = values("soft_nearest_neighbour", [1, 1, 0, 0], [0.1, 0.1, 0.9, 0.9]).mean()
    wrong = values("soft_nearest_neighbour", [0, 0, 1, 1], [0.1, 0.1, 0.9, 0.9]).mean()
    assert right < wrong


def test_sigmoid_contrastive_matches_unchanged_pairs_alone():
    # t 4, b −1, margin 2: z = 4 (1 − d/2) − 1 = 3 − 2 d. Pairs 0 → 1 unchanged, 2 → 5 changed, 0 → 2 unchanged.
    # d: own 1, 3, 2; from 0 to the others' 5 and 2: 5, 2; from 2 to 1 and 2: 1, 0; from 0 to 1 and 5: 1, 5.
    expected = [
        softplus(-1) + (softplus(-7) + softplus(-1)) / 2,
        softplus(-3) + (softplus(1) + softplus(3)) / 2,
        softplus(1) + (softplus(1) + softplus(-7)) / 2,
    ]
    embeddings = points((0, 1), (2, 5), (0, 2))
    options = {"margin": 2.0, "sigmoid_temperature": 4.0, "sigmoid_bias": -1.0}
    found = values("sigmoid_contrastive", [1, 0, 1], [1, 3, 2], embeddings, **options)
    # The floor under the root of the Euclidean distance of the same two spectra is 3e-4.
    np.testing.assert_allclose(found, expected, atol=1e-3)
    # One pair alone has no others.
    found = values("sigmoid_contrastive", [1], [1], points((0, 1)), **options)
    np.testing.assert_allclose(found, [softplus(-1)])


@cases
@heads
def test_slopes_are_those_of_finite_differences(loss, more, head):
    rng = np.random.default_rng(5)
    start = rng.random((9, 2, 3)) + 0.1
    labels = keras.ops.convert_to_tensor(np.array([1, 0, 1, 1, 0, 1, 0, 1, 0]), "float64")
    bound = objective(loss, head, HEADS[head].margin, **more)

    def mean(embeddings):
        first, second = keras.ops.unstack(embeddings, 2, axis=1)
        return keras.ops.mean(bound.values(labels, HEADS[head].function(first, second), embeddings))

    found = slope(mean, start)
    assert np.isfinite(found).all()
    expected, quick = np.zeros_like(start), compiled(mean)
    for place in np.ndindex(start.shape):
        nudge = np.zeros_like(start)
        nudge[place] = 1e-6
        up, down = (float(quick(keras.ops.convert_to_tensor(start + sign * nudge, "float64"))) for sign in (1, -1))
        expected[place] = (up - down) / 2e-6
    # Differences of float64 values of order 1 over 2e-6 are off by some 1e-10 / 2.
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)
    assert np.abs(expected).max() > 1e-3


def compiled(function):
    """The function, quicker where it is called many times, on the backend that runs."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    import tensorflow as tf

    return tf.function(function)


def slope(function, start):
    """Of a function of embeddings, on the backend that runs."""
    if keras.backend.backend() == "jax":
        import jax

        return np.asarray(jax.grad(function)(keras.ops.convert_to_tensor(start, start.dtype)))
    import tensorflow as tf

    tensor = tf.constant(start)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        value = function(tensor)
    return tape.gradient(value, tensor).numpy()


@cases
@heads
@pytest.mark.parametrize("scale", [0, 1e-6, 1, 1e4])
def test_values_and_slopes_are_finite_in_float32(loss, more, head, scale):
    embeddings = (scale * np.random.default_rng(1).random((6, 2, 3))).astype(np.float32)
    embeddings[0, 1] = embeddings[0, 0]  # of distance 0
    for labels in ([1, 0, 1, 0, 1, 0], [1] * 6, [0] * 6, [1, 1, 1, 1, 1, 0]):
        target = keras.ops.convert_to_tensor(np.array(labels, np.float32))

        def losses(tensor, target=target):
            first, second = keras.ops.unstack(tensor, 2, axis=1)
            bound = objective(loss, head, HEADS[head].margin, **more)
            return bound.values(target, HEADS[head].function(first, second), tensor)

        found = np.asarray(losses(keras.ops.convert_to_tensor(embeddings)))
        assert found.dtype == np.float32
        assert (found >= -1e-6).all()
        assert np.isfinite(found).all()
        assert np.isfinite(slope(lambda tensor, losses=losses: keras.ops.mean(losses(tensor)), embeddings)).all()


def parameters(loss, more, head):
    return NETWORK | {"loss": loss, "score_function": HEADS[head].function, "margin": HEADS[head].margin} | more


def test_batches_are_the_same_on_one_thread_and_on_three(monkeypatch):
    pairs, labels = labelled_pairs(75)
    for loss, more in CASES:
        if LOSSES[loss].of == "pairs":
            continue
        runs = []
        for threads in (1, 3):
            monkeypatch.setattr(f"{Epochs.__module__}.threads", lambda threads=threads: threads, raising=False)
            model = build_net((4,), parameters(loss, more, "ED") | {"dropout_rate": 0, "dropout_rate_1": 0}, seed=1)
            rules = training.Rules(1, 0.0, 5, 0.2)
            training.fit(model, pairs, labels, np.arange(60), np.arange(60, 75), rules=rules, batch_size=32, seed=0)
            runs.append(model.get_weights())
        for one, three in zip(*runs, strict=True):
            np.testing.assert_array_equal(one, three)


@cases
@heads
def test_a_training_leaves_distances_that_a_threshold_parts(loss, more, head):
    # Bands of the changed pairs are mirrored; a few epochs are enough to tell them.
    pairs, labels = labelled_pairs(600)
    chosen = parameters(loss, more, head)
    if (loss, head) == ("triplet", "COS"):
        # Cosine distances of what ends in rectified units reach 1: triplets that shall differ by as much take longer.
        chosen["margin"] = 0.5
    model = build_net((4,), chosen, seed=1)
    rules = training.Rules(12, 0.0, 12, 0.2)
    train, validation = training.stratified_split(labels, 0, 0.2)
    training.fit(model, pairs, labels, train, validation, rules=rules, batch_size=32, seed=0)
    counts, _ = siamese.judge(model, pairs[validation], labels[validation])
    assert counts.kappa > 0.5


def test_a_saved_model_remembers_loss_and_options_and_refuses_those_that_cannot_be(tmp_path):
    chosen = parameters("sigmoid_contrastive", {"sigmoid_temperature": 3.0, "sigmoid_bias": -1.0}, "ED")
    saved.save_model(tmp_path / "M", chosen, saved.named_weights(build_net((4,), chosen, seed=1)))
    loaded = saved.load_model(tmp_path / "M")
    assert loaded.loss.get_config()["loss"] == "sigmoid_contrastive"
    assert loaded.loss.get_config()["options"] == {"sigmoid_temperature": 3.0, "sigmoid_bias": -1.0}
    weights = saved.named_weights(build_net((4,), chosen, seed=1))
    saved.save_model(tmp_path / "N", chosen | {"sigmoid_temperature": 0}, weights)
    with pytest.raises(InputError, match=r"sigmoid_temperature is 0; expected a number > 0"):
        saved.load_model(tmp_path / "N")


@pytest.mark.parametrize(("loss", "learned"), [(name, LOSSES[name].learned) for name in LOSSES if LOSSES[name].learned])
def test_scales_are_learned_with_the_network_and_saved_as_options_of_the_loss(tmp_path, loss, learned):
    pairs, labels = labelled_pairs(75)
    chosen = parameters(loss, DEFAULTS[loss] | {"loss_learned": True}, "ED")
    model = build_net((4,), chosen, seed=1)
    assert model.loss.learned == pytest.approx({name: DEFAULTS[loss][name] for name in learned})
    rules = training.Rules(2, 0.0, 5, 0.2)
    training.fit(model, pairs, labels, np.arange(60), np.arange(60, 75), rules=rules, batch_size=32, seed=0)
    found = model.loss.learned
    # Four steps of Adam, each as long as the rate or less, in the logarithm where a scale is > 0.
    for name, value in found.items():
        moved = abs(math.log(value / DEFAULTS[loss][name]) if learned[name] else value - DEFAULTS[loss][name])
        assert 1e-3 < moved < 4.1 * NETWORK["lr"]
    saved.save_model(tmp_path / "M", {**chosen, **found}, saved.named_weights(model))
    loaded = saved.load_model(tmp_path / "M")
    assert loaded.loss.learned == pytest.approx(found)
    # Without other losses, weights and scales of a network that is trained further stay those of the model.
    assert continued(loaded, {"score_function": "SAM"}).loss.learned == pytest.approx(found)
    assert continued(loaded, {"loss": "contrastive"}).loss.learned == {}
    assert continued(loaded, {"loss_learned": False}).loss.learned == {}
