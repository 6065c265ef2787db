"""Ctrl-C that is not lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class _Note:
    """A handler of Ctrl-C that remembers it, and does what the one before it does."""

    def __init__(self, before: Callable[[int, FrameType | None], Any]) -> None:
        self.before = before
        self.noted = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.noted = True
        self.before(number, frame)


@contextmanager
def ctrl_c_heeded() -> Iterator[None]:
    """End the block with KeyboardInterrupt if Ctrl-C was pressed in it, whatever became of the exception inside.

    Where Ctrl-C meets a call from C to Python, as in TensorFlow, the exception may come out as another one, or be
    printed and forgotten. So what takes long is made of such blocks within one around all: none of them begins after
    Ctrl-C was pressed in the one around it.

    Raises:
        KeyboardInterrupt: as said.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    if isinstance(before, _Note) and before.noted:
        raise KeyboardInterrupt
    note = _Note(before)
    signal.signal(signal.SIGINT, note)
    try:
        yield
    except Exception as error:
        if note.noted:
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, before)
    if note.noted:
        raise KeyboardInterrupt
