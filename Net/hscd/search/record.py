"""The record of a search that is not finished: what it was asked, and every trial so far; text, never a pickle."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hscd.evaluation.confusion import Confusion
from hscd.records import Trial
from hscd.system import storage
from hscd.system.parallel import over_blocks

# 1: `epochs` of a trial was the epoch whose weights were kept; now it is the number of those that were run.
_VERSION = 2
# Records of other searches that are kept; beyond, the last one is overwritten.
_MOST_KEPT = 99
_BLOCK_BYTES = 2**24


@dataclasses.dataclass(frozen=True)
class Finished:
    """A finished trial, and what a search needs to go on after it.

    `values` are Hyperopt's values of its choice; `model` is the digest of its weights where they were saved; `lost` is
    True where its process died under it, which says nothing about the choice.
    """

    trial: Trial
    values: Mapping[str, Any]
    model: str = ""
    lost: bool = False


# Question, workers and trials of a record.
_Parsed = tuple[dict[str, Any], int | None, dict[int, Finished]]


def file_of(prefix: Path) -> Path:
    """The record of a search that is not finished, beside the model that it saves."""
    return prefix.with_name(f"{prefix.name}_search.json")


class SearchRecord:
    """The trials of a search, in a file that is complete at any moment.

    Attributes:
        path: of the file.
        finished: the trials by number.
        workers: how many processes ran them, on which depends what later trials try; None in a new record.
        discarded: why the record of the last search was not taken up; "" if it was, or if there was none.
        kept: where that record lies now.
        found: which of the records that were kept earlier was taken up; None if none was.
    """

    def __init__(self, path: Path, depends_on: Mapping[str, Any], max_evals: int) -> None:
        """Take up the record of the same search, or start a new one.

        Args:
            path: of the file. Records of other searches are kept beside it, for the day they are asked for again.
            depends_on: all that the result depends on, by name; values that are not plain count by their text.
            max_evals: number of trials; a search may be asked for more than when it was interrupted.
        """
        self.path = path
        self._depends_on = json.loads(json.dumps(depends_on, default=_plain))
        self.finished: dict[int, Finished] = {}
        self.workers: int | None = None
        self.discarded = ""
        self.kept = path
        self.found: Path | None = None
        kept = [self._kept_as(number) for number in range(1, _MOST_KEPT + 1)]
        usable: list[tuple[Path, _Parsed]] = []
        for file in (path, *kept):
            if file.is_file():
                parsed = self._of_this_search(file, max_evals)
                if not isinstance(parsed, str):
                    usable.append((file, parsed))
                elif file == path:
                    self.discarded = parsed
        if self.discarded:
            self.kept = next((file for file in kept if not file.is_file()), kept[-1])
            storage.move(path, self.kept)
        if not usable:
            return
        # There are several where a search was begun once more with a mistaken number of trials.
        taken, (_, self.workers, self.finished) = max(usable, key=lambda entry: len(entry[1][2]))
        if taken != path:
            self.found = taken
            storage.move(taken, path)
        for file, _ in usable:
            if file not in (path, taken):
                file.unlink()

    def _of_this_search(self, file: Path, max_evals: int) -> _Parsed | str:
        """The contents of a record of this search; of any other record, why it is not used."""
        try:
            old, _, finished = parsed = _parse(file.read_text(encoding="utf-8"))
        except _OtherVersionError:
            return "was written by another version of this program"
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return "is damaged"
        changed = [name for name in sorted({*old, *self._depends_on}) if old.get(name) != self._depends_on.get(name)]
        if changed:
            return f"belongs to a search with another {', '.join(changed)}"
        if any(number >= max_evals for number in finished):
            return f"has more trials than the {max_evals} requested"
        return parsed

    def _kept_as(self, number: int) -> Path:
        """Where a discarded record lies."""
        return self.path.with_name(f"{self.path.stem}_old{'' if number == 1 else number}{self.path.suffix}")

    def add(self, finished: Finished) -> None:
        """Record a trial; once this returns, it will not be repeated. One that was lost will."""
        if finished.lost:
            return
        self.finished[finished.trial.trial_id] = finished
        content = {
            "version": _VERSION,
            "question": self._depends_on,
            "workers": self.workers,
            "trials": [dataclasses.asdict(self.finished[number]) for number in sorted(self.finished)],
        }
        storage.write_bytes(self.path, json.dumps(content, default=_plain, indent=1).encode())

    def remove(self) -> None:
        """Remove the record of a search whose report is written."""
        self.path.unlink(missing_ok=True)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)


class _OtherVersionError(Exception):
    """A record whose values mean something else."""


def _parse(text: str) -> _Parsed:
    """What a record holds; a ValueError, KeyError, TypeError or the like if it is damaged."""
    content = json.loads(text)
    if type(content["version"]) is not int:
        raise TypeError("a version that is no number")
    if content["version"] != _VERSION:
        raise _OtherVersionError
    finished = {}
    for entry in content["trials"]:
        trial = Trial(**entry["trial"])
        for split in ("test", "val"):
            if split in trial.report:
                counts, threshold = trial.report[split]
                trial.report[split] = Confusion(**counts), float(threshold)
        if "curve" in trial.report:
            trial.report["curve"] = [[float(loss), float(val_loss)] for loss, val_loss in trial.report["curve"]]
        if type(trial.trial_id) is not int or not (trial.error or math.isfinite(trial.report["loss"])):
            raise ValueError("a trial without a number or a loss")
        finished[trial.trial_id] = Finished(trial, dict(entry["values"]), str(entry["model"]))
    workers = content["workers"]
    return dict(content["question"]), None if workers is None else int(workers), finished


def digest(arrays: Sequence[np.ndarray]) -> str:
    """A text that tells the contents of arrays apart."""
    total = hashlib.blake2b(digest_size=16)
    for array in arrays:
        data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)

        def of_block(block: slice, data: np.ndarray = data) -> bytes:
            return hashlib.blake2b(data[block].data).digest()

        total.update(f"{array.shape} {array.dtype.str}".encode())
        total.update(b"".join(over_blocks(of_block, len(data), _BLOCK_BYTES)))
    return total.hexdigest()
