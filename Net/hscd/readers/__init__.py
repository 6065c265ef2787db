"""Readers of images and label maps: one file a format, one table from suffix to reader."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from hscd.readers import bands, envi, mat, safe
from hscd.readers.formats import READERS, Reader
from hscd.readers.label_maps import label_map_of, map_of_masks, whole
from hscd.scenes.image import Image, by_bands, like, without_alpha
from hscd.scenes.nodata import valid_pixels
from hscd.system import naming
from hscd.system.errors import InputError
from hscd.system.hardware import available_memory
from hscd.system.paths import require_regular

__all__ = [
    "READERS",
    "checked",
    "image_of",
    "is_folder_of_bands",
    "is_image",
    "label_map_of",
    "map_of_masks",
    "name_of",
    "names_one_image",
    "open_image",
    "open_label_map",
    "read_image",
    "read_label_map",
]

# As Sentinel-2's bands are called, with or without what comes before it.
_BAND_NAME = re.compile(r"(.*_)?B\d[\dA]", re.IGNORECASE)


def is_image(path: Path) -> bool:
    """Whether a path looks like an image: by its suffix, or as a folder in which bands lie.

    The pixels of an ENVI image do not: its header does.
    """
    if path.name.startswith("."):
        return False
    if path.suffix.lower() in envi.SUFFIXES and not path.is_dir():
        return envi.data_file(path) is not None  # other programs have headers of the same suffix
    return path.suffix.lower() in READERS or (path.is_dir() and _reader_without_suffix(path) is not None)


def names_one_image(path: Path) -> bool:
    """Whether a path of the configuration names an image itself, not a folder of images."""
    return path.is_file() or path.suffix.lower() in READERS or safe.is_product(path)


def image_of(path: Path) -> Path:
    """The image that a path names: itself, or the only one in a folder of images.

    A folder of bands, or of several images, is returned as it is.

    Raises:
        InputError: if it is a folder without an image.
    """
    if names_one_image(path) or not path.is_dir():
        return path
    images, of_bands = [entry for entry in path.iterdir() if is_image(entry)], bands.band_files(path)
    if not images and not of_bands:
        raise InputError(f"{path}: holds no image of a known format ({', '.join(READERS)})")
    # A picture beside bands is a preview of them.
    return images[0] if len(images) == 1 and of_bands in ([], images) else path


def _reader_without_suffix(path: Path) -> Reader | None:
    """What reads an image whose suffix does not say what it is."""
    if path.is_file():
        return envi.open_image if envi.header_of(path) is not None else None
    if safe.is_product(path):
        return safe.open_image
    return _open_folder if path.is_dir() and bands.band_files(path) else None


def is_folder_of_bands(path: Path) -> bool:
    """Whether a folder looks like one image, by the names of what it holds: B01, B02, …"""
    if not path.is_dir():
        return False
    names = [file.stem for file in bands.band_files(path) if file.is_file()]
    return len(names) > 1 and all(_BAND_NAME.fullmatch(name) for name in names)


def name_of(path: Path) -> str:
    """What a pair is called whose images are named like this one."""
    known = path.suffix.lower() in READERS or (path.is_file() and envi.header_of(path) is not None)
    stem = path.stem if known else path.name
    if path.suffix.lower() in envi.SUFFIXES and Path(stem).suffix.lower() in envi.DATA_SUFFIXES[1:]:  # X.img.hdr
        stem = Path(stem).stem
    return stem


def open_image(path: Path, variable: str | None = None, limit: int | None = None, *, keep_alpha: bool = False) -> Image:
    """Open an image of a known format; its pixels are read window by window.

    Args:
        path: the file or folder.
        variable: name of the array, in formats that have such names.
        limit: the most bytes that it may declare to be read at once; None for what is available.
        keep_alpha: leave the alpha bands as they are; by default they become a mask.

    Raises:
        InputError: if it is missing, unreadable, of an unknown format, larger than the limit, or holds no numbers.
            Reading a window raises it too, where the file is truncated.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    reader = READERS.get(path.suffix.lower()) or _reader_without_suffix(path)
    if reader is None and safe.hint(path):
        raise InputError(f"{path}: {safe.hint(path)}")
    if reader is None:
        header = (
            f"; of an ENVI image, {path.stem}.hdr lies beside it" if path.suffix.lower() in envi.DATA_SUFFIXES else ""
        )
        raise InputError(f"{path}: unknown format; known: {', '.join(READERS)}, and folders of bands{header}")
    require_regular(path)
    image = reader(path, variable, available_memory() if limit is None else limit)
    image = image if keep_alpha else without_alpha(image)

    read = by_bands(image.window)

    def window(rows: slice, columns: slice, of: np.ndarray | None) -> np.ndarray:
        try:
            return read(rows, columns, of)
        except MemoryError:
            raise InputError(f"{path}: there is not enough memory to read it") from None

    return replace(image, path=path, window=like(image.window, window))


def _open_folder(path: Path, variable: str | None, limit: int) -> Image:
    return bands.open_folder(path, limit)


def read_image(path: Path, variable: str | None = None, limit: int | None = None) -> np.ndarray:
    """Read an image as (rows, columns, bands), in the number type and the memory order of its file.

    Raises:
        InputError: as `open_image`; also if the whole is larger than the limit.
    """
    return whole(open_image(path, variable, limit), limit)


def open_label_map(path: Path, variable: str | None = None, limit: int | None = None) -> Image:
    """`open_image` of a label map or a mask: without the name of an array it is the only one of two axes."""
    if variable is None and path.suffix.lower() in mat.SUFFIXES and path.exists():
        variable = mat.label_variable(path)
    return open_image(path, variable, limit)


def read_label_map(path: Path, variable: str | None = None, limit: int | None = None) -> np.ndarray:
    """Read a label map as (rows, columns), in the values of its file, a masked array where that declares nodata.

    Raises:
        InputError: as `read_image` and `label_map_of`.
    """
    return label_map_of(open_label_map(path, variable, limit), limit=limit).values


def checked(image: Image) -> Image:
    """The same image, which refuses NaN and infinite pixels unless they are masked, as they are read.

    Raises:
        InputError: reading a window, if it has such pixels and is not `masked`.
    """
    if image.dtype.kind != "f" or image.masked:
        return image

    read = by_bands(image.window)

    def window(rows: slice, columns: slice, of: np.ndarray | None) -> np.ndarray:
        pixels = read(rows, columns, of)
        valid = valid_pixels([pixels], [math.nan])
        if valid is not None:
            raise InputError(
                f"{image.path}: {np.count_nonzero(~valid)} pixels hold NaN or infinite values; fill them, or mask them "
                f"with `{naming.given('nodata', math.nan)}`"
            )
        return pixels

    return replace(image, window=like(image.window, window))
