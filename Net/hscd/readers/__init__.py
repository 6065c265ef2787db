"""Readers of images and label maps: one file a format, one table from suffix to reader.

An image is named like its label file, so the suffix tells the format of both.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hscd.errors import InputError
from hscd.hardware import available_memory
from hscd.nodata import valid_pixels
from hscd.readers import mat, tif

# A reader takes a path, where the format has named variables the name of one, and the bytes that the array may take; it
# checks what the file declares before it allocates, and returns an array of numbers.
Reader = Callable[[Path, str | None, int], np.ndarray]
READERS: dict[str, Reader] = {suffix: module.read for module in (mat, tif) for suffix in module.SUFFIXES}


def read_array(path: Path, variable: str | None = None, limit: int | None = None) -> np.ndarray:
    """Read an array of numbers from a file or folder of a known format.

    Args:
        path: the file or folder.
        variable: name of the array, in formats that have such names.
        limit: the most bytes that it may declare; None for what is available.

    Raises:
        InputError: if it is missing, unreadable, of an unknown format, larger than the limit, or holds no numbers.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path}: unknown format; known: {', '.join(READERS)}")
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    try:
        return reader(path, variable, available_memory() if limit is None else limit)
    except MemoryError:
        raise InputError(f"{path}: there is not enough memory to read it") from None


def read_image(path: Path, variable: str | None = None, limit: int | None = None, *, finite: bool = True) -> np.ndarray:
    """Read an image as (rows, columns, bands), in the number type and the memory order of its file.

    Raises:
        InputError: as `read_array`; also for NaN or infinite pixels, unless `finite` is False.
    """
    image = read_array(path, variable, limit)
    if image.ndim == 2:
        image = image[:, :, None]
    if image.ndim != 3 or image.size == 0:
        raise InputError(f"{path}: expected an image of (rows, columns, bands), found shape {image.shape}")
    valid = valid_pixels([image], math.nan) if finite else None
    if valid is not None:
        raise InputError(
            f"{path}: {np.count_nonzero(~valid)} pixels hold NaN or infinite values; fill them, or mask them with "
            "`nodata = nan` in the data set's section"
        )
    return image


def read_label_map(path: Path, variable: str | None = None, limit: int | None = None) -> np.ndarray:
    """Read a label map as (rows, columns), in the values of its file.

    Raises:
        InputError: as `read_array`; also if it has more than one band.
    """
    labels = read_array(path, variable, limit)
    if labels.ndim == 3 and labels.shape[2] == 1:
        labels = labels[:, :, 0]
    if labels.ndim != 2:
        raise InputError(f"{path}: expected a label map of (rows, columns), found shape {labels.shape}")
    return labels
