"""TIFF and GeoTIFF: a single file of one or more bands, or a folder of single-band files."""

from __future__ import annotations

from pathlib import Path

from hscd.image import Image
from hscd.readers import bands, enmap
from hscd.readers.raster import open_raster

SUFFIXES = (".tif", ".tiff")


def open_image(path: Path, variable: str | None, limit: int) -> Image:
    """Open a TIFF file, or a folder of bands that is named like one.

    Raises:
        InputError: as `open_raster` and `bands.open_folder`.
    """
    if path.is_dir():
        return bands.open_folder(path, limit)
    return enmap.with_metadata(open_raster(path, "GTiff", "TIFF", limit))
