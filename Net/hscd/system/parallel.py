"""Blocks of an array on all threads; NumPy lets go of the interpreter in its loops."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from hscd.system.hardware import threads

Result = TypeVar("Result")


def over_blocks(work: Callable[[slice], Result], length: int, size: int) -> list[Result]:
    """Call `work` with slices of `size` that cover range(length), several at a time; results in their order."""
    blocks = [slice(start, min(start + size, length)) for start in range(0, length, size)]
    if threads() == 1 or len(blocks) == 1:
        return [work(block) for block in blocks]
    with ThreadPoolExecutor(threads()) as pool:
        return list(pool.map(work, blocks))
