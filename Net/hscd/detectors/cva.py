"""Change vector analysis (CVA)."""

from __future__ import annotations

import numpy as np

from hscd.detectors import DETECTORS, Scorer
from hscd.detectors.tools.samples import sampled_pairs
from hscd.detectors.tools.scaling import BandScaling, standard
from hscd.detectors.tools.threads import on_threads
from hscd.scenes.scene import Block, Scene

_PIXELS = 500_000
_PART = 4096


def magnitudes(pairs: np.ndarray, scalings: tuple[BandScaling, BandScaling]) -> np.ndarray:
    """Lengths of the change vectors of scaled bands, (pixels,) float32, of (pixels, 2, bands) float32."""
    found = np.empty(len(pairs), np.float32)

    def part(some: slice) -> None:
        difference = scalings[1].apply(pairs[some, 1])
        difference -= scalings[0].apply(pairs[some, 0])
        found[some] = np.sqrt(np.einsum("ij,ij->i", difference, difference, dtype=np.float64))

    on_threads(part, len(pairs), _PART)
    return found


@DETECTORS.register("cva")
class Cva:
    """Length of the difference between the spectra of a pixel, each band of each date of mean 0 and deviation 1.

    References:
        Malila (1980), "Change vector analysis: an approach for detecting forest changes with Landsat", LARS Symposia.
        Bruzzone, Prieto (2000), "Automatic analysis of the difference image for unsupervised change detection", IEEE
        Trans. Geosci. Remote Sens. 38(3).
    """

    name = "cva"
    unit = "scores"
    halo = 0
    scale = "linear"
    degrees: float | None = None

    def fit(self, scene: Scene, rng: np.random.Generator) -> Scorer:
        """Find the mean and the deviation of each band in a sample.

        Raises:
            InputError: if no pixel is valid.
        """
        sample = sampled_pairs(scene, rng, _PIXELS)
        scalings = standard(sample[:, 0]), standard(sample[:, 1])

        def score(block: Block) -> np.ndarray:
            pairs = block.pairs[block.inner]
            return magnitudes(pairs.reshape(-1, *pairs.shape[2:]), scalings)

        return score
