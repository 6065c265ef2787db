"""The share of each class that is surest."""

from __future__ import annotations

import numpy as np

from hscd.corrections import Correct
from hscd.labels import CHANGED, UNCHANGED
from hscd.records import PseudoLabels
from hscd.registry import Option
from hscd.scores import classify
from hscd.selections import SELECTIONS, Selected, Selection
from hscd.system import parsing


def labels_by_percentage(
    pseudo_dict: PseudoLabels, percentage: float, *, of_unchanged: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The most extreme distances of each class: they are the surest to be labelled right.

    Args:
        pseudo_dict: pseudo-labels of one pair.
        percentage: share of each class to keep, ]0, 1]; int(percentage · n) pixels of a class of n.
        of_unchanged: share of the unchanged class, if it is another.

    Returns:
        Positions and labels: unchanged first (smallest distance first), then changed (largest first).

    Raises:
        ValueError: if a share is out of range.
    """
    of_unchanged = percentage if of_unchanged is None else of_unchanged
    for share in (percentage, of_unchanged):
        if not 0 < share <= 1:
            raise ValueError(f"percentage must be in ]0, 1], received {share}")
    distances = np.ravel(pseudo_dict["distances"])  # the guide's program saved a column
    labels = classify(distances, pseudo_dict["threshold"])
    unchanged_positions = _smallest(distances, np.flatnonzero(labels == UNCHANGED), of_unchanged)
    changed_positions = _smallest(-distances, np.flatnonzero(labels == CHANGED), percentage)
    positions = np.concatenate([unchanged_positions, changed_positions])
    return positions, labels[positions]


def _smallest(values: np.ndarray, positions: np.ndarray, percentage: float) -> np.ndarray:
    """The share of `positions` with the smallest values, in rising order; equal values by position."""
    order = np.argsort(values[positions], kind="stable")
    return positions[order[: int(percentage * len(positions))]]


def _select(
    pseudo_dict: PseudoLabels,
    correct: Correct,
    *,
    pseudo_percentage: float,
    pseudo_percentage_unchanged: float | None = None,
) -> Selected:
    return labels_by_percentage(pseudo_dict, pseudo_percentage, of_unchanged=pseudo_percentage_unchanged)


def _label(pseudo_percentage: float, pseudo_percentage_unchanged: float | None = None) -> str:
    of_unchanged = "" if pseudo_percentage_unchanged is None else f"-{pseudo_percentage_unchanged:.15g}"
    return f"{pseudo_percentage:.15g}{of_unchanged}"


def _share(text: str) -> float:
    return parsing.number(text, 0, 1, high_included=True)


SELECTIONS.add(
    "percentage",
    Selection(1, "by percentage", _select, _label, remedy="take a larger pseudo_percentage"),
    Option(
        "pseudo_percentage",
        _share,
        "a number in ]0, 1]",
        help="share of each class's pseudo-labels to keep; needed with fine_tuning = 1",
    ),
    Option(
        "pseudo_percentage_unchanged",
        _share,
        "a number in ]0, 1]",
        None,
        "share of the unchanged ones, if it is another (fine_tuning = 1)",
    ),
)
