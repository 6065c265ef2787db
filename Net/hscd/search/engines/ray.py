"""The trials of the local engine on a cluster of machines, as tasks of Ray.

They are Hyperopt's by the same proposals, so a search is the same on either engine and goes on with the other one. Not
Ray Tune's `HyperOptSearch`: what it proposes depends on which trial ended first, and its state is a pickle.

References:
    Li et al. (2020), "A system for massively parallel hyperparameter tuning", MLSys (ASHA).
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hscd.records import Trial
from hscd.registry import Option
from hscd.search.engines import ENGINES, Engine, Task
from hscd.search.engines.local import run
from hscd.search.record import Finished
from hscd.search.runners import MakeObjective, Outcome, Progress, attempt
from hscd.system import cluster, parsing
from hscd.system.errors import brief
from hscd.system.hardware import cores
from hscd.system.interrupts import ctrl_c_heeded

# A trial is judged by others after this many epochs, and after each multiple by the factor; it goes on if it is among
# the best of those that came as far, one in so many.
_FIRST_RUNG, _FACTOR = 5, 3
# Name of a trial's validation losses in the record of a search, beside Hyperopt's values.
_LOSSES = "val_losses"


def _address(text: str) -> str | None:
    if text and not re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}", text):
        raise ValueError("not host:port")
    return text or None


@ENGINES.register(
    "ray",
    Option("ray_address", _address, "host:port", None, "head of the Ray cluster of engine = ray", "this machine"),
    Option(
        "ray_cores", lambda text: parsing.integer(text, 1), "an integer >= 1", 1, "cores of a trial with engine = ray"
    ),
    Option(
        "pruning", parsing.boolean, "True or False", False,
        "whether engine = ray stops trials early that are losing, by asynchronous successive halving",
    ),
)  # fmt: skip
class Ray(Engine):
    """Trials, runs of a comparison and pairs of a data set, on all machines of a Ray cluster."""

    spreads = True

    def __init__(self, ray_address: str | None = None, ray_cores: int = 1, pruning: bool = False) -> None:
        self._address, self._cores, self._pruning = ray_address, ray_cores, pruning

    @staticmethod
    def require() -> None:
        cluster.require_installed()

    def depends_on(self, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
        return {"pruning": True} if self._pruning else {}

    def worker_count(self, trials: int, pairs: int) -> int:
        found = cores()
        if self._address is not None:
            with cluster.connected(self._address) as ray:
                found = int(ray.cluster_resources().get("CPU", 1))
        return max(1, min(trials, found // self._cores))

    def on_a_machine(self, workers: int | None) -> int:
        return min(workers or cores(), cores())

    def search(self, task: Task) -> list[Trial]:
        with cluster.connected(self._address, self._cores) as ray:
            if self._pruning:
                task = _pruned(task)
            runner = _OnCluster(ray, task.trials, task.on_epoch, task.workers, self._cores)
            return run(runner, task.space, task.max_evals, task.seed, task.on_trial, task.recorded)

    def each(
        self, work: Callable[[Any], None], tasks: Sequence[Any], workers: int | None
    ) -> Iterator[tuple[int, int | str]]:
        with cluster.connected(self._address) as ray:
            yield from cluster.each_on_cluster(ray, work, tasks, workers)


class _OnCluster:
    """Runs trials as tasks of Ray (a `hscd.search.runners.Runner`).

    What all of them share goes into Ray's object store once, from where each machine gets one copy. A trial whose
    machine or process is lost is run again by Ray.
    """

    def __init__(self, ray: Any, make_objective: MakeObjective, on_epoch: Progress, workers: int, threads: int) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self.workers = workers
        self._ray, self._on_epoch = ray, on_epoch
        self._shared = ray.put(make_objective)
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self._epochs = ray.remote(num_cpus=0, scheduling_strategy=here)(_Epochs).remote()
        self._told = self._epochs.next.remote()
        self._remote = ray.remote(num_cpus=threads, max_retries=cluster.RETRIES)(_run_trial)
        self._running: dict[Any, tuple[int, float]] = {}

    def start(self, trial_id: int, choice: dict[str, Any]) -> None:
        started = self._remote.remote(self._shared, self._epochs, trial_id, choice, Path.cwd())
        self._running[started] = trial_id, time.perf_counter()

    def wait(self) -> Outcome:
        while True:
            with ctrl_c_heeded():
                [ready], _ = self._ray.wait([self._told, *self._running])
            if ready == self._told:
                epoch = self._ray.get(ready)
                self._epochs.answer.remote(epoch[0], bool(self._on_epoch(*epoch)))
                self._told = self._epochs.next.remote()
                continue
            trial_id, started = self._running.pop(ready)
            try:
                return self._ray.get(ready)
            except self._ray.exceptions.RayError as error:
                seconds = time.perf_counter() - started
                return Outcome(trial_id, seconds, error=brief(error), lost=True)


class _Epochs:
    """Where trials tell of their epochs and wait for the answer of the engine; a process beside it."""

    def __init__(self) -> None:
        self._told: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
        self._answers: dict[int, asyncio.Future[bool]] = {}

    async def tell(self, trial_id: int, epoch: int, val_loss: float) -> bool:
        # A trial that is run again takes the place of the one that was lost.
        answer = self._answers[trial_id] = asyncio.get_running_loop().create_future()
        self._told.put_nowait((trial_id, epoch, val_loss))
        return await answer

    async def next(self) -> tuple[Any, ...]:
        return await self._told.get()

    async def answer(self, trial_id: int, stop: bool) -> None:
        waiting = self._answers.pop(trial_id, None)
        if waiting is not None:
            waiting.set_result(stop)


def _run_trial(
    make_objective: MakeObjective, epochs: Any, trial_id: int, choice: dict[str, Any], folder: Path
) -> Outcome:
    """What a machine does for a trial."""
    import ray

    os.chdir(folder)

    def ask(*epoch: Any) -> bool:
        return ray.get(epochs.tell.remote(*epoch))

    return attempt(make_objective(ask), trial_id, choice)


def _pruned(task: Task) -> Task:
    """The same task, with trials stopped early that are losing.

    What decides, their validation losses by epoch, is recorded with them.
    """
    halving = _Halving(task.trials.rules.max_epochs)
    for number in sorted(task.recorded):
        for epoch, loss in enumerate(task.recorded[number].values.get(_LOSSES, ()), 1):
            halving.stops(number, epoch, loss)

    def on_epoch(trial_id: int, epoch: int, val_loss: float) -> bool:
        stop = bool(task.on_epoch(trial_id, epoch, val_loss))
        return halving.stops(trial_id, epoch, val_loss) or stop

    def on_trial(ended: Finished, model: Any) -> None:
        losses = halving.losses.get(ended.trial.trial_id, [])
        task.on_trial(replace(ended, values={**ended.values, _LOSSES: losses}), model)

    recorded = {
        number: replace(entry, values={name: value for name, value in entry.values.items() if name != _LOSSES})
        for number, entry in task.recorded.items()
    }
    return replace(task, on_epoch=on_epoch, on_trial=on_trial, recorded=recorded)


class _Halving:
    """Which trials go on, by Ray Tune's asynchronous successive halving.

    Attributes:
        losses: validation losses by trial, an epoch each.
    """

    def __init__(self, max_epochs: int) -> None:
        from ray.tune.schedulers import AsyncHyperBandScheduler

        first = min(_FIRST_RUNG, max_epochs)
        self._scheduler = AsyncHyperBandScheduler("epoch", "loss", "min", max_epochs, first, _FACTOR)
        self.losses: dict[int, list[float]] = {}

    def stops(self, trial_id: int, epoch: int, val_loss: float) -> bool:
        """Whether a trial ends after an epoch. It is judged by its best one, whose weights it keeps."""
        trial = SimpleNamespace(trial_id=trial_id)
        if epoch == 1:
            self._scheduler.on_trial_add(None, trial)
            self.losses[trial_id] = []
        self.losses[trial_id].append(val_loss)
        result = {"epoch": epoch, "loss": min(self.losses[trial_id])}
        return self._scheduler.on_trial_result(None, trial, result) == "STOP"
