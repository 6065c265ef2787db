"""How the pairs of a training are drawn and altered, epoch by epoch, and how its learning rate falls."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from hscd.labels import CHANGED, UNCHANGED
from hscd.scenes.patches import TURNS

SAMPLINGS = ("natural", "balanced")
# What takes the steps (`hscd.learn.optimizers`); the first one, unless a model says otherwise.
OPTIMIZERS = ("adam", "sgd")
# Share of the learning rate that is left in an epoch, from 0, of so many at most.
SCHEDULES: dict[str, Callable[[int, int], float]] = {
    "constant": lambda epoch, epochs: 1.0,
    "cosine": lambda epoch, epochs: (1 + math.cos(math.pi * epoch / epochs)) / 2,
    "exponential": lambda epoch, epochs: 0.95**epoch,
}
# Pairs whose mean and standard deviation stand for those of all; pairs that are altered at a time.
_SAMPLE, _CHUNK = 10_000, 4096


@dataclass(frozen=True)
class Regime:
    """How a training goes; by default every pair once an epoch, as it is, at one rate.

    Validation and prediction get the pairs as they are in any case.

    Attributes:
        sampling: "natural", every pair once an epoch; or "balanced", as many pairs, of both classes the same number in
            every batch, or one more of one: some of the larger class are left out, those of the smaller one come
            several times.
        augment_gain: spectra are multiplied by a number in [1 − gain, 1 + gain], each date by its own, [0, 1[.
        augment_noise: standard deviation of normal noise in every value, in those of the band, >= 0.
        augment_bands: share of the bands of a pair that are its mean in both dates, as if they were missing, [0, 1[.
        augment_flips: whether patches are rotated and mirrored at random, both dates alike.
        schedule: of `SCHEDULES`: cosine annealing to 0 at the largest number of epochs, or exponential decay.

    References:
        Loshchilov, Hutter (2017), "SGDR: stochastic gradient descent with warm restarts", ICLR, of the cosine.
    """

    sampling: str = "natural"
    augment_gain: float = 0.0
    augment_noise: float = 0.0
    augment_bands: float = 0.0
    augment_flips: bool = False
    schedule: str = "constant"

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Regime:
        """The regime among the parameters of a model, which hold what is not the default."""
        return cls(**{field.name: parameters[field.name] for field in fields(cls) if field.name in parameters})

    @property
    def chosen(self) -> dict[str, Any]:
        """What is not the default, by name."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) != field.default}

    def order(self, train: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The positions to train on in an epoch, one after the other, as many as there are.

        Args:
            train: positions of the pairs to learn from.
            labels: of all pairs, 0 changed, 1 unchanged; of `train` both.
            rng: draws them.
        """
        if self.sampling == "natural":
            return rng.permutation(train)
        order = np.empty_like(train)
        # By turns, so that every batch has half of each.
        for first, label in enumerate((CHANGED, UNCHANGED)):
            members = train[labels[train] == label]
            wanted = len(order[first::2])
            times = -(-wanted // len(members))
            order[first::2] = np.concatenate([rng.permutation(members) for _ in range(times)])[:wanted]
        return order

    @property
    def alters(self) -> bool:
        """Whether spectra are altered."""
        return bool(self.augment_gain or self.augment_noise or self.augment_bands)

    def turns(self, pairs: int, seed: int, epoch: int) -> np.ndarray | None:
        """How each of so many patches of an epoch, from 0, is turned (`Patches.turned`); None for all as they are.

        A pair that comes several times in an epoch is turned anew each time.
        """
        if not self.augment_flips:
            return None
        return np.random.default_rng([seed, epoch, TURNS]).integers(TURNS, size=pairs, dtype=np.uint8)


class Augmentation:
    """Alters the pairs of one epoch, in the order in which they come; how, does not depend on how they are cut.

    Args:
        regime: what is altered.
        seed: of the training.
        epoch: from 0; each has draws of its own.
        mean: (bands,) that stands for a missing band.
        deviation: (bands,) standard deviations.
    """

    def __init__(self, regime: Regime, seed: int, epoch: int, mean: np.ndarray, deviation: np.ndarray) -> None:
        self._regime, self._mean = regime, mean
        self._noise = np.float32(regime.augment_noise) * deviation
        # A stream each: blocks of pairs take turns with them.
        self._of_gain, self._of_noise, self._of_bands = np.random.default_rng([seed, epoch]).spawn(3)

    def __call__(self, pairs: np.ndarray) -> np.ndarray:
        """The next pairs, (pairs, 2, bands) float32, or patches, (pairs, pixels, 2, bands), altered in place."""
        size = max(1, _CHUNK * pairs.shape[-1] * 2 * len(pairs) // max(pairs.size, 1))
        for start in range(0, len(pairs), size):
            self._alter(pairs[start : start + size])
        return pairs

    def _alter(self, pairs: np.ndarray) -> None:
        count, pixels, bands = len(pairs), (1,) * (pairs.ndim - 3), pairs.shape[-1]  # all of a patch are altered alike
        if self._regime.augment_gain:
            gain = self._of_gain.uniform(-self._regime.augment_gain, self._regime.augment_gain, (count, *pixels, 2, 1))
            pairs *= (1 + gain).astype(np.float32)
        if self._regime.augment_noise:
            pairs += self._noise * self._of_noise.standard_normal(pairs.shape, np.float32)
        if self._regime.augment_bands:
            missing = self._of_bands.random((count, *pixels, 1, bands), np.float32) < self._regime.augment_bands
            np.copyto(pairs, self._mean, where=missing)


def augmentation_of(
    regime: Regime, take: Callable[[np.ndarray], np.ndarray], train: np.ndarray, seed: int
) -> Callable[[int], Augmentation | None]:
    """From the number of an epoch, from 0, to what alters its pairs; None where nothing does.

    Args:
        regime: what is altered.
        take: from positions to pairs, (positions, 2, bands).
        train: positions of the pairs to learn from.
        seed: of the training.
    """
    if not regime.alters:
        return lambda epoch: None
    mean, deviation = band_statistics(take, train)
    return lambda epoch: Augmentation(regime, seed, epoch, mean, deviation)


def band_statistics(take: Callable[[np.ndarray], np.ndarray], train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each band over both dates, (bands,) float32, of a sample of the pairs.

    Args:
        take: from positions to pairs, (positions, 2, bands).
        train: positions of the pairs to learn from.
    """
    sample = take(train[:: -(-len(train) // _SAMPLE)]).astype(np.float64)
    return sample.mean(axis=(0, 1)).astype(np.float32), sample.std(axis=(0, 1)).astype(np.float32)
