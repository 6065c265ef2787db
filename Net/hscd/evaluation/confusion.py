"""Confusion counts and what is computed from them. Positive class = changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hscd.labels import CHANGED, UNCHANGED
from hscd.system.errors import InputError

# A greater share of changed pixels is doubted where no label can confirm it: of the field's data sets with ground truth
# few reach it, and Otsu's threshold always finds two classes, also where nothing changed.
PLAUSIBLE_SHARE = 0.2
# A map whose kappa is less is doubted: it agrees with the labels hardly more than one drawn by lot.
CHANCE_KAPPA = 0.05


@dataclass(frozen=True)
class Confusion:
    """Counts over the pixels whose label and prediction are known.

    They may also be arrays of one shape, for several maps; every figure except `is_chance` is then such an array.
    """

    true_positives: int
    true_negatives: int
    false_positives: int
    false_negatives: int

    @property
    def total(self) -> int:
        return self.true_positives + self.true_negatives + self.false_positives + self.false_negatives

    @property
    def overall_accuracy(self) -> float:
        return ratio(self.true_positives + self.true_negatives, self.total)

    @property
    def kappa(self) -> float:
        """Cohen's kappa: agreement beyond what the two classes' shares give by chance."""
        predicted = self.true_positives + self.false_positives
        actual = self.true_positives + self.false_negatives
        chance = predicted * actual + (self.total - predicted) * (self.total - actual)
        return cohens_kappa(self.true_positives + self.true_negatives, chance, self.total)

    @property
    def is_chance(self) -> bool:
        """Whether a map is no better than chance; never of labels of one class, with which kappa is 0 or undefined."""
        changed = self.true_positives + self.false_negatives
        return 0 < changed < self.total and self.kappa < CHANCE_KAPPA

    @property
    def precision(self) -> float:
        return ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        return ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        return ratio(2 * self.true_positives, 2 * self.true_positives + self.false_positives + self.false_negatives)

    @property
    def iou(self) -> float:
        """Intersection over union of the changed class."""
        return ratio(self.true_positives, self.true_positives + self.false_positives + self.false_negatives)


def ratio(numerator: Any, denominator: Any) -> Any:
    """Of numbers, or of arrays elementwise; NaN where it is undefined."""
    if isinstance(denominator, np.ndarray):
        return numerator / np.where(denominator == 0, np.nan, denominator)
    return numerator / denominator if denominator else float("nan")


def cohens_kappa(agreed: Any, chance: Any, total: Any) -> Any:
    """Cohen's kappa of two maps of any number of classes, from counts; NaN where it is undefined.

    Args:
        agreed: pixels that both give the same class; an integer, or an array for several pairs of maps at once.
        chance: sum over the classes of the pixels that one map gives it times those that the other one does; likewise.
        total: pixels; likewise.

    References:
        Cohen (1960), "A coefficient of agreement for nominal scales", Educ. Psychol. Meas. 20(1).
    """
    return ratio(agreed * total - chance, total**2 - chance)


def changed_share(prediction: np.ndarray) -> float:
    """Share in [0, 1] of changed pixels among those of a map that are not masked; NaN where all are."""
    changed, unchanged = (int(np.count_nonzero(prediction == label)) for label in (CHANGED, UNCHANGED))
    return ratio(changed, changed + unchanged)


def confusion(prediction: np.ndarray, truth: np.ndarray) -> Confusion:
    """Count a prediction against the truth, where both are known.

    Args:
        prediction: labels of any shape, 0 changed, 1 unchanged; pixels of other values are left out.
        truth: labels of the same shape; the same.

    Raises:
        InputError: if the shapes differ.

    Example:
        >>> counts = confusion(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 2]))
        >>> counts.true_positives, counts.false_positives, counts.true_negatives, counts.total
        (1, 1, 1, 3)
    """
    prediction, truth = np.asarray(prediction), np.asarray(truth)
    if prediction.shape != truth.shape:
        raise InputError(f"maps of one shape expected, received {prediction.shape} and {truth.shape}")

    def count(predicted: int, actual: int) -> int:
        return int(np.count_nonzero((prediction == predicted) & (truth == actual)))

    return Confusion(
        true_positives=count(CHANGED, CHANGED),
        true_negatives=count(UNCHANGED, UNCHANGED),
        false_positives=count(CHANGED, UNCHANGED),
        false_negatives=count(UNCHANGED, CHANGED),
    )
