"""PNG and BMP, for label maps and masks: grey values, indices of a palette, or colours."""

from __future__ import annotations

from pathlib import Path

from hscd.readers.formats import reads
from hscd.readers.raster import open_raster
from hscd.scenes.image import Image

_DRIVERS = {".png": "PNG", ".bmp": "BMP"}
SUFFIXES = tuple(_DRIVERS)


@reads(*SUFFIXES)
def open_image(path: Path, variable: str | None, limit: int) -> Image:
    """Open a PNG or BMP file.

    Raises:
        InputError: as `open_raster`.
    """
    driver = _DRIVERS[path.suffix.lower()]
    return open_raster(path, driver, driver, limit)
