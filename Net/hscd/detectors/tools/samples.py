"""Random samples of the valid pixels of a scene; the same whatever its windows are."""

from __future__ import annotations

import numpy as np

from hscd.scenes.scene import Scene
from hscd.system.errors import InputError

# Values a sample of pixel pairs may have: 256 MiB.
_VALUES = 2**26


def sampled_pairs(scene: Scene, rng: np.random.Generator, pixels: int) -> np.ndarray:
    """Pixel pairs of so many random valid pixels, or of all if there are fewer.

    Args:
        scene: with n valid pixels.
        rng: draws the pixels.
        pixels: how many are wanted; fewer are taken where those of many bands would be too large.

    Returns:
        (min(n, pixels), 2, bands) float32, in row-major order of the pixels.

    Raises:
        InputError: if no pixel is valid.
    """
    return scene.take(positions(scene, rng, min(pixels, max(1, _VALUES // (2 * scene.bands)))))


def positions(scene: Scene, rng: np.random.Generator, pixels: int) -> np.ndarray:
    """Row-major positions of so many random valid pixels, rising; of all if there are fewer.

    Raises:
        InputError: if no pixel is valid.
    """
    if scene.valid is None:
        return chosen(scene.truth.size, rng, pixels)
    # Row by row: positions of all valid pixels of a large scene would take more memory than its scores.
    ends = np.cumsum(np.count_nonzero(scene.valid, axis=1))
    if not ends[-1]:
        raise InputError(f"{scene.name}: no pixel is valid")
    numbers = chosen(int(ends[-1]), rng, pixels)
    columns = scene.truth.shape[1]
    parts = np.split(numbers, np.searchsorted(numbers, ends[:-1]))
    starts = np.concatenate([[0], ends[:-1]])
    found = [
        row * columns + np.flatnonzero(scene.valid[row])[part - start]
        for row, (part, start) in enumerate(zip(parts, starts, strict=True))
        if len(part)
    ]
    return np.concatenate(found)


def chosen(length: int, rng: np.random.Generator, count: int) -> np.ndarray:
    """So many random numbers of range(length), rising, each at most once; all if there are fewer."""
    if length <= count:
        return np.arange(length)
    return np.sort(rng.choice(length, count, replace=False, shuffle=False))
