"""Labels of nearest neighbours: how well a space keeps changed and unchanged pixels apart."""

from __future__ import annotations

import numpy as np

from hscd.labels import CHANGED, UNCHANGED

NEIGHBOURS = 5


def neighbour_labels(points: np.ndarray, labels: np.ndarray, neighbours: int = NEIGHBOURS) -> np.ndarray:
    """The label that most of the nearest other points have, for each point (leave one out).

    Args:
        points: (points, dimensions), two at least.
        labels: (points,) 0 changed, 1 unchanged.
        neighbours: how many vote, odd; where there are not so many others, the largest odd number of these.

    Returns:
        (points,) uint8.

    References:
        Cover, Hart (1967), "Nearest neighbor pattern classification", IEEE Transactions on Information Theory 13.
    """
    from sklearn.neighbors import NearestNeighbors

    others = len(points) - 1
    neighbours = min(neighbours, others - 1 + others % 2)
    found = NearestNeighbors(n_neighbors=neighbours).fit(points).kneighbors(return_distance=False)
    changed = np.count_nonzero(labels[found] == CHANGED, axis=1)
    return np.where(2 * changed > neighbours, np.uint8(CHANGED), np.uint8(UNCHANGED))
