"""Bands matched by pseudo-invariant features (PIF)."""

from __future__ import annotations

from functools import partial

import numpy as np

from hscd.detectors.irmad import IrMad
from hscd.normalisation import NORMALISATIONS, Mapping, linear_mapping
from hscd.normalisation.mean_std import matched
from hscd.registry import Option
from hscd.scenes.scene import Scene
from hscd.system import parsing

# Least share of the sample, and number of its pixels, that a regression is based on.
_SHARE, _COUNT = 0.01, 50


@NORMALISATIONS.register(
    "pif",
    Option("pif_chance", partial(parsing.number, low=0, high=1), "a number in ]0, 1[", 0.95,
           "chance of no change from which a pixel counts as invariant"),
)  # fmt: skip
def pif(scene: Scene, rng: np.random.Generator, pif_chance: float = 0.95) -> Mapping:
    """Orthogonal regression of each band on the pixels that IR-MAD finds unchanged.

    If these are less than 1 % of the sample or 50, those that changed least make up for it.

    Args:
        scene: of values as they are.
        rng: draws a sample of its pixels.
        pif_chance: chance of no change that a pixel has at least, ]0, 1[.

    Raises:
        InputError: if no pixel is valid.

    References:
        Canty, Nielsen (2008), "Automatic radiometric normalization of multitemporal satellite imagery with the
        iteratively re-weighted MAD transformation", Remote Sens. Environ. 112(3).
    """
    from scipy.special import chdtri

    found = IrMad().fitted(scene, rng)
    statistic = found.statistic.of(found.sample, found.scalings)
    least = min(len(statistic), max(_COUNT, round(_SHARE * len(statistic))))
    limit = max(chdtri(max(1, found.degrees), pif_chance), np.partition(statistic, least - 1)[least - 1])
    return linear_mapping(*orthogonal(found.sample[statistic <= limit]))


def orthogonal(pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gain and offset, (bands,), of the lines nearest to (after, before) of (pixels, 2, bands).

    Bands in which the dates do not rise together are matched by mean and standard deviation.
    """
    mean = pairs.mean(axis=0, dtype=np.float64)
    gain, offset = matched(pairs)
    for band in range(pairs.shape[2]):
        y, x = (pairs[:, date, band] - mean[date, band] for date in (0, 1))
        across, difference = x @ y / len(x), (y @ y - x @ x) / len(x)
        if across > np.finfo(np.float32).eps * (x @ x + y @ y) / len(x):
            gain[band] = (difference + np.hypot(difference, 2 * across)) / (2 * across)
            offset[band] = mean[0, band] - gain[band] * mean[1, band]
    return gain, offset
