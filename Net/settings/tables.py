"""The tables of keys in docs/keys.md and the comments of net.conf, made from the keys.

python -m settings.tables            prints them
python -m settings.tables --write    puts them between the marks of the two files
"""

from __future__ import annotations

import math
import re
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import config
from hscd.registry import Option
from hscd.system import storage
from settings.keys import KINDS

KEYS_PAGE = config.NET_PATH.parent / "docs" / "keys.md"
_WIDTH = 120


def markdown(kind: str) -> list[str]:
    """The table of a kind of section in docs/keys.md."""
    rows = [f"| `{key.name}` | {key.help} | {key.allowed} | {_default(key, '–')} |" for key in KINDS[kind]()]
    return ["| key | what | values | default |", "|---|---|---|---|", *rows]


def comments(kind: str) -> list[str]:
    """The lines of a kind of section in net.conf."""
    keys = KINDS[kind]()
    indent = max(len(key.name) for key in keys) + 6
    lines = []
    for key in keys:
        start = f"#   {key.name}".ljust(indent)
        # A second colon would hide which one the values come after.
        text = f"{key.help}{';' if ':' in key.help else ':'} {_values(key)}"
        lines += textwrap.wrap(text, _WIDTH, initial_indent=start, subsequent_indent="#".ljust(indent))
    return lines


def short_lines(kind: str) -> list[str]:
    """A line a key for --help: its name, what is allowed and its default."""
    keys = KINDS[kind]()
    width = max(len(key.name) for key in keys)
    return [f"  {key.name:<{width}}  {_values(key)}" for key in keys]


def filled(text: str, start: str, end: str, make: Any) -> str:
    """A text with what `make` gives for each kind of section put between its marks."""
    for kind in KINDS:
        first, last = (re.escape(mark.format(kind)) for mark in (start, end))
        body = "\n".join(make(kind)).replace("\\", r"\\")
        text, found = re.subn(rf"({first}\n).*?({last})", rf"\g<1>{body}\n\g<2>", text, flags=re.DOTALL)
        if found != 1:
            raise ValueError(f"expected one place that is marked {start.format(kind)}, found {found}")
    return text


def files() -> dict[Path, str]:
    """docs/keys.md and net.conf as they should be."""
    marked = {
        KEYS_PAGE: ("<!-- keys: {} -->", "<!-- end of keys: {} -->", markdown),
        config.DATA_CONFIG_PATH: ("# keys: {}", "# end of keys: {}", comments),
    }
    return {file: filled(file.read_text(encoding="utf-8"), *marks) for file, marks in marked.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    if (sys.argv[1:] if arguments is None else list(arguments)) == ["--write"]:
        for file, text in files().items():
            storage.write_bytes(file, text.encode())
        return 0
    for make in (markdown, comments):
        for kind in KINDS:
            print("\n".join(make(kind)), end="\n\n")
    return 0


def _values(key: Option) -> str:
    default = _default(key, "")
    if default:
        return f"{key.allowed} (default: {default})"
    return key.allowed if key.default is ... else f"{key.allowed} (optional)"


def _default(key: Option, nothing: str) -> str:
    """The default as net.conf would spell it, what counts in place of one, or `nothing`; empty if it must be given."""
    if key.default is ...:
        return ""
    if key.default is None:
        return key.otherwise or nothing
    if isinstance(key.default, float) and math.isfinite(key.default):
        return f"{key.default:.15g}"
    return key.default.as_posix() if isinstance(key.default, Path) else str(key.default)


if __name__ == "__main__":
    raise SystemExit(main())
