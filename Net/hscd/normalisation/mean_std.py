"""Mean and standard deviation of each band matched."""

from __future__ import annotations

import numpy as np

from hscd.detectors.tools.samples import sampled_pairs
from hscd.normalisation import NORMALISATIONS, Mapping, linear_mapping
from hscd.scenes.scene import Scene

_PIXELS = 500_000


@NORMALISATIONS.register("mean_std")
def mean_std(scene: Scene, rng: np.random.Generator) -> Mapping:
    """Each band of the after image gets the mean and the standard deviation that it has in the before image.

    A band that is constant in the after image gets the mean only.

    Args:
        scene: of values as they are.
        rng: draws a sample of its pixels.

    Raises:
        InputError: if no pixel is valid.

    References:
        Yuan, Elvidge (1996), "Comparison of relative radiometric normalization techniques", ISPRS J. Photogramm.
        Remote Sens. 51(3).
    """
    return linear_mapping(*matched(sampled_pairs(scene, rng, _PIXELS)))


def matched(pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gain and offset, (bands,), that match the after values of (pixels, 2, bands) to the before values."""
    mean = pairs.mean(axis=0, dtype=np.float64)
    deviation = pairs.std(axis=0, dtype=np.float64)
    varies = deviation[1] > np.finfo(np.float32).eps * np.abs(mean[1])
    gain = np.where(varies, deviation[0] / np.where(varies, deviation[1], 1), 1)
    return gain, mean[0] - gain * mean[1]
