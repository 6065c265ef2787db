"""Stage: write and tell the changed objects of a pair."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from hscd.evaluation import objects as evaluation
from hscd.evaluation.ensemble import member_probability
from hscd.evaluation.objects import Objects
from hscd.evaluation.result import MapResult
from hscd.labels import UNKNOWN
from hscd.reports import objects as reports
from hscd.reports.furniture import aspect_of
from hscd.reports.tables import Row
from hscd.system import messages, storage
from pipeline.run_record import RunRecord
from settings import Settings
from settings.records import BOXES


def files(settings: Settings, prefix: str) -> list[Path]:
    """The table of objects, their picture, and how many true ones are kept; none where no objects are asked for.

    Args:
        settings: the run's settings.
        prefix: how the names of the files start.
    """
    return _places(settings, prefix) if settings.objects == BOXES else []


def _places(settings: Settings, prefix: str) -> list[Path]:
    return [settings.stat_path / f"{prefix}{ending}" for ending in (".csv", ".png", "_kept.csv")]


class Found(NamedTuple):
    """The `objects` of a corrected map, and those of its part where the truth is known, None where that is nowhere."""

    objects: Objects
    comparable: Objects | None


def found(settings: Settings, result: MapResult, probability: np.ndarray | None = None) -> Found | None:
    """The changed objects of a map; None where none are asked for.

    Args:
        settings: the run's settings.
        result: the map of the pair.
        probability: (rows, columns) of change; None for that of the scores.
    """
    if settings.objects != BOXES:
        return None
    if probability is None:
        probability = member_probability(result.score_map, result.labels)
    objects = evaluation.objects_of(result.corrected, probability, settings.objects_overlap)
    if not result.counts.total:
        return Found(objects, None)
    known = np.where(result.truth == UNKNOWN, np.uint8(UNKNOWN), result.corrected)
    return Found(objects, evaluation.objects_of(known, probability, settings.objects_overlap))


def report(settings: Settings, of: Found | None, result: MapResult, prefix: str, record: RunRecord) -> Row:
    """Tell the objects of a map, and write them; what a run record says of them, nothing without.

    Args:
        settings: the run's settings.
        of: what `found` found.
        result: the map that they are of.
        prefix: how the names of the files start.
        record: of the run, which notes the files.
    """
    if of is None:
        record.add_written(result.name, "objects", [])
        return {}
    table, picture, kept = _places(settings, prefix)
    objects = of.objects
    storage.write_csv(table, reports.rows(objects), reports.COLUMNS)
    aspect = aspect_of(picture, result.score_map.grid, result.corrected.shape)
    reports.write_picture(picture, objects, result, f"Changed objects of {result.title}", aspect)
    record.add_written(result.name, "objects", [table, picture])
    if objects.left_out:
        messages.warn(f"{result.name}: the {objects.left_out:,} smallest changed regions are left out of the objects")
    messages.result(f"{result.name}: {reports.line(objects)}")
    agreement = None if of.comparable is None else evaluation.agreement(of.comparable, result.truth)
    if agreement is None:
        return {"objects": {"found": len(objects.boxes)}}
    rows = reports.kept_rows(*(evaluation.kept_by_size(of, result.truth) for of in (result.labels, result.corrected)))
    storage.write_csv(kept, rows)
    record.add_written(result.name, "objects", [kept])
    messages.result(f"{result.name}: {reports.agreement_line(agreement, rows)}")
    return {"objects": {"found": len(objects.boxes)} | agreement._asdict() | {"kept": rows}}
