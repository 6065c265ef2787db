"""Stage: what a run did, as a file beside its results that reports and comparisons read."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import platform
import time
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from hscd.system import storage
from hscd.system.hardware import threads
from hscd.system.messages import collected
from pair_finding import PairFiles
from pipeline import pages
from settings import Settings
from settings.data_set import DataSet
from settings.keys import fields_of
from settings.learning import LearningSettings
from settings.two_images import IMAGES
from settings.used_settings import unused_settings

# Of the layout of the file.
_VERSION = 1
# Files that a run need not write, by pair, by part of its results ("kinds"), and by name, each with its `stamp_of`.
Written = dict[str, dict[str, dict[str, dict[str, Any]]]]
# How it calls what came out of a search.
BEST = "best trial"
# Files of a pair that are edited by hand.
_LABELS = ("label", "changed_mask", "unchanged_mask")
_PACKAGES = ("numpy", "scipy", "scikit-image", "scikit-learn", "tensorflow", "keras", "jax", "hyperopt", "rasterio")


class RunRecord:
    """What is told of a run.

    Args:
        command: what was run, "test" for example.
        settings: the settings as they were resolved; of a script without a configuration, its options by name.
        data_sets: names of the data sets that it works on.
        pairs: how many pairs it works on, where this record is of one of them; None for those that it notes.
    """

    def __init__(
        self,
        command: str,
        settings: Settings | Mapping[str, Any],
        data_sets: Sequence[str] = (),
        pairs: int | None = None,
    ) -> None:
        self._command = command
        self._settings = settings
        self._data_sets = list(dict.fromkeys(data_sets))
        self._pairs = pairs
        self._inputs: list[dict[str, Any]] = []
        self._results: dict[str, dict[str, Any]] = {}
        self._seen_and_unseen: dict[str, Any] = {}
        self._model: dict[str, Any] = {}
        self._options: set[str] = set()
        self._files: dict[str, dict[str, str]] = {}
        self._written: Written = {}
        self._thumbnails: dict[str, str] = {}
        self._stages: Counter[str] = Counter()
        self._started = datetime.now(UTC)
        self._clock = time.perf_counter()

    @property
    def command(self) -> str:
        """What was run."""
        return self._command

    @property
    def pairs(self) -> int:
        """How many pairs it works on, 1 or more."""
        return self._pairs or max(1, len({entry["pair"] for entry in self._inputs}))

    @property
    def results(self) -> dict[str, dict[str, Any]]:
        """What came out, by the names of pairs."""
        return self._results

    @property
    def written(self) -> Written:
        """What `add_written` and `add_kept` noted."""
        return self._written

    def add_inputs(self, pairs: Sequence[PairFiles]) -> None:
        """Note the files of pairs, with their sizes and the times they were last changed."""
        for files in pairs:
            self.add_files(files.name, **files._asdict())

    def add_files(self, pair: str, **files: Any) -> None:
        """Note files of a pair by what they are, as `add_inputs` does; what is no path is passed over."""
        paths = {name: value for name, value in files.items() if isinstance(value, Path)}
        states = {name: state_of(path) | (_digest(path) if name in _LABELS else {}) for name, path in paths.items()}
        self._inputs.append({"pair": pair} | states)

    def add_result(self, name: str, figures: Mapping[str, Any]) -> None:
        """Note what came out for a pair, or for a search."""
        self._results[name] = dict(figures)

    def add_apart(self, figures: Mapping[str, Mapping[str, Any]]) -> None:
        """Note figures of pairs that were seen in training and of those that were not, by name."""
        self._seen_and_unseen |= figures

    def add_model(self, **told: Any) -> None:
        """Note what a model is like."""
        self._model |= told

    def add_options(self, names: Iterable[str]) -> None:
        """Note options of methods that are in use, though the settings do not choose these methods."""
        self._options |= set(names)

    def add_outputs(self, name: str, files: Mapping[str, Path]) -> None:
        """Note files beside the record that the page of the run shows, by what they are, and their result."""
        self._files.setdefault(name, {}).update({what: path.name for what, path in files.items()})

    def add_written(self, name: str, part: str, files: Iterable[Path]) -> None:
        """Note files beside the record that runs of this command need not write, for `pipeline.replaced` of later ones.

        Args:
            name: of the pair that they tell of.
            part: of its results, "kinds" for example.
            files: what was written; none where this run has no such part. Those that somebody took away are not noted.
        """
        noted = self._written.setdefault(name, {}).setdefault(part, {})
        noted |= {path.name: stamp_of(path) for path in files if path.exists()}

    def add_kept(self, name: str, part: str, file: str, stamp: Mapping[str, Any]) -> None:
        """Note a file of an earlier run that is kept, as that one noted it."""
        self._written.setdefault(name, {}).setdefault(part, {})[file] = dict(stamp)

    def add_thumbnail(self, name: str, picture: str) -> None:
        """Note a small picture of a result, a data URI: an index of many runs then reads no more than their records."""
        self._thumbnails[name] = picture

    @property
    def part(self) -> dict[str, Any]:
        """What was noted of one pair, as JSON has it, for the record of the whole run."""
        noted = {"inputs": self._inputs, "model": self._model, "results": self._results, "files": self._files}
        noted |= {"thumbnails": self._thumbnails, "written": self._written}
        return plain(noted | {"stages": self._stages})

    def add_part(self, part: Mapping[str, Any]) -> None:
        """Note what a process noted of a pair, its `part`."""
        self._inputs += part["inputs"]
        self._model |= part["model"]
        self._results |= part["results"]
        self._thumbnails |= part["thumbnails"]
        self._written |= part["written"]
        self._stages.update(part["stages"])
        for name, files in part["files"].items():
            self._files.setdefault(name, {}).update(files)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time that the block takes to a stage of the run."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._stages[name] += time.perf_counter() - started  # type: ignore[assignment]

    def write(self, path: Path, warnings: Sequence[str]) -> None:
        """Write the record as JSON; what is NaN becomes null."""
        settings = resolved(self._settings, self._data_sets)
        content = {
            "version": _VERSION,
            "command": self._command,
            "started": self._started.isoformat(timespec="seconds"),
            "seconds": round(time.perf_counter() - self._clock, 3),
            "settings": settings,
            "unused_settings": self._unused_settings(),
            "seed": settings.get("seed"),
            "machine": {"system": platform.platform(), "processor": platform.machine(), "threads": threads()},
            "versions": {"python": platform.python_version()} | versions(),
            "inputs": self._inputs,
            "model": self._model,
            "results": self._results,
            "apart": self._seen_and_unseen,
            "files": self._files,
            "written": self._written,
            "thumbnails": self._thumbnails,
            "stages": {name: round(seconds, 3) for name, seconds in self._stages.items()},
            "warnings": list(warnings),
        }
        text = json.dumps(plain(content), indent=1, ensure_ascii=False, allow_nan=False)
        storage.write_bytes(path, text.encode("utf-8", "surrogateescape"))

    def _unused_settings(self) -> list[str]:
        of = self._settings
        return unused_settings(of, self._command, self._options) if isinstance(of, Settings) else []


@contextmanager
def recorded(
    command: str, settings: Settings | Mapping[str, Any], data_sets: Sequence[str], path: Path
) -> Iterator[RunRecord]:
    """A record of what is done in the block; it is written if the block ends without an error.

    Args:
        command: as of `RunRecord`.
        settings: as of `RunRecord`.
        data_sets: as of `RunRecord`.
        path: of the file.
    """
    record = RunRecord(command, settings, data_sets)
    with collected() as warnings:
        yield record
    if isinstance(settings, Settings):
        pages.remove(path)  # while the earlier record is there
    record.write(path, warnings)
    if isinstance(settings, Settings) and settings.report:
        pages.add(path)


def resolved(settings: Settings | Mapping[str, Any], data_sets: Sequence[str]) -> dict[str, Any]:
    """Settings by name, with the data sets of these names alone; options of a script as they are."""
    if isinstance(settings, Mapping):
        return dict(settings)
    fields = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    return fields | {"data_sets": {name: settings.data_sets[name] for name in data_sets}}


def differing_settings(
    earlier: Mapping[str, Any], settings: Settings, among: Container[str], data_set: str | None = None
) -> list[str]:
    """What an earlier run on one data set was told otherwise than this one, "with KEY=VALUE" or "without KEY" each.

    On two images all is told by --set: a default that took its place there was told by nobody, and what only follows
    from another difference goes without saying.

    Args:
        earlier: its settings, as its record has them.
        settings: those of this run.
        among: the keys that count.
        data_set: the one that both work on; None for `test_set`.
    """
    before, now = _by_key(earlier), _by_key(plain(resolved(settings, [data_set or settings.test_set])))
    texts, new = _texts(earlier.get("overrides") or []), _texts(settings.overrides)
    told, followed = [], []
    for name, value in before.items():
        if name not in among or now.get(name, value) == value:
            continue
        if settings.test_set != IMAGES or name in texts:
            told.append(f"without {name}" if value is None else f"with {name}={texts.get(name, value)}")
        elif name in new:
            told.append(f"without {name}={new[name]}")
        else:
            followed.append(f"without {name}" if value is None else f"with {name}={value}")
    return told or followed


def _texts(overrides: Sequence[str]) -> dict[str, str]:
    """The texts of --set by key."""
    return dict(text.split("=", 1) for text in overrides if "=" in text)


def _by_key(told: Mapping[str, Any]) -> dict[str, Any]:
    """The values of settings of one data set, as a record has them, by the keys that say them."""
    found = {key.name: told[name] for name, key in fields_of(Settings).items() if name in told}
    found |= told.get("options") or {}
    learning = told.get("learning") or {}
    found |= {key.name: learning[name] for name, key in fields_of(LearningSettings).items() if name in learning}
    for section in (told.get("data_sets") or {}).values():
        found |= {key.name: section[name] for name, key in fields_of(DataSet).items() if name in section}
    return found


def state_of(path: Path) -> dict[str, Any]:
    """What is noted of a file of the input: where it is, and its `stamp_of`."""
    return {"path": path} | stamp_of(path)


def stamp_of(path: Path) -> dict[str, Any]:
    """What tells later whether a file is still the same: its size, None of a folder, and when it was last changed."""
    found = path.stat()
    changed = datetime.fromtimestamp(found.st_mtime, UTC).isoformat(timespec="seconds")
    return {"bytes": None if path.is_dir() else found.st_size, "changed": changed}


def _digest(path: Path) -> dict[str, str]:
    """What tells labels that were edited, and kept their size, from those before; nothing of a folder."""
    if not path.is_file():
        return {}
    with path.open("rb") as file:
        return {"digest": hashlib.file_digest(file, "blake2b").hexdigest()[:32]}


def versions() -> dict[str, str]:
    """Versions of the packages that are there and decide over results."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value)
