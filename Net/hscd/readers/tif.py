"""TIFF and GeoTIFF: a single file of one or more bands, or of pages that are the bands, or a folder of such files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hscd.readers import bands, enmap
from hscd.readers.formats import reads
from hscd.readers.raster import open_raster, pages_of
from hscd.scenes.image import Image
from hscd.system.errors import InputError

SUFFIXES = (".tif", ".tiff")


@reads(*SUFFIXES)
def open_image(path: Path, variable: str | None, limit: int) -> Image:
    """Open a TIFF file, or a folder of bands that is named like one.

    Pages of one band and one size, as array libraries and drone cameras write them, are taken for the bands.

    Raises:
        InputError: as `open_raster` and `bands.open_folder`; also if there are pages of several sizes or bands.
    """
    if path.is_dir():
        return bands.open_folder(path, limit)
    numbers = pages_of(path, "GTiff", "TIFF")
    count = len(numbers)
    if count < 2:
        return enmap.with_metadata(open_raster(path, "GTiff", "TIFF", limit))
    if count > path.stat().st_size:
        raise InputError(f"{path}: unreadable or truncated TIFF file: it declares {count:,} pages")
    pages = [open_raster(path, "GTiff", "TIFF", limit, page) for page in numbers]
    if len({page.shape for page in pages}) > 1 or pages[0].shape[2] > 1:
        raise InputError(
            f"{path}: holds {count} images (pages) of different sizes or of several bands; save the one you need "
            "as a separate file"
        )
    names = [page.names[0] if page.names else "" for page in pages]
    image = bands.stacked(path, [replace(page, notes=()) for page in pages], names)
    return replace(image, format="TIFF", notes=(f"its {count} pages are taken for {count} bands",))
