"""Further training: what stays as it is, at which rate, in which phases, and under which head."""

import re
from dataclasses import replace

import numpy as np
import pytest

from hscd.heads import HEADS
from hscd.learn import training
from hscd.learn.optimizers import MOMENTUM, optimizer_of
from hscd.learn.regime import Regime
from hscd.learn.samples import Samples
from hscd.learn.transfer import Transfer, continued, layers_with_weights, train_further
from hscd.models.saved import named_weights
from hscd.networks.siamese import build_net, headed
from hscd.system.backend import keras
from hscd.system.errors import InputError
from small_search import labelled_pairs

PARAMETERS = {
    "dropout_rate": 0.1, "dropout_rate_1": 0.2, "lr": 0.005, "layer": 7, "layer_1": 6, "layer_2": 5,
    "score_function": "ED", "margin": 1.0, "fourth_layer": False, "batch_size": 32,
}  # fmt: skip
RULES = training.Rules(max_epochs=2, min_delta=1e-4, patience=10, validation_share=0.2)
PAIRS, LABELS = labelled_pairs(90)


class Rates(keras.callbacks.Callback):
    """The learning rate of each epoch, and which layers are trained in it."""

    def __init__(self):
        super().__init__()
        self.rates, self.trained = [], []

    def on_epoch_end(self, epoch, logs=None):
        self.rates.append(float(self.model.optimizer.learning_rate))
        self.trained.append(len(self.model.trainable_variables))


def further(how=None, parameters=PARAMETERS, pairs=PAIRS, rules=RULES):
    """A model before and after, what came of each phase, and what was seen meanwhile."""
    model = build_net((4,), parameters, seed=1)
    before, seen = named_weights(model), Rates()
    found = train_further(
        model, pairs, LABELS, how or Transfer(), rules=rules, batch_size=32, seed=0, callbacks=[seen]
    )  # fmt: skip
    return before, model, found, seen


def moved(before, model):
    """Names of the weights that are others now."""
    return [name for name, values in named_weights(model).items() if (values != before[name]).any()]


def same(first, second):
    return all((one == other).all() for one, other in zip(first.get_weights(), second.get_weights(), strict=True))


def test_by_default_it_is_a_training_as_the_first_one():
    _, model, (found,), _ = further()
    again = build_net((4,), PARAMETERS, seed=1)
    split = training.stratified_split(LABELS, 0, 0.2)
    assert training.fit(again, PAIRS, LABELS, *split, rules=RULES, batch_size=32, seed=0) == found
    assert same(model, again)


def test_first_layers_stay_as_they_are_and_are_trainable_afterwards():
    before, model, _, seen = further(Transfer(freeze=2))
    assert moved(before, model) == ["dense_2/kernel", "dense_2/bias"]
    assert seen.trained == [2, 2]
    assert len(model.trainable_variables) == 6


@pytest.mark.parametrize("count", [3, 4])
def test_one_layer_has_to_be_left(count):
    said = f"ft_freeze: {count} of the 3 layers of the model cannot be frozen; expected at most 2"
    with pytest.raises(InputError, match=re.escape(said)):
        further(Transfer(freeze=count))


def test_a_second_phase_releases_all_layers_at_its_own_rate():
    how = Transfer(learning_rate=0.002, epochs=3, freeze=2, release_learning_rate=0.0005)
    before, model, found, seen = further(how)
    assert seen.rates == pytest.approx([0.002] * 3 + [0.0005] * 3)
    assert seen.trained == [2] * 3 + [6] * 3
    assert [fit.epochs for fit in found] == [3, 3]
    assert len(moved(before, model)) == 6


@pytest.mark.parametrize("optimizer", [None, "sgd"])
def test_a_further_round_begins_at_the_rate_of_the_first_training(optimizer):
    how = Transfer(freeze=1, release_learning_rate=0.0005, optimizer=optimizer)
    _, model, _, seen = further(how)
    assert seen.rates == pytest.approx([0.005] * 2 + [0.0005] * 2)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.005)


def test_rate_and_optimizer_are_those_of_the_first_training_unless_they_are_given():
    assert further()[3].rates == pytest.approx([0.005] * 2)
    _, model, _, seen = further(Transfer(optimizer="sgd"))
    assert (model.optimizer.kind, seen.rates) == ("sgd", pytest.approx([0.005] * 2))
    _, model, _, seen = further(Transfer(learning_rate=0.1), PARAMETERS | {"optimizer": "sgd"})
    assert (model.optimizer.kind, seen.rates) == ("sgd", pytest.approx([0.1] * 2))


def test_a_rate_that_falls_is_back_afterwards():
    how = Transfer(learning_rate=0.008, regime=Regime(schedule="exponential"))
    _, model, _, seen = further(how, rules=replace(RULES, max_epochs=3))
    assert seen.rates == pytest.approx([0.008, 0.008 * 0.95, 0.008 * 0.95**2])
    assert float(model.optimizer.learning_rate) == pytest.approx(0.008)


# v = .9 v − rate · gradient; weight += v, twice with the gradient 2 and the rate .1: −.2; −.18 − .2 = −.38.
def test_descent_with_momentum_is_that_of_keras_and_of_the_formula():
    for optimizer in (optimizer_of("sgd", 0.1), keras.optimizers.SGD(0.1, momentum=MOMENTUM)):
        weight = keras.Variable([1.0])
        optimizer.build([weight])
        for expected in (0.8, 0.42):
            optimizer.apply([keras.ops.convert_to_tensor([2.0])], [weight])
            assert float(weight.value[0]) == pytest.approx(expected)
    with pytest.raises(ValueError, match="unknown optimizer 'rmsprop'; known: adam, sgd"):
        optimizer_of("rmsprop", 0.1)


def test_a_model_goes_on_under_another_head_with_the_same_branch():
    model = build_net((4,), PARAMETERS, seed=1)
    assert continued(model, {}) is model
    other = continued(model, {"score_function": "SAM"})
    assert other.loss.get_config()["head"] == "SAM"
    assert other.loss.get_config()["margin"] == HEADS["SAM"].margin
    assert other.get_layer("branch") is model.get_layer("branch")
    embedded = np.asarray(model.get_layer("branch")(PAIRS.reshape(-1, 4))).reshape(-1, 2, 5)
    expected = HEADS["SAM"].function(embedded[:, 0], embedded[:, 1])
    np.testing.assert_allclose(training.predict(other, PAIRS), expected, atol=1e-3)


def test_another_loss_has_the_margin_of_the_model():
    model = build_net((4,), PARAMETERS | {"margin": 0.7}, seed=1)
    told = continued(model, {"loss": "triplet", "triplet_negatives": "spectra"}).loss.get_config()
    assert (told["loss"], told["margin"], told["head"]) == ("triplet", 0.7, "ED")
    assert told["options"]["triplet_negatives"] == "spectra"


def test_batch_normalisation_keeps_its_statistics_and_is_not_counted():
    model = build_net((4,), PARAMETERS, seed=1)
    inputs = keras.Input((4,))
    layers = [keras.layers.Dense(6, activation="relu"), keras.layers.BatchNormalization(), keras.layers.Dense(3)]
    outputs = inputs
    for layer in layers:
        outputs = layer(outputs)
    model = headed(keras.Model(inputs, outputs, name="branch"), PARAMETERS, optimizer_of("adam", 0.01))
    assert layers_with_weights(model) == [layers[0], layers[2]]
    before = [weight.numpy() for weight in layers[1].weights]
    train_further(model, PAIRS, LABELS, Transfer(), rules=RULES, batch_size=32, seed=0)
    for was, now in zip(before, layers[1].weights, strict=True):
        np.testing.assert_array_equal(was, now.numpy())
    assert layers[1].trainable


class Held(Samples):
    """Samples of an array, of which some batches at a time have room."""

    def __init__(self, pairs):
        object.__setattr__(self, "_pairs", pairs)
        object.__setattr__(self, "room", 2 * 32 * pairs[0].nbytes)

    shape = property(lambda self: self._pairs.shape)

    def take(self, numbers):
        return self._pairs[numbers]


def test_altered_spectra_are_the_same_from_an_array_and_from_samples():
    how = Transfer(regime=Regime("balanced", augment_gain=0.2, augment_noise=0.1, augment_bands=0.2))
    given = PAIRS.copy()
    _, model, found, _ = further(how, pairs=given)
    np.testing.assert_array_equal(given, PAIRS)
    _, of_samples, found_of_samples, _ = further(how, pairs=Held(PAIRS))
    assert found == found_of_samples
    assert same(model, of_samples)
    assert not same(model, further()[1])


def test_validation_gets_spectra_as_they_are():
    how = Transfer(regime=Regime(augment_noise=5.0))
    _, model, (fit,), _ = further(how)
    _, validation = training.stratified_split(LABELS, 0, 0.2)
    loss = model.evaluate(PAIRS[validation], LABELS[validation].astype(np.float32), verbose=0)[0]
    assert loss == pytest.approx(fit.val_loss, abs=1e-5)
