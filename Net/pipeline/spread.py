"""Stage: tasks that run in processes of their own, here or on a cluster, each with a record on the disk.

A record is written when its task has ended, after all else that the task writes. One that depends on the same things is
taken instead of running the task again, so a command that is repeated does what is missing alone.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

import config
import hscd
from hscd.search import engines
from hscd.search.engines import Engine
from hscd.system import storage
from hscd.system.errors import InputError, brief
from hscd.system.messages import collected, whole
from image_pairs import memory_limit
from pipeline.plan import Plan
from pipeline.run_record import versions
from settings import Settings

# Where records lie, in the folder of results.
FOLDER = "cells"
# Seconds in which a record has to be seen that a process wrote on another machine: a network file system goes on saying
# that a file is not there for as long as it keeps what it knows of a folder, of NFS a minute.
_UNSEEN, _LOOK_AGAIN = 60.0, 0.5
_MEBIBYTE = 2**20


class Task(Protocol):
    """What runs apart: `depends` is all that its record depends on, as JSON has it, `record` the file, in `folder`."""

    @property
    def folder(self) -> Path: ...

    @property
    def depends(self) -> dict[str, Any]: ...

    @property
    def record(self) -> Path: ...

    @property
    def nothing(self) -> dict[str, Any]:
        """What a record holds of a task that failed."""

    @property
    def ends_alike(self) -> bool:
        """Whether a task that refuses its input would do so again."""

    def run(self) -> dict[str, Any]:
        """Do the work; what the record is to hold of it."""

    def is_there(self, content: dict[str, Any]) -> bool:
        """Whether what it wrote beside its record is there."""


AnyTask = TypeVar("AnyTask", bound=Task)


def record_of(task: Task) -> Path:
    """The file of the record of a task, of another name where it depends on other things."""
    text = json.dumps(task.depends, sort_keys=True)
    return task.folder / f"{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}.json"


@lru_cache
def program() -> dict[str, str]:
    """What tells this version of the program, and of what it is made with, from others."""
    total = hashlib.blake2b(digest_size=8)
    library = Path(hscd.__file__).parent
    whole_of_it = config.NET_PATH if library.is_relative_to(config.NET_PATH) else library  # one lies in the other
    for file in sorted(whole_of_it.rglob("*.py")):
        total.update(f"{file.relative_to(whole_of_it)}\0".encode() + file.read_bytes())
    return {"files": total.hexdigest()} | versions()


def shared(settings: Settings, tasks: int) -> tuple[Engine, int, Settings]:
    """The engine of so many tasks, how many of them a machine runs at a time, and settings with the memory of each."""
    engine, _ = engines.chosen(settings.engine, Plan(settings).engine_options)
    workers = min(engine.on_a_machine(settings.workers), tasks)
    return engine, workers, replace(settings, memory_limit=max(1, memory_limit(settings) // workers // _MEBIBYTE))


def read(task: Task, lasting: bool = True) -> dict[str, Any] | None:
    """What a task that was run came to; None if there is no record of it, or what it wrote is not there.

    Args:
        task: the task.
        lasting: whether the next run would have to end alike, as one that was out of memory would not.
    """
    try:
        content: dict[str, Any] = json.loads(task.record.read_text(encoding="utf-8"))
        same = content["depends"] == json.loads(json.dumps(task.depends)) and content["elapsed"] > 0
        complete = bool(content["error"]) or task.is_there(content)
        return content if same and complete and (content["lasts"] or not lasting) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def run(task: Task) -> None:
    """Run a task and write its record, unless a machine did that was lost before it said so."""
    if read(task) is not None:
        return
    started = time.perf_counter()
    # Warnings are told once, by the main process; a bar of this one's own would leave a lock where it is killed.
    with collected(shown=False) as warnings, whole(running=1):
        try:
            content = task.run() | {"error": "", "lasts": True}
        except InputError as error:
            content = _failed(task, brief(error), lasts=task.ends_alike) | {"refused": True}
        except MemoryError as error:
            content = _failed(task, f"out of memory: {brief(error)}", lasts=False)
        except Exception as error:
            content = _failed(task, f"{type(error).__name__}: {brief(error)}", lasts=False)
    content |= {"depends": task.depends, "elapsed": time.perf_counter() - started, "warnings": warnings}
    storage.write_bytes(task.record, json.dumps(content, indent=1).encode())


def _failed(task: Task, reason: str, *, lasts: bool) -> dict[str, Any]:
    """The record of a task that failed; it is tried again by the next run unless that would end alike."""
    return task.nothing | {"error": reason, "lasts": lasts, "refused": False}


def ended(tasks: Sequence[AnyTask], engine: Engine, workers: int | None) -> Iterator[tuple[AnyTask, dict[str, Any]]]:
    """Run tasks on an engine; yields each with its record when it has ended.

    Args:
        tasks: the tasks.
        engine: what runs them, by its `each`.
        workers: how many run at a time; None for as many as are fastest.
    """
    if not tasks:  # for which nobody need connect to a cluster
        return
    for task in tasks:  # of an earlier run: what it failed of is not why this one would
        task.record.unlink(missing_ok=True)
    unseen = []
    for position, status in engine.each(run, tasks, workers):
        task = tasks[position]
        record = read(task, lasting=False)
        if record is None and status == 0:
            unseen.append(task)
            continue
        yield task, record or _lost(task, _ended(status))
    until = time.monotonic() + _UNSEEN
    for task in unseen:
        while (record := read(task, lasting=False)) is None and time.monotonic() < until:
            time.sleep(_LOOK_AGAIN)
        yield task, record or _lost(task, f"what it wrote is not to be seen from here: {task.record}")


def _lost(task: Task, reason: str) -> dict[str, Any]:
    return _failed(task, reason, lasts=False) | {"elapsed": 0.0, "warnings": []}


def _ended(status: int | str) -> str:
    """What became of a process that left no record."""
    if isinstance(status, str):
        return f"the cluster lost it: {status}"
    by = f"by signal {-status}, perhaps for want of memory" if status < 0 else f"with exit status {status}"
    return f"its process ended {by}"


def new_warnings(records: Sequence[dict[str, Any]], told: Collection[str]) -> list[str]:
    """The warnings of records, each once, without those that were told before."""
    return list(dict.fromkeys(text for record in records for text in record["warnings"] if text not in told))
