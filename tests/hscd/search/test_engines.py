"""What engines share: how a trial that ended becomes a record, and which one is the best."""

import errno
import math

import pytest

from hscd.records import Trial
from hscd.search.engines import ENGINES, Task, best_trial, finished
from hscd.search.runners import Outcome
from hscd.system.errors import InputError

CHOICE = {"lr": 0.002, "layer": 8}
RESULT = {"loss": 0.25, "status": "ok", "model": "weights", "epochs": 7}


def test_a_trial_reports_what_it_tried_and_found():
    entry, model = finished(Outcome(3, 1.5, RESULT), CHOICE, {"layer": 0})
    assert entry.trial == Trial(3, "ok", 1.5, {"lr": 0.002, "layer": 8, "loss": 0.25, "epochs": 7})
    assert (entry.values, entry.lost, model) == ({"layer": 0}, False, "weights")
    assert RESULT.keys() >= {"model", "status"}, "what the objective returned stays as it is"


def test_a_trial_that_failed_reports_what_it_tried():
    entry, model = finished(Outcome(0, 1.5, error="ValueError: no", lost=True), CHOICE, {})
    assert entry.trial == Trial(0, "fail", 1.5, CHOICE, "ValueError: no")
    assert (entry.lost, model) == (True, None)


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_is_a_failure(loss):
    entry, model = finished(Outcome(0, 1.5, RESULT | {"loss": loss}), CHOICE, {})
    assert (entry.trial.status, entry.trial.error, model) == ("fail", f"loss is {loss}", None)


def test_what_the_disk_refuses_is_no_failure_of_a_trial():
    with pytest.raises(OSError, match="full"):
        finished(Outcome(0, 1.5, disk=OSError(errno.ENOSPC, "full")), CHOICE, {})


def test_the_best_trial_is_the_first_of_the_lowest_loss():
    losses = [0.5, 0.25, 0.25]
    trials = [Trial(number, "ok", 1.0, {"loss": loss}) for number, loss in enumerate(losses)]
    failed = Trial(3, "fail", 1.0, {}, "out of luck")
    assert best_trial([*reversed(trials), failed]) is trials[1]
    with pytest.raises(InputError, match=r"^all 1 trials of the search failed; the last: out of luck$"):
        best_trial([failed])


class Shared:
    """Stands for the trials of a search: whether they ran on shared data."""

    def __init__(self, shared=False):
        self.is_shared = shared

    def shared(self):
        return Shared(True)

    def __call__(self, on_epoch):
        def objective(trial_id, choice):
            return {
                "loss": choice["x"] ** 2,
                "model": None,
                "shared": self.is_shared,
                "asked": on_epoch(trial_id, 1, 0.0),
            }

        return objective


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_share_the_data(workers):
    from hyperopt import hp

    told = []
    space = {"x": hp.uniform("x", -1, 1)}
    task = Task(Shared(), space, 2, 0, workers, lambda *epoch: True, lambda entry, model: told.append(entry), {})
    trials = ENGINES["local"]().search(task)
    assert sorted(entry.trial.trial_id for entry in told) == [trial.trial_id for trial in trials] == [0, 1]
    assert [(trial.report["shared"], trial.report["asked"]) for trial in trials] == [(workers == 2, True)] * 2
