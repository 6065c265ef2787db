"""What the trials of a search start from: a saved model, a pre-training; what is saved of it, and what is recorded."""

from dataclasses import replace

import numpy as np
import pytest
from hyperopt.pyll.stochastic import sample

import siamese
from hscd.branches import BRANCHES
from hscd.evaluation.confusion import Confusion
from hscd.heads.euclidean import euclidean_dist
from hscd.learn import training
from hscd.models import saved as models
from hscd.pretraining import PRETRAININGS
from hscd.scenes.domain_shift import statistics
from hscd.search.trials import Trials
from hscd.system.backend import keras
from hscd.system.errors import InputError
from small_search import CHOICES, labelled_pairs

AUTOENCODER = {"pretraining": "autoencoder"} | {
    option.name: option.default for option in PRETRAININGS.options("autoencoder")
}
PAIRS, LABELS = labelled_pairs(60)
UNLABELLED = labelled_pairs(60, seed=1)[0]


@pytest.fixture(autouse=True)
def trainings(monkeypatch):
    """Each adds to all weights, a pre-training 0.5 and a training 1; a log of embeddings is told that it begins."""

    def fit(model, *_, callbacks=(), **__):
        model.set_weights([weights + (1 if model.name == "siamese" else 0.5) for weights in model.get_weights()])
        for callback in callbacks:
            if type(callback).__name__ == "EmbeddingLog":
                callback.set_model(model)
                callback.on_train_begin()
        loss = abs(float(model.optimizer.learning_rate) - 3e-3)
        return training.FitResult(1, loss, val_loss=loss, val_accuracy=0.5, epochs=3, reason="max_epochs")

    monkeypatch.setattr(training, "fit", fit)
    monkeypatch.setattr(siamese, "judge", lambda *_: (Confusion(1, 2, 3, 4), 0.5))
    monkeypatch.setattr(keras.backend, "clear_session", lambda: None)


def search(folder, name, fixed=None, places=("place",), pairs=PAIRS, choices=CHOICES, **options):
    options |= {"model_path": folder, "stat_path": folder / "stat", "workers": 1, "fixed": fixed}
    sets = pairs, LABELS, pairs, LABELS
    siamese.hyperparam_search(*sets, euclidean_dist, name, choices, rescaled=True, trained_on=places, **options)
    return weights_of(folder / name)


def weights_of(prefix):
    return list(models.named_weights(models.load_model(prefix)).values())


def apart(first, second):
    """What was added to each array, the same in all its places."""
    added = [np.unique(np.round(one - other, 4)) for one, other in zip(first, second, strict=True)]
    return [float(values.item()) for values in added]


def sized_like(prefix):
    """The choices of a search that starts from a saved model, and other ones beside its layers."""
    parameters = models.read_parameters(prefix)
    return replace(CHOICES, max_evals=1, options=CHOICES.options | BRANCHES["dense"].sizes(parameters))


def test_a_search_saves_its_pretraining_and_others_start_from_it(tmp_path, capsys):
    trained = search(tmp_path, "M", AUTOENCODER, start=siamese.Start(unlabelled=UNLABELLED))
    encoder = tmp_path / "M_pretrained"
    # Of the best trial, as the pre-training left it: the training added 1 to each of its six arrays.
    assert apart(trained, weights_of(encoder)) == [1] * 6
    assert models.read_parameters(encoder) == models.read_parameters(tmp_path / "M")
    assert (models.trained_bands(encoder), models.trained_rescaled(encoder)) == (4, True)
    assert (models.trained_on(encoder), models.trained_on(tmp_path / "M")) == (frozenset(), {"place"})
    np.testing.assert_allclose(models.trained_spectra(encoder).mean, statistics(UNLABELLED).mean, rtol=1e-5)
    # Saved first: where the program is killed in between, the best trial has no model yet and is repeated.
    first, second = ((tmp_path / name).stat().st_mtime_ns for name in ("M_pretrained.h5", "M.h5"))
    assert first <= second

    choices, start = sized_like(encoder), siamese.Start(encoder)
    assert apart(search(tmp_path, "OTHER", choices=choices, start=start), weights_of(encoder)) == [1] * 6
    assert not (tmp_path / "OTHER_pretrained.h5").exists()
    # A trained model will do, and a pre-training goes on from it.
    more = siamese.Start(tmp_path / "M", UNLABELLED)
    added = apart(search(tmp_path, "MORE", AUTOENCODER, ["elsewhere"], choices=choices, start=more), trained)
    assert added == [1.5] * 6
    # What a model has seen, those know that start from it.
    assert [models.trained_on(tmp_path / name) for name in ("OTHER", "MORE")] == [{"place"}, {"place", "elsewhere"}]
    assert apart(weights_of(tmp_path / "MORE_pretrained"), trained) == [0.5] * 6
    assert models.trained_on(tmp_path / "MORE_pretrained") == {"place"}
    assert "is of an earlier training" not in capsys.readouterr().err
    search(tmp_path, "M")
    assert "M_pretrained.h5: is of an earlier training, with a pre-training, and stays" in capsys.readouterr().err


def test_models_that_do_not_fit_are_refused(tmp_path):
    search(tmp_path, "M")
    start = siamese.Start(tmp_path / "M")
    with pytest.raises(InputError, match=r"M\.h5: a model of 4 bands, but the spectra have 3"):
        search(tmp_path, "OTHER", pairs=PAIRS[..., :3], start=start)
    other = replace(CHOICES, max_evals=1, options=CHOICES.options | {"neurons": [5]})
    with pytest.raises(InputError, match=r"shape.*\(4, 5\).*\(4, (8|12)\)"):
        search(tmp_path, "OTHER", choices=other, start=start)


@pytest.mark.parametrize("more", [{}, {"batch_normalisation": True}], ids=["plain", "normalised"])
@pytest.mark.parametrize("name", [*BRANCHES, "patch of several sizes"])
def test_a_search_of_its_sizes_makes_networks_of_its_shapes(name, more, tmp_path):
    if name not in BRANCHES:
        name, more = "patch", more | {"patch_size": (3, 5), "patch_bands": 2}
    branch = BRANCHES[name]
    parameters = {parameter.name: parameter.example for parameter in branch.parameters} | more
    options = {option.name: option.default for option in BRANCHES.options(name)} | CHOICES.options
    choices = {"batch_size": [32]} | options | branch.sizes(parameters)
    rest = euclidean_dist, choices, 0, tmp_path, siamese.training_rules(), 1.0, {"network": name}
    *_, space = Trials(siamese.siamese_model, {}, *rest).translated(lambda *_: None)
    for seed in range(3):
        chosen = {"fourth_layer": choices.get("fourth_layer")} | sample(space, rng=np.random.default_rng(seed))
        assert branch.shapes(7, chosen) == branch.shapes(7, parameters)


def test_embeddings_of_trials_are_recorded_where_that_is_asked_for(tmp_path):
    search(tmp_path, "M", choices=replace(CHOICES, max_evals=2), log_embeddings=True)
    found = sorted((tmp_path / "stat/logs/M").glob("*/trial_*/train/epoch_000.tsv"))
    assert [file.parts[-3] for file in found] == ["trial_0", "trial_1"]
    # 20 of the 60 pairs are changed, all are followed, both dates of each; embeddings have four units.
    assert np.loadtxt(found[0], delimiter="\t").shape == (120, 4)
    assert (found[0].parent / "metadata.tsv").read_text().splitlines()[1] == "1\tbefore\tchanged"
    search(tmp_path, "OTHER", choices=replace(CHOICES, max_evals=1))
    assert not list((tmp_path / "stat/logs/OTHER").rglob("*.tsv"))
