"""Clusters of change vectors: a mixture of normal distributions in the space of what did not change."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from hscd.detectors.tools.samples import chosen
from hscd.kinds import COUNT, KINDS, MOST, Told
from hscd.kinds.vectors import Changes

# Change vectors that the mixture is fitted to: more of them make ever finer parts of one kind significant.
_PIXELS = 2500
# Variance that is added to each direction of the unchanged pixels' differences before they are whitened, as a part of
# the largest: directions in which nothing varies would count without end.
_RIDGE = 0.1
# Of the change vectors, the share of the variance that is kept, and the most components.
_VARIANCE, _COMPONENTS = 0.95, 10
# Variance that is added to each component of a normal distribution, as a part of the mean variance.
_REGULAR = 1e-4
# Fewer pixels of the sample are no kind.
_LEAST = 5
_ROUNDS = 300


@KINDS.register("clusters", COUNT)
def clusters(changes: Changes, rng: np.random.Generator, kinds_count: int | None = None) -> Told:
    """Normal distributions of the change vectors, fitted by EM; as many as the integrated completed likelihood says.

    The change vectors are whitened by the differences of the unchanged pixels, as the residuals of detectors are: what
    light and season do to all pixels weighs little. A pixel is of the kind that is the likeliest. The criterion is
    BIC, less the entropy of which pixel is of which kind: BIC alone splits kinds that are not normally distributed.

    Args:
        changes: a sample.
        rng: draws the part of it that is clustered, and starts the fits.
        kinds_count: the number of kinds; None for what the criterion says, at most `MOST`.

    References:
        Fraley, Raftery (2002), "Model-based clustering, discriminant analysis, and density estimation", J. American
        Statistical Association 97(458).
        Biernacki, Celeux, Govaert (2000), "Assessing a mixture model for clustering with the integrated completed
        likelihood", IEEE Trans. Pattern Analysis and Machine Intelligence 22(7).
    """
    some = changes.pairs[chosen(len(changes.pairs), rng, _PIXELS)]
    directions = _directions(changes, some)
    vectors = changes.along(directions, some).T
    seed = int(rng.integers(2**31))
    most = len(np.unique(vectors, axis=0)) // _LEAST
    if most < 2:
        return Told(lambda pairs: np.zeros(len(pairs), int), 1, _doubts(1, kinds_count))
    counts = range(1, min(MOST, most) + 1) if kinds_count is None else (min(kinds_count, most),)
    model = min((_mixture(vectors, count, seed) for count in counts), key=lambda fit: _criterion(fit, vectors))
    matrices = np.einsum("kij,ib->kjb", model.precisions_cholesky_, directions)
    offsets = np.einsum("kij,ki->kj", model.precisions_cholesky_, model.means_)
    constants = -2 * (np.log(np.einsum("kjj->kj", model.precisions_cholesky_)).sum(axis=1) + np.log(model.weights_))

    def misfits(pairs: np.ndarray) -> np.ndarray:
        """Minus twice the logarithm of each distribution's density, but for a constant, (kinds, pixels)."""
        kinds, components, bands = matrices.shape
        whitened = changes.along(matrices.reshape(-1, bands), pairs).reshape(kinds, components, -1)
        whitened -= offsets[:, :, None]
        return np.square(whitened, out=whitened).sum(axis=1) + constants[:, None]

    members = np.bincount(misfits(changes.pairs).argmin(axis=0), minlength=len(constants))
    kept = np.flatnonzero(members >= _LEAST)
    return Told(lambda pairs: misfits(pairs)[kept].argmin(axis=0), len(kept), _doubts(len(kept), kinds_count))


def _doubts(found: int, wanted: int | None) -> tuple[str, ...]:
    return () if wanted in (None, found) else (f"found {found} kinds of change, not {wanted}",)


def _directions(changes: Changes, pairs: np.ndarray) -> np.ndarray:
    """(components, bands): principal components of whitened change vectors."""
    values, vectors = np.linalg.eigh(changes.noise)
    ridge = max(_RIDGE * values[-1], np.finfo(np.float32).tiny)
    whitening = (vectors / np.sqrt(np.maximum(values, 0) + ridge)).T
    whitened = changes.along(whitening, pairs)
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(whitened, bias=True)))
    share = np.cumsum(values[::-1]) / max(values.sum(), np.finfo(np.float64).tiny)
    count = min(_COMPONENTS, int(np.searchsorted(share, _VARIANCE)) + 1)
    return vectors[:, ::-1][:, :count].T @ whitening


def _mixture(vectors: np.ndarray, count: int, seed: int) -> Any:
    """So many normal distributions of (pixels, components)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    regular = max(_REGULAR * float(vectors.var()), np.finfo(np.float32).tiny)
    model = GaussianMixture(count, reg_covar=regular, max_iter=_ROUNDS, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # what is nearly settled will do
        return model.fit(vectors)


def _criterion(model: Any, vectors: np.ndarray) -> float:
    """Minus twice the integrated completed likelihood of a mixture: the least is the best."""
    chances = model.predict_proba(vectors)
    entropy = -float((chances * np.log(np.where(chances > 0, chances, 1))).sum())
    return float(model.bic(vectors)) + 2 * entropy
