"""Several machines as one, by Ray: what has to be there for it, and tasks that are spread over them.

All of them have the program and its data under the same paths, as on a shared file system.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hscd.system.errors import InputError, brief
from hscd.system.hardware import cores
from hscd.system.interrupts import ctrl_c_heeded
from hscd.system.processes import each_apart

# How often what was lost with its machine is tried again.
RETRIES = 3
# Tasks that wait for a core beside each that has one: enough to keep it busy.
_AHEAD = 2
# Seconds in which the head of a cluster has to answer.
_PATIENCE = 10


def require_installed() -> None:
    """Raise `InputError` where Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise InputError("engine ray is not installed; install it with `pip install -r requirements-scale.txt`")


@contextmanager
def connected(address: str | None, threads: int = 1) -> Iterator[Any]:
    """Ray, connected to a cluster that this machine is a node of.

    Args:
        address: of its head, host:port; None to make a cluster of this machine alone, for the time of the block.
        threads: of each task.

    Raises:
        InputError: if Ray is not installed, or the cluster cannot be reached or refuses this program.
        ConnectionError: if it is lost during the block.
    """
    require_installed()
    if address is not None:
        _require_answer(address)
    # Ray reads these when it is imported: who connects is asked for a token; no report home; and what does not fit into
    # memory is not tried for ever.
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_task_oom_retries", str(RETRIES))
    import ray

    alone = {"address": "local", "num_cpus": cores(), "include_dashboard": False}
    where = alone if address is None else {"address": address}
    environment = {"OMP_NUM_THREADS": str(threads), "NPROC": str(threads), "PYTHONPATH": _python_path()}
    if "KERAS_BACKEND" in os.environ:
        environment["KERAS_BACKEND"] = os.environ["KERAS_BACKEND"]
    try:
        ray.init(**where, log_to_driver=False, logging_level=logging.CRITICAL, runtime_env={"env_vars": environment})
    except Exception as error:  # of many types, Exception itself among them
        ray.shutdown()
        raise InputError(
            f"ray_address = {address or ''}: {brief(error)}; expected the head of a Ray cluster that this machine is a "
            "node of, and its token (docs/cluster.md)"
        ) from error
    try:
        yield ray
    except ray.exceptions.RayError as error:
        raise ConnectionError(
            f"the Ray cluster was lost; run the same command again to go on: {brief(error)}"
        ) from error
    finally:
        ray.shutdown()


def _require_answer(address: str) -> None:
    """Raise `InputError` where nobody listens at host:port; Ray would try for a quarter of an hour."""
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host.strip("[]"), int(port)), _PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise InputError(
            f"ray_address = {address}: {brief(error)}; expected the head of a running Ray cluster (docs/cluster.md)"
        ) from error


def _python_path() -> str:
    """Where the workers find this program, beside what the user's own PYTHONPATH names."""
    library = Path(__file__).resolve().parents[1]
    # An installed program lies in a folder of its own (`hscd/__main__.py`).
    own = [str(library.parent), *(str(place) for place in [library / "_program"] if place.is_dir())]
    return os.pathsep.join([*own, *filter(None, [os.environ.get("PYTHONPATH")])])


def each_on_cluster(
    ray: Any, work: Callable[[Any], None], tasks: Sequence[Any], workers: int | None
) -> Iterator[tuple[int, int | str]]:
    """`each_apart` on all machines of a cluster: each task in a process of its own, on a core and one thread.

    A task whose machine is lost is begun again on another one, so its work may be done twice.

    Args:
        ray: as `connected` gives it.
        work: takes a task; picklable, as tasks are.
        tasks: begun in their order.
        workers: how many run at a time; None for as many as the cluster has cores, now and later.

    Yields:
        Position of a task that ended; the exit status of its process, or what Ray says of the loss of its machines.
    """
    remote = ray.remote(num_cpus=1, max_retries=RETRIES)(_in_process)
    running: dict[Any, int] = {}
    left = iter(enumerate(tasks))
    while True:
        most = workers or max(1, int(ray.cluster_resources().get("CPU", 1))) * _AHEAD
        while len(running) < most and (following := next(left, None)) is not None:
            position, task = following
            running[remote.remote(work, task, Path.cwd())] = position
        if not running:
            return
        with ctrl_c_heeded():
            [ended], _ = ray.wait(list(running))
        position = running.pop(ended)
        try:
            yield position, ray.get(ended)
        except ray.exceptions.RayError as error:
            yield position, brief(error)


def _in_process(work: Callable[[Any], None], task: Any, folder: Path) -> int:
    """What a machine does: the task in a process of its own; its exit status."""
    os.chdir(folder)
    [(_, status)] = each_apart(work, [task], 1)
    return status
