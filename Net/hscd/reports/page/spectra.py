"""Spectra of some pixels on a page: both dates, small enough to be part of it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from hscd.scenes.image import Image

_LEVELS = 65535


def encoded(values: np.ndarray, image: Image, places: Sequence[tuple[int, int]], every: int = 1) -> dict[str, Any]:
    """Spectra as 16-bit integers between the lowest and the highest value of all; what is NaN becomes the lowest.

    Bands are in the order of their wavelengths where these are known.

    Args:
        values: (places, 2, bands) physical values.
        image: of one date, which says which bands these are.
        places: row and column of each pixel.
        every: values are of every so manieth band, from the first on.
    """
    known = np.isfinite(values)
    low, high = (float(end(values[known])) for end in (np.min, np.max)) if known.any() else (0.0, 0.0)
    share = (np.where(known, values, low).astype(np.float64) - low) / ((high - low) or 1.0)
    wavelengths = None if image.wavelengths is None else image.wavelengths[::every]
    in_nm = wavelengths is not None and bool(np.isfinite(wavelengths).all())
    x = wavelengths.round(2) if in_nm else image.band_numbers[::every]  # type: ignore[union-attr]
    order = np.argsort(x, kind="stable")
    return {
        "x": x[order].tolist(),
        "unit": "nm" if in_nm else "band",
        "places": [list(place) for place in places],
        "low": low,
        "high": high,
        "values": base64.b64encode(np.round(share[..., order] * _LEVELS).astype("<u2").tobytes()).decode(),
    }
