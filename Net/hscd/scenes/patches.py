"""Patches: the square of pixel pairs around a pixel, read by index from images that are extended beyond their border.

One rule says what a patch holds where there is nothing: *a pixel outside the image, or masked, is taken to be the
nearest pixel with data*, by Euclidean distance, the upper and then the left one of several. It is the same in training
and prediction, for single patches and whole images, and does not depend on the windows that a scene is read by. At the
border it is what image processing calls edge replication.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from hscd.scenes.scene import Block, Scene, Window
from hscd.system.arrays import SharedArray, aligned_empty

# Ways to lay a square on itself: four rotations, each also mirrored.
TURNS = 8


def halo(reach: int) -> int:
    """How far around a window a block has to reach for `extended`: a masked pixel may take the value of one as far."""
    return 2 * reach


def extended(block: Block, reach: int) -> np.ndarray:
    """The inner pixels of a block with those around them, of which there are so many on each side, image or not.

    Args:
        block: with a halo of `halo(reach)`, where the image goes on.
        reach: pixels on each side.

    Returns:
        (rows + 2 · reach, columns + 2 · reach, 2, bands) float32 pixel pairs. A masked pixel that has no pixel with
        data within `reach` stays 0: it is in no patch around a pixel with data.
    """
    rows, columns = (np.arange(part.start - reach, part.stop + reach) for part in block.inner)
    inside = [np.clip(part, 0, size - 1) for part, size in zip((rows, columns), block.pairs.shape[:2], strict=True)]
    found = aligned_empty((len(rows), len(columns), *block.pairs.shape[2:]))
    np.take(block.pairs[inside[0]], inside[1], axis=1, out=found)
    if block.valid is None:
        return found
    known = np.pad(block.valid, 2 * reach)  # whatever offset is looked at, there is a pixel
    rows, columns = rows + 2 * reach, columns + 2 * reach
    missing = np.argwhere(~known[np.ix_(rows, columns)] & _near(known, reach)[np.ix_(rows, columns)])
    for down, across in _offsets(reach) if len(missing) else ():
        there = rows[missing[:, 0]] + down, columns[missing[:, 1]] + across
        good = known[there]
        found[tuple(missing[good].T)] = block.pairs[there[0][good] - 2 * reach, there[1][good] - 2 * reach]
        missing = missing[~good]
    return found


def strips(block: Block, reach: int, high: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Strips of so many rows of what `extended` gives, which as a whole is as large as the block again.

    Yields:
        Rows of the inner part, and their pixels with those around them.
    """
    start, rows = block.inner.rows.start, block.inner.rows.stop - block.inner.rows.start
    for top in range(0, rows, high):
        end = min(top + high, rows)
        seen = slice(max(start + top - halo(reach), 0), start + end + halo(reach))
        inner = Window(slice(start + top - seen.start, start + end - seen.start), block.inner.columns)
        valid = None if block.valid is None else block.valid[seen]
        yield slice(top, end), extended(Block(block.pairs[seen], valid, inner), reach)


def _near(known: np.ndarray, reach: int) -> np.ndarray:
    """Where a pixel with data is within reach, (rows, columns)."""
    from scipy.ndimage import maximum_filter

    return maximum_filter(known, 2 * reach + 1)


@cache
def _offsets(reach: int) -> list[tuple[int, int]]:
    """Steps down and across to the pixels within reach, the nearest first."""
    steps = range(-reach, reach + 1)
    return sorted(((down, across) for down in steps for across in steps), key=lambda to: (to[0] ** 2 + to[1] ** 2, to))


@dataclass(frozen=True)
class Patches:
    """Patches around some pixels, as positions among the pixel pairs of extended images that they share.

    Pixel (i, j) of a patch, −reach to reach each, is the one at centre + i · down + j · across.

    Attributes:
        pixels: (pixels, 2, bands) float32, the extended images one after the other, row-major.
        centres: (patches,) int32 positions of their middles among `pixels`.
        down, across: (patches,) int32, how many positions further the next row and the next column of a patch are.
        reach: pixels on each side of the middle; a network that sees less takes the middle of a patch.
    """

    pixels: np.ndarray
    centres: np.ndarray
    down: np.ndarray
    across: np.ndarray
    reach: int

    @property
    def side(self) -> int:
        """Pixels along a side of a patch."""
        return 2 * self.reach + 1

    @property
    def shape(self) -> tuple[int, ...]:
        """(patches, 2, side, side, bands): that of `array`."""
        return len(self.centres), 2, self.side, self.side, self.pixels.shape[-1]

    def __len__(self) -> int:
        return len(self.centres)

    def __getitem__(self, numbers: Any) -> Patches:
        """Some of the patches, by a slice, numbers or a mask; the pixels are not copied."""
        return replace(self, centres=self.centres[numbers], down=self.down[numbers], across=self.across[numbers])

    @property
    def spectra(self) -> np.ndarray:
        """The pixel pairs in the middle, (patches, 2, bands)."""
        found = aligned_empty((len(self), *self.pixels.shape[1:]))
        return np.take(self.pixels, self.centres, axis=0, out=found)

    @property
    def array(self) -> np.ndarray:
        """All patches as an array, (patches, 2, side, side, bands)."""
        patches = self.copied.pixels.reshape(len(self), self.side, self.side, *self.pixels.shape[1:])
        return np.moveaxis(patches, 3, 1)

    @property
    def copied(self) -> Patches:
        """The same patches, each with pixels of its own, one patch after the other."""
        steps = np.arange(-self.reach, self.reach + 1)
        down, across = self.down[:, None, None] * steps[:, None], self.across[:, None, None] * steps
        places = (self.centres[:, None, None] + down + across).ravel()
        pixels = aligned_empty((len(places), *self.pixels.shape[1:]))
        return _as_patches(np.take(self.pixels, places, axis=0, out=pixels), self.reach)

    def turned(self, turns: np.ndarray) -> Patches:
        """The patches rotated and mirrored, both dates alike, each in one of the `TURNS` ways; 0 is as it is."""
        down, across = np.where(turns & 1, -self.down, self.down), np.where(turns & 2, -self.across, self.across)
        swapped = (turns & 4).astype(bool)
        return replace(self, down=np.where(swapped, across, down), across=np.where(swapped, down, across))

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """All that it is made of."""
        return self.pixels, self.centres, self.down, self.across

    def shared(self) -> SharedPatches:
        """The same for other processes."""
        return SharedPatches(self)


class SharedPatches:
    """Patches that other processes map into their memory."""

    def __init__(self, patches: Patches) -> None:
        self._arrays, self._reach = [SharedArray(array) for array in patches.arrays], patches.reach

    def open(self) -> Patches:
        """The patches."""
        pixels, centres, down, across = (array.open() for array in self._arrays)
        return Patches(pixels, centres, down, across, self._reach)


def _as_patches(pixels: np.ndarray, reach: int) -> Patches:
    """Patches of pixels of their own, (patches · side², 2, bands)."""
    side = 2 * reach + 1
    centres = np.arange(len(pixels) // side**2, dtype=np.int32) * side**2 + reach * side + reach
    return Patches(pixels, centres, np.full_like(centres, side), np.ones_like(centres), reach)


def extended_bytes(scene: Scene, reach: int) -> int:
    """Bytes of a scene that is extended."""
    rows, columns = (length + 2 * reach for length in scene.truth.shape)
    return rows * columns * 2 * scene.bands * np.dtype(np.float32).itemsize


def of_images(
    pairs: np.ndarray,
    shapes: Sequence[tuple[int, ...]],
    valid: Sequence[np.ndarray | None],
    wanted: np.ndarray,
    reach: int,
) -> Patches:
    """Patches of images in memory.

    Args:
        pairs: (pixels, 2, bands) float32 pixel pairs of all images, one after the other, row-major.
        shapes: (rows, columns) of each image.
        valid: (rows, columns) mask of the pixels with data of each image, None for all.
        wanted: (pixels,) those with data around which there is to be a patch.
        reach: of the patches.
    """
    ends = np.cumsum([rows * columns for rows, columns in shapes])[:-1]
    found = [
        extended(
            Block(part.reshape(*shape, *part.shape[1:]), mask, Window(slice(0, shape[0]), slice(0, shape[1]))), reach
        )
        for part, shape, mask in zip(np.split(pairs, ends), shapes, valid, strict=True)
    ]
    positions = [np.flatnonzero(part) for part in np.split(wanted, ends)]
    return _joined(found, [columns for _, columns in shapes], positions, reach)


def of_scenes(scenes: Sequence[Scene], positions: Sequence[np.ndarray], reach: int) -> Patches:
    """Patches of scenes that are read whole.

    Args:
        scenes: of the same number of bands.
        positions: for each scene the row-major positions of pixels with data.
        reach: of the patches.
    """
    found = []
    for scene in scenes:
        rows, columns = scene.truth.shape
        whole = aligned_empty((rows + 2 * reach, columns + 2 * reach, 2, scene.bands))
        for window in scene.windows:  # they overlap, where all say the same
            part = tuple(slice(of.start, of.stop + 2 * reach) for of in window)
            whole[part] = extended(scene.block(window, halo(reach)), reach)
        found.append(whole)
    return _joined(found, [scene.truth.shape[1] for scene in scenes], positions, reach)


def _joined(
    images: Sequence[np.ndarray], columns: Sequence[int], positions: Sequence[np.ndarray], reach: int
) -> Patches:
    """Patches of extended images, which had so many columns."""
    flat = [image.reshape(-1, *image.shape[2:]) for image in images]
    starts = np.cumsum([0, *map(len, flat)])
    centres, down = [], []
    for start, wide, at in zip(starts, columns, positions, strict=False):
        row, column = np.divmod(at, wide)
        centres.append(start + (row + reach) * (wide + 2 * reach) + column + reach)
        down.append(np.full(len(at), wide + 2 * reach))
    if len(flat) == 1:
        pixels = flat[0]
    else:
        pixels = np.concatenate(flat, out=aligned_empty((int(starts[-1]), *flat[0].shape[1:])))
    middles, steps = (np.concatenate(parts).astype(np.int32) for parts in (centres, down))
    return Patches(pixels, middles, steps, np.ones_like(steps), reach)


def at_positions(scenes: Sequence[Scene], positions: Sequence[np.ndarray], reach: int, numbers: np.ndarray) -> Patches:
    """Patches of scenes of which no more is read at a time than a window, each with pixels of its own.

    Args:
        scenes, positions, reach: as of `of_scenes`.
        numbers: of the patches among all positions, one scene after the other, in the order of the result.
    """
    side = 2 * reach + 1
    pixels = aligned_empty((len(numbers), side, side, 2, scenes[0].bands))
    start = 0
    for scene, at in zip(scenes, positions, strict=True):
        of_scene = np.flatnonzero((numbers >= start) & (numbers < start + len(at)))
        rows, columns = np.divmod(at[numbers[of_scene] - start], scene.truth.shape[1])
        for window in scene.windows:
            inside = [(part >= of.start) & (part < of.stop) for part, of in zip((rows, columns), window, strict=True)]
            chosen = np.flatnonzero(inside[0] & inside[1])
            if len(chosen):
                whole = extended(scene.block(window, halo(reach)), reach)
                here = (rows[chosen] - window.rows.start) * (whole.shape[1] - 2 * reach)
                here += columns[chosen] - window.columns.start
                taken = _joined([whole], [whole.shape[1] - 2 * reach], [here], reach).copied.pixels
                pixels[of_scene[chosen]] = taken.reshape(len(chosen), side, side, 2, -1)
        start += len(at)
    return _as_patches(pixels.reshape(-1, 2, pixels.shape[-1]), reach)
