"""Which bands a distance comes from: integrated gradients."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hscd.explanation import Differentiate

STEPS = 64


class Attributions(NamedTuple):
    """What each value of a pair adds to its distance.

    `values`, (pairs, 2, bands) float64, sum up to `distances` − `baselines`, (pairs,) each, but for the error of the
    steps.
    """

    values: np.ndarray
    distances: np.ndarray
    baselines: np.ndarray

    @property
    def error(self) -> float:
        """By how much the sums of all pairs miss the distances that they should come to, as a share of these."""
        wanted = self.distances - self.baselines
        total = float(np.abs(wanted).sum())
        return float(np.abs(self.values.sum(axis=(1, 2)) - wanted).sum()) / total if total else 0.0


def integrated_gradients(differentiate: Differentiate, pairs: np.ndarray, steps: int = STEPS) -> Attributions:
    """Attribute the distances of pairs to the bands of both dates.

    The baseline of a pair is one that did not change: the mean of its two spectra, on both dates. On the straight way
    from there the gradients are averaged, at the middle of each step.

    Args:
        differentiate: the network.
        pairs: (pairs, 2, bands).
        steps: parts of the way.

    References:
        Sundararajan, Taly, Yan (2017), "Axiomatic Attribution for Deep Networks", ICML.
    """
    pairs = pairs.astype(np.float64)
    baselines = np.broadcast_to(pairs.mean(axis=1, keepdims=True), pairs.shape)
    way, gradients = pairs - baselines, np.zeros(pairs.shape)
    for step in range(steps):
        gradients += differentiate((baselines + (step + 0.5) / steps * way).astype(np.float32))[1]
    ends = (differentiate(of.astype(np.float32))[0].astype(np.float64) for of in (pairs, baselines))
    return Attributions(way * gradients / steps, *ends)
