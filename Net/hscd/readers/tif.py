"""TIFF: a single file, or a folder of single-band files in alphanumeric order (B01.tif, B02.tif, …)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hscd.errors import InputError

SUFFIXES = (".tif", ".tiff")

# TIFF tags.
_BITS_PER_SAMPLE, _PHOTOMETRIC, _SAMPLES_PER_PIXEL, _SAMPLE_FORMAT = 258, 262, 277, 339
_WHITE_IS_ZERO = 0


def read(path: Path, variable: str | None) -> np.ndarray:
    """Read a TIFF file, or the bands of a folder stacked to (rows, columns, bands).

    Raises:
        InputError: if a file is unreadable, the folder is empty, or its bands differ in shape.
    """
    if path.is_file():
        return _read_file(path)
    bands = sorted(band for band in path.iterdir() if band.suffix.lower() in SUFFIXES and not band.name.startswith("."))
    if not bands:
        raise InputError(f"{path}: folder without .tif bands")
    first = _read_file(bands[0])
    image = np.empty((*first.shape, len(bands)), dtype=first.dtype)
    for index, band in enumerate(bands):
        values = first if index == 0 else _read_file(band)
        if values.ndim != 2:
            raise InputError(f"{band}: expected a single band, found shape {values.shape}")
        if values.shape != first.shape:
            raise InputError(
                f"{band}: shape {values.shape} differs from {first.shape} of {bands[0].name}; "
                "resample all bands to one grid"
            )
        image = image.astype(np.result_type(image, values), copy=False)
        image[:, :, index] = values
    return image


def _read_file(path: Path) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(path, formats=["TIFF"]) as file:
            tags: Mapping[int, Any] = file.tag_v2  # type: ignore[attr-defined]
            bands = getattr(file, "n_frames", 1) * tags.get(_SAMPLES_PER_PIXEL, 1)
            stored = _stored_type(tags)
            inverted = tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
            values = np.asarray(file) if bands == 1 else None
    except Exception as error:  # damaged bytes make Pillow raise a dozen different types
        raise InputError(f"{path}: unreadable or truncated TIFF file: {error}") from error
    if values is None:
        raise InputError(f"{path}: expected a single band, found {bands}; put each band into a file of its own")
    if inverted:  # Pillow turns such values round, as is right for a picture only
        raise InputError(f"{path}: stored with white as zero; save it with black as zero")
    if not np.can_cast(stored, values.dtype):
        raise InputError(f"{path}: values of type {stored} cannot be read; save them as 16-bit integers or float32")
    return values


def _stored_type(tags: Mapping[int, Any]) -> np.dtype:
    """Number type of the file; Pillow hands some over as another of the same size, with other values."""
    bits = tags.get(_BITS_PER_SAMPLE, (1,))[0]
    if bits < 8:
        return np.dtype(np.uint8) if bits > 1 else np.dtype(bool)
    return np.dtype(f"{'_uif'[tags.get(_SAMPLE_FORMAT, (1,))[0]]}{bits // 8}")
