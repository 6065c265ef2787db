"""Engines that run the trials of a search; one file each.

An engine is a function from a `Task` and its options to the trials, in the order of their numbers. It chooses what each
trial tries, runs the objective wherever it likes, and tells of each trial when it ends:

- A trial that is in `recorded` is not run again. What others try may depend on what it found, as if it just had.
- A trial that raises or whose loss is not finite has failed, and the search goes on; `finished` makes it so. One that
  was lost with its process says nothing about its choice, and the record is told so.
- What a trial tries depends on the space, the seed, the number of workers and other trials, never on the time that
  these took: a search that is repeated or resumed is the same search.
- `on_epoch` and `on_trial` are called in the process of the engine, never two at a time.

What is around the trials, record and resuming, saved model and report, is not the engine's (`hscd.search.session`). A
member's module is imported when the configuration is read: it imports Hyperopt and what else is slow in functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from hscd.records import Trial
from hscd.registry import Registry
from hscd.search.record import Finished
from hscd.search.runners import Outcome, Progress
from hscd.system.errors import InputError

if TYPE_CHECKING:
    from hscd.search.trials import Trials

DEFAULT = "local"


@dataclass(frozen=True)
class Task:
    """What an engine is to do.

    Attributes:
        trials: `trials(on_epoch)` makes the objective, in the process it will run in: from the number of a trial and a
            choice to a dict with `loss`, to be minimised, and `model`; what else it holds becomes the trial's report.
            It is picklable, and can be had with its data in memory that processes share (`Trials.shared`).
        space: Hyperopt search space.
        max_evals: number of trials.
        seed: of the choices.
        workers: trials that may run at a time.
        on_epoch: to be told of every epoch; its answer True ends the training of that trial.
        on_trial: to be called after each trial, with it and its model (None if it failed).
        recorded: trials that are finished already, by number.
    """

    trials: Trials
    space: dict[str, Any]
    max_evals: int
    seed: int
    workers: int
    on_epoch: Progress
    on_trial: Callable[[Finished, Any], None]
    recorded: Mapping[int, Finished]


Engine = Callable[..., list[Trial]]
ENGINES: Registry[Engine] = Registry("engine", __name__)


def finished(outcome: Outcome, choice: Mapping[str, Any], values: Mapping[str, Any]) -> tuple[Finished, Any]:
    """A trial that ended, and its model (None if it failed).

    Args:
        outcome: how it ended.
        choice: what it tried.
        values: the same as Hyperopt's values, or whatever else the engine needs to go on from the record of it.

    Raises:
        OSError: if the disk refused what the trial writes; the next one would meet the same.
    """
    if outcome.disk is not None:
        raise outcome.disk
    model, error = None, outcome.error
    report: dict[str, Any] = dict(choice)  # also of a trial that failed
    if not error:
        report |= {name: value for name, value in outcome.result.items() if name not in ("status", "model")}
        if math.isfinite(report["loss"]):
            model = outcome.result["model"]
        else:
            error = f"loss is {report['loss']}"
    trial = Trial(outcome.trial_id, "fail" if error else "ok", outcome.seconds, report, error)
    return Finished(trial, values, lost=outcome.lost), model


def chosen(name: str, options: Mapping[str, Any]) -> tuple[Engine, dict[str, Any]]:
    """An engine with its options, and what the record of a search says of it: nothing of the default one."""
    said = {} if name == DEFAULT and not options else {"engine": [name, dict(options)]}
    return partial(ENGINES[name], **options), said


def best_trial(trials: Sequence[Trial]) -> Trial:
    """The trial of the lowest loss, the first of equal ones.

    Raises:
        InputError: if none succeeded.
    """
    succeeded = [trial for trial in trials if not trial.error]
    if not succeeded:
        raise InputError(f"all {len(trials)} trials of the search failed; the last: {trials[-1].error}")
    return min(succeeded, key=lambda trial: (trial.report["loss"], trial.trial_id))
