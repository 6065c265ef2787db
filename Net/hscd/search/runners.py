"""Where the trials of a search run: in this process, or in worker processes of their own."""

from __future__ import annotations

import logging
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, Protocol

from hscd.system.errors import brief
from hscd.system.hardware import threads
from hscd.system.interrupts import ctrl_c_heeded
from hscd.system.lean import start_lean
from hscd.system.processes import ctrl_c_held_back, die_with_parent, environment

# From a trial's number and choice to its result.
Objective = Callable[[int, dict[str, Any]], dict[str, Any]]
# Told of every epoch of a trial that runs: trial, epoch from 1, validation loss. The answer True ends the trial's
# training after that epoch. It is asked in the main process, wherever the trial runs.
Progress = Callable[[int, int, float], bool | None]
# Makes the objective in the process it will run in; has to be picklable for workers.
MakeObjective = Callable[[Progress], Objective]


@dataclass(frozen=True)
class Outcome:
    """How a trial ended: with a result or, where `error` says why, without.

    `lost` if its process died under it; `disk` is what the disk refused, of which the next trial would need as much.
    """

    trial_id: int
    seconds: float
    result: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    lost: bool = False
    disk: OSError | None = None


class Runner(Protocol):
    """Runs up to `workers` trials at a time."""

    workers: int

    def start(self, trial_id: int, choice: dict[str, Any]) -> None:
        """Start a trial; fewer than `workers` are running."""

    def wait(self) -> Outcome:
        """Wait until one of the running trials ends."""


def attempt(objective: Objective, trial_id: int, choice: dict[str, Any]) -> Outcome:
    """Run one trial to its end; whatever goes wrong in it must not cost the others."""
    started = time.perf_counter()
    try:
        result = objective(trial_id, choice)
    except OSError as refusal:
        return Outcome(trial_id, time.perf_counter() - started, disk=refusal)
    except Exception as cause:
        logging.getLogger(__name__).debug("trial %d failed", trial_id, exc_info=True)
        return Outcome(trial_id, time.perf_counter() - started, error=f"{type(cause).__name__}: {brief(cause)}")
    return Outcome(trial_id, time.perf_counter() - started, result)


class InProcess:
    """One trial at a time, in this process, with all its threads."""

    workers = 1

    def __init__(self, make_objective: MakeObjective, on_epoch: Progress) -> None:
        self._objective = make_objective(on_epoch)

    def start(self, trial_id: int, choice: dict[str, Any]) -> None:
        self._next = trial_id, choice

    def wait(self) -> Outcome:
        with ctrl_c_heeded():
            return attempt(self._objective, *self._next)


@dataclass
class _Worker:
    process: multiprocessing.process.BaseProcess
    connection: Connection
    trial_id: int | None = None
    started: float = 0.0


class WorkerProcesses:
    """Several trials at a time, each in a process with its share of the threads; use as a context manager.

    The processes are started afresh, not forked: a fork of a process with TensorFlow's threads may hang. A worker that
    dies costs its trial, not the search.
    """

    def __init__(self, make_objective: MakeObjective, on_epoch: Progress, workers: int) -> None:
        self.workers = workers
        self._make_objective = make_objective
        self._on_epoch = on_epoch
        self._pool: list[_Worker] = []
        # TensorFlow leaves files behind where a process does not end by itself.
        self._temporary = tempfile.TemporaryDirectory(prefix="hscd-workers-", ignore_cleanup_errors=True)

    def __enter__(self) -> WorkerProcesses:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._pool:
            worker.process.terminate()
        for worker in self._pool:
            worker.process.join()
            worker.connection.close()
        self._pool.clear()
        self._temporary.cleanup()

    def start(self, trial_id: int, choice: dict[str, Any]) -> None:
        for worker in [worker for worker in self._pool if worker.trial_id is None and not worker.process.is_alive()]:
            self._dismiss(worker)
        worker = next((worker for worker in self._pool if worker.trial_id is None), None) or self._start_worker()
        worker.trial_id, worker.started = trial_id, time.perf_counter()
        with suppress(OSError):  # it died just now: `wait` will find that out
            worker.connection.send((trial_id, choice))

    def wait(self) -> Outcome:
        while True:
            busy = {worker.connection: worker for worker in self._pool if worker.trial_id is not None}
            with ctrl_c_heeded():
                ready = wait(list(busy))
            for connection in ready:
                outcome = self._receive(busy[connection])  # type: ignore[index]
                if outcome is not None:
                    return outcome

    def _receive(self, worker: _Worker) -> Outcome | None:
        """A message of a worker: the end of its trial, or None for that of an epoch, which is answered."""
        assert worker.trial_id is not None
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            self._dismiss(worker)
            return Outcome(
                worker.trial_id,
                time.perf_counter() - worker.started,
                error=f"its process ended with exit status {worker.process.exitcode}",
                lost=True,
            )
        if isinstance(message, Outcome):
            worker.trial_id = None
            return message
        stop = bool(self._on_epoch(*message))
        with suppress(OSError):  # the end of a worker that died is found where its answers are
            worker.connection.send(stop)
        return None

    def _dismiss(self, worker: _Worker) -> None:
        """Forget a worker that died."""
        worker.process.join()
        worker.connection.close()
        self._pool.remove(worker)

    def _start_worker(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs,), daemon=True)
        share = str(max(1, threads() // self.workers))
        resource_tracker.ensure_running()  # which would end what follows
        with environment(OMP_NUM_THREADS=share, NPROC=share, TMPDIR=self._temporary.name), ctrl_c_held_back():
            process.start()
        # Without this end closed, the death of the worker would not end the connection.
        theirs.close()
        # Sent, not an argument: what it imports is imported only when the worker watches over its parent.
        with suppress(OSError):  # the end of a worker that died is found where its answers are
            ours.send(self._make_objective)
        worker = _Worker(process, ours)
        self._pool.append(worker)
        return worker


def _work(connection: Connection) -> None:
    """What a worker does until its connection ends."""
    die_with_parent()
    start_lean()
    try:
        make_objective: MakeObjective = connection.recv()
    except (EOFError, OSError):  # the main process is gone
        return

    def ask(*epoch: Any) -> bool:
        connection.send(epoch)
        return connection.recv()  # waited for, so that a trial ends after the same epoch as in the main process

    objective = make_objective(ask)
    with suppress(EOFError, OSError):
        while True:
            trial_id, choice = connection.recv()
            connection.send(attempt(objective, trial_id, choice))
