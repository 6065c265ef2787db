"""Blocks of an array on all threads; NumPy lets go of the interpreter in its loops."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from hscd.system.hardware import threads

Result = TypeVar("Result")

# Threads that work called from here may take: work inside other work shares what there is.
_here = threading.local()


def over_blocks(work: Callable[[slice], Result], length: int, size: int) -> list[Result]:
    """Call `work` with slices of `size` that cover range(length), several at a time; results in their order."""
    blocks = [slice(start, min(start + size, length)) for start in range(0, length, size)]
    free = getattr(_here, "threads", None) or threads()
    used = min(free, len(blocks))
    if used <= 1:
        return [work(block) for block in blocks]
    here = copy_context()  # what is warned of in the blocks belongs to this call
    with ThreadPoolExecutor(used, initializer=_share, initargs=(free // used,)) as pool:
        return list(pool.map(lambda block: here.copy().run(work, block), blocks))


def _share(count: int) -> None:
    _here.threads = count
