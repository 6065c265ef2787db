"""Spectral information divergence (SID)."""

from __future__ import annotations

import numpy as np

from hscd.detectors import DETECTORS, Scorer
from hscd.detectors.tools.threads import on_threads
from hscd.scenes.scene import Block, Scene

_PART = 4096
# Share of a spectrum's mean value that each band has at least: logarithms need positive values.
_LEAST = 1e-6


def divergence(pairs: np.ndarray) -> np.ndarray:
    """Σ (p − q) (ln p − ln q) over the bands, p and q the spectra as shares of their sums, (pixels,) float32.

    Args:
        pairs: (pixels, 2, bands) float32. Values that are not positive count as a millionth of the mean of the
            positive ones; a spectrum without any is one of equal shares.
    """
    found = np.empty(len(pairs), np.float32)

    def part(some: slice) -> None:
        values = np.maximum(pairs[some].astype(np.float64), 0)
        mean = values.mean(axis=2, keepdims=True)
        mean = np.where(mean > 0, mean, 1)
        np.maximum(values, _LEAST * mean, out=values)
        values /= values.sum(axis=2, keepdims=True)
        logarithms = np.log(values)
        found[some] = ((values[:, 0] - values[:, 1]) * (logarithms[:, 0] - logarithms[:, 1])).sum(axis=1)

    on_threads(part, len(pairs), _PART)
    return found


@DETECTORS.register("sid")
class Sid:
    """Symmetric relative entropy of the spectra of a pixel: their shapes count, not their brightness.

    References:
        Chang (2000), "An information-theoretic approach to spectral variability, similarity, and discrimination for
        hyperspectral image analysis", IEEE Trans. Inf. Theory 46(5).
    """

    name = "sid"
    unit = "scores"
    halo = 0
    scale = "root"
    degrees: float | None = None

    def fit(self, scene: Scene, rng: np.random.Generator) -> Scorer:
        """Nothing to fit."""

        def score(block: Block) -> np.ndarray:
            pairs = block.pairs[block.inner]
            return divergence(pairs.reshape(-1, *pairs.shape[2:]))

        return score
