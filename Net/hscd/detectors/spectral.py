"""Spectral distances as detectors: heads on raw spectra, pixel by pixel."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from hscd.detectors import DETECTORS, Scorer
from hscd.heads import HEADS, Head
from hscd.scenes.scene import Block, Scene
from hscd.system.parallel import over_blocks

# Values a block: its temporaries, half a MiB each in double precision, stay in the cache, and the interpreter's share
# of the time is small.
_BLOCK_VALUES = 2**16


def pixel_distances(first: np.ndarray, second: np.ndarray, function: Callable[[Any, Any], Any]) -> np.ndarray:
    """Distances of pixel pairs, block by block, so that temporaries stay small.

    Args:
        first: (…, bands) array.
        second: array of the same shape.
        function: a distance of `hscd.heads`.

    Returns:
        float32 array of one value a pixel, row-major.

    Raises:
        ValueError: if the shapes differ.
    """
    if first.shape != second.shape:
        raise ValueError(f"arrays of one shape expected, received {first.shape} and {second.shape}")
    first = first.reshape(-1, first.shape[-1])
    second = second.reshape(-1, second.shape[-1])
    distances = np.empty(len(first), dtype=np.float32)

    def measure(block: slice) -> None:
        # Unsigned integers would wrap around in the difference.
        with np.errstate(over="ignore", invalid="ignore"):  # to infinity or NaN, which tells enough
            distances[block] = function(
                first[block].astype(np.float32, copy=False), second[block].astype(np.float32, copy=False)
            )

    over_blocks(measure, len(first), max(1, _BLOCK_VALUES // max(1, first.shape[1])))
    return distances


class SpectralDistance:
    """The distance of a head between the spectra of a pixel."""

    unit = "distances"
    halo = 0
    scale = "linear"
    degrees: float | None = None

    def __init__(self, head: Head) -> None:
        self.name = head.name
        self._function = head.function

    def fit(self, scene: Scene, rng: np.random.Generator) -> Scorer:
        """Nothing to fit."""

        def score(block: Block) -> np.ndarray:
            return pixel_distances(block.pairs[:, :, 0], block.pairs[:, :, 1], self._function)

        return score


def _maker(head: Head) -> Callable[[], SpectralDistance]:
    """What makes the detector of a head; `help` of it tells what it is and how it is used."""

    def make() -> SpectralDistance:
        return SpectralDistance(head)

    make.__name__ = make.__qualname__ = head.name
    what = (inspect.getdoc(head.function) or "").partition("\n\n")[0]
    make.__doc__ = (
        f"The detector {head.name}, a distance between the spectra of a pixel. {what}\n\n"
        f'`hscd.HEADS["{head.name}"].function(before, after)` is that of two arrays (…, bands).'
    )
    return make


DETECTORS.follow(HEADS, _maker)
