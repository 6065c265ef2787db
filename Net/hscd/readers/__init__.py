"""Readers of images and label maps: one file a format, one table from suffix to reader.

An image is named like its label file, so the suffix tells the format of both.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from hscd.errors import InputError
from hscd.readers import mat, tif
from hscd.scaling import band_ranges

# A reader takes a path and, where the format has named variables, the name of one, and returns the stored array.
Reader = Callable[[Path, str | None], np.ndarray]
READERS: dict[str, Reader] = {suffix: module.read for module in (mat, tif) for suffix in module.SUFFIXES}


def read_array(path: Path, variable: str | None = None) -> np.ndarray:
    """Read an array of numbers from a file or folder of a known format.

    Raises:
        InputError: if it is missing, unreadable, of an unknown format, or holds no numbers.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path}: unknown format; known: {', '.join(READERS)}")
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    array = reader(path, variable)
    if array.dtype.kind not in "uifb":
        raise InputError(f"{path}: expected numbers, found values of type {array.dtype}")
    return array


def read_image(path: Path, variable: str | None = None) -> np.ndarray:
    """Read an image as (rows, columns, bands), in the number type and the memory order of its file.

    Raises:
        InputError: as `read_array`; also for NaN or infinite pixels.
    """
    image = read_array(path, variable)
    if image.ndim == 2:
        image = image[:, :, None]
    if image.ndim != 3 or image.size == 0:
        raise InputError(f"{path}: expected an image of (rows, columns, bands), found shape {image.shape}")
    # Smallest and largest value show every NaN and infinity, without a mask as large as the image.
    if not np.isfinite(band_ranges([image])).all():
        bad = np.count_nonzero(~np.isfinite(image).all(axis=2))
        raise InputError(f"{path}: {bad} pixels hold NaN or infinite values; fill or mask them first")
    return image


def read_label_map(path: Path, variable: str | None = None) -> np.ndarray:
    """Read a label map as (rows, columns), in the values of its file.

    Raises:
        InputError: as `read_array`; also if it has more than one band.
    """
    labels = read_array(path, variable)
    if labels.ndim == 3 and labels.shape[2] == 1:
        labels = labels[:, :, 0]
    if labels.ndim != 2:
        raise InputError(f"{path}: expected a label map of (rows, columns), found shape {labels.shape}")
    return labels
