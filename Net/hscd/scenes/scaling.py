"""Min-max scaling of bands while pixel pairs are put together, in one pass and without a second copy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hscd.system.parallel import over_blocks

# Pixels a block: large enough to hide the loop, small enough that temporaries do not count.
_BLOCK_PIXELS = 8192
# Rows and columns a tile of an image that lies band after band, as MATLAB stores it: a row of the tile fills cache
# lines of each band, and the whole stays in the cache while its bands are put side by side.
_TILE_ROWS, _TILE_COLUMNS = 16, 8


def band_ranges(
    images: Sequence[np.ndarray], valid: Sequence[np.ndarray | None] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest value of each band over all pixels of all images, float64; NaN where there is one.

    Args:
        images: (rows, columns, bands) arrays of the same number of bands.
        valid: for each image the (rows, columns) mask of the pixels that count; None for all. One at least is True.
    """
    masks = [None] * len(images) if valid is None else valid
    found = []
    for image, mask in zip(images, masks, strict=True):
        found += _ranges_of_parts(image) if mask is None else _ranges_of_valid(image, mask)
    low, high = (np.stack(ends).astype(np.float64) for ends in zip(*found, strict=True))
    return low.min(axis=0), high.max(axis=0)


def _ranges_of_valid(image: np.ndarray, valid: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Smallest and largest values by band, of parts that together are the valid pixels of the image."""

    def ends_of(part: slice) -> tuple[np.ndarray, np.ndarray] | None:
        pixels = _side_by_side(image[part])[valid[part].ravel()]
        return (pixels.min(axis=0), pixels.max(axis=0)) if len(pixels) else None

    return [ends for ends in over_blocks(ends_of, len(image), _rows_a_block(image)) if ends is not None]


def _ranges_of_parts(image: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Smallest and largest values by band, of parts that together are the image."""
    rows, _, bands = image.shape
    if _band_after_band(image):
        ends = over_blocks(
            lambda band: (image[:, :, band].min(axis=(0, 1)), image[:, :, band].max(axis=(0, 1))), bands, 1
        )
        return [(np.concatenate([low for low, _ in ends]), np.concatenate([high for _, high in ends]))]
    return over_blocks(
        lambda part: (image[part].min(axis=(0, 1)), image[part].max(axis=(0, 1))),
        rows,
        _rows_a_block(image),
    )


def _band_after_band(image: np.ndarray) -> bool:
    """Whether the bands of a pixel lie farthest apart in memory."""
    return abs(image.strides[2]) >= max(abs(image.strides[0]), abs(image.strides[1]))


def _rows_a_block(image: np.ndarray) -> int:
    return _TILE_ROWS if _band_after_band(image) else max(1, _BLOCK_PIXELS // image.shape[1])


def joined(
    ranges: Sequence[tuple[np.ndarray, np.ndarray] | None],
) -> tuple[np.ndarray, np.ndarray] | None:
    """Ranges of several parts together; None where no part has any."""
    found = [ends for ends in ranges if ends is not None]
    if not found:
        return None
    return np.min([low for low, _ in found], axis=0), np.max([high for _, high in found], axis=0)


def fill_pixels(
    target: np.ndarray,
    image: np.ndarray,
    keep: np.ndarray | None,
    ranges: tuple[np.ndarray, np.ndarray] | None,
    valid: np.ndarray | None = None,
) -> None:
    """Write the pixels of an image, in row-major order, into `target`, scaled to [0, 1] by band.

    Args:
        target: (pixels, bands) float32 array or view, written.
        image: (rows, columns, bands) array of any numeric type and order in memory.
        keep: flat positions of the pixels to write, rising; None for all.
        ranges: smallest and largest value of each band; None leaves the values as they are. A constant band
            becomes 0.
        valid: (rows, columns) mask of the pixels that hold data, among them those to keep; the others are written as
            0. None for all.
    """
    rows, columns, _ = image.shape
    exact = np.can_cast(image.dtype, np.float32) and (ranges is None or _fit_float32(*ranges))
    work_type: Any = np.float32 if exact else np.float64
    if ranges is not None:
        low, high = (ends.astype(work_type) for ends in ranges)
        # 0 / ∞ is the 0 of a constant band.
        span = np.where(high > low, high - low, work_type(np.inf))

    def write(part: slice) -> None:
        block = _side_by_side(image[part])
        if keep is not None:
            first, last = np.searchsorted(keep, (part.start * columns, part.stop * columns))
            block = block[keep[first:last] - part.start * columns]
        else:
            first, last = part.start * columns, part.stop * columns
            if valid is not None:  # NaN and the like would warn in the arithmetic; `low` becomes 0 in it
                block = np.where(valid[part].reshape(-1, 1), block, 0 if ranges is None else low)
        if ranges is None:
            target[first:last] = block
        elif exact:
            np.subtract(block, low, out=target[first:last], dtype=np.float32)
            target[first:last] /= span
        else:
            target[first:last] = (block - low) / span

    over_blocks(write, rows, _rows_a_block(image))


def _fit_float32(low: np.ndarray, high: np.ndarray) -> bool:
    """Whether float32 holds the ends of all ranges and their differences.

    One rounding of the difference is no loss then. Otherwise it is taken in double precision: large values with a small
    spread keep their digits.
    """
    with np.errstate(over="ignore"):
        spans = (high - low).astype(np.float32)
        return bool(np.isfinite(spans).all() and all((ends.astype(np.float32) == ends).all() for ends in (low, high)))


def _side_by_side(image: np.ndarray) -> np.ndarray:
    """(pixels, bands) view of an image, or a copy where the bands of a pixel do not lie side by side."""
    rows, columns, bands = image.shape
    if not _band_after_band(image):
        return image.reshape(-1, bands)
    copy = np.empty(image.shape, image.dtype)
    for row in range(0, rows, _TILE_ROWS):
        for column in range(0, columns, _TILE_COLUMNS):
            tile = slice(row, row + _TILE_ROWS), slice(column, column + _TILE_COLUMNS)
            copy[tile] = image[tile]
    return copy.reshape(-1, bands)
