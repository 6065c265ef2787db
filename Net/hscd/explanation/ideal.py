"""The ideal changed spectrum: the after spectrum that a network calls most changed, by gradient ascent."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hscd.explanation import Differentiate

_STEPS, _STARTS = 300, 8
# Of the range of a band: where the ascent starts from, as there is no gradient between equal spectra; and its first
# step. The steps become smaller to the end.
_NUDGE, _RATE = 0.01, 0.05
# Of Adam.
_FIRST, _SECOND, _EPSILON = 0.9, 0.999, 1e-8


class Ideal(NamedTuple):
    """The after `spectrum`, (bands,) float64, its `distance` from the one it started from, and the variation loss."""

    spectrum: np.ndarray
    distance: float
    variation: float


def variation(changes: np.ndarray) -> np.ndarray:
    """Sum of the squared differences of neighbouring bands, (…, bands) -> (…)."""
    return np.square(np.diff(changes, axis=-1)).sum(axis=-1)


def _variation_gradient(changes: np.ndarray) -> np.ndarray:
    steps = 2 * np.diff(changes, axis=-1)
    none = np.zeros((*changes.shape[:-1], 1))
    return np.concatenate([none, steps], axis=-1) - np.concatenate([steps, none], axis=-1)


def ideal_spectrum(
    differentiate: Differentiate,
    start: np.ndarray,
    ranges: tuple[np.ndarray, np.ndarray],
    threshold: float,
    smoothness: float,
    rng: np.random.Generator,
) -> Ideal:
    """Look for the after spectrum of the greatest distance from an unchanged one, that is a smooth change of it.

    What is maximised is distance / threshold − smoothness · `variation` of the change, where 1 is the range of a band;
    so at smoothness 1 a leap over the whole range of a band has to bring one threshold. The best of some ascents from
    random places near the start.

    Args:
        differentiate: the network.
        start: (bands,) the before spectrum, and the after one to start from; bands that are neighbours side by side.
        ranges: (bands,) smallest and largest values that the spectrum may have.
        threshold: of the distance, > 0.
        smoothness: weight of the variation loss, >= 0.
        rng: draws the places.

    References:
        Erhan, Bengio, Courville, Vincent (2009), "Visualizing Higher-Layer Features of a Deep Network".
        Mahendran, Vedaldi (2015), "Understanding deep image representations by inverting them", CVPR: variation loss.
    """
    start, (low, high) = start.astype(np.float64), ranges
    scale = np.where(high > low, high - low, 1.0)
    lowest, highest = (low - start) / scale, (high - start) / scale

    def pairs(changes: np.ndarray) -> np.ndarray:
        return np.stack([np.broadcast_to(start, changes.shape), start + changes * scale], axis=1).astype(np.float32)

    changes = np.clip(rng.normal(0, _NUDGE, (_STARTS, len(start))), lowest, highest)
    mean, square = np.zeros(changes.shape), np.zeros(changes.shape)
    best, best_value = changes[0], -np.inf
    for step in range(1, _STEPS + 1):
        distances, gradients = differentiate(pairs(changes))
        values = distances / threshold - smoothness * variation(changes)
        if values.max() > best_value:
            best, best_value = changes[values.argmax()], values.max()
        gradient = gradients[:, 1] * scale / threshold - smoothness * _variation_gradient(changes)
        mean = _FIRST * mean + (1 - _FIRST) * gradient
        square = _SECOND * square + (1 - _SECOND) * gradient**2
        move = mean / (1 - _FIRST**step) / (np.sqrt(square / (1 - _SECOND**step)) + _EPSILON)
        changes = np.clip(changes + _RATE * (1 - (step - 1) / _STEPS) * move, lowest, highest)
    distance = float(differentiate(pairs(best[None]))[0][0])
    return Ideal(start + best * scale, distance, float(variation(best)))
