"""Stage: the map of a scene from several detectors and seeds, a member each, and how sure they are together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np

from hscd.corrections.spatial import spatial_correction
from hscd.evaluation.ensemble import Members
from hscd.evaluation.probability import probability_of_change
from hscd.scenes.scene import Scene
from hscd.scores import Cut, ScoreMap, classify
from hscd.system import progress
from hscd.system.errors import InputError
from hscd.system.messages import detail, warn
from pipeline.plan import Plan

# Share of the members' votes above which a pixel is changed.
_MAJORITY = 0.5


@dataclass(frozen=True)
class Ensemble:
    """What the members say together.

    `first` and `first_cut` are the scores and the threshold of the first member; `score_map` and `cut` are of their
    votes. `members` says of each: detector, number of its seed, threshold.
    """

    first: ScoreMap
    first_cut: Cut
    score_map: ScoreMap
    cut: Cut
    sums: Members
    members: Sequence[dict[str, Any]]


def turns(plan: Plan) -> list[str]:
    """What the names of the parts of a run end in, for each member."""
    count = len(plan.members)
    return [f" {number} of {count}" for number in range(1, count + 1)] if count > 1 else [""]


def member_probability(score_map: ScoreMap, labels: np.ndarray) -> np.ndarray:
    """Probability of change by one detector, (rows, columns) float32, from its scores and the labels cut from them."""
    # Votes of 3 × 3 pixels: more would call thin changes improbable.
    return probability_of_change(score_map.scores, spatial_correction(labels, 2))


def ensembled(plan: Plan, scene: Scene, where: str) -> Ensemble:
    """Fit, cut and weigh each member, one at a time; what makes the map of a detector doubtful is told, of `where`.

    Raises:
        InputError: if a detector cannot score the scene, or has no threshold there.
    """
    sums, seconds = Members(scene.truth.shape), 0.0
    told: list[dict[str, Any]] = []
    first: tuple[ScoreMap, Cut] | None = None
    whole, names = progress.current(), turns(plan)
    for name, group in groupby(plan.members, itemgetter(0)):
        numbers = [number for _, number in group]
        before: np.ndarray | None = None
        left = names[len(told) : len(told) + len(numbers)]
        for number in numbers:
            if whole is not None:
                whole.turn = left.pop(0)
            score_map, cut = _member(plan, scene, name, number, None if number else f"{where}, {name}")
            first = first or (score_map, cut)
            seconds += score_map.seconds
            if whole is not None:
                half = score_map.seconds / 2
                whole.expect(**{part + turn: half for turn in left for part in ("fitting", "scoring")})
            same = before is not None and np.array_equal(score_map.scores, before, equal_nan=True)
            times = len(numbers) - number if same else 1
            labels = classify(score_map.scores, cut.value)
            sums.add(member_probability(score_map, labels), labels, times)
            told += [{"detector": name, "seed": number + more, "threshold": cut.value} for more in range(times)]
            if same:
                tell = warn if len(plan.members) == len(numbers) else detail
                tell(f"{where}: {name} gives the same scores from every seed, and no spread")
                break
            before = score_map.scores
    assert first is not None
    by = ", ".join(dict.fromkeys(name for name, _ in plan.members))
    score_map = ScoreMap(sums.score, scene.grid, f"ensemble of {by}", seconds)
    return Ensemble(*first, score_map, Cut(_MAJORITY), sums, told)


def _member(plan: Plan, scene: Scene, name: str, number: int, where: str | None) -> tuple[ScoreMap, Cut]:
    detector = plan.detector(name)
    try:
        score_map = plan.score(detector, scene, number)
        cut = plan.cut(score_map, scene, where)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    if where is not None:
        plan.doubt(detector, score_map, cut, scene, where)
    return score_map, cut
