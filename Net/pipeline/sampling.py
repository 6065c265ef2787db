"""Stage: a stratified random sample of a change map, and what it says of the map once it is labelled."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hscd.evaluation import sampling, stratified
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.readers import name_of
from hscd.reports import gis, sample_tables, tables
from hscd.reports.page.found import page_of
from hscd.scenes.image import Image
from hscd.scenes.pairing import Reading, open_images
from hscd.system import messages, storage
from hscd.system.errors import InputError, brief, counted
from hscd.system.hardware import available_memory
from hscd.system.paths import require_names
from pipeline import labelling, pages
from pipeline.change_map import FIELDS, NAMES, ChangeMap, classes_of_map, map_values, open_map
from pipeline.commands import suggested
from pipeline.run_record import RunRecord, recorded

_MAP = "MAP"
# Columns of an estimate by how the names of a figure and its interval end.
_ENDS = {"": "estimate", "_low": "lower", "_high": "upper"}


@dataclass(frozen=True)
class Design:
    """How a sample is drawn.

    `standard_error` is the one wanted of overall accuracy, `accuracies` the user's accuracies that are expected of
    changed and unchanged; `size` takes the place of both. `minimum` is the least number of points of a class.
    """

    standard_error: float
    accuracies: tuple[float, float]
    minimum: int
    size: int | None
    seed: int


# --- drawing ---------------------------------------------------------------------------------------------------------


def draw(path: Path, folder: Path | None, design: Design, images: tuple[Path, Path] | None = None) -> Path:
    """Draw a sample from a map, as MAP_sample.gpkg, and make a page to label it on.

    Args:
        path: of the map.
        folder: where the sample is written; None for that of the map.
        design: how it is drawn.
        images: before and after image for the page; None for those of the run beside the map, if there is one.

    Returns:
        The folder.

    Raises:
        InputError: if the map or the images cannot be used, the map is too small, or the sample is there already,
            with labels or without.
    """
    folder = path.parent if folder is None else folder
    target, record_path, shown = (
        folder / f"{name_of(path)}_sample{ending}" for ending in (".gpkg", "_run.json", "_view.json")
    )
    if target.exists():
        raise InputError(_in_the_way(target, path))
    storage.require_folder(folder)
    require_names([target, record_path, shown])
    change_map, pair = open_map(path), None if images is None else open_images(*images, Reading(), available_memory())
    with recorded("sample", vars(design), [], record_path) as record:
        record.add_files(name_of(path), map=path)
        points = _allocated(change_map, design)
        rng = np.random.default_rng(design.seed)
        chosen = {label: int(count) for label, count in zip(NAMES, points, strict=True) if count}
        rows, columns = sampling.draw(change_map.labels, chosen, rng)
        fields = {
            "id": np.arange(1, len(rows) + 1), "row": rows, "column": columns,
            "stratum": map_values(change_map.labels[rows, columns]),
        }  # fmt: skip
        told = {_MAP: _relative(path, folder), "SEED": design.seed}
        has_page = _show(record, change_map, (rows, columns), shown, pair)
        gis.write_points(target, rows, columns, change_map.grid, fields, told)
        record.add_outputs(name_of(path), {"sample": target})
        record.add_result(name_of(path), _tell(change_map, points, design, target))
    pages.add(record_path)
    if has_page:
        serving = suggested("report", folder, "--serve")
        messages.result(f"or label them on a page: open {page_of(record_path)}, or run\n  {serving}")
    return folder


def _in_the_way(target: Path, path: Path) -> str:
    """Why no sample of a map is drawn where there is one already, and what to do instead."""
    fields, _ = gis.read_points(target)
    if missing := [name for name in FIELDS if name not in fields]:
        return f"{target}: already exists, and is no sample: it has no {missing[0]}; choose another folder (--out)"
    given, unsure = labelling.labels_given(target, fields[gis.CLASS])
    labelled = int(np.count_nonzero(given != UNKNOWN)) + unsure
    of_points = f"labels of {labelled:,} of its {len(given):,} points" if labelled else "no labels yet"
    change_map = open_map(path)
    try:
        classes_of_map(target, fields, change_map)
    except InputError:
        told = f"{target}: already exists, a sample of an earlier or another map, with {of_points}"
        return f"{told}; choose another folder (--out){', or remove it' if not labelled else ''}"
    told = f"{target}: already exists, a sample of this map, with {of_points}"
    if not labelled:
        return f"{told}; label them, or, for another sample, choose another folder (--out) or remove it"
    estimating = suggested("sample", "--labelled", target)
    return f"{told}, which a new one would discard; choose another folder (--out), or estimate from them: {estimating}"


def _show(
    record: RunRecord,
    change_map: ChangeMap,
    places: tuple[np.ndarray, np.ndarray],
    path: Path,
    pair: tuple[Image, Image] | None,
) -> bool:
    """Keep what a page shows of the points, if their images are known; whether they are."""
    try:
        found = pair or labelling.images_of(change_map.path)
        if found is None or not labelling.keep(path, found, change_map.labels, places, change_map.grid):
            return False
    except InputError as error:
        if pair is not None:
            raise
        messages.warn(f"no page to label the points on: {error}")
        return False
    record.add_outputs(name_of(change_map.path), {"view": path})
    record.add_files("images", before=found[0].path, after=found[1].path)  # by the map's name they would title the page
    return True


def _allocated(change_map: ChangeMap, design: Design) -> np.ndarray:
    size = design.size
    if size is None:
        size = sampling.sample_size(change_map.weights, np.array(design.accuracies), design.standard_error)
    strata, pixels = int(np.count_nonzero(change_map.pixels)), int(change_map.pixels.sum())
    least = min(sampling.LEAST * strata, pixels)
    if strata == 1:
        only = "unchanged" if change_map.pixels[CHANGED] == 0 else "changed"
        messages.warn(f"{change_map.path}: all pixels are {only}: this is a simple random sample")
    if design.size is not None and not least <= size <= pixels:
        raise InputError(f"--size {size}: expected {least} to {pixels} points, as the map has {pixels:,} pixels")
    return sampling.allocation(change_map.pixels, min(max(size, least), pixels), design.minimum)


def _tell(change_map: ChangeMap, points: np.ndarray, design: Design, target: Path) -> tables.Row:
    """Print what was drawn and what it will be good for; the same for the record."""
    error = sampling.expected_error(change_map.weights, np.array(design.accuracies), points)
    total, unit = change_map.area()
    margin, share = stratified.Z * error, float(change_map.weights[CHANGED])
    if margin > share > 0:
        messages.warn(
            "the area of change would be uncertain by more than the map calls changed: draw more points "
            "(--size, or a smaller --standard-error)"
        )
    messages.result(
        f"{counted(int(points.sum()), 'point')}: {points[CHANGED]:,} of {change_map.pixels[CHANGED]:,} changed and "
        f"{points[UNCHANGED]:,} of {change_map.pixels[UNCHANGED]:,} unchanged pixels, in random order\n"
        f"expected precision, with user's accuracies of {design.accuracies[CHANGED]:g} and "
        f"{design.accuracies[UNCHANGED]:g}: overall accuracy to ± {margin:.3f}, area of change to ± "
        f"{tables.area(margin * total, unit)} (95 % interval; the map has {tables.area(share * total, unit)})\n"
        f"label them in a GIS: {gis.CLASS} = 1 where it really changed, 0 where not, without a look at the map; then "
        f"run\n  {suggested('sample', '--labelled', target)}"
    )
    return {
        "points": int(points.sum()), "expected_standard_error": error,
        "strata": {
            name: {"pixels": int(change_map.pixels[label]), "points": int(points[label])}
            for label, name in NAMES.items()
        },
    }  # fmt: skip


def _relative(path: Path, folder: Path) -> str:
    """A path as seen from a folder, so that both can be moved together."""
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:  # on Windows, on another drive
        return str(path.resolve())


# --- estimating ------------------------------------------------------------------------------------------------------


def estimate(path: Path, map_path: Path | None, folder: Path | None, labels: Path | None = None) -> Path:
    """Estimate accuracy and area from a labelled sample.

    Files: SAMPLE_accuracy.csv, SAMPLE_matrix.csv and SAMPLE_accuracy_run.json.

    Args:
        path: of the sample.
        map_path: of the map that it was drawn from; None for the one that it names.
        folder: where tables are written; None for that of the sample.
        labels: CSV file from the page of the sample, whose labels are saved in it first; None for none.

    Returns:
        The folder.

    Raises:
        InputError: if sample or map cannot be used, do not belong together, or a class has fewer than two labels.
    """
    folder = path.parent if folder is None else folder
    name = path.stem
    table, matrix, record_path = (
        folder / f"{name}_{ending}" for ending in ("accuracy.csv", "matrix.csv", "accuracy_run.json")
    )
    storage.require_folder(folder)
    require_names([table, matrix, record_path])
    if labels is not None:
        messages.tell(f"{labels}: {labelling.take_over(path, labels):,} labels saved in {path}")
    fields, told = gis.read_points(path)
    map_path = map_path or _recorded_map(path, told, () if folder == path.parent else ("--out", folder))
    change_map = open_map(map_path)
    with recorded("sample", {"labelled": path, "map": map_path}, [], record_path) as record:
        record.add_files(name, sample=path, map=map_path)
        counts = _counted(path, fields, change_map)
        accuracy = stratified.estimated(counts, change_map.pixels)
        total, unit = change_map.area()
        names = list(NAMES.values())
        rows = sample_tables.accuracy_rows(names, accuracy, total, unit)
        matrix_rows = sample_tables.matrix_rows(names, counts, change_map.pixels, accuracy)
        storage.write_csv(table, sample_tables.rounded(rows))
        storage.write_csv(matrix, sample_tables.rounded(matrix_rows))
        messages.result(sample_tables.lines(names, counts, change_map.pixels, accuracy, total, unit))
        _doubt(counts, change_map.pixels, float(accuracy.area.margin[CHANGED]))
        unlabelled = len(fields[gis.CLASS]) - int(counts.sum())
        overall = {f"overall_accuracy{end}": rows[0][of] for end, of in _ENDS.items()}
        found = {"unlabelled": unlabelled, "error_matrix": matrix_rows, "estimates": rows}
        record.add_result(name, found | overall)
    drawn = path.with_name(f"{name}_run.json")
    if labels is not None and drawn.is_file():
        pages.add(drawn)  # with the labels that are new
    pages.add(record_path)
    return folder


def _recorded_map(path: Path, told: dict[str, str], more: tuple[str | Path, ...]) -> Path:
    name, again = told.get(_MAP), suggested("sample", "MAP", "--labelled", path, *more)
    if not name:
        raise InputError(f"{path}: does not name its map; give it: {again}")
    found = (path.parent / name).resolve()  # GDAL would take ".." for the folder above a link
    if not found.exists():
        raise InputError(f"{path}: its map {brief(name)} does not exist; give it: {again}")
    return found


def _counted(path: Path, fields: dict[str, np.ndarray], change_map: ChangeMap) -> np.ndarray:
    """Labelled points by class in the map and class by hand, (2, 2).

    Raises:
        InputError: as of `estimate`.
    """
    if missing := [name for name in FIELDS if name not in fields]:
        raise InputError(f"{path}: expected the columns {', '.join(FIELDS)}, {', '.join(missing)} is missing")
    mapped = classes_of_map(path, fields, change_map)
    given, unsure = labelling.labels_given(path, fields[gis.CLASS])
    counts = np.array([
        [np.count_nonzero((mapped == row) & (given == column)) for column in NAMES] for row in NAMES
    ])  # fmt: skip
    for label, name in NAMES.items():
        points, pixels = int(counts[label].sum()), int(change_map.pixels[label])
        if points < min(sampling.LEAST, pixels):
            raise InputError(
                f"{path}: {counted(points, 'labelled point')} on {name} pixels, at least {sampling.LEAST} are needed; "
                f"fill in the column {gis.CLASS}"
            )
    open_yet = int(np.count_nonzero(given == UNKNOWN)) - unsure
    reasons = (open_yet, "not labelled yet"), (unsure, "marked unsure, which counts as no label")
    told = [f"{count} of {len(given)} points {'is' if count == 1 else 'are'} {why}" for count, why in reasons if count]
    if told:
        messages.warn(
            f"{path}: {'; '.join(told)}; the estimates hold only if these are missing at random, not because they were "
            "hard to label"
        )
    return counts


def _doubt(counts: np.ndarray, pixels: np.ndarray, margin: float) -> None:
    """Tell which errors the sample has not met, where they could be more than the interval of the area of change."""
    for (row, column), share in stratified.unseen(counts, pixels).items():
        if share > margin:
            messages.warn(
                f"none of the {counts[row].sum()} labelled points on {NAMES[row]} pixels is {NAMES[column]}: up to "
                f"{100 * share:.2g} % of the map may still be, which no standard error shows; label more points there"
            )
