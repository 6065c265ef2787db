"""How a field of a record declares the key that fills it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import config
from hscd.registry import Option
from hscd.system import parsing

# Of a field's metadata: the key, or what makes it.
OPTION = "option"


def key(
    name: str, parse: Callable[[str], Any], allowed: str, default: Any = ..., says: str = "", otherwise: str = ""
) -> dict[str, Any]:
    """Of a field's metadata: the key of the configuration that fills it."""
    return {OPTION: Option(name, parse, allowed, default, says, otherwise)}


def member(name: str, family: Mapping[str, Any], default: Any, says: str, otherwise: str = "") -> dict[str, Any]:
    """A key whose values are the members of a family, those that have registered when it is asked for."""

    def option() -> Option:
        *others, last = family
        allowed = f"{', '.join(others)} or {last}" if others else last
        return Option(name, parsing.one_of(family), allowed, default, says, otherwise)

    return {OPTION: option}


def members(name: str, family: Mapping[str, Any], says: str, otherwise: str) -> dict[str, Any]:
    """A key whose values are lists of different members of a family; None by default."""

    def option() -> Option:
        return Option(name, parsing.names_of(family), f"names among {', '.join(family)}", None, says, otherwise)

    return {OPTION: option}


def folder(name: str, constant: str, says: str) -> dict[str, Any]:
    """A key that names a folder, by default that of a constant of `config`.

    A constant that lies in the folder of `config`, as net.conf does, stands for the same place beside any other
    configuration file.
    """

    def option() -> Option:
        default: Path = getattr(config, constant)
        if default.is_relative_to(config.WORK_PATH):
            default = default.relative_to(config.WORK_PATH)
        return Option(name, parsing.path, "a folder", default, says)

    return {OPTION: option}
