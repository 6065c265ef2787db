"""Arrays that TensorFlow takes without a copy, and arrays that several processes share."""

from __future__ import annotations

import math
import os
import tempfile
import weakref
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from hscd.system.errors import InputError

# Bytes of an AVX-512 register, and what TensorFlow's kernels expect a tensor to start at.
ALIGNMENT = 64


def aligned_empty(shape: Sequence[int], dtype: Any = np.float32) -> np.ndarray:
    """Like `numpy.empty`, but starting at a multiple of 64 bytes, which NumPy does not promise."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + ALIGNMENT, dtype=np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)


def is_aligned(array: np.ndarray) -> bool:
    """Whether an array lies in one piece that starts at a multiple of 64 bytes."""
    return array.flags.c_contiguous and array.ctypes.data % ALIGNMENT == 0


class SharedArray:
    """A copy of an array that other processes map into their memory; the memory is theirs and ours once.

    It is picklable, and lives as long as the object it was made as.
    """

    def __init__(self, array: np.ndarray) -> None:
        self._shape, self._dtype = array.shape, array.dtype
        if hasattr(os, "memfd_create"):
            self._file: Any = os.fdopen(os.memfd_create("hscd"), "w+b")
            self._path = f"/proc/{os.getpid()}/fd/{self._file.fileno()}"
        else:
            self._file = tempfile.NamedTemporaryFile()  # noqa: SIM115
            self._path = self._file.name
        weakref.finalize(self, self._file.close)
        self._file.truncate(max(array.nbytes, 1))
        self.open("r+")[...] = array

    def open(self, mode: Literal["c", "r+"] = "c") -> np.ndarray:
        """The array; what is written to it stays with the process that writes, unless mode is "r+"."""
        mapped = np.memmap(self._path, dtype=self._dtype, mode=mode, shape=self._shape)
        return np.asarray(mapped)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_file"}


def array_of(argument: str, given: Any) -> np.ndarray:
    """What an argument gave as an array, masked where that is masked.

    Raises:
        InputError: if it is lists of several lengths.
    """
    try:
        return np.ma.asarray(given) if np.ma.isMaskedArray(given) else np.asarray(given)
    except ValueError:
        raise InputError(f"{argument}: an array expected, received lists of several lengths") from None


def filled(array: np.ndarray) -> np.ndarray:
    """An array of real numbers, NaN where it is masked; a plain one as it is."""
    if not np.ma.isMaskedArray(array):
        return array
    found: np.ndarray = np.ma.filled(array.astype(np.result_type(array.dtype, np.float32)), np.nan)
    return found


def held(dtype: np.dtype) -> str:
    """What the values of an array are, in words where they are no real numbers, for errors."""
    words = {"U": "text", "S": "text", "O": "Python objects", "c": "complex numbers", "M": "dates", "m": "dates"}
    return words.get(dtype.kind, str(dtype))
