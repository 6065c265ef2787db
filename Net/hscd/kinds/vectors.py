"""Change vectors: the difference of the spectra of a pixel, both in units of what did not change."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hscd.detectors.tools.products import linear
from hscd.detectors.tools.reweighted import moments
from hscd.detectors.tools.samples import sampled_pairs
from hscd.detectors.tools.scaling import BandScaling, standard
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.scenes.scene import Scene

# Pixels of each class that are looked at.
_PIXELS = 100_000
# Fewer unchanged pixels tell nothing of light and noise; then all pixels have to.
_LEAST = 100


@dataclass(frozen=True)
class Changes:
    """A sample of the changed pixels of a pair, and what their change vectors are measured by.

    `pairs`, (pixels, 2, bands) float32, are in the units of the images. `scalings` give the bands of each date mean 0
    and standard deviation 1 over the unchanged pixels: what gain, haze and season do to all of them is no change.
    `noise`, (bands, bands), is the covariance of the difference vectors of the unchanged pixels.
    """

    pairs: np.ndarray
    scalings: tuple[BandScaling, BandScaling]
    noise: np.ndarray

    def along(self, directions: np.ndarray, pairs: np.ndarray) -> np.ndarray:
        """Components of change vectors along directions, (directions, pixels) float64.

        Args:
            directions: (directions, bands).
            pairs: (pixels, 2, bands) float32.
        """
        found = linear(self.scalings[1], pairs[:, 1], directions, np.float64)
        found -= linear(self.scalings[0], pairs[:, 0], directions, np.float64)
        return found


def sampled(scene: Scene, labels: np.ndarray, rng: np.random.Generator) -> Changes | None:
    """A sample of the changed pixels, and the statistics of one of the unchanged pixels.

    Args:
        scene: the pair; its values are taken as they are, without ranges.
        labels: (rows, columns), 0 changed, 1 unchanged, 2 unknown.
        rng: draws the samples.

    Returns:
        None where nothing changed.
    """
    changed = labels == CHANGED
    if not changed.any():
        return None
    unchanged = labels == UNCHANGED
    if np.count_nonzero(unchanged) < _LEAST:
        unchanged = labels != UNKNOWN
    still = sampled_pairs(replace(scene, valid=unchanged), rng, _PIXELS)
    pairs = sampled_pairs(replace(scene, valid=changed), rng, _PIXELS)
    scalings = standard(still[:, 0]), standard(still[:, 1])
    return Changes(pairs, scalings, moments(differences(still, scalings), np.ones(len(still)))[1])


def differences(pairs: np.ndarray, scalings: tuple[BandScaling, BandScaling]) -> np.ndarray:
    """Change vectors of scaled bands, (pixels, bands) float32, of (pixels, 2, bands) float32."""
    found = scalings[1].apply(pairs[:, 1])
    found -= scalings[0].apply(pairs[:, 0])
    return found
