"""Stage: find the image pairs of a data set and open them, so that the two dates can be compared."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from config import DATA_PATH, DataSet, Settings
from hscd import band_choice, readers
from hscd.band_matching import match
from hscd.errors import InputError, printable
from hscd.grids import onto, overlaps, same_grid
from hscd.hardware import available_memory
from hscd.image import Image, physical, with_bands, without_alpha
from hscd.inspection import listed
from hscd.labels import UNKNOWN, remap
from hscd.messages import warn
from hscd.scene import windows_of

_MEBIBYTE = 2**20


class PairFiles(NamedTuple):
    """A pair's name, and where its images and its label map lie; `label` is None without ground truth."""

    name: str
    before: Path
    after: Path
    label: Path | None


def pair_files(section: DataSet) -> list[PairFiles]:
    """The pairs of a data set, sorted: images that have one name in the before, after and label folder.

    A name is a file name without the suffix of its format; any that one of the folders lacks is an error. Without
    ground truth there is no label folder. Where imgAPath, imgBPath and labelPath name an image each, that is the pair.

    The demo data is made first if the section points at it and it is not there yet.
    """
    _make_demo(section)
    places = {"imgAPath": section.img_a_path, "imgBPath": section.img_b_path}
    if section.label_path is not None:
        places["labelPath"] = section.label_path
    single = [key for key, path in places.items() if readers.names_one_image(path)]
    if len(single) == len(places):
        return [PairFiles(readers.name_of(section.img_a_path), *_in_order(places))]
    if single:
        other = next(key for key in places if key not in single)
        raise InputError(
            f"{places[single[0]]}: an image ([{section.name}] {single[0]}), but {other} is a folder of images; name "
            "images or folders in all of them"
        )
    for key, folder in places.items():
        if readers.is_folder_of_bands(folder):
            raise InputError(
                f"{folder}: holds the bands of one image ([{section.name}] {key}), not images; name the folder above "
                f"it, or rename it {folder.name}.tif to have it taken for the image itself"
            )
    listings = {key: _listing(folder, key, section) for key, folder in places.items()}
    files = {name: path for listing in reversed(listings.values()) for name, path in listing.items()}
    if not files:
        raise InputError(f"{section.img_a_path}: holds no image of a known format ({', '.join(readers.READERS)})")
    names = sorted(files, key=lambda name: files[name].name)
    for key, listing in listings.items():
        missing = [name for name in names if name not in listing]
        if missing:
            there = files[missing[0]]
            if (places[key] / there.name).is_file():  # a header without its pixels, as this says
                readers.open_image(places[key] / there.name, section.mat_label)
            raise InputError(
                f"{places[key] / there.name}: missing, but {there} is there; before, after and label of a pair carry "
                f"the same name ([{section.name}] {key})"
            )
    return [PairFiles(name, *_in_order({key: listing[name] for key, listing in listings.items()})) for name in names]


def _make_demo(section: DataSet) -> None:
    """Make the demo data set that a section points at, unless it is there already."""
    from hscd import demo

    for folder in demo.PLACES:
        # The label map is the last file that is written.
        if section.img_a_path.parent == DATA_PATH / folder and not any((DATA_PATH / folder / "label").glob("*.mat")):
            print("making the demo data …", flush=True)
            demo.write_demo(DATA_PATH)


def _in_order(paths: dict[str, Path]) -> tuple[Path, Path, Path | None]:
    return paths["imgAPath"], paths["imgBPath"], paths.get("labelPath")


def _listing(folder: Path, key: str, section: DataSet) -> dict[str, Path]:
    """The images of a folder by their names."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder ([{section.name}] {key})")
    found: dict[str, Path] = {}
    for entry in sorted(folder.iterdir()):
        if readers.is_image(entry):
            name = readers.name_of(entry)
            try:
                name.encode()
            except UnicodeEncodeError:
                raise InputError(f"{printable(str(entry))}: its name is not UTF-8; rename it") from None
            if name in found:
                raise InputError(
                    f"{folder}: two pairs are named {name!r}, {found[name].name} and {entry.name}; results would "
                    "overwrite each other"
                )
            found[name] = entry
    return found


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
    if before.shape[2] != bands:
        raise InputError(f"{files.before}: {before.shape[2]} bands, pair {name} of the same data set has {bands}")
    try:
        found = [match(image, other) for other in (before, after)]
    except ValueError as error:
        raise InputError(f"{files.before}: {error}") from error
    ordered = [matched.second for matched in found if matched is not None and matched.second.shape[2] == bands]
    if len(ordered) < 2:
        raise InputError(f"{files.before}: its bands are not those of pair {name} of the same data set")
    return ordered[0], ordered[1]


def open_pair(files: PairFiles, section: DataSet, conf: Settings) -> tuple[Image, Image]:
    """Open the before image and the after image of a pair: the chosen bands, scaled, on one grid, NaN where masked.

    Raises:
        InputError: if one is missing or unreadable, or they do not go together.
    """
    before, after = (_opened(path, section, conf) for path in (files.before, files.after))
    for image in (before, after):
        for note in image.notes:
            warn(f"{image.path}: {note}")
    before, after = _comparable(before, after, section)
    _tell_of_places(before, after)
    if (before.scale is None) != (after.scale is None) and section.scale is None:
        scaled, other = (before, after) if after.scale is None else (after, before)
        warn(f"{scaled.path}: scaled as its file says, {other.path} is not; `scale = 1` takes both as stored")
    before, after = (_physical(image, section) for image in (before, after))
    if before.grid is not None and after.grid is not None:
        if not same_grid(before, after):
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
            "bands), and without georeference of both it cannot be resampled"
        )
    return readers.checked(before), readers.checked(after)


def _tell_of_places(before: Image, after: Image) -> None:
    """Say so where only one of two images is georeferenced, or says in which coordinate system."""
    for lost, other in ((before, after), (after, before)):
        if lost.grid is None and other.grid is not None and lost.shape == other.shape:
            warn(f"{lost.path}: has no georeference; taken to lie on the grid of {other.path}")
        elif lost.grid is not None and other.grid is not None and other.grid.crs and not lost.grid.crs:
            warn(f"{lost.path}: names no coordinate system; taken to be in that of {other.path}")


def _opened(path: Path, section: DataSet, conf: Settings) -> Image:
    """An image whose alpha bands are a mask, unless the section asks for one of them by its number."""
    image = readers.open_image(path, section.mat_label, memory_limit(conf), keep_alpha=True)
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
        keep = _kept(matched.first, section, matched.numbers) & _kept(matched.second, section, matched.numbers)
        return _with(matched.first, keep, section), _with(matched.second, keep, section)
    # Nothing says which band is which: each image has its own numbers.
    chosen = [_with(image, _kept(image, section), section) for image in (before, after)]
    if chosen[0].shape[2] != chosen[1].shape[2]:
        raise InputError(
            f"{after.path}: {chosen[1].shape[2]} bands, {chosen[0].shape[2]} in the before image; choose those of both "
            "with `bands`"
        )
    return chosen[0], chosen[1]


def _kept(image: Image, section: DataSet, numbers: np.ndarray | None = None) -> np.ndarray:
    """Whether the section asks for each band of an image, (bands,) boolean; `numbers` as of `band_choice.chosen`."""
    keep = np.ones(image.shape[2], bool)
    key = "bands"
    try:
        if section.bands is not None:
            keep = band_choice.chosen(section.bands, image, numbers)
        key = "bad_bands"
        if section.bad_bands is not None:
            keep &= ~band_choice.chosen(section.bad_bands, image, numbers)
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
    """A label map in the values of its file; zeros, which say nothing, in a data set without ground truth.

    Raises:
        InputError: if it is unreadable, of another shape or place than the before image, or holds a value that is not
            configured.
    """
    shape = before.shape[:2]
    if files.label is None:
        return np.broadcast_to(np.uint8(0), shape)
    image = readers.open_image(files.label, section.mat_label, memory_limit(conf))
    labels = readers.label_map_of(image, memory_limit(conf))
    if labels.shape != shape:
        raise InputError(f"{files.label}: label map of shape {labels.shape}, images of {shape}")
    if image.grid is not None and before.grid is not None and not same_grid(image, before):
        raise InputError(
            f"{files.label}: lies on another grid than {files.before}; resample it onto that (nearest neighbour)"
        )
    relabel(labels, section, files.label)
    return labels


def relabel(labels: np.ndarray, section: DataSet, source: Path | None = None) -> np.ndarray:
    """A label map in the program's labels; an error names the file it comes from, or else the section."""
    if section.changed_label is None or section.unchanged_label is None:
        return np.full(labels.shape, UNKNOWN, np.uint8)
    try:
        return remap(labels, section.changed_label, section.unchanged_label, section.unknown_label)
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
    if section.label_path is None:
        raise InputError(
            f"{conf.file}: [{section.name}] labelPath: missing; train_set and test_set of a training need labels"
        )


def all_masked(name: str, section: DataSet) -> str:
    """What to say of a pair whose every pixel is masked."""
    nodata = "the nodata of its file" if section.nodata is None else f"nodata = {section.nodata:.15g}"
    return (
        f"[{section.name}] {name}: nothing is left of the pair: every pixel is NaN, infinite or {nodata} in a band of "
        "one of its images"
    )


def nothing_left(files: PairFiles, section: DataSet, conf: Settings) -> str:
    """`all_masked`, and the bands without data, which can be left out."""
    said = all_masked(files.name, section)
    empty: set[int] = set()
    for path in (files.before, files.after):
        image = _physical(readers.open_image(path, section.mat_label, memory_limit(conf)), section)
        holds = np.zeros(image.shape[2], bool)
        for window in windows_of(image):
            holds |= np.isfinite(image.window(*window)).any(axis=(0, 1))
        empty |= set((np.flatnonzero(~holds) + 1).tolist())
    if empty:
        bands = listed(sorted(empty))
        said += f"; bands {bands} hold no data at all: leave them out with bad_bands = {bands}"
    return said
