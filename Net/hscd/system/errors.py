"""The one exception that means "what the user gave cannot be used"."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Sequence
from numbers import Real
from typing import TypeVar

T = TypeVar("T")

MOST_LISTED = 10
_NEAR, _BEGINNING = 0.8, 3  # how alike a name has to be to be meant, or how many letters it may begin with


class InputError(ValueError):
    """A file, folder, setting or argument that cannot be used.

    The message says in one line what was wrong, what was expected and what to do (a configuration file gets one line a
    problem); scripts print it without a traceback and exit with a status that is not 0.
    """


def printable(text: str) -> str:
    """Text of a file, fit for a terminal: what cannot be shown is a question mark."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def counted(count: int, what: str) -> str:
    """How many there are, as "1 trial" and "3,000 trials"."""
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def brief(text: object, length: int = 200) -> str:
    """Text of another program or of a file, fit for a message: one line, printable, not long."""
    line = printable(" ".join(str(text).split()))
    return line if len(line) <= length else f"{line[:length]}…"


def shown(value: object, length: int = 80) -> str:
    """An argument, fit for a message: texts, paths and numbers as they are written, of anything else its type."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    return brief(repr(value), length) if isinstance(value, str | Real | None) else type(value).__name__


def listing(items: Sequence[T], write: Callable[[T], str] = str, most: int = MOST_LISTED) -> str:
    """Items with commas between them, of more than `most` the first ones and how many others; "none" of none.

    Args:
        items: what is listed, in its order.
        write: what makes a text of each that is shown.
        most: how many are shown.
    """
    more = f" and {len(items) - most:,} more" if len(items) > most else ""
    return f"{', '.join(map(write, items[:most])) or 'none'}{more}"


def nearest(name: str, known: Iterable[str], before: str = "") -> str:
    """A question after the nearest known name, whatever its case; nothing where none is near.

    Args:
        name: what was given.
        known: the names that are known.
        before: what a name is to be written behind.
    """
    by_lower = {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=_NEAR)
    if len(name) >= _BEGINNING:
        near += [candidate for candidate in by_lower if candidate.startswith(name.lower())]
    return f"; did you mean {before}{by_lower[near[0]]}?" if near else ""
