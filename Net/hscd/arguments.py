"""What functions of the library are given: checked, and named as its callers name it.

Messages name a key as a configuration file has it, `register = True`. Callers of the library have no such file: to them
it is the argument, or the option, of a call.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, wraps
from inspect import signature
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np

from hscd import labels
from hscd.corrections import CORRECTIONS
from hscd.detectors import DETECTORS
from hscd.normalisation import NORMALISATIONS
from hscd.registry import Option, Registry
from hscd.scenes.scene import Scene
from hscd.system import naming
from hscd.system.errors import InputError, nearest, shown
from hscd.thresholds import THRESHOLDS

P = ParamSpec("P")
T = TypeVar("T")

_FAMILIES: tuple[Registry[Any], ...] = (DETECTORS, THRESHOLDS, CORRECTIONS, NORMALISATIONS)
# The arguments of `hscd.detect` and `hscd.open_pair` that are not called as their keys are.
_ARGUMENTS = dict(zip(labels.KEYS, labels.ARGUMENTS, strict=True)) | {"matLabel": "variable"}
# All arguments of `hscd.detect` but the images and the options, and those that `hscd.open_pair` has beside them.
OF_DETECT = (
    "detector", "threshold", "correction", "normalisation", "shift_tolerance", "nodata", "rescale", "truth",
    "changed_label", "unchanged_label", "unknown_label", "seed", "ensemble", "ensemble_detectors",
)  # fmt: skip
OF_PAIR = ("labels", "bands", "bad_bands", "scale", "variable", "register")
# What is done to arrays in place of these arguments of `hscd.open_pair`.
_INSTEAD = {
    "bands": "slice the arrays: array[..., [0, 1, 2]] has the bands 1 to 3",
    "bad_bands": "leave bands of arrays out with np.delete(array, …, axis=2)",
    "scale": "multiply the arrays by the factor",
    "variable": "arrays are given as they are",
    "register": "shift_tolerance allows for shifts of arrays by up to a pixel",
}


@contextmanager
def told_by_arguments() -> Iterator[None]:
    """Have messages of the block name arguments in place of keys of a configuration file."""
    with naming.named_by(naming.Naming(_name, _argument)):
        yield


def _name(key: str) -> str:
    return _ARGUMENTS.get(key, key)


def _argument(key: str, text: str) -> str:
    is_text = key in ("bands", "bad_bands") or not re.fullmatch(r"True|False|None|[+-]?\d[\d.]*(e[+-]?\d+)?", text)
    value = f"math.{text}" if text in ("nan", "inf") else f'"{text}"' if is_text else text
    return f'options={{"{key}": {value}}}' if key in _options() else f"{_name(key)}={value}"


@cache
def _options() -> frozenset[str]:
    return frozenset(option.name for family in _FAMILIES for option in family.all_options())


def guided(function: Callable[P, T]) -> Callable[P, T]:
    """`hscd.detect` or `hscd.open_pair`, which says where an argument belongs that it does not have, or what is meant.

    Calls of the result raise `InputError` then.
    """
    takes, called = signature(function), f"hscd.{function.__name__}"
    own = list(takes.parameters)
    is_detect = "options" in own

    @wraps(function)
    def checked(*given: P.args, **named: P.kwargs) -> T:
        for name, value in named.items():
            if name in own:
                continue
            if is_detect and name in OF_PAIR:
                raise InputError(f"{name}: {_of_pair(name, value, given[0] if given else named.get('before'))}")
            if is_detect and name in _options():
                raise InputError(f"{name}: an option, not an argument: options={{{name!r}: {_written(value)}}}")
            if name in OF_DETECT:
                raise InputError(f"{name}: an argument of hscd.detect, not of {called}")
            meant = nearest(name, own) or f"; its arguments are {', '.join(own)}"
            raise InputError(f"{name}: no argument of {called}{meant}")
        try:
            takes.bind(*given, **named)
        except TypeError as error:
            raise InputError(f"{called}: {error}; expected {called}(before, after, …), the others by name") from None
        return function(*given, **named)

    return checked


def _of_pair(name: str, value: object, before: object) -> str:
    """Where an argument of `hscd.open_pair` belongs that `hscd.detect` was given, with what it has as `before`."""
    are_arrays = before is not None and not isinstance(before, str | os.PathLike | Scene)
    if name == "labels" and (are_arrays or not isinstance(value, str | os.PathLike)):
        return "truth=… is the argument of hscd.detect, for an array of labels"
    if are_arrays:
        return f"an argument of hscd.open_pair, which takes files alone; {_INSTEAD[name]}"
    return (
        "an argument of hscd.open_pair, whose scene hscd.detect takes: "
        f"hscd.detect(hscd.open_pair(before, after, {name}={_written(value)}))"
    )


def _written(value: object) -> str:
    """A value as a call has it, where that is short."""
    return shown(value) if isinstance(value, str | os.PathLike | Real | None) else "…"


# --- checks ----------------------------------------------------------------------------------------------------------


def member(family: Registry[Any], argument: str, name: object) -> str:
    """A name that `argument` gave of a method of a family.

    Raises:
        InputError: if there is no such method.
    """
    if not (isinstance(name, str) and name in family):
        raise InputError(
            f"{argument}: no {family.family} {shown(name)}{_near(name, family)}; known: {', '.join(family)}"
        )
    return name


def _near(name: object, known: Iterable[str]) -> str:
    return nearest(name, known) if isinstance(name, str) else ""


def options_of(chosen: Sequence[tuple[Registry[Any], str]], given: object) -> dict[str, Any]:
    """The options that were given of some methods, read as their texts in a configuration file would be.

    Args:
        chosen: the methods, each by its family and its name.
        given: values by name, None for none.

    Raises:
        InputError: if none of the methods has one of them, or a value is not allowed.
    """
    if not isinstance(given, Mapping | None):
        raise InputError(f'options: values by name expected, as {{"change_amount": "rare"}}, received {shown(given)}')
    known = {option.name: option for family, name in chosen for option in family.options(name)}
    if unknown := [name for name in given or {} if name not in known]:
        raise InputError(_no_such(unknown[0], chosen, list(known)))
    return {name: _read(known[name], value) for name, value in (given or {}).items()}


def _no_such(option: object, chosen: Iterable[tuple[Registry[Any], str]], known: Sequence[str]) -> str:
    """What to say of an option that no method has which is in use."""
    for function, arguments in (("detect", OF_DETECT), ("open_pair", OF_PAIR)):
        if option in arguments:
            return f"options: {option!r} is an argument of hscd.{function}, not an option"
    methods = dict.fromkeys(f"{family.family} {name}" for family, name in chosen)
    having = [f"{family.family} {name}" for family in _FAMILIES for name in family if _has(family, name, option)]
    others = f"; it goes with {' or '.join(having)}" if having else ""
    theirs = f"their options are {', '.join(known)}" if known else "none of them has options"
    wrong = f"{shown(option)}{_near(option, known)}"
    return f"options: none of the methods in use ({', '.join(methods)}) has an option {wrong}; {theirs}{others}"


def _has(family: Registry[Any], name: str, option: object) -> bool:
    return any(known.name == option for known in family.options(name))


def _read(option: Option, value: Any) -> Any:
    try:
        return option.read(value)
    except InputError as error:
        raise InputError(f"options: {error}") from None


def names(argument: str, value: object) -> list[Any]:
    """Names as a list, or as a text with commas between them; else an `InputError`."""
    if isinstance(value, str):
        return [name for part in value.split(",") if (name := part.strip())]
    if not isinstance(value, Iterable):
        raise InputError(f'{argument}: names expected, as ["cva", "irmad"] or "cva, irmad", received {shown(value)}')
    return list(value)


def integer(argument: str, value: object, least: int) -> int:
    """An integer that is no less than `least`; else an `InputError`."""
    if not (isinstance(value, Integral) and int(value) >= least):
        raise InputError(f"{argument}: an integer >= {least} expected, received {shown(value)}")
    return int(value)


def require_numbers(**given: object) -> None:
    """Raise `InputError` where an argument is no number, NaN and infinity among them, nor None."""
    for argument, value in given.items():
        if not isinstance(value, Real | None) or isinstance(value, bool):
            raise InputError(f"{argument}: a number expected, received {shown(value)}")


def require_flags(**given: object) -> None:
    """Raise `InputError` where an argument is neither True nor False: a text, "no" for example, would count as True."""
    for argument, value in given.items():
        if not isinstance(value, bool | np.bool_):
            raise InputError(f"{argument}: True or False expected, received {shown(value)}")


def path(argument: str, value: object) -> Path:
    """The path that a text or a path is; else an `InputError`."""
    if not isinstance(value, str | os.PathLike):
        raise InputError(f"{argument}: a path expected, received {type(value).__name__}")
    return Path(value)
