"""Stage: open the image pairs of a data set, so that the two dates can be compared, and their labels."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np

from hscd import readers
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN, remap
from hscd.scenes import band_choice
from hscd.scenes.band_matching import match
from hscd.scenes.common_bands import at_common_wavelengths
from hscd.scenes.grids import onto, overlaps, same_grid
from hscd.scenes.image import Image, held, physical, with_bands, without_alpha
from hscd.scenes.inspection import listed
from hscd.scenes.scene import windows_of
from hscd.system.errors import InputError
from hscd.system.hardware import available_memory
from hscd.system.messages import tell, warn
from pair_finding import PairFiles, pair_files
from settings import DataSet, Settings

_MEBIBYTE = 2**20


def open_pairs(section: DataSet, conf: Settings) -> list[tuple[PairFiles, Image, Image]]:
    """Open every pair of a data set: its files, before image and after image.

    Raises:
        InputError: as `open_pair`; also if pairs are of different bands.
    """
    first, *others = [(files, *open_pair(files, section, conf)) for files in pair_files(section)]
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
    """Open the before image and the after image of a pair: the chosen bands, scaled, on one grid, NaN where masked.

    Raises:
        InputError: if one is missing or unreadable, or they do not go together.
    """
    before, after = (
        opened_image(path, variable, section, conf)
        for path, variable in zip((files.before, files.after), section.variables, strict=False)
    )
    for image in (before, after):
        for note in image.notes:
            warn(f"{image.path}: {note}")
    common = _is_common(section)
    if common:
        before, after = (_with(image, _kept(image, section), section) for image in (before, after))
    else:
        before, after = _comparable(before, after, section)
    _tell_of_places(before, after)
    if (before.scale is None) != (after.scale is None) and section.scale is None:
        scaled, other = (before, after) if after.scale is None else (after, before)
        warn(f"{scaled.path}: scaled as its file declares, {other.path} is not; `scale = 1` uses both as stored")
    before, after = (_physical(image, section) for image in (before, after))
    if common:
        before, after = _at_common_wavelengths(before, after, section)
    if before.grid is not None and after.grid is not None:
        if not same_grid(before, after):
            if after.block == after.shape[:2]:  # packed as a whole, and each tile would unpack it anew
                after = held(after)
            dtype = np.result_type(after.dtype, np.float32)
            moved = onto(after, before.grid, before.shape[:2], dtype, math.nan)
            if not overlaps(after, before):
                raise InputError(
                    f"{files.after}: does not overlap {files.before}; they are georeferenced to different places"
                )
            after = moved
    elif before.shape != after.shape:
        raise InputError(
            f"{files.after}: shape {after.shape} differs from {before.shape} of the before image (rows, columns, "
            f"bands), and without georeference of both it cannot be resampled{_if_swapped(after.shape, before.shape)}"
        )
    return readers.checked(before), readers.checked(after)


def _is_common(section: DataSet) -> bool:
    return section.bands is not None and band_choice.COMMON in section.bands


def _at_common_wavelengths(before: Image, after: Image, section: DataSet) -> tuple[Image, Image]:
    """Both images resampled to the bands that they have in common; what is lost is told."""
    try:
        found = at_common_wavelengths(before, after)
    except ValueError as error:
        raise InputError(f"[{section.name}] bands = {band_choice.COMMON}: {error}") from error
    if found.lost:
        warn(f"compared at {found.said}: {found.lost}")
    else:
        tell(f"compared at {found.said}")
    return found.first, found.second


def _tell_of_places(before: Image, after: Image) -> None:
    """Say so where only one of two images is georeferenced, or says in which coordinate system."""
    for lost, other in ((before, after), (after, before)):
        if lost.grid is None and other.grid is not None and lost.shape == other.shape:
            warn(f"{lost.path}: has no georeference; assumed to lie on the grid of {other.path}")
        elif lost.grid is not None and other.grid is not None and other.grid.crs and not lost.grid.crs:
            warn(f"{lost.path}: names no coordinate system; assumed to use that of {other.path}")


def opened_image(path: Path, variable: str | None, section: DataSet, conf: Settings) -> Image:
    """An image whose alpha bands are a mask, unless the section asks for one of them by its number."""
    image = readers.open_image(path, variable, memory_limit(conf), keep_alpha=True)
    if image.alpha is not None and section.bands is not None:
        numbers = (band + 1 for band in image.alpha.bands)
        if any(band_choice.names_number(section.bands, number) for number in numbers):
            return replace(image, alpha=None)
    return without_alpha(image)


def _comparable(before: Image, after: Image, section: DataSet) -> tuple[Image, Image]:
    """The same bands of both images, in one order, as far as the section asks for them.

    Those that are bad in one of them are dropped in both.
    """
    try:
        matched = match(before, after)
    except ValueError as error:
        raise InputError(f"{after.path}: {error}") from error
    if matched is not None:
        for note in matched.notes:
            warn(note)
        keep = _kept(matched.first, section) & _kept(matched.second, section)
        return _with(matched.first, keep, section), _with(matched.second, keep, section)
    # Nothing says which band is which: each image has its own numbers.
    chosen = [_with(image, _kept(image, section), section) for image in (before, after)]
    if chosen[0].shape[2] != chosen[1].shape[2]:
        raise InputError(
            f"{after.path}: {chosen[1].shape[2]} bands, {chosen[0].shape[2]} in the before image"
            + (_if_swapped(after.shape, before.shape) or "; choose the common ones with `bands`")
        )
    return chosen[0], chosen[1]


def _if_swapped(shape: tuple[int, ...], image: tuple[int, int, int]) -> str:
    """What to add about a shape that has the axes of an image, two or all three, in another order."""
    if shape == image or shape not in permutations(image, len(shape)):
        return ""
    return f"; {shape} has the axes of {image} in another order: swap them in one of the two files"


def _kept(image: Image, section: DataSet) -> np.ndarray:
    """Whether the section asks for each band of an image, (bands,) boolean."""
    keep = np.ones(image.shape[2], bool)
    key = "bands"
    try:
        if section.bands is not None:
            keep = band_choice.chosen(section.bands, image)
        key = "bad_bands"
        bad = section.bad_bands
        if bad is not None and _is_common(section) and image.bad_bands is None:
            bad = tuple(entry for entry in bad if entry != band_choice.FILE)  # the list of the other sensor is meant
        if bad is not None:
            keep &= ~band_choice.chosen(bad, image)
    except ValueError as error:
        raise InputError(f"[{section.name}] {key}: {error}") from error
    return keep


def _with(image: Image, keep: np.ndarray, section: DataSet) -> Image:
    if not keep.any():
        raise InputError(f"[{section.name}] bands, bad_bands: no band of {image.path} is left")
    return image if keep.all() else with_bands(image, np.flatnonzero(keep))


def _physical(image: Image, section: DataSet) -> Image:
    """An image as the section says: scaled or not, and NaN where its nodata is."""
    if section.nodata is not None:
        image = replace(image, nodata=(section.nodata,) * image.shape[2])
    if section.scale is not None:
        scale = None if section.scale == 1 else np.full(image.shape[2], section.scale)
        image = replace(image, scale=scale, offset=None)
    return physical(image)


def label_map(files: PairFiles, before: Image, section: DataSet, conf: Settings) -> np.ndarray:
    """A label map in the values of its file, or in those that the section has for the classes if it is two masks.

    A masked array where pixels are declared to hold no data, or are in none of the masks. Without ground truth all are.

    Raises:
        InputError: if it is unreadable, of another shape or place than the before image, or holds a value that is not
            configured.
    """
    limit, colours = memory_limit(conf), False
    changed, unchanged, unknown = _values(section)
    if files.changed_mask is not None and files.unchanged_mask is not None:
        changed_image = _label_image(files.changed_mask, None, files, before, limit)
        unchanged_image = _label_image(files.unchanged_mask, None, files, before, limit)
        classes = readers.map_of_masks(changed_image, unchanged_image, limit)
        labels = classes
        if section.changed_label is not None:  # pairs of the same list have label maps
            labels = np.ma.array(np.where(classes == CHANGED, changed[0], unchanged[0]), mask=classes == UNKNOWN)
        source = files.changed_mask
    elif files.label is not None:
        image = _label_image(files.label, section.variables[2], files, before, limit)
        labels, colours = readers.label_map_of(image, (*changed, *unchanged), unknown, limit)
        source = files.label
    else:
        return np.ma.masked_all(before.shape[:2], np.uint8)
    relabel(labels, section, source, colours=colours)
    return labels


def _label_image(path: Path, variable: str | None, files: PairFiles, before: Image, limit: int) -> Image:
    """The image of a label map or a mask, which has to lie on the grid of the before image."""
    image = readers.open_label_map(path, variable, limit)
    for note in image.notes:
        warn(f"{path}: {note}")
    if image.shape[:2] != before.shape[:2]:
        # Where the axes are in another order, the one of length 1 may be the first.
        axes = tuple(length for length in image.shape if length > 1) if image.shape[2] > 1 else image.shape[:2]
        hint = _if_swapped(axes, before.shape)
        raise InputError(f"{path}: label map of shape {image.shape[:2]}, images of {before.shape[:2]}{hint}")
    if image.grid is not None and before.grid is not None and not same_grid(image, before):
        raise InputError(f"{path}: not on the grid of {files.before}; resample it onto that grid (nearest neighbour)")
    return image


def _values(section: DataSet) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """What stands for changed, unchanged and unknown in label maps of a section; where it says nothing, as here."""
    if section.changed_label is None or section.unchanged_label is None:
        return (CHANGED,), (UNCHANGED,), (UNKNOWN,)
    return section.changed_label, section.unchanged_label, section.unknown_label or ()


def relabel(labels: np.ndarray, section: DataSet, source: Path | None = None, *, colours: bool = False) -> np.ndarray:
    """A label map in the program's labels; an error names the file it comes from, or else the section."""
    try:
        return remap(labels, *_values(section), colours=colours)
    except InputError as error:
        where = f"{source} ([{section.name}])" if source else f"[{section.name}]"
        raise InputError(f"{where}: {error}") from error


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
        f"[{section.name}] {name}: no valid pixels: every pixel is NaN, infinite or {nodata} in a band of "
        "one of its images"
    )


def nothing_left(files: PairFiles, section: DataSet, conf: Settings) -> str:
    """`all_masked`, and the bands without data, which can be left out."""
    said = all_masked(files.name, section)
    if _is_common(section):
        return f"{said}; bands that hold no data can be left out by wavelength: bad_bands = file, water, 900-910 nm"
    opened = [
        opened_image(path, variable, section, conf)
        for path, variable in zip((files.before, files.after), section.variables, strict=False)
    ]
    matched = match(*opened)
    images = opened if matched is None else [matched.first, matched.second]
    empty: set[int] = set()
    for image in images:
        image = _physical(image, section)
        holds = np.zeros(image.shape[2], bool)
        for window in windows_of(image):
            holds |= np.isfinite(image.window(*window)).any(axis=(0, 1))
        empty |= set(image.band_numbers[~holds].tolist())
    if 0 < len(empty) < images[0].shape[2]:
        bands = listed(sorted(empty))
        said += f"; bands {bands} hold no data at all: leave them out with bad_bands = {bands}"
    return said
