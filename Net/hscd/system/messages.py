"""What the program tells beside its results: warnings, which are records of the logger "hscd"."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGER = logging.getLogger("hscd")


def warn(text: str) -> None:
    """Tell the user what the program guesses, doubts or passes over: one line, `warning: TEXT`, on standard error."""
    _LOGGER.warning("%s", text)


class _StandardError(logging.Handler):
    """Writes `level: text` to what is standard error at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        line = f"{record.levelname.lower()}: {record.getMessage()}"
        if "tqdm" in sys.modules:  # a progress bar may be on the last line
            from tqdm import tqdm

            tqdm.write(line, file=sys.stderr)
        else:
            print(line, file=sys.stderr)


def show_warnings() -> None:
    """Have messages of the library and the stages written to standard error."""
    if not any(isinstance(handler, _StandardError) for handler in _LOGGER.handlers):
        _LOGGER.addHandler(_StandardError())
        _LOGGER.propagate = False


class _Collector(logging.Handler):
    """Keeps the texts of warnings."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@contextmanager
def collected() -> Iterator[list[str]]:
    """The warnings that are given during the block, beside being shown."""
    collector = _Collector()
    _LOGGER.addHandler(collector)
    try:
        yield collector.texts
    finally:
        _LOGGER.removeHandler(collector)
