"""TIFF: a single file, or a folder of single-band files in alphanumeric order (B01.tif, B02.tif, …)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hscd.errors import InputError

SUFFIXES = (".tif", ".tiff")


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
        with Image.open(path) as file:
            return np.asarray(file)
    except Exception as error:  # damaged bytes make Pillow raise a dozen different types
        raise InputError(f"{path}: unreadable or truncated TIFF file: {error}") from error
