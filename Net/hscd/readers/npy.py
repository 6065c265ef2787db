"""NumPy's .npy: one array of (rows, columns) or (rows, columns, bands)."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from hscd.errors import InputError, brief
from hscd.image import Image, axes_of_image

SUFFIXES = (".npy",)


def open_image(path: Path, variable: str | None, limit: int) -> Image:
    """Open a .npy file.

    Raises:
        InputError: if it is unreadable or truncated, or holds something else than an array of numbers.
    """
    try:
        with path.open("rb") as file:
            version = npy.read_magic(file)
            read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            stored, column_major, dtype = read_header(file)
            start = file.tell()
        shape = axes_of_image(path, stored)
        if dtype.kind not in "biuf":
            raise InputError(f"{path}: expected numbers, found values of type {dtype}")
        if path.stat().st_size - start < math.prod(stored) * dtype.itemsize:
            raise ValueError("it ends too early")
    except InputError:
        raise
    except Exception as error:  # a damaged header is parsed as Python's literals
        raise InputError(f"{path}: unreadable or truncated .npy file: {brief(error)}") from error

    def window(rows: slice, columns: slice) -> np.ndarray:
        mapped = np.memmap(path, dtype, "r", start, stored, "F" if column_major else "C")
        values = mapped.reshape(shape)[rows, columns]
        return np.array(values, dtype.newbyteorder("="), order="K")

    return Image(
        path=path,
        format="NumPy",
        shape=shape,
        dtype=dtype.newbyteorder("="),
        block=(1, shape[1]),
        window=window,
    )
