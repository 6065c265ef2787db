"""EnMAP level 2A products: what their metadata file adds to the GeoTIFF of the spectral image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from hscd.readers import xml
from hscd.scenes.image import Image
from hscd.system.errors import InputError

_IMAGE, _METADATA = "SPECTRAL_IMAGE", "METADATA.XML"


def with_metadata(image: Image) -> Image:
    """The image with wavelengths and gains of the product it belongs to; as it is where it belongs to none.

    A product's image is …SPECTRAL_IMAGE.TIF, and …METADATA.XML lies beside it.

    Raises:
        InputError: if the metadata is unreadable, or of another number of bands.
    """
    start = product_of(image.path.name)
    file = None if start is None else _metadata_file(image.path.parent, start)
    if file is None:
        return image
    root = xml.root_of(file)
    wavelengths, fwhm, gains, offsets = (
        np.array(xml.numbers(file, root, name))
        for name in ("wavelengthCenterOfBand", "FWHMOfBand", "GainOfBand", "OffsetOfBand")
    )
    bands = image.shape[2]
    for values in (wavelengths, fwhm, gains, offsets):
        if len(values) not in (0, bands):
            raise InputError(f"{file}: describes {len(values)} bands, {image.path.name} has {bands}")
    if len(wavelengths) and image.wavelengths is None:
        image = replace(image, wavelengths=wavelengths)
    if len(fwhm) and image.fwhm is None:
        image = replace(image, fwhm=fwhm)
    if len(gains) and image.scale is None:
        image = replace(image, scale=gains, offset=offsets if len(offsets) else np.zeros(bands))
    return replace(image, format="EnMAP")


def product_of(name: str) -> str | None:
    """How the names of all files of the product begin whose image has this name; None for other images."""
    start, found, _ = name.rpartition(_IMAGE)
    return start if found else None


def _metadata_file(folder: Path, start: str) -> Path | None:
    return next((file for file in folder.iterdir() if file.name.upper() == f"{start}{_METADATA}".upper()), None)
