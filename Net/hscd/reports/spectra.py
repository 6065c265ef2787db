"""Curves along the bands of an image, as all pictures of spectra draw them."""

from __future__ import annotations

import numpy as np

# Wavelengths (nm) where water vapour leaves little light: spectra are drawn with a gap.
_GAP = 60.0
# Spectra of fewer bands are points as well as lines, and have no gaps.
FEW = 20


def along(bands: np.ndarray, wavelengths: np.ndarray | None, *curves: np.ndarray) -> tuple[np.ndarray, ...]:
    """Places on the axis, and curves, by rising wavelength, NaN in wide gaps.

    Args:
        bands: (bands,) their numbers, which are the places where no wavelength is known.
        wavelengths: (bands,) nm; None where they are unknown.
        curves: (…, bands) each.

    Returns:
        (places,), and each curve as (…, places). Bands of unknown wavelength are left out.
    """
    places = (bands if wavelengths is None else wavelengths).astype(float)
    order = np.argsort(places, kind="stable")
    order = order[np.isfinite(places[order])]
    places, ordered = places[order], [curve[..., order] for curve in curves]
    if wavelengths is None or len(places) < FEW:
        return places, *ordered
    gaps = np.flatnonzero(np.diff(places) > _GAP) + 1
    middles = (places[gaps - 1] + places[gaps]) / 2
    return np.insert(places, gaps, middles), *(np.insert(curve, gaps, np.nan, axis=-1) for curve in ordered)


def axis_name(wavelengths: np.ndarray | None) -> str:
    """What the places are."""
    return "band" if wavelengths is None else "wavelength (nm)"


def columns(bands: np.ndarray, wavelengths: np.ndarray | None, band: int) -> dict[str, float | int | None]:
    """The first columns of a table by band: its number, and its wavelength in nm where that is known."""
    return {"band": int(bands[band]), "wavelength": None if wavelengths is None else float(wavelengths[band])}
