"""All pseudo-labels."""

from __future__ import annotations

import numpy as np

from hscd.corrections import Correct
from hscd.labels import UNKNOWN
from hscd.records import PseudoLabels
from hscd.selections import SELECTIONS, Selected, Selection, corrected_labels, guide_correction


def all_labels(pseudo_dict: PseudoLabels, correct: Correct = guide_correction) -> Selected:
    """Every pixel that is not masked, with its label after spatial correction, in row-major order."""
    labels = corrected_labels(pseudo_dict, correct).ravel()
    positions = np.flatnonzero(labels != UNKNOWN)
    return positions, labels[positions]


SELECTIONS.add("all", Selection(0, "all pseudo-labels", all_labels, lambda: "all", is_choice=False))
