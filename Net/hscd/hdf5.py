"""Reads the part of HDF5 that Keras writes: groups, texts as attributes, and plain arrays of floating-point numbers.

The HDF5 library crashes, or never returns, on some files in which a bit is flipped. Here every address and size is
checked before it is used, the bytes read are counted, and what is not of this part is an error: links other than hard
ones, compressed or scattered arrays, anything in other files, the layouts since HDF5 1.8.
Layouts: The HDF Group, "HDF5 File Format Specification", version 3.0.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from io import BufferedIOBase
from typing import NamedTuple

import numpy as np

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_ROOT_AT = 64  # address of the root group in superblock 0, with addresses and lengths of 8 bytes
_SPACE, _TYPE, _EXTERNAL, _LAYOUT, _FILTERS, _ATTRIBUTE, _CONTINUATION, _SYMBOL_TABLE = 1, 3, 7, 8, 11, 12, 16, 17
_SHARED = 0x02
_SOFT_LINK = 2
_MAX_TEXT = 4096
_COMPACT, _CONTIGUOUS = 0, 1
_TEXT, _VARIABLE = 3, 9

# A file can refer to a block again and again. No sound one makes its reader read this much, small reads counted as
# _LEAST bytes, and this many times its size.
_READ_MOST, _READ_TIMES, _LEAST = 2**28, 4, 256

# IEEE 754 numbers by the description of their bits, without the byte order: type and its version, place of the sign,
# size, then offset, precision, place and size of the exponent and of the mantissa, bias.
_NUMBERS = {
    (0x11, 15, 2, 0, 16, 10, 5, 0, 10, 15): "f2",
    (0x11, 31, 4, 0, 32, 23, 8, 0, 23, 127): "f4",
    (0x11, 63, 8, 0, 64, 52, 11, 0, 52, 1023): "f8",
}
_IMPLIED_BIT = 0x20  # of the mantissa, as IEEE 754 has it


class _Message(NamedTuple):
    """A part of the description of a group or array; `address` is that of its content."""

    kind: int
    flags: int
    address: int
    content: bytes


@dataclass(frozen=True)
class Dataset:
    """An array whose values lie at one place of the file."""

    file: File
    shape: tuple[int, ...]
    dtype: np.dtype
    address: int

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def read(self) -> np.ndarray:
        """The values, in the byte order of this machine."""
        values = np.frombuffer(self.file.bytes_at(self.address, self.nbytes), self.dtype).reshape(self.shape)
        return values.astype(self.dtype.newbyteorder("="))


class File:
    """An open file; its root group is `root`. What does not fit together is a ValueError, KeyError or struct.error."""

    def __init__(self, file: BufferedIOBase) -> None:
        self._file = file
        self.size = file.seek(0, os.SEEK_END)
        self._left = _READ_MOST + _READ_TIMES * self.size
        start = self.bytes_at(0, _ROOT_AT + 8)
        if not start.startswith(_SIGNATURE):
            raise ValueError("it does not begin as HDF5 does")
        if (start[8], start[13], start[14]) != (0, 8, 8):
            raise ValueError("it is in a newer layout of HDF5 than Keras writes; save it with h5py's usual `libver`")
        self.root = Node(self, *struct.unpack("<Q", start[_ROOT_AT:]))

    def bytes_at(self, address: int, size: int) -> bytes:
        if not 0 <= address <= address + size <= self.size:
            raise ValueError(f"it refers to {size} bytes at {address}, beyond its end")
        self._left -= max(size, _LEAST)
        if self._left < 0:
            raise ValueError("it refers to the same blocks too often")
        self._file.seek(address)
        return self._file.read(size)

    def block(self, address: int, mark: bytes, size: int) -> bytes:
        """The start of a block that begins with a mark."""
        content = self.bytes_at(address, size)
        if not content.startswith(mark):
            raise ValueError(f"it holds no {mark.decode()} at {address}")
        return content


class Node:
    """A group or an array, by the address of its description."""

    def __init__(self, file: File, address: int) -> None:
        self._file = file
        self._address = address

    @cached_property
    def _messages(self) -> list[_Message]:
        version, count, size = struct.unpack("<BxH4xI", self._file.bytes_at(self._address, 12))
        if version != 1:
            raise ValueError(f"it holds no description of version 1 at {self._address}")
        blocks, seen = [(self._address + 16, size)], set()
        messages: list[_Message] = []
        while blocks:
            address, size = blocks.pop()
            if address in seen:
                raise ValueError(f"its block at {address} is part of itself")
            seen.add(address)
            content, place = self._file.bytes_at(address, size), 0
            while place + 8 <= size and len(messages) < count:
                kind, length, flags = struct.unpack_from("<HHB", content, place)
                place += 8
                message = _Message(kind, flags, address + place, content[place : place + length])
                if len(message.content) < length:
                    raise ValueError(f"its block at {address} is too short")
                messages.append(message)
                if kind == _CONTINUATION:
                    blocks.append(struct.unpack("<QQ", message.content[:16]))
                place += length
        return messages

    def _message(self, kind: int) -> _Message:
        found = [message for message in self._messages if message.kind == kind]
        if len(found) != 1 or found[0].flags & _SHARED:
            raise ValueError(f"what lies at {self._address} has {len(found)} messages of type {kind}, or shares it")
        return found[0]

    # --- groups ------------------------------------------------------------------------------------------------------

    def follow(self, path: str) -> Node:
        """What a path leads to, by links inside the file only."""
        node = self
        for name in path.split("/"):
            if name not in node._links:
                raise ValueError(f"{path!r} is not there, or is a link")
            node = node._links[name]
        return node

    @cached_property
    def _links(self) -> dict[str, Node]:
        tree, heap = struct.unpack("<QQ", self._message(_SYMBOL_TABLE).content[:16])
        size, texts = struct.unpack("<8xQ8xQ", self._file.block(heap, b"HEAP", 32))
        names = self._file.bytes_at(texts, size)
        links = {}
        for leaf in self._leaves(tree):
            (count,) = struct.unpack("<6xH", self._file.block(leaf, b"SNOD", 8))
            for entry in struct.iter_unpack("<QQI20x", self._file.bytes_at(leaf + 8, 40 * count)):
                name, address, cached = entry
                if cached != _SOFT_LINK:
                    links[_text(names[name : name + _MAX_TEXT])] = Node(self._file, address)
        return links

    def _leaves(self, tree: int) -> Iterator[int]:
        trees, seen = [tree], set()
        while trees:
            address = trees.pop()
            if address in seen:
                raise ValueError(f"its tree at {address} is part of itself")
            seen.add(address)
            kind, level, count = struct.unpack("<4xBBH", self._file.block(address, b"TREE", 8))
            if kind != 0:
                raise ValueError(f"its tree at {address} is not that of a group")
            below = [child for _, child in struct.iter_unpack("<QQ", self._file.bytes_at(address + 24, 16 * count))]
            if level > 0:
                trees += below
            else:
                yield from below

    # --- attributes --------------------------------------------------------------------------------------------------

    def texts(self, name: str) -> list[str] | None:
        """The texts of an attribute; None if there is no such attribute."""
        for message in self._messages:
            if message.kind == _ATTRIBUTE:
                version, flags, *sizes = struct.unpack_from("<BBHHH", message.content)
                if version not in (1, 2, 3) or (version > 1 and flags) or message.flags & _SHARED:
                    raise ValueError(f"it holds an attribute of version {version}")
                parts, place = [], 9 if version == 3 else 8
                for size in sizes:
                    parts.append(message.content[place : place + size])
                    place += -(-size // 8) * 8 if version == 1 else size
                if _text(parts[0]) == name:
                    return self._texts(parts[1], _shape(parts[2]), message.content[place:])
        return None

    def _texts(self, kind: bytes, shape: tuple[int, ...], content: bytes) -> list[str]:
        count = math.prod(shape)
        if count == 0:  # Keras writes an empty list as numbers
            return []
        of_class, bits, size = kind[0] & 0x0F, kind[1], struct.unpack_from("<I", kind, 4)[0]
        if size == 0 or size > _MAX_TEXT or count * size > len(content):
            raise ValueError(f"it holds an attribute of {count} values of {size} bytes")
        values = [content[place : place + size] for place in range(0, count * size, size)]
        if of_class == _VARIABLE and bits & 0x0F == 1:
            values = [self._from_heap(*struct.unpack("<IQI", value)) for value in values]
        elif of_class != _TEXT:
            raise ValueError("it holds an attribute that is not text")
        return [_text(value) for value in values]

    def _from_heap(self, length: int, heap: int, wanted: int) -> bytes:
        if length == 0:
            return b""
        (size,) = struct.unpack("<8xQ", self._file.block(heap, b"GCOL", 16))
        place, end = heap + 16, heap + size
        while place + 16 <= end:
            index, held = struct.unpack("<H6xQ", self._file.bytes_at(place, 16))
            if index == wanted and length <= min(held, _MAX_TEXT):
                return self._file.bytes_at(place + 16, length)
            if index == 0:
                break
            place += 16 + -(-held // 8) * 8
        raise ValueError(f"it holds no text {wanted} at {heap}")

    # --- arrays ------------------------------------------------------------------------------------------------------

    def dataset(self) -> Dataset:
        """The array that this is, its values unread."""
        if any(message.kind in (_FILTERS, _EXTERNAL) for message in self._messages):
            raise ValueError("it holds an array that is compressed or lies in another file; save it as a plain array")
        shape, dtype = _shape(self._message(_SPACE).content), _number_type(self._message(_TYPE).content)
        layout = self._message(_LAYOUT)
        version, stored = layout.content[0], layout.content[1]
        if version != 3 or stored not in (_COMPACT, _CONTIGUOUS):
            raise ValueError("it holds an array that is stored in pieces; save it as a plain array")
        if stored == _COMPACT:
            address, size = layout.address + 4, struct.unpack_from("<H", layout.content, 2)[0]
        else:
            address, size = struct.unpack_from("<QQ", layout.content, 2)
        dataset = Dataset(self._file, shape, dtype, address)
        if not size == dataset.nbytes <= self._file.size - address:
            raise ValueError(f"it holds {size} bytes of an array of {dataset.nbytes}")
        return dataset


def _text(content: bytes) -> str:
    return content.partition(b"\0")[0].decode()


def _shape(content: bytes) -> tuple[int, ...]:
    version, rank, _, simple = content[:4]
    if version not in (1, 2) or rank > 32 or (version == 2 and simple > 1):
        raise ValueError("it holds an array without a shape")
    return struct.unpack_from(f"<{rank}Q", content, 8 if version == 1 else 4)


def _number_type(content: bytes) -> np.dtype:
    kind, bits, sign, *rest = struct.unpack_from("<BBBxIHHBBBBI", content)
    if (kind, sign, *rest) not in _NUMBERS or bits & ~1 != _IMPLIED_BIT:
        raise ValueError("it holds an array of other values than floating-point numbers")
    return np.dtype("<>"[bits & 1] + _NUMBERS[kind, sign, *rest])
