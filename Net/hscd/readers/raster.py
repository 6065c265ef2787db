"""What GDAL reads: opening a file of one named format, and the windows of its pixels.

Every format has a file of its own beside this one, which says how its images are found and what their metadata means.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from hscd import native_stderr
from hscd.errors import InputError, brief
from hscd.hardware import threads
from hscd.image import Image
from hscd.paths import for_gdal
from hscd.readers.limits import check_size
from hscd.readers.many_bands import many_bands
from hscd.records import Grid

_CACHE_MEGABYTES = 64
_MICROMETRES = ("micrometers", "micrometres", "micrometer", "micrometre", "microns", "um", "µm", "μm")
_NANOMETRES = ("nanometers", "nanometres", "nanometer", "nanometre", "nm")
# Without a unit: no sensor of these images sees 100 µm, nor below 100 nm.
_LARGEST_MICROMETRES = 100


def open_raster(path: Path, driver: str, kind: str, limit: int) -> Image:
    """Open a file by one driver of GDAL; no other is tried, as some follow references to other files.

    Args:
        path: the file that holds the pixels.
        driver: GDAL's short name of the format.
        kind: the name of the format for users.
        limit: the most bytes that a block of the file may take.

    Raises:
        InputError: if it is unreadable, holds complex numbers or several images, or its blocks are too large.
    """
    with _dataset(path, driver, kind) as source:
        if source.count == 0 or source.subdatasets:
            raise InputError(f"{path}: holds several images; save the one that is meant as a file of its own")
        if source.count > path.stat().st_size:  # asking GDAL about each of them would take long
            raise ValueError(f"it declares {source.count:,} bands")
        dtype = np.result_type(*source.dtypes)
        if dtype.kind not in "biuf":
            raise InputError(f"{path}: expected numbers, found values of type {dtype}")
        block = source.block_shapes[0]
        shape = (source.height, source.width, source.count)
        block_bands = source.count if source.interleaving and source.interleaving.name == "pixel" else 1
        check_size(path, math.prod(block) * block_bands * dtype.itemsize, limit)
        tags = [source.tags(band) for band in source.indexes]
        envi = source.tags(ns="ENVI")
        return Image(
            path=path,
            format=kind,
            shape=shape,
            dtype=dtype,
            block=(min(block[0], shape[0]), min(block[1], shape[1])),
            window=lambda rows, columns: _window(path, driver, kind, (rows, columns), dtype),
            grid=_grid(source),
            wavelengths=_wavelengths(tags),
            bad_bands=_bad_bands(tags, envi),
            names=_names(source),
            nodata=_nodata(source),
            **_scaling(source, envi),
        )


@contextmanager
def _dataset(path: Path, driver: str, kind: str) -> Iterator[Any]:
    """A dataset of rasterio, whose errors and notes become one InputError or nothing."""
    import rasterio

    logger = logging.getLogger("rasterio")  # its children say what GDAL says
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with (
            native_stderr.collected(),  # some of what libtiff says goes there
            warnings.catch_warnings(),
            rasterio.Env(GDAL_CACHEMAX=_CACHE_MEGABYTES, GDAL_NUM_THREADS=threads(), GDAL_PAM_ENABLED=False),
        ):
            warnings.simplefilter("ignore")  # without georeference, among others
            with many_bands(rasterio.open(for_gdal(path), driver=driver)) as source:
                yield source
    except (InputError, MemoryError):
        raise
    except Exception as error:  # damaged files make rasterio and GDAL raise several types
        said: BaseException = error
        while said.__cause__ is not None:  # the last thing that GDAL says is that reading failed, the first is why
            said = said.__cause__
        raise InputError(f"{path}: unreadable or truncated {kind} file: {brief(said)}") from error
    finally:
        logger.setLevel(level)


def _window(path: Path, driver: str, kind: str, part: tuple[slice, slice], dtype: np.dtype) -> np.ndarray:
    with _dataset(path, driver, kind) as source:
        from rasterio.windows import Window

        pixels = source.read(window=Window.from_slices(*part), out_dtype=dtype)
    return np.moveaxis(pixels, 0, 2)


# --- metadata --------------------------------------------------------------------------------------------------------


def _grid(source: Any) -> Grid | None:
    if source.crs is None and source.transform.is_identity:
        return None
    from rasterio.crs import CRS

    crs = source.crs.to_wkt() if source.crs else ""
    if crs:
        CRS.from_wkt(crs)  # what GDAL reads of a damaged file it may not understand itself
    a, b, _, d, e, _ = tuple(source.transform)[:6]
    if not (math.isfinite(a * e - b * d) and a * e - b * d):
        raise ValueError("its georeference has pixels without area")
    return Grid(tuple(source.transform)[:6], crs)


def _nodata(source: Any) -> tuple[float | None, ...]:
    values = tuple(None if value is None else float(value) for value in source.nodatavals)
    return values if any(value is not None for value in values) else ()


def _names(source: Any) -> tuple[str, ...]:
    names = tuple(name or "" for name in source.descriptions)
    return names if any(names) else ()


def _wavelengths(tags: list[dict[str, str]]) -> np.ndarray | None:
    """Wavelengths by band, nm, from the tags that ENVI headers become, and which EnMAP products have too."""
    found = np.array([_number(tag.get("wavelength")) for tag in tags])
    if np.isnan(found).all():
        return None
    unit = next((tag["wavelength_units"] for tag in tags if "wavelength_units" in tag), "").strip().lower()
    in_micrometres = unit in _MICROMETRES or (unit not in _NANOMETRES and np.nanmax(found) < _LARGEST_MICROMETRES)
    return found * 1000 if in_micrometres else found


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
