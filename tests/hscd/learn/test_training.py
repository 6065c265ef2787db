"""When a training ends, what it keeps, and what it tells."""

from dataclasses import replace

import numpy as np
import pytest

from hscd.learn import training
from hscd.networks.dropout import dropout_layers
from hscd.networks.siamese import build_net
from hscd.system.backend import keras
from hscd.system.errors import InputError
from small_search import labelled_pairs

PARAMETERS = {
    "dropout_rate": 0.1, "dropout_rate_1": 0.2, "lr": 0.005, "layer": 7, "layer_1": 6, "layer_2": 5,
    "score_function": "ED", "margin": 1.0, "fourth_layer": False, "batch_size": 32,
}  # fmt: skip
RULES = training.Rules(max_epochs=12, min_delta=1e-4, patience=10, validation_share=0.2)


class Watch(keras.callbacks.Callback):
    """What each epoch measured, and the weights after it."""

    def __init__(self):
        super().__init__()
        self.losses, self.weights = [], []

    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(logs["val_loss"])
        self.weights.append(self.model.get_weights())


def fitted(rules=RULES, *callbacks, upside_down=False, seed=0, **parameters):
    """A model that was trained, the result, and what was seen meanwhile.

    Upside down, the labels of the validation pairs are the wrong ones: the more is learned, the larger is their loss.
    """
    pairs, labels = labelled_pairs()
    train, validation = training.stratified_split(labels, 0, rules.validation_share)
    if upside_down:
        labels[validation] = 1 - labels[validation]
    model = build_net((4,), PARAMETERS | parameters, seed=1)
    watch = Watch()
    result = training.fit(
        model, pairs, labels, train, validation,
        rules=rules, batch_size=32, seed=seed, callbacks=[watch, *callbacks],
    )  # fmt: skip
    return model, result, watch


def same(first, second):
    return all((one == other).all() for one, other in zip(first, second, strict=True))


def test_the_best_epoch_is_reported_and_its_weights_are_kept():
    pairs, labels = labelled_pairs()
    _, validation = training.stratified_split(labels, 0, 0.2)
    model, result, watch = fitted()
    assert result.val_loss == watch.losses[result.best_epoch - 1]
    assert result.val_loss <= min(watch.losses) + RULES.min_delta
    kept = model.evaluate(pairs[validation], labels[validation].astype(np.float32), verbose=0)[0]
    assert kept == pytest.approx(result.val_loss, abs=1e-5)
    assert result.val_loss < watch.losses[0] / 2, "it must have learned something"
    assert (result.epochs, result.reason) == (12, "max_epochs")


@pytest.mark.parametrize("max_epochs", [4, 30], ids=["at the end", "where patience ends it"])
def test_the_weights_of_an_earlier_epoch_come_back(max_epochs):
    model, result, watch = fitted(replace(RULES, max_epochs=max_epochs, patience=6), upside_down=True)
    assert result.best_epoch < result.epochs == len(watch.weights)
    assert same(model.get_weights(), watch.weights[result.best_epoch - 1])
    assert not same(model.get_weights(), watch.weights[-1])


def test_a_training_ends_when_its_patience_does():
    _, result, watch = fitted(replace(RULES, max_epochs=40, patience=3), upside_down=True)
    assert result.reason == "patience"
    assert result.epochs == len(watch.losses) == result.best_epoch + 3
    _, impatient, _ = fitted(replace(RULES, max_epochs=40, patience=1), upside_down=True)
    assert impatient.epochs == impatient.best_epoch + 1


def test_less_than_the_smallest_difference_is_no_better_epoch():
    # Nothing falls by 10: the first epoch stays the best one.
    _, result, watch = fitted(replace(RULES, min_delta=10.0, patience=2))
    assert (result.best_epoch, result.epochs, result.reason) == (1, 3, "patience")
    assert watch.losses[2] < watch.losses[0]


@pytest.mark.parametrize("answer", [True, False, None])
def test_a_training_ends_after_the_epoch_for_which_it_is_told_to(answer):
    told = []

    def tell(epoch, logs):
        told.append((epoch, logs["val_loss"]))
        return answer if epoch == 2 else None

    model, result, watch = fitted(replace(RULES, max_epochs=4), training.TellEpochs(tell))
    expected = (2, "stopped") if answer else (4, "max_epochs")
    assert (result.epochs, result.reason) == expected
    assert told == list(enumerate(watch.losses, start=1))
    assert same(model.get_weights(), watch.weights[result.best_epoch - 1])


def test_a_training_that_was_stopped_goes_on_in_the_next_fit():
    model, _, _ = fitted(RULES, training.TellEpochs(lambda *_: True))
    pairs, labels = labelled_pairs()
    split = training.stratified_split(labels, 0, 0.2)
    result = training.fit(model, pairs, labels, *split, rules=replace(RULES, max_epochs=2), batch_size=32, seed=0)
    assert result.epochs == 2


def test_each_epoch_has_masks_of_its_own():
    masks = []

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            masks.append([layer.masks.numpy() for layer in dropout_layers(self.model)])

    fitted(replace(RULES, max_epochs=3), Look())
    for of_layer in zip(*masks, strict=True):
        for number, mask in enumerate(of_layer):
            # Of two independent draws at rate 0.1 a value differs with a probability of 0.18, at 0.2 of 0.32.
            assert all(np.mean(mask != earlier) > 0.1 for earlier in of_layer[:number])
    assert [len(epoch) for epoch in masks] == [2, 2, 2]


def test_the_order_of_the_batches_goes_by_the_seed():
    once, again, other = (fitted(replace(RULES, max_epochs=2), seed=seed)[0].get_weights() for seed in (0, 0, 1))
    assert same(once, again)
    assert not same(once, other)


def test_split_is_stratified_and_needs_two_pixels_of_each_class():
    labels = np.array([0] * 20 + [1] * 80)
    train, validation = training.stratified_split(labels, 0, 0.2)
    # 20 % of 100 pixels, of each class 20 %
    assert (len(train), len(validation)) == (80, 20)
    assert np.count_nonzero(labels[validation] == 0) == 4
    assert sorted([*train, *validation]) == list(range(100))
    # 35 % of 100 pixels, 7 of the 20 changed ones
    assert np.count_nonzero(labels[training.stratified_split(labels, 0, 0.35)[1]] == 0) == 7
    with pytest.raises(InputError, match="1 changed and 9 unchanged"):
        training.stratified_split(np.array([0] + [1] * 9), 0, 0.2)


def test_split_goes_by_the_seed():
    labels = np.array([0] * 20 + [1] * 80)
    splits = [sorted(training.stratified_split(labels, seed, 0.2)[1].tolist()) for seed in (0, 0, 1)]
    assert splits[0] == splits[1]
    # Of 20 pixels of another draw out of 100 about four are the same.
    assert len({*splits[0]} & {*splits[2]}) < 15
