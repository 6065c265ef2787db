"""NumPy's .npy: one array of (rows, columns) or (rows, columns, bands)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import FileIO
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from hscd.readers.formats import reads
from hscd.scenes.image import Image, axes_of_image
from hscd.system.arrays import held
from hscd.system.errors import InputError, brief

SUFFIXES = (".npy",)


@reads(*SUFFIXES)
def open_image(path: Path, variable: str | None, limit: int) -> Image:
    """Open a .npy file.

    A map of the file tells what it holds; its pixels are read through the file, as touching a map of a file that has
    become shorter kills the program.

    Raises:
        InputError: if it is unreadable or truncated, or holds something else than an array of numbers; reading a
            window, if it has become shorter.
    """
    try:
        mapped = npy.open_memmap(path, mode="r")
    except ValueError as error:
        if "Python objects" not in str(error):
            raise _damaged(path, error) from error
        raise InputError(f"{path}: expected numbers, found Python objects") from error
    except Exception as error:  # a damaged header is parsed as Python's literals
        raise _damaged(path, error) from error
    dtype, column_major = mapped.dtype, not mapped.flags.c_contiguous
    shape = axes_of_image(path, mapped.shape)
    if dtype.kind not in "biuf":
        raise InputError(f"{path}: expected numbers, found {held(dtype)}")

    def window(rows: slice, columns: slice) -> np.ndarray:
        parts = (rows, columns, slice(0, shape[2]))
        try:
            with path.open("rb", buffering=0) as file:
                if column_major:
                    values = _part(file, mapped.offset, dtype, shape[::-1], parts[::-1]).T
                else:
                    values = _part(file, mapped.offset, dtype, shape, parts)
        except (OSError, EOFError) as error:
            raise InputError(f"{path}: can no longer be read: {brief(error)}") from error
        return values.astype(dtype.newbyteorder("="), order="K", copy=False)

    return Image(
        path=path,
        format="NumPy",
        shape=shape,
        dtype=dtype.newbyteorder("="),
        block=(shape[0], 1) if column_major else (1, shape[1]),
        window=window,
    )


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(f"{path}: unreadable or truncated .npy file: {brief(error)}")


def _part(file: FileIO, start: int, dtype: np.dtype, lengths: Sequence[int], parts: Sequence[slice]) -> np.ndarray:
    """A part of an array in a file, in runs of values that lie one after the other there.

    Args:
        file: the file.
        start: where the array begins in it.
        dtype: type of the values in the file.
        lengths: of the axes of the array, the fastest last.
        parts: of each axis, both ends within it.

    Raises:
        EOFError: if the file ends before the part.
    """
    found = np.empty([part.stop - part.start for part in parts], dtype)
    axis = len(parts) - 1  # along which the runs go; those after it are read whole
    while axis > 0 and found.shape[axis] == lengths[axis]:
        axis -= 1
    length = math.prod(found.shape[axis:]) * dtype.itemsize
    steps = [math.prod(lengths[place + 1 :]) * dtype.itemsize for place in range(axis + 1)]
    first = start + sum(part.start * step for part, step in zip(parts, steps, strict=False))
    places: tuple[np.ndarray, ...] = np.indices(found.shape[:axis], sparse=True)
    offsets = np.ravel(first + sum(place * step for place, step in zip(places, steps, strict=False)))
    content = found.reshape(-1).view(np.uint8).data
    for number, offset in enumerate(offsets.tolist()):
        file.seek(offset)
        run = content[number * length : (number + 1) * length]
        while run:
            taken = file.readinto(run)
            if not taken:
                raise EOFError("it was truncated after it was opened")
            run = run[taken:]
    return found
