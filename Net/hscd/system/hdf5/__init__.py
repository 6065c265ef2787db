"""Reads HDF5, as Keras, MATLAB, netCDF-4 and the ground segments of sensors write it, by h5py in processes of its own.

The HDF5 library crashes, or never returns, on some damaged files (in the releases up to 2.0 where a node of a tree is
its own child). Here that costs the file and is an error like any other: the library runs in a `process` of its own,
which may take little more memory than what is asked for. What lies in other files is an error too: links other than
hard ones, external and virtual arrays.
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hscd.system.errors import InputError, brief
from hscd.system.hdf5 import process
from hscd.system.parallel import over_blocks

__all__ = ["Dataset", "File", "Node", "is_hdf5", "opened"]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_USER_BLOCK = 512  # the least size of what may lie before it; otherwise a power of 2 times as much

# What the library may take for its own purposes; it unpacks a chunk into a few copies of it.
_ROOM, _COPIES = 2**28, 4
_PIECE = 2**24  # bytes of values that are asked for at a time, if a chunk is no larger


@contextmanager
def opened(path: Path, what: str) -> Iterator[File]:
    """A file for reading; whatever damaged bytes lead to inside is an InputError.

    Raises:
        InputError: if it is unreadable, or not `what` it should be.
    """
    try:
        yield File(path)
    except InputError:
        raise
    except (OSError, ValueError, LookupError, ArithmeticError) as error:
        raise InputError(f"{path}: unreadable or truncated {what}: {brief(error)}") from error


def is_hdf5(path: Path) -> bool:
    """Whether a file begins as HDF5 does, behind whatever another format keeps there.

    Raises:
        OSError: if it cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        start = 0
        while start + len(_SIGNATURE) <= size:
            file.seek(start)
            if file.read(len(_SIGNATURE)) == _SIGNATURE:
                return True
            start = max(_USER_BLOCK, 2 * start)
    return False


class File:
    """A file of `size` bytes; its root group is `root`. What does not fit together is a ValueError."""

    def __init__(self, path: Path) -> None:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is no regular file")
        if not is_hdf5(path):  # which also says better than the library why a file cannot be read
            raise ValueError("it does not begin as HDF5 does")
        self.size = status.st_size
        self._path = str(path.absolute())
        self.root = Node(self, ())

    def ask(self, names: Sequence[str], room: int = 0, into: memoryview | None = None, **of: Any) -> dict[str, Any]:
        """What the library says of what names lead to."""
        return process.ask({"path": self._path, "names": [*names], "room": _ROOM + room, **of}, into)


class Node:
    """A group or an array, by the names that lead to it."""

    def __init__(self, file: File, names: tuple[str, ...]) -> None:
        self._file = file
        self._names = names

    @cached_property
    def _told(self) -> dict[str, Any]:
        return self._file.ask(self._names)

    # --- groups ------------------------------------------------------------------------------------------------------

    @property
    def path(self) -> str:
        return "/".join(self._names)

    @property
    def is_group(self) -> bool:
        return "names" in self._told

    @property
    def place(self) -> int:
        """The address of a group in its file: two names can lead to one group."""
        return self._told["place"]

    def follow(self, path: str) -> Node:
        """What a path leads to, by links inside the file only; a ValueError as soon as something is asked of it."""
        return Node(self._file, (*self._names, *path.split("/")))

    @cached_property
    def children(self) -> dict[str, Node]:
        """What a group holds, by name; without links other than hard ones."""
        if not self.is_group:
            raise ValueError(f"{self.path!r} is no group")
        return {name: Node(self._file, (*self._names, name)) for name in self._told["names"]}

    # --- attributes --------------------------------------------------------------------------------------------------

    def texts(self, name: str) -> list[str] | None:
        """The texts of an attribute; None if there is no such attribute."""
        found = self._file.ask(self._names, attribute=name)
        if not found:
            return None
        if "texts" not in found:
            raise ValueError(f"it holds an attribute {name} that is not text")
        return found["texts"]

    def numbers(self, name: str) -> np.ndarray | None:
        """The numbers of an attribute, in its shape; None if there is no such attribute."""
        found = self._file.ask(self._names, attribute=name)
        if not found:
            return None
        if "numbers" not in found:
            raise ValueError(f"it holds an attribute {name} that is text where numbers are expected")
        return np.array(found["numbers"], found.get("dtype", "f8")).reshape(found["shape"])

    # --- arrays ------------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an array, whatever its values are."""
        shape = self._told.get("shape")
        if shape is None:
            raise ValueError("it holds no array, or one without a shape")
        return tuple(shape)

    @property
    def value_class(self) -> str:
        """What the values of an array are: "integers", "compound values", …"""
        return self._told["class"]

    @property
    def dimensions(self) -> list[str]:
        """The paths of the dimension scales of its axes, "" for an axis without; empty if it has none."""
        return [name.strip("/") for name in self._told.get("dimensions", ())]

    @property
    def is_scalar(self) -> bool:
        """Whether this is a single value, or an array of one or of none."""
        shape = self._told.get("shape", (0, 0))
        return shape is None or math.prod(shape) <= 1

    @property
    def is_numeric(self) -> bool:
        """Whether this is an array of integers or floating-point numbers."""
        return bool(self._told.get("dtype")) and self._told["shape"] is not None

    def dataset(self, *, plain: bool = True) -> Dataset:
        """The array that this is, its values unread.

        Args:
            plain: accept only floating-point numbers in one piece, all of them written and nothing packed, as Keras
                has them; False for integers, chunks, filters and fill values too.
        """
        told = self._told
        if told.get("refusal") or "dtype" not in told:
            raise ValueError(told.get("refusal") or "it holds a group where an array is expected")
        if plain and not told["plain"]:
            raise ValueError("it holds an array that is compressed, in pieces or not written; save it as a plain array")
        dtype = np.dtype(told["dtype"])
        if plain and dtype.kind != "f":
            raise ValueError("it holds an array of other values than floating-point numbers")
        return Dataset(self._file, self._names, self.shape, dtype, tuple(told["chunk"]) if told["chunk"] else None)


@dataclass(frozen=True)
class Dataset:
    """An array of a file, its values unread: its shape, the type of its numbers as they are read, the shape of a chunk.

    `chunk` is None for an array in one piece.
    """

    file: File
    names: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype
    chunk: tuple[int, ...] | None

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def chunk_nbytes(self) -> int:
        """Bytes of the values of a chunk; 0 for an array in one piece."""
        return math.prod(self.chunk) * self.dtype.itemsize if self.chunk else 0

    def read(self) -> np.ndarray:
        """All values."""
        return self.window([slice(0, length) for length in self.shape])

    def window(self, window: Sequence[slice]) -> np.ndarray:
        """The values of a window; only what it touches is read, and that once.

        Args:
            window: a slice of each axis, both ends inside the array.

        Raises:
            ValueError: if the file is damaged there.
        """
        values = np.empty([part.stop - part.start for part in window], self.dtype)
        if not values.size:
            return values
        if not values.ndim:
            self._read([], values)
            return values
        # Pieces of whole chunks along the first axis, wherever the window begins.
        first, length = window[0], self.chunk[0] if self.chunk else 1
        step = max(1, _PIECE // (values[0].nbytes * length)) * length
        begin = first.start - first.start % step

        def read(part: slice) -> None:
            start, stop = max(begin + part.start, first.start), min(begin + part.stop, first.stop)
            self._read([slice(start, stop), *window[1:]], values[start - first.start : stop - first.start])

        over_blocks(read, first.stop - begin, step)
        return values

    def _read(self, window: Sequence[slice], values: np.ndarray) -> None:
        room = 2 * values.nbytes + _COPIES * self.chunk_nbytes
        slices = [[part.start, part.stop] for part in window]
        self.file.ask(self.names, room, values.reshape(-1).view(np.uint8).data, slices=slices)
