"""TIFF: a single file, or a folder of single-band files in alphanumeric order (B01.tif, B02.tif, …)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hscd import native_stderr
from hscd.errors import InputError, brief
from hscd.readers.limits import check_size

if TYPE_CHECKING:
    from PIL.TiffImagePlugin import TiffImageFile

SUFFIXES = (".tif", ".tiff")

# TIFF tags.
_BITS_PER_SAMPLE, _COMPRESSION, _PHOTOMETRIC, _SAMPLES_PER_PIXEL, _SAMPLE_FORMAT = 258, 259, 262, 277, 339
_COLUMNS, _ROWS, _ROWS_PER_STRIP, _TILE_WIDTH, _TILE_LENGTH = 256, 257, 278, 322, 323
_STRIP_OFFSETS, _STRIP_SIZES, _TILE_OFFSETS, _TILE_SIZES = 273, 279, 324, 325
_UNCOMPRESSED = 1
_WHITE_IS_ZERO = 0


def read(path: Path, variable: str | None, limit: int) -> np.ndarray:
    """Read a TIFF file, or the bands of a folder stacked to (rows, columns, bands).

    Raises:
        InputError: if a file is unreadable, the folder is empty, its bands differ in shape, or more than `limit` bytes
            are declared, by all bands together.
    """
    bands = [path] if path.is_file() else _bands(path)
    shape, dtype = _declared(bands[0], limit)
    for band in bands[1:]:
        other, values = _declared(band, limit)
        if other != shape:
            raise InputError(
                f"{band}: shape {other} differs from {shape} of {bands[0].name}; resample all bands to one grid"
            )
        dtype = np.result_type(dtype, values)
    check_size(path, math.prod(shape) * len(bands) * dtype.itemsize, limit)
    if path.is_file():
        return _decoded(path)
    image = np.empty((*shape, len(bands)), dtype)
    for index, band in enumerate(bands):
        image[:, :, index] = _decoded(band)
    return image


def _bands(folder: Path) -> list[Path]:
    bands = sorted(
        band for band in folder.iterdir() if band.suffix.lower() in SUFFIXES and not band.name.startswith(".")
    )
    if not bands:
        raise InputError(f"{folder}: folder without .tif bands")
    return bands


@contextmanager
def _opened(path: Path) -> Iterator[TiffImageFile]:
    """A file of which Pillow has read nothing but the tags; whatever it raises or warns about is an InputError."""
    from PIL import Image

    pillow_limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None  # a number of pixels for pictures; here bytes are counted
    # On the standard error stream libtiff says why it fails, and what it only mislikes.
    with native_stderr.collected() as said, warnings.catch_warnings():
        # A tag that Pillow warns about is left out by it, and a default takes its place.
        warnings.simplefilter("error", UserWarning)
        warnings.filterwarnings("ignore", "Metadata Warning")
        try:
            with Image.open(path, formats=["TIFF"]) as file:
                yield file  # type: ignore[misc]
        except (InputError, MemoryError):
            raise
        except Exception as error:  # damaged bytes make Pillow raise a dozen different types
            said.seek(0)
            reason = brief(said.read(1000).decode(errors="replace") or error)
            raise InputError(f"{path}: unreadable or truncated TIFF file: {reason}") from error
        finally:
            Image.MAX_IMAGE_PIXELS = pillow_limit


def _declared(path: Path, limit: int) -> tuple[tuple[int, int], np.dtype]:
    """Rows and columns of a file and the number type that its values get, from its tags."""
    from PIL import ImageMode

    with _opened(path) as file:
        tags: Mapping[int, Any] = file.tag_v2
        bands = tags.get(_SAMPLES_PER_PIXEL, 1)
        if bands != 1 or file.tag_v2.next:
            found = f"{bands}" if bands != 1 else "several pages"
            raise InputError(f"{path}: expected a single band, found {found}; put each band into a file of its own")
        if (
            tags.get(_PHOTOMETRIC, _WHITE_IS_ZERO) == _WHITE_IS_ZERO
        ):  # Pillow turns such values round, as is right for a picture only
            raise InputError(f"{path}: stored with white as zero; save it with black as zero")
        stored, dtype = _stored_type(tags), np.dtype(ImageMode.getmode(file.mode).typestr)
        if not np.can_cast(stored, dtype):
            raise InputError(f"{path}: values of type {stored} cannot be read; save them as 16-bit integers or float32")
        columns, rows = file.size
        block = _block_shape(tags)
        # A tile may be larger than the image, and is decoded whole.
        check_size(path, max(rows * columns, math.prod(block)) * dtype.itemsize, limit)
        _check_blocks(tags, block, path.stat().st_size)
        return (rows, columns), dtype


def _decoded(path: Path) -> np.ndarray:
    with _opened(path) as file:
        return np.asarray(file)


def _block_shape(tags: Mapping[int, Any]) -> tuple[int, int]:
    """Rows and columns of a strip or tile."""
    if _TILE_OFFSETS in tags:
        return tags[_TILE_LENGTH], tags[_TILE_WIDTH]
    return min(tags.get(_ROWS_PER_STRIP, tags[_ROWS]), tags[_ROWS]), tags[_COLUMNS]


def _check_blocks(tags: Mapping[int, Any], block: tuple[int, int], file_size: int) -> None:
    """Refuse strips or tiles that are not as many as the image needs, not in the file or too small for their values.

    Pillow takes what is there: it leaves the rest black, decodes strips over each other, or reads on behind a strip.
    """
    across, down = (math.ceil(tags[tag] / length) for tag, length in ((_COLUMNS, block[1]), (_ROWS, block[0])))
    tiled = _TILE_OFFSETS in tags
    offsets = tags[_TILE_OFFSETS if tiled else _STRIP_OFFSETS]
    sizes = tags.get(_TILE_SIZES if tiled else _STRIP_SIZES, (0,) * len(offsets))
    if min(block) < 1 or len(offsets) != across * down or len(sizes) != len(offsets):
        raise ValueError(f"it holds {len(offsets)} strips or tiles and {len(sizes)} sizes, not {across * down}")
    if not all(0 <= offset <= offset + size <= file_size for offset, size in zip(offsets, sizes, strict=True)):
        raise ValueError("it ends before its values do")
    rows, columns = (block[0] * down, block[1] * across) if tiled else (tags[_ROWS], tags[_COLUMNS])
    needed = rows * math.ceil(columns * tags.get(_BITS_PER_SAMPLE, (1,))[0] / 8)
    if tags.get(_COMPRESSION, _UNCOMPRESSED) == _UNCOMPRESSED and 0 < sum(sizes) < needed:
        raise ValueError(f"its strips or tiles hold {sum(sizes)} bytes, not {needed}")


def _stored_type(tags: Mapping[int, Any]) -> np.dtype:
    """Number type of the file; Pillow hands some over as another of the same size, with other values."""
    bits = tags.get(_BITS_PER_SAMPLE, (1,))[0]
    if bits < 8:
        return np.dtype(np.uint8) if bits > 1 else np.dtype(bool)
    return np.dtype(f"{'_uif'[tags.get(_SAMPLE_FORMAT, (1,))[0]]}{bits // 8}")
