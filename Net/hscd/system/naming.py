"""How messages name keys of the configuration: as a file has them, or as those give them who have no such file.

A message asks for the words when it is written: only what it advises is named so, never what it quotes of a user.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple


class Naming(NamedTuple):
    """What messages call keys: `name` one by itself, `given` one with its value; whether there are `sections`."""

    name: Callable[[str], str]
    given: Callable[[str, str], str]
    sections: bool = False


def _in_a_file(key: str, value: str) -> str:
    return f"{key} = {value}"


_OF_FILES = Naming(str, _in_a_file, sections=True)
# Of the thread that says something, as `messages` collects; `parallel.over_blocks` hands it to its threads.
_NAMING: ContextVar[Naming] = ContextVar("naming", default=_OF_FILES)


def named(key: str) -> str:
    """What the user calls a key."""
    return _NAMING.get().name(key)


def given(key: str, value: object) -> str:
    """How the user gives a key a value: `register = True` in a file."""
    return _NAMING.get().given(key, str(value))


def place(section: str, *keys: str) -> str:
    """Where keys stand, "[section] key, key" in a file; without sections their names alone, "" of none."""
    names = ", ".join(dict.fromkeys(map(named, keys)))
    return f"[{section}] {names}".rstrip() if _NAMING.get().sections else names


def at(section: str, text: str) -> str:
    """A message about a whole section, after the name of that where there are sections."""
    return f"{where}: {text}" if (where := place(section)) else text


def in_file(file: Path, text: str) -> str:
    """A message about a configuration file, after its name; where nobody gave one there are no sections either."""
    return f"{file}: {text}" if _NAMING.get().sections else text


@contextmanager
def named_by(naming: Naming) -> Iterator[None]:
    """Have messages that are written during the block name keys so."""
    before = _NAMING.set(naming)
    try:
        yield
    finally:
        _NAMING.reset(before)
