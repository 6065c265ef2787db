"""Two images opened as a pair: the chosen bands, scaled, on one grid, NaN where masked."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path

import numpy as np

from hscd import readers
from hscd.labels import UNKNOWN
from hscd.scenes import band_choice
from hscd.scenes.band_matching import match
from hscd.scenes.common_bands import at_common_wavelengths
from hscd.scenes.grids import onto, overlaps, same_grid
from hscd.scenes.image import Image, in_memory, physical, with_bands, without_alpha
from hscd.scenes.registration import moved_in_words, registered, registration
from hscd.scenes.scene import Scene
from hscd.system import naming
from hscd.system.errors import InputError, counted
from hscd.system.messages import tell, warn

# Pixels of a shift that interpolation is worth: it smooths, and the shift is known no better.
_WORTH_WHILE = 0.1
# Deviations of the mean over blocks that a shift has to be, to be more than chance.
_SURELY = 2.0


@dataclass(frozen=True)
class Reading:
    """How the images of a pair are read.

    `bands` and `bad_bands` are the bands to use and not to use, None for all and none (`band_choice`); `nodata` is the
    value of pixels without data and `scale` the factor of values, None for what the files declare. `variables` name the
    arrays of the before and the after image in files that hold several. With `register` the after image is moved onto
    the before image. Errors put `where` before the name of an argument.
    """

    bands: band_choice.Choice | None = None
    bad_bands: band_choice.Choice | None = None
    nodata: float | None = None
    scale: float | None = None
    variables: tuple[str | None, str | None] = (None, None)
    where: str = ""
    register: bool = False

    @property
    def is_common(self) -> bool:
        """Whether the bands are those that two sensors have in common."""
        return self.bands is not None and band_choice.COMMON in self.bands


def open_images(before_path: Path, after_path: Path, reading: Reading, limit: int) -> tuple[Image, Image]:
    """Open the before image and the after image of a pair: the chosen bands, scaled, on one grid, NaN where masked.

    Args:
        before_path: of an image, or the folder of one.
        after_path: the same.
        reading: how they are read.
        limit: bytes that opening them may take.

    Raises:
        InputError: if one is missing or unreadable, or they do not go together.
    """
    before, after = (
        opened_image(path, variable, reading, limit)
        for path, variable in zip((before_path, after_path), reading.variables, strict=True)
    )
    _require_overlap(before, after)
    for image in (before, after):
        for note in image.notes:
            warn(f"{image.path}: {note}")
    if reading.is_common:
        before, after = (_with(image, _kept(image, reading), reading) for image in (before, after))
    else:
        before, after = _comparable(before, after, reading)
    _tell_of_places(before, after)
    if (before.scale is None) != (after.scale is None) and reading.scale is None:
        scaled, other = (before, after) if after.scale is None else (after, before)
        warn(
            f"{scaled.path}: scaled as its file declares, {other.path} is not; "
            f"`{naming.given('scale', 1)}` uses both as stored"
        )
    before, after = (as_asked(image, reading) for image in (before, after))
    if reading.is_common:
        before, after = _at_common_wavelengths(before, after, reading)
    original = None
    if before.grid is not None and after.grid is not None:
        if not same_grid(before, after):
            if after.block == after.shape[:2]:  # packed as a whole, and each tile would unpack it anew
                after = in_memory(after)
            dtype = np.result_type(after.dtype, np.float32)
            original, after = after, onto(after, before.grid, before.shape[:2], dtype, math.nan)
    elif before.shape != after.shape:
        raise InputError(
            f"{after_path}: shape {after.shape} differs from {before.shape} of the before image (rows, columns, "
            f"bands), and without georeference of both it cannot be resampled{if_swapped(after.shape, before.shape)}"
        )
    if reading.register:
        after = _registered(before, after, original)
    return readers.checked(before), readers.checked(after)


def _require_overlap(before: Image, after: Image) -> None:
    """Refuse images of different places, before anything else is said of them."""
    if before.grid is None or after.grid is None or same_grid(before, after) or overlaps(after, before):
        return
    _tell_of_places(before, after)
    raise InputError(f"{after.path}: does not overlap {before.path}; they are georeferenced to different places")


def _registered(before: Image, after: Image, original: Image | None) -> Image:
    """The after image, interpolated from an `original` or not, moved onto the before image where that is worth while.

    How far is told.
    """
    # Packed as a whole, they would be unpacked anew for each block that is looked at.
    before, after = (in_memory(image) if image.block == image.shape[:2] else image for image in (before, after))
    unknown = np.broadcast_to(np.uint8(UNKNOWN), before.shape[:2])
    found = registration(Scene(before.path.stem, before, after, unknown, None, None))
    if found is None:
        warn(f"{after.path}: too small, or too little like {before.path}, to be registered to it")
        return after
    if found.far < max(_WORTH_WHILE, _SURELY * found.spread / math.sqrt(found.blocks)):
        return after
    moved = registered(after, found, original)
    tell(f"{after.path}: moved {moved_in_words(moved.moved_by)} onto {before.path}")
    return moved


def _at_common_wavelengths(before: Image, after: Image, reading: Reading) -> tuple[Image, Image]:
    """Both images resampled to the bands that they have in common; what is lost is told."""
    try:
        found = at_common_wavelengths(before, after)
    except ValueError as error:
        raise InputError(f"{reading.where}{naming.given('bands', band_choice.COMMON)}: {error}") from error
    if found.lost:
        warn(f"compared at {found.description}: {found.lost}")
    else:
        tell(f"compared at {found.description}")
    return found.first, found.second


def _tell_of_places(before: Image, after: Image) -> None:
    """Say so where only one of two images is georeferenced, or says in which coordinate system."""
    for lost, other in ((before, after), (after, before)):
        if lost.grid is None and other.grid is not None and lost.shape == other.shape:
            warn(f"{lost.path}: has no georeference; assumed to lie on the grid of {other.path}")
        elif lost.grid is not None and other.grid is not None and other.grid.crs and not lost.grid.crs:
            warn(f"{lost.path}: names no coordinate system; assumed to use that of {other.path}")


def opened_image(path: Path, variable: str | None, reading: Reading, limit: int) -> Image:
    """An image whose alpha bands are a mask, unless it is asked for one of them by its number."""
    image = readers.open_image(path, variable, limit, keep_alpha=True)
    if image.alpha is not None and reading.bands is not None:
        numbers = (band + 1 for band in image.alpha.bands)
        if any(band_choice.names_number(reading.bands, number) for number in numbers):
            return replace(image, alpha=None)
    return without_alpha(image)


def _comparable(before: Image, after: Image, reading: Reading) -> tuple[Image, Image]:
    """The same bands of both images, in one order, as far as they are asked for.

    Those that are bad in one of them are dropped in both.
    """
    try:
        matched = match(before, after)
    except ValueError as error:
        raise InputError(f"{after.path}: {error}") from error
    if matched is not None:
        for note in matched.notes:
            warn(note)
        keep = _kept(matched.first, reading) & _kept(matched.second, reading)
        return _with(matched.first, keep, reading), _with(matched.second, keep, reading)
    # Nothing says which band is which: each image has its own numbers.
    chosen = [_with(image, _kept(image, reading), reading) for image in (before, after)]
    if chosen[0].shape[2] != chosen[1].shape[2]:
        raise InputError(
            f"{after.path}: {counted(chosen[1].shape[2], 'band')}, {chosen[0].shape[2]} in the before image"
            + (if_swapped(after.shape, before.shape) or _common(before, after, reading))
        )
    return chosen[0], chosen[1]


def _common(before: Image, after: Image, reading: Reading) -> str:
    """How to choose the bands that both images have."""
    if reading.bands is not None or reading.bad_bands is not None:
        return "; bands and bad_bands leave another number of them"
    # Alpha bands count: who asks for one by its number gets it.
    least = min(image.file_bands or image.shape[2] for image in (before, after))
    if least == 1:
        return ""  # one band is rarely meant to be the first of many
    return f"; if the first {least} bands of both are the same: {naming.given('bands', f'1-{least}')}"


def if_swapped(shape: tuple[int, ...], image: tuple[int, int, int]) -> str:
    """What to add about a shape that has the axes of an image, two or all three, in another order."""
    if shape == image or shape not in permutations(image, len(shape)):
        return ""
    return f"; {shape} has the axes of {image} in another order: swap them in one of the two files"


def _kept(image: Image, reading: Reading) -> np.ndarray:
    """Whether each band of an image is asked for, (bands,) boolean."""
    keep = np.ones(image.shape[2], bool)
    key = "bands"
    try:
        if reading.bands is not None:
            keep = band_choice.chosen(reading.bands, image)
        key = "bad_bands"
        bad = reading.bad_bands
        if bad is not None and reading.is_common and image.bad_bands is None:
            bad = tuple(entry for entry in bad if entry != band_choice.FILE)  # the list of the other sensor is meant
        if bad is not None:
            keep &= ~band_choice.chosen(bad, image)
    except ValueError as error:
        raise InputError(f"{reading.where}{key}: {error}") from error
    return keep


def _with(image: Image, keep: np.ndarray, reading: Reading) -> Image:
    if not keep.any():
        raise InputError(f"{reading.where}bands, bad_bands: no band of {image.path} is left")
    return image if keep.all() else with_bands(image, np.flatnonzero(keep))


def as_asked(image: Image, reading: Reading) -> Image:
    """An image as it is asked for: scaled or not, and NaN where its nodata is."""
    if reading.nodata is not None:
        image = replace(image, nodata=(reading.nodata,) * image.shape[2])
    if reading.scale is not None:
        scale = None if reading.scale == 1 else np.full(image.shape[2], reading.scale)
        image = replace(image, scale=scale, offset=None)
    return physical(image)
