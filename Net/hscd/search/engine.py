"""Runs the trials of a search with Hyperopt's TPE: in this process, or several at a time in worker processes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import hyperopt
import numpy as np

from hscd.records import Trial
from hscd.search.record import Finished
from hscd.search.runners import Runner
from hscd.system.errors import InputError

# With several workers, how many trials that finished out of turn a proposal does not wait for.
_SLACK = 2


def best_trial(trials: Sequence[Trial]) -> Trial:
    """The trial of the lowest loss, the first of equal ones.

    Raises:
        InputError: if none succeeded.
    """
    succeeded = [trial for trial in trials if not trial.error]
    if not succeeded:
        raise InputError(f"all {len(trials)} trials of the search failed; the last: {trials[-1].error}")
    return min(succeeded, key=lambda trial: (trial.report["loss"], trial.trial_id))


def run(
    runner: Runner,
    space: dict[str, Any],
    max_evals: int,
    seed: int,
    on_trial: Callable[[Finished, Any], None],
    recorded: Mapping[int, Finished] | None = None,
) -> list[Trial]:
    """Run a search, or the rest of one.

    A trial that raises or whose loss is not finite is recorded as failed and the search goes on. What a trial tries
    depends on the seed and on the trials of lower numbers alone, not on which of them finished first: trial k knows
    the results of all trials up to k − 1 with one worker, and up to k − workers − 2 with several.

    Args:
        runner: runs the objective, from a choice of parameters to a dict with `loss`, to be minimised, and `model`;
            what else it holds becomes the trial's report.
        space: Hyperopt search space.
        max_evals: number of trials.
        seed: of the choices.
        on_trial: called after each trial with the trial and its model (None if it failed).
        recorded: trials that are finished already, by number; they are not run again.

    Returns:
        The trials in the order of their numbers.

    Raises:
        InputError: if every trial failed.
        OSError: if the disk does not take what a trial writes.

    References:
        Bergstra et al. (2011), "Algorithms for hyper-parameter optimization", NIPS (TPE).
    """
    lag = 1 if runner.workers == 1 else runner.workers + _SLACK
    proposals = _Proposals(space, seed)
    finished: dict[int, Trial] = {}
    running: dict[int, dict[str, Any]] = {}
    started = known = 0
    recorded = recorded or {}
    while len(finished) < max_evals:
        while known in finished and known <= started - lag:
            proposals.learn(finished[known])
            known += 1
        if started < max_evals and len(running) < runner.workers and started - known < lag:
            if started in recorded:
                proposals.repeat(recorded[started].values)
                finished[started] = recorded[started].trial
            else:
                running[started] = proposals.next()
                runner.start(started, running[started])
            started += 1
            continue
        outcome = runner.wait()
        if outcome.disk is not None:
            raise outcome.disk
        choice = running.pop(outcome.trial_id)
        model, error = None, outcome.error
        # What was chosen is reported for failed trials too.
        report: dict[str, Any] = dict(choice)
        if not error:
            model = outcome.result.pop("model")
            report |= {name: value for name, value in outcome.result.items() if name != "status"}
            if not math.isfinite(report["loss"]):
                model, error = None, f"loss is {report['loss']}"
        status = hyperopt.STATUS_FAIL if error else hyperopt.STATUS_OK
        trial = finished[outcome.trial_id] = Trial(outcome.trial_id, status, outcome.seconds, report, error)
        on_trial(Finished(trial, proposals.values(trial.trial_id), lost=outcome.lost), model)
    trials = [finished[number] for number in range(max_evals)]
    best_trial(trials)  # raises where there is none
    return trials


class _Proposals:
    """What the trials of a search try, as `hyperopt.fmin` would have it, one after the other."""

    def __init__(self, space: dict[str, Any], seed: int) -> None:
        self._space = space
        self._domain = hyperopt.base.Domain(None, space, pass_expr_memo_ctrl=False)
        self._known = hyperopt.Trials()
        self._random = np.random.default_rng(seed)
        self._proposed: list[dict[str, Any]] = []

    def next(self) -> dict[str, Any]:
        """The choice of the next trial."""
        number = len(self._proposed)
        [document] = hyperopt.tpe.suggest([number], self._domain, self._known, self._draw(), verbose=False)
        self._proposed.append(document)
        return hyperopt.space_eval(self._space, self.values(number))

    def repeat(self, values: Mapping[str, Any]) -> None:
        """Have the next trial be one of these values."""
        self._draw()
        number = len(self._proposed)
        places: dict[str, Any] = {
            "tid": number,
            "cmd": self._domain.cmd,
            "workdir": self._domain.workdir,
            "idxs": {name: [number] for name in values},
            "vals": {name: [value] for name, value in values.items()},
        }
        self._proposed += self._known.new_trial_docs([number], [None], [self._domain.new_result()], [places])

    def values(self, number: int) -> dict[str, Any]:
        """Hyperopt's values of a trial's choice."""
        return {name: value[0] for name, value in self._proposed[number]["misc"]["vals"].items() if value}

    def _draw(self) -> int:
        """The seed of one proposal."""
        return int(self._random.integers(2**31 - 1))

    def learn(self, trial: Trial) -> None:
        """Take the result of a trial into account from now on."""
        document = self._proposed[trial.trial_id]
        document["state"] = hyperopt.JOB_STATE_DONE
        document["result"] = {"status": trial.status}
        if not trial.error:
            document["result"]["loss"] = trial.report["loss"]
        self._known.insert_trial_doc(document)
        self._known.refresh()
