"""Arrays whose values are read window by window."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hscd.hdf5.chunks import Chunks

if TYPE_CHECKING:
    from hscd.hdf5.structure import File

# Runs of values that lie this close together are read with what is between them; so much is read at a time.
_NEAR, _PIECE = 2**16, 2**24


@dataclass(frozen=True)
class Plain:
    """Values in one piece at an address, row-major; at None, values that were never written."""

    array: tuple[int, ...]
    dtype: np.dtype
    address: int | None

    def read(self, file: File, window: Sequence[slice], values: np.ndarray, fill: np.generic) -> None:
        """Fill `values`, of the shape of the window and of the array's type in any byte order."""
        if self.address is None:
            values[...] = fill
            return
        shape = self.array
        if not shape:
            shape, window, values = (1,), (slice(0, 1),), values.reshape(1)
        # Pieces go along one axis; they hold the axes behind it whole, which are wanted whole, or are near.
        axis, size = len(shape) - 1, self.dtype.itemsize
        dense = True
        while axis > 0:
            dense = dense and window[axis] == slice(0, shape[axis])
            if not dense and size * shape[axis] > _NEAR:
                break
            size *= shape[axis]
            axis -= 1
        along, inside = window[axis], tuple(window[axis + 1 :])
        step = max(1, _PIECE // size)
        for outer in itertools.product(*(range(part.start, part.stop) for part in window[:axis])):
            place = 0
            for index, length in zip(outer, shape, strict=False):
                place = place * length + index
            there = tuple(index - part.start for index, part in zip(outer, window, strict=False))
            for start in range(along.start, along.stop, step):
                stop = min(start + step, along.stop)
                content = file.values_at(self.address + (place * shape[axis] + start) * size, (stop - start) * size)
                piece = np.frombuffer(content, self.dtype).reshape(stop - start, *shape[axis + 1 :])
                values[(*there, slice(start - along.start, stop - along.start))] = piece[(slice(None), *inside)]


@dataclass(frozen=True)
class Dataset:
    """An array of a file, its values unread; `fill` stands for values that were never written."""

    file: File
    storage: Plain | Chunks
    fill: np.generic

    @property
    def shape(self) -> tuple[int, ...]:
        return self.storage.array

    @property
    def dtype(self) -> np.dtype:
        """The type of the values as they are read, in the byte order of this machine."""
        return self.storage.dtype.newbyteorder("=")

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def chunk(self) -> tuple[int, ...] | None:
        """The shape of a chunk; None for an array in one piece."""
        return self.storage.shape if isinstance(self.storage, Chunks) else None

    @property
    def chunk_nbytes(self) -> int:
        """Bytes of the values of a chunk; 0 for an array in one piece."""
        return self.storage.nbytes if isinstance(self.storage, Chunks) else 0

    def through(self, file: File) -> Dataset:
        """The same array, read from another opening of its file."""
        return replace(self, file=file)

    def read(self) -> np.ndarray:
        """All values."""
        return self.window([slice(0, length) for length in self.shape])

    def window(self, window: Sequence[slice]) -> np.ndarray:
        """The values of a window; only what it touches is read, and that once.

        Args:
            window: a slice of each axis, both ends inside the array.

        Raises:
            ValueError, zlib.error: if the file is damaged there.
        """
        values = np.empty([part.stop - part.start for part in window], self.dtype)
        if values.size:
            self.storage.read(self.file, window, values, self.fill)
        return values
