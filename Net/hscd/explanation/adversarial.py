"""How small a change of its after spectrum turns the label of a pixel."""

from __future__ import annotations

import numpy as np

from hscd.explanation import Differentiate

# Steps that may be taken along the gradient; halvings of a way; how often a change on the border is made shorter.
_STEPS, _HALVINGS, _ROUNDS = 30, 12, 6
# How far beyond the threshold a step aims, and the longest step, as shares of the threshold and of the spectrum.
_BEYOND, _LONGEST = 0.01, 0.5
# How far a shorter change may be drawn out again, as the border is not flat.
_DRAWN_OUT = 1.25
# Spectra of other pixels that are tried where there is no gradient.
_OTHERS = 32


class _Border:
    """Where the labels of pairs turn: a network, pixel pairs and a threshold of their distances."""

    def __init__(self, differentiate: Differentiate, pairs: np.ndarray, threshold: float) -> None:
        self._differentiate, self.pairs, self.threshold = differentiate, pairs.astype(np.float64), threshold
        self.was_changed = self.at(np.zeros(self.pairs[:, 1].shape))[0] > threshold

    def at(self, changes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distances with changed after spectra, (pairs,), and how they grow with these, (pairs, bands)."""
        altered = self.pairs.copy()
        altered[:, 1] += changes
        distances, gradients = self._differentiate(altered.astype(np.float32))
        return distances.astype(np.float64), gradients[:, 1].astype(np.float64)

    def turned(self, changes: np.ndarray) -> np.ndarray:
        """Which labels changes turn, (pairs,)."""
        return (self.at(changes)[0] > self.threshold) != self.was_changed

    def shortened(self, changes: np.ndarray) -> np.ndarray:
        """Changes that turn labels, as short as they may be for that."""
        short, long = np.zeros(len(changes)), np.ones(len(changes))
        for _ in range(_HALVINGS):
            middle = (short + long) / 2
            turned = self.turned(middle[:, None] * changes)
            short, long = np.where(turned, short, middle), np.where(turned, middle, long)
        return long[:, None] * changes


def smallest_changes(
    differentiate: Differentiate, pairs: np.ndarray, threshold: float, rng: np.random.Generator
) -> np.ndarray:
    """Change the after spectra of pairs as little as possible so that their distances cross a threshold.

    First along the gradient, as far as the distance would have to go if it were linear, step by step. Where there is
    none, as behind units that give 0, towards the own before spectrum or the after spectra of other pairs. What turns
    a label is then shortened along the border. It is an upper bound of the smallest change in the Euclidean norm.

    Args:
        differentiate: the network.
        pairs: (pairs, 2, bands); those of a greater distance than the threshold are changed.
        threshold: of the distance.
        rng: draws the other pairs.

    Returns:
        (pairs, bands) float64, to be added to the after spectrum; NaN where no change was found.

    References:
        Moosavi-Dezfooli, Fawzi, Frossard (2016), "DeepFool: a simple and accurate method to fool deep neural
        networks", CVPR. Brendel, Rauber, Bethge (2018), "Decision-Based Adversarial Attacks", ICLR: from other samples
        back to the border.
    """
    border = _Border(differentiate, pairs, threshold)
    changes = _along_gradient(border)
    turned = border.turned(changes)
    if not turned.all():
        changes = np.where(turned[:, None], changes, _towards_others(border, rng))
        turned = border.turned(changes)
    changes = border.shortened(changes)
    for _ in range(_ROUNDS):
        _, gradients = border.at(changes)
        # The foot of the perpendicular on the border, if it were flat.
        squares = _inner(gradients, gradients)
        feet = (_inner(gradients, changes) / np.where(squares > 0, squares, 1))[:, None] * gradients * _DRAWN_OUT
        reached = border.turned(feet) & (squares > 0)
        feet = border.shortened(feet)
        better = reached & (_inner(feet, feet) < _inner(changes, changes))
        changes = np.where(better[:, None], feet, changes)
    return np.where(turned[:, None], changes, np.nan)


def _along_gradient(border: _Border) -> np.ndarray:
    """Changes by steps along the gradient; those that turn no label do not count."""
    changes = np.zeros(border.pairs[:, 1].shape)
    lengths = np.linalg.norm(border.pairs[:, 1], axis=-1)
    aims = border.threshold * np.where(border.was_changed, 1 - _BEYOND, 1 + _BEYOND)
    for _ in range(_STEPS):
        distances, gradients = border.at(changes)
        squares = _inner(gradients, gradients)
        moving = ((distances > border.threshold) == border.was_changed) & (squares > 0)
        if not moving.any():
            break
        squares = np.where(moving, squares, 1)
        most = _LONGEST * lengths / np.sqrt(squares)
        steps = np.where(moving, np.clip((aims - distances) / squares, -most, most), 0)
        changes += steps[:, None] * gradients
    return changes


def _towards_others(border: _Border, rng: np.random.Generator) -> np.ndarray:
    """The change of each pair to the nearest of some spectra that turn its label; 0 where none does."""
    before, after = border.pairs[:, 0], border.pairs[:, 1]
    changes, nearest = np.zeros(after.shape), np.full(len(after), np.inf)
    others = after[rng.permutation(len(after))[:_OTHERS]]
    for target in (before, *others):
        moved = target - after
        lengths = _inner(moved, moved)
        better = border.turned(moved) & (lengths < nearest)
        changes[better], nearest[better] = moved[better], lengths[better]
    return changes


def _inner(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", one, other)
