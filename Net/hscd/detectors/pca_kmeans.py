"""Principal components of blocks of the difference image, in two clusters."""

from __future__ import annotations

from functools import partial

import numpy as np

from hscd.detectors import DETECTORS, Scorer
from hscd.detectors.cva import magnitudes
from hscd.detectors.tools.context_features import Field, fields
from hscd.detectors.tools.reweighted import moments
from hscd.detectors.tools.samples import chosen, sampled_pairs
from hscd.detectors.tools.scaling import BandScaling, standard
from hscd.registry import Option
from hscd.scenes.scene import Block, Scene
from hscd.system import parsing

_PIXELS = 500_000
# Pixels that are clustered, and rounds after which 2-means ends at the latest.
_CLUSTERED, _ROUNDS = 100_000, 200
# Share of the variance of the blocks that the components kept have.
_VARIANCE = 0.9


@DETECTORS.register(
    "pca_kmeans",
    Option("pca_kmeans_radius", partial(parsing.integer, low=1, high=10), "an integer from 1 to 10", 3,
           "radius of the blocks, the centre counted (3 is 5 × 5)"),
)  # fmt: skip
class PcaKmeans:
    """Blocks of the difference image around each pixel, on their principal components, in two clusters.

    The difference image has the lengths of the change vectors (`cva`). The score is the signed distance from the plane
    between the centres of both clusters, on the side of the greater differences above 0: where it is positive is the
    paper's map. Masked pixels of a block count as the mean of its others; beyond the border the nearest pixel does.

    Args:
        pca_kmeans_radius: of a block, the centre counted.

    References:
        Celik (2009), "Unsupervised change detection in satellite images using principal component analysis and k-means
        clustering", IEEE Geosci. Remote Sens. Letters 6(4).
    """

    name = "pca_kmeans"
    unit = "scores"
    scale = "linear"
    degrees: float | None = None

    def __init__(self, pca_kmeans_radius: int = 3) -> None:
        self._reach = pca_kmeans_radius - 1
        self.halo = 2 * self._reach

    def fit(self, scene: Scene, rng: np.random.Generator) -> Scorer:
        """Find the components and the clusters in a sample of blocks.

        Raises:
            InputError: if no pixel is valid.
        """
        sample = sampled_pairs(scene, rng, _PIXELS)
        scalings = standard(sample[:, 0]), standard(sample[:, 1])
        of_pairs = partial(_difference, scalings=scalings)
        blocks = [_blocks(field, self._reach) for field in fields(scene, rng, of_pairs, self.halo)]
        vectors = np.concatenate(blocks)
        vectors = vectors[chosen(len(vectors), rng, _CLUSTERED)]
        weights, offset = _plane(vectors)
        kernel = weights.reshape(2 * self._reach + 1, -1).astype(np.float32)

        def score(block: Block) -> np.ndarray:
            field = Field(of_pairs(block.pairs), block.valid, block.inner)
            return _correlated(_filled(field, self._reach), kernel)[field.inner] - np.float32(offset)

        return score


def _difference(pairs: np.ndarray, scalings: tuple[BandScaling, BandScaling]) -> np.ndarray:
    """The difference image as a plane of a field, (1, 1, …), of (…, 2, bands)."""
    return magnitudes(pairs.reshape(-1, *pairs.shape[-2:]), scalings).reshape(1, 1, *pairs.shape[:-2])


def _filled(field: Field, reach: int) -> np.ndarray:
    """The difference image, (rows, columns), masked pixels being the mean of the valid ones within reach, or 0."""
    plane = field.components[0, 0]
    if field.valid is None:
        return plane
    ones = np.ones((2 * reach + 1,) * 2, np.float32)
    mask = field.valid.astype(np.float32)
    count = _correlated(mask, ones)
    mean = _correlated(plane * mask, ones) / np.maximum(count, 1)
    return np.where(field.valid, plane, mean)


def _correlated(plane: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Sum of kernel · neighbours of each pixel, in one order for all; beyond the border the nearest pixel counts."""
    reach = len(kernel) // 2
    padded = np.pad(plane, reach, mode="edge")
    found = np.zeros_like(plane)
    for down, across in np.ndindex(kernel.shape):
        found += kernel[down, across] * padded[down : down + plane.shape[0], across : across + plane.shape[1]]
    return found


def _blocks(field: Field, reach: int) -> np.ndarray:
    """(pixels, block) float32 of the valid pixels that were asked for."""
    padded = np.pad(_filled(field, reach), reach, mode="edge")
    side = 2 * reach + 1
    views = np.lib.stride_tricks.sliding_window_view(padded, (side, side))[field.inner]
    if field.valid is not None:
        return views[field.valid[field.inner]].reshape(-1, side**2)
    return views.reshape(-1, side**2)


def _plane(vectors: np.ndarray) -> tuple[np.ndarray, float]:
    """The plane between two clusters of blocks: weights (block,) and offset; weights · block − offset is the distance.

    Clusters are those of 2-means on the leading components, begun from the blocks above and below the mean; that of
    the greater differences is on the positive side.
    """
    mean, covariance = moments(vectors, np.ones(len(vectors)))
    values, axes = np.linalg.eigh(covariance)
    share = np.cumsum(values[::-1]) / max(values.sum(), np.finfo(np.float64).tiny)
    axes = axes[:, ::-1][:, : int(np.searchsorted(share, _VARIANCE)) + 1]
    features = (vectors - mean) @ axes
    level = vectors.mean(axis=1, dtype=np.float64)
    upper = level > level.mean()
    for _ in range(_ROUNDS):
        if upper.all() or not upper.any():
            break
        high, low = features[upper].mean(axis=0), features[~upper].mean(axis=0)
        before, upper = upper, ((features - (high + low) / 2) @ (high - low)) > 0
        if (upper == before).all():
            break
    if upper.all() or not upper.any():  # all blocks are alike
        return np.full(len(mean), 1 / len(mean)), float(mean.mean())
    if level[upper].mean() < level[~upper].mean():
        high, low = low, high
    direction = axes @ (high - low) / np.linalg.norm(high - low)
    return direction, float(direction @ mean + (high + low) @ (high - low) / 2 / np.linalg.norm(high - low))
