"""MATLAB files, read as what they are here: one array of numbers; version 4 to 7 here, 7.3 by `mat73`.

SciPy's `loadmat` believes what a file declares: it allocates and unpacks up to 4 GB for a few bytes, reads beyond its
own tables for an unknown number type, and goes in circles for a negative size. Here sizes are checked before they are
used. Layouts: MathWorks, "MAT-File Format", level 4 and level 5.
"""

from __future__ import annotations

import math
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedIOBase, BufferedReader, BytesIO, RawIOBase
from pathlib import Path
from typing import Any

import numpy as np

from hscd.readers import mat73, variables
from hscd.readers.formats import reads
from hscd.readers.limits import check_size
from hscd.scenes.image import Image, axes_of_image
from hscd.system import hdf5, naming
from hscd.system.errors import InputError, brief, listing

SUFFIXES = (".mat",)

_MAX_NAME, _MAX_AXES = 4096, 32

# Level 5: a header of 128 bytes, then elements, each a tag of a type and a size before its content.
_HEADER_5, _TAG = 128, 8
_MATRIX, _COMPRESSED = 14, 15
_STORED_5 = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_INT8, _INT32, _UINT32, _UTF8 = 1, 5, 6, 16
_NUMBER_CLASSES = range(6, 16)
_OTHER_CLASSES = {1: "a cell array", 2: "a structure", 3: "an object", 4: "text", 5: "a sparse array", 16: "a function"}
_OPAQUE = 17
_COMPLEX_FLAG = 0x800
_PIECE = 2**16
_MAX_INFLATION = 1032  # the most bytes that one byte of a zlib stream can stand for

# Level 4: variables of 20 bytes of header, name and content, one after the other.
_HEADER_4 = 20
_STORED_4 = ("f8", "f4", "i4", "i2", "u2", "u1")
_CLASSES_4 = ("numbers", "text", "a sparse array")


@dataclass
class _Variable:
    """A variable whose content has not been read; `source` stands where it begins.

    `kind` says what it is if it is not an array of real numbers. Of the `size` bytes that it is said to have, no more
    than `capacity` can be there.
    """

    name: str
    kind: str
    shape: tuple[int, ...] = ()
    stored: str = "u1"
    size: int = 0
    capacity: int = 0
    source: BufferedIOBase = field(default_factory=BytesIO)


@reads(*SUFFIXES)
def open_image(path: Path, variable: str | None, limit: int) -> Image:
    """Open one variable of a .mat file, in the number type it is stored in; without a name, the only one that fits.

    Before version 7.3 a variable is packed as a whole: any window of it takes the memory, and the time, of all.

    Raises:
        InputError: if the file is unreadable, or does not hold the variable; reading, if it declares more than `limit`
            bytes for it.
    """
    if variable is None:
        variable = variables.of_image(path, *_arrays(path))
    if _is_hdf5(path):
        return mat73.open_image(path, variable, limit)
    shape, dtype = _found(path, variable, _declared)
    shape = axes_of_image(path, shape)

    def window(rows: slice, columns: slice) -> np.ndarray:
        values = _found(path, variable, lambda path, found: _content(path, found, limit))
        return values.reshape(shape, order="F")[rows, columns]

    return Image(path=path, format="MATLAB", shape=shape, dtype=dtype, block=shape[:2], window=window)


def label_variable(path: Path) -> str:
    """The name of the only variable of a .mat file that can be a label map.

    Raises:
        InputError: if the file is unreadable, or none or several fit.
    """
    return variables.of_label_map(path, *_arrays(path))


def _arrays(path: Path) -> tuple[variables.Arrays, list[str]]:
    """Names and shapes of the arrays of numbers in a file; names and kinds of the other variables that are known."""
    if _is_hdf5(path):
        return mat73.arrays(path), []
    arrays, others = [], []
    with _opened(path) as found:
        for variable in found:
            if variable.name and variable.kind:
                others.append(f"{variable.name} ({variable.kind})")
            elif variable.name:
                arrays.append((variable.name, variable.shape))
    return arrays, others


def _is_hdf5(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_5)
        marked = len(header) == _HEADER_5 and header[124:] in (b"\0\2IM", b"\2\0MI")
        return marked or hdf5.is_hdf5(path)  # what h5py writes has no header of MATLAB's
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def _found(path: Path, variable: str, take: Callable[[Path, _Variable], Any]) -> Any:
    """What `take` gets out of a variable."""
    present = []
    with _opened(path) as variables_of_file:
        for found in variables_of_file:
            if found.name == variable:
                return take(path, found)
            if found.name:
                present.append(found.name)
    names = listing(present, brief)
    raise InputError(f"{path}: no variable {variable!r} ({naming.named('matLabel')}); it holds: {names}")


@contextmanager
def _opened(path: Path) -> Iterator[Iterator[_Variable]]:
    """The variables of a file, whose errors become one InputError."""
    try:
        with path.open("rb") as file:
            yield _variables(file)
    except (InputError, MemoryError):
        raise
    except (OSError, ValueError, struct.error, zlib.error) as error:
        raise InputError(f"{path}: unreadable or truncated .mat file: {brief(error)}") from error


def _declared(path: Path, variable: _Variable) -> tuple[tuple[int, ...], np.dtype]:
    if variable.kind:
        raise InputError(f"{path}: expected numbers, found {variable.kind} in {variable.name!r}")
    return variable.shape, np.dtype(variable.stored).newbyteorder("=")


def _content(path: Path, variable: _Variable, limit: int) -> np.ndarray:
    stored = np.dtype(variable.stored)
    size = math.prod(variable.shape) * stored.itemsize
    check_size(path, size, limit)
    if size != variable.size or size > variable.capacity:
        raise ValueError(f"it holds other than the {size} bytes that {variable.name!r} needs")
    content = np.empty(size, np.uint8)
    if variable.source.readinto(content.data) < size:
        raise ValueError("it ends too early")
    variable.source.read(_TAG)  # padding; behind it zlib checks its checksum
    values = content.view(stored).reshape(variable.shape, order="F")
    return values if stored.isnative else values.byteswap(inplace=True).view(stored.newbyteorder("="))


def _take(source: BufferedIOBase, size: int) -> bytes:
    content = source.read(size)
    if len(content) < size:
        raise ValueError("it ends too early")
    return content


def _variables(file: BufferedIOBase) -> Iterator[_Variable]:
    start = _take(file, _HEADER_4)
    if 0 in start[:4]:
        file.seek(0)
        return _variables_4(file)
    header = start + _take(file, _HEADER_5 - _HEADER_4)
    order = {b"IM": "<", b"MI": ">"}.get(header[126:])
    version = struct.unpack(f"{order}H", header[124:126])[0] >> 8 if order else 0
    if order is None or version != 1:
        raise ValueError("it is of no known version")
    return _variables_5(file, order)


# --- level 5 ---------------------------------------------------------------------------------------------------------


class _Inflated(RawIOBase):
    """The content of a compressed element, unpacked no further than it is read."""

    def __init__(self, file: BufferedIOBase, size: int) -> None:
        self._file = file
        self._left = size
        self._packed = b""
        self._zlib = zlib.decompressobj()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._zlib.eof:
            if not self._packed:
                self._packed = self._file.read(min(self._left, _PIECE))
                self._left -= len(self._packed)
            ended = not self._packed
            unpacked = self._zlib.decompress(self._packed, len(buffer))
            self._packed = self._zlib.unconsumed_tail
            if unpacked:
                buffer[: len(unpacked)] = unpacked
                return len(unpacked)
            if ended:
                break
        return 0


def _variables_5(file: BufferedIOBase, order: str) -> Iterator[_Variable]:
    end = os.fstat(file.fileno()).st_size
    while tag := file.read(_TAG):
        kind, size = struct.unpack(f"{order}II", tag)
        following = file.tell() + size
        if following > end or kind not in (_MATRIX, _COMPRESSED):
            raise ValueError("it ends too early" if following > end else f"it holds an element of type {kind}")
        if kind == _MATRIX:
            yield _header_5(file, order, size)
        else:
            source = BufferedReader(_Inflated(file, size))
            if struct.unpack(f"{order}II", _take(source, _TAG))[0] != _MATRIX:
                raise ValueError("a compressed element does not hold a matrix")
            yield _header_5(source, order, size * _MAX_INFLATION)
        file.seek(following)


def _header_5(source: BufferedIOBase, order: str, capacity: int) -> _Variable:
    flags, _ = struct.unpack(f"{order}II", _small_element(source, order, (_UINT32,), 8))
    matrix_class = flags & 0xFF
    if matrix_class == _OPAQUE:
        return _Variable(_name_5(source, order), "an object")
    axes = _small_element(source, order, (_INT32, _UINT32), 4 * _MAX_AXES)
    shape = struct.unpack(f"{order}{len(axes) // 4}i", axes)
    name = _name_5(source, order)
    if matrix_class not in _NUMBER_CLASSES:
        return _Variable(name, _OTHER_CLASSES.get(matrix_class, f"something of class {matrix_class}"))
    if flags & _COMPLEX_FLAG:
        return _Variable(name, "complex numbers")
    kind, size, content = _tag(source, order)
    if kind not in _STORED_5 or min(shape, default=-1) < 0:
        raise ValueError(f"{name!r} has the shape {shape} and the number type {kind}")
    if content is not None:
        source, capacity = BytesIO(content), size
    return _Variable(name, "", shape, order + _STORED_5[kind], size, capacity, source)


def _tag(source: BufferedIOBase, order: str) -> tuple[int, int, bytes | None]:
    """Type and size of an element; and its content where it is so small that it lies in the tag."""
    tag = _take(source, _TAG)
    kind, size = struct.unpack(f"{order}II", tag)
    if kind >> 16 == 0:
        return kind, size, None
    if kind >> 16 > 4:
        raise ValueError(f"it holds an element of type {kind}")
    return kind & 0xFFFF, kind >> 16, tag[4 : 4 + (kind >> 16)]


def _small_element(source: BufferedIOBase, order: str, kinds: tuple[int, ...], most: int) -> bytes:
    kind, size, content = _tag(source, order)
    if kind not in kinds or size > most:
        raise ValueError(f"it holds an element of type {kind} and {size} bytes where another is expected")
    return _take(source, -(-size // 8) * 8)[:size] if content is None else content


def _name_5(source: BufferedIOBase, order: str) -> str:
    return _small_element(source, order, (_INT8, _UTF8), _MAX_NAME).decode("latin-1")


# --- level 4 ---------------------------------------------------------------------------------------------------------


def _variables_4(file: BufferedIOBase) -> Iterator[_Variable]:
    end = os.fstat(file.fileno()).st_size
    while header := file.read(_HEADER_4):
        order = "<" if 0 <= struct.unpack("<i", header[:4])[0] < 5000 else ">"
        numbers, rows, columns, is_complex, name_size = struct.unpack(f"{order}5i", header)
        # Decimal digits: byte order, a zero, number type, class.
        byte_order, zero, stored, matrix_class = (numbers // power % 10 for power in (1000, 100, 10, 1))
        if byte_order > 1 or zero or stored >= len(_STORED_4) or matrix_class >= len(_CLASSES_4):
            raise ValueError(f"it holds a variable of type {numbers}")
        if min(rows, columns, name_size) < 0 or name_size > _MAX_NAME or is_complex not in (0, 1):
            raise ValueError(f"it holds a variable of {rows} × {columns} values and a name of {name_size} letters")
        name = _take(file, name_size).strip(b"\0").decode("latin-1")
        kind = "complex numbers" if is_complex else _CLASSES_4[matrix_class] if matrix_class else ""
        size = rows * columns * np.dtype(_STORED_4[stored]).itemsize
        following = file.tell() + size * (1 + is_complex)
        yield _Variable(name, kind, (rows, columns), order + _STORED_4[stored], size, end - file.tell(), file)
        if following > end:
            raise ValueError("it ends too early")
        file.seek(following)
