"""What a search may choose: the template's space for the dense branch, and that of any other branch."""

import json
import sys
from dataclasses import replace

import hyperopt
import numpy as np
import pytest

import siamese
from hscd.evaluation.confusion import Confusion
from hscd.heads.euclidean import euclidean_dist
from hscd.heads.spectral_angle import SAM
from hscd.learn import training
from hscd.models import saved as models
from hscd.scenes import patches
from hscd.search import template, trials
from hscd.search.trials import Trials
from hscd.system.backend import keras
from hscd.system.errors import InputError
from small_search import CHOICES, labelled_pairs
from toy_branch import FILTERED_SEARCH, Filtered
from toy_branch import filtered as filtered  # a fixture

with_filtered = pytest.mark.usefixtures("filtered")
OF_TEMPLATE = ["dropout_rate", "dropout_rate_1", "lr", "layer", "layer_1", "layer_2", "batch_size"]
# What the first version proposes of CHOICES with the seed 5.
PROPOSED = {
    "batch_size": 64.0, "dropout_rate": 0.05716, "dropout_rate_1": 0.103065, "layer": 8.0, "layer_1": 6.0,
    "layer_2": 4.0, "lr": 0.00807,
}  # fmt: skip


def space_of(choices, tmp_path, fixed=None):
    shared = Trials(
        siamese.siamese_model,
        {},
        euclidean_dist,
        choices.choices,
        0,
        tmp_path,
        siamese.training_rules(),
        1.0,
        fixed or {},
    )
    *_, space = shared.translated(lambda *_: None)
    return space


PATCHED = {"network": "patch"}
OF_PATCHES = {"patch_size": [1], "patch_filters": [8]}


def test_patches_of_one_pixel_are_proposed_what_the_dense_branch_is(tmp_path):
    def proposed(**more):
        space = space_of(replace(CHOICES, options=CHOICES.options | OF_PATCHES | more), tmp_path, PATCHED)
        chosen = hyperopt.pyll.stochastic.sample(space, rng=np.random.default_rng(5))
        return {name: round(float(value), 6) for name, value in chosen.items()}

    assert proposed() == PROPOSED | {"patch_size": 1, "patch_filters": 8}
    assert proposed(patch_size=[3, 5])["patch_size"] in (3, 5)


def test_workers_share_patches_and_a_search_depends_on_their_pixels(tmp_path):
    pairs, labels = labelled_pairs(12)
    learned = patches.of_images(pairs, [(3, 4)], [None], np.ones(12, bool), 1)
    data = {"train_set": learned, "train_labels": labels, "test_set": learned, "test_labels": labels}
    rest = siamese.siamese_model, data, euclidean_dist, CHOICES.choices | OF_PATCHES, 0, tmp_path
    trials = Trials(*rest, siamese.training_rules(), 1.0, PATCHED)
    assert (trials.pairs, trials.bands) == (12, 4)
    shared = trials.shared()
    assert shared.data["test_set"] is shared.data["train_set"]
    np.testing.assert_array_equal(shared.data["train_set"].open().array, learned.array)
    _, objective, _ = shared.translated(lambda *_: None)
    assert objective.__globals__["train_set"].shape == (12, 2, 3, 3, 4)
    asked = trials.depends_on
    assert replace(trials, data=data | {"test_set": learned[:]}).depends_on != asked
    learned.pixels[0] += 1
    assert trials.depends_on != asked


def labels_of(space):
    """The names under which Hyperopt knows the choices, in the order in which it draws them."""
    return list(hyperopt.base.Domain(None, space, pass_expr_memo_ctrl=False).params)


def test_workers_are_hired_where_they_pay(monkeypatch):
    monkeypatch.setattr(trials.hardware, "threads", lambda: 4)
    assert trials.worker_count(trials=1, pairs=10_000) == 1
    assert trials.worker_count(trials=2, pairs=300) == 1
    assert trials.worker_count(trials=3, pairs=19_000) == 3
    assert trials.worker_count(trials=30, pairs=300) == 4
    monkeypatch.setattr(trials.training, "on_gpu", lambda: True)
    assert trials.worker_count(trials=30, pairs=100_000) == 1


def test_the_space_of_the_dense_branch_is_that_of_the_template(tmp_path):
    space = space_of(CHOICES, tmp_path)
    assert list(space) == OF_TEMPLATE
    assert sorted(labels_of(space)) == sorted(OF_TEMPLATE)
    # The same seed has to propose the same trials for ever.
    chosen = hyperopt.pyll.stochastic.sample(space, rng=np.random.default_rng(5))
    assert {name: round(float(value), 6) for name, value in chosen.items()} == PROPOSED


def test_the_question_is_all_that_the_result_depends_on(tmp_path, monkeypatch):
    pairs, labels = np.zeros((4, 2, 3), np.float32), np.zeros(4, np.uint8)
    data = {"train_set": pairs, "train_labels": labels, "test_set": pairs, "test_labels": labels}
    rules = training.Rules(150, 1e-4, 10, 0.2)
    asked = Trials(siamese.siamese_model, data, euclidean_dist, {"neurons": [8]}, 3, tmp_path, rules, 1.0)
    others = [
        replace(asked, data=data | {"train_set": pairs + 1}),
        replace(asked, score_function=SAM),
        replace(asked, choices={"neurons": [9]}),
        replace(asked, seed=4),
        *(replace(asked, rules=replace(rules, **{name: 5})) for name in vars(rules)),
        replace(asked, fixed={"loss": "new"}),
        replace(asked, margin=0.5),
        replace(asked, held_out=np.array([True, False, False, False])),
        replace(asked, held_out=np.array([False, True, False, False])),
        *(replace(asked, start=[np.full(2, value, np.float32)]) for value in (0, 1)),
    ]
    records = [json.dumps(trials.depends_on) for trials in (asked, *others)]
    monkeypatch.setattr(keras.backend, "backend", lambda: "another")
    records.append(json.dumps(asked.depends_on))
    assert len(set(records)) == 1 + 4 + 4 + 2 + 2 + 2 + 1
    assert "margin" not in asked.depends_on  # that of the distance, as recorded before there was a key
    # Where the logs lie changes nothing.
    monkeypatch.undo()
    assert json.dumps(replace(asked, log_folder=tmp_path / "logs").depends_on) == records[0]


def test_trials_validate_on_what_is_held_out_or_on_a_random_part_of_each_class(tmp_path):
    labels = np.repeat(np.array([0, 1], np.uint8), [20, 30])
    rules, held_out = training.Rules(150, 1e-4, 10, 0.2), np.arange(50) % 7 == 0
    asked = Trials(siamese.siamese_model, {}, euclidean_dist, CHOICES.choices, 3, tmp_path, rules, 1.0)
    search, *_ = asked.translated(lambda *_: None)
    train, validation = search.split(labels)
    assert sorted([*train, *validation]) == list(range(50))
    assert np.bincount(labels[validation]).tolist() == [4, 6]
    search, *_ = replace(asked, held_out=held_out).translated(lambda *_: None)
    train, validation = search.split(labels)
    assert validation.tolist() == [0, 7, 14, 21, 28, 35, 42, 49]
    assert sorted([*train, *validation]) == list(range(50))


def test_optimizer_and_schedule_are_searched_for_only_where_there_is_a_choice(tmp_path):
    assert list(space_of(replace(CHOICES, optimizer=("adam",)), tmp_path)) == OF_TEMPLATE
    fixed = space_of(replace(CHOICES, optimizer=("sgd",)), tmp_path)
    assert fixed["optimizer"] == "sgd"
    space = space_of(replace(CHOICES, optimizer=("adam", "sgd"), schedule=("cosine", "exponential")), tmp_path)
    chosen = [hyperopt.pyll.stochastic.sample(space, rng=np.random.default_rng(seed)) for seed in range(20)]
    assert {choice["optimizer"] for choice in chosen} == {"adam", "sgd"}
    assert {choice["schedule"] for choice in chosen} == {"cosine", "exponential"}


def test_what_came_later_is_asked_only_where_it_is_set(tmp_path):
    data = dict.fromkeys(("train_set", "train_labels", "test_set", "test_labels"), np.zeros((4, 2, 3), np.float32))

    def depends_on(choices):
        rules, patch = siamese.training_rules(), {"network": "patch"}
        return Trials(siamese.siamese_model, data, euclidean_dist, choices, 3, tmp_path, rules, 1.0, patch).depends_on

    later = {"batch_normalisation": False, "optimizer": ("adam",), "schedule": ("constant",), "patch_bands": [0]}
    assert depends_on({"neurons": [8]} | later) == depends_on({"neurons": [8]})
    others = {"batch_normalisation": True, "optimizer": ("sgd",), "schedule": ("cosine",), "patch_bands": [0, 2]}
    for name, value in others.items():
        assert depends_on({"neurons": [8]} | later | {name: value})[name] == value


@with_filtered
def test_an_option_that_is_added_elsewhere_changes_nothing(tmp_path):
    space = space_of(CHOICES, tmp_path)
    assert list(space) == OF_TEMPLATE


@with_filtered
def test_the_space_of_another_branch_has_its_parameters_and_those_of_every_model(tmp_path):
    space = space_of(FILTERED_SEARCH, tmp_path, {"network": "filtered"})
    assert sorted(space) == ["batch_size", "dropout_rate", "filters", "lr"]
    chosen = [hyperopt.pyll.stochastic.sample(space, rng=np.random.default_rng(seed)) for seed in range(30)]
    assert {choice["filters"] for choice in chosen} == {2, 3, 4}
    assert all(0 <= choice["dropout_rate"] <= 0.2 for choice in chosen)


@with_filtered
def test_a_choice_has_one_owner(tmp_path, monkeypatch):
    monkeypatch.setattr(Filtered, "space", lambda self, choices: {"lr": 1.0})
    with pytest.raises(ValueError, match="template and branch both choose lr"):
        space_of(FILTERED_SEARCH, tmp_path, {"network": "filtered"})


@pytest.mark.parametrize("name", ["lr", "margin", "layer"])
def test_an_option_of_a_loss_takes_the_place_of_no_parameter(tmp_path, name):
    with pytest.raises(ValueError, match=f"{name}: fixed, and parameters of the network"):
        space_of(CHOICES, tmp_path, {"loss": "new", "weight": 1.0, name: 2})


def small_template(x):
    """A template of two choices."""
    size = {{choice([1, 2])}}  # noqa: F821
    share = {{uniform(0, 1)}}  # noqa: F821
    return {"loss": x, "size": size, "share": share}


def test_what_is_not_wanted_of_a_template_is_none():
    objective, space = template.objective_and_space(small_template, {"x": 3}, {"share"})
    assert list(space) == ["share"]
    assert objective({"share": 0.5}) == {"loss": 3, "size": None, "share": 0.5}
    objective, space = template.objective_and_space(small_template, {"x": 3})
    assert list(space) == ["size", "share"]
    assert objective({"share": 0.5, "size": 2}) == {"loss": 3, "size": 2, "share": 0.5}


def search_filtered(folder, **options):
    pairs, labels = labelled_pairs()
    return siamese.hyperparam_search(
        pairs, labels, pairs, labels, euclidean_dist, "M", FILTERED_SEARCH,
        model_path=folder, stat_path=folder, workers=1, fixed={"network": "filtered"}, **options,
    )  # fmt: skip


@pytest.fixture
def quick_trials(monkeypatch):
    """Trials that are not trained: how good they are follows from what they try."""

    def fit(model, *_, **__):
        loss = abs(float(model.optimizer.learning_rate) - 3e-3)
        return training.FitResult(1, loss, val_loss=loss, val_accuracy=0.5, epochs=3, reason="max_epochs")

    monkeypatch.setattr(training, "fit", fit)
    monkeypatch.setattr(siamese, "judge", lambda *_: (Confusion(1, 2, 3, 4), 0.5))
    monkeypatch.setattr(keras.backend, "clear_session", lambda: None)


@with_filtered
def test_another_branch_is_searched_saved_reported_and_resumed(tmp_path, quick_trials, monkeypatch):
    whole = search_filtered(tmp_path / "whole")
    best = min(whole, key=lambda trial: trial.report["loss"])
    parameters = models.read_parameters(tmp_path / "whole/M")
    # The ten of every model: those that this branch does not have are None.
    assert set(models.PARAMETERS) <= set(parameters)
    assert [parameters[name] for name in ("layer", "layer_1", "layer_2", "dropout_rate_1", "fourth_layer")] == [
        None
    ] * 5
    for name in ("filters", "lr", "batch_size", "dropout_rate"):
        assert parameters[name] == best.report[name]
    assert models.trained_bands(tmp_path / "whole/M") == 4
    pairs, _ = labelled_pairs()
    assert siamese.predict(models.load_model(tmp_path / "whole/M"), pairs).shape == (300,)
    header, *rows = (tmp_path / "whole/M_stats.csv").read_text().splitlines()
    assert header.split(",")[-2:] == ["filters", "best"]
    assert [int(row.split(",")[-2]) for row in rows] == [trial.report["filters"] for trial in whole]

    fit, calls = training.fit, []

    def interrupted(*args, **kwargs):
        calls.append(None)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return fit(*args, **kwargs)

    monkeypatch.setattr(training, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        search_filtered(tmp_path / "cut")
    record = json.loads((tmp_path / "cut/M_search.json").read_text(encoding="utf-8"))
    assert record["question"]["network or loss"] == {"network": "filtered"}
    found = search_filtered(tmp_path / "cut")
    assert len(calls) == 4
    assert [trial.report for trial in found] == [trial.report for trial in whole]
    assert (tmp_path / "cut/M.h5").read_bytes() == (tmp_path / "whole/M.h5").read_bytes()


def test_a_template_needs_nothing_that_reads_notebooks(monkeypatch):
    monkeypatch.setattr(template, "find_spec", lambda name: None)
    for name in ("nbformat", "nbconvert", "hyperas", "hyperas.optim"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert template._import_hyperas().__name__ == "hyperas.optim"
    assert not {"nbformat", "nbconvert"} & sys.modules.keys()


def test_a_missing_hyperas_is_told(monkeypatch):
    for name in ("hyperas", "hyperas.optim"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=r"needs Hyperas, which requirements.txt names"):
        template._import_hyperas()
