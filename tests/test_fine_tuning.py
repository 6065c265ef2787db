"""Fine-tuning under control, by the commands: rounds, frozen layers, agreement, another head, a rival."""

import json
import re

import numpy as np
import pytest

import config
import main
import predutils
from conftest import ONE_PLACE, Workspace
from hscd.models.saved import load_model, named_weights, read_parameters
from hscd.scores import Cut
from hscd.system import storage

PREFIX = "PLACE A_town_on_M_"


def run(space, script, *overrides):
    sets = [word for override in overrides for word in ("--set", f"settings.{override}")]
    one_trial = ["--set", "hyperas settings ED.max_evals=1"]
    return script.main(["--quiet", "--config", str(space.file), "--set", "settings.workers=1", *sets, *one_trial])


@pytest.fixture(scope="module")
def trained(tmp_path_factory, undrawn):
    """A model that was trained on altered spectra in balanced batches, and pseudo-labels of five band subsets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "MAX_EPOCHS", 2)
        space = Workspace(tmp_path_factory.mktemp("tuned"), ONE_PLACE)
        space.write_data()
        assert run(space, predutils, "ensemble=5", "ensemble_bands=0.6") == 0
        more = "batch_normalisation = True\noptimizer = sgd\nschedule = cosine, exponential\nmax_evals = 2"
        space.text = space.text.replace("max_evals = 2", more, 1)
        assert run(space, main, "sampling=balanced", "augment_noise=0.1") == 0
        yield space


def tuned(space, selection, *overrides):
    """The figures of the run record of a fine-tuning."""
    assert run(space, main, "training=False", *overrides) == 0
    record = json.loads((space.folder / "stat" / f"PLACE A_on_M_{selection}_run.json").read_text(encoding="utf-8"))
    return record["results"]["town"]


def test_a_model_says_how_its_pairs_were_drawn_and_altered(trained):
    parameters = read_parameters(trained.folder / "model/M")
    assert (parameters["sampling"], parameters["augment_noise"]) == ("balanced", 0.1)
    assert (parameters["optimizer"], parameters["batch_normalisation"]) == ("sgd", True)
    assert parameters["schedule"] in ("cosine", "exponential")
    model = load_model(trained.folder / "model/M")
    assert model.optimizer.kind == "sgd"
    moving = [weights for name, weights in named_weights(model).items() if name.endswith("moving_mean")]
    assert len(moving) == 3
    assert all((mean != 0).any() for mean in moving)


def test_pseudo_labels_of_an_ensemble_have_the_votes_of_its_members(trained):
    saved = storage.read_pickle(trained.folder / "data/a/pseudo/town.pickle")
    np.testing.assert_allclose(saved["votes"] * 5, np.round(saved["votes"] * 5), atol=1e-5)
    assert set(np.unique(saved["votes"])) > {0, 1}
    # A majority of members is what calls a pixel changed.
    np.testing.assert_array_equal(saved["distances"] > saved["threshold"], saved["votes"] > 0.5)


def test_rounds_of_agreement_with_a_frozen_layer_that_is_released_and_a_rival(trained, capsys):
    keys = "ft_freeze=1", "ft_release_learning_rate=0.0005", "ft_epochs=1", "ft_rounds=2", "ft_rival=naive_bayes"
    row = tuned(trained, "agree=1 epochs=1 freeze=1 release_learning_rate=0.0005 rounds=2", "fine_tuning=3", *keys)
    rounds = row["ft_rounds"]
    # Two phases of an epoch in each of two rounds.
    assert [told["ft_epochs"] for told in rounds] == [2, 2]
    assert row["ft_epochs"] == 4
    votes = storage.read_pickle(trained.folder / "data/a/pseudo/town.pickle")["votes"]
    unanimous = int(np.isin(votes, (0, 1)).sum())
    assert rounds[0]["pseudo_qty"] == unanimous
    # In the second round the network has to agree as well.
    assert rounds[1]["pseudo_qty"] <= unanimous
    assert row["pseudo_qty"] == rounds[1]["pseudo_qty"]
    assert row["rival"]["name"] == "naive_bayes"
    assert row["rival"]["kappa"] > 0.9
    said = re.search(r"rival naive_bayes on the same pseudo-labels: .*kappa (\S+)", capsys.readouterr().out)
    assert float(said[1].rstrip(",")) == pytest.approx(row["rival"]["kappa"], abs=1e-3)


def test_another_head_and_loss_and_a_second_network_map_the_place(trained):
    keys = "fine_tuning=0", "ft_loss=triplet", "ft_distance=SAM", "ft_co_teaching=0.2"
    head = tuned(trained, "all co_teaching=0.2 loss=triplet distance=SAM", *keys)
    assert 0 < head["threshold"] < np.pi
    assert head["ft_epochs"] == 2
    assert "ft_rounds" not in head


def test_rounds_end_where_a_model_leaves_one_class(trained, monkeypatch, capsys):
    def all_unchanged(self, score_map, scene, where):
        return Cut(1e9)

    monkeypatch.setattr("pipeline.plan.Plan.cut", all_unchanged)
    row = tuned(trained, "all rounds=3", "fine_tuning=0", "ft_rounds=3")
    assert "ft_rounds" not in row
    said = "warning: town: the model after 1 of 3 rounds of fine-tuning gives pseudo-labels of one class only"
    assert said in capsys.readouterr().err


def test_what_cannot_be_is_an_error_of_one_line(trained, capsys):
    assert run(trained, main, "training=False", "fine_tuning=0", "ft_freeze=3") == 2
    said = capsys.readouterr().err
    assert "ft_freeze: 3 of the 3 layers of the model cannot be frozen" in said
    assert "no effect" not in said
    # Told of a test without a fine-tuning, which goes on: it ends as there is no such model.
    keys = ("fine_tuning=-1", "ft_freeze=3", "ft_epochs=2", "start_from=M", "sampling=balanced", "model_name=NONE")
    assert run(trained, main, "training=False", *keys) == 2
    said = capsys.readouterr().err
    assert "warning: ft_epochs, ft_freeze: no effect without a fine-tuning (fine_tuning)" in said
    assert "NONE.h5: no such file" in said
    assert run(trained, predutils) == 0
    capsys.readouterr()
    assert run(trained, main, "training=False", "fine_tuning=3") == 2
    assert "fine_tuning = 3 needs pseudo-labels of an ensemble" in capsys.readouterr().err
