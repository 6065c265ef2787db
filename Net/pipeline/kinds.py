"""Stage: write and tell the kinds of change of a pair."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from hscd.evaluation.matching import matched
from hscd.evaluation.result import MapResult
from hscd.kinds import KINDS, KindMap
from hscd.kinds.classes import learned, read_head, write_head
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.reports import gis, tables
from hscd.reports import kinds as reports
from hscd.reports.furniture import aspect_of
from hscd.reports.tables import Row
from hscd.scenes.scene import Scene
from hscd.scenes.title import title_of
from hscd.system import messages, storage
from pipeline import parts
from pipeline.plan import Plan, classes_file
from pipeline.run_record import RunRecord
from settings import DataSet, Settings


def files(settings: Settings, prefix: str) -> list[Path]:
    """The map, its picture, tables of kinds, their spectra, their classes; none where no kinds are asked for.

    Args:
        settings: the run's settings.
        prefix: how the names of the files start.

    Raises:
        InputError: if learned classes are asked for and cannot be read.
    """
    if KINDS[settings.kinds] is None:
        return []
    if settings.kinds == "classes":
        read_head(classes_file(settings))  # said before any work
    return _places(settings, prefix)


def _places(settings: Settings, prefix: str) -> list[Path]:
    endings = (".tif", ".png", ".csv", "_spectra.csv", "_classes.csv")
    return [settings.stat_path / f"{prefix}{ending}" for ending in endings]


def report(
    settings: Settings, plan: Plan, section: DataSet, scene: Scene, result: MapResult, prefix: str, record: RunRecord
) -> Row:
    """Tell the kinds of change of a map, and write them; what a run record says of them, nothing without.

    Args:
        settings: the run's settings.
        plan: what they ask for.
        section: of the data set.
        scene: the pair.
        result: its map.
        prefix: how the names of the files start.
        record: of the run, which notes the files.
    """
    found = plan.kinds(scene, result)
    if found is None:
        record.add_written(scene.name, "kinds", [])
        return {}
    *paths, of_classes = _places(settings, prefix)
    for doubt in found.doubts:
        messages.warn(f"{scene.name}: {doubt}")
    rows = _write(paths, found, scene, result)
    compared = scene.classes is not None and bool(rows)
    shown = ", ".join(f"{row.get('class', row['kind'])}: {tables.area(row['area'], row['unit'])}" for row in rows)
    messages.result(f"{scene.name}: kinds of change by {found.method}: {shown or 'none, as nothing changed'}")
    told: tables.Row = {"kinds": rows}
    if settings.kinds == "classes":
        told["kinds_classes"] = classes_file(settings)
    told |= {"classes": _compare(of_classes, found, scene, section)} if compared else {}
    written = [*(paths if rows else paths[:1]), paths[0].with_suffix(".qml"), *([of_classes] if compared else ())]
    record.add_written(scene.name, "kinds", written)
    return told


def learn(settings: Settings) -> tables.Row:
    """Learn the classes of change of `train_set`, where its labels have several, and save them beside the model.

    Returns:
        What a run record says of them; nothing without.
    """
    from dataprocessing import scenes

    section = settings[settings.train_set]
    file = settings.model_path / f"{settings.model_name}_classes.npz"
    values, head = section.changed_label or (), None
    if len(values) > 1:
        given = [_to_learn_from(scene, section, settings) for scene in scenes(section.name, settings)]
        names = {number: f"{value:.15g}" for number, value in enumerate(values, start=1)}
        head = learned(given, names, np.random.default_rng(settings.seed))
    if head is None:
        file.unlink(missing_ok=True)  # of an earlier model
        return {}
    write_head(file, head)
    messages.result(f"{settings.model_name}: classes of change {', '.join(head.names)}: {file}")
    return {"classes": list(head.names)}


def _to_learn_from(scene: Scene, section: DataSet, settings: Settings) -> Scene:
    """A scene without the labels of its test part, if it has parts."""
    if section.parts is None:
        return scene
    of = parts.part_map(section, settings, scene.name, scene.truth, scene.grid)
    return replace(scene, truth=np.where(of == parts.TEST, np.uint8(UNKNOWN), scene.truth))


def _write(paths: list[Path], found: KindMap, scene: Scene, result: MapResult) -> list[Row]:
    """Write the files; where nothing changed, a map alone. The rows of the table."""
    raster, picture, table, spectra = paths
    grid, bands, wavelengths = result.score_map.grid, scene.before.band_numbers, scene.before.wavelengths
    tags = {"DETECTOR": result.score_map.source, "KINDS_BY": found.method}
    gis.write_class_map(raster, found.values, reports.classes(found), grid, "kinds of change", tags)
    measured = [
        gis.changed_areas(raster, np.where(found.values == number, np.uint8(CHANGED), np.uint8(UNCHANGED)), grid)
        for number in range(1, len(found.pixels) + 1)
    ]
    if not measured:
        return []
    rows = reports.rows(found, [float(areas.sum()) for areas, _ in measured], measured[0][1])
    storage.write_csv(table, rows)
    storage.write_csv(spectra, reports.spectra_rows(found, bands, wavelengths))
    aspect = aspect_of(picture, grid, found.values.shape)
    reports.write_picture(picture, found, bands, wavelengths, f"Kinds of change of {title_of(scene)}", aspect)
    return rows


def _compare(path: Path, found: KindMap, scene: Scene, section: DataSet) -> Row:
    """Tell and write which kind is which class of the labels; the figures for the record."""
    assert scene.classes is not None
    names = [f"{value:.15g}" for value in section.changed_label or ()]
    given = [names.index(name) + 1 if name in names else 0 for name in found.names] if found.names else None
    matching = matched(found.values, scene.classes, scene.truth, given)
    names = names[: matching.counts.shape[1] - 1]
    rows = reports.matching_rows(matching, names)
    storage.write_csv(path, rows)
    taken = ", ".join(f"kind {row['kind']} is class {row['class']}" for row in rows[1:] if row["class"] is not None)
    taken = "classes against those of the labels" if found.names else taken
    figures = {
        "kappa": matching.kappa,
        "kappa_of_changed": matching.kappa_of_changed,
        "adjusted_rand_index": matching.rand_index,
    }
    messages.result(
        f"{scene.name}: {taken or 'no kind is a class of the labels'}: kappa {figures['kappa']:z.3f}, "
        f"{figures['kappa_of_changed']:z.3f} of the pixels that both call changed (adjusted Rand index "
        f"{figures['adjusted_rand_index']:z.3f})"
    )
    return figures | {"confusion": rows}
