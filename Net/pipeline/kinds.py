"""Stage: write and tell the kinds of change of a pair."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hscd.evaluation.result import MapResult
from hscd.kinds import KindMap
from hscd.labels import CHANGED, UNCHANGED
from hscd.reports import gis, tables
from hscd.reports import kinds as reports
from hscd.scenes.scene import Scene
from hscd.system import messages, storage
from pipeline.plan import Plan
from settings import Settings


def files(settings: Settings, prefix: str) -> list[Path]:
    """The map, its picture, and the tables of kinds and of their spectra; none where no kinds are asked for.

    Args:
        settings: the run's settings.
        prefix: how the names of the files start.
    """
    if settings.kinds == "none":
        return []
    return [settings.stat_path / f"{prefix}{ending}" for ending in (".tif", ".png", ".csv", "_spectra.csv")]


def report(settings: Settings, plan: Plan, scene: Scene, result: MapResult, prefix: str) -> tables.Row:
    """Tell the kinds of change of a map, and write them; what a run record says of them, nothing without.

    Args:
        settings: the run's settings.
        plan: what they ask for.
        scene: the pair.
        result: its map.
        prefix: how the names of the files start.
    """
    found = plan.kinds(scene, result)
    if found is None:
        return {}
    for doubt in found.doubts:
        messages.warn(f"{scene.name}: {doubt}")
    rows = _write(files(settings, prefix), found, scene, result)
    shown = ", ".join(f"{row['kind']}: {tables.area(row['area'], row['unit'])}" for row in rows)
    messages.result(f"{scene.name}: kinds of change by {found.method}: {shown or 'none, as nothing changed'}")
    return {"kinds": rows}


def _write(paths: list[Path], found: KindMap, scene: Scene, result: MapResult) -> list[tables.Row]:
    """Write the files; where nothing changed, a map alone. The rows of the table."""
    raster, picture, table, spectra = paths
    grid, bands, wavelengths = result.score_map.grid, scene.before.band_numbers, scene.before.wavelengths
    tags = {"DETECTOR": result.score_map.source, "KINDS_BY": found.method}
    gis.write_class_map(raster, found.values, reports.classes(found), grid, "kinds of change", tags)
    measured = [
        gis.changed_areas(raster, np.where(found.values == number, CHANGED, UNCHANGED), grid)
        for number in range(1, len(found.pixels) + 1)
    ]
    if not measured:
        return []
    rows = reports.rows(found, [float(areas.sum()) for areas, _ in measured], measured[0][1])
    storage.write_csv(table, rows)
    storage.write_csv(spectra, reports.spectra_rows(found, bands, wavelengths))
    reports.write_picture(picture, found, bands, wavelengths, f"Kinds of change of {scene.name}")
    return rows
