"""Points of many dimensions drawn in two."""

from __future__ import annotations

import numpy as np

PROJECTIONS = ("pca", "tsne")
# Neighbours that t-SNE weighs; a third of the points where there are few.
_PERPLEXITY = 30.0


# Where a network gives many pixels one and the same embedding, t-SNE takes long and draws a line: points are moved by
# so much of their mean deviation, and their first places by so much of the deviation of those.
_JITTER, _FIRST_JITTER = 1e-3, 1e-2
# As scikit-learn has it.
_FIRST_DEVIATION = 1e-4
_MOST = 0.99


def projected(points: np.ndarray, method: str, seed: int) -> np.ndarray:
    """Points in two dimensions: by principal components, or t-SNE, which keeps neighbours together.

    Of t-SNE neither the distances between groups nor their sizes mean anything.

    Args:
        points: (points, dimensions), two at least.
        method: one of `PROJECTIONS`.
        seed: of t-SNE.

    Returns:
        (points, 2) float64, 0 where all points are the same.

    References:
        van der Maaten, Hinton (2008), "Visualizing Data using t-SNE", Journal of Machine Learning Research 9.
    """
    from sklearn.decomposition import PCA

    points, found = points.astype(np.float64), np.zeros((len(points), 2))
    if not np.ptp(points, axis=0).any():
        return found
    components = PCA(min(2, *points.shape), svd_solver="full").fit_transform(points)
    found[:, : components.shape[1]] = components
    if method == "pca":
        return found
    from sklearn.manifold import TSNE

    rng = np.random.default_rng(seed)
    points += rng.normal(0, _JITTER * float(np.sqrt(points.var(axis=0).mean())), points.shape)
    start = _FIRST_DEVIATION * (found / found[:, 0].std() + rng.normal(0, _FIRST_JITTER, found.shape))
    perplexity = min(_PERPLEXITY, (len(points) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, init=start.astype(np.float32), random_state=seed)
    return tsne.fit_transform(points).astype(np.float64)


def dimensions(points: np.ndarray) -> int:
    """How many principal components have 99 % of the variance of (points, dimensions); 0 where there is none."""
    variances = np.linalg.svd(points - points.mean(axis=0, dtype=np.float64), compute_uv=False) ** 2
    total = variances.sum()
    return int(np.searchsorted(np.cumsum(variances), _MOST * total) + 1) if total else 0
