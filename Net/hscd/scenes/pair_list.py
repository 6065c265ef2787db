"""Lists of image pairs: a CSV file in UTF-8 with a row a pair, and paths relative to the file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hscd.system import parsing
from hscd.system.errors import InputError, brief, listing
from hscd.system.paths import require_regular

_NEEDED = ("name", "before", "after")
_MASKS = ("changed_mask", "unchanged_mask")
_COLUMNS = (*_NEEDED, "label", *_MASKS, "split")
_HEADER_LENGTH = 1000
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True)
class Row:
    """A pair of a list, and the line on which it stands; without ground truth there is neither label map nor masks."""

    line: int
    name: str
    before: Path
    after: Path
    label: Path | None
    changed_mask: Path | None
    unchanged_mask: Path | None


def read(file: Path, split: str | None = None) -> list[Row]:
    """The pairs of a list, sorted by name.

    Args:
        file: CSV file with the columns name, before, after and, as they apply, label, changed_mask and unchanged_mask,
            split.
        split: the value in the column split of the rows to take; None for all.

    Raises:
        InputError: naming file and line, if it is unreadable, has unknown, missing or repeated columns, a row lacks a
            value, a name cannot be part of a file name or appears twice, or no row is left.
    """
    try:
        with require_regular(file).open(encoding="utf-8-sig", newline="") as lines:
            separator = _other_separator(lines.readline(_HEADER_LENGTH))
            if separator:
                raise InputError(f"{file}, line 1: its columns are separated by {separator}; expected commas")
            lines.seek(0)
            reader = csv.reader(lines, strict=True)
            columns = _columns(file, next(reader, []))
            found = [
                (reader.line_num, _values(file, reader.line_num, columns, [value.strip() for value in row]))
                for row in reader
                if row
            ]
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: not a text file in UTF-8: {error.reason}") from error
    except csv.Error as error:
        raise InputError(f"{file}, line {reader.line_num}: not a CSV file: {brief(error)}") from error
    _refuse_repeated(file, found)
    if split is not None and "split" not in columns:
        raise InputError(f"{file}, line 1: no column split, which split = {split!r} needs")
    rows = [_row(file, line, values) for line, values in found if split in (None, values.get("split"))]
    if not rows:
        splits = sorted({values.get("split", "") for _, values in found})
        there = f"the values of split are {listing(splits, repr)}"
        raise InputError(f"{file}: lists no pair" + ("" if split is None else f" of split {split!r}; {there}"))
    return sorted(rows, key=lambda row: row.name)


def _other_separator(line: str) -> str:
    """What stands in a line in place of commas, as spreadsheets of some languages have it; "" where nothing does."""
    return "" if "," in line else next((name for mark, name in _OTHER_SEPARATORS.items() if mark in line), "")


def _columns(file: Path, header: Sequence[str]) -> list[str]:
    columns = [name.strip() for name in header]
    for name in columns:
        if name not in _COLUMNS:
            raise InputError(f"{file}, line 1: unknown column {brief(name)!r}; known: {', '.join(_COLUMNS)}")
        if columns.count(name) > 1:
            raise InputError(f"{file}, line 1: the column {name} appears twice")
    if missing := [name for name in _NEEDED if name not in columns]:
        raise InputError(f"{file}, line 1: no column {', '.join(missing)}; expected {', '.join(_NEEDED)} at least")
    return columns


def _values(file: Path, line: int, columns: Sequence[str], row: Sequence[str]) -> dict[str, str]:
    if len(row) != len(columns):
        separator = _other_separator(",".join(row))
        hint = f"; they are separated by {separator}, expected commas" if separator else ""
        raise InputError(f"{file}, line {line}: {len(row)} values, the first line names {len(columns)} columns{hint}")
    values = {name: value for name, value in zip(columns, row, strict=True) if value}
    for name in _NEEDED:
        if name not in values:
            raise InputError(f"{file}, line {line}: no {name}")
    masks = [name for name in _MASKS if name in values]
    if masks and "label" in values:
        raise InputError(f"{file}, line {line}: found a label and masks; expected one of the two")
    if len(masks) == 1:
        raise InputError(f"{file}, line {line}: {masks[0]} alone; expected both masks, or a label")
    if masks and Path(values[masks[0]]) == Path(values[masks[1]]):
        raise InputError(f"{file}, line {line}: both masks are {brief(values[masks[0]])}; expected two different ones")
    return values


def _refuse_repeated(file: Path, found: Sequence[tuple[int, dict[str, str]]]) -> None:
    lines: dict[str, int] = {}
    for line, values in found:
        name = values["name"]
        if name in lines:
            raise InputError(
                f"{file}, line {line}: the name {brief(name)!r} is also on line {lines[name]}; results would "
                "overwrite each other"
            )
        lines[name] = line


def _row(file: Path, line: int, values: dict[str, str]) -> Row:
    try:
        name = parsing.file_name(values["name"])
    except ValueError:
        raise InputError(
            f"{file}, line {line}: the name {brief(values['name'])!r} cannot be part of a file name"
        ) from None
    label, *masks = (file.parent / values[column] if column in values else None for column in ("label", *_MASKS))
    return Row(line, name, file.parent / values["before"], file.parent / values["after"], label, *masks)


def named_paths(rows: Sequence[Row]) -> list[tuple[int, str, Path]]:
    """Line, column and path of all that rows name."""
    every = [
        (row.line, column, getattr(row, column)) for row in rows for column in ("before", "after", "label", *_MASKS)
    ]
    return [(line, column, path) for line, column, path in every if path is not None]


def require_files(file: Path, rows: Sequence[Row]) -> None:
    """Raise `InputError`, naming the line of the list, where what a row names is not there."""
    for line, column, path in named_paths(rows):
        if not _exists(path):
            raise InputError(f"{file}, line {line}: {brief(str(path))}: no such file or folder ({column})")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # longer than a path can be
        return False
