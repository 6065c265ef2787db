"""Work on all threads, each with matrix products of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

from hscd.system.parallel import over_blocks

Result = TypeVar("Result")


def on_threads(work: Callable[[slice], Result], length: int, size: int) -> list[Result]:
    """As `over_blocks`; BLAS has one thread in each call.

    Threads that each wait for all threads of BLAS take many times as long, and a product that is not split is the same
    on any number of threads.
    """
    with _libraries().limit(limits=1, user_api="blas"):
        return over_blocks(work, length, size)


@lru_cache
def _libraries() -> Any:
    """What sets the threads of the libraries that are loaded."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
