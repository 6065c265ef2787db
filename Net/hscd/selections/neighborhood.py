"""Pixels whose neighbours agree with them."""

from __future__ import annotations

import numpy as np

from hscd.corrections import Correct
from hscd.corrections.spatial import uniform_neighborhood
from hscd.records import PseudoLabels
from hscd.registry import Option
from hscd.selections import SELECTIONS, Selected, Selection, corrected_labels, guide_correction
from hscd.system import parsing


def labels_by_neighborhood(pseudo_dict: PseudoLabels, radius: int, correct: Correct = guide_correction) -> Selected:
    """Pixels whose whole square neighbourhood has their class, after spatial correction.

    Args:
        pseudo_dict: pseudo-labels of one pair.
        radius: neighbourhood radius, >= 1, the centre counted.
        correct: the correction.

    Returns:
        Positions and labels in row-major order.
    """
    labels = corrected_labels(pseudo_dict, correct)
    positions = np.flatnonzero(uniform_neighborhood(labels, radius))
    return positions, labels.ravel()[positions]


def _select(pseudo_dict: PseudoLabels, correct: Correct, *, pseudo_radius: int) -> Selected:
    return labels_by_neighborhood(pseudo_dict, pseudo_radius, correct)


SELECTIONS.add(
    "neighborhood",
    Selection(
        2,
        "by neighbourhood",
        _select,
        lambda pseudo_radius: f"r={pseudo_radius}",
        remedy="take a smaller pseudo_radius",
    ),
    Option(
        "pseudo_radius",
        lambda text: parsing.integer(text, 1),
        "an integer >= 1",
        help="neighbourhood radius, the centre counted (3 is 5 × 5); needed with fine_tuning = 2",
    ),
)
