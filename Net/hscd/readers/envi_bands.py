"""What ENVI headers say of the bands: wavelengths, bad bands, names, gains and offsets."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hscd.readers.envi_header import Header, entries_of
from hscd.readers.wavelengths import in_nanometres, widths
from hscd.system.errors import brief


def described(header: Header) -> tuple[dict[str, Any], tuple[str, ...]]:
    """`wavelengths`, `fwhm`, `bad_bands`, `names`, `scale` and `offset` as an `Image` has them; and notes.

    Notes say what is not used.

    Gains and offsets, or else the reflectance scale factor, are the scale.
    """
    notes: list[str] = []
    stored = _by_band(header, "wavelength", notes)
    wavelengths, more = in_nanometres(stored, header.entries.get("wavelength units", "").strip("{} "))
    flags = _numbers(header, "bbl", notes)
    names = tuple(_by_band(header, "band names", notes))
    scale, offset = _scaling(header, notes)
    found = {
        "wavelengths": wavelengths,
        "fwhm": widths(_by_band(header, "fwhm", notes), stored, wavelengths),
        "bad_bands": None if flags is None else flags == 0,
        "names": names if any(names) else (),
        "scale": scale,
        "offset": offset,
    }
    return found, (*notes, *more)


def _scaling(header: Header, notes: list[str]) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Scale and offset by band; None where values are stored as they are."""
    bands = header.shape[2]
    gains = _numbers(header, "data gain values", notes)
    offsets = _numbers(header, "data offset values", notes)
    factor = _factor(header, notes)
    if gains is not None and not gains.all():
        notes.append("its `data gain values` are partly 0; they are not used")
        gains = None
    if gains is not None and factor != 1:
        notes.append("its `reflectance scale factor` is not used beside `data gain values`")
    scale = np.full(bands, 1 / factor) if gains is None else gains
    offset = np.zeros(bands) if offsets is None else offsets
    return (None, None) if (scale == 1).all() and not offset.any() else (scale, offset)


def _by_band(header: Header, key: str, notes: list[str]) -> list[str]:
    """The entries of a list that has one for each band."""
    found, bands = entries_of(header.entries.get(key)), header.shape[2]
    if found and len(found) != bands:
        notes.append(f"its `{key}` has {len(found)} entries for {bands} bands, and is not used")
        return []
    return found


def _numbers(header: Header, key: str, notes: list[str]) -> np.ndarray | None:
    """A number for each band."""
    values = np.array([_number(text) for text in _by_band(header, key, notes)])
    if np.isfinite(values).all():
        return values if len(values) else None
    notes.append(f"its `{key}` has entries that are not numbers, and is not used")
    return None


def _factor(header: Header, notes: list[str]) -> float:
    """What reflectances are multiplied by before they are stored."""
    text = header.entries.get("reflectance scale factor", "1")
    factor = _number(text.strip("{} "))
    if math.isfinite(factor) and factor > 0:
        return factor
    notes.append(f"its `reflectance scale factor`, {brief(text)!r}, is no positive number, and not used")
    return 1.0


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
