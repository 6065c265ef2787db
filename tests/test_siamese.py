"""The network, its training and its search: against NumPy, against Keras itself, and against the guide's models."""

import configparser
import gc
import pickle
import re
import shutil
import sys
import weakref
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pytest
from hyperopt import STATUS_OK

import config
import siamese
from conftest import SHARED, needs_shared
from hscd.heads import HEADS
from hscd.heads.euclidean import euclidean_dist
from hscd.heads.spectral_angle import SAM
from hscd.learn import training
from hscd.learn.epochs import Epochs
from hscd.losses import LOSSES
from hscd.models import saved as models
from hscd.records import Trial
from hscd.search.runners import InProcess
from hscd.search.trials import Trials
from hscd.system import storage
from hscd.system.arrays import aligned_empty
from hscd.system.backend import keras
from hscd.system.errors import InputError
from small_search import CHOICES, labelled_pairs, search

PARAMETERS = {
    "dropout_rate": 0.1,
    "dropout_rate_1": 0.2,
    "lr": 0.005,
    "layer": 7,
    "layer_1": 6,
    "layer_2": 5,
    "score_function": euclidean_dist,
    "margin": 1.0,
    "fourth_layer": False,
    "batch_size": 32,
}


def rules(max_epochs: int) -> training.Rules:
    return training.Rules(max_epochs, min_delta=1e-4, patience=10, validation_share=0.2)


def numpy_forward(weights: list[np.ndarray], spectra: np.ndarray, fourth_layer: bool = False) -> np.ndarray:
    """The dense branch, written out."""
    for kernel, bias in zip(weights[0:6:2], weights[1:6:2], strict=True):
        spectra = np.maximum(spectra @ kernel + bias, 0)
    if fourth_layer:
        spectra = 1 / (1 + np.exp(-(spectra @ weights[6] + weights[7])))
    return spectra


# --- network -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("distance", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("fourth_layer", [False, True])
def test_build_net_is_the_dense_branch_on_both_images_headed_by_the_distance(distance, fourth_layer):
    parameters = PARAMETERS | {"score_function": distance.function, "fourth_layer": fourth_layer}
    model = siamese.build_net((4,), parameters)
    pairs, _ = labelled_pairs()
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(0, 1.0, weight.shape) for weight in model.get_weights()])
    weights = [weight.astype(np.float64) for weight in model.get_weights()]
    embedded = numpy_forward(weights, pairs.astype(np.float64), fourth_layer)
    expected = distance.function(embedded[:, 0], embedded[:, 1])
    # A clear part of the pairs has distances well above the floor of the distance; the cosine is half of the square of
    # a small angle.
    assert np.mean(expected > (1e-3 if distance.name == "COS" else 1e-2)) > 0.25
    # Float32 rounds by 6e-8: layers of at most 7 products of order 10 are off by some 2e-6, and 512 units by more. An
    # angle is off by that in units of the shorter vector, and the cosine of it by no more; where that is 0, it may be
    # anything.
    tolerance = np.full(len(pairs), 2e-5)
    if distance.name != "ED":
        shorter = np.linalg.norm(embedded, axis=-1).min(axis=1)
        assert np.median(shorter) > 0.5
        with np.errstate(divide="ignore"):
            tolerance = 1e-6 + tolerance / shorter
    assert (np.abs(siamese.predict(model, pairs) - expected) < tolerance).all()


def test_loss_is_the_mean_of_pulled_and_pushed_pairs():
    model = siamese.build_net((4,), PARAMETERS)
    # y = 1: d² = 0.25; y = 0, margin 1: (1 − 0.4)² = 0.36 and beyond the margin 0; mean = 0.61 / 3
    loss = model.loss(np.array([1, 0, 0], np.float32), np.array([0.5, 0.4, 1.5], np.float32))
    assert float(loss) == pytest.approx(0.61 / 3)


def test_a_loss_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match=re.escape(f"unknown loss 'hinge'; known: {', '.join(LOSSES)}")):
        siamese.build_net((4,), PARAMETERS | {"loss": "hinge"})
    assert siamese.build_net((4,), PARAMETERS | {"loss": "contrastive"}).loss.name == "contrastive_loss"


@pytest.mark.parametrize(("name", "limit"), [("ED", 0.5), ("SAM", np.pi / 4), ("COS", 0.5)])
def test_accuracy_calls_a_pair_unchanged_below_the_limit_of_the_distance(name, limit):
    model = siamese.build_net((4,), PARAMETERS | {"score_function": name})
    metric = next(metric for metric in model._compile_metrics._user_metrics if metric.name == "accuracy")
    below, above = limit - 0.01, limit + 0.01
    # unchanged below and changed above are right, the other two wrong
    metric.update_state(np.array([1, 0, 1, 0]), np.array([below, above, above, below], np.float32))
    assert float(metric.result()) == 0.5


# --- training ------------------------------------------------------------------------------------------------------


def test_an_epoch_equals_keras_train_on_batch_over_the_same_batches():
    pairs, labels = labelled_pairs(100)
    parameters = PARAMETERS | {"dropout_rate": 0.0, "dropout_rate_1": 0.0}
    ours, theirs = siamese.build_net((4,), parameters), siamese.build_net((4,), parameters)
    theirs.set_weights(ours.get_weights())
    train, validation = training.stratified_split(labels, 0, 0.2)
    result = training.fit(ours, pairs, labels, train, validation, rules=rules(1), batch_size=32, seed=3)
    order = np.random.default_rng(3).permutation(train)
    assert len(order) % 32 != 0, "the last batch must be a smaller one"
    for start in range(0, len(order), 32):
        batch = order[start : start + 32]
        theirs.train_on_batch(pairs[batch], labels[batch].astype(np.float32))
    for mine, expected in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, expected, atol=1e-5)
    val_loss, val_accuracy = theirs.evaluate(pairs[validation], labels[validation].astype(np.float32), verbose=0)
    assert result.val_loss == pytest.approx(val_loss, abs=1e-5)
    assert result.val_accuracy == pytest.approx(val_accuracy, abs=1e-6)


def test_the_data_of_a_training_is_freed(monkeypatch):
    hold, handed_over = Epochs.hold, []

    def watched(self, array):
        held = hold(self, array)
        handed_over.append(weakref.ref(held))
        return held

    monkeypatch.setattr(Epochs, "hold", watched)
    pairs, labels = labelled_pairs()
    model = siamese.build_net((4,), PARAMETERS)
    training.fit(
        model, pairs, labels, *training.stratified_split(labels, 0, 0.2), rules=rules(1), batch_size=32, seed=0
    )
    gc.collect()
    assert [reference() for reference in handed_over] == [None, None]


def test_predict_refuses_other_band_counts():
    model = siamese.build_net((4,), PARAMETERS)
    with pytest.raises(InputError, match="4 bands, the images have 6"):
        siamese.predict(model, np.zeros((3, 2, 6), np.float32))


@pytest.mark.parametrize("aligned", [True, False])
def test_predict_of_some_pairs(aligned):
    model = siamese.build_net((4,), PARAMETERS, seed=0)
    pairs = aligned_empty((3000, 2, 4)) if aligned else aligned_empty((3001, 2, 4))[1:]
    pairs[:] = labelled_pairs(3000)[0]
    pairs[::7] = 0
    positions = np.flatnonzero(np.arange(3000) % 7)
    expected = siamese.predict(model, pairs)
    np.testing.assert_allclose(siamese.predict(model, pairs, positions), expected[positions], atol=1e-6)
    assert siamese.predict(model, pairs, positions[:0]).shape == (0,)


def test_fine_tuning_continues_the_model_and_reports_its_best_epoch(monkeypatch):
    monkeypatch.setattr(config, "MAX_EPOCHS", 4)
    pairs, labels = labelled_pairs()
    keras.utils.set_random_seed(0)
    model = siamese.build_net((4,), PARAMETERS)
    untrained = model.evaluate(pairs, labels.astype(np.float32), verbose=0)[0]
    measured = training._measured
    logs = []

    def recorded(*arguments):
        logs.append(measured(*arguments))
        return logs[-1]

    monkeypatch.setattr(training, "_measured", recorded)
    tuned, loss, val_loss, val_acc, epochs, seconds = siamese.fine_tuning(model, 32, pairs, labels)
    assert tuned is model
    assert tuned.evaluate(pairs, labels.astype(np.float32), verbose=0)[0] < untrained
    assert 0 < val_loss < 1
    assert 0 < loss < 1
    assert 0 <= val_acc <= 1
    assert epochs == 4
    # Training and validation are measured by turns; each epoch improves by more than the 1e-4 that count.
    trained, validated = logs[::2], logs[1::2]
    losses = [entry["loss"] for entry in validated]
    assert len(losses) == 4
    best = losses.index(min(losses))
    assert (loss, val_loss, val_acc) == (trained[best]["loss"], losses[best], validated[best]["accuracy"])
    assert seconds > 0
    with pytest.raises(InputError, match="0 changed"):
        siamese.fine_tuning(model, 32, pairs[labels == 1], labels[labels == 1])


def test_fine_tuning_answers_what_its_record_holds(monkeypatch):
    result = training.FitResult(3, 0.5, val_loss=0.25, val_accuracy=0.75, epochs=7, reason="patience")
    monkeypatch.setattr(training, "fit", lambda *_, **__: result)
    model = siamese.build_net((4,), PARAMETERS)
    tuned = siamese.fine_tune(model, 32, *labelled_pairs())
    assert (tuned.model, tuned.fit) == (model, result)
    # model, loss, val_loss, val_acc, epochs that were run, time
    answer = siamese.fine_tuning(model, 32, *labelled_pairs())
    assert answer[:5] == (model, 0.5, 0.25, 0.75, 7)


def test_fine_tuning_leaves_records_where_it_is_told_to(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "MAX_EPOCHS", 2)
    folder = tmp_path / "logs/M/run"
    model = siamese.build_net((4,), PARAMETERS)
    siamese.fine_tune(model, 32, *labelled_pairs())
    assert not any(tmp_path.iterdir())
    siamese.fine_tune(model, 32, *labelled_pairs(), log_folder=folder)
    assert {event.parent.name for event in folder.glob("*/events*")} == {"train", "validation"}


# The constants of `config` count in the search and in fine-tuning, and the seed in the split.
@pytest.mark.parametrize("stage", ["search", "fine-tuning"])
def test_trainings_go_by_the_constants_and_split_by_the_seed(tmp_path, monkeypatch, stage):
    pairs, labels = labelled_pairs()
    seen = []

    def fit(model, pairs, labels, train, validation, *, rules, seed, **_):
        seen.append((rules, seed, train.tolist(), validation.tolist()))
        return training.FitResult(1, 0.5, val_loss=0.5, val_accuracy=0.5, epochs=2, reason="max_epochs")

    monkeypatch.setattr(training, "fit", fit)
    for seed in (5, 6):
        if stage == "search":
            search(tmp_path / str(seed), replace(CHOICES, max_evals=1), seed=seed)
        else:
            siamese.fine_tuning(siamese.build_net((4,), PARAMETERS), 32, pairs, labels, seed=seed)
    expected = training.Rules(max_epochs=150, min_delta=1e-4, patience=10, validation_share=0.2)
    for seed, (found, given, train, validation) in zip((5, 6), seen, strict=True):
        assert (found, given) == (expected, seed)
        assert [train, validation] == [part.tolist() for part in training.stratified_split(labels, seed, 0.2)]
    assert seen[0][3] != seen[1][3]


def test_same_seed_same_fine_tuning(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "MAX_EPOCHS", 2)
    pairs, labels = labelled_pairs()
    siamese.save_model(tmp_path / "M", PARAMETERS, siamese.named_weights(siamese.build_net((4,), PARAMETERS, seed=0)))

    def tuned(seed):
        model = siamese.load_model(tmp_path / "M", seed=seed)
        siamese.fine_tuning(model, 32, pairs, labels, seed=seed)
        return siamese.predict(model, pairs)

    first = tuned(1)
    np.testing.assert_array_equal(first, tuned(1))
    assert (first != tuned(2)).any()


# --- saved models --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("distance", [euclidean_dist, SAM])
def test_a_saved_model_loads_again_by_itself_and_by_keras(tmp_path, distance):
    parameters = PARAMETERS | {"score_function": distance, "fourth_layer": True}
    model = siamese.build_net((4,), parameters)
    siamese.save_model(tmp_path / "M", parameters, siamese.named_weights(model))
    pairs, _ = labelled_pairs(50)
    expected = siamese.predict(model, pairs)
    np.testing.assert_array_equal(siamese.predict(siamese.load_model(tmp_path / "M"), pairs), expected)
    assert siamese.read_parameters(tmp_path / "M") == parameters
    by_keras = siamese.build_net((4,), parameters)
    by_keras.load_weights(tmp_path / "M.h5")
    np.testing.assert_array_equal(siamese.predict(by_keras, pairs), expected)


def test_the_parameter_file_opens_in_a_program_that_has_the_head_in_module_siamese(tmp_path):
    models.write_parameter_file(tmp_path / "M_param.pickle", PARAMETERS)
    # Plain unpickling imports siamese.euclidean_dist, as the guide's program does.
    assert pickle.loads((tmp_path / "M_param.pickle").read_bytes()) == PARAMETERS


def test_files_that_do_not_fit_together_are_refused(tmp_path):
    model = siamese.build_net((4,), PARAMETERS)
    siamese.save_model(tmp_path / "M", PARAMETERS | {"layer_1": 9}, siamese.named_weights(model))
    with pytest.raises(InputError, match=r"M\.h5: weights of shapes .* do not fit"):
        siamese.load_model(tmp_path / "M")
    storage.write_pickle(tmp_path / "M_param.pickle", {"lr": 0.1})
    with pytest.raises(InputError, match="lacks the parameters dropout_rate,"):
        siamese.load_model(tmp_path / "M")


@needs_shared
@pytest.mark.parametrize("name", ["BAEDotsu", "SBEDotsu"])
def test_models_of_the_guide_predict_what_their_weights_say(name):
    path = SHARED / "legacy" / name
    with h5py.File(path.with_suffix(".h5")) as file:
        group = file["model_14"]
        weights = [group[weight][()].astype(np.float64) for weight in group.attrs["weight_names"]]
    pairs = np.random.default_rng(0).random((500, 2, 224)).astype(np.float32)
    embedded = numpy_forward(weights, pairs.astype(np.float64))
    expected = np.sqrt(np.maximum(((embedded[:, 0] - embedded[:, 1]) ** 2).sum(axis=1), 1e-7))
    np.testing.assert_allclose(siamese.predict(siamese.load_model(path), pairs), expected, atol=1e-5)


@needs_shared
def test_a_model_of_the_guide_can_be_fine_tuned(monkeypatch):
    monkeypatch.setattr(config, "MAX_EPOCHS", 2)
    model = siamese.load_model(SHARED / "legacy" / "BAEDotsu")
    batch_size = int(siamese.read_parameters(SHARED / "legacy" / "BAEDotsu")["batch_size"])
    pairs, labels = labelled_pairs(200, bands=224)
    _, _, val_loss, *_ = siamese.fine_tuning(model, batch_size, pairs, labels)
    assert np.isfinite(val_loss)


# --- search --------------------------------------------------------------------------------------------------------


@pytest.fixture
def short_training(monkeypatch):
    monkeypatch.setattr(config, "MAX_EPOCHS", 3)


class Searched(NamedTuple):
    """A search that tests only look at: its trials, the folder of its files, and that in which it ran."""

    trials: list[Trial]
    folder: Path
    current: Path


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    found = Searched([], tmp_path_factory.mktemp("searched"), tmp_path_factory.mktemp("current"))
    path = list(sys.path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "MAX_EPOCHS", 3)
        patch.chdir(found.current)
        found.trials.extend(search(found.folder))
        assert sys.path == path
    return found


def test_search_saves_the_model_of_lowest_validation_loss_and_reports_every_trial(searched):
    trials, folder, _ = searched
    assert [trial.status for trial in trials] == [STATUS_OK] * 3
    best = min(trials, key=lambda trial: trial.report["loss"])
    parameters = siamese.read_parameters(folder / "model/M")
    for name in ("dropout_rate", "dropout_rate_1", "lr", "layer", "layer_1", "layer_2", "batch_size"):
        assert parameters[name] == best.report[name]
    pairs, labels = labelled_pairs()
    counts, threshold = siamese.judge(siamese.load_model(folder / "model/M"), pairs, labels)
    assert (counts, threshold) == best.report["test"]
    events = list((folder / "stat/logs/M").glob("*/trial_*/*/events*"))
    assert {event.parts[-3] for event in events} == {"trial_0", "trial_1", "trial_2"}


# `hyperas_sett` in the specification, `hyperas_search` in the guide's program.
def test_the_choices_go_by_both_of_their_names(tmp_path, short_training):
    pairs, labels = labelled_pairs()
    arguments = (pairs, labels, pairs, labels, euclidean_dist, "M")
    found = {}
    for name in ("hyperas_sett", "hyperas_search"):
        options = {"model_path": tmp_path / name, "stat_path": tmp_path / name, "workers": 1}
        (trial,) = siamese.hyperparam_search(*arguments, **{name: replace(CHOICES, max_evals=1)}, **options)
        found[name] = trial.report
    assert found["hyperas_sett"] == found["hyperas_search"]
    for given in ({}, {"hyperas_sett": CHOICES, "hyperas_search": CHOICES}):
        with pytest.raises(TypeError, match="choices of the search once"):
            siamese.hyperparam_search(*arguments, **given)


SECTION = """
[my search]
batch_size = [32, 64]  # pairs
neurons = [8, 12]
neurons_1 = [6]
neurons_2 = [4]
max_dropout = 0.2
fourth_layer = False
max_evals = 1
"""


def test_the_choices_may_be_a_section_of_a_parser(tmp_path, short_training):
    parser = configparser.ConfigParser()
    parser.read_string(SECTION)
    pairs, labels = labelled_pairs()
    found = []
    for number, choices in enumerate((parser["my search"], replace(CHOICES, max_evals=1))):
        paths = {"model_path": tmp_path / f"{number}", "stat_path": tmp_path / f"{number}", "workers": 1}
        found.append(siamese.hyperparam_search(pairs, labels, pairs, labels, euclidean_dist, "M", choices, **paths))
    assert [trial.report for trial in found[0]] == [trial.report for trial in found[1]]


def test_the_section_of_a_parser_is_checked_as_a_file_is():
    parser = configparser.ConfigParser()
    parser.read_string(SECTION.replace("neurons_1 = [6]", "").replace("0.2", "2"))
    pairs, labels = labelled_pairs()
    arguments = (pairs, labels, pairs, labels, euclidean_dist, "M")
    with pytest.raises(InputError) as caught:
        siamese.hyperparam_search(*arguments, parser["my search"])
    said = [line.partition(": ")[2] for line in str(caught.value).splitlines()]
    assert said[0].startswith("[my search] neurons_1: missing; expected a Python list of integers")
    assert said[1] == "[my search] max_dropout: found '2'; expected a number in ]0, 1["
    parser.read_string("[none]")
    with pytest.raises(InputError, match=r"\[none\] neurons: missing"):
        siamese.hyperparam_search(*arguments, hyperas_search=parser["none"])


def test_a_trial_reports_its_epochs_and_ends_when_it_is_told_to(tmp_path, short_training):
    pairs, labels = labelled_pairs()
    data = {"train_set": pairs, "train_labels": labels, "test_set": pairs, "test_labels": labels}
    choices = asdict(CHOICES)
    choices |= choices.pop("options")
    told = []

    def on_epoch(trial, epoch, val_loss):
        told.append((trial, epoch, val_loss))
        return trial == 8 and epoch == 2

    runner = InProcess(
        Trials(siamese.siamese_model, data, euclidean_dist, choices, 0, tmp_path, siamese.training_rules(), 1.0),
        on_epoch,
    )
    choice = {"dropout_rate": 0.0, "dropout_rate_1": 0.0, "lr": 0.005, "layer": 8, "layer_1": 6, "layer_2": 4}
    outcomes = []
    for trial in (7, 8):
        runner.start(trial, choice | {"batch_size": 32})
        outcomes.append(runner.wait())
        assert not outcomes[-1].error
    reports = [outcome.result for outcome in outcomes]
    assert [(report["epochs"], report["stopped"]) for report in reports] == [(3, "max_epochs"), (2, "stopped")]
    losses = {trial: [loss for number, _, loss in told if number == trial] for trial in (7, 8)}
    for trial, report in zip((7, 8), reports, strict=True):
        assert report["loss"] == losses[trial][report["best_epoch"] - 1]


def test_choices_come_from_the_settings(searched):
    assert len(searched.trials) == 3
    for trial in searched.trials:
        report = trial.report
        assert report["layer"] in (8, 12)
        assert report["batch_size"] in (32, 64)
        assert (report["layer_1"], report["layer_2"]) == (6, 4)
        assert 0 <= report["dropout_rate"] <= 0.2
        assert 0 <= report["dropout_rate_1"] <= 0.2
        assert report["dropout_rate"] != report["dropout_rate_1"]
        assert 1e-4 <= report["lr"] <= 1e-2


def test_same_seed_same_search(tmp_path, short_training):
    two = replace(CHOICES, max_evals=2)
    first, second, other = (search(tmp_path / str(run), two, seed=seed) for run, seed in enumerate((5, 5, 6)))
    assert [trial.report for trial in first] == [trial.report for trial in second]
    assert [trial.report for trial in first] != [trial.report for trial in other]
    assert (tmp_path / "0/model/M.h5").read_bytes() == (tmp_path / "1/model/M.h5").read_bytes()


def test_worker_processes_train_the_model_that_is_saved(tmp_path, short_training):
    pairs, labels = labelled_pairs(60)
    data = {"train_set": pairs, "train_labels": labels, "test_set": pairs, "test_labels": labels}
    trials = search(tmp_path, replace(CHOICES, max_evals=2), workers=2, **data)
    assert [trial.status for trial in trials] == [STATUS_OK] * 2
    best = min(trials, key=lambda trial: trial.report["loss"])
    assert siamese.read_parameters(tmp_path / "model/M")["lr"] == best.report["lr"]
    assert siamese.judge(siamese.load_model(tmp_path / "model/M"), pairs, labels) == best.report["test"]
    events = list((tmp_path / "stat/logs/M").glob("*/trial_*/*/events*"))
    assert {event.parts[-3] for event in events} == {"trial_0", "trial_1"}


def test_a_failing_or_diverging_trial_is_recorded_and_the_search_goes_on(tmp_path, short_training, monkeypatch):
    fit, calls = training.fit, []

    def sometimes(*args, **kwargs):
        calls.append(None)
        if len(calls) == 1:
            raise training.TrainingDivergedError("loss nan")
        if len(calls) == 2:
            raise RuntimeError("out of luck")
        return fit(*args, **kwargs)

    monkeypatch.setattr(training, "fit", sometimes)
    trials = search(tmp_path)
    assert [trial.status for trial in trials] == ["fail", "fail", "ok"]
    assert trials[0].error == "TrainingDivergedError: loss nan"
    lines = (tmp_path / "stat/M_stats.csv").read_text().splitlines()
    assert len(lines) == 4
    assert lines[1].startswith("0,fail,")
    assert [line.rsplit(",", 1)[1] for line in lines] == ["best", "False", "False", "True"]


def test_a_network_that_collapsed_is_a_failed_trial(tmp_path, short_training, monkeypatch):
    predict, calls = siamese.predict, []

    def sometimes_constant(model, pairs):
        calls.append(None)
        return predict(model, pairs) * (len(calls) > 1)

    monkeypatch.setattr(siamese, "predict", sometimes_constant)
    trials = search(tmp_path)
    assert [trial.status for trial in trials] == ["fail", "ok", "ok"]
    assert "all distances are equal" in trials[0].error


def test_a_search_whose_trials_all_fail_is_an_error_and_leaves_the_old_model(tmp_path, searched, monkeypatch):
    shutil.copytree(searched.folder, tmp_path, dirs_exist_ok=True)
    old = (tmp_path / "model/M.h5").read_bytes()

    def never(*args, **kwargs):
        raise RuntimeError("out of luck")

    monkeypatch.setattr(training, "fit", never)
    with pytest.raises(InputError, match="all 3 trials of the search failed; the last: RuntimeError: out of luck"):
        search(tmp_path)
    assert (tmp_path / "model/M.h5").read_bytes() == old


# No trial is to blame, none is recorded as failed, and the next one would meet the same.
def test_a_disk_that_does_not_take_the_logs_ends_the_search(tmp_path, short_training):
    (tmp_path / "stat").mkdir()
    (tmp_path / "stat/logs").write_bytes(b"a file where the folder should be")
    with pytest.raises(OSError, match="logs") as caught:
        search(tmp_path)
    assert "stat/logs" in caught.value.filename
    assert not (tmp_path / "model/M.h5").exists()
    assert not (tmp_path / "model/M_search.json").exists()


@pytest.mark.parametrize("said", ["OOM when allocating\n{{node}} [Op:RESOURCE_EXHAUSTED]", "RESOURCE_EXHAUSTED: x"])
def test_what_a_backend_says_without_memory_is_a_memory_error(monkeypatch, said):
    model = siamese.build_net((4,), PARAMETERS, seed=0)
    pairs, labels = labelled_pairs()

    def refused(*_):
        raise RuntimeError(said)

    monkeypatch.setattr(training.Epochs, "train", refused)
    monkeypatch.setattr(training.Epochs, "distances", refused)
    with pytest.raises(MemoryError, match=r"^[^\n]*RESOURCE_EXHAUSTED[^\n]*$"):
        siamese.fine_tuning(model, 32, pairs, labels)
    with pytest.raises(MemoryError):
        siamese.predict(model, pairs)


def test_a_diverging_training_is_noticed():
    pairs, labels = labelled_pairs()
    pairs[7] = np.inf
    model = siamese.build_net((4,), PARAMETERS)
    train, validation = training.stratified_split(labels, 0, 0.2)
    with pytest.raises(training.TrainingDivergedError, match="epoch 1"):
        training.fit(model, pairs, labels, train, validation, rules=rules(1), batch_size=32, seed=0)


def test_hyperas_leaves_no_trace(searched):
    assert not list(searched.current.iterdir())
    assert not hasattr(keras.models, "model_from_yaml")
