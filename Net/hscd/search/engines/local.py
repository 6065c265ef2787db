"""Hyperopt's TPE on this machine: in this process, or several trials at a time in worker processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hscd.records import Trial
from hscd.search.engines import DEFAULT, ENGINES, Engine, Task, finished
from hscd.search.record import Finished
from hscd.search.runners import InProcess, Runner, WorkerProcesses

# With several workers, how many trials that finished out of turn a proposal does not wait for.
_SLACK = 2


@ENGINES.register(DEFAULT)
class Local(Engine):
    """One trial after the other in this process, or several at a time in others."""

    def depends_on(self, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
        return {} if name == DEFAULT else super().depends_on(name, options)

    def search(self, task: Task) -> list[Trial]:
        rest = task.space, task.max_evals, task.seed, task.on_trial, task.recorded
        if task.workers == 1:
            return run(InProcess(task.trials, task.on_epoch), *rest)
        shared = task.trials.shared()
        with WorkerProcesses(shared, task.on_epoch, task.workers) as runner:
            return run(runner, *rest)


def run(
    runner: Runner,
    space: dict[str, Any],
    max_evals: int,
    seed: int,
    on_trial: Callable[[Finished, Any], None],
    recorded: Mapping[int, Finished],
) -> list[Trial]:
    """Run a search, or the rest of one, on a runner; the other arguments are those of a `Task`.

    What a trial tries depends on the seed and on the trials of lower numbers alone, not on which of them finished
    first: trial k knows the results of all trials up to k − 1 with one worker, and up to k − workers − 2 with several.

    Raises:
        OSError: if the disk does not take what a trial writes.

    References:
        Bergstra et al. (2011), "Algorithms for hyper-parameter optimization", NIPS (TPE).
    """
    from hscd.search.proposals import Proposals

    lag = 1 if runner.workers == 1 else runner.workers + _SLACK
    proposals = Proposals(space, seed)
    ended: dict[int, Trial] = {}
    running: dict[int, dict[str, Any]] = {}
    started = known = 0
    while len(ended) < max_evals:
        while known in ended and known <= started - lag:
            proposals.learn(ended[known])
            known += 1
        if started < max_evals and len(running) < runner.workers and started - known < lag:
            if started in recorded:
                proposals.repeat(recorded[started].values)
                ended[started] = recorded[started].trial
            else:
                running[started] = proposals.next()
                runner.start(started, running[started])
            started += 1
            continue
        outcome = runner.wait()
        number = outcome.trial_id
        entry, model = finished(outcome, running.pop(number), proposals.values(number))
        ended[number] = entry.trial
        on_trial(entry, model)
    return [ended[number] for number in range(max_evals)]
