"""Which pseudo-labels to trust, to learn from them; one file each.

A selection takes the saved form of pseudo-labels (`records.PseudoLabels`), a correction and its options, and returns
(positions, labels): row-major pixel positions and their labels, 0 changed, 1 unchanged. Masked pixels, whose distance
is NaN, are never among them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hscd.corrections import Correct
from hscd.corrections.spatial import spatial_correction
from hscd.records import PseudoLabels
from hscd.registry import Registry
from hscd.scores import classify

Selected = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Selection:
    """One way to choose.

    Attributes:
        code: the value of `fine_tuning` in net.conf that asks for it.
        says: what it takes, in a few words.
        select: pseudo-labels, correction and options by name -> (positions, labels).
        label: options by name -> what file names call it.
        is_choice: False if it takes all there are.
        remedy: what leaves more to learn from.
    """

    code: int
    says: str
    select: Callable[..., Selected]
    label: Callable[..., str]
    is_choice: bool = True
    remedy: str = "look at the map of the pseudo-labels, and make better ones"


SELECTIONS: Registry[Selection] = Registry("selection", __name__)


def by_code(code: int) -> str:
    """Name of the selection of a code.

    Raises:
        KeyError: if there is none.
    """
    try:
        return next(name for name, selection in SELECTIONS.items() if selection.code == code)
    except StopIteration:
        raise KeyError(code) from None


def guide_correction(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The guide's correction: the majority of 5 × 5 pixels."""
    return spatial_correction(labels)


def corrected_labels(pseudo_dict: PseudoLabels, correct: Correct = guide_correction) -> np.ndarray:
    """Pseudo-label map (rows, columns) after spatial correction."""
    scores: Any = np.asarray(pseudo_dict["distances"]).reshape(pseudo_dict["shape"])
    return correct(classify(scores, pseudo_dict["threshold"]), scores)
