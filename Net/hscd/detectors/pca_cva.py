"""Change vector analysis of principal components."""

from __future__ import annotations

from functools import partial

import numpy as np

from hscd.detectors import DETECTORS, Scorer
from hscd.detectors.tools.products import linear
from hscd.detectors.tools.reweighted import moments
from hscd.detectors.tools.samples import sampled_pairs
from hscd.detectors.tools.scaling import standard
from hscd.registry import Option
from hscd.scenes.scene import Block, Scene
from hscd.system import parsing

_PIXELS = 500_000


@DETECTORS.register(
    "pca_cva",
    Option("pca_variance", partial(parsing.number, low=0, high=1, high_included=True), "a number in ]0, 1]", 0.99,
           "share of the variance that the principal components kept have"),
)  # fmt: skip
class PcaCva:
    """Length of the difference between the leading principal components of both dates together.

    The bands of each date have mean 0 and deviation 1. Components of little variance, mostly noise, do not count.

    Args:
        pca_variance: share of the variance that the components have at least, ]0, 1].

    References:
        Fung, LeDrew (1987), "Application of principal components analysis to change detection", Photogramm. Eng.
        Remote Sens. 53(12).
    """

    name = "pca_cva"
    unit = "scores"
    halo = 0
    scale = "linear"
    degrees: float | None = None

    def __init__(self, pca_variance: float = 0.99) -> None:
        self._variance = pca_variance

    def fit(self, scene: Scene, rng: np.random.Generator) -> Scorer:
        """Find the components of a sample.

        Raises:
            InputError: if no pixel is valid.
        """
        sample = sampled_pairs(scene, rng, _PIXELS)
        scalings = standard(sample[:, 0]), standard(sample[:, 1])
        covariance = sum(
            moments(scaling.apply(sample[:, date]), np.ones(len(sample)))[1] for date, scaling in enumerate(scalings)
        )
        values, vectors = np.linalg.eigh(covariance)
        share = np.cumsum(values[::-1]) / max(values.sum(), np.finfo(np.float64).tiny)
        kept = vectors[:, ::-1][:, : int(np.searchsorted(share, self._variance - 1e-9)) + 1].T

        def score(block: Block) -> np.ndarray:
            pairs = block.pairs[block.inner]
            flat = pairs.reshape(-1, *pairs.shape[2:])
            difference = linear(scalings[1], flat[:, 1], kept, np.float64)
            difference -= linear(scalings[0], flat[:, 0], kept, np.float64)
            return np.sqrt(np.square(difference, out=difference).sum(axis=0))

        return score
