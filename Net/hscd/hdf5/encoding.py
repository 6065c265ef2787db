"""How HDF5 writes down texts, shapes, types of numbers, fill values, and where the values of an array lie."""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np

COMPACT, CONTIGUOUS, CHUNKED = 0, 1, 2
UNDEFINED = 2**64 - 1  # address of what was never written

# Classes of types.
INTEGER, FLOAT, TEXT, COMPOUND, VARIABLE = 0, 1, 3, 6, 9
_CLASSES = {
    INTEGER: "integers", FLOAT: "floating-point numbers", 2: "times", TEXT: "text", 4: "bit fields",
    5: "opaque values", COMPOUND: "compound values", 7: "references", 8: "an enumeration",
    VARIABLE: "values of any length", 10: "arrays",
}  # fmt: skip

# IEEE 754 numbers by the description of their bits, without the byte order: place of the sign, size, then offset,
# precision, place and size of the exponent and of the mantissa, bias.
_FLOATS = {
    (15, 2, 0, 16, 10, 5, 0, 10, 15): "f2",
    (31, 4, 0, 32, 23, 8, 0, 23, 127): "f4",
    (63, 8, 0, 64, 52, 11, 0, 52, 1023): "f8",
}
_BIG_ENDIAN, _SIGNED = 0x01, 0x08
_IMPLIED_BIT = 0x20  # of the mantissa, as IEEE 754 has it
_FILL_DEFINED = 0x20


class Layout(NamedTuple):
    """Where the values of an array lie: of class `stored` at `address`.

    `size` is the number of bytes, None where the layout does not say. `chunk` is the shape of a chunk and the size of a
    number, empty for arrays in one piece.
    """

    stored: int
    address: int
    size: int | None = None
    chunk: tuple[int, ...] = ()


def text(content: bytes) -> str:
    """A text, up to the zero byte that ends it."""
    return content.partition(b"\0")[0].decode()


def shape(content: bytes) -> tuple[int, ...]:
    """The shape that a dataspace message declares."""
    version, rank, _, simple = content[:4]
    if version not in (1, 2) or rank > 32 or (version == 2 and simple > 1):
        raise ValueError("it holds an array without a shape")
    return struct.unpack_from(f"<{rank}Q", content, 8 if version == 1 else 4)


def class_name(content: bytes) -> str:
    """What values of a type are."""
    return _CLASSES.get(content[0] & 0x0F, "values of an unknown type")


def number_type(content: bytes) -> np.dtype:
    """The type of numbers that a datatype message describes, in the byte order of the file."""
    kind, bits, sign, size = struct.unpack_from("<BBBxI", content)
    order = "<>"[bits & _BIG_ENDIAN]
    if kind & 0x0F == INTEGER and struct.unpack_from("<HH", content, 8) == (0, 8 * size) and size in (1, 2, 4, 8):
        return np.dtype(f"{order}{'i' if bits & _SIGNED else 'u'}{size}")
    if kind & 0x0F == FLOAT and bits & ~_BIG_ENDIAN == _IMPLIED_BIT:
        description = (sign, size, *struct.unpack_from("<HHBBBBI", content, 8))
        if description in _FLOATS:
            return np.dtype(order + _FLOATS[description])
    raise ValueError(f"it holds {class_name(content)} of {size} bytes where numbers are expected")


def layout(content: bytes, address: int) -> Layout:
    """The layout that a message at an address describes; versions 1 and 2 are those before HDF5 1.6.3."""
    version = content[0]
    if version == 3:
        stored = content[1]
        if stored == COMPACT:
            return Layout(stored, address + 4, struct.unpack_from("<H", content, 2)[0])
        if stored == CONTIGUOUS:
            return Layout(stored, *struct.unpack_from("<QQ", content, 2))
        if stored == CHUNKED:
            tree, rank = struct.unpack_from("<Q", content, 3)[0], content[2]
            return Layout(stored, tree, chunk=struct.unpack_from(f"<{rank}I", content, 11))
    elif version in (1, 2):
        rank, stored = content[1:3]
        if stored == COMPACT:
            place = 8 + 4 * rank
            return Layout(stored, address + place + 4, struct.unpack_from("<I", content, place)[0])
        if stored in (CONTIGUOUS, CHUNKED):
            sizes = struct.unpack_from(f"<{rank}I", content, 16)
            at = struct.unpack_from("<Q", content, 8)[0]
            return Layout(stored, at, chunk=sizes if stored == CHUNKED else ())
    raise ValueError("it holds an array in a newer layout of HDF5; save it with h5py's usual `libver`")


def fill_value(content: bytes, dtype: np.dtype) -> np.generic:
    """What stands for values that were never written; 0 unless the message says otherwise."""
    version, flags, _, defined = content[:4]
    if version not in (1, 2, 3):
        raise ValueError(f"it holds a fill value of version {version}")
    place = 2 if version == 3 else 4
    if (flags & _FILL_DEFINED) if version == 3 else (version == 1 or defined):
        (size,) = struct.unpack_from("<I", content, place)
        if size == dtype.itemsize:
            return np.frombuffer(content, dtype, 1, place + 4)[0]
        if size:
            raise ValueError(f"it holds a fill value of {size} bytes for numbers of {dtype.itemsize}")
    return dtype.type(0)
