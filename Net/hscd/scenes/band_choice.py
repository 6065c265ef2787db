"""Which bands of an image are used: by number, by wavelength, by the file's own list of bad bands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hscd.scenes.image import Image

# Words for bad bands.
FILE, WATER = "file", "water"
# Word for bands of two sensors at common wavelengths (`common_bands`); it chooses none of those of one image.
COMMON = "common"
# Where water vapour lets next to no light through, nm (Gao and Goetz 1990, "Column atmospheric water vapor and
# vegetation liquid water retrievals from airborne imaging spectrometer data", J. Geophys. Res. 95).
_WATER_NM = ((1350.0, 1450.0), (1800.0, 1950.0))

_RANGE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:[-–]\s*(\d+(?:\.\d+)?))?\s*(nm|um|µm|μm)?")


class BandRange(NamedTuple):
    """Bands from `low` to `high`, both included: numbers from 1, or wavelengths in nm."""

    low: float
    high: float
    by_wavelength: bool


Choice = tuple[BandRange | str, ...]


def parse_bands(text: str, words: Sequence[str] = ()) -> Choice:
    """Read a list like `1-50, 60, 430-900 nm, 2.0-2.4 um`; some words may be among its entries.

    Raises:
        ValueError: if it is something else, or empty.
    """
    return tuple(_parse_entry(entry.strip(), words) for entry in text.strip(" []").split(","))


def _parse_entry(entry: str, words: Sequence[str]) -> BandRange | str:
    if entry in words:
        return entry
    match = _RANGE.fullmatch(entry)
    if match is None:
        raise ValueError(entry)
    low, high = float(match[1]), float(match[2] or match[1])
    if match[3] is None and not (low.is_integer() and high.is_integer() and low >= 1):
        raise ValueError(entry)
    if low > high:
        raise ValueError(entry)
    factor = 1000 if match[3] not in (None, "nm") else 1
    return BandRange(low * factor, high * factor, match[3] is not None)


def chosen(choice: Choice, image: Image) -> np.ndarray:
    """Whether each band of an image is among the chosen ones, (bands,) boolean; by its `band_numbers`.

    Raises:
        ValueError: if the image lacks what the choice refers to.
    """
    numbers, count = image.band_numbers, image.file_bands or image.shape[2]
    found = np.full(image.shape[2], choice == (COMMON,))
    for entry in choice:
        if entry == FILE:
            if image.bad_bands is None:
                raise ValueError(f"{image.path} has no list of bad bands")
            found |= image.bad_bands
        elif entry == WATER:
            for low, high in _WATER_NM:
                found |= _between(image, low, high)
        elif entry != COMMON:
            assert isinstance(entry, BandRange)
            if entry.by_wavelength:
                found |= _between(image, entry.low, entry.high)
            elif entry.high > count:
                raise ValueError(f"{image.path} has {count} bands, band {entry.high:g} is asked for")
            else:
                found |= (numbers >= entry.low) & (numbers <= entry.high)
    return found


def names_number(choice: Choice, number: int) -> bool:
    """Whether a band is among the chosen ones by its number."""
    ranges = (entry for entry in choice if isinstance(entry, BandRange) and not entry.by_wavelength)
    return any(entry.low <= number <= entry.high for entry in ranges)


def _between(image: Image, low: float, high: float) -> np.ndarray:
    if image.wavelengths is None:
        raise ValueError(f"the wavelengths of {image.path} are not known; give the numbers of bands, from 1")
    return (image.wavelengths >= low) & (image.wavelengths <= high)
