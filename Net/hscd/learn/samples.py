"""Pixel pairs that are gathered when they are asked for, and what an epoch goes through: those, or an array."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hscd.scenes.scene import Scene, pair_bytes
from hscd.system.arrays import aligned_empty


@dataclass(frozen=True)
class Samples:
    """Pixel pairs at some positions of some scenes, one scene after the other, numbered from 0.

    Attributes:
        scenes: of the same number of bands.
        positions: for each scene the row-major positions of valid pixels.
        room: bytes that the pairs may take that are gathered at a time. Their pixels lie all over a scene, which is
            read through for them, so the fewer times the better.
    """

    scenes: Sequence[Scene]
    positions: Sequence[np.ndarray]
    room: int = 2**28

    @property
    def shape(self) -> tuple[int, int, int]:
        """(pairs, 2, bands): that of the array which `take` would give of all."""
        return sum(map(len, self.positions)), 2, self.scenes[0].bands

    def __len__(self) -> int:
        return self.shape[0]

    def take(self, numbers: np.ndarray) -> np.ndarray:
        """The pixel pairs of some numbers, (numbers, 2, bands) float32 in that order."""
        if len(self.scenes) == 1:  # without a copy
            return self.scenes[0].take(self.positions[0][numbers])
        taken = aligned_empty((len(numbers), *self.shape[1:]))
        start = 0
        for scene, positions in zip(self.scenes, self.positions, strict=True):
            here = np.flatnonzero((numbers >= start) & (numbers < start + len(positions)))
            if len(here):
                taken[here] = scene.take(positions[numbers[here] - start])
            start += len(positions)
        return taken

    def within(self, room: int) -> np.ndarray | Samples:
        """The array of all pairs, which is faster, where it fits into so many bytes; else samples that keep to them."""
        fits = len(self) * pair_bytes(self.shape[2]) <= room
        return self.take(np.arange(len(self))) if fits else replace(self, room=room)


# Changes pixel pairs in place, and returns them.
Alter = Callable[[np.ndarray], np.ndarray]


class Passes:
    """Passes of `Epochs` over labelled pairs: an array is handed over once, samples block by block.

    Both give the same, bit for bit: a block holds whole batches.
    """

    def __init__(self, epochs: Any, pairs: np.ndarray | Samples, labels: np.ndarray) -> None:
        """Hand over what can be.

        Args:
            epochs: of the model, `hscd.learn.epochs`.
            pairs: (pairs, 2, bands) float32.
            labels: (pairs,) float32.
        """
        self._epochs, self._pairs, self._labels = epochs, pairs, labels
        if not isinstance(pairs, Samples):
            self._held = epochs.hold(pairs), epochs.hold(labels)

    def take(self, numbers: np.ndarray) -> np.ndarray:
        """A copy of the pairs of some numbers, (numbers, 2, bands) float32."""
        if isinstance(self._pairs, Samples):
            return self._pairs.take(numbers)
        taken = aligned_empty((len(numbers), *self._pairs.shape[1:]))
        return np.take(self._pairs, numbers, axis=0, out=taken)

    def train(self, order: np.ndarray, batch_size: int, alter: Alter | None = None) -> tuple[np.ndarray, np.ndarray]:
        """As `Epochs.train`; with `alter`, on what it makes of copies of the pairs, block by block in their order."""
        return self._over(self._epochs.train, order, batch_size, alter)

    def judge(self, order: np.ndarray, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
        """As `Epochs.judge`."""
        return self._over(self._epochs.judge, order, batch_size)

    def _over(
        self,
        work: Callable,
        order: np.ndarray,
        batch_size: int,
        alter: Alter | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        if alter is None and not isinstance(self._pairs, Samples):
            return work(*self._held, order, batch_size)
        seen = [self._over_block(work, chosen, batch_size, alter) for chosen in self._blocks(order, batch_size)]
        distances, losses = (np.concatenate(part) for part in zip(*seen, strict=True))
        return distances, losses

    def _over_block(
        self, work: Callable, chosen: np.ndarray, batch_size: int, alter: Alter | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Gather some pairs and work on them; they are gone before the next ones are gathered."""
        taken = self.take(chosen)
        pairs = self._epochs.hold(taken if alter is None else alter(taken))
        return work(pairs, self._epochs.hold(self._labels[chosen]), np.arange(len(chosen)), batch_size)

    def _blocks(self, order: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
        """The order in parts of whole batches for which there is room, of one batch at least."""
        room = self._pairs.room if isinstance(self._pairs, Samples) else Samples.room
        size = max(1, room // (pair_bytes(self._pairs.shape[2]) * batch_size)) * batch_size
        for start in range(0, len(order), size):
            yield order[start : start + size]
