"""Sentinel-2 products as they are downloaded: .SAFE folders of level 1C or 2A, each band at its own resolution.

Products of all processing baselines are known, those of several granules (until December 2016) by granule. Source: ESA,
"Sentinel-2 Products Specification Document", issues 12 to 15.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from hscd.readers import xml
from hscd.readers.bands import open_band, stacked
from hscd.readers.formats import reads
from hscd.readers.sentinel_2 import WAVELENGTHS, responses
from hscd.scenes.image import Image
from hscd.scenes.nodata import as_stored
from hscd.system.errors import InputError, listing

SUFFIXES = (".safe",)

_BAND_OF_ID = {str(number): band for number, band in enumerate(WAVELENGTHS)}

# T33UUU_20220724T100611_B8A_20m.jp2; level 1C without the resolution.
_BAND_FILE = re.compile(r"_(B\d[\dA])(?:_(\d\d)m)?\.(?:jp2|tif)$", re.IGNORECASE)
# MTD_MSIL2A.xml; until December 2016 S2A_USER_MTD_SAFL2A_PDMC_….xml.
_METADATA = re.compile(r"(?:MTD_MSI|S2\w_\w{4}_MTD_SAF)(L1B|L1C|L2A)(?:_.*)?\.xml", re.IGNORECASE)
# What the metadata of a level calls what a reflectance is multiplied by, and what is added to that before it is stored.
_QUANTIFICATION = {
    "L1C": ("QUANTIFICATION_VALUE",),
    "L2A": ("BOA_QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE"),  # the second until May 2018
}
_OFFSET = {"L1C": "RADIO_ADD_OFFSET", "L2A": "BOA_ADD_OFFSET"}
_BASELINE_WITH_OFFSET = 4.0
_NO_DATA = 0.0  # where the metadata does not say


@reads(*SUFFIXES)
def open_image(path: Path, variable: str | None, limit: int) -> Image:
    """Open a product as one image: bands in native order, each from its finest resolution, on the finest grid of all.

    Values are scaled to reflectance by quantification value and offset (processing baseline 04.00 and later) of the
    product's metadata. Pixels without data, and saturated ones, are masked.

    Args:
        path: the product, or one of its granules.
        variable: without meaning here.
        limit: the most bytes that a block of a band may take.

    Raises:
        InputError: as `open_raster`; also if the folder is no such product, or holds several granules.
    """
    if not path.is_dir():
        raise InputError(f"{path}: expected a folder, a Sentinel-2 product")
    granule = path if (path / "IMG_DATA").is_dir() else _granule(path)
    files = _band_files(granule / "IMG_DATA")
    if not files:
        raise InputError(f"{granule / 'IMG_DATA'}: holds no bands (…_B02.jp2, R10m/…_B02_10m.jp2)")
    names = list(files)
    metadata = _metadata(granule.parent.parent if granule.parent.name.upper() == "GRANULE" else granule)
    root = None if metadata is None else xml.root_of(metadata)
    special = {} if metadata is None or root is None else _special_values(metadata, root)
    bands = [_masked(open_band(file, limit), special) for file in files.values()]
    image = stacked(path, bands, names)
    wavelengths, fwhm = responses(names)
    image = replace(image, format="Sentinel-2 SAFE", wavelengths=wavelengths, fwhm=fwhm)
    if metadata is None or root is None:
        note = "it has no metadata (MTD_MSIL1C.xml, MTD_MSIL2A.xml): its values are stored numbers, not reflectance"
        return image if image.scale is not None else replace(image, notes=(note, *image.notes))
    scale, offset, notes = _scaling(metadata, root, names)
    return replace(image, scale=scale, offset=offset, notes=notes + image.notes)


def is_product(path: Path) -> bool:
    """Whether a folder is a product, whatever its name, or a granule of one."""
    if not path.is_dir():
        return False
    return (path / "IMG_DATA").is_dir() or ((path / "GRANULE").is_dir() and _metadata(path) is not None)


def hint(path: Path) -> str:
    """What to say of a file that is named in place of the folder of a product; "" where nothing helps."""
    if path.suffix.lower() == ".zip":
        return "an archive; unpack it, and name the folder that was in it"
    if _METADATA.fullmatch(path.name):
        return f"the metadata of a Sentinel-2 product; name its folder, {path.parent}"
    return ""


def _granule(path: Path) -> Path:
    """The one granule of a product."""
    found = sorted(entry for entry in path.glob("GRANULE/*") if (entry / "IMG_DATA").is_dir())
    if len(found) == 1:
        return found[0]
    if found:
        shown = listing(found, lambda entry: entry.name)
        raise InputError(f"{path}: holds {len(found)} granules; name one of the folders in {path / 'GRANULE'}: {shown}")
    inner = next(
        (entry for entry in sorted(path.iterdir()) if entry.suffix.lower() in SUFFIXES and entry.is_dir()), None
    )
    instead = f"; name the product in it, {inner}" if inner else ""
    raise InputError(f"{path}: expected one granule (GRANULE/*/IMG_DATA), found none{instead}")


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


def _masked(band: Image, special: dict[str, float]) -> Image:
    """A band that declares its special values: NODATA, for which it stores saturated pixels too.

    Before it is interpolated, as neither can be.
    """
    nodata = special.get("NODATA", _NO_DATA)
    mark, saturated = (
        None if value is None else as_stored(value, band.dtype) for value in (nodata, special.get("SATURATED"))
    )

    def window(rows: slice, columns: slice) -> np.ndarray:
        pixels = band.window(rows, columns)
        if mark is not None and saturated is not None:
            pixels[pixels == saturated] = mark
        return pixels

    return replace(band, window=window, nodata=(nodata,))


# --- metadata --------------------------------------------------------------------------------------------------------


def _metadata(product: Path) -> Path | None:
    """The metadata file of a product, of level 2A before 1C."""
    found = {match[1].upper(): file for file in sorted(product.iterdir()) if (match := _METADATA.fullmatch(file.name))}
    return found[max(found)] if found else None


def _special_values(file: Path, root: Element) -> dict[str, float]:
    """The stored values that are no measurements, by what they stand for: NODATA, SATURATED."""
    found = {}
    for element in xml.elements(root, "Special_Values"):
        texts, values = xml.elements(element, "SPECIAL_VALUE_TEXT"), xml.numbers(file, element, "SPECIAL_VALUE_INDEX")
        if texts and values:
            found[(texts[0].text or "").strip().upper()] = values[0]
    return found


def _scaling(file: Path, root: Element, bands: Sequence[str]) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Scale and offset by band, and notes on what is taken without the metadata saying it."""
    match = _METADATA.fullmatch(file.name)
    level = match[1].upper() if match else ""
    if level not in _QUANTIFICATION:
        raise InputError(f"{file}: a product of level 1B has no map grid; expected one of level 1C or 2A")
    names = _QUANTIFICATION[level]
    quantification = [value for name in names for value in xml.numbers(file, root, name)]
    if not quantification or quantification[0] <= 0:
        raise InputError(f"{file}: no {' or '.join(names)} above 0")
    name = _OFFSET[level]
    found = list(zip(xml.elements(root, name), xml.numbers(file, root, name), strict=True))
    offsets = {_BAND_OF_ID.get(element.get("band_id", "")): value for element, value in found}
    missing = [band for band in bands if band not in offsets]
    notes: tuple[str, ...] = ()
    if None in offsets:
        notes += (f"{file.name} has a {name} for no known band (band_id); it is not used",)
    if missing and (found or _baseline(root) >= _BASELINE_WITH_OFFSET):
        notes += (f"{file.name} has no {name} for {', '.join(missing)}; 0 is taken",)
    scale = np.full(len(bands), 1 / quantification[0])
    return scale, np.array([offsets.get(band, 0.0) for band in bands]) * scale, notes


def _baseline(root: Element) -> float:
    """The processing baseline; 0 where the metadata does not say it."""
    found = xml.elements(root, "PROCESSING_BASELINE")
    try:
        return float(found[0].text or "") if found else 0.0
    except ValueError:
        return 0.0
