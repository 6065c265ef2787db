"""A Potts model over the scores, by mean field."""

from __future__ import annotations

from functools import partial

import numpy as np

from hscd.corrections import CORRECTIONS, tools
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.registry import Option
from hscd.system import parsing

_ROUNDS = 10
# One of each pair of opposite neighbours among the eight, and what it counts: less if it is farther.
_NEIGHBOURS = ((0, 1, 1.0), (1, 0, 1.0), (1, 1, 0.5**0.5), (1, -1, 0.5**0.5))


@CORRECTIONS.register(
    "potts",
    Option("potts_weight", partial(parsing.number, low=0), "a number > 0", 0.5,
           "what each of four neighbours counts beside the score itself, of all eight in the mean"),
)  # fmt: skip
def potts(labels: np.ndarray, scores: np.ndarray, radius: int, potts_weight: float = 0.5) -> np.ndarray:
    """Labels of a Potts model whose neighbours hold together where their scores are alike, by mean field.

    The field of a pixel is its score against the threshold, the logarithm in units of its mean distance; the coupling
    of neighbours falls with the square of their difference, as in [1]: a thin change that stands out is kept, an
    isolated pixel near the threshold is not. The mean field [2] is taken for the model's own, in ten rounds.

    Args:
        labels: (rows, columns) labels.
        scores: (rows, columns) that they were cut from, NaN where masked.
        radius: not used.
        potts_weight: of the coupling.

    References:
        [1] Boykov, Jolly (2001), "Interactive graph cuts for optimal boundary and region segmentation", ICCV.
        [2] Zhang (1992), "The mean field theory in EM procedures for Markov random fields", IEEE Trans. Signal
            Processing 40(10).
    """
    evidence, found = tools.evidence(labels, scores), labels.copy()
    for around, inner in tools.tiles(labels.shape, _ROUNDS):
        known = labels[around] != UNKNOWN
        field = _mean_field(evidence[around], known, np.float32(potts_weight))[inner]
        of = found[around][inner]
        of[...] = np.where(known[inner], np.where(field > 0, CHANGED, np.where(field < 0, UNCHANGED, of)), of)
    return found


def _mean_field(evidence: np.ndarray, known: np.ndarray, weight: np.float32) -> np.ndarray:
    """Field of each pixel after the last round, > 0 where it is likelier changed, (rows, columns) float32."""
    couplings = []
    for down, right, near in _NEIGHBOURS:
        here, there = _neighbours(evidence.shape, down, right)
        alike = np.exp(-0.5 * np.square(evidence[here] - evidence[there])) * (known[here] & known[there])
        couplings.append((here, there, (near * alike).astype(np.float32)))
    total = 2 * sum(near for *_, near in _NEIGHBOURS)
    field = evidence
    for _ in range(_ROUNDS):
        mean, pull = np.tanh(field), np.zeros_like(evidence)
        for here, there, coupling in couplings:
            pull[here] += coupling * mean[there]
            pull[there] += coupling * mean[here]
        field = evidence + weight * np.float32(4 / total) * pull
    return field


def _neighbours(shape: tuple[int, ...], down: int, right: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where pixels lie that have a neighbour so far down and right, and where these lie."""
    rows, columns = shape
    here = slice(0, max(rows - down, 0)), slice(max(-right, 0), columns - max(right, 0))
    there = slice(down, rows), slice(max(right, 0), columns + min(right, 0))
    return here, there
