"""Wavelengths in nanometres, whatever unit of length a file has them in.

Source: NV5 Geospatial, "ENVI Header Files", field `wavelength units`. Of its units, wavenumbers and frequencies are
none of length, and `Index` and `Unknown` none at all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from hscd.system.errors import brief

_NANOMETRES = {
    "angstrom": 0.1, "å": 0.1, "nanometer": 1.0, "nanometre": 1.0, "nm": 1.0, "micrometer": 1e3, "micrometre": 1e3,
    "micron": 1e3, "um": 1e3, "µm": 1e3, "μm": 1e3, "millimeter": 1e6, "millimetre": 1e6, "mm": 1e6,
    "centimeter": 1e7, "centimetre": 1e7, "cm": 1e7, "meter": 1e9, "metre": 1e9, "m": 1e9,
}  # fmt: skip
_NO_UNIT = ("", "unknown")
# What optical sensors see, nm: from ultraviolet, which air absorbs, to thermal infrared.
_SHORTEST, _LONGEST = 100.0, 1e5


def in_nanometres(values: Sequence[str | None], unit: str) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Wavelengths of bands from their texts in a file.

    Args:
        values: by band; None where the file has none.
        unit: as the file names it; "" where it does not.

    Returns:
        (bands,) nm, NaN where a band has none; None where they are not known. And notes on what is guessed or passed
        over, which can follow the file's name.
    """
    found = np.array([_number(value) for value in values])
    known = np.isfinite(found) & (found > 0)
    if all(value is None for value in values):
        return None, ()
    if not known.any():
        return None, ("its wavelengths are not positive numbers; they are not used",)
    factor, note = _factor(found[known], unit)
    if factor is None:
        return None, (note,)
    notes = [note] if note else []
    wrong = sum(value is not None and not usable for value, usable in zip(values, known, strict=True))
    if wrong:
        notes.append(f"the wavelength of {wrong} of its {len(found)} bands is no positive number, and not used")
    return np.where(known, found * factor, np.nan), tuple(notes)


def widths(values: Sequence[Any], stored: Sequence[Any], wavelengths: np.ndarray | None) -> np.ndarray | None:
    """Widths of bands at half of their maximum (FWHM), which are in the unit of the wavelengths.

    Args:
        values: by band, texts or numbers; None where the file has none.
        stored: the wavelengths in the file, the same.
        wavelengths: those that `in_nanometres` makes of them.

    Returns:
        (bands,) nm, NaN where a band has none; None where no width is known.
    """
    found, unit = np.array([_number(value) for value in values]), np.array([_number(value) for value in stored])
    if wavelengths is None or len(found) != len(wavelengths):
        return None
    known = np.isfinite(wavelengths)
    found = np.where(found > 0, found * (wavelengths[known][0] / unit[known][0]), np.nan)
    return found if np.isfinite(found).any() else None


def _factor(values: np.ndarray, unit: str) -> tuple[float | None, str]:
    """Nanometres in the unit of positive numbers, or None; and a note, "" for none."""
    values_text = f"its wavelengths, {values.min():g} … {values.max():g}"
    word = unit.strip().lower()
    factor = _NANOMETRES.get(word) or _NANOMETRES.get(word.removesuffix("s"))
    if factor is not None:
        if _plausible(values * factor):
            return factor, ""
        return None, f"{values_text} in {brief(unit)!r}, are those of no optical sensor; they are not used"
    if word not in _NO_UNIT:
        return None, f"its wavelengths are in {brief(unit)!r}, which is no unit of length; they are not used"
    if np.array_equal(values, np.arange(1, len(values) + 1)):
        return None, f"{values_text} without a unit, count its bands; they are not used"
    for name in ("micrometres", "nanometres"):
        factor = _NANOMETRES[name[:-1]]
        if _plausible(values * factor):
            return factor, f"{values_text} without a unit, are taken for {name}"
    return None, f"{values_text} without a unit, can be neither micrometres nor nanometres; they are not used"


def _plausible(wavelengths: np.ndarray) -> bool:
    return bool(wavelengths.min() >= _SHORTEST and wavelengths.max() < _LONGEST)


def _number(text: Any) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan
