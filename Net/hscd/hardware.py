"""What a run may use of the machine."""

from __future__ import annotations

import importlib.util
import os

from hscd.errors import InputError

# Keras backends that hscd.epochs has a file for; the first is the default.
BACKENDS = ("tensorflow", "jax")


def threads() -> int:
    """Threads to compute with: OMP_NUM_THREADS where it is set, else the cores this process may run on."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(asked)) if asked.isdigit() else cores()


def cores() -> int:
    """Cores this process may run on."""
    # Not every system can say; macOS cannot.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choose_backend(name: str) -> None:
    """Choose the Keras backend, before Keras is imported.

    Raises:
        InputError: if it is not installed.
    """
    if not is_installed(name):
        requirements = "requirements.txt" if name == BACKENDS[0] else f"requirements-{name}.txt"
        raise InputError(f"backend {name} is not installed; `pip install -r {requirements}` does it")
    os.environ["KERAS_BACKEND"] = name


def is_installed(backend: str) -> bool:
    return importlib.util.find_spec(backend) is not None
