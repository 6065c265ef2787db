"""Points of many dimensions drawn in two."""

from __future__ import annotations

import numpy as np

from hscd.system.messages import warn

PROJECTIONS = ("pca", "tsne", "umap")
# Neighbours that t-SNE weighs; a third of the points where there are few.
_PERPLEXITY = 30.0
# Neighbours that UMAP joins, as its authors have it.
_NEIGHBOURS = 15

# Where a network gives many pixels one and the same embedding, t-SNE takes long and draws a line: points are moved by
# so much of their mean deviation, and their first places by so much of the deviation of those.
_JITTER, _FIRST_JITTER = 1e-3, 1e-2
# As scikit-learn has it.
_FIRST_DEVIATION = 1e-4
_MOST = 0.99


def available(method: str) -> str:
    """The method of `PROJECTIONS` that can be used for one: t-SNE, with a warning, where UMAP is not installed."""
    if method == "umap":
        try:
            import umap  # noqa: F401
        except ImportError:
            warn("UMAP is not installed (pip install -r requirements-umap.txt); t-SNE is used instead")
            return "tsne"
    return method


def projected(points: np.ndarray, method: str, seed: int) -> np.ndarray:
    """Points in two dimensions: by principal components, or t-SNE or UMAP, which keep neighbours together.

    Of the last two neither the distances between groups nor their sizes mean anything.

    Args:
        points: (points, dimensions), two at least.
        method: one of `PROJECTIONS`, `available`.
        seed: of t-SNE and UMAP.

    Returns:
        (points, 2) float64, 0 where all points are the same.

    References:
        van der Maaten, Hinton (2008), "Visualizing Data using t-SNE", Journal of Machine Learning Research 9.
        McInnes, Healy, Melville (2018), "UMAP: uniform manifold approximation and projection for dimension reduction",
        arXiv:1802.03426.
    """
    from sklearn.decomposition import PCA

    points, found = points.astype(np.float64), np.zeros((len(points), 2))
    if not np.ptp(points, axis=0).any():
        return found
    components = PCA(min(2, *points.shape), svd_solver="full").fit_transform(points)
    found[:, : components.shape[1]] = components
    if method == "pca":
        return found
    rng = np.random.default_rng(seed)
    points += rng.normal(0, _JITTER * float(np.sqrt(points.var(axis=0).mean())), points.shape)
    start = found / found[:, 0].std() + rng.normal(0, _FIRST_JITTER, found.shape)
    return _by_neighbours(points, start, method, seed).astype(np.float64)


def _by_neighbours(points: np.ndarray, start: np.ndarray, method: str, seed: int) -> np.ndarray:
    """t-SNE or UMAP of points, from first places of deviation 1 along the first axis."""
    if method == "umap":
        from umap import UMAP

        # One thread: with several, its sums do not have one order.
        few = max(2, min(_NEIGHBOURS, len(points) - 1))
        return UMAP(n_neighbors=few, init=start.astype(np.float32), random_state=seed, n_jobs=1).fit_transform(points)
    from sklearn.manifold import TSNE

    perplexity = min(_PERPLEXITY, (len(points) - 1) / 3)
    first = (_FIRST_DEVIATION * start).astype(np.float32)
    return TSNE(perplexity=perplexity, init=first, random_state=seed).fit_transform(points)


def dimensions(points: np.ndarray) -> int:
    """How many principal components have 99 % of the variance of (points, dimensions); 0 where there is none."""
    variances = np.linalg.svd(points - points.mean(axis=0, dtype=np.float64), compute_uv=False) ** 2
    total = variances.sum()
    return int(np.searchsorted(np.cumsum(variances), _MOST * total) + 1) if total else 0
