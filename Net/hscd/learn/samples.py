"""Pixel pairs or patches that are gathered when asked for, and what an epoch goes through: those, or arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hscd.scenes import patches
from hscd.scenes.patches import Patches
from hscd.scenes.scene import Scene
from hscd.system.arrays import aligned_empty


@dataclass(frozen=True)
class Samples:
    """Pixel pairs at some positions of some scenes, one scene after the other, numbered from 0.

    Attributes:
        scenes: of the same number of bands.
        positions: for each scene the row-major positions of valid pixels.
        room: bytes that the pairs may take that are gathered at a time. Their pixels lie all over a scene, which is
            read through for them, so the fewer times the better.
        reach: 0 for pixel pairs; else they are patches, of so many pixels on each side (`hscd.scenes.patches`).
    """

    scenes: Sequence[Scene]
    positions: Sequence[np.ndarray]
    room: int = 2**28
    reach: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """(pairs, 2, bands), or (patches, 2, side, side, bands): that of what `take` would give of all."""
        sides = [2 * self.reach + 1] * 2 if self.reach else []
        return sum(map(len, self.positions)), 2, *sides, self.scenes[0].bands

    def __len__(self) -> int:
        return self.shape[0]

    def take(self, numbers: np.ndarray) -> Any:
        """The pixel pairs of some numbers, (numbers, 2, bands) float32 in that order, or `Patches`."""
        if self.reach:
            return patches.at_positions(self.scenes, self.positions, self.reach, numbers)
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

    def within(self, room: int) -> np.ndarray | Patches | Samples:
        """All pairs or patches, which is faster, where they fit into so many bytes; else samples that keep to them.

        Patches may share the pixels of the whole scenes, or have their own, whichever are fewer.
        """
        taken = bytes_of(self)
        whole = sum(patches.extended_bytes(scene, self.reach) for scene in self.scenes) if self.reach else taken
        if min(taken, whole) > room:
            return replace(self, room=room)
        if whole < taken:
            return patches.of_scenes(self.scenes, self.positions, self.reach)
        return self.take(np.arange(len(self)))

    @property
    def blocks(self) -> Iterator[np.ndarray]:
        """All numbers in parts for which there is room."""
        size = max(1, self.room * len(self) // max(bytes_of(self), 1))
        return (np.arange(start, min(start + size, len(self))) for start in range(0, len(self), size))


# What a network learns from: pixel pairs (pairs, 2, bands) float32, or patches; or what gathers them.
Pairs = np.ndarray | Patches | Samples


def bytes_of(pairs: Pairs) -> int:
    """Bytes of as many pairs, or patches with pixels of their own."""
    return math.prod(pairs.shape) * np.dtype(np.float32).itemsize


# Changes pixel pairs in place, or patches (pairs, pixels, 2, bands).
Alter = Callable[[np.ndarray], Any]


class Passes:
    """Passes of `Epochs` over labelled pairs: an array is handed over once, samples block by block.

    Both give the same, bit for bit: a block holds whole batches.
    """

    def __init__(self, epochs: Any, pairs: Pairs, labels: np.ndarray, like: Passes | None = None) -> None:
        """Hand over what can be.

        Args:
            epochs: of the model, `hscd.learn.epochs`.
            pairs: (pairs, 2, bands) float32, or patches, or samples.
            labels: (pairs,) float32.
            like: passes of another model over the same; what was handed over for them is not handed over again.
        """
        self._epochs, self._pairs, self._labels = epochs, pairs, labels
        if not isinstance(pairs, Samples):
            self._arrays: tuple[Any, Any] = (epochs.hold(pairs), epochs.hold(labels)) if like is None else like._arrays

    def take(self, numbers: np.ndarray) -> Any:
        """A copy of the pairs of some numbers, (numbers, 2, bands) float32, or of patches."""
        if isinstance(self._pairs, Samples):
            return self._pairs.take(numbers)
        if isinstance(self._pairs, Patches):
            return self._pairs[numbers].copied
        taken = aligned_empty((len(numbers), *self._pairs.shape[1:]))
        return np.take(self._pairs, numbers, axis=0, out=taken)

    def spectra(self, numbers: np.ndarray) -> np.ndarray:
        """The pixel pairs of some numbers, (numbers, 2, bands) float32; of patches those in the middle."""
        if isinstance(self._pairs, Patches):
            return self._pairs[numbers].spectra
        if isinstance(self._pairs, Samples) and self._pairs.reach:
            return replace(self._pairs, reach=0).take(numbers)
        return self.take(numbers)

    def train(
        self, order: np.ndarray, batch_size: int, alter: Alter | None = None, turns: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `Epochs.train`, on altered copies, or on turned patches.

        Args:
            order, batch_size: as there.
            alter: changes copies of the pairs, block by block in their order; None for the pairs as they are.
            turns: (order,) how the patch of each is turned (`Patches.turned`); None for patches as they are.
        """
        return self._over(self._epochs.train, order, batch_size, alter, turns)

    def judge(self, order: np.ndarray, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
        """As `Epochs.judge`."""
        return self._over(self._epochs.judge, order, batch_size)

    def _over(
        self,
        work: Callable,
        order: np.ndarray,
        batch_size: int,
        alter: Alter | None = None,
        turns: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        if alter is None and not isinstance(self._pairs, Samples):
            pairs, labels = self._arrays
            if turns is not None and isinstance(self._pairs, Patches):
                pairs = self._epochs.hold(self._pairs[order].turned(turns), like=pairs)
                labels, order = self._epochs.hold(self._labels[order]), np.arange(len(order))
            return work(pairs, labels, order, batch_size)
        seen = [
            self._over_block(work, order[part], batch_size, alter, None if turns is None else turns[part])
            for part in self._blocks(len(order), batch_size)
        ]
        distances, losses = (np.concatenate(part) for part in zip(*seen, strict=True))
        return distances, losses

    def _over_block(
        self, work: Callable, chosen: np.ndarray, batch_size: int, alter: Alter | None, turns: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Gather some pairs and work on them; they are gone before the next ones are gathered."""
        taken = self.take(chosen)
        if alter is not None:
            is_pairs = isinstance(taken, np.ndarray)
            alter(taken if is_pairs else taken.pixels.reshape(len(chosen), -1, *taken.pixels.shape[1:]))
        if turns is not None and isinstance(taken, Patches):
            taken = taken.turned(turns)
        pairs, labels = self._epochs.hold(taken), self._epochs.hold(self._labels[chosen])
        return work(pairs, labels, np.arange(len(chosen)), batch_size)

    def _blocks(self, count: int, batch_size: int) -> Iterator[slice]:
        """So many pairs in parts of whole batches for which there is room, of one batch at least."""
        room = self._pairs.room if isinstance(self._pairs, Samples) else Samples.room
        size = max(1, room * len(self._pairs) // (bytes_of(self._pairs) * batch_size)) * batch_size
        for start in range(0, count, size):
            yield slice(start, min(start + size, count))
