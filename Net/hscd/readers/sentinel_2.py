"""The bands of Sentinel-2, by the names that all of its products and data sets give them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

# In the order of the instrument, which is that of band_id in the metadata, and their central wavelengths in nm
# (Sentinel-2A; ESA, "Sentinel-2 Spectral Response Functions", 2022).
WAVELENGTHS = {
    "B01": 442.7, "B02": 492.4, "B03": 559.8, "B04": 664.6, "B05": 704.1, "B06": 740.5, "B07": 782.8, "B08": 832.8,
    "B8A": 864.7, "B09": 945.1, "B10": 1373.5, "B11": 1613.7, "B12": 2202.4,
}  # fmt: skip
# Their widths at half of the maximum in nm (the same source).
FWHM = {
    "B01": 21, "B02": 66, "B03": 36, "B04": 31, "B05": 15, "B06": 15, "B07": 20, "B08": 106, "B8A": 21, "B09": 20,
    "B10": 31, "B11": 91, "B12": 175,
}  # fmt: skip
# No other instrument has a band of this name; those of Landsat are called B01 to B11, too.
_ITS_OWN = "B8A"
# B02, T33UUU_20220724T100611_B02, and the same with its resolution, _10m.
_BAND = re.compile(r"(?:.*_)?(B\d[\dA])(?:_\d\dm)?", re.IGNORECASE)


def responses(names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Central wavelengths and widths of bands, (bands,) nm each, by their names."""
    wavelengths, fwhm = (np.array([of[name] for name in names], float) for of in (WAVELENGTHS, FWHM))
    return wavelengths, fwhm


def named(files: Sequence[str]) -> list[str] | None:
    """The bands that files without suffixes are of, by their names; None unless all are, and B8A is among them."""
    matches = [_BAND.fullmatch(file) for file in files]
    names = ["" if match is None else match[1].upper() for match in matches]
    return names if _ITS_OWN in names and WAVELENGTHS.keys() >= set(names) else None
