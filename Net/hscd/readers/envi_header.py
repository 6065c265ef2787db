"""Headers of ENVI images, read strictly: what is missing or unknown is refused, not guessed.

Source: NV5 Geospatial, "ENVI Header Files", and for the places of frame offsets GDAL's ENVI driver.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hscd.scenes.nodata import as_stored
from hscd.system.errors import InputError, brief

_START = b"ENVI"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Room for names and wavelengths of tens of thousands of bands.
_LARGEST_BYTES = 2**24
_MOST = 2**31 - 1
_TYPES = {1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 12: "u2", 13: "u4", 14: "i8", 15: "u8"}
_COMPLEX = {6: "complex64", 9: "complex128"}
_INTERLEAVES = ("bsq", "bil", "bip")
_IMAGES = ("", "envi", "envi standard", "envi classification")
_NO_IMAGES = ("envi spectral library", "envi meta file", "envi virtual mosaic")


@dataclass(frozen=True)
class Header:
    """What an ENVI header says.

    `shape` is (rows, columns, bands), `dtype` with the byte order of the file. Pixels begin after `offset` bytes, and
    `between` further ones lie around each row of all bands. `entries` are the texts of all keys, in lower case.
    `nodata` is None where there is none. `notes` can follow the header's name.
    """

    path: Path
    entries: dict[str, str]
    shape: tuple[int, int, int]
    dtype: np.dtype
    interleave: str
    offset: int
    between: int
    compressed: bool
    nodata: float | None
    notes: tuple[str, ...]

    @property
    def pixel_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def file_bytes(self) -> int:
        """The size of the file of the pixels, unpacked."""
        return self.offset + self.pixel_bytes + self.between * self.shape[0]


def is_header(path: Path) -> bool:
    """Whether a file is an ENVI header; other programs have headers of the same suffix."""
    try:
        with path.open("rb") as file:
            return file.read(len(_BYTE_ORDER_MARK + _START)).removeprefix(_BYTE_ORDER_MARK).startswith(_START)
    except OSError:
        return False


def read(path: Path) -> Header:
    """Read a header.

    Raises:
        InputError: if it is no ENVI header, lacks a mandatory key, has a value that is not known, or describes
            something else than an image of real numbers.
    """
    entries = _entries(path)
    kind = entries.get("file type", "").lower()
    if kind in _NO_IMAGES:
        raise InputError(
            f"{path}: file type = {kind}: this is not an image; expected ENVI Standard or ENVI Classification"
        )
    notes = [] if kind in _IMAGES else [f"its file type, {brief(kind)!r}, is not known; it is read as ENVI Standard"]
    shape = (_integer(path, entries, "lines"), _integer(path, entries, "samples"), _integer(path, entries, "bands"))
    dtype = np.dtype(_TYPES[_data_type(path, entries)])
    interleave = _required(path, entries, "interleave", ", ".join(_INTERLEAVES)).lower()
    if interleave not in _INTERLEAVES:
        raise InputError(f"{path}: interleave = {brief(interleave)}: expected {', '.join(_INTERLEAVES)}")
    if dtype.itemsize > 1 and "byte order" not in entries:
        notes.append("it has no `byte order`; its values are taken for little-endian (0)")
    big_endian = _integer(path, entries, "byte order", 0, 1, 0)
    compressed = bool(_integer(path, entries, "file compression", 0, 1, 0))
    major, between = _frame_offsets(path, entries, interleave, shape[2], compressed)
    nodata, more = _nodata(entries, dtype)
    return Header(
        path=path,
        entries=entries,
        shape=shape,
        dtype=dtype.newbyteorder(">" if big_endian else "<"),
        interleave=interleave,
        offset=_integer(path, entries, "header offset", 0, _MOST, 0),
        between=major + between,
        compressed=compressed,
        nodata=nodata,
        notes=(*notes, *more),
    )


def entries_of(text: str | None) -> list[str]:
    """The entries of a list, {a, b, c}, also if it ends with a comma; none of a missing one."""
    inside = "" if text is None else text.strip().removeprefix("{").partition("}")[0].strip()
    return [entry.strip() for entry in inside.removesuffix(",").split(",")] if inside else []


# --- keys and values -------------------------------------------------------------------------------------------------


def _entries(path: Path) -> dict[str, str]:
    """The texts of all keys; a list keeps its braces."""
    lines = _lines(path)
    entries: dict[str, str] = {}
    for line in lines:
        name, found, value = line.partition("=")
        if not found:
            continue
        key = " ".join(name.replace("_", " ").lower().split())
        parts = [value.strip()]
        while parts[0].startswith("{") and "}" not in parts[-1]:
            following = next(lines, None)
            if following is None:
                raise InputError(f"{path}: truncated: the list of `{brief(key)}` does not end")
            parts.append(following.strip())
        value = " ".join(parts)
        if entries.get(key, value) != value:
            raise InputError(f"{path}: says `{brief(key)}` twice, with different values; remove the wrong one")
        entries[key] = value
    return entries


def _lines(path: Path) -> Iterator[str]:
    """The lines after the first, without comments."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if content.startswith(_BYTE_ORDER_MARK):
        raise InputError(f"{path}: begins with a byte order mark; save it as UTF-8 without one")
    if not content.startswith(_START):
        raise InputError(f"{path}: expected an ENVI header, whose first line is ENVI")
    if len(content) > _LARGEST_BYTES:
        raise InputError(f"{path}: too large to be an ENVI header")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return (line for line in re.split("\r\n|\r|\n", text)[1:] if not line.lstrip().startswith(";"))


def _required(path: Path, entries: dict[str, str], key: str, allowed: str) -> str:
    if key not in entries:
        raise InputError(f"{path}: has no `{key}`, which an ENVI header must have: {allowed}")
    return entries[key]


def _integer(
    path: Path, entries: dict[str, str], key: str, least: int = 1, most: int = _MOST, default: int | None = None
) -> int:
    allowed = f"{least} or {most}" if most == least + 1 else f"a whole number from {least} to {most}"
    text = _required(path, entries, key, allowed) if default is None else entries.get(key, str(default))
    if not (re.fullmatch("[0-9]{1,10}", text) and least <= int(text) <= most):
        raise InputError(f"{path}: {key} = {brief(text)}: expected {allowed}")
    return int(text)


def _data_type(path: Path, entries: dict[str, str]) -> int:
    allowed = "one of " + ", ".join(f"{code} ({np.dtype(name)})" for code, name in _TYPES.items())
    text = _required(path, entries, "data type", allowed)
    code = int(text) if re.fullmatch("[0-9]{1,2}", text) else 0
    if code in _COMPLEX:
        raise InputError(
            f"{path}: data type = {code}: expected real numbers, found complex ones ({_COMPLEX[code]}); convert them, "
            "for example to amplitude"
        )
    if code not in _TYPES:
        raise InputError(f"{path}: data type = {brief(text)}: expected {allowed}")
    return code


def _frame_offsets(
    path: Path, entries: dict[str, str], interleave: str, bands: int, compressed: bool
) -> tuple[int, int]:
    """Bytes before and after each row of all bands."""
    found = [_pair(path, entries, key) for key in ("major frame offsets", "minor frame offsets")]
    major, minor = found
    if any(minor) or (any(major) and (compressed or (interleave == "bsq" and bands > 1))):
        key = "minor" if any(minor) else "major"
        raise InputError(f"{path}: {key} frame offsets in such a file are not read; save it without them")
    return major


def _pair(path: Path, entries: dict[str, str], key: str) -> tuple[int, int]:
    texts = entries_of(entries.get(key)) or ["0", "0"]
    if len(texts) != 2 or not all(re.fullmatch("[0-9]{1,9}", text) for text in texts):
        raise InputError(f"{path}: {key} = {brief(entries[key])}: expected two numbers of bytes")
    return int(texts[0]), int(texts[1])


def _nodata(entries: dict[str, str], dtype: np.dtype) -> tuple[float | None, tuple[str, ...]]:
    text = entries.get("data ignore value")
    if text is None:
        return None, ()
    entry = f"its data ignore value, {brief(text)!r},"
    try:
        value = float(text.strip("{} "))
    except ValueError:
        return None, (f"{entry} is no number, and not used",)
    if dtype.kind != "f" and as_stored(value, dtype) is None:
        return None, (f"{entry} is no value of {dtype}, and not used",)
    return value, ()
