"""Stage: what a script does with each pair of a data set, spread over the machines of an engine."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from hscd.readers import enmap
from hscd.scenes.scaling import joined
from hscd.search.engines import ENGINES, Engine
from hscd.search.record import digest
from hscd.system import messages, storage
from hscd.system.errors import InputError
from image_pairs import Alone, open_pair
from pair_finding import PairFiles
from pipeline import spread
from pipeline.run_record import RunRecord, plain, resolved
from settings import DataSet, Settings

# What is done with a pair of a data set, whose name it gets: it writes the results and notes them.
Work = Callable[[Settings, str, Alone, RunRecord], None]
Ranges = tuple[np.ndarray, np.ndarray]

# Settings that no result depends on, beside the options of engines.
_NO_MATTER = ("engine", "workers", "memory_limit", "overrides")


@dataclass(frozen=True)
class PairTask:
    """The work of one of so many `pairs` of a data set; `outputs` are the files that it may write."""

    work: Work
    settings: Settings
    section: str
    alone: Alone
    pairs: int
    folder: Path
    outputs: tuple[Path, ...]
    depends: dict[str, Any]

    nothing: ClassVar[dict[str, Any]] = {"said": []}
    # The user may have mended what it was.
    ends_alike: ClassVar[bool] = False

    @property
    def record(self) -> Path:
        return spread.record_of(self)

    def run(self) -> dict[str, Any]:
        """Do it; what it noted and said, and what it wrote."""
        noted, output = RunRecord("", {}, pairs=self.pairs), io.StringIO()
        with redirect_stdout(output):
            self.work(self.settings, self.section, self.alone, noted)
        return {"part": noted.part, "said": output.getvalue().splitlines(), "written": _stamps(self.outputs)}

    def is_there(self, content: dict[str, Any]) -> bool:
        """Whether all that it wrote is as it wrote it."""
        return bool(content["written"] == _stamps(self.outputs))


class Job(NamedTuple):
    """What a script does: the work of a pair, and by its name the files that this reads and those that it writes."""

    work: Work
    reads: Callable[[str], Sequence[Path]] = lambda _: ()
    writes: Callable[[str], Sequence[Path]] = lambda _: ()


def spread_pairs(
    settings: Settings, section: DataSet, pairs: Sequence[PairFiles], job: Job, record: RunRecord
) -> dict[str, str]:
    """Do the work of each pair that is not done yet, and tell what came out.

    Args:
        settings: the run's settings.
        section: of the data set.
        pairs: all of it.
        job: what is to be done.
        record: of the run.

    Returns:
        What went wrong, by the names of the pairs.

    Raises:
        InputError: if another command is at these pairs, or the first one, whose order of bands all get, cannot be
            opened; also as `spread_ranges`, before the work on any pair.
    """
    told = _first_opened(settings, section, pairs[0])
    with storage.exclusive(settings.stat_path / f"{section.name}_pairs"):
        ranges, failures = None, dict[str, str]()
        if settings.apply_rescaling:
            with record.stage("reading"):
                ranges, failures = spread_ranges(settings, section, pairs, told)
        sound = [files for files in pairs if files.name not in failures]
        engine, _, base = spread.shared(settings, len(pairs))
        done = _run(engine, base, _tasks(base, section, pairs, sound, job, ranges), "pairs", told)
    for content in done:
        if not content["error"]:
            record.add_part(content["part"])
    failures |= _failures(sound, done)
    return {files.name: failures[files.name] for files in pairs if files.name in failures}


def _first_opened(settings: Settings, section: DataSet, first: PairFiles) -> set[str]:
    """Refuse a first pair that cannot be opened, as every task would; what was warned of."""
    with messages.collected() as told:
        try:
            open_pair(first, replace(section, register=False), settings)
        except InputError as error:
            raise InputError(
                f"[{section.name}] {first.name}: {error} (the first pair, which says the order of the bands of all)"
            ) from error
    return set(told)


def spread_ranges(
    settings: Settings, section: DataSet, pairs: Sequence[PairFiles], told: set[str]
) -> tuple[Ranges | None, dict[str, str]]:
    """The ranges of all pairs by band that can be read, and what is wrong with the others, by their names.

    Warnings that are not `told` yet are, and are added to that.

    Raises:
        InputError: if those of a pair are not known though it may be sound, as its process was killed: with the ranges
            of the others all maps would be wrong.
    """
    engine, _, base = spread.shared(settings, len(pairs))
    surveyed = _run(engine, base, _tasks(base, section, pairs, pairs, Job(_survey)), "ranges", told)
    lost = [files.name for files, content in zip(pairs, surveyed, strict=True) if _is_lost(content)]
    failures = _failures(pairs, surveyed)
    if lost:
        raise InputError(
            f"[{section.name}] {lost[0]}: {failures[lost[0]]}; so the ranges that all pairs are rescaled by are not "
            f"known (missing: {len(lost)} of {len(pairs)} pairs); the same command asks for these alone"
        )
    return joined([_ranges(content["part"]) for content in surveyed if not content["error"]]), failures


def _is_lost(content: Mapping[str, Any]) -> bool:
    return bool(content["error"]) and not content["refused"]


def _tasks(
    settings: Settings,
    section: DataSet,
    pairs: Sequence[PairFiles],
    chosen: Sequence[PairFiles],
    job: Job,
    ranges: Ranges | None = None,
) -> list[PairTask]:
    """Tasks of the chosen ones of all pairs."""
    inputs, found = _Inputs(settings, section), []
    for files in chosen:
        read = [path for each in (files, pairs[0]) for path in each if isinstance(path, Path)]
        depends = inputs.depends([*read, *job.reads(files.name)]) | {
            "work": job.work.__name__,
            "pair": files.name,
            "ranges": None if ranges is None else digest(ranges),
        }
        alone, writes = Alone(files, pairs[0], ranges), tuple(job.writes(files.name))
        folder = settings.stat_path / spread.FOLDER
        found.append(PairTask(job.work, settings, section.name, alone, len(pairs), folder, writes, depends))
    return found


def _failures(pairs: Sequence[PairFiles], done: Sequence[dict[str, Any]]) -> dict[str, str]:
    return {files.name: content["error"] for files, content in zip(pairs, done, strict=True) if content["error"]}


def _run(
    engine: Engine, settings: Settings, tasks: Sequence[PairTask], what: str, told: set[str]
) -> list[dict[str, Any]]:
    """The records of all tasks, in their order; what they said is told when they have ended, warnings once."""

    def tell(content: dict[str, Any]) -> dict[str, Any]:
        for text in spread.new_warnings([content], told):
            messages.warn(text)
        told.update(content["warnings"])
        for text in content["said"]:
            messages.result(text)
        return content

    found = {task.record: tell(content) for task in tasks if (content := spread.read(task)) is not None}
    missing = [task for task in tasks if task.record not in found]
    if found:
        messages.tell(f"{what} done: {len(found)}, to be done: {len(missing)}")
    with messages.progress(total=len(missing), desc=what, unit="pair") as bar:
        for ended, content in spread.ended(missing, engine, settings.workers):
            found[ended.record] = tell(content)
            bar.update()
    return [found[task.record] for task in tasks]


def _survey(settings: Settings, section: str, alone: Alone, record: RunRecord) -> None:
    """Note the ranges of a pair."""
    from dataprocessing import scenes

    (scene,) = scenes(section, replace(settings, apply_rescaling=True), alone=alone)
    assert scene.ranges is not None
    record.add_result(scene.name, {"ranges": [ends.tolist() for ends in scene.ranges]})


def _ranges(part: Mapping[str, Any]) -> Ranges:
    [(low, high)] = (figures["ranges"] for figures in part["results"].values())
    return np.array(low), np.array(high)


class _Inputs:
    """What results depend on: settings, and files by their sizes and the times that they were last changed."""

    def __init__(self, settings: Settings, section: DataSet) -> None:
        told = {name: value for name, value in resolved(settings, [section.name]).items() if name not in _NO_MATTER}
        engines_own = {option.name for name in ENGINES for option in ENGINES.options(name)}
        told["options"] = {name: value for name, value in settings.options.items() if name not in engines_own}
        text = json.dumps(plain(told), sort_keys=True)
        self._settings = hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
        self._named = [value for value in told["options"].values() if isinstance(value, Path)]
        self._listed: dict[Path, list[str]] = {}

    def depends(self, read: Sequence[Path]) -> dict[str, Any]:
        """What a result depends on that is made of some files and folders."""
        files = _stamps(found for path in (*read, *self._named) for found in self._of(path))
        return {"program": spread.program(), "settings": self._settings, "files": files}

    def _of(self, path: Path) -> list[Path]:
        """The files of a path: all in a folder; with a file those beside it that say more of it, as headers do."""
        if path.is_dir():
            return sorted(found for found in path.rglob("*") if found.is_file())
        if path.parent not in self._listed:
            self._listed[path.parent] = sorted(found.name for found in path.parent.glob("*"))
        names, product = self._listed[path.parent], enmap.product_of(path.name)
        start = path.stem if product is None else product
        # Those that start alike stand side by side.
        first = bisect_left(names, start)
        alike: Iterable[str] = itertools.takewhile(
            lambda name: name.startswith(start), itertools.islice(names, first, None)
        )
        if product is None:
            alike = (name for name in alike if name == start or name.startswith(f"{start}."))
        return [path.with_name(name) for name in alike]


def _stamps(paths: Iterable[Path]) -> dict[str, list[int]]:
    """Size and time of the last change of the files that are there."""
    found = {}
    for path in paths:
        with suppress(OSError):
            of = path.stat()
            found[str(path)] = [of.st_size, of.st_mtime_ns]
    return found
