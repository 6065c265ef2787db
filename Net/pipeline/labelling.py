"""Stage: the points of a sample labelled on a page: what it shows, and what becomes of the labels."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.records import Grid
from hscd.reports import furniture, gis
from hscd.reports.page.found import Run, read_run
from hscd.reports.page.surroundings import MOST_POINTS, surroundings
from hscd.scenes.band_choice import BandRange, Choice
from hscd.scenes.image import Image
from hscd.scenes.pairing import Reading, open_images
from hscd.system import messages, storage
from hscd.system.errors import InputError, brief, counted, listing
from hscd.system.hardware import available_memory
from hscd.system.paths import require_regular
from pipeline.run_record import state_of

# What a labeller could not tell: it counts as no label, and is told apart from a point that nobody has looked at.
UNSURE = "unsure"
# What a label may be written as.
_WORDS = {
    "changed": CHANGED, "1": CHANGED, "1.0": CHANGED, "unchanged": UNCHANGED, "0": UNCHANGED, "0.0": UNCHANGED,
    UNSURE: UNKNOWN,
}  # fmt: skip
# What a page calls them, and saves.
_SAVED = {CHANGED: "1", UNCHANGED: "0", UNKNOWN: UNSURE}
# Bytes of a file of labels: more than a page writes.
_MOST = 2**22


def labels_given(path: Path, values: np.ndarray) -> tuple[np.ndarray, int]:
    """The labels that were given by hand, unknown where there is none or its giver was unsure; and how many were that.

    Args:
        path: of the sample, for errors.
        values: (points,) as a GIS or a page wrote them.

    Raises:
        InputError: if there are other words.
    """
    labels, wrong, unsure = np.full(len(values), UNKNOWN, np.uint8), [], 0
    for number, value in enumerate(values.tolist()):
        text = _text(value)
        labels[number] = _WORDS.get(text, UNKNOWN)
        unsure += text == UNSURE
        if text and text not in _WORDS:
            wrong.append(text)
    if wrong:
        shown = listing(sorted(set(wrong)), lambda text: brief(text, 20))
        raise InputError(
            f"{path}: {counted(len(wrong), 'point')} with a {gis.CLASS} that is unknown: {shown}; expected 1 or "
            "changed, 0 or unchanged, unsure, or nothing"
        )
    return labels, unsure


def _text(value: Any) -> str:
    return "" if value is None or value != value else str(value).strip().lower()


# --- what a page shows -----------------------------------------------------------------------------------------------


def keep(
    path: Path, pair: tuple[Image, Image], labels: np.ndarray, places: tuple[np.ndarray, np.ndarray], grid: Grid
) -> bool:
    """Keep what the page of a sample shows of its points; whether there is any page.

    Args:
        path: the file, JSON.
        pair: before and after image.
        labels: (rows, columns) of the map.
        places: (points,) rows and columns.
        grid: where the pixels lie.

    Raises:
        InputError: if the images are not of the shape of the map, or cannot be read.
    """
    if pair[0].shape[:2] != labels.shape:
        shapes = " and ".join(" × ".join(map(str, of)) for of in (pair[0].shape[:2], labels.shape))
        raise InputError(f"{pair[0].path}: is not the image that the map was made of: they have {shapes} pixels")
    if len(places[0]) > MOST_POINTS:
        messages.warn(f"{len(places[0]):,} points are too many for a page to label them on; label them in a GIS")
        return False
    beside = furniture.of_grid(path, grid, labels.shape)
    of_pixels = {} if beside is None else {"metres": beside.metres, "aspect": beside.aspect}
    shown = surroundings(pair, labels, places, grid) | of_pixels
    content = json.dumps(shown, ensure_ascii=False, allow_nan=False)
    storage.write_bytes(path, content.encode("utf-8", "surrogateescape"))
    return True


def images_of(path: Path) -> tuple[Image, Image] | None:
    """The images that a map was made of, as the record of the run beside it has them; None without one.

    Raises:
        InputError: if they cannot be read any more.
    """
    prefix = path.stem.removesuffix("_corrected")
    for record in sorted(path.parent.glob("*run.json")):
        try:
            run = read_run(record)
        except InputError:
            continue
        for files in run.record.get("inputs") or []:
            if _is_of(run, files, prefix):
                return _opened(run.record["settings"], files)
    return None


def _is_of(run: Run, files: Any, prefix: str) -> bool:
    """Whether the maps of a pair, whose files a run notes, have names that start like this."""
    if not isinstance(files, dict) or "before" not in files:
        return False
    view = run.output(str(files.get("pair")), "view")
    named = "" if view is None else view.name
    return named == f"{prefix}_view.json" or (named == "view.json" and prefix == "change")


def _opened(settings: Mapping[str, Any], files: Mapping[str, Any]) -> tuple[Image, Image] | None:
    try:
        (section,) = settings["data_sets"].values()
        variables = [section[f"mat_label_{date}"] or section["mat_label"] for date in "ab"]
        bands, bad = (_choice(section[name]) for name in ("bands", "bad_bands"))
        paths = [Path(files[date]["path"]) for date in ("before", "after")]
        reading = Reading(
            bands, bad, section["nodata"], section["scale"], (variables[0], variables[1]), register=section["register"]
        )
    except (KeyError, TypeError, ValueError):
        return None  # of another version
    images = open_images(paths[0], paths[1], reading, available_memory())
    for path, date in zip(paths, ("before", "after"), strict=True):
        now = state_of(path)
        if any(files[date].get(name, now[name]) != now[name] for name in ("bytes", "changed")):
            messages.warn(
                f"{path}: was changed since the map was made of it; the page may show other images than its own"
            )
    return images


def _choice(entries: list[Any] | None) -> Choice | None:
    """A choice of bands as a record has it."""
    return None if entries is None else tuple(of if isinstance(of, str) else BandRange(*of) for of in entries)


# --- labels ----------------------------------------------------------------------------------------------------------


def sample_of(run: Run) -> Path | None:
    """The GeoPackage of the run that drew a sample; None of other runs."""
    found = [run.output(result, "sample") for result in run.record["results"]]
    return next((path for path in found if path is not None), None)


def labels_of(path: Path) -> dict[str, str]:
    """The labels of a sample by the points' ids, as a page has them; points without a label, or with another, left out.

    Raises:
        InputError: if the sample cannot be read.
    """
    fields, _ = gis.read_points(path)
    if not {"id", gis.CLASS} <= set(fields):
        raise InputError(f"{path}: expected the columns id and {gis.CLASS}")
    given = zip(fields["id"].tolist(), map(_text, fields[gis.CLASS].tolist()), strict=True)
    return {str(int(number)): _SAVED[_WORDS[text]] for number, text in given if text in _WORDS}


def save(path: Path, labels: Mapping[str, str | None]) -> None:
    """Save labels of a page in a sample.

    Args:
        path: of the sample.
        labels: by the points' ids, "1", "0" or "unsure"; None or "" for no label.

    Raises:
        InputError: if they are no labels of this sample.
        OSError: if it cannot be written; what was there before stays.
    """
    changes: dict[int, str | None] = {}
    for number, label in labels.items():
        if not number.isdecimal() or len(number) > 9 or label not in (*_SAVED.values(), None, ""):
            raise InputError(f"{path}: no label of a point: {brief(number, 20)}: {brief(label, 20)}")
        changes[int(number)] = label or None
    if changes:
        gis.write_labels(path, changes)


def take_over(path: Path, labels: Path) -> int:
    """Save the labels of a file that was downloaded from the page of a sample in the sample; how many there are.

    Args:
        path: of the sample.
        labels: CSV with the columns id, row, column and class.

    Raises:
        InputError: if it is not of this sample, or one of both cannot be used.
        OSError: as of `save`.
    """
    columns = ("id", "row", "column", gis.CLASS)
    try:
        if require_regular(labels).stat().st_size > _MOST:
            raise InputError(f"{labels}: too large for labels from a page")
        with labels.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{labels}: cannot be read: {error.strerror}") from error
    except (ValueError, csv.Error) as error:
        raise InputError(f"{labels}: not a file of labels: {brief(error)}") from error
    expected = f"expected the labels of a page, with the columns {', '.join(columns)}"
    if absent := [name for name in columns if rows and name not in rows[0]]:
        raise InputError(f"{labels}: {expected}; missing: {', '.join(absent)}")
    if not rows or not all(isinstance(row.get(name), str) for row in rows for name in columns):
        raise InputError(f"{labels}: {expected}; found {'a row that is too short' if rows else 'no row'}")
    fields, _ = gis.read_points(path)
    missing = [name for name in columns if name not in fields]
    if missing:
        raise InputError(f"{path}: expected the columns {', '.join(columns)}; missing: {', '.join(missing)}")
    known = {tuple(str(int(value)) for value in of) for of in zip(*(fields[name] for name in columns[:3]), strict=True)}
    strange = [row for row in rows if tuple(row[name].strip() for name in columns[:3]) not in known]
    if strange:
        raise InputError(f"{labels}: {len(strange)} of {len(rows)} points are not in {path}; is it of this sample?")
    given, _ = labels_given(labels, np.array([row[gis.CLASS] for row in rows], dtype=object))
    found = {
        row["id"].strip(): _SAVED[int(label)]
        for row, label in zip(rows, given, strict=True)
        if row[gis.CLASS].strip()
    }  # fmt: skip
    save(path, found)
    return len(found)
