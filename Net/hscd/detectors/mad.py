"""Multivariate alteration detection (MAD)."""

from __future__ import annotations

import numpy as np

from hscd.detectors import DETECTORS, Scorer
from hscd.detectors.tools.reweighted import Fitted, Statistic, fitted, of_unit_variance, whitener
from hscd.scenes.scene import Scene


def canonical(means: np.ndarray, covariance: np.ndarray) -> Statistic:
    """The sum of squared differences of canonical variates, each over its variance 2 (1 − ρ).

    Args:
        means: (2 · bands,) of both dates.
        covariance: (2 · bands, 2 · bands) of them.
    """
    bands = len(means) // 2
    first, second = whitener(covariance[:bands, :bands]), whitener(covariance[bands:, bands:])
    left, correlations, right = np.linalg.svd(first @ covariance[:bands, bands:] @ second.T, full_matrices=False)
    correlations = np.minimum(correlations, 1)
    return of_unit_variance(left.T @ first, right @ second, means, 2 * (1 - correlations), correlations)


@DETECTORS.register("mad")
class Mad:
    """Differences of canonical variates: what of each date is least like anything of the other.

    The score is the sum of their squares, each over its variance: where nothing changed it is chi-square distributed
    with as many degrees of freedom as there are bands (less those that repeat others).

    References:
        Nielsen, Conradsen, Simpson (1998), "Multivariate alteration detection (MAD) and MAF postprocessing in
        multispectral, bitemporal image data", Remote Sens. Environ. 64(1).
    """

    name = "mad"
    unit = "scores"
    halo = 0
    scale = "root"
    degrees: float | None = None
    _again = False

    def fit(self, scene: Scene, rng: np.random.Generator) -> Scorer:
        """Fit the canonical variates to a sample.

        Raises:
            InputError: if no pixel is valid.
        """
        found = self.fitted(scene, rng)
        self.degrees = found.degrees or None
        return found.scorer

    def fitted(self, scene: Scene, rng: np.random.Generator) -> Fitted:
        """The statistic, and the sample that it is fitted to."""
        return fitted(scene, rng, canonical, again=self._again)
