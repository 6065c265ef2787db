"""Min-max scaling of bands while pixel pairs are put together, in one pass and without a second copy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Pixels a block: large enough to hide the loop, small enough that temporaries do not count.
_BLOCK_PIXELS = 8192


def band_ranges(images: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest value of each band over all pixels of all images, float64.

    Args:
        images: (rows, columns, bands) arrays of the same number of bands.
    """
    low = np.min([image.min(axis=(0, 1)) for image in images], axis=0)
    high = np.max([image.max(axis=(0, 1)) for image in images], axis=0)
    return low.astype(np.float64), high.astype(np.float64)


def fill_pixels(
    target: np.ndarray,
    image: np.ndarray,
    keep: np.ndarray | None,
    ranges: tuple[np.ndarray, np.ndarray] | None,
) -> None:
    """Write the pixels of an image, in row-major order, into `target`, scaled to [0, 1] by band.

    Args:
        target: (pixels, bands) float32 array or view, written.
        image: (rows, columns, bands) array of any numeric type.
        keep: flat positions of the pixels to write, rising; None for all.
        ranges: smallest and largest value of each band; None leaves the values as they are. A constant band
            becomes 0.
    """
    pixels = image.reshape(-1, image.shape[-1])
    if ranges is not None:
        low, high = ranges
        span = high - low
        factor = np.divide(1.0, span, out=np.zeros_like(span), where=span > 0)
    for start in range(0, len(target), _BLOCK_PIXELS):
        stop = min(start + _BLOCK_PIXELS, len(target))
        block = pixels[start:stop] if keep is None else pixels[keep[start:stop]]
        if ranges is None:
            target[start:stop] = block
        else:
            # The difference is taken in double precision: large values with a small spread keep their digits.
            target[start:stop] = (block - low) * factor
