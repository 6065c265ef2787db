"""Stage: open the image pairs of a data set, so that the two dates can be compared, and their labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hscd import readers
from hscd.labels import CHANGED, KEYS, UNCHANGED, UNKNOWN, doubt_of, remap, written
from hscd.labels import listed as values_of
from hscd.scenes.band_matching import match
from hscd.scenes.grids import same_grid
from hscd.scenes.image import Image
from hscd.scenes.inspection import bands_without_data
from hscd.scenes.nodata import leaving_out, without_data
from hscd.scenes.pairing import Reading, as_asked, if_swapped, open_images, opened_image
from hscd.system import naming
from hscd.system.errors import InputError
from hscd.system.hardware import available_memory
from hscd.system.messages import warn
from pair_finding import PairFiles, pair_files
from settings import DataSet, Settings

_MEBIBYTE = 2**20


class Alone(NamedTuple):
    """A pair by itself, with what it takes of the others of its data set.

    `first` is the first pair, whose bands say the order of all; `ranges` are those of all pairs by band, None where
    they are not known.
    """

    files: PairFiles
    first: PairFiles
    ranges: tuple[np.ndarray, np.ndarray] | None = None


def open_pairs(section: DataSet, conf: Settings, alone: Alone | None = None) -> list[tuple[PairFiles, Image, Image]]:
    """Open every pair of a data set, or one alone: its files, before image and after image.

    Raises:
        InputError: as `open_pair`; also if pairs are of different bands.
    """
    if alone is not None and alone.files != alone.first:
        # Of the first one only the bands are asked for.
        first = (alone.first, *open_pair(alone.first, replace(section, register=False), conf))
        return [(alone.files, *_as_in_first(first, alone.files, *open_pair(alone.files, section, conf)))]
    pairs = pair_files(section) if alone is None else [alone.files]
    first, *others = [(files, *open_pair(files, section, conf)) for files in pairs]
    return [first, *((files, *_as_in_first(first, files, before, after)) for files, before, after in others)]


def _as_in_first(
    first: tuple[PairFiles, Image, Image], files: PairFiles, before: Image, after: Image
) -> tuple[Image, Image]:
    """The images of a pair with their bands in the order of the first pair's."""
    name, image = first[0].name, first[1]
    bands = image.shape[2]
    try:
        found = [match(image, other) for other in (before, after)]
    except ValueError as error:
        raise InputError(f"{files.before}: {error}") from error
    ordered = [matched.second for matched in found if matched is not None and matched.second.shape[2] == bands]
    if len(ordered) < 2 and before.shape[2] != bands:
        raise InputError(f"{files.before}: {before.shape[2]} bands, pair {name} of the same data set has {bands}")
    if len(ordered) < 2:
        raise InputError(f"{files.before}: its bands are not those of pair {name} of the same data set")
    for note in dict.fromkeys(note for matched in found if matched is not None for note in matched.notes):
        warn(note)
    return ordered[0], ordered[1]


def open_pair(files: PairFiles, section: DataSet, conf: Settings) -> tuple[Image, Image]:
    """Open the images of a pair as its section says (`hscd.scenes.pairing`).

    Raises:
        InputError: if one is missing or unreadable, or they do not go together.
    """
    return open_images(files.before, files.after, reading_of(section), memory_limit(conf))


def reading_of(section: DataSet) -> Reading:
    """How a section has its images read."""
    return Reading(
        section.bands,
        section.bad_bands,
        section.nodata,
        section.scale,
        section.variables[:2],
        f"{where} " if (where := naming.place(section.name)) else "",
        section.register,
    )


def label_map(files: PairFiles, before: Image, section: DataSet, conf: Settings) -> np.ndarray:
    """A label map in the values of its file, or in those that the section has for the classes if it is two masks.

    A masked array where pixels are declared to hold no data, or are in none of the masks. Without ground truth all are.

    Raises:
        InputError: if it is unreadable, of another shape or place than the before image, or holds a value that is not
            configured.
    """
    limit = memory_limit(conf)
    changed, unchanged, unknown = _values(section)
    if files.changed_mask is not None and files.unchanged_mask is not None:
        changed_image = _label_image(files.changed_mask, None, files, before, limit)
        unchanged_image = _label_image(files.unchanged_mask, None, files, before, limit)
        classes = readers.map_of_masks(changed_image, unchanged_image, limit)
        labels = classes
        if section.changed_label is not None:  # pairs of the same list have label maps
            labels = np.ma.array(np.where(classes == CHANGED, changed[0], unchanged[0]), mask=classes == UNKNOWN)
        relabel(labels, section, files.changed_mask)
        return labels
    if files.label is not None:
        image = _label_image(files.label, section.variables[2], files, before, limit)
        labels, colours = readers.label_map_of(image, (*changed, *unchanged), values_of(unknown), limit)
        known = relabel(labels, section, files.label, colours=colours)
        if doubt := doubt_of(labels, known, _values(section), colours=colours):
            warn(f"{files.label}: {doubt}")
        return labels
    return np.ma.masked_all(before.shape[:2], np.uint8)


def _label_image(path: Path, variable: str | None, files: PairFiles, before: Image, limit: int) -> Image:
    """The image of a label map or a mask, which has to lie on the grid of the before image."""
    image = readers.open_label_map(path, variable, limit)
    for note in image.notes:
        warn(f"{path}: {note}")
    if image.shape[:2] != before.shape[:2]:
        # Where the axes are in another order, the one of length 1 may be the first.
        axes = tuple(length for length in image.shape if length > 1) if image.shape[2] > 1 else image.shape[:2]
        hint = if_swapped(axes, before.shape)
        raise InputError(f"{path}: label map of shape {image.shape[:2]}, images of {before.shape[:2]}{hint}")
    if image.grid is not None and before.grid is not None and not same_grid(image, before):
        raise InputError(f"{path}: not on the grid of {files.before}; resample it onto that grid (nearest neighbour)")
    return image


def _values(section: DataSet) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...] | str]:
    """What stands for changed, unchanged and unknown in label maps of a section; where it says nothing, as here."""
    if section.changed_label is None or section.unchanged_label is None:
        return (CHANGED,), (UNCHANGED,), (UNKNOWN,)
    return section.changed_label, section.unchanged_label, section.unknown_label or ()


def relabel(labels: np.ndarray, section: DataSet, source: Path | None = None, *, colours: bool = False) -> np.ndarray:
    """A label map in the program's labels; an error names the file it comes from, or else the section."""
    try:
        return remap(labels, *_values(section), colours=colours)
    except InputError as error:
        text = str(error)
        where = naming.place(section.name)
        told = naming.at(section.name, text) if source is None else f"{source}{f' ({where})' if where else ''}: {text}"
        raise InputError(told) from error


def found_of_both(labels: np.ndarray, section: DataSet) -> str:
    """How many pixels are changed and unchanged, with the values of a section that stand for these; for an error."""
    changed, unchanged = (f"{np.count_nonzero(labels == label):,}" for label in (CHANGED, UNCHANGED))
    given = dict(zip(KEYS, (section.changed_label or (), section.unchanged_label or ()), strict=False))
    return f"{changed} changed and {unchanged} unchanged" + (f" ({by_key})" if (by_key := written(given)) else "")


def memory_limit(conf: Settings) -> int:
    """The bytes that images and maps may take."""
    return available_memory() if conf.memory_limit is None else conf.memory_limit * _MEBIBYTE


def require_room(what: str, size: int, limit: int) -> None:
    """Raise `InputError` where arrays of so many bytes are more than the limit."""
    if size > limit:
        raise InputError(f"{what} take {size / _MEBIBYTE:,.2f} MiB, {limit / _MEBIBYTE:,.2f} MiB are available")


def require_labels(section: DataSet, conf: Settings) -> None:
    """Raise `InputError` where a data set has no ground truth."""
    if not any(files.has_labels for files in pair_files(section)):
        missing = "labelPath: missing" if section.pairs is None else f"pairs: no label in {section.pairs}"
        raise InputError(f"{conf.file}: [{section.name}] {missing}; train_set and test_set of a training need labels")


def all_masked(name: str, section: DataSet) -> str:
    """What to say of a pair whose every pixel is masked."""
    nodata = "the nodata of its file" if section.nodata is None else f"nodata = {section.nodata:.15g}"
    return (
        f"{naming.place(section.name, name)}: no valid pixels: every pixel is NaN, infinite or {nodata} in a band of "
        "one of its images"
    )


def nothing_left(files: PairFiles, section: DataSet, conf: Settings) -> str:
    """`all_masked`, and the bands without data, which can be left out."""
    message = all_masked(files.name, section)
    reading = reading_of(section)
    if reading.is_common:
        without = naming.given("bad_bands", "file, water, 900-910 nm")
        return f"{message}; bands that hold no data can be left out by wavelength: {without}"
    opened = [
        opened_image(path, variable, reading, memory_limit(conf))
        for path, variable in zip((files.before, files.after), reading.variables, strict=True)
    ]
    matched = match(*opened)
    images = opened if matched is None else [matched.first, matched.second]
    if empty := bands_without_data([as_asked(image, reading) for image in images]):
        message += f"; {without_data(empty, leaving_out(empty))}"
    return message
