"""Two networks that teach each other: what each learns from, and which one is kept."""

import numpy as np
import pytest

from hscd.labels import CHANGED, UNCHANGED
from hscd.learn import co_teaching, training
from hscd.learn.co_teaching import halves, least, twin
from hscd.learn.transfer import Transfer, frozen, train_further
from hscd.losses import LOSSES
from hscd.models.saved import named_weights
from hscd.networks.siamese import build_net
from small_search import labelled_pairs

PARAMETERS = {
    "dropout_rate": 0.1, "dropout_rate_1": 0.1, "lr": 0.005, "layer": 8, "layer_1": 6, "layer_2": 5,
    "score_function": "ED", "margin": 1.0, "fourth_layer": False, "batch_size": 32,
}  # fmt: skip
EPOCHS = 5
RULES = training.Rules(EPOCHS, 0.0, EPOCHS, 0.2)


def test_of_each_class_the_pairs_of_the_least_losses_are_kept():
    train = np.array([9, 8, 7, 6, 5, 4])
    labels = np.full(10, UNCHANGED)
    labels[[9, 4]] = CHANGED
    # Unchanged are 8, 7, 6, 5 of losses 1, 4, 2, 3: half of them are 8 and 6. Of the two changed none may go.
    losses = np.array([9.0, 1, 4, 2, 3, 0])
    assert least(train, labels, losses, 0.5).tolist() == [9, 8, 6, 4]
    assert least(train, labels, losses, 0).tolist() == train.tolist()
    # round(.75 · 4) = 3
    assert least(train, labels, losses, 0.25).tolist() == [9, 8, 6, 5, 4]


def test_halves_share_nothing_and_have_some_of_each_class():
    labels = np.array([CHANGED] * 3 + [UNCHANGED] * 7 + [CHANGED])
    train = np.arange(10)
    first, second = halves(train, labels, np.random.default_rng(0))
    assert sorted([*first, *second]) == train.tolist()
    assert [np.count_nonzero(labels[part] == CHANGED) for part in (first, second)] == [2, 1]
    assert [np.count_nonzero(labels[part] == UNCHANGED) for part in (first, second)] == [3, 4]


def test_each_gets_what_the_other_one_trusts_also_when_that_one_has_ended():
    def run(epochs, got):
        for _ in range(epochs):
            got.append((yield))
        return f"result of {epochs}"

    received = [], []
    runs = [run(epochs, got) for epochs, got in zip((2, 5), received, strict=True)]
    for one in runs:
        next(one)
    judges = [lambda: "doubts of the first", lambda: "doubts of the second"]
    lessons = "half", "other half"
    found = co_teaching._taught(runs, judges, lessons, lambda doubts, part: (doubts, pytest.approx(part)))
    assert found == ["result of 2", "result of 5"]
    assert received[0] == ["half", ("doubts of the second", 1 / 3)]
    # A third of the share after the first epoch, all of it from the third one on.
    assert received[1] == ["other half", *(("doubts of the first", part) for part in (1 / 3, 2 / 3, 1, 1))]


@pytest.fixture(scope="module")
def taught():
    """Labels with every fifth one wrong; what each network learned from by epoch, models and results."""
    pairs, truth = labelled_pairs(400)
    labels = truth.copy()
    labels[::5] = 1 - labels[::5]
    lessons, models, results = [], [], []

    def watched(model, *arguments, real=training.stepwise, **keywords):
        models.append(model)
        lessons.append(own := [])
        steps = real(model, *arguments, **keywords)
        passes = next(steps)
        while True:
            own.append((yield passes))
            try:
                passes = steps.send(own[-1])
            except StopIteration as end:
                results.append((model, end.value, model.get_weights()))
                return end.value

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(co_teaching.training, "stepwise", watched)
        model = build_net((4,), PARAMETERS, seed=1)
        before = named_weights(model)
        how = Transfer(co_teaching=0.3, freeze=1)
        epochs = []
        told = [training.TellEpochs(lambda number, _: epochs.append(number))]
        (found,) = train_further(model, pairs, labels, how, rules=RULES, batch_size=32, seed=0, callbacks=told)
    assert epochs == list(range(1, EPOCHS + 1))  # those of the first network
    return before, model, found, truth, labels, lessons, models, results


def test_each_learns_from_what_the_other_one_does_not_hold_for_wrong(taught):
    _, _, _, truth, labels, lessons, _, _ = taught
    train, _ = training.stratified_split(labels, 0, 0.2)
    assert [len(own) for own in lessons] == [EPOCHS, EPOCHS]
    assert sorted(np.concatenate([own[0] for own in lessons])) == sorted(train)
    counts = [np.count_nonzero(labels[train] == label) for label in (CHANGED, UNCHANGED)]
    for own in lessons:
        # A third of .3, two thirds, and from the third epoch on all of it.
        for epoch, share in ((1, 0.1), (2, 0.2), (3, 0.3), (EPOCHS - 1, 0.3)):
            assert len(own[epoch]) == sum(round((1 - share) * count) for count in counts)
        # A fifth is wrong; of those that are left out far more are.
        assert np.mean(truth[own[-1]] != labels[own[-1]]) < 0.1
    assert set(lessons[0][-1]) != set(lessons[1][-1])


def test_the_weights_of_the_better_one_are_kept_and_frozen_layers_stay(taught):
    before, model, found, _, _, _, models, results = taught
    _, kept, weights = min(results, key=lambda one: one[1].val_loss)
    assert found == kept
    assert models[0] is model
    for now, expected in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(now, expected)
    for other in models:
        now = named_weights(other)
        assert [name for name in before if (now[name] != before[name]).any()] == list(before)[2:]


def test_a_twin_has_the_same_weights_loss_optimizer_and_frozen_layers_and_another_dropout():
    chosen = PARAMETERS | {
        "loss": "sigmoid_contrastive",
        "loss_learned": True,
        "sigmoid_bias": -3.0,
        "optimizer": "sgd",
    }
    model = build_net((4,), chosen, seed=1)
    with frozen(model, 1):
        other = twin(model, 5)
        assert len(other.trainable_variables) == len(model.trainable_variables) == 4 + 2
    assert other.loss.get_config() == model.loss.get_config()
    assert (other.optimizer.kind, float(other.optimizer.learning_rate)) == ("sgd", pytest.approx(0.005))
    masks = [np.asarray(layer.masks) for of in (model, other) for layer in training.dropout_layers(of)]
    assert (masks[0] != masks[2]).any()
    pairs, _ = labelled_pairs(20)
    np.testing.assert_array_equal(training.predict(other, pairs), training.predict(model, pairs))
    other.get_layer("branch").set_weights([0 * values for values in other.get_layer("branch").get_weights()])
    assert (training.predict(model, pairs) > 0.01).any()


@pytest.mark.parametrize("loss", ["contrastive", "soft_nearest_neighbour"])
def test_a_label_is_doubted_by_its_loss_or_by_the_distance_where_losses_depend_on_the_batch(loss, monkeypatch):
    pairs, labels = labelled_pairs(40)
    options = {option.name: option.default for option in LOSSES.options(loss)}
    model = build_net((4,), PARAMETERS | {"loss": loss} | options, seed=1)
    asked = []

    def taught(runs, judges, *_):
        asked.extend(judges)
        return [training.FitResult(1, 0.0, 0.1, 1.0, 1, "max_epochs")] * 2

    monkeypatch.setattr(co_teaching, "_taught", taught)
    train, validation = training.stratified_split(labels, 0, 0.2)
    co_teaching.co_taught(model, pairs, labels, train, validation, share=0.2, rules=RULES, batch_size=8, seed=0)
    doubts, distances = asked[0](), training.predict(model, pairs[train])
    changed = labels[train] == CHANGED
    # Of each class, the farther from what the label says, the more doubtful: of changed pairs the nearest.
    for members, worse in ((changed, -distances), (~changed, distances)):
        assert (np.diff(doubts[members][np.argsort(worse[members])]) >= -1e-6).all()
    if LOSSES[loss].of == "batch":
        np.testing.assert_allclose(doubts, np.where(changed, -distances, distances), rtol=1e-5)
    else:
        values = model.loss.values(labels[train].astype(np.float32), distances, None)
        np.testing.assert_allclose(doubts, values, rtol=1e-4)
    # What both networks learn from is handed over once.
    held = [judge.args[0]._arrays for judge in asked]
    assert held[0] is held[1]


@pytest.mark.parametrize("losses", [(0.1, 0.2), (0.2, 0.1)])
def test_the_network_of_the_lower_validation_loss_is_kept(monkeypatch, losses):
    pairs, labels = labelled_pairs(40)
    model, other = (build_net((4,), PARAMETERS, seed=seed) for seed in (1, 2))
    weights = [of.get_weights() for of in (model, other)]
    results = [training.FitResult(1, 0.0, loss, 1.0, 1, "max_epochs") for loss in losses]
    monkeypatch.setattr(co_teaching, "twin", lambda *_: other)
    monkeypatch.setattr(co_teaching, "_taught", lambda *_: results)
    split = training.stratified_split(labels, 0, 0.2)
    found = co_teaching.co_taught(model, pairs, labels, *split, share=0.2, rules=RULES, batch_size=8, seed=0)
    better = int(np.argmin(losses))
    assert found is results[better]
    for now, expected in zip(model.get_weights(), weights[better], strict=True):
        np.testing.assert_array_equal(now, expected)


def begun(seed, monkeypatch):
    """Of each network, the order in which it draws the same lesson in the first epoch, and the masks of its dropout."""
    pairs, labels = labelled_pairs(40)
    train, validation = training.stratified_split(labels, 0, 0.2)
    found = []

    def epoch(model, passes, targets, order, *_):
        masks = [np.asarray(layer.masks) for layer in training.dropout_layers(model)]
        found.append((np.asarray(order).tolist(), masks))
        return {"loss": 0.1, "val_loss": 0.1}

    def taught(runs, *_):
        for run in runs:
            run.send(train)
        return [training.FitResult(1, 0.0, 0.1, 1.0, 1, "max_epochs")] * 2

    monkeypatch.setattr(training, "_epoch", epoch)
    monkeypatch.setattr(co_teaching, "_taught", taught)
    model = build_net((4,), PARAMETERS, seed=1)
    co_teaching.co_taught(
        model, pairs, labels, train, validation, share=0.2, rules=RULES, batch_size=8, seed=seed
    )  # fmt: skip
    assert [sorted(order) for order, _ in found] == [sorted(train)] * 2
    return found


def test_both_networks_draw_differently_and_again_the_same_from_one_seed(monkeypatch):
    (first, masks), (second, others) = begun(0, monkeypatch)
    assert first != second  # the second one draws by a seed of its own
    assert any((one != other).any() for one, other in zip(masks, others, strict=True))
    again = begun(0, monkeypatch)
    assert [order for order, _ in again] == [first, second]
    for (_, now), then in zip(again, (masks, others), strict=True):
        assert all((one == other).all() for one, other in zip(now, then, strict=True))
    assert begun(5, monkeypatch)[0][0] != first
