"""Kinds of change against the classes of labels: which kind is which class, and how well they agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hscd.evaluation.confusion import cohens_kappa
from hscd.kinds import NO_DATA
from hscd.labels import CHANGED, UNKNOWN


@dataclass(frozen=True)
class Matching:
    """How many pixels of each kind are of each class, and which kind is taken for which class.

    `counts`, (1 + kinds, 1 + classes), has the unchanged pixels of the map in row 0 and those of the labels in column
    0. `assigned`, (kinds,), is the class of each kind, from 1, at most one kind a class, and 0 where none is left.
    `rand_index` is the adjusted Rand index of the pixels that both call changed, which needs no assignment.
    """

    counts: np.ndarray
    assigned: np.ndarray
    rand_index: float

    @property
    def kappa(self) -> float:
        """Cohen's kappa of the map of unchanged and all kinds, each kind being the class that it is taken for."""
        return _kappa(self.counts, np.concatenate([[0], np.where(self.assigned > 0, self.assigned, -1)]))

    @property
    def kappa_of_changed(self) -> float:
        """Cohen's kappa over the pixels that both call changed."""
        return _kappa(self.counts[1:, 1:], self.assigned - 1)


def _kappa(counts: np.ndarray, columns: np.ndarray) -> float:
    """Cohen's kappa of a table of which row i agrees with column `columns[i]`, with none where that is -1."""
    rows = np.flatnonzero(columns >= 0)
    chance = int(counts.sum(axis=1)[rows] @ counts.sum(axis=0)[columns[rows]])
    return float(cohens_kappa(int(counts[rows, columns[rows]].sum()), chance, int(counts.sum())))


def matched(values: np.ndarray, classes: np.ndarray, truth: np.ndarray, given: Sequence[int] | None = None) -> Matching:
    """Match kinds with classes one to one, so that as many pixels as can be agree (Hungarian method).

    Args:
        values: (rows, columns) of a map of kinds, 0 unchanged, 1 and so on kinds, 255 no data.
        classes: (rows, columns) classes of change of the labels, from 1; not looked at where nothing changed.
        truth: (rows, columns) labels, 0 changed, 1 unchanged, 2 unknown; unknown pixels do not count.
        given: the class of each kind, 0 for none of the labels, where they are known; None to match them.

    References:
        Kuhn (1955), "The Hungarian method for the assignment problem", Naval Research Logistics Quarterly 2.
        Hubert, Arabie (1985), "Comparing partitions", Journal of Classification 2.
    """
    from scipy.optimize import linear_sum_assignment
    from sklearn.metrics import adjusted_rand_score

    known = (truth != UNKNOWN) & (values != NO_DATA)
    kind = values[known].astype(np.int64)
    of_class = np.where(truth[known] == CHANGED, classes[known], 0).astype(np.int64)
    shape = len(given or ()) + 1, max([int(classes.max(initial=0)), *(given or ())]) + 1
    shape = max(shape[0], int(kind.max(initial=0)) + 1), shape[1]
    counts = np.bincount(kind * shape[1] + of_class, minlength=shape[0] * shape[1]).reshape(shape)
    assigned = np.zeros(shape[0] - 1, int)
    if given is None:
        rows, columns = linear_sum_assignment(counts[1:, 1:], maximize=True)
        assigned[rows] = columns + 1
    else:
        assigned[:] = given
    both = (kind > 0) & (of_class > 0)
    rand_index = float(adjusted_rand_score(of_class[both], kind[both])) if both.any() else float("nan")
    return Matching(counts, assigned, rand_index)
