"""Engines that run the trials of a search and the runs of a comparison; one file each.

An engine is a class; its options are the arguments of its constructor. Its `search` goes from a `Task` to the trials,
in the order of their numbers. It chooses what each trial tries, runs the objective wherever it likes, and tells of each
trial when it ends:

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hscd.records import Trial
from hscd.registry import Registry
from hscd.search.record import Finished
from hscd.search.runners import Outcome, Progress
from hscd.system.errors import InputError
from hscd.system.hardware import cores
from hscd.system.processes import each_apart

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


class Engine:
    """What an engine does unless it says otherwise: all of it on this machine.

    Attributes:
        spreads: whether the pairs of a test, or of pseudo-labels, are tasks of `each`, too.
    """

    spreads = False

    @staticmethod
    def require() -> None:
        """Raise `InputError` if something that it needs is not installed."""

    def depends_on(self, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """What its trials depend on beside the `Task`, for the record of a search: its name and options.

        A search goes on with any engine whose answer is the same.
        """
        return {"engine": [name, dict(options)]}

    def worker_count(self, trials: int, pairs: int) -> int:
        """How many trials at a time make a search of so many trials on so many pixel pairs fastest."""
        from hscd.search.trials import worker_count

        return worker_count(trials, pairs)

    def on_a_machine(self, workers: int | None) -> int:
        """How many of the tasks of `each` run on one machine, which share its memory."""
        return workers or cores()

    def search(self, task: Task) -> list[Trial]:
        """Run a search, or the rest of one."""
        raise NotImplementedError

    def each(
        self, work: Callable[[Any], None], tasks: Sequence[Any], workers: int | None
    ) -> Iterator[tuple[int, int | str]]:
        """Do each of some tasks in a process of its own, as `each_apart`; as many at a time as are fastest for None.

        In the place of an exit status there is a text where a task was lost with the machine it ran on.
        """
        return each_apart(work, tasks, self.on_a_machine(workers))


ENGINES: Registry[type[Engine]] = Registry("engine", __name__)


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
    """An engine with its options, and what the record of a search says of it."""
    engine = ENGINES[name](**options)
    return engine, engine.depends_on(name, options)


def best_trial(trials: Sequence[Trial]) -> Trial:
    """The trial of the lowest loss, the first of equal ones.

    Raises:
        InputError: if none succeeded.
    """
    succeeded = [trial for trial in trials if not trial.error]
    if not succeeded:
        raise InputError(f"all {len(trials)} trials of the search failed; the last: {trials[-1].error}")
    return min(succeeded, key=lambda trial: (trial.report["loss"], trial.trial_id))
