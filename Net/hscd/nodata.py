"""Pixels without data: NaN, infinite, or of a value that stands for nothing measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hscd.parallel import over_blocks

# Pixels a block: the comparisons of all their bands stay in the cache.
_BLOCK_PIXELS = 8192


def valid_pixels(images: Sequence[np.ndarray], nodata: float) -> np.ndarray | None:
    """Where every band of every image holds data.

    Args:
        images: (rows, columns, bands) arrays of one size, of any numeric type and order in memory.
        nodata: value that stands for no data, compared as the type of each image stores it; NaN for none beside NaN
            and infinite values, which never are data.

    Returns:
        (rows, columns) boolean array; None where it would be True throughout.
    """
    valid = np.ones(images[0].shape[:2], dtype=bool)
    for image in images:
        _mask(valid, image, nodata)
    return None if valid.all() else valid


def _mask(valid: np.ndarray, image: np.ndarray, nodata: float) -> None:
    """Make `valid` False where a band of the image holds no data."""
    value = _as_stored(nodata, image.dtype)
    if value is None and image.dtype.kind != "f":
        return
    # Blocks are of the axis whose neighbours lie farther apart: rows, or columns in MATLAB's order.
    if abs(image.strides[1]) > abs(image.strides[0]):
        image, valid = image.swapaxes(0, 1), valid.T

    def mask_block(part: slice) -> None:
        block = image[part]
        data = np.isfinite(block)
        if value is not None:
            data &= block != value
        if not data.all():  # quicker than pixel by pixel, and mostly the end of it
            valid[part] &= data.all(axis=2)

    over_blocks(mask_block, len(image), max(1, _BLOCK_PIXELS // image.shape[1]))


def _as_stored(nodata: float, dtype: np.dtype) -> Any:
    """The nodata value as an image of some type stores it; None where no comparison finds it."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            stored = dtype.type(nodata)
        return stored if np.isfinite(stored) else None
    low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return int(nodata) if float(nodata).is_integer() and low <= nodata <= high else None
