"""No correction: what the threshold says stands."""

from __future__ import annotations

import numpy as np

from hscd.corrections import CORRECTIONS


@CORRECTIONS.register("none")
def none(labels: np.ndarray, scores: np.ndarray, radius: int) -> np.ndarray:
    """The labels as they are: thin and small changes survive, and so do single mistaken pixels."""
    return labels
