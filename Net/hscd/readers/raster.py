"""What GDAL reads: opening a file of one named format, and the windows of its pixels.

Every format has a separate file beside this one, which says how its images are found and what their metadata means.
"""

from __future__ import annotations

import logging
import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hscd.readers import place, validity
from hscd.readers.limits import check_size
from hscd.readers.many_bands import many_bands
from hscd.readers.wavelengths import in_nanometres, widths
from hscd.scenes.image import Alpha, ByBands, Image
from hscd.system import native_stderr
from hscd.system.arrays import held
from hscd.system.errors import InputError, brief
from hscd.system.hardware import threads
from hscd.system.paths import for_gdal

_CACHE_MEGABYTES = 64
# Bytes that are read at a time where some bands of them are wanted.
_PIECE = 2**24


class _File(NamedTuple):
    """A file that one driver of GDAL opens; `kind` is what users call the format, `page` one of a TIFF, from 1."""

    path: Path
    driver: str
    kind: str
    page: int | None


def open_raster(path: Path, driver: str, kind: str, limit: int, page: int | None = None) -> Image:
    """Open a file by one driver of GDAL; no other is tried, as some follow references to other files.

    Args:
        path: the file that holds the pixels.
        driver: GDAL's short name of the format.
        kind: the name of the format for users.
        limit: the most bytes that a block of the file may take.
        page: the page of a TIFF, from 1; None for the only one.

    Raises:
        InputError: if it is unreadable, holds complex numbers or several images, its blocks are too large, or its
            ground control points lie on no grid.
    """
    validity.check_side_files(path)
    file = _File(path, driver, kind, page)
    with _dataset(file) as source:
        if source.count == 0 or (source.subdatasets and page is None):
            raise InputError(f"{path}: holds several images; save the one you need as a separate file")
        if source.count > path.stat().st_size:  # asking GDAL about each of them would take long
            raise ValueError(f"it declares {source.count:,} bands")
        dtype = _dtype(path, source)
        block = source.block_shapes[0]
        shape = (source.height, source.width, source.count)
        by_pixel = bool(source.interleaving) and source.interleaving.name == "pixel"
        block_bands = source.count if by_pixel else 1
        check_size(path, math.prod(block) * block_bands * dtype.itemsize, limit)
        tags = [source.tags(band) for band in source.indexes]
        envi = source.tags(ns="ENVI")
        wavelengths, notes_of_wavelengths = _wavelengths(tags)
        fwhm = widths([tag.get("fwhm") for tag in tags], [tag.get("wavelength") for tag in tags], wavelengths)
        grid, notes = place.grid_of(path, source)
        alpha = validity.alpha_bands(source)
        image = Image(
            path=path,
            format=kind,
            shape=shape,
            dtype=dtype,
            block=(min(block[0], shape[0]), min(block[1], shape[1])),
            window=ByBands(partial(_bands, file, dtype), saves_reading=not by_pixel),
            grid=grid,
            wavelengths=wavelengths,
            fwhm=fwhm,
            bad_bands=_bad_bands(tags, envi),
            names=_names(source),
            nodata=_nodata(source),
            mask=partial(_window, file, validity.by_mask(source, alpha)) if validity.has_mask(source, alpha) else None,
            alpha=_alpha(file, source, alpha),
            notes=notes + notes_of_wavelengths + validity.notes_of_palette(source),
            **_scaling(source, envi),
        )
    with _gdal():
        return place.with_prj(image)


def _alpha(file: _File, source: Any, bands: tuple[int, ...]) -> Alpha | None:
    if not bands:
        return None
    return Alpha(bands, partial(_window, file, validity.by_alpha(bands)), validity.notes_of_alpha(source, bands))


def pages_of(path: Path, driver: str, kind: str) -> list[int]:
    """The numbers of the pages of a TIFF of several, which masks and overviews are none of; empty for one image.

    Raises:
        InputError: if it is unreadable.
    """
    validity.check_side_files(path)
    with _dataset(_File(path, driver, kind, None)) as source:
        found = (re.match(r"GTIFF_DIR:(\d+):", name) for name in source.subdatasets)
        return [int(match[1]) for match in found if match]


@contextmanager
def _gdal() -> Iterator[None]:
    """GDAL with little memory, and without a word."""
    import rasterio

    logger = logging.getLogger("rasterio")  # its children say what GDAL says
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with (
            native_stderr.collected(),  # some of what libtiff says goes there
            warnings.catch_warnings(),
            rasterio.Env(GDAL_CACHEMAX=_CACHE_MEGABYTES, GDAL_NUM_THREADS=threads()),
        ):
            warnings.simplefilter("ignore")  # without georeference, among others
            yield
    finally:
        logger.setLevel(level)


@contextmanager
def _dataset(file: _File) -> Iterator[Any]:
    """A dataset of rasterio, whose errors and notes become one InputError or nothing."""
    import rasterio

    name = for_gdal(file.path) if file.page is None else f"GTIFF_DIR:{file.page}:{for_gdal(file.path)}"
    try:
        with _gdal(), many_bands(rasterio.open(name, driver=file.driver)) as source:
            yield source
    except (InputError, MemoryError):
        raise
    except Exception as error:  # damaged files make rasterio and GDAL raise several types
        cause: BaseException = error
        while cause.__cause__ is not None:  # the last thing that GDAL says is that reading failed, the first is why
            cause = cause.__cause__
        raise InputError(f"{file.path}: unreadable or truncated {file.kind} file: {brief(cause)}") from error


def _window(file: _File, read: validity.Reader, rows: slice, columns: slice) -> np.ndarray:
    """What `read` finds in a window of a file."""
    from rasterio.windows import Window

    with _dataset(file) as source:
        return read(source, Window.from_slices(rows, columns))


def _bands(file: _File, dtype: np.dtype, rows: slice, columns: slice, of: np.ndarray | None) -> np.ndarray:
    """The pixels of a window, of the bands at some positions, None for all."""
    from rasterio.enums import Interleaving

    def read(source: Any, window: Any) -> np.ndarray:
        if source.driver == "ENVI" and source.interleaving is Interleaving.pixel:
            return _by_pixel(source, window, dtype, of)
        numbers = None if of is None else [int(band) + 1 for band in of]
        return np.moveaxis(source.read(numbers, window=window, out_dtype=dtype), 0, 2)

    return _window(file, read, rows, columns)


def _by_pixel(source: Any, window: Any, dtype: np.dtype, of: np.ndarray | None) -> np.ndarray:
    """Of an ENVI file that has its values pixel by pixel: asked for its bands, GDAL reads each line once a band."""
    from rasterio.windows import Window

    def every(part: Any) -> np.ndarray:
        pixels = np.empty((part.height, part.width, source.count), dtype)
        source.read(window=part, out=np.moveaxis(pixels, 2, 0))
        return pixels

    if of is None:
        return every(window)
    found = np.empty((window.height, window.width, len(of)), dtype)
    step = max(1, _PIECE // (window.width * source.count * dtype.itemsize))
    for top in range(0, window.height, step):
        part = Window(window.col_off, window.row_off + top, window.width, min(step, window.height - top))
        found[top : top + part.height] = every(part)[:, :, of]
    return found


def _dtype(path: Path, source: Any) -> np.dtype:
    """The number type of all bands together; `InputError` where they hold no real numbers."""
    if any(name.startswith("complex") for name in source.dtypes):
        raise InputError(
            f"{path}: expected real numbers, found complex ones ({source.dtypes[0]}), as radar products hold; convert "
            "them, for example to amplitude"
        )
    dtype = np.result_type(*source.dtypes)
    if dtype.kind not in "biuf":
        raise InputError(f"{path}: expected numbers, found {held(dtype)}")
    return dtype


# --- metadata --------------------------------------------------------------------------------------------------------


def _nodata(source: Any) -> tuple[float | None, ...]:
    values = tuple(None if value is None else float(value) for value in source.nodatavals)
    return values if any(value is not None for value in values) else ()


def _names(source: Any) -> tuple[str, ...]:
    names = tuple(name or "" for name in source.descriptions)
    return names if any(names) else ()


def _wavelengths(tags: list[dict[str, str]]) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Wavelengths by band, nm, from the tags that ENVI headers become, and EnMAP products have; and notes on them."""
    units = {tag["wavelength_units"] for tag in tags if "wavelength_units" in tag}
    if len(units) > 1:
        return None, ("the units of its wavelengths differ by band; they are not used",)
    return in_nanometres([tag.get("wavelength") for tag in tags], units.pop() if units else "")


def _bad_bands(tags: list[dict[str, str]], envi: dict[str, str]) -> np.ndarray | None:
    """Bands that are 0 in the list "bbl"."""
    listed = _list(envi.get("bbl")) or [tag.get("bbl", "") for tag in tags]
    flags = np.array([_number(flag) for flag in listed])
    return flags == 0 if len(flags) == len(tags) and not np.isnan(flags).all() else None


def _scaling(source: Any, envi: dict[str, str]) -> dict[str, Any]:
    """Scale and offset by band, where the file has any."""
    scale, offset = np.array(source.scales, float), np.array(source.offsets, float)
    factor = _number(envi.get("reflectance_scale_factor"))
    if factor > 0 and (scale == 1).all():
        scale = np.full(source.count, 1 / factor)
    usable = np.isfinite(scale).all() and np.isfinite(offset).all() and (scale != 0).all()
    if not usable or ((scale == 1).all() and (offset == 0).all()):
        return {"scale": None, "offset": None}
    return {"scale": scale, "offset": offset}


def _list(text: str | None) -> list[str]:
    """The entries of a list of an ENVI header, {1, 2, 3}."""
    return [] if text is None else text.strip("{} \n").split(",")


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan
