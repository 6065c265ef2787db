"""Confusion counts and what is computed from them. Positive class = changed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.system.arrays import array_of
from hscd.system.errors import InputError, listing

# A greater share of changed pixels is doubted where no label can confirm it: of the field's data sets with ground truth
# few reach it, and Otsu's threshold always finds two classes, also where nothing changed.
PLAUSIBLE_SHARE = 0.2
# A map whose kappa is less is doubted: it agrees with the labels hardly more than one drawn by lot.
CHANCE_KAPPA = 0.05


@dataclass(frozen=True)
class Confusion:
    """Counts over the pixels whose label and prediction are known, and the figures that follow from them.

    Figures are NaN where they are undefined: all of no pixels, kappa, F1 and IoU of labels that are all of one class.
    The counts may be arrays of one shape, for several maps; every figure except `is_chance` is then such an array.
    """

    true_positives: int
    true_negatives: int
    false_positives: int
    false_negatives: int

    @property
    def total(self) -> int:
        """Number of pixels whose label and prediction are known."""
        return self.true_positives + self.true_negatives + self.false_positives + self.false_negatives

    @property
    def overall_accuracy(self) -> float:
        """Share of the pixels that are right, in [0, 1]."""
        return ratio(self.true_positives + self.true_negatives, self.total)

    @property
    def kappa(self) -> float:
        """Cohen's kappa: agreement beyond what the two classes' shares give by chance; at most 1, about 0 by chance."""
        return self._of_both_classes(self.agreement)

    @property
    def agreement(self) -> float:
        """Kappa where neither map is the truth: NaN only where both are of one and the same class."""
        predicted = self.true_positives + self.false_positives
        actual = self.true_positives + self.false_negatives
        chance = predicted * actual + (self.total - predicted) * (self.total - actual)
        return cohens_kappa(self.true_positives + self.true_negatives, chance, self.total)

    @property
    def is_chance(self) -> bool:
        """Whether a map is no better than chance; never of labels of one class, with which kappa is undefined."""
        return self.kappa < CHANCE_KAPPA

    @property
    def precision(self) -> float:
        """Share of the pixels called changed that did change, in [0, 1]."""
        return ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """Share of the changed pixels that are called changed, in [0, 1]."""
        return ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """F1 of the changed class: harmonic mean of precision and recall, in [0, 1]."""
        wrong = self.false_positives + self.false_negatives
        return self._of_both_classes(ratio(2 * self.true_positives, 2 * self.true_positives + wrong))

    @property
    def iou(self) -> float:
        """Intersection over union of the changed class, in [0, 1]."""
        wrong = self.false_positives + self.false_negatives
        return self._of_both_classes(ratio(self.true_positives, self.true_positives + wrong))

    @property
    def of_both(self) -> Any:
        """Whether the truth has both classes: one alone tells nothing of telling both apart."""
        changed = self.true_positives + self.false_negatives
        return (changed > 0) & (changed < self.total)

    def _of_both_classes(self, figure: Any) -> Any:
        """The figure, NaN where the truth has one class alone."""
        both = self.of_both
        return np.where(both, figure, np.nan) if isinstance(both, np.ndarray) else figure if both else float("nan")


def as_text(figure: float) -> str:
    """A figure in a line of text: three digits, or "undefined"."""
    return "undefined" if math.isnan(figure) else f"{figure:z.3f}"


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
        prediction: labels of any shape, 0 changed, 1 unchanged, 2 unknown, as what is masked of a masked array.
        truth: labels of the same shape; the same.

    Raises:
        InputError: if the shapes differ, or one holds other values.

    Example:
        >>> counts = confusion(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 2]))
        >>> counts.true_positives, counts.false_positives, counts.true_negatives, counts.total
        (1, 1, 1, 3)
    """
    prediction, truth = _labels("prediction", prediction), _labels("truth", truth)
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


def _labels(argument: str, given: np.ndarray) -> np.ndarray:
    """The labels of an argument, unknown where masked; else an `InputError`."""
    labels = np.ma.filled(array_of(argument, given), UNKNOWN)
    expected = f"{argument}: labels {CHANGED} changed, {UNCHANGED} unchanged and {UNKNOWN} unknown expected"
    if labels.dtype.kind not in "iuf":
        what = "booleans" if labels.dtype.kind == "b" else f"the type {labels.dtype}"
        raise InputError(f"{expected}, received {what if labels.shape else type(given).__name__}")
    known = labels <= UNKNOWN if labels.dtype.kind == "u" else np.isin(labels, (CHANGED, UNCHANGED, UNKNOWN))
    if not known.all():
        others = listing(np.unique(labels[~known]).tolist(), "{:.15g}".format)
        raise InputError(f"{expected}, received {others}; hscd.detect(…, truth=, changed_label=, …) takes other values")
    return labels
