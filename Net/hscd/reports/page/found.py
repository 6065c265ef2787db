"""The records of runs that lie in a folder and below it, and the files beside them that their pages show."""

from __future__ import annotations

import csv
import json
import os
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hscd.system.errors import InputError
from hscd.system.paths import require_regular

# A record ends like this; that of detect.py and compare.py has no more to its name.
_RECORD = "run.json"
# Folders that hold no records: TensorBoard's, and the parts of comparisons.
_PASSED = {"logs", "cells"}
# How deep below the folder of the results those of earlier experiments may lie, and how many folders are looked into:
# it may be the folder of all that somebody has.
_DEEP, _FOLDERS = 3, 2000
# Bytes of a file that is read: more than any that the program writes.
_MOST = 2**25
# What a record cannot be without.
_NEEDED = {"command": str, "started": str, "settings": dict, "results": dict, "warnings": list}


@dataclass(frozen=True)
class Run:
    """A run: its record, and the file that this was read from."""

    path: Path
    record: dict[str, Any]

    @property
    def page(self) -> Path:
        """The file of its page."""
        return page_of(self.path)

    @property
    def name(self) -> str:
        """What it is called: how its file is, or the folder where that has no name of its own."""
        return self.path.stem.removesuffix("run").rstrip("_") or self.path.resolve().parent.name

    def output(self, result: str, what: str) -> Path | None:
        """A file that the run noted for a result; None where it noted none, or it is gone."""
        noted = self.record.get("files", {}).get(result, {}).get(what)
        if not isinstance(noted, str) or noted != Path(noted).name:
            return None
        path = self.path.with_name(noted)
        return path if path.is_file() and path.stat().st_size <= _MOST else None

    def table(self, result: str, what: str) -> list[dict[str, str]]:
        """The rows of a CSV file that the run noted; none where there is no such file."""
        path = self.output(result, what)
        if path is None:
            return []
        with path.open(encoding="utf-8", newline="", errors="replace") as file:
            return [row for row in csv.DictReader(file) if None not in row and None not in row.values()]

    def json(self, result: str, what: str) -> dict[str, Any] | None:
        """The content of a JSON file that the run noted; None where there is none that can be read."""
        path = self.output(result, what)
        try:
            content = None if path is None else json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        return content if isinstance(content, dict) else None


def page_of(path: Path) -> Path:
    """The page of the run whose record is at a path."""
    return path.with_suffix(".html")


def read_run(path: Path) -> Run:
    """The run of a record.

    Raises:
        InputError: if it is none that a program of this kind wrote.
    """
    try:
        if require_regular(path).stat().st_size > _MOST:
            raise InputError(f"{path}: not a record of a run: it is larger than {_MOST >> 20} MiB")
        record = json.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a record of a run: {error}") from error
    if not isinstance(record, dict):
        raise InputError(f"{path}: not a record of a run")
    for name, kind in _NEEDED.items():
        if not isinstance(record.get(name), kind):
            raise InputError(f"{path}: not a record of a run: it has no {name}")
    if not all(isinstance(figures, dict) for figures in record["results"].values()):
        raise InputError(f"{path}: not a record of a run: its results are no figures by name")
    return Run(path, record)


def read_runs(folder: Path) -> tuple[list[Run], list[str]]:
    """The runs in a folder and below it, the latest first, and what is wrong with records that cannot be read.

    Args:
        folder: that of the results; those of earlier experiments may be kept in folders in it, three deep.
    """
    runs, problems = [], []
    places, looked = deque([(folder, 0)]), 0
    while places and looked < _FOLDERS:
        place, depth = places.popleft()
        looked += 1
        below, records = _listed(place)
        if depth < _DEEP:
            places += [(path, depth + 1) for path in below]
        for path in records:
            try:
                runs.append(read_run(path))
            except InputError as error:
                problems.append(str(error))
    if places:
        problems.append(f"{folder}: holds more than {_FOLDERS:,} folders; runs in the others are not listed")
    runs.sort(key=lambda run: run.record["started"], reverse=True)
    return runs, problems


def _listed(folder: Path) -> tuple[list[Path], list[Path]]:
    """Folders in which there may be runs, and records; none of a folder that cannot be read."""
    folders, records = [], []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders += [] if entry.name in _PASSED else [Path(entry.path)]
                elif entry.name.endswith(_RECORD):
                    records.append(Path(entry.path))
    except OSError:
        return [], []
    return sorted(folders), sorted(records)
