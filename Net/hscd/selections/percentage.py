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


def labels_by_percentage(pseudo_dict: PseudoLabels, percentage: float) -> tuple[np.ndarray, np.ndarray]:
    """The most extreme distances of each class: they are the surest to be labelled right.

    Args:
        pseudo_dict: pseudo-labels of one pair.
        percentage: share of each class to keep, ]0, 1]; int(percentage · n) pixels of a class of n.

    Returns:
        Positions and labels: unchanged first (smallest distance first), then changed (largest first).

    Raises:
        ValueError: if `percentage` is out of range.
    """
    if not 0 < percentage <= 1:
        raise ValueError(f"percentage must be in ]0, 1], received {percentage}")
    distances = np.ravel(pseudo_dict["distances"])  # the guide's program saved a column
    labels = classify(distances, pseudo_dict["threshold"])
    unchanged_positions = _smallest(distances, np.flatnonzero(labels == UNCHANGED), percentage)
    changed_positions = _smallest(-distances, np.flatnonzero(labels == CHANGED), percentage)
    positions = np.concatenate([unchanged_positions, changed_positions])
    return positions, labels[positions]


def _smallest(values: np.ndarray, positions: np.ndarray, percentage: float) -> np.ndarray:
    """The share of `positions` with the smallest values, in rising order; equal values by position."""
    order = np.argsort(values[positions], kind="stable")
    return positions[order[: int(percentage * len(positions))]]


def _select(pseudo_dict: PseudoLabels, correct: Correct, *, pseudo_percentage: float) -> Selected:
    return labels_by_percentage(pseudo_dict, pseudo_percentage)


SELECTIONS.add(
    "percentage",
    Selection(1, "by percentage", _select, lambda pseudo_percentage: f"{pseudo_percentage:.15g}"),
    Option(
        "pseudo_percentage",
        lambda text: parsing.number(text, 0, 1, high_included=True),
        "a number in ]0, 1]",
        help="share of each class's pseudo-labels to keep (fine_tuning = 1)",
    ),
)
