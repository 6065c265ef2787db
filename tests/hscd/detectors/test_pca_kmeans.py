"""PCA of blocks and 2-means, against loops."""

import numpy as np
import pytest
from scipy.cluster.vq import kmeans2

from detector_scenes import changed_pair, scene_of
from hscd.detectors import scored
from hscd.detectors.cva import Cva
from hscd.detectors.pca_kmeans import PcaKmeans, _correlated


def scores_of(scene, radius=2):
    return scored(PcaKmeans(radius), scene, np.random.default_rng(0)).scores


def slow(difference, reach):
    """Blocks pixel by pixel, components by SVD, 2-means by SciPy from the same start; distance from the plane."""
    rows, columns = difference.shape
    blocks = [
        [
            difference[min(max(row + down, 0), rows - 1), min(max(column + across, 0), columns - 1)]
            for down in range(-reach, reach + 1)
            for across in range(-reach, reach + 1)
        ]
        for row in range(rows)
        for column in range(columns)
    ]
    vectors = np.array(blocks, np.float64)
    centred = vectors - vectors.mean(0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    share = np.cumsum(sizes**2) / (sizes**2).sum()
    features = centred @ axes[: int((share < 0.9).sum()) + 1].T
    upper = vectors.mean(1) > vectors.mean()
    start = np.stack([features[~upper].mean(0), features[upper].mean(0)])
    (low, high), _ = kmeans2(features, start, iter=100, minit="matrix")
    normal = (high - low) / np.linalg.norm(high - low)
    return ((features - (high + low) / 2) @ normal).reshape(rows, columns)


@pytest.mark.parametrize("radius", [2, 3])
def test_scores_equal_loops(radius):
    before, after, _ = changed_pair(rows=30, columns=34)
    scene = scene_of(before, after)
    difference = scored(Cva(), scene, np.random.default_rng(0)).scores
    # Sums of 25 float32 values of size 5.
    np.testing.assert_allclose(scores_of(scene, radius), slow(difference, radius - 1), rtol=1e-3, atol=1e-3)


def test_above_zero_is_changed():
    before, after, changed = changed_pair()
    # Blocks reach over the edge of the change: its outermost pixels may fall to either side.
    inner, outer = np.zeros_like(changed), np.ones_like(changed)
    inner[12:15, 22:27], outer[8:19, 18:31] = True, False
    found = scores_of(scene_of(before, after)) > 0
    assert found[inner].all()
    assert found[outer].mean() < 0.05


def test_masked_pixels_count_as_the_mean_of_their_neighbours():
    before, after, changed = changed_pair(rows=30, columns=34)
    valid = np.ones(changed.shape, bool)
    valid[20, 20] = False
    after[20, 20] = 1e5
    found = scores_of(scene_of(before, after, valid))
    assert np.isnan(found[20, 20])
    assert np.abs(found[18:23, 18:23][~np.isnan(found[18:23, 18:23])]).max() < 20


def test_correlation_beyond_the_border():
    plane = np.float32([[1, 2], [3, 4]])
    # A kernel that takes the right neighbour; at the right border that is the pixel itself.
    kernel = np.float32([[0, 0, 0], [0, 0, 1], [0, 0, 0]])
    np.testing.assert_array_equal(_correlated(plane, kernel), [[2, 2], [4, 4]])
