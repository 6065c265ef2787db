"""Stage: methods on data sets with several seeds, what is missing of them run, and all of it put together."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hscd.labels import UNKNOWN
from hscd.reports.furniture import of_grid
from hscd.scenes.fingerprint import fingerprint_of, part_of
from hscd.search.engines import Engine
from hscd.search.record import digest
from hscd.system import messages, storage
from hscd.system.errors import InputError
from hscd.system.paths import require_names
from image_pairs import Alone, label_map, open_pairs, relabel
from pipeline import comparison_report, parts, replaced, spread
from pipeline.cells import Cell, Outcome, Pair, cell_of
from pipeline.methods import methods_of
from pipeline.pair_tasks import spread_ranges
from pipeline.run_record import recorded
from settings import Settings

# Seconds a pixel and band until a method was seen at work, and of a cell whatever its size.
_EXPECTED, _START = 2e-6, 2.0
# Fields of a data set that say how its pixels are read.
_READING = ("mat_label", "mat_label_a", "mat_label_b", "nodata", "bands", "bad_bands", "scale", "register")


@dataclass(frozen=True)
class Request:
    """What to compare: texts of methods, None for the default ones, names of data sets, and the number of seeds.

    `models` is the folder of saved models, `parts` that of the parts of pairs; `named` says whether the data sets have
    names that tell something.
    """

    methods: Sequence[str] | None
    data: Sequence[str]
    seeds: int
    models: Path
    parts: Path
    named: bool = True


def compare(settings: Settings, request: Request) -> None:
    """Compare methods; cells that an earlier run finished are taken from its records."""
    folder = settings.stat_path
    settings = replace(settings, model_path=request.models)
    methods = methods_of(request.methods, settings)
    with recorded("compare", settings, request.data, folder / "run.json") as record:
        for method in methods:
            record.add_options([*method.options, *(method.pseudo.options if method.pseudo else ())])
        with messages.collected() as told:
            opened = [pair for name in request.data for pair in _pairs(name, settings, request)]
            pairs = [pair for pair, _ in opened]
            if any(method.sees_ranges for method in methods):
                pairs = _with_ranges(pairs, settings, told)
        require_names([folder / name for name in comparison_report.files(pairs)])
        files = [pair.files for pair in pairs]
        record.add_inputs(files)
        others = replaced.warn_of_comparison(folder, [method.name for method in methods], files)
        engine, workers, base = spread.shared(settings, len(pairs) * len(methods) * request.seeds)
        # All methods with the first seed come first, so that a run that is cut short has all of them.
        cells = [
            cell_of(method, pair, settings.seed + seed, base, folder / spread.FOLDER, seed == 0 and not pair.labelled)
            for seed in range(request.seeds)
            for pair in pairs
            for method in methods
        ]
        with storage.exclusive(folder / "comparison"):
            with record.stage("runs of methods"):
                outcomes = _outcomes(cells, workers, engine, settings.workers)
            _tell(outcomes, told)
            comparison_report.report(folder, outcomes, record, {pair.name: images for pair, images in opened})
            replaced.remove_unwritten(record, folder / "run.json", others)


def _pairs(name: str, settings: Settings, request: Request) -> list[tuple[Pair, dict[str, np.ndarray]]]:
    """The pairs of a data set, with the labels that judge: those of the test part where there are parts; and pictures.

    To open them once more for these would register and warn of them anew.
    """
    section = settings[name]
    opened = open_pairs(section, settings)
    places = tuple(fingerprint_of(before, after) for _, before, after in opened)
    read = {
        field.name: str(getattr(section, field.name)) for field in dataclasses.fields(section) if field.name in _READING
    }
    found = []
    for (files, before, after), place in zip(opened, places, strict=True):
        truth, grid = np.full(before.shape[:2], UNKNOWN, np.uint8), before.grid or after.grid
        if files.has_labels:
            truth = relabel(label_map(files, before, section, settings), section)
        if section.parts is not None and files.has_labels:
            where = replace(settings, stat_path=request.parts)
            truth, of = parts.test_part(section, where, files.name, truth, grid)
            place = part_of(place, of)
        depends = {"pixels": place, "labels": digest([truth]), "shape": list(before.shape), "read": read}
        shown = name if len(opened) == 1 else f"{name} {files.name}"
        shown = shown if request.named else files.name
        beside = None if grid is None else of_grid(before.path, grid, truth.shape)
        alone = Alone(files, opened[0][0])
        pair = Pair(name, shown, alone, before.shape[2], place, places, truth, depends, beside)
        found.append((pair, comparison_report.pictures(before, after)))
    return found


def _with_ranges(pairs: Sequence[Pair], settings: Settings, told: Sequence[str]) -> list[Pair]:
    """The pairs with the ranges of their data sets, for methods that see rescaled values; of a single pair its own.

    Raises:
        InputError: if those of a pair are not known.
    """
    found: list[Pair] = []
    for name, of in itertools.groupby(pairs, lambda pair: pair.section):
        alike, ranges = list(of), None
        if len(alike) > 1:
            files = [pair.files for pair in alike]
            ranges, failures = spread_ranges(settings, settings[name], files, set(told))
            if failures:  # a pair that has a place in the tables, and would be mapped by the ranges of the others
                pair, error = next(iter(failures.items()))
                raise InputError(f"[{name}] {pair}: the ranges that all pairs are rescaled by are not known: {error}")
        found += [replace(pair, alone=pair.alone._replace(ranges=ranges)) for pair in alike]
    return found


def _outcomes(cells: Sequence[Cell], workers: int, engine: Engine, wanted: int | None) -> list[Outcome]:
    """All cells with their records; those without one are run by an engine, so many at a time as are `wanted`."""
    records = {cell.record: record for cell in cells if (record := spread.read(cell)) is not None}
    # Two data sets may have the same pair.
    missing = list({cell.record: cell for cell in cells if cell.record not in records}.values())
    if records:
        messages.tell(f"runs done: {len(records)}, to be run: {len(missing)}")
    pace = _Pace(workers)
    for cell in cells:
        if cell.record in records:
            pace.seen(cell, records[cell.record])
    with messages.whole(comparing=pace.left(missing)) as whole:
        waiting, done = list(missing), 0.0
        for cell, record in spread.ended(missing, engine, wanted):
            records[cell.record] = record
            pace.seen(cell, record)
            waiting.remove(cell)
            done += pace.left([cell])
            whole.report(done / (done + pace.left(waiting)))
    return [Outcome(cell, records[cell.record]) for cell in cells]


def _tell(outcomes: Sequence[Outcome], told: Sequence[str]) -> None:
    """Tell what was warned of while runs read their pairs, and why runs have no map, each once."""
    found = dict.fromkeys(spread.new_warnings([record for _, record in outcomes], told))
    for cell, record in outcomes:
        if record["error"]:
            found[f"{cell.pair.name}, {cell.method.name}: no map: {record['error']}"] = None
    for text in found:
        messages.warn(text)


class _Pace:
    """How long cells take, told from those that are done: a method's time grows with pixels and bands."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._rates: dict[str, float] = {}

    def seen(self, cell: Cell, record: dict[str, Any]) -> None:
        """A cell is done."""
        if not record["error"]:
            self._rates[cell.method.name] = record["elapsed"] / self._size(cell)

    def left(self, cells: Sequence[Cell]) -> float:
        """Seconds that cells will take."""
        usual = float(np.mean(list(self._rates.values()))) if self._rates else _EXPECTED
        each = [_START + self._rates.get(cell.method.name, usual) * self._size(cell) for cell in cells]
        return sum(each) / self._workers

    @staticmethod
    def _size(cell: Cell) -> int:
        return cell.pair.truth.size * cell.pair.bands
