"""An interrupted search goes on where it stopped, and ends as the uninterrupted one does."""

import json
from dataclasses import replace

import numpy as np
import pytest

import siamese
from hscd.evaluation.confusion import Confusion
from hscd.learn import training
from hscd.search.engines import ENGINES
from hscd.system import storage
from hscd.system.backend import keras
from hscd.system.errors import InputError
from small_search import CHOICES, labelled_pairs, search


@pytest.fixture
def quick_trials(monkeypatch):
    """Trials that are not trained: how good they are follows from what they try."""

    def fit(model, *_, **__):
        loss = abs(float(model.optimizer.learning_rate) - 3e-3)
        return training.FitResult(1, loss, val_loss=loss, val_accuracy=0.5, epochs=3, reason="max_epochs")

    monkeypatch.setattr(training, "fit", fit)
    monkeypatch.setattr(siamese, "judge", lambda *_: (Confusion(1, 2, 3, 4), 0.5))
    monkeypatch.setattr(keras.backend, "clear_session", lambda: None)  # half a second each


def interrupt(monkeypatch, call):
    """Have the training of a number (from 1) be interrupted; the list grows with each training."""
    fit, calls = training.fit, []

    def interrupted(*args, **kwargs):
        calls.append(None)
        if len(calls) == call:
            raise KeyboardInterrupt
        return fit(*args, **kwargs)

    monkeypatch.setattr(training, "fit", interrupted)
    return calls


def outcome(folder):
    """The model's bytes and the report without times."""
    lines = (folder / "stat/M_stats.csv").read_text().splitlines()
    assert lines[0].split(",")[2] == "time"
    rows = [line.split(",")[:2] + line.split(",")[3:] for line in lines]
    return rows, *((folder / "model" / name).read_bytes() for name in ("M.h5", "M_param.pickle"))


FIVE = replace(CHOICES, max_evals=5)


@pytest.mark.parametrize("call", [1, 2, 3, 5])
def test_an_interrupted_search_goes_on_where_it_stopped(tmp_path, quick_trials, monkeypatch, capsys, call):
    search(tmp_path / "whole", FIVE)
    with monkeypatch.context() as patch:
        interrupt(patch, call)
        with pytest.raises(KeyboardInterrupt):
            search(tmp_path / "cut", FIVE)
    after = "run the same command again to resume" if call > 1 else "the next run starts a new search"
    assert f"M: {call - 1} of 5 trials are recorded; {after}" in capsys.readouterr().err
    # Ctrl-C leaves the best model so far.
    assert (tmp_path / "cut/model/M.h5").is_file() == (call > 1)
    calls = interrupt(monkeypatch, 0)
    search(tmp_path / "cut", FIVE)
    told = f"interrupted: {call - 1} of 5 trials are done; to start anew, remove {tmp_path}/cut/model/M_search.json\n"
    assert (told in capsys.readouterr().err) == (call > 1)
    assert len(calls) == 5 - (call - 1)
    assert outcome(tmp_path / "cut") == outcome(tmp_path / "whole")
    assert sorted(path.name for path in (tmp_path / "cut/model").iterdir()) == ["M.h5", "M_param.pickle"]


def cut_search(tmp_path, monkeypatch, call=4, **options):
    with monkeypatch.context() as patch:
        interrupt(patch, call)
        with pytest.raises(KeyboardInterrupt):
            search(tmp_path, FIVE, **options)


def test_a_search_goes_on_with_as_many_workers_as_it_began_with(tmp_path, quick_trials, monkeypatch):
    seen = []

    class Watched(ENGINES["local"]):
        def search(self, task):
            seen.append(task.workers)
            return super().search(replace(task, workers=1))

    monkeypatch.setitem(ENGINES._members, "watched", Watched)
    cut_search(tmp_path, monkeypatch, workers=3, engine="watched")
    search(tmp_path, FIVE, workers=None, engine="watched")
    search(tmp_path, FIVE, workers=None, engine="watched")  # another one, so small that one process is faster
    assert seen == [3, 3, 1]


def test_the_record_is_text(tmp_path, quick_trials, monkeypatch):
    cut_search(tmp_path, monkeypatch)
    record = json.loads((tmp_path / "model/M_search.json").read_text(encoding="utf-8"))
    assert [entry["trial"]["trial_id"] for entry in record["trials"]] == [0, 1, 2]
    assert record["question"]["batch_size"] == CHOICES.batch_size


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"seed": 1}, "seed"),
        ({"choices": replace(FIVE, options=FIVE.options | {"neurons": [8, 13]})}, "neurons"),
        ({"train_set": labelled_pairs()[0] + np.float32(1e-6)}, "data"),
        ({"test_labels": 1 - labelled_pairs()[1]}, "data"),
        ({"engine": "new"}, "engine"),
    ],
)
def test_other_data_or_settings_start_a_new_search_and_say_so(
    tmp_path, quick_trials, monkeypatch, capsys, options, named
):
    monkeypatch.setitem(ENGINES._members, "new", ENGINES["local"])
    cut_search(tmp_path, monkeypatch)
    kept = (tmp_path / "model/M_search.json").read_bytes()
    options = {"choices": FIVE} | options
    calls = interrupt(monkeypatch, 0)
    search(tmp_path, **options)
    assert len(calls) == 5
    assert (
        f"M_search_old.json: this search record belongs to a search with another {named}; starting a new search"
        in capsys.readouterr().err
    )
    assert (tmp_path / "model/M_search_old.json").read_bytes() == kept


def test_going_back_to_the_first_search_goes_on_with_it(tmp_path, quick_trials, monkeypatch, capsys):
    search(tmp_path / "whole", FIVE)
    cut_search(tmp_path / "cut", monkeypatch)
    cut_search(tmp_path / "cut", monkeypatch, 2, seed=1)
    cut_search(tmp_path / "cut", monkeypatch, 2, seed=2)
    capsys.readouterr()
    calls = interrupt(monkeypatch, 0)
    search(tmp_path / "cut", FIVE)
    assert (
        "M_search_old3.json: this search record belongs to a search with another seed; "
        "resuming the search of M_search_old.json"
    ) in capsys.readouterr().err
    # Trials 3 and 4, and the best one before them: the other searches saved their model over its model.
    assert len(calls) == 3
    assert outcome(tmp_path / "cut") == outcome(tmp_path / "whole")
    # Those of the other searches are there still: one trial of each.
    for name, seed in (("M_search_old2.json", 1), ("M_search_old3.json", 2)):
        record = json.loads((tmp_path / "cut/model" / name).read_text(encoding="utf-8"))
        assert (record["question"]["seed"], len(record["trials"])) == (seed, 1)
    assert not (tmp_path / "cut/model/M_search_old.json").exists()


def test_a_search_can_be_asked_for_more_trials_while_it_is_interrupted(tmp_path, quick_trials, monkeypatch):
    search(tmp_path / "whole", replace(FIVE, max_evals=6))
    cut_search(tmp_path / "cut", monkeypatch)
    calls = interrupt(monkeypatch, 0)
    search(tmp_path / "cut", replace(FIVE, max_evals=6))
    assert len(calls) == 3
    assert outcome(tmp_path / "cut") == outcome(tmp_path / "whole")


def test_fewer_trials_than_are_recorded_are_a_new_search(tmp_path, quick_trials, monkeypatch, capsys):
    cut_search(tmp_path, monkeypatch)
    search(tmp_path, replace(FIVE, max_evals=2))
    assert "has more trials than the 2 requested" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff\xfe", b'{"version": 2, "question": {}, "trials": [{}]}'])
def test_a_damaged_record_is_set_aside(tmp_path, quick_trials, capsys, content):
    (tmp_path / "model").mkdir()
    (tmp_path / "model/M_search.json").write_bytes(content)
    search(tmp_path)
    assert "M_search_old.json: this search record is damaged" in capsys.readouterr().err
    assert (tmp_path / "model/M_search_old.json").read_bytes() == content


# Its trials say of their epochs what those of this version do not mean.
def test_a_record_of_the_version_before_is_kept_aside(tmp_path, quick_trials, monkeypatch, capsys):
    cut_search(tmp_path, monkeypatch)
    file = tmp_path / "model/M_search.json"
    record = json.loads(file.read_text(encoding="utf-8")) | {"version": 1}
    file.write_text(json.dumps(record), encoding="utf-8")
    kept = file.read_bytes()
    calls = interrupt(monkeypatch, 0)
    search(tmp_path, FIVE)
    assert len(calls) == 5
    said = capsys.readouterr().err
    why = "this search record was written by another version of this program; starting a new search"
    assert f"M_search_old.json: {why}" in said
    assert (tmp_path / "model/M_search_old.json").read_bytes() == kept


# The kill may have come after the trial was recorded and before its model was saved; or somebody removed the model.
@pytest.mark.parametrize("damage", ["removed", "of another trial"])
def test_the_best_trial_is_repeated_if_its_model_is_not_there(tmp_path, quick_trials, monkeypatch, damage):
    search(tmp_path / "whole", FIVE)
    cut_search(tmp_path / "cut", monkeypatch, 5)
    file = tmp_path / "cut/model/M.h5"
    if damage == "removed":
        file.unlink()
    else:
        model = siamese.load_model(tmp_path / "cut/model/M")
        model.set_weights([weights + 1 for weights in model.get_weights()])
        parameters = siamese.read_parameters(tmp_path / "cut/model/M")
        siamese.save_model(tmp_path / "cut/model/M", parameters, siamese.named_weights(model))
    calls = interrupt(monkeypatch, 0)
    search(tmp_path / "cut", FIVE)
    assert len(calls) == 2
    assert outcome(tmp_path / "cut") == outcome(tmp_path / "whole")


@pytest.mark.parametrize("outcome_again", ["fails", "is worse"])
def test_a_best_trial_that_turns_out_otherwise_is_not_reported_with_the_model_of_another(
    tmp_path, quick_trials, monkeypatch, outcome_again
):
    cut_search(tmp_path, monkeypatch, 5)
    trials = json.loads((tmp_path / "model/M_search.json").read_text(encoding="utf-8"))["trials"]
    ranks = sorted((entry["trial"]["report"]["loss"], entry["trial"]["trial_id"]) for entry in trials)
    # All models but that of the best trial so far are gone, and now that one.
    (tmp_path / "model/M.h5").unlink()
    fit, calls = training.fit, []

    def otherwise(model, *args, **kwargs):
        calls.append(None)
        if len(calls) == 1 and outcome_again == "fails":
            raise MemoryError("Unable to allocate")
        result = fit(model, *args, **kwargs)
        return replace(result, val_loss=9.0) if len(calls) == 1 else result

    monkeypatch.setattr(training, "fit", otherwise)
    found = search(tmp_path, FIVE)
    assert found[ranks[0][1]].report.get("loss") == (9.0 if outcome_again == "is worse" else None)
    best = min((trial for trial in found if not trial.error), key=lambda trial: trial.report["loss"])
    assert siamese.read_parameters(tmp_path / "model/M")["lr"] == best.report["lr"]
    # Trial 4, the best one of the record and, unless trial 4 is better, the next best.
    assert len(calls) == (2 if best.trial_id == 4 else 3)
    assert best.trial_id in (4, ranks[1][1])


def test_a_mistaken_number_of_trials_costs_none_of_those_recorded(tmp_path, quick_trials, monkeypatch):
    search(tmp_path / "whole", FIVE)
    cut_search(tmp_path / "cut", monkeypatch, 5)
    with monkeypatch.context() as patch:
        interrupt(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            search(tmp_path / "cut", replace(FIVE, max_evals=2))
    calls = interrupt(monkeypatch, 0)
    search(tmp_path / "cut", FIVE)
    # Trial 4, and the best one if trial 0, which the other search saved, is not.
    assert len(calls) <= 2
    assert outcome(tmp_path / "cut") == outcome(tmp_path / "whole")
    assert sorted(path.name for path in (tmp_path / "cut/model").iterdir()) == ["M.h5", "M_param.pickle"]


def test_a_finished_search_is_run_again(tmp_path, quick_trials, monkeypatch):
    search(tmp_path)
    calls = interrupt(monkeypatch, 0)
    search(tmp_path)
    assert len(calls) == 3


def test_two_searches_for_one_model_at_a_time_are_an_error(tmp_path, quick_trials):
    with storage.exclusive(tmp_path / "model/M"), pytest.raises(InputError, match="another run is using it"):
        search(tmp_path)
