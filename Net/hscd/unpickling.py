"""Reads the pickles of this program and of the guide's without running any code they name.

Whatever a pickle refers to is answered with a stand-in that only keeps what it is given. Arrays and scalars of NumPy
are made from that after it was checked: NumPy's own functions trust the bytes they are handed.
"""

from __future__ import annotations

import functools
import pickle
import re
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from hscd.distances import DISTANCES

# Parameter files name the network's head as the guide's program does: a function of its module `siamese`.
HEAD_MODULE = "siamese"

_NUMBERS = re.compile(r"[<>=|]?(f2|f4|f8|i1|i2|i4|i8|u1|u2|u4|u8|b1)")


def load(file: BinaryIO) -> Any:
    """Read a pickle of plain values, NumPy arrays and registered distances.

    Raises:
        pickle.UnpicklingError: if it refers to anything else; what damaged bytes raise besides is not known.
    """
    content = _content(_Unpickler(file).load())
    return {key: _content(value) for key, value in content.items()} if isinstance(content, dict) else content


def _content(value: Any) -> Any:
    return value.content() if isinstance(value, _StandIn) else value


class _StandIn:
    """Something a pickle built; `content` is what it stands for."""

    def content(self) -> Any:
        return self

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("it changes an object in a way that is not allowed")


class _Head(_StandIn):
    """A registered distance."""

    def __init__(self, function: Callable) -> None:
        self._function = function

    def content(self) -> Callable:
        return self._function


class _Dtype(_StandIn):
    """A NumPy number type, called as numpy.dtype is and given its byte order as state."""

    def __init__(self, code: str, align: bool = False, copy: bool = True) -> None:
        if not _NUMBERS.fullmatch(code):
            raise pickle.UnpicklingError(f"it holds values of type {code!r}, which is not a number type")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array(_StandIn):
    """An array of numbers, called as numpy's _reconstruct is and given its content as state."""

    def __init__(self, kind: Any, shape: tuple, code: bytes) -> None:
        self._values = np.empty(0)

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, column_major, data = state
        self._values = _from_buffer(data, dtype, shape, "F" if column_major else "C")

    def content(self) -> np.ndarray:
        return self._values


def _from_buffer(data: bytes | bytearray, dtype: _Dtype, shape: tuple, order: str = "C") -> np.ndarray:
    """numpy's _frombuffer; a shape that does not fit the bytes is a ValueError."""
    return np.frombuffer(data, dtype.dtype).reshape(shape, order="F" if order == "F" else "C")


def _scalar(dtype: _Dtype, data: bytes) -> Any:
    """numpy's scalar."""
    return np.frombuffer(data, dtype.dtype, count=1)[0]


_NUMPY: dict[tuple[str, str], Callable] = {("numpy", "dtype"): _Dtype, ("numpy", "ndarray"): _StandIn}
for _core in ("numpy.core", "numpy._core"):  # NumPy 1 and 2
    _NUMPY |= {
        (f"{_core}.multiarray", "_reconstruct"): _Array,
        (f"{_core}.multiarray", "scalar"): _scalar,
        (f"{_core}.numeric", "_frombuffer"): _from_buffer,
    }


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        for distance in DISTANCES.values():
            if (module, name) == (HEAD_MODULE, distance.function.__name__):
                return _Head(distance.function)
        if (module, name) not in _NUMPY:
            raise pickle.UnpicklingError(f"it refers to {module}.{name}, which is not allowed")
        # A pickle may set attributes of what it is given: that must not be the function or class itself.
        return functools.partial(_NUMPY[module, name])
