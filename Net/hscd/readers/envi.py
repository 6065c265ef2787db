"""ENVI: a header, X.hdr, and the file of the pixels beside it (X, X.img, X.dat, X.bsq, X.bil, X.bip, …)."""

from __future__ import annotations

from pathlib import Path

from hscd.errors import InputError
from hscd.image import Image
from hscd.readers.raster import open_raster

SUFFIXES = (".hdr",)

DATA_SUFFIXES = ("", ".img", ".dat", ".bsq", ".bil", ".bip", ".raw", ".bin", ".envi")


def open_image(path: Path, variable: str | None, limit: int) -> Image:
    """Open the ENVI image of a header.

    Raises:
        InputError: as `open_raster`; also if there is no file of pixels.
    """
    data = data_file(path)
    if data is None:
        raise InputError(f"{path}: no file of pixels beside this header ({path.stem}.img, .dat, .bsq, .bil, .bip, …)")
    image = open_raster(data, "ENVI", "ENVI", limit)
    if data.stat().st_size < image.nbytes:  # GDAL would go on with zeros
        raise InputError(f"{data}: truncated: {data.stat().st_size} bytes, its header describes {image.nbytes}")
    return image


def data_file(header: Path) -> Path | None:
    """The file of the pixels that a header describes; None if there is none."""
    beside = {entry.name.lower(): entry for entry in header.parent.iterdir() if entry.is_file()}
    found = (beside.get((header.stem + suffix).lower()) for suffix in DATA_SUFFIXES)
    return next((file for file in found if file is not None), None)
