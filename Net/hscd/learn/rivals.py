"""What any network has to beat: plain classifiers of the change vector, taught by the same pseudo-labels.

A member is a function of no arguments that makes an unfitted scikit-learn classifier of change vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hscd.detectors import Scorer
from hscd.labels import CHANGED
from hscd.learn.samples import Samples
from hscd.scenes.scene import Block, Scene

# Pairs that a rival learns from at most: its few parameters need no more.
_PAIRS = 50_000


def _naive_bayes() -> Any:
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB()


def _logistic_regression() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    # A plane through the signed differences would call one direction of change the opposite of another.
    return make_pipeline(FunctionTransformer(np.abs), StandardScaler(), LogisticRegression(max_iter=500))


RIVALS: dict[str, Callable[[], Any]] = {"logistic_regression": _logistic_regression, "naive_bayes": _naive_bayes}


class Rival:
    """A detector whose score is the probability of change by a classifier of change vectors, in [0, 1].

    Gaussian naive Bayes takes the difference of both spectra, band by band, to be normal in either class; logistic
    regression weighs the absolute differences.

    Args:
        name: of `RIVALS`.
        pairs: (pairs, 2, bands) that it learns from, or samples.
        labels: (pairs,) 0 changed, 1 unchanged; both are among them.
        seed: draws the pairs, where there are more than it needs.

    References:
        Hastie, Tibshirani, Friedman (2009), "The elements of statistical learning", 4.4 and 6.6.3.
    """

    unit = "probability"
    halo = 0
    scale = "linear"
    degrees: float | None = None

    def __init__(self, name: str, pairs: np.ndarray | Samples, labels: np.ndarray, seed: int = 0) -> None:
        self.name = name
        taken = np.arange(len(labels))
        if len(labels) > _PAIRS:
            rng, share = np.random.default_rng(seed), _PAIRS / len(labels)
            of_class = [np.flatnonzero(labels == label) for label in np.unique(labels)]  # of a rare one at least one
            taken = np.concatenate([rng.choice(of, max(1, round(share * len(of))), replace=False) for of in of_class])
            taken.sort()
        learned = pairs.take(taken) if isinstance(pairs, Samples) else pairs[taken]
        self._classifier = RIVALS[name]().fit(_differences(learned), labels[taken] == CHANGED)

    def fit(self, scene: Scene, rng: np.random.Generator) -> Scorer:
        """Nothing to fit: it has learned."""

        def score(block: Block) -> np.ndarray:
            return self._classifier.predict_proba(_differences(block.pairs.reshape(-1, *block.pairs.shape[2:])))[:, 1]

        return score


def _differences(pairs: np.ndarray) -> np.ndarray:
    return (pairs[:, 1] - pairs[:, 0]).astype(np.float64)
