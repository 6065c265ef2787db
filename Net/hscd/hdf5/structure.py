"""Files, groups and attributes."""

from __future__ import annotations

import math
import os
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from io import BufferedIOBase
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hscd.errors import InputError, brief
from hscd.hdf5 import encoding
from hscd.hdf5.arrays import Dataset, Plain
from hscd.hdf5.chunks import Chunks
from hscd.hdf5.filters import Filters

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_USER_BLOCK = 512  # its least size, if there is one; otherwise a power of 2 times as much
# Address of the root group by the version of the superblock, with addresses and lengths of 8 bytes.
_ROOT_AT = {0: 64, 1: 68}

_SPACE, _TYPE, _FILL, _EXTERNAL, _LAYOUT, _FILTERS, _ATTRIBUTE = 1, 3, 5, 7, 8, 11, 12
_CONTINUATION, _SYMBOL_TABLE = 16, 17
_SHARED = 0x02
_SOFT_LINK = 2
_MAX_TEXT = 4096

# Nodes of a tree: their mark, type and level, count of entries; entries begin behind the addresses of siblings.
_TREE_ENTRIES_AT = 24
_GROUP_TREE = 0
_GROUP_ENTRY = np.dtype([("key", "<u8"), ("child", "<u8")])

# A file can refer to a block again and again. No sound one makes the reader of its structure read this much, small
# reads counted as _LEAST bytes, and this many times its size. Values are not counted: who reads a window of an array
# reads what it touches once.
_READ_MOST, _READ_TIMES, _LEAST = 2**28, 4, 256


class _Message(NamedTuple):
    """A part of the description of a group or array; `address` is that of its content."""

    kind: int
    flags: int
    address: int
    content: bytes


@contextmanager
def opened(path: Path, what: str) -> Iterator[File]:
    """Open a file for reading; whatever damaged bytes lead to inside is an InputError.

    Raises:
        InputError: if it is unreadable, or not `what` it should be.
    """
    try:
        with path.open("rb") as file:
            yield File(file)
    except (OSError, ValueError, LookupError, ArithmeticError, struct.error, zlib.error) as error:
        raise InputError(f"{path}: unreadable or truncated {what}: {brief(error)}") from error


class File:
    """An open file; its root group is `root`, addresses count from where its user block ends.

    What does not fit together is a ValueError, LookupError, struct.error or zlib.error. Values may be read by several
    threads.
    """

    def __init__(self, file: BufferedIOBase) -> None:
        self._file = file
        self._lock = threading.Lock()
        self.size = file.seek(0, os.SEEK_END)
        self._left = _READ_MOST + _READ_TIMES * self.size
        self._base = self._signature_at()
        self.size -= self._base
        version, size_of_addresses, size_of_lengths = struct.unpack("<8xB4xBB", self.bytes_at(0, 15))
        if version not in _ROOT_AT or (size_of_addresses, size_of_lengths) != (8, 8):
            raise ValueError("it is in a newer layout of HDF5 than is read here; save it with h5py's usual `libver`")
        self.root = Node(self, *struct.unpack("<Q", self.bytes_at(_ROOT_AT[version], 8)))

    def _signature_at(self) -> int:
        start = 0
        while start + len(_SIGNATURE) <= self.size:
            self._file.seek(start)
            if self._file.read(len(_SIGNATURE)) == _SIGNATURE:
                return start
            start = max(_USER_BLOCK, 2 * start)
        raise ValueError("it does not begin as HDF5 does")

    def bytes_at(self, address: int, size: int) -> bytes:
        """Bytes of the structure of the file, which are counted."""
        self._left -= max(size, _LEAST)
        if self._left < 0:
            raise ValueError("it refers to the same blocks too often")
        return self.values_at(address, size)

    def values_at(self, address: int, size: int) -> bytes:
        """Bytes of the values of an array."""
        if not 0 <= address <= address + size <= self.size:
            raise ValueError(f"it refers to {size} bytes at {address}, beyond its end")
        with self._lock:
            self._file.seek(self._base + address)
            return self._file.read(size)

    def block(self, address: int, mark: bytes, size: int) -> bytes:
        """The start of a block that begins with a mark."""
        content = self.bytes_at(address, size)
        if not content.startswith(mark):
            raise ValueError(f"it holds no {mark.decode()} at {address}")
        return content

    def leaves(self, tree: int, kind: int, entry: np.dtype) -> Iterator[np.ndarray]:
        """The entries of a tree (version 1), leaf by leaf in their order, each leaf (entries,) of the type `entry`."""
        seen: set[int] = set()
        total = 0
        # The nodes of a level that are still to be visited; None for the level of the first, which is not known.
        levels: list[tuple[int | None, Iterator[int]]] = [(None, iter([tree]))]
        while levels:
            expected, nodes = levels[-1]
            address = next(nodes, None)
            if address is None:
                levels.pop()
                continue
            if address in seen:
                raise ValueError(f"its tree at {address} is part of itself")
            seen.add(address)
            found, level, count = struct.unpack("<4xBBH", self.block(address, b"TREE", 8))
            if found != kind or expected not in (None, level):
                raise ValueError(f"its tree at {address} is of another type or level")
            entries = np.frombuffer(self.bytes_at(address + _TREE_ENTRIES_AT, entry.itemsize * count), entry)
            total += entries.nbytes
            if total > self.size:
                raise ValueError("it refers to the same blocks too often")
            if level == 0:
                yield entries
            else:
                levels.append((level - 1, map(int, entries["child"])))


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

    def _has(self, kind: int) -> bool:
        return any(message.kind == kind for message in self._messages)

    def _message(self, kind: int) -> _Message:
        found = [message for message in self._messages if message.kind == kind]
        if len(found) != 1 or found[0].flags & _SHARED:
            raise ValueError(f"what lies at {self._address} has {len(found)} messages of type {kind}, or shares it")
        return found[0]

    # --- groups ------------------------------------------------------------------------------------------------------

    @property
    def is_group(self) -> bool:
        return self._has(_SYMBOL_TABLE)

    def follow(self, path: str) -> Node:
        """What a path leads to, by links inside the file only."""
        node = self
        for name in path.split("/"):
            if name not in node.children:
                raise ValueError(f"{path!r} is not there, or is a link")
            node = node.children[name]
        return node

    @cached_property
    def children(self) -> dict[str, Node]:
        """What a group holds, by name; without soft links."""
        tree, heap = struct.unpack("<QQ", self._message(_SYMBOL_TABLE).content[:16])
        size, texts = struct.unpack("<8xQ8xQ", self._file.block(heap, b"HEAP", 32))
        names = self._file.bytes_at(texts, size)
        links: dict[str, Node] = {}
        total = 0
        for leaf in self._file.leaves(tree, _GROUP_TREE, _GROUP_ENTRY):
            for symbols in map(int, leaf["child"]):
                (count,) = struct.unpack("<6xH", self._file.block(symbols, b"SNOD", 8))
                total += 40 * count
                if total > self._file.size:
                    raise ValueError("it refers to the same blocks too often")
                for entry in struct.iter_unpack("<QQI20x", self._file.bytes_at(symbols + 8, 40 * count)):
                    name, address, cached = entry
                    if cached != _SOFT_LINK:
                        links[encoding.text(names[name : name + _MAX_TEXT])] = Node(self._file, address)
        return links

    # --- attributes --------------------------------------------------------------------------------------------------

    def texts(self, name: str) -> list[str] | None:
        """The texts of an attribute; None if there is no such attribute."""
        found = self._attribute(name)
        return None if found is None else self._texts(*found)

    def numbers(self, name: str) -> np.ndarray | None:
        """The numbers of an attribute, in its shape; None if there is no such attribute."""
        found = self._attribute(name)
        if found is None:
            return None
        kind, shape, content = found
        dtype = encoding.number_type(kind)
        values = np.frombuffer(content, dtype, math.prod(shape)).reshape(shape)
        return values.astype(dtype.newbyteorder("="))

    def _attribute(self, name: str) -> tuple[bytes, tuple[int, ...], bytes] | None:
        """Type, shape and content of an attribute."""
        for message in self._messages:
            if message.kind == _ATTRIBUTE:
                version, flags, *sizes = struct.unpack_from("<BBHHH", message.content)
                if version not in (1, 2, 3) or (version > 1 and flags) or message.flags & _SHARED:
                    raise ValueError(f"it holds an attribute of version {version}")
                parts, place = [], 9 if version == 3 else 8
                for size in sizes:
                    parts.append(message.content[place : place + size])
                    place += -(-size // 8) * 8 if version == 1 else size
                if encoding.text(parts[0]) == name:
                    return parts[1], encoding.shape(parts[2]), message.content[place:]
        return None

    def _texts(self, kind: bytes, shape: tuple[int, ...], content: bytes) -> list[str]:
        count = math.prod(shape)
        if count == 0:  # Keras writes an empty list as numbers
            return []
        of_class, bits, size = kind[0] & 0x0F, kind[1], struct.unpack_from("<I", kind, 4)[0]
        if size == 0 or size > _MAX_TEXT or count * size > len(content):
            raise ValueError(f"it holds an attribute of {count} values of {size} bytes")
        values = [content[place : place + size] for place in range(0, count * size, size)]
        if of_class == encoding.VARIABLE and bits & 0x0F == 1:
            values = [self._from_heap(*struct.unpack("<IQI", value)) for value in values]
        elif of_class != encoding.TEXT:
            raise ValueError("it holds an attribute that is not text")
        return [encoding.text(value) for value in values]

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

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an array, whatever its values are."""
        return encoding.shape(self._message(_SPACE).content)

    @property
    def value_class(self) -> str:
        """What the values of an array are: "integers", "compound values", …"""
        return encoding.class_name(self._message(_TYPE).content)

    def dataset(self, *, plain: bool = True) -> Dataset:
        """The array that this is, its values unread.

        Args:
            plain: accept only floating-point numbers in one piece, all of them written and nothing packed, as Keras
                has them; False for integers, chunks, filters and fill values too.
        """
        if self._has(_EXTERNAL) or (plain and self._has(_FILTERS)):
            raise ValueError("it holds an array that is compressed or lies in another file; save it as a plain array")
        dtype = encoding.number_type(self._message(_TYPE).content)
        message = self._message(_LAYOUT)
        layout = encoding.layout(message.content, message.address)
        if plain and dtype.kind != "f":
            raise ValueError("it holds an array of other values than floating-point numbers")
        if plain and layout.stored == encoding.CHUNKED:
            raise ValueError("it holds an array that is stored in pieces; save it as a plain array")
        shape = self.shape
        fill = dtype.type(0)
        if self._has(_FILL) and not plain:
            fill = encoding.fill_value(self._message(_FILL).content, dtype)
        if layout.stored == encoding.CHUNKED:
            filters = Filters(self._message(_FILTERS).content if self._has(_FILTERS) else b"")
            return Dataset(self._file, Chunks.found(self._file, layout, shape, dtype, filters), fill)
        if layout.address == encoding.UNDEFINED and not plain:
            return Dataset(self._file, Plain(shape, dtype, None), fill)
        dataset = Dataset(self._file, Plain(shape, dtype, layout.address), fill)
        size = dataset.nbytes if layout.size is None else layout.size
        if not size == dataset.nbytes <= self._file.size - layout.address:
            raise ValueError(f"it holds {size} bytes of an array of {dataset.nbytes}")
        return dataset
