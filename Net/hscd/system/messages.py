"""What the program says: results on standard output, all else as records of the logger "hscd" on standard error."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from hscd.system import progress as progress_of_whole

_LOGGER = logging.getLogger("hscd")

# Of the thread that says something, whatever else runs beside it: where warnings are collected.
_COLLECTIONS: ContextVar[tuple[list[str], ...]] = ContextVar("collections", default=())
# Whether anything is shown of what it says.
_SHOWN: ContextVar[bool] = ContextVar("shown", default=True)

# Levels of what is shown: errors and warnings; what is done as well; details of it as well.
QUIET, NORMAL, VERBOSE = logging.WARNING, logging.INFO, logging.DEBUG


def result(text: str) -> None:
    """Print a result; standard output holds nothing else."""
    if "tqdm" not in sys.modules:
        print(text, flush=True)
        return
    from tqdm import tqdm

    with tqdm.external_write_mode(file=sys.stdout):  # a progress bar may be on the last line
        print(text, flush=True)


def warn(text: str) -> None:
    """Tell the user what the program guesses, doubts or passes over: one line, `warning: TEXT`."""
    _say(logging.WARNING, text)


def error(text: str) -> None:
    """Say why the program ends without its results: one line, `error: TEXT`."""
    _say(logging.ERROR, text)


def ended(text: str) -> None:
    """Tell how the program ended where that is no error of its own: one line, which --quiet shows too."""
    _say(logging.CRITICAL, text)


def tell(text: str) -> None:
    """Tell what is being done."""
    _say(logging.INFO, text)


def detail(text: str) -> None:
    """Tell what only --verbose shows."""
    _say(logging.DEBUG, text)


def _say(level: int, text: str) -> None:
    """Hand a text to the logger, and collect it if it is a warning or more, whatever the logger shows of it."""
    if level >= logging.WARNING:
        for texts in _COLLECTIONS.get():
            texts.append(text)
    if _SHOWN.get():
        _show(level, text)


def is_set_up() -> bool:
    """Whether logging is set up: by a command, or by whoever uses the library."""
    return _LOGGER.hasHandlers()


def _show(level: int, text: str) -> None:
    """Show a message; where no logging is set up a warning or more, with its level, which Python would leave out."""
    if is_set_up():
        _LOGGER.log(level, "%s", text)
    elif level >= logging.WARNING and _LOGGER.isEnabledFor(level):
        _StandardError().handle(_LOGGER.makeRecord(_LOGGER.name, level, "", 0, "%s", (text,), None))


def tells() -> bool:
    """Whether what is told is shown, as it is without --quiet."""
    return _LOGGER.isEnabledFor(logging.INFO)


def progress(of: Iterable[Any] | None = None, **options: Any) -> Any:
    """A bar of tqdm, which --quiet hides; inside of `whole` it moves that bar instead. In a log it is lines."""
    if (outer := progress_of_whole.current()) is not None:
        return progress_of_whole.Inside(outer, of, **options)
    from tqdm import tqdm  # --help has no use for it

    options |= {"miniters": 0}  # so that `update(0)` shows a text that is new
    if not sys.stderr.isatty():
        options |= progress_of_whole.as_lines(options.get("bar_format"), tell)
    return tqdm(of, disable=not tells(), dynamic_ncols=True, **options)


@contextmanager
def whole(**expected: float) -> Iterator[progress_of_whole.Whole]:
    """One bar for all that is done in the block, with the time that is left; --quiet hides it.

    Args:
        **expected: seconds that each part is expected to take, in their order (`system.progress`).
    """
    with progress_of_whole.whole(expected, tells(), tell) as present:
        yield present


class _StandardError(logging.Handler):
    """Writes warnings and errors as `level: text`, and all else as it is, to what is standard error then."""

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        if record.levelno in (logging.WARNING, logging.ERROR):
            line = f"{record.levelname.lower()}: {line}"
        if "tqdm" in sys.modules:  # a progress bar may be on the last line
            from tqdm import tqdm

            tqdm.write(line, file=sys.stderr)
        else:
            print(line, file=sys.stderr)


def show_messages(level: int = NORMAL) -> None:
    """Have messages of the library and the stages written to standard error, from a level on."""
    if not any(isinstance(handler, _StandardError) for handler in _LOGGER.handlers):
        _LOGGER.addHandler(_StandardError())
        _LOGGER.propagate = False
    _LOGGER.setLevel(level)


@contextmanager
def collected(*, shown: bool = True) -> Iterator[list[str]]:
    """The warnings that are given during the block, by its thread and `parallel.over_blocks`.

    Args:
        shown: whether all of the block is shown, too; else its warnings only if it raises, as the list is lost.
    """
    texts: list[str] = []
    before, others = _COLLECTIONS.set((*_COLLECTIONS.get(), texts)), _SHOWN.set(shown and _SHOWN.get())
    finished = False
    try:
        yield texts
        finished = True
    finally:
        _COLLECTIONS.reset(before)
        _SHOWN.reset(others)
        for text in () if shown or finished else texts:
            _show(logging.WARNING, text)
