"""What was done to chunks before they were stored, undone: compression, byte shuffling, checksums."""

from __future__ import annotations

import struct
import zlib

import numpy as np

DEFLATE, SHUFFLE, FLETCHER32 = 1, 2, 3
_OTHERS = {4: "szip", 5: "nbit", 6: "scaleoffset", 32000: "LZF", 32001: "Blosc", 32004: "LZ4", 32015: "Zstandard"}
_NAMED = 256  # from here on a filter has a name in version 2
_CHECKSUM = 4
_MODULUS = 65535
_WORDS = 2**16  # summed at a time: no sum overflows 64 bits

# Deflate makes what it cannot pack a little longer.
_GROWTH, _OVERHEAD = 8, 1024


class Filters:
    """The filters of an array in the order in which they were applied; none for the empty message."""

    def __init__(self, message: bytes = b"") -> None:
        self._kinds = _kinds(message) if message else []
        for kind in self._kinds:
            if kind not in (DEFLATE, SHUFFLE, FLETCHER32):
                name = _OTHERS.get(kind, f"filter {kind}")
                raise ValueError(f"it holds an array packed with {name}; save it with gzip, or unpacked")
        if len(set(self._kinds)) < len(self._kinds):
            raise ValueError("it holds an array that is filtered twice in the same way")

    def __bool__(self) -> bool:
        return bool(self._kinds)

    def most(self, size: int) -> int:
        """The most bytes that a chunk of `size` can be stored in."""
        return size + size // _GROWTH + _OVERHEAD if self else size

    def undone(self, stored: bytes, mask: int, size: int, itemsize: int) -> bytes:
        """The `size` bytes of a chunk; no more memory is taken, whatever it would unpack to.

        Args:
            stored: the chunk as it lies in the file.
            mask: bits of the filters that were left out for this chunk.
            size: bytes of the numbers of the chunk.
            itemsize: bytes of a number.

        Raises:
            ValueError, zlib.error: if it does not unpack to so many bytes, or its checksum is wrong.
        """
        applied = [kind for number, kind in enumerate(self._kinds) if not mask >> number & 1]
        while applied:
            kind = applied.pop()
            if kind == DEFLATE:
                stored = _inflated(stored, size + _CHECKSUM * (FLETCHER32 in applied))
            elif kind == SHUFFLE:
                stored = _unshuffled(stored, itemsize)
            else:
                stored = _checked(stored)
        if len(stored) != size:
            raise ValueError(f"it holds a chunk of {len(stored)} bytes, not {size}")
        return stored


def _kinds(message: bytes) -> list[int]:
    version, count = message[:2]
    if version not in (1, 2):
        raise ValueError(f"it holds filters of version {version}")
    kinds, place = [], 8 if version == 1 else 2
    for _ in range(count):
        (kind,) = struct.unpack_from("<H", message, place)
        place += 2
        name = 0
        if version == 1 or kind >= _NAMED:
            (name,) = struct.unpack_from("<H", message, place)
            place += 2
        _, values = struct.unpack_from("<HH", message, place)
        place += 4 + name + 4 * values
        if version == 1:
            place += 4 * (values % 2)
        kinds.append(kind)
    return kinds


def _inflated(packed: bytes, size: int) -> bytes:
    stream = zlib.decompressobj()
    content = stream.decompress(packed, size)
    # One byte more than there may be: the checksum of the stream is behind the last, and zlib verifies it on the way.
    if len(content) != size or stream.decompress(stream.unconsumed_tail, 1) or not stream.eof:
        raise ValueError(f"it holds a chunk that does not unpack to {size} bytes")
    return content


def _unshuffled(content: bytes, itemsize: int) -> bytes:
    """The bytes of a number side by side again, where all first bytes, then all second bytes, … were stored."""
    whole = len(content) // itemsize * itemsize
    numbers = np.frombuffer(content, np.uint8, whole).reshape(itemsize, -1).T
    return numbers.tobytes() + content[whole:]


def _checked(content: bytes) -> bytes:
    if len(content) < _CHECKSUM:
        raise ValueError("it holds a chunk without its checksum")
    content, (stored,) = content[:-_CHECKSUM], struct.unpack("<I", content[-_CHECKSUM:])
    # The sums are modulo 65535, where 0 and 65535 are one number.
    if (stored % 2**16 % _MODULUS, stored // 2**16 % _MODULUS) != fletcher32(content):
        raise ValueError("it holds a chunk whose checksum is wrong")
    return content


def fletcher32(content: bytes) -> tuple[int, int]:
    """The sum of the big-endian words of 16 bits, and the sum of all sums so far, both modulo 65535.

    Source: J. G. Fletcher, "An Arithmetic Checksum for Serial Transmissions", IEEE Trans. Commun. 30, 1982.
    """
    words = np.frombuffer(content + b"\0" * (len(content) % 2), ">u2")
    simple = double = 0
    for start in range(0, len(words), _WORDS):
        part = words[start : start + _WORDS].astype(np.uint64)
        # A word is in as many of the sums as words follow it, and in its own.
        weighted = int(part @ np.arange(len(part), 0, -1, dtype=np.uint64))
        double = (double + len(part) * simple + weighted) % _MODULUS
        simple = (simple + int(part.sum())) % _MODULUS
    return simple, double
