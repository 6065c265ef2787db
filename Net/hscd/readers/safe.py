"""Sentinel-2 products as they are downloaded: .SAFE folders of level 1C or 2A, each band at its own resolution."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from hscd.errors import InputError
from hscd.image import Image
from hscd.readers import xml
from hscd.readers.bands import open_band, stacked

SUFFIXES = (".safe",)

# Bands in the order of the instrument, which is that of band_id in the metadata, and their central wavelengths in nm
# (Sentinel-2A; ESA, "Sentinel-2 Spectral Response Functions", 2022).
WAVELENGTHS = {
    "B01": 442.7, "B02": 492.4, "B03": 559.8, "B04": 664.6, "B05": 704.1, "B06": 740.5, "B07": 782.8, "B08": 832.8,
    "B8A": 864.7, "B09": 945.1, "B10": 1373.5, "B11": 1613.7, "B12": 2202.4,
}  # fmt: skip

# T33UUU_20220724T100611_B8A_20m.jp2; level 1C without the resolution.
_BAND_FILE = re.compile(r"_(B\d[\dA])(?:_(\d\d)m)?\.(?:jp2|tif)$", re.IGNORECASE)
_NO_DATA = 0.0  # SPECIAL_VALUE_TEXT NODATA of the metadata


def open_image(path: Path, variable: str | None, limit: int) -> Image:
    """Open a product as one image: bands in native order, each from its finest resolution, on the finest grid of all.

    Values are scaled to reflectance by quantification value and offset (processing baseline 04.00 and later) of the
    product's metadata.

    Raises:
        InputError: as `open_raster`; also if the folder is no such product, or holds several granules.
    """
    if not path.is_dir():
        raise InputError(f"{path}: expected a folder, a Sentinel-2 product")
    granules = sorted(entry for entry in path.glob("GRANULE/*") if (entry / "IMG_DATA").is_dir())
    if len(granules) != 1:
        raise InputError(f"{path}: expected one granule (GRANULE/*/IMG_DATA), found {len(granules)}")
    files = _band_files(granules[0] / "IMG_DATA")
    if not files:
        raise InputError(f"{granules[0] / 'IMG_DATA'}: holds no bands (…_B02.jp2, R10m/…_B02_10m.jp2)")
    image = stacked(path, [open_band(file, limit) for file in files.values()], list(files))
    scale, offset = _scaling(path, list(files))
    return replace(
        image,
        format="Sentinel-2 SAFE",
        wavelengths=np.array([WAVELENGTHS[band] for band in files]),
        scale=scale,
        offset=offset,
        nodata=(_NO_DATA,) * len(files),
    )


def _band_files(folder: Path) -> dict[str, Path]:
    """The finest file of each band, in native order."""
    found: dict[str, tuple[int, Path]] = {}
    for file in sorted(folder.rglob("*")):
        match = _BAND_FILE.search(file.name)
        if match and match[1].upper() in WAVELENGTHS:
            candidate = (int(match[2] or 0), file)
            band = match[1].upper()
            found[band] = min(found.get(band, candidate), candidate)
    return {band: found[band][1] for band in WAVELENGTHS if band in found}


def _scaling(path: Path, bands: list[str]) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Scale and offset by band; None where there is no metadata."""
    files = sorted(path.glob("MTD_MSIL*.xml"))
    if not files:
        return None, None
    root = xml.root_of(files[0])
    quantification = [
        value
        for name in ("BOA_QUANTIFICATION_VALUE", "QUANTIFICATION_VALUE")
        for value in xml.numbers(files[0], root, name)
    ]
    if not quantification or quantification[0] <= 0:
        raise InputError(f"{files[0]}: no QUANTIFICATION_VALUE above 0")
    offsets = dict.fromkeys(WAVELENGTHS, 0.0)
    for name in ("BOA_ADD_OFFSET", "RADIO_ADD_OFFSET"):
        values = xml.numbers(files[0], root, name)
        for element, value in zip(xml.elements(root, name), values, strict=True):
            number = element.get("band_id", "")
            if number.isdecimal() and int(number) < len(WAVELENGTHS):
                offsets[list(WAVELENGTHS)[int(number)]] = value
    scale = np.full(len(bands), 1 / quantification[0])
    return scale, np.array([offsets[band] for band in bands]) * scale
