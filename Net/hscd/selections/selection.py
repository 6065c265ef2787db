"""From distances to pseudo-labels, and the choice of those to trust.

Every function takes the saved form of pseudo-labels (`records.PseudoLabels`) and returns (positions, labels):
row-major pixel positions and their labels, 0 changed, 1 unchanged. Masked pixels, whose distance is NaN, are never
among them.
"""

from __future__ import annotations

import numpy as np

from hscd.corrections.spatial import spatial_correction, uniform_neighborhood
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.records import PseudoLabels

CORRECTION_RADIUS = 3


def classify(distances: np.ndarray, threshold: float) -> np.ndarray:
    """Labels (uint8) of distances: changed where greater than the threshold, unknown where NaN."""
    labels = (distances <= threshold).view(np.uint8)  # False is changed, True unchanged
    labels[np.isnan(distances)] = UNKNOWN
    return labels


def corrected_labels(pseudo_dict: PseudoLabels) -> np.ndarray:
    """Pseudo-label map (rows, columns) after spatial correction."""
    labels = classify(np.asarray(pseudo_dict["distances"]), pseudo_dict["threshold"])
    return spatial_correction(labels.reshape(pseudo_dict["shape"]), CORRECTION_RADIUS)


def all_labels(pseudo_dict: PseudoLabels) -> tuple[np.ndarray, np.ndarray]:
    """Every pixel that is not masked, with its label after spatial correction, in row-major order."""
    labels = corrected_labels(pseudo_dict).ravel()
    positions = np.flatnonzero(labels != UNKNOWN)
    return positions, labels[positions]


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


def labels_by_neighborhood(pseudo_dict: PseudoLabels, radius: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels whose whole square neighbourhood has their class, after spatial correction.

    Args:
        pseudo_dict: pseudo-labels of one pair.
        radius: neighbourhood radius, >= 1, the centre counted.

    Returns:
        Positions and labels in row-major order.
    """
    labels = corrected_labels(pseudo_dict)
    positions = np.flatnonzero(uniform_neighborhood(labels, radius))
    return positions, labels.ravel()[positions]
