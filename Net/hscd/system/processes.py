"""Processes that are started afresh and end with this one; and work that is done in one of its own each."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from typing import Any

from hscd.system.interrupts import ctrl_c_heeded
from hscd.system.lean import start_lean

_PR_SET_PDEATHSIG = 1  # of linux/prctl.h


def each_apart(work: Callable[[Any], None], tasks: Sequence[Any], workers: int) -> Iterator[tuple[int, int]]:
    """Do each of some tasks in a process of its own, `workers` at a time, each on one thread.

    What a task leaves is what it writes: its process may be killed, for want of memory for example, which costs that
    task alone. One thread each, so that results do not depend on how many run side by side.

    Args:
        work: takes a task; picklable, as tasks are.
        tasks: begun in their order.
        workers: how many run at a time.

    Yields:
        Position of a task that ended, and the exit status of its process: 0, or negative for the signal that ended it.
    """
    context = multiprocessing.get_context("spawn")
    running: dict[Any, tuple[int, Any]] = {}
    left = iter(enumerate(tasks))
    resource_tracker.ensure_running()  # which would end the holding back of Ctrl-C
    try:
        while True:
            while len(running) < workers and (following := next(left, None)) is not None:
                position, task = following
                process = context.Process(target=_done, args=(work, task), daemon=True)
                with environment(OMP_NUM_THREADS="1", NPROC="1"), ctrl_c_held_back():
                    process.start()
                running[process.sentinel] = position, process
            if not running:
                return
            with ctrl_c_heeded():
                ended = wait(list(running))
            for sentinel in ended:
                position, process = running.pop(sentinel)
                process.join()
                yield position, process.exitcode or 0
    finally:
        for _, process in running.values():
            process.terminate()
        for _, process in running.values():
            process.join()


def _done(work: Callable[[Any], None], task: Any) -> None:
    die_with_parent()
    start_lean()
    work(task)


def die_with_parent() -> None:
    """End this process when its parent ends, also where that is killed and whatever goes on here.

    Linux does it at once; elsewhere, and where it refuses, a thread waits for it, which a long call into C can hold up.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.name == "posix" and os.getppid() != parent.pid:  # it ended before
        os._exit(1)


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Environment variables for the processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def ctrl_c_held_back() -> Iterator[None]:
    """Ctrl-C goes to all processes of a terminal; those started here never get it, and are ended by the main process.

    That gets it at the end of the block.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
