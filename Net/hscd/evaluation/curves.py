"""Figures of a ranking, whatever the threshold: average precision, area under the ROC curve, and both curves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hscd.labels import CHANGED, UNKNOWN

# Points of a curve that are kept: more than a picture shows.
_POINTS = 200


@dataclass(frozen=True)
class Curves:
    """How well scores rank changed pixels before unchanged ones.

    `precision` over `recall`, and `true_positives` over `false_positives`, rates in [0, 1], are points of both curves.
    """

    average_precision: float
    auroc: float
    recall: np.ndarray
    precision: np.ndarray
    false_positives: np.ndarray
    true_positives: np.ndarray


def curves(scores: np.ndarray, truth: np.ndarray) -> Curves | None:
    """The curves of scores against labels; None where the pixels of known label are not of both classes.

    Args:
        scores: any shape, growing with change, NaN where masked.
        truth: labels of the same shape, 0 changed, 1 unchanged, 2 unknown.

    References:
        Davis, Goadrich (2006), "The relationship between precision-recall and ROC curves", ICML. Average precision is
        the sum of precision over the steps of recall, without interpolation.
    """
    known = (truth != UNKNOWN) & np.isfinite(scores)
    changed = truth[known] == CHANGED
    positives = int(np.count_nonzero(changed))
    if not 0 < positives < changed.size:
        return None
    values = scores[known]
    order = np.argsort(-values, kind="stable")
    values, changed = values[order], changed[order]
    # Pixels of one score are above a threshold together.
    ends = np.flatnonzero(np.append(values[1:] != values[:-1], True))
    found = np.cumsum(changed)[ends]
    recall, precision = found / positives, found / (ends + 1)
    false = (ends + 1 - found) / (changed.size - positives)
    average = float(np.sum(np.diff(recall, prepend=0) * precision))
    rates = np.concatenate([[0], false]), np.concatenate([[0], recall])
    auroc = float(np.sum(np.diff(rates[0]) * (rates[1][1:] + rates[1][:-1]) / 2))
    kept, of_rates = _thinned(recall, false), _thinned(*rates)
    return Curves(average, auroc, recall[kept], precision[kept], rates[0][of_rates], rates[1][of_rates])


def _thinned(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Positions of points that are about equally far apart along a curve of two rising rates, its ends among them."""
    way = first + second
    wanted = np.linspace(way[0], way[-1], _POINTS)
    return np.unique(np.concatenate([[0], np.searchsorted(way, wanted).clip(0, len(way) - 1), [len(way) - 1]]))
