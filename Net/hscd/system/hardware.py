"""What a run may use of the machine."""

from __future__ import annotations

import importlib.util
import os
import sys
from contextlib import suppress
from pathlib import Path

from hscd.system.errors import InputError

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

# Keras backends that hscd.learn.epochs has a file for; the first is the default.
BACKENDS = ("tensorflow", "jax")


def threads() -> int:
    """Threads to compute with: OMP_NUM_THREADS where it is set, else the cores this process may run on."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(asked)) if asked.isdigit() else cores()


def cores() -> int:
    """Cores this process may run on."""
    # Not every system can say; macOS cannot.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def available_memory() -> int:
    """Bytes that this process can still take: of the machine, of its control group, of its address space."""
    import psutil  # here: --help has no use for it

    free = [psutil.virtual_memory().available, *_free_of_control_group()]
    if resource is not None:
        allowed = resource.getrlimit(resource.RLIMIT_AS)[0]
        if allowed != resource.RLIM_INFINITY:
            free.append(allowed - psutil.Process().memory_info().vms)
    return max(0, min(free))


def peak_memory() -> int:
    """Largest resident size of this process so far, in bytes; 0 where the system does not tell."""
    # Not getrusage where there is better: what it tells of a process may be the size of the one that started it.
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])
    if resource is None:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _free_of_control_group(root: Path = Path("/sys/fs/cgroup")) -> list[int]:
    """Bytes left to a container, whose limit the machine's figures do not show; empty where there is none."""
    for folder, limit, usage, prefix in (
        (root, "memory.max", "memory.current", ""),  # version 2
        (root / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_"),  # version 1
    ):
        try:
            allowed, used = (int((folder / name).read_text(encoding="ascii")) for name in (limit, usage))
            details = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
        except (OSError, ValueError):  # no such group, or "max"
            continue
        cache = sum(int(details.get(f"{prefix}{part}_file", 0)) for part in ("active", "inactive"))
        return [allowed - used + cache]
    return []


def choose_backend(name: str) -> None:
    """Choose the Keras backend, before Keras is imported.

    Raises:
        InputError: if it is not installed.
    """
    if not is_installed(name):
        requirements = "requirements.txt" if name == BACKENDS[0] else f"requirements-{name}.txt"
        raise InputError(f"backend {name} is not installed; install it with `pip install -r {requirements}`")
    os.environ["KERAS_BACKEND"] = name


def is_installed(backend: str) -> bool:
    return importlib.util.find_spec(backend) is not None
