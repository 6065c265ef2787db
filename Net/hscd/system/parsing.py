"""Values of a configuration from their text: each parser raises ValueError for what it does not allow."""

from __future__ import annotations

import ast
import configparser
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from hscd.system.errors import brief

_COLOUR = re.compile("0[xX][0-9a-fA-F]{6}")
_LINES_SHOWN = 10


def broken_lines(error: configparser.Error, text: str) -> list[str]:
    """What is wrong with the lines of a configuration that configparser refuses, a text each that names one."""
    lines = text.split("\n")

    def at_line(number: int, wrong: str) -> str:
        return f"line {number}: found {brief(lines[number - 1].strip())!r}{wrong}"

    if isinstance(error, configparser.DuplicateSectionError):
        return [at_line(error.lineno or 1, ", a section that already appears above; remove one of the two")]
    if isinstance(error, configparser.DuplicateOptionError):
        return [at_line(error.lineno or 1, f", a key that [{error.section}] already has; remove one of the two")]
    if isinstance(error, configparser.MissingSectionHeaderError):
        return [at_line(error.lineno, "; expected a section first, [settings] for example")]
    if isinstance(error, configparser.ParsingError):
        expected = "; expected KEY = VALUE, [SECTION], or # before a comment"
        return [at_line(number, expected) for number, _ in error.errors[:_LINES_SHOWN]]
    return [brief(error)]


class Colour(float):
    """A configured value of a label map that is written as a colour: red · 65536 + green · 256 + blue."""


@dataclass(frozen=True)
class OneOf:
    """A parser of one of some names, which messages look at."""

    names: tuple[str, ...]

    def __call__(self, text: str) -> str:
        if text not in self.names:
            raise ValueError
        return text


@dataclass(frozen=True)
class NamesOf:
    """A parser of one or more of some names, separated by commas, each at most once."""

    names: tuple[str, ...]

    def __call__(self, text: str) -> tuple[str, ...]:
        found = tuple(map(OneOf(self.names), (part.strip() for part in text.split(","))))
        if len(set(found)) < len(found):
            raise ValueError
        return found


def one_of(names: Iterable[str]) -> OneOf:
    """A parser of one of these names."""
    return OneOf(tuple(names))


def names_of(known: Iterable[str]) -> NamesOf:
    """A parser of one or more of these names, separated by commas, each at most once."""
    return NamesOf(tuple(known))


def boolean(text: str) -> bool:
    """True or False, and what configparser takes for them."""
    try:
        return configparser.ConfigParser.BOOLEAN_STATES[text.lower()]
    except KeyError:
        raise ValueError from None


def number(text: str, low: float = -math.inf, high: float = math.inf, *, high_included: bool = False) -> float:
    """A finite number in ]low, high[ or ]low, high]."""
    value = float(text)
    if not (low < value < high or (high_included and value == high)):  # NaN fails every comparison
        raise ValueError
    return value


def not_negative(text: str) -> float:
    """A finite number >= 0."""
    value = number(text)
    if value < 0:
        raise ValueError
    return value


def number_or_nan(text: str) -> float:
    """A finite number, or NaN."""
    return math.nan if math.isnan(float(text)) else number(text)


def label_values(text: str, parse: Callable[[str], float] = number) -> tuple[float, ...]:
    """Values of a label map, separated by commas: numbers as `parse` reads them, or colours, 0xRRGGBB."""
    parts = [part.strip() for part in text.split(",")]
    return tuple(Colour(int(part, 16)) if _COLOUR.fullmatch(part) else parse(part) for part in parts)


def integer(text: str, low: int, high: float = math.inf) -> int:
    """An integer in [low, high]."""
    value = int(text)
    if not low <= value <= high:
        raise ValueError
    return value


def file_name(text: str) -> str:
    """A text that can be part of a file name."""
    if not text or any(character in text for character in "/\\\0\n") or text in (".", ".."):
        raise ValueError
    return text


def filled(text: str) -> str:
    """A text that is not empty, without NUL, which no path can hold; of one line, as an indented line is part of it."""
    if not text or "\n" in text or "\0" in text:
        raise ValueError
    return text


def names(text: str) -> tuple[str, ...]:
    """Names that are separated by commas or stand on lines of their own, each once."""
    found = tuple(dict.fromkeys(name.strip() for name in text.replace("\n", ",").split(",") if name.strip()))
    if not found or "\0" in text:
        raise ValueError
    return found


def path(text: str) -> Path:
    """A path that is not empty."""
    return Path(filled(text))


def integers(text: str, low: int = 1, high: float = math.inf) -> list[int]:
    """A Python list of integers in [low, high], not empty."""
    try:
        values = ast.literal_eval(text)
    except (SyntaxError, MemoryError, RecursionError, TypeError):
        raise ValueError from None
    # bool is an int to isinstance
    if (
        not isinstance(values, list)
        or not values
        or not all(type(value) is int and low <= value <= high for value in values)
    ):
        raise ValueError
    return values
