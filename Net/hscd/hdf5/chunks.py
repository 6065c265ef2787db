"""Arrays that are stored in chunks, which a tree finds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hscd.hdf5.encoding import UNDEFINED, Layout
from hscd.hdf5.filters import Filters
from hscd.parallel import over_blocks

if TYPE_CHECKING:
    from hscd.hdf5.structure import File

_TREE = 1
_LONGEST = 2**62  # of an axis: indices beyond do not fit into 64 bits
_TOGETHER = 2**20  # bytes of chunks that a thread unpacks in a go


@dataclass(frozen=True)
class Chunks:
    """Values in chunks of one shape, all of them of that shape also where they reach beyond the array.

    `index` has the chunks that were written, in row-major order: `place` counts chunks along each axis.
    """

    array: tuple[int, ...]
    shape: tuple[int, ...]
    dtype: np.dtype
    filters: Filters
    index: np.ndarray

    @classmethod
    def found(cls, file: File, layout: Layout, array: tuple[int, ...], dtype: np.dtype, filters: Filters) -> Chunks:
        """The chunks that the tree of a layout finds.

        Raises:
            ValueError, struct.error: if chunks lie beyond the file or the array, overlap, or have an impossible size.
        """
        *sizes, itemsize = layout.chunk or (0,)
        shape = tuple(sizes)
        if len(shape) != len(array) or not shape or 0 in shape or itemsize != dtype.itemsize:
            raise ValueError(f"it holds an array of shape {array} in chunks of shape {shape}")
        if max(array) >= _LONGEST:
            raise ValueError(f"it holds an array of shape {array}")
        index = _index(file, layout.address, shape)
        _check(index, array, shape, dtype, filters, file.size)
        return cls(array, shape, dtype, filters, index)

    @property
    def nbytes(self) -> int:
        """Bytes of the numbers of a chunk."""
        return math.prod(self.shape) * self.dtype.itemsize

    def read(self, file: File, window: Sequence[slice], values: np.ndarray, fill: np.generic) -> None:
        """Fill `values`, of the shape of the window and of the array's type in any byte order."""
        low = [part.start // size for part, size in zip(window, self.shape, strict=True)]
        high = [-(-part.stop // size) for part, size in zip(window, self.shape, strict=True)]
        place = self.index["place"]
        wanted = self.index[((place >= low) & (place < high)).all(axis=1)]
        if len(wanted) < math.prod(last - first for first, last in zip(low, high, strict=True)):
            values[...] = fill

        def read(part: slice) -> None:
            for chunk in wanted[part].tolist():
                self._read_chunk(file, chunk, window, values)

        over_blocks(read, len(wanted), max(1, _TOGETHER // self.nbytes))

    def _read_chunk(self, file: File, chunk: tuple, window: Sequence[slice], values: np.ndarray) -> None:
        place, address, size, mask = chunk
        stored = file.values_at(address, size)
        content = self.filters.undone(stored, mask, self.nbytes, self.dtype.itemsize)
        inside, there = [], []
        for index, length, part in zip(place, self.shape, window, strict=True):
            begin = index * length
            first, last = max(begin, part.start), min(begin + length, part.stop)
            inside.append(slice(first - begin, last - begin))
            there.append(slice(first - part.start, last - part.start))
        values[tuple(there)] = np.frombuffer(content, self.dtype).reshape(self.shape)[tuple(inside)]


def _index(file: File, tree: int, shape: tuple[int, ...]) -> np.ndarray:
    # The last offset is within a number, always 0.
    axes = len(shape)
    entry = np.dtype([("size", "<u4"), ("mask", "<u4"), ("offset", "<u8", (axes + 1,)), ("child", "<u8")])
    leaves = [] if tree == UNDEFINED else list(file.leaves(tree, _TREE, entry))
    entries = np.concatenate(leaves) if leaves else np.empty(0, entry)
    offsets = entries["offset"]
    if (offsets >= _LONGEST).any() or (offsets % np.array([*shape, 1], np.uint64)).any() or offsets[:, -1].any():
        raise ValueError("it holds chunks that do not lie side by side")
    index = np.empty(
        len(entries), [("place", np.int64, (axes,)), ("address", np.uint64), ("size", np.int64), ("mask", np.uint32)]
    )
    index["place"] = offsets[:, :-1] // np.array(shape, np.uint64)
    for field, source in (("address", "child"), ("size", "size"), ("mask", "mask")):
        index[field] = entries[source]
    return index


def _check(
    index: np.ndarray, array: tuple[int, ...], shape: tuple[int, ...], dtype: np.dtype, filters: Filters, held: int
) -> None:
    """Refuse chunks that are not in the order of a tree, each once, inside the array; or cannot all lie in the file."""
    place, sizes = index["place"], index["size"]
    if (place * np.array(shape) >= np.array(array)).any():
        raise ValueError("it holds chunks outside of the array")
    steps = np.diff(place, axis=0)
    # The first axis along which a chunk is not beside the one before has to grow.
    if (np.take_along_axis(steps, (steps != 0).argmax(axis=1)[:, None], axis=1) <= 0).any():
        raise ValueError("it holds chunks twice, or in disorder")
    size = math.prod(shape) * dtype.itemsize
    least = 1 if filters else size
    if len(sizes) and not (least <= sizes.min() and sizes.max() <= filters.most(size)):
        raise ValueError(f"it holds chunks of {sizes.min()} to {sizes.max()} bytes for {size}")
    if sizes.sum() > held:
        raise ValueError("it refers to the same blocks too often")
