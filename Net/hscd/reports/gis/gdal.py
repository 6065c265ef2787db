"""GDAL as the writers use it: with little memory, quiet, and its errors told as those of a file."""

from __future__ import annotations

import errno
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hscd.records import Grid
from hscd.system import native_stderr
from hscd.system.errors import InputError, brief

# What GIS programs keep beside a GeoPackage: changes not yet in the database, statistics.
BESIDE_DATABASE = ("-journal", "-wal", "-shm", ".aux.xml")
_CACHE_BYTES = 32 << 20


@contextmanager
def session(path: Path) -> Iterator[None]:
    """GDAL with little memory, without side files and without a word; its errors name `path`."""
    import pyogrio
    import pyogrio.errors
    import rasterio
    from rasterio._err import CPLE_BaseError
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    failures = (
        RasterioError, CPLE_BaseError, pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError,
        pyogrio.errors.FeatureError,
    )  # fmt: skip
    log = logging.getLogger("rasterio")
    level = log.level
    synchronous = pyogrio.get_gdal_config_option("OGR_SQLITE_SYNCHRONOUS")
    with native_stderr.collected() as notes:
        try:
            log.setLevel(logging.CRITICAL + 1)
            # The database is nobody's until it is whole, and on the disk, at its place.
            pyogrio.set_gdal_config_options({"OGR_SQLITE_SYNCHRONOUS": "OFF"})
            # rasterio takes the size of the cache in bytes, and puts the former one back in the end.
            with rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES, GDAL_PAM_ENABLED="NO"), warnings.catch_warnings():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                warnings.filterwarnings("ignore", message="'crs' was not provided", category=UserWarning)
                yield
        except failures as error:
            notes.seek(0)  # the system's reason, such as a full disk, is told there only
            reasons = notes.read().decode("utf-8", "replace").split("\n")
            reason = next((line for line in reversed(reasons) if line.strip()), error)
            raise OSError(errno.EIO, f"cannot be written: {brief(reason)}", str(path)) from error
        finally:
            pyogrio.set_gdal_config_options({"OGR_SQLITE_SYNCHRONOUS": synchronous})
            log.setLevel(level)


def crs_of(path: Path, grid: Grid) -> Any:
    """The coordinate system of a grid as rasterio has it; None where it is unknown."""
    import rasterio
    from rasterio.errors import CRSError

    if not grid.crs:
        return None
    try:
        with rasterio.Env():  # without it, GDAL prints
            return rasterio.CRS.from_wkt(grid.crs)
    except CRSError as error:
        raise InputError(f"{path}: coordinate system of the image is not usable: {brief(grid.crs)}") from error


def named_crs(grid: Grid) -> str | None:
    """The coordinate system by its code where it has one, as GDAL finds it for the maps."""
    import rasterio

    if not grid.crs:
        return None
    code = rasterio.CRS.from_wkt(grid.crs).to_epsg()
    return grid.crs if code is None else f"EPSG:{code}"
