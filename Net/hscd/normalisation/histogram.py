"""Histograms of each band matched."""

from __future__ import annotations

import numpy as np

from hscd.detectors.tools.samples import sampled_pairs
from hscd.normalisation import NORMALISATIONS, Mapping
from hscd.scenes.scene import Scene

_PIXELS = 500_000
# Quantiles that are matched; between two of them the mapping is linear.
_LEVELS = 1001


@NORMALISATIONS.register("histogram")
def histogram(scene: Scene, rng: np.random.Generator) -> Mapping:
    """Each band of the after image gets the quantiles that it has in the before image.

    Values beyond those of the sample are moved as far as its largest or smallest one. Where much changed, that is
    matched away with the light.

    Args:
        scene: of values as they are.
        rng: draws a sample of its pixels.

    Raises:
        InputError: if no pixel is valid.

    References:
        Yang, Lo (2000), "Relative radiometric normalization performance for change detection from multi-date satellite
        images", Photogramm. Eng. Remote Sens. 66(8).
    """
    sample = sampled_pairs(scene, rng, _PIXELS)
    levels = np.linspace(0, 1, _LEVELS)
    curves = [
        _curve(*(np.quantile(sample[:, date, band], levels).astype(np.float64) for date in (1, 0)))
        for band in range(scene.bands)
    ]

    def mapping(values: np.ndarray) -> np.ndarray:
        found = np.empty_like(values)
        for band, (after, before) in enumerate(curves):
            of = values[..., band]
            inside = np.clip(of, after[0], after[-1])
            found[..., band] = np.interp(inside, after, before) + (of - inside)
        return found

    return mapping


def _curve(after: np.ndarray, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rising values of the after image, and the mean of the before values that belong to each."""
    rising, of = np.unique(after, return_inverse=True)
    return rising, np.bincount(of, before) / np.bincount(of)
