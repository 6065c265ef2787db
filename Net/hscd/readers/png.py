"""PNG, for label maps: grey values, or indices of a palette."""

from __future__ import annotations

from pathlib import Path

from hscd.image import Image
from hscd.readers.raster import open_raster

SUFFIXES = (".png",)


def open_image(path: Path, variable: str | None, limit: int) -> Image:
    """Open a PNG file.

    Raises:
        InputError: as `open_raster`.
    """
    return open_raster(path, "PNG", "PNG", limit)
