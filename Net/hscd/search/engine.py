"""Runs the trials of a search one after the other with Hyperopt's TPE."""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import hyperopt
import numpy as np

from hscd.errors import InputError
from hscd.records import Trial
from hscd.search.template import Objective


def best_trial(trials: Sequence[Trial]) -> Trial:
    """The trial of the lowest loss, the first of equal ones.

    Raises:
        InputError: if none succeeded.
    """
    succeeded = [trial for trial in trials if not trial.error]
    if not succeeded:
        raise InputError(f"all {len(trials)} trials of the search failed; the last: {trials[-1].error}")
    return min(succeeded, key=lambda trial: trial.report["loss"])


def run(
    objective: Objective,
    space: dict[str, Any],
    max_evals: int,
    seed: int,
    on_trial: Callable[[Trial, Any], None],
) -> list[Trial]:
    """Run a search.

    A trial that raises or whose loss is not finite is recorded as failed and the search goes on.

    Args:
        objective: from a choice of parameters to a dict with `loss`, to be minimised, and `model`; what else it
            holds becomes the trial's report.
        space: Hyperopt search space.
        max_evals: number of trials.
        seed: of the choices.
        on_trial: called after each trial with the trial and its model (None if it failed).

    Returns:
        The trials in the order they were run.

    Raises:
        InputError: if every trial failed.

    References:
        Bergstra et al. (2011), "Algorithms for hyper-parameter optimization", NIPS (TPE).
    """
    trials: list[Trial] = []

    def run_trial(choice: dict[str, Any]) -> dict[str, Any]:
        started = time.perf_counter()
        model, error = None, ""
        # What was chosen is reported for failed trials too.
        report: dict[str, Any] = dict(choice)
        try:
            result = objective(choice)
            model = result.pop("model")
            report |= {name: value for name, value in result.items() if name != "status"}
            if not math.isfinite(result["loss"]):
                error = f"loss is {result['loss']}"
        except Exception as cause:  # whatever went wrong in one trial must not cost the others
            error = f"{type(cause).__name__}: {cause}"
            logging.getLogger(__name__).debug("trial %d failed", len(trials), exc_info=True)
        status = hyperopt.STATUS_FAIL if error else hyperopt.STATUS_OK
        trial = Trial(len(trials), status, time.perf_counter() - started, report, error)
        trials.append(trial)
        on_trial(trial, None if error else model)
        return {"status": status} if error else {"status": status, "loss": report["loss"]}

    # That no trial succeeded is said by best_trial, with the reason.
    with contextlib.suppress(hyperopt.exceptions.AllTrialsFailed):
        hyperopt.fmin(
            run_trial,
            space,
            algo=hyperopt.tpe.suggest,
            max_evals=max_evals,
            rstate=np.random.default_rng(seed),
            show_progressbar=False,
            return_argmin=False,
            verbose=False,
        )
    best_trial(trials)
    return trials
