"""Pixels that the members of an ensemble agree on."""

from __future__ import annotations

import numpy as np

from hscd.corrections import Correct
from hscd.labels import CHANGED, UNKNOWN
from hscd.records import PseudoLabels
from hscd.registry import Option
from hscd.scores import classify
from hscd.selections import SELECTIONS, Selected, Selection
from hscd.system import parsing
from hscd.system.errors import InputError

# Votes are float32: a share of members is not met by less than its rounding.
_ROUNDING = 1e-6


def labels_by_agreement(pseudo_dict: PseudoLabels, share: float) -> Selected:
    """Pixels whose label so many members of the ensemble give that made the pseudo-labels.

    Members differ by their seeds, their detectors and the bands that they see. Where the pseudo-labels were refreshed
    from a network since, its label has to be that of the members too.

    Args:
        pseudo_dict: pseudo-labels of one pair, with the votes of an ensemble.
        share: of the members, ]0, 1].

    Returns:
        Positions and labels in row-major order.

    Raises:
        InputError: if the pseudo-labels are not those of an ensemble.

    References:
        Dietterich (2000), "Ensemble methods in machine learning", Multiple Classifier Systems; Brodley, Friedl (1999),
            "Identifying mislabeled training data", Journal of Artificial Intelligence Research 11: the consensus
            filter.
    """
    if "votes" not in pseudo_dict:
        raise InputError(
            "fine_tuning = 3 needs pseudo-labels of an ensemble, these have one member; set ensemble, with "
            "ensemble_bands if the detector does not depend on the seed, or ensemble_detectors, and "
            "make the pseudo-labels again"
        )
    labels = classify(np.ravel(pseudo_dict["distances"]), pseudo_dict["threshold"])
    changed = np.ravel(pseudo_dict["votes"])
    agreed = np.where(labels == CHANGED, changed, 1 - changed) >= share - _ROUNDING
    positions = np.flatnonzero(agreed & (labels != UNKNOWN))
    return positions, labels[positions]


def _select(pseudo_dict: PseudoLabels, correct: Correct, *, pseudo_agreement: float) -> Selected:
    return labels_by_agreement(pseudo_dict, pseudo_agreement)


def _share(text: str) -> float:
    return parsing.number(text, 0, 1, high_included=True)


SELECTIONS.add(
    "agreement",
    Selection(
        3,
        "by agreement",
        _select,
        lambda pseudo_agreement: f"agree={pseudo_agreement:.15g}",
        remedy="take a smaller pseudo_agreement",
    ),
    Option(
        "pseudo_agreement",
        _share,
        "a number in ]0, 1]",
        1.0,
        "share of the members of an ensemble that have to agree on a pseudo-label (fine_tuning = 3)",
    ),
)
