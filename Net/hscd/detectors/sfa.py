"""Slow feature analysis (SFA) of two dates."""

from __future__ import annotations

import numpy as np

from hscd.detectors import DETECTORS, Scorer
from hscd.detectors.tools.reweighted import Statistic, fitted, of_unit_variance, whitener
from hscd.scenes.scene import Scene


def slow_features(means: np.ndarray, covariance: np.ndarray) -> Statistic:
    """The sum of squared differences of slow features, each over its variance.

    Features w of the standardised bands solve A w = λ B w, A the second moment of the difference of the dates, B the
    mean of their covariances.

    Args:
        means: (2 · bands,) of both dates.
        covariance: (2 · bands, 2 · bands) of them.
    """
    bands = len(means) // 2
    deviation = np.sqrt(np.diag(covariance))
    # Bands are standardised before they get here; what is left of a constant one is rounding.
    varies = deviation > 1e-6
    factor = np.where(varies, 1 / np.where(varies, deviation, 1), 0)
    correlation = covariance * np.outer(factor, factor)
    first, second, across = correlation[:bands, :bands], correlation[bands:, bands:], correlation[:bands, bands:]
    white = whitener((first + second) / 2)
    variances, vectors = np.linalg.eigh(white @ (first + second - across - across.T) @ white.T)
    features = vectors.T @ white
    return of_unit_variance(features * factor[:bands], features * factor[bands:], means, variances, variances)


@DETECTORS.register("sfa")
class Sfa:
    """Differences of the features that change least between the dates, which are what did not change.

    The score is the sum of their squares, each over its variance: where nothing changed it is chi-square distributed
    with as many degrees of freedom as there are bands (less those that repeat others).

    References:
        Wu, Du, Zhang (2014), "Slow feature analysis for change detection in multispectral imagery", IEEE Trans.
        Geosci. Remote Sens. 52(5).
    """

    name = "sfa"
    unit = "scores"
    halo = 0
    scale = "root"
    degrees: float | None = None
    _again = False

    def fit(self, scene: Scene, rng: np.random.Generator) -> Scorer:
        """Fit the features to a sample.

        Raises:
            InputError: if no pixel is valid.
        """
        found = fitted(scene, rng, slow_features, again=self._again)
        self.degrees = found.degrees or None
        return found.scorer
