"""Work on all threads, each with matrix products of its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any, TypeVar

from hscd.system.parallel import over_blocks

Result = TypeVar("Result")


def on_threads(work: Callable[[slice], Result], length: int, size: int) -> list[Result]:
    """As `over_blocks`, with one thread of BLAS in each call."""
    with single_blas():
        return over_blocks(work, length, size)


def single_blas() -> AbstractContextManager[Any]:
    """One thread of BLAS in each call; may be entered again.

    Threads that each wait for all threads of BLAS take many times as long, small systems of equations are slower on
    several threads than on one, and a product that is not split is the same on any number of threads.
    """
    found: AbstractContextManager[Any] = _libraries().limit(limits=1, user_api="blas")
    return found


@lru_cache
def _libraries() -> Any:
    """What sets the threads of the libraries that are loaded; within other threads' limits it changes nothing."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
