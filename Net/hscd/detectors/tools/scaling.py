"""Bands of both dates on one scale: clipped, centred, of standard deviation one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Of what is rounded to float32, nothing is left to scale where a band varies by less than this share of its values.
_ROUNDING = 4 * float(np.finfo(np.float32).eps)


class BandScaling(NamedTuple):
    """How the bands of a date are scaled, each field (bands,) in double precision.

    Values are clipped to [`low`, `high`]; a scaled value is (value − `mean`) · `factor`; that of a constant band is 0.
    """

    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    factor: np.ndarray

    def apply(self, spectra: np.ndarray) -> np.ndarray:
        """Scaled spectra, (pixels, bands) float32."""
        scaled = np.clip(spectra, self.low.astype(np.float32), self.high.astype(np.float32))
        scaled -= self.mean.astype(np.float32)
        scaled *= self.factor.astype(np.float32)
        return scaled


def standard(spectra: np.ndarray, clip: float = 0.0, widen: float = 0.0) -> BandScaling:
    """The scaling that gives a sample's bands mean 0 and standard deviation 1.

    Args:
        spectra: (pixels, bands) float32.
        clip: share of the values on each side, in [0, 0.5[, from which limits are taken; 0 for no limits.
        widen: by how much of their span the limits are moved apart, on each side.
    """
    bands = spectra.shape[1]
    low, high = np.full(bands, -np.inf), np.full(bands, np.inf)
    if clip:
        low, high = np.quantile(spectra, [clip, 1 - clip], axis=0).astype(np.float64)
        low, high = low - widen * (high - low), high + widen * (high - low)
    mean, deviation = np.empty(bands), np.empty(bands)
    for band in range(bands):  # one by one: in double precision all would take twice the sample
        values = np.clip(spectra[:, band].astype(np.float64), low[band], high[band])
        mean[band], deviation[band] = values.mean(), values.std()
    varies = deviation > _ROUNDING * np.abs(mean)
    return BandScaling(low, high, mean, np.where(varies, 1 / np.where(varies, deviation, 1), 0))
