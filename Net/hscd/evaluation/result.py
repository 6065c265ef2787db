"""The change map of a pair, with all that is said about it: the only thing that reports see."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hscd.corrections import Correct
from hscd.evaluation.bootstrap import NONE_KNOWN, Interval, intervals
from hscd.evaluation.confusion import Confusion, as_text, changed_share, confusion
from hscd.evaluation.ensemble import Members
from hscd.scores import Cut, ScoreMap, classify
from hscd.system.errors import counted


@dataclass(frozen=True, eq=False)  # arrays have no one answer to ==
class MapResult:
    """A change map.

    `name` is the pair's, `title` what pictures call it; `labels` and `corrected`, (rows, columns) uint8, are those
    before and after spatial correction, `counts` and `corrected_counts` how they agree with `truth`, (rows, columns);
    `seconds` is how long the correction took. `warnings` say what makes the map doubtful, a line each; only
    `hscd.detect` gives them here, commands print theirs. Of an ensemble, `members` are the sums over its maps, and
    `first` the scores and the threshold of the first one; both are None of a single map.
    """

    name: str
    score_map: ScoreMap
    cut: Cut
    labels: np.ndarray
    corrected: np.ndarray
    truth: np.ndarray
    counts: Confusion
    corrected_counts: Confusion
    seconds: float
    members: Members | None = None
    title: str = ""
    first: tuple[ScoreMap, Cut] | None = None
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        rows, columns = self.labels.shape
        told = [
            f"{rows} × {columns} pixels",
            f"{100 * changed_share(self.corrected):.2f} % changed",
            f"by {self.score_map.source}, threshold {self.cut.value:.5g}",
        ]
        if self.corrected_counts.total:
            kappa = as_text(self.corrected_counts.kappa)
            told.append(f"kappa {kappa} of {counted(self.corrected_counts.total, 'labelled pixel')}")
        told.append(counted(len(self.warnings), "warning") if self.warnings else "no warnings")
        return f"<MapResult of {self.name}: {', '.join(told)}>"

    def __str__(self) -> str:
        """`repr`, and a line for each warning."""
        return "\n".join([repr(self), *(f"warning: {warning}" for warning in self.warnings)])

    @property
    def shown(self) -> tuple[ScoreMap, Cut]:
        """Scores and threshold that files and pictures show: those of the map, of an ensemble of its first member."""
        return self.first or (self.score_map, self.cut)

    @cached_property
    def intervals(self) -> tuple[Mapping[str, Interval], Mapping[str, Interval]]:
        """How sure kappa and F1 are, before and after spatial correction (`hscd.evaluation.bootstrap`)."""
        if not self.counts.total:
            return NONE_KNOWN, NONE_KNOWN
        return intervals(self.labels, self.truth), intervals(self.corrected, self.truth)


def mapped(
    name: str, score_map: ScoreMap, cut: Cut, correct: Correct, truth: np.ndarray, title: str = ""
) -> MapResult:  # fmt: skip
    """Cut scores, correct the labels, and count both against the truth.

    Args:
        name: of the pair.
        score_map: its scores.
        cut: their threshold.
        correct: a correction with its options.
        truth: (rows, columns) labels, 0 changed, 1 unchanged, 2 unknown.
        title: what pictures call the pair; "" for its name.
    """
    labels = classify(score_map.scores, cut.value)
    started = time.perf_counter()
    corrected = correct(labels, score_map.scores)
    seconds = time.perf_counter() - started
    return MapResult(
        name, score_map, cut, labels, corrected, truth, confusion(labels, truth), confusion(corrected, truth), seconds,
        title=title or name,
    )  # fmt: skip
