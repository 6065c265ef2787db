"""ENVI: a header, X.hdr, and the file of the pixels beside it (X, X.img, X.dat, X.bsq, X.bil, X.bip, …).

GDAL reads the pixels, after the header was found to say all that is needed; those that are packed are unpacked here.
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from hscd.readers import envi_bands, envi_header, envi_place
from hscd.readers.envi_header import Header
from hscd.readers.formats import reads
from hscd.readers.limits import check_size
from hscd.readers.raster import open_raster
from hscd.scenes.image import Image
from hscd.system.errors import InputError, brief

SUFFIXES = (".hdr",)

DATA_SUFFIXES = ("", ".img", ".dat", ".bsq", ".bil", ".bip", ".raw", ".bin", ".envi")

_GZIP_START = b"\x1f\x8b"
_MAX_INFLATION = 1032  # the most bytes that one byte of a packed file can stand for
_PIECE = 2**20


@reads(*SUFFIXES)
def open_image(path: Path, variable: str | None, limit: int) -> Image:
    """Open an ENVI image by its header, or by the file of its pixels.

    Packed pixels (file compression = 1) are unpacked as a whole: any window of them takes the memory, and the time, of
    all.

    Raises:
        InputError: as `open_raster` and `envi_header.read`; also if there is no file of pixels, or it is truncated. Of
            packed ones that may be found as late as they are read, as is that they take more than `limit` bytes.
    """
    file = path if path.suffix.lower() in SUFFIXES else header_of(path)
    if file is None:
        raise InputError(f"{path}: no ENVI header beside it ({path.name}.hdr, {path.stem}.hdr)")
    header = envi_header.read(file)
    found = _data_files(file) if file == path else [path]
    if not found:
        raise InputError(f"{path}: no file of pixels beside this header ({path.stem}.img, .dat, .bsq, .bil, .bip, …)")
    data = found[0]
    notes = header.notes + _checked_size(header, data)
    if len(found) > 1:
        notes += (f"{data.name} is read as its pixels, not {', '.join(other.name for other in found[1:])}",)
    image = open_raster(data, "ENVI", "ENVI", limit)
    if (image.shape, image.dtype) != (header.shape, header.dtype.newbyteorder("=")):
        raise InputError(f"{file}: GDAL reads it as {image.shape} of {image.dtype}; rewrite the header")
    grid, of_place = envi_place.corrected(header, image.grid)
    of_bands, of_lists = envi_bands.described(header)
    # What GDAL makes of the list of wavelengths is not used, wherever it differs.
    others = tuple(note for note in image.notes if "wavelength" not in note)
    image = replace(image, grid=grid, notes=notes + of_place + of_lists + others, **of_bands)
    if "data ignore value" in header.entries:  # which GDAL takes for 0 if it is no number
        image = replace(image, nodata=() if header.nodata is None else (header.nodata,) * image.shape[2])
    if not header.compressed:
        return image
    return replace(
        image,
        window=lambda rows, columns: _unpacked(header, data, limit)[rows, columns],
        block=image.shape[:2],
    )


def data_file(header: Path) -> Path | None:
    """The file of the pixels that a header describes; None if there is none, or it is no ENVI header."""
    return next(iter(_data_files(header)), None)


def header_of(data: Path) -> Path | None:
    """The ENVI header beside a file of pixels, X.img.hdr or X.hdr; None if there is none."""
    found = _beside(data.parent, [f"{data.name}.hdr", f"{data.stem}.hdr"])
    header = next((file for file in found if file != data), None)
    return header if header is not None and envi_header.is_header(header) else None


def _data_files(header: Path) -> list[Path]:
    found = _beside(header.parent, [header.stem + suffix for suffix in DATA_SUFFIXES])
    return [file for file in found if header_of(file) == header]


def _beside(folder: Path, names: list[str]) -> list[Path]:
    """The files of a folder that have one of some names, in the order of these, in upper or lower case."""
    there = {entry.name.lower(): entry for entry in folder.iterdir() if entry.is_file()}
    return [there[name.lower()] for name in names if name.lower() in there]


# --- pixels ----------------------------------------------------------------------------------------------------------


def _checked_size(header: Header, data: Path) -> tuple[str, ...]:
    """A note if the file of the pixels is longer than described; `InputError` if it is shorter."""
    size, expected = data.stat().st_size, header.file_bytes
    try:
        with data.open("rb") as file:
            packed = file.read(len(_GZIP_START)) == _GZIP_START
            file.seek(-min(size, 4), 2)
            unpacked = int.from_bytes(file.read(4), "little")  # of the last part, modulo 2³²
    except OSError as error:
        raise InputError(f"{data}: cannot be read: {error.strerror}") from error
    if header.compressed:
        if not packed:
            raise InputError(f"{data}: is not packed by gzip, as file compression = 1 in its header says")
        if size * _MAX_INFLATION < expected:  # GDAL would go on with zeros, here as below
            raise InputError(f"{data}: truncated: {size} packed bytes, its header describes {expected}")
        size = max(unpacked, expected) if expected < 2**32 else expected
    if size < expected:
        hint = "; it is packed by gzip: its header lacks file compression = 1" if packed else ""
        raise InputError(f"{data}: truncated: {size} bytes, its header describes {expected}{hint}")
    if size == expected:
        return ()
    return (f"its pixels take {size} bytes, of which its header describes {expected}; the others are not used",)


def _unpacked(header: Header, data: Path, limit: int) -> np.ndarray:
    """All pixels of a packed file, (rows, columns, bands)."""
    check_size(data, header.pixel_bytes, limit)
    content = np.empty(header.pixel_bytes, np.uint8)
    try:
        with gzip.open(data, "rb") as file:
            _skip(file, header.offset)
            filled = 0
            while filled < len(content):
                filled += _positive(file.readinto(content[filled:].data))
            file.read(1)  # behind the last byte gzip checks its checksum
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(f"{data}: truncated or damaged gzip file: {brief(error)}") from error
    values = content.view(header.dtype)
    if not header.dtype.isnative:
        values = values.byteswap(inplace=True).view(header.dtype.newbyteorder("="))
    rows, columns, bands = header.shape
    if header.interleave == "bsq":
        return np.moveaxis(values.reshape(bands, rows, columns), 0, 2)
    if header.interleave == "bil":
        return np.moveaxis(values.reshape(rows, bands, columns), 1, 2)
    return values.reshape(rows, columns, bands)


def _skip(file: gzip.GzipFile, size: int) -> None:
    while size:
        size -= _positive(len(file.read(min(size, _PIECE))))


def _positive(count: int) -> int:
    if not count:
        raise EOFError("it ends too early")
    return count
