"""The record of a search comes back as it was written."""

import json
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hscd.evaluation.confusion import Confusion
from hscd.records import Trial
from hscd.search.record import Finished, SearchRecord, digest

COUNTS = st.builds(Confusion, *[st.integers(0, 10**9)] * 4)
JUDGED = st.tuples(COUNTS, st.floats(0, 100))
REPORTS = st.fixed_dictionaries(
    {"lr": st.floats(1e-4, 1e-2), "layer": st.integers(1, 512), "loss": st.floats(0, 1e300)},
    optional={"test": JUDGED, "val": JUDGED, "epochs": st.integers(1, 150)},
)
QUESTION = {"data": "0123", "batch_size": [32, 64], "max_dropout": 0.5}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reports=st.lists(REPORTS, min_size=1, max_size=5), error=st.text(), values=st.floats(0, 1))
def test_any_trials_come_back(tmp_path, reports, error, values):
    path = tmp_path / "M_search.json"
    record = SearchRecord(path, QUESTION, 10)
    assert record.workers is None
    record.workers = 2
    for number, report in enumerate(reports):
        status = "fail" if error else "ok"
        record.add(Finished(Trial(number, status, 0.1, report, error), {"lr": values, "layer": 1}, "digest"))
    again = SearchRecord(path, QUESTION, 10)
    assert again.finished == record.finished
    assert again.workers == 2
    assert again.discarded == ""
    again.remove()
    assert not path.exists()


# Hyperopt chooses with numbers of NumPy; a diverged trial has no finite loss.
def test_numbers_of_numpy_and_not_finite_losses(tmp_path):
    report = {"lr": np.float64(0.1), "layer": np.int64(8), "loss": math.nan}
    SearchRecord(tmp_path / "r.json", QUESTION, 1).add(
        Finished(Trial(0, "fail", 0.1, report, "nan"), {"x": np.int64(2)})
    )
    found = SearchRecord(tmp_path / "r.json", QUESTION, 1).finished[0]
    assert (found.trial.report["lr"], found.trial.report["layer"], found.values) == (0.1, 8, {"x": 2})
    assert math.isnan(found.trial.report["loss"])


def test_a_path_in_the_question_counts_by_its_text(tmp_path):
    for path, found in (("a", 0), ("a", 1), ("b", 0)):
        record = SearchRecord(tmp_path / "r.json", QUESTION | {"start": tmp_path / path, "share": np.float64(0.5)}, 1)
        assert len(record.finished) == found
        record.add(Finished(Trial(0, "ok", 0.1, {"loss": 0.5}), {}))


def test_a_lost_trial_is_not_recorded(tmp_path):
    record = SearchRecord(tmp_path / "r.json", QUESTION, 1)
    record.add(Finished(Trial(0, "fail", 0.1, {}, "killed"), {}, lost=True))
    assert record.finished == {}
    assert not (tmp_path / "r.json").exists()


@pytest.mark.parametrize(
    ("change", "named"),
    [({"data": "4567"}, "data"), ({"batch_size": [32]}, "batch_size"), ({"new": 1, "data": "x"}, "data, new")],
)
def test_a_record_of_another_question_is_kept_beside(tmp_path, change, named):
    path = tmp_path / "r.json"
    SearchRecord(path, QUESTION, 1).add(Finished(Trial(0, "ok", 0.1, {"loss": 0.5}), {}))
    content = path.read_bytes()
    other = SearchRecord(path, QUESTION | change, 1)
    assert other.discarded == f"belongs to a search with another {named}"
    assert other.finished == {}
    assert (tmp_path / "r_old.json").read_bytes() == content
    assert not path.exists()


def test_digests_tell_contents_shapes_and_types_apart():
    array = np.arange(12, dtype=np.float32)
    others = [array + 1, array.reshape(3, 4), array.astype(np.float64), array.view(np.int32), array[::-1], array[:0]]
    assert len({digest([other]) for other in [array, *others]}) == 7
    assert digest([array]) == digest([array.copy()])
    assert digest([array, array]) != digest([array])
    # Of the order in memory nothing depends.
    assert digest([np.asfortranarray(array.reshape(3, 4))]) == digest([array.reshape(3, 4)])


SOUND = {"trial_id": 0, "status": "ok", "seconds": 1.0, "report": {"loss": 0.5}, "error": ""}


@pytest.mark.parametrize("change", [{"trial_id": "0"}, {"report": {}}, {"report": {"loss": "x"}}, {"test": 1}, {}])
def test_a_record_that_makes_no_sense_is_set_aside(tmp_path, change):
    entry = {"trial": SOUND | change, "values": {}, "model": ""}
    content = {"version": 2, "question": {}, "workers": 1, "trials": [entry]}
    (tmp_path / "r.json").write_text(json.dumps(content), encoding="utf-8")
    assert SearchRecord(tmp_path / "r.json", {}, 1).discarded == ("is damaged" if change else "")


@pytest.mark.parametrize(
    ("version", "why"),
    [*((version, "was written by another version of this program") for version in (1, 3)), ("2", "is damaged")],
)
def test_a_record_of_another_version_is_set_aside(tmp_path, version, why):
    content = {"version": version, "question": {}, "workers": 1, "trials": []}
    (tmp_path / "r.json").write_text(json.dumps(content), encoding="utf-8")
    assert SearchRecord(tmp_path / "r.json", {}, 1).discarded == why
    assert json.loads((tmp_path / "r_old.json").read_text(encoding="utf-8")) == content


def test_a_record_nested_too_deep_is_set_aside(tmp_path):
    (tmp_path / "r.json").write_text("[" * 100_000, encoding="utf-8")
    assert SearchRecord(tmp_path / "r.json", {}, 1).discarded == "is damaged"
