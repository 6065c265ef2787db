"""Statistics of linear transforms of both dates, fitted again and again to the pixels that hardly changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from hscd.detectors import Scorer
from hscd.detectors.tools.products import linear
from hscd.detectors.tools.samples import sampled_pairs
from hscd.detectors.tools.scaling import BandScaling, standard
from hscd.detectors.tools.threads import on_threads
from hscd.scenes.scene import Block, Scene

# Pixels that a fit looks at: means and covariances of more are the same to the third digit.
_PIXELS = 500_000
_PART = 4096
# Of correlations between bands, eigenvalues below this share of the largest are rounding errors of float32 values.
_LEAST = 1e-10
# Variances of differences below this are rounding errors: the dates agree.
_LEAST_VARIANCE = 1e-9
# A statistic below this is one: what is left of the same spectrum twice.
_NOTHING = 1e-5
# Change of the correlations at which the weights have settled, and rounds after which they never will.
_SETTLED, _ROUNDS = 1e-4, 50
# Weights of so many pixels for each value are the least of which a covariance can be told.
_PIXELS_EACH = 4


class Statistic(NamedTuple):
    """‖`first` x − `second` y − `offset`‖² of scaled spectra x and y of a pixel; (variates, bands), (variates,).

    Where nothing changed it is chi-square distributed with as many degrees of freedom as there are variates.
    `strengths` of the variates tell when the fit has settled.
    """

    first: np.ndarray
    second: np.ndarray
    offset: np.ndarray
    strengths: np.ndarray

    def of(self, pairs: np.ndarray, scalings: tuple[BandScaling, BandScaling]) -> np.ndarray:
        """The statistic of (pixels, 2, bands) float32, (pixels,) float64."""
        variates = linear(scalings[0], pairs[:, 0], self.first, np.float64)
        variates -= linear(scalings[1], pairs[:, 1], self.second, np.float64)
        variates -= self.offset[:, None]
        found = np.square(variates, out=variates).sum(axis=0)
        found[found < _NOTHING] = 0
        return found


# From means (2 · bands,) and covariance (2 · bands, 2 · bands) of both dates, the first one first.
Solve = Callable[[np.ndarray, np.ndarray], Statistic]


class Fitted(NamedTuple):
    """A statistic with the scaling of the bands that it expects, and the sample's weights."""

    statistic: Statistic
    scalings: tuple[BandScaling, BandScaling]
    sample: np.ndarray
    weights: np.ndarray

    @property
    def degrees(self) -> float:
        return float(len(self.statistic.offset))

    @property
    def scorer(self) -> Scorer:
        statistic, scalings = self.statistic, self.scalings

        def score(block: Block) -> np.ndarray:
            pairs = block.pairs[block.inner]
            found = statistic.of(pairs.reshape(-1, *pairs.shape[2:]), scalings)
            return np.minimum(found, np.finfo(np.float32).max)

        return score


def fitted(scene: Scene, rng: np.random.Generator, solve: Solve, *, again: bool) -> Fitted:
    """Fit a statistic to a sample of a scene.

    Args:
        scene: the scene.
        rng: draws the sample.
        solve: makes the statistic of means and covariances.
        again: weigh each pixel by the chance that it did not change, until nothing changes any more; else once, all
            alike.

    Raises:
        InputError: if no pixel is valid.
    """
    from scipy.special import chdtrc

    sample = sampled_pairs(scene, rng, _PIXELS)
    scalings = standard(sample[:, 0]), standard(sample[:, 1])
    scaled = np.concatenate([scaling.apply(sample[:, date]) for date, scaling in enumerate(scalings)], axis=1)
    weights = np.ones(len(sample))
    statistic = solve(*moments(scaled, weights))
    for _ in range(_ROUNDS if again else 0):
        new = chdtrc(max(1, len(statistic.offset)), statistic.of(sample, scalings))
        if new.sum() < _PIXELS_EACH * scaled.shape[1]:  # hardly a pixel is left that did not change
            break
        weights, before = new, statistic
        statistic = solve(*moments(scaled, weights))
        same = len(statistic.strengths) == len(before.strengths)
        if same and np.abs(statistic.strengths - before.strengths).max(initial=0) < _SETTLED:
            break
    return Fitted(statistic, scalings, sample, weights)


def moments(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean and covariance of (pixels, values) float32, in double precision."""

    def part(some: slice) -> tuple[np.ndarray, np.ndarray]:
        roots = np.sqrt(weights[some])
        scaled = values[some].astype(np.float64) * roots[:, None]
        return roots @ scaled, scaled.T @ scaled

    sums, products = (sum(found) for found in zip(*on_threads(part, len(values), _PART), strict=True))
    total = weights.sum()
    mean = sums / total
    return mean, products / total - np.outer(mean, mean)


def whitener(covariance: np.ndarray) -> np.ndarray:
    """W, (rank, values), with W · covariance · Wᵀ = 1; directions that hardly vary are left out."""
    values, vectors = np.linalg.eigh(covariance)
    keep = values > max(_LEAST * values[-1], np.finfo(np.float32).tiny)
    return (vectors[:, keep] / np.sqrt(values[keep])).T


def of_unit_variance(
    first: np.ndarray, second: np.ndarray, means: np.ndarray, variances: np.ndarray, strengths: np.ndarray
) -> Statistic:
    """The statistic of variates first · x − second · y of some variances."""
    scale = 1 / np.sqrt(np.maximum(variances, _LEAST_VARIANCE))[:, None]
    first, second = scale * first, scale * second
    bands = first.shape[1]
    return Statistic(first, second, first @ means[:bands] - second @ means[bands:], strengths)
