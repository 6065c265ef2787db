"""Label maps from images: their grey values, indices of a palette or colours; or from two masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.readers.limits import check_size
from hscd.scenes.image import Image
from hscd.scenes.nodata import as_stored
from hscd.system.errors import InputError
from hscd.system.hardware import available_memory
from hscd.system.messages import warn

# Where three bands of bytes are a picture in colours.
_PICTURES = ("PNG", "BMP", "TIFF")
_LARGEST_GREY = 255


class LabelMap(NamedTuple):
    """A label map in the values of its file.

    `values` are (rows, columns), a masked array where the file says of pixels that they hold no data; `colours` tells
    that they are red · 65536 + green · 256 + blue.
    """

    values: np.ndarray
    colours: bool


def whole(image: Image, limit: int | None) -> np.ndarray:
    """All pixels of an image, (rows, columns, bands).

    Raises:
        InputError: if they take more bytes than the limit, which None makes what is available; as reading raises it.
    """
    check_size(image.path, image.nbytes, available_memory() if limit is None else limit)
    return image.read()


def label_map_of(
    image: Image, known: Sequence[float] = (), unknown: Sequence[float] = (), limit: int | None = None
) -> LabelMap:
    """The label map that an image is.

    A picture of three equal bands is grey, unless one of the values is more than a grey level can be.

    Args:
        image: the image of the label map.
        known: the values that stand for a class. Where the file's nodata is one of them, it stands for that, with a
            warning; otherwise pixels of that value are masked.
        unknown: the values that stand for no ground truth.
        limit: as in `whole`.

    Raises:
        InputError: as `whole`; also if it has several bands that differ and are no colours.
    """
    stored = whole(image, limit)
    colours = False
    if stored.shape[2] > 1:
        _refuse_one_hot(image, stored)
        grey = bool((stored == stored[:, :, :1]).all())
        picture = image.format in _PICTURES and stored.shape[2] == 3 and stored.dtype == np.uint8
        colours = picture and (not grey or max((*known, *unknown), default=0) > _LARGEST_GREY)
        if not (grey or colours):
            raise InputError(f"{image.path}: expected a label map of (rows, columns), found shape {stored.shape}")
    values = _packed(stored) if colours else stored[:, :, 0]
    nodata = _nodata(image, colours)
    is_class = nodata is not None and nodata in known
    missing = np.zeros(values.shape, bool) if is_class else ~_mask(image)  # GDAL makes a mask of the nodata of pictures
    if is_class:
        warn(f"{image.path}: declares {nodata:.15g} as nodata, which is configured as a class and counts as such")
    elif nodata is not None:
        missing |= _equal(values, nodata)
    return LabelMap(np.ma.array(values, mask=missing) if missing.any() else values, colours)


def map_of_masks(changed: Image, unchanged: Image, limit: int | None = None) -> np.ndarray:
    """The label map that two masks are: a pixel that is not zero in one of them is of its class, in none unknown.

    Args:
        changed: the mask of changed pixels, of one or more bands; without data is no.
        unchanged: the mask of unchanged pixels.
        limit: as in `whole`.

    Returns:
        (rows, columns) uint8 array: 0 changed, 1 unchanged, 2 unknown.

    Raises:
        InputError: as `whole`; also if the masks are of different shapes, hold NaN that is not declared as nodata, or
            have a pixel in common.
    """
    is_changed, is_unchanged = (_is_set(image, limit) for image in (changed, unchanged))
    if is_changed.shape != is_unchanged.shape:
        raise InputError(f"{unchanged.path}: mask of shape {is_unchanged.shape}, {changed.path} of {is_changed.shape}")
    for image, found in ((changed, is_changed), (unchanged, is_unchanged)):
        if not found.any():
            warn(f"{image.path}: no pixel is set in this mask (nodata never counts as set)")
    both = np.count_nonzero(is_changed & is_unchanged)
    if both:
        raise InputError(
            f"{unchanged.path}: {both} pixels are not zero here and in {changed.path}; expected masks of changed "
            "and of unchanged pixels, with none in both"
        )
    return np.where(is_changed, np.uint8(CHANGED), np.where(is_unchanged, np.uint8(UNCHANGED), np.uint8(UNKNOWN)))


def _is_set(image: Image, limit: int | None) -> np.ndarray:
    stored = whole(image, limit)
    found = _mask(image)
    nodata = _nodata(image, False)
    if nodata is not None:
        found &= ~_equal(stored[:, :, 0], nodata)
    if np.isnan(stored[found]).any():
        raise InputError(
            f"{image.path}: a mask holds NaN, which it does not declare as nodata; expected 0 or another number"
        )
    return found & (stored != 0).any(axis=2)


def _mask(image: Image) -> np.ndarray:
    """(rows, columns), True where the file's own mask says that there is data."""
    rows, columns, _ = image.shape
    if image.mask is None:
        return np.ones((rows, columns), bool)
    return image.mask(slice(0, rows), slice(0, columns))


def _nodata(image: Image, colours: bool) -> float | None:
    """The label value that the file declares as nodata."""
    if image.masked:
        return np.nan
    if not image.nodata or None in image.nodata:
        return None
    return float(_packed(np.array(image.nodata))) if colours else image.nodata[0]


def _equal(values: np.ndarray, nodata: float) -> np.ndarray:
    if np.isnan(nodata):
        return np.isnan(values)
    stored = as_stored(nodata, values.dtype)
    return np.zeros(values.shape, bool) if stored is None else values == stored


def _packed(colours: np.ndarray) -> np.ndarray:
    """Colours of (…, red green blue) as one number each."""
    red, green, blue = (colours[..., band].astype(np.int32) for band in range(3))
    return red << 16 | green << 8 | blue


def _refuse_one_hot(image: Image, stored: np.ndarray) -> None:
    """Raise where each pixel is 1 in one of several bands and 0 in the others, or of no class: 0 or NaN in all."""
    empty = (stored == 0).all(axis=2) | (stored != stored).all(axis=2)
    classed = stored[~empty]
    if len(classed) and ((classed == 0) | (classed == 1)).all() and (classed.sum(axis=1) == 1).all():
        more = ", and a number of its own where there is none" if empty.any() else ""
        raise InputError(
            f"{image.path}: a label map of {stored.shape[2]} bands of 0 and 1, one for each class (one-hot); expected "
            f"one band of class numbers: save the position of the 1 (argmax over the bands){more}"
        )
