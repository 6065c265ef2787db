"""A Potts model over the scores and the spectra, by mean field."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from hscd.corrections import BOTH, CORRECTIONS, IMAGES, guide, tools
from hscd.corrections.guidance import Guidance, neighbours
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.registry import Option
from hscd.scenes.scene import Scene
from hscd.system import parsing

_ROUNDS = 10
# One of each pair of opposite neighbours among the eight, and what it counts: less if it is farther.
_NEIGHBOURS = ((0, 1, 1.0), (1, 0, 1.0), (1, 1, 0.5**0.5), (1, -1, 0.5**0.5))


@CORRECTIONS.register(
    "potts",
    Option("potts_weight", partial(parsing.number, low=0), "a number > 0", 0.5,
           "what each of four neighbours counts beside the score itself, of all eight in the mean"),
    guide("potts", BOTH),
)  # fmt: skip
def potts(
    labels: np.ndarray,
    scores: np.ndarray,
    radius: int,
    potts_weight: float = 0.5,
    potts_guide: str = BOTH,
    scene: Scene | None = None,
) -> np.ndarray:
    """Labels of a Potts model whose neighbours hold together where their scores and spectra are alike, by mean field.

    The field of a pixel is its score against the threshold, the logarithm in units of its mean distance; the coupling
    of neighbours falls with the square of their difference, of scores, of spectra in both images, or of both, as in
    [1]: a thin change that stands out is kept, an isolated pixel near the threshold is not. The mean field [2] is taken
    for the model's own, in ten rounds.

    Args:
        labels: (rows, columns) labels.
        scores: (rows, columns) that they were cut from, NaN where masked.
        radius: not used.
        potts_weight: of the coupling.
        potts_guide: what has to be alike, one of `corrections.GUIDES`.
        scene: the images; not needed where they are no guide.

    References:
        [1] Boykov, Jolly (2001), "Interactive graph cuts for optimal boundary and region segmentation", ICCV.
        [2] Zhang (1992), "The mean field theory in EM procedures for Markov random fields", IEEE Trans. Signal
            Processing 40(10).
    """
    guidance = Guidance.of(scene, labels, potts_guide)
    alike = None if guidance is None else guidance.alike([step[:2] for step in _NEIGHBOURS])
    evidence, found = tools.evidence(labels, scores), labels.copy()
    for around, inner in tools.tiles(labels.shape, _ROUNDS):
        known = labels[around] != UNKNOWN
        near = [] if alike is None else alike(around)
        couplings = _couplings(evidence[around], known, near, potts_guide != IMAGES)
        field = _mean_field(evidence[around], couplings, np.float32(potts_weight))[inner]
        of = found[around][inner]
        of[...] = np.where(known[inner], np.where(field > 0, CHANGED, np.where(field < 0, UNCHANGED, of)), of)
    return found


def _couplings(
    evidence: np.ndarray, known: np.ndarray, alike: Sequence[np.ndarray], by_scores: bool
) -> list[np.ndarray]:
    """How far neighbours hold together, of each direction, in [0, 1]; 0 where one is unknown.

    Args:
        evidence: (rows, columns).
        known: (rows, columns).
        alike: how alike the spectra are, of each direction; empty where they do not count.
        by_scores: whether scores count.
    """
    found = []
    for number, (down, right, near) in enumerate(_NEIGHBOURS):
        here, there = neighbours(evidence.shape, down, right)
        coupling = np.float32(near) * (known[here] & known[there])
        if by_scores:
            coupling *= np.exp(np.float32(-0.5) * np.square(evidence[here] - evidence[there]))
        found.append(coupling * alike[number] if alike else coupling)
    return found


def _mean_field(evidence: np.ndarray, couplings: Sequence[np.ndarray], weight: np.float32) -> np.ndarray:
    """Field of each pixel after the last round, > 0 where it is likelier changed, (rows, columns) float32."""
    total = 2 * sum(near for *_, near in _NEIGHBOURS)
    parts = [neighbours(evidence.shape, down, right) for down, right, _ in _NEIGHBOURS]
    field = evidence
    for _ in range(_ROUNDS):
        mean, pull = np.tanh(field), np.zeros_like(evidence)
        for (here, there), coupling in zip(parts, couplings, strict=True):
            pull[here] += coupling * mean[there]
            pull[there] += coupling * mean[here]
        field = evidence + weight * np.float32(4 / total) * pull
    return field
