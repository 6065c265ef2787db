"""What several maps of one scene say together: their mean probability of change, their spread, what is uncertain.

References:
    Lakshminarayanan, Pritzel, Blundell (2017), "Simple and scalable predictive uncertainty estimation using deep
        ensembles", NIPS 30: members that differ by their random seed, combined by the mean of their probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np

from hscd.corrections.spatial import spatial_correction
from hscd.evaluation.probability import probability_of_change
from hscd.labels import CHANGED
from hscd.scenes.scene import Scene
from hscd.scores import Cut, ScoreMap, classify
from hscd.system import progress
from hscd.system.errors import counted
from hscd.system.parallel import over_blocks

# A probability between these is neither that of change nor that of none.
SURELY_UNCHANGED, SURELY_CHANGED = 0.1, 0.9
_BLOCK_PIXELS = 2**18
# Share of the members' votes above which a pixel is changed.
_MAJORITY = 0.5
# Threshold of a member whose scores have no distribution that the chosen one knows: that of least error.
OTHER_THRESHOLD = "kittler_illingworth"


class Members:
    """Running sums over the members of an ensemble, so that no more than one member is in memory.

    Args:
        shape: (rows, columns) of the maps.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.count = 0
        self._mean = np.zeros(shape, np.float32)
        self._squares = np.zeros(shape, np.float32)  # of the deviations from the mean
        self._changed = np.zeros(shape, np.uint16)

    def __repr__(self) -> str:
        rows, columns = self._mean.shape
        share = f"{100 * self.uncertain.mean():.2f} % uncertain"
        return f"<Members: {counted(self.count, 'map')} of {rows} × {columns} pixels, {share}>"

    def add(self, probability: np.ndarray, labels: np.ndarray, times: int = 1) -> None:
        """Add a member, or several that say the same.

        Args:
            probability: (rows, columns) float32 in [0, 1], NaN where masked.
            labels: (rows, columns), 0 changed, 1 unchanged, 2 masked.
            times: how many.

        References:
            Chan, Golub, LeVeque (1983), "Algorithms for computing the sample variance", The American
                Statistician 37(3).
        """
        before = self.count
        self.count += times
        given, changed = probability.ravel(), labels.ravel() == CHANGED
        mean, squares, votes = self._mean.reshape(-1), self._squares.reshape(-1), self._changed.reshape(-1)

        def update(part: slice) -> None:
            delta = given[part] - mean[part]
            mean[part] += delta * np.float32(times / self.count)
            squares[part] += delta * delta * np.float32(before * times / self.count)
            votes[part] += changed[part] * np.uint16(times)

        over_blocks(update, given.size, _BLOCK_PIXELS)

    @property
    def probability(self) -> np.ndarray:
        """Mean of the members' probabilities of change, (rows, columns) float32, NaN where masked."""
        return self._mean

    @property
    def score(self) -> np.ndarray:
        """Share of the members that call a pixel changed, (rows, columns) float32; above .5 the majority does.

        The mean probability has one vote more, which decides between halves and ranks what has as many votes.
        """
        return (self._changed + self._mean) / np.float32(self.count + 1)

    @property
    def votes(self) -> np.ndarray:
        """Share of the members that call a pixel changed, (rows, columns) float32."""
        return self._changed / np.float32(self.count)

    @property
    def spread(self) -> np.ndarray:
        """Standard deviation of the members' probabilities, (rows, columns) float32, NaN where masked."""
        return np.sqrt(self._squares / np.float32(self.count))

    @property
    def disagree(self) -> np.ndarray:
        """Where some members, not all, call a pixel changed, (rows, columns)."""
        return (self._changed > 0) & (self._changed < self.count)

    @property
    def uncertain(self) -> np.ndarray:
        """Where the mean probability is between .1 and .9, or the members disagree, (rows, columns)."""
        return ((self._mean > SURELY_UNCHANGED) & (self._mean < SURELY_CHANGED)) | self.disagree


@dataclass(frozen=True)
class Ensemble:
    """What the members say together.

    `first` and `first_cut` are the scores and the threshold of the first member; `score_map` and `cut` are of their
    votes. `members` says of each: detector, number of its seed, threshold. `alike` are the detectors that give the same
    scores from every seed.
    """

    first: ScoreMap
    first_cut: Cut
    score_map: ScoreMap
    cut: Cut
    sums: Members
    members: Sequence[dict[str, Any]]
    alike: Sequence[str]

    @property
    def doubts(self) -> list[str]:
        """That there is no spread, of each detector that is alike."""
        return [f"{name} gives the same scores for every seed, so there is no spread" for name in self.alike]


def turns(count: int) -> list[str]:
    """What the names of the parts of a run end in, for each of so many members."""
    return [f" {number} of {count}" for number in range(1, count + 1)] if count > 1 else [""]


def seed_of(seed: int, number: int) -> int | list[int]:
    """The seed of a member of this number, which comes from that of the run; the first one has that itself."""
    return [seed, number] if number else seed


def member_probability(score_map: ScoreMap, labels: np.ndarray) -> np.ndarray:
    """Probability of change by one detector, (rows, columns) float32, from its scores and the labels cut from them."""
    # Votes of 3 × 3 pixels: more would call thin changes improbable.
    return probability_of_change(score_map.scores, spatial_correction(labels, 2))


def ensembled(
    scene: Scene,
    members: Sequence[tuple[str, int]],
    member: Callable[[str, int], tuple[ScoreMap, Cut]],
    all_bands: bool = True,
) -> Ensemble:
    """Fit, cut and weigh each member, one at a time.

    Args:
        scene: the pair.
        members: a detector and the number of its seed each, those of one detector together.
        member: scores and threshold of such a member.
        all_bands: whether every member sees all bands: then two of a detector that give the same scores say that the
            seed has no part in them.
    """
    sums, seconds = Members(scene.truth.shape), 0.0
    told: list[dict[str, Any]] = []
    alike: list[str] = []
    first: tuple[ScoreMap, Cut] | None = None
    whole, names = progress.current(), turns(len(members))
    for name, group in groupby(members, itemgetter(0)):
        numbers = [number for _, number in group]
        before: np.ndarray | None = None
        left = names[len(told) : len(told) + len(numbers)]
        for number in numbers:
            if whole is not None:
                whole.turn = left.pop(0)
            score_map, cut = member(name, number)
            first = first or (score_map, cut)
            seconds += score_map.seconds
            if whole is not None:
                half = score_map.seconds / 2
                whole.expect(**{part + turn: half for turn in left for part in ("fitting", "scoring")})
            same = all_bands and before is not None and np.array_equal(score_map.scores, before, equal_nan=True)
            times = len(numbers) - number if same else 1
            labels = classify(score_map.scores, cut.value)
            sums.add(member_probability(score_map, labels), labels, times)
            told += [{"detector": name, "seed": number + more, "threshold": cut.value} for more in range(times)]
            if same:
                alike.append(name)
                break
            before = score_map.scores
    assert first is not None
    by = ", ".join(dict.fromkeys(name for name, _ in members))
    score_map = ScoreMap(sums.score, scene.grid, f"ensemble of {by}", seconds)
    return Ensemble(*first, score_map, Cut(_MAJORITY), sums, told, alike)
