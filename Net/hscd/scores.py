"""From scores to labels: the records that travel between detectors, thresholds, selections and corrections."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from hscd.labels import UNKNOWN
from hscd.records import Grid, PseudoLabels
from hscd.system.errors import InputError, shown


@dataclass(frozen=True, eq=False)  # arrays have no one answer to ==
class ScoreMap:
    """Scores of the pixels of a pair.

    `scores`, (rows, columns) float32, grow with change and are NaN where the pixel is masked; `grid` says where the
    pixels lie, `source` what gave the scores, `seconds` how long it took. `scale` and `degrees` are what the detector
    says of its scores: how a threshold should look at them, and their degrees of freedom (`detectors.Detector`).

    Raises:
        InputError: if the degrees are no number > 0.
    """

    scores: np.ndarray
    grid: Grid
    source: str
    seconds: float = 0.0
    scale: str = "linear"
    degrees: float | None = None

    def __post_init__(self) -> None:
        require_degrees(self.degrees)

    def __repr__(self) -> str:
        rows, columns = self.scores.shape
        known = self.scores[np.isfinite(self.scores)]
        ends = f"{known.min():.5g} to {known.max():.5g}" if known.size else "all masked"
        return f"<ScoreMap: {rows} × {columns} {self.scores.dtype} by {self.source}, {ends}>"

    @property
    def for_threshold(self) -> dict[str, Any]:
        """What a threshold is told of the scores."""
        return {"scale": self.scale, "degrees": self.degrees}


def require_degrees(given: object) -> None:
    """Raise `InputError` where degrees of freedom are no finite number > 0, nor None."""
    is_number = isinstance(given, Real) and not isinstance(given, bool | np.bool_)
    if given is not None and not (is_number and 0 < float(given) < math.inf):  # type: ignore[arg-type]
        raise InputError(f"degrees: a number > 0 or None expected, received {shown(given)}")


@dataclass(frozen=True)
class Cut:
    """A threshold: pixels of a greater score are changed. `warnings` say what makes it doubtful, a line each.

    `choices` are what a user may say to settle a doubt, KEY=VALUE of an option each; the first gives this
    threshold, the others give others.
    """

    value: float
    warnings: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()


def classify(scores: np.ndarray, threshold: float) -> np.ndarray:
    """Labels (uint8) of scores of any shape: changed where greater than the threshold, unknown where NaN."""
    labels = (scores <= threshold).view(np.uint8)  # False is changed, True unchanged
    labels[np.isnan(scores)] = UNKNOWN
    return labels


def pseudo_labels_of(score_map: ScoreMap, cut: Cut, votes: np.ndarray | None = None) -> PseudoLabels:
    """Scores and their threshold in the form in which pseudo-labels are saved; those of an ensemble with its votes."""
    scores = score_map.scores
    found: PseudoLabels = {"threshold": cut.value, "distances": scores.ravel(), "shape": scores.shape}
    if votes is not None:
        found["votes"] = votes.ravel()
    return found
