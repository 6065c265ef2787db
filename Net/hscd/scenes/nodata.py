"""Pixels without data: NaN, infinite, or of a value that stands for nothing measured."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from hscd.system import naming
from hscd.system.parallel import over_blocks

# Pixels a block: the comparisons of all their bands stay in the cache.
_BLOCK_PIXELS = 8192
# No physical quantity is larger, and distances would soon be beyond what float32 can hold.
_LARGEST_VALUE = 1e30
# What stands for no data by custom, also where nothing declares it: the most negative integers, and what tools write.
_CUSTOMARY = (-999, -9999, -99999, -(2**15), -(2**31))
# A value that this share of the pixels has in every band is hardly a measurement.
SUSPICIOUS_SHARE = 0.005


def valid_pixels(images: Sequence[np.ndarray], nodata: Sequence[float | None]) -> np.ndarray | None:
    """Where every band of every image holds data.

    Args:
        images: (rows, columns, bands) arrays of one size, of any numeric type and order in memory.
        nodata: for each image the value that stands for no data, compared as its type stores it; NaN or None for none
            beside NaN and infinite values, which never are data.

    Returns:
        (rows, columns) boolean array; None where it would be True throughout.
    """
    valid = np.ones(images[0].shape[:2], dtype=bool)
    for image, value in zip(images, nodata, strict=True):
        _mask(valid, image, math.nan if value is None else value)
    return None if valid.all() else valid


def _mask(valid: np.ndarray, image: np.ndarray, nodata: float) -> None:
    """Make `valid` False where a band of the image holds no data."""
    value = as_stored(nodata, image.dtype)
    if value is None and image.dtype.kind != "f":
        return
    # Blocks are of the axis whose neighbours lie farther apart: rows, or columns in MATLAB's order.
    if abs(image.strides[1]) > abs(image.strides[0]):
        image, valid = image.swapaxes(0, 1), valid.T

    def mask_block(part: slice) -> None:
        block = image[part]
        data = np.isfinite(block)
        if value is not None:
            data &= block != value
        if not data.all():  # quicker than pixel by pixel, and mostly the end of it
            valid[part] &= data.all(axis=2)

    over_blocks(mask_block, len(image), max(1, _BLOCK_PIXELS // image.shape[1]))


def unmeasured(ranges: tuple[np.ndarray, np.ndarray]) -> str:
    """What to say of pixel values that nothing measured can have; "" if there are none.

    Args:
        ranges: smallest and largest value of each band.
    """
    low, high = (float(ends) for ends in (ranges[0].min(), ranges[1].max()))
    largest = low if -low > high else high
    if abs(largest) <= _LARGEST_VALUE:
        return ""
    return (
        f"a value of {largest!r} is not a measurement; if it stands for no data, configure it: "
        f"{naming.given('nodata', repr(largest))} (as the file stores it, before any scale)"
    )


def as_stored(nodata: float, dtype: np.dtype) -> Any:
    """The nodata value as an image of some type stores it; None where no comparison finds it."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            stored = dtype.type(nodata)
        return stored if np.isfinite(stored) else None
    low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return int(nodata) if float(nodata).is_integer() and low <= nodata <= high else None


def extremes_in_all_bands(image: np.ndarray, valid: np.ndarray | None) -> Counter[float]:
    """How many pixels are the smallest, and how many the largest value of the first band in every band.

    Args:
        image: (rows, columns, bands).
        valid: (rows, columns) mask of the pixels that count; None for all. One at least is True.
    """
    found: Counter[float] = Counter()
    if image.shape[2] == 1:
        return found
    first = image[:, :, 0]
    counted = first if valid is None else first[valid]
    for value in {counted.min(), counted.max()}:
        same = first == value if valid is None else (first == value) & valid
        if np.count_nonzero(same) >= SUSPICIOUS_SHARE * same.size:
            found[float(value)] = int(np.count_nonzero((image[same] == value).all(axis=1)))
    return found


def filled_bands(ranges: tuple[np.ndarray, np.ndarray] | None) -> np.ndarray:
    """Which bands hold nothing but one value that by custom stands for no data, (bands,) boolean.

    Args:
        ranges: smallest and largest value of each band of an image; None where no pixel is valid.
    """
    if ranges is None:
        return np.zeros(0, bool)
    return (ranges[0] == ranges[1]) & np.isin(ranges[0], _CUSTOMARY)


def suspects(
    counts: Counter[float], pixels: int, ranges: tuple[np.ndarray, np.ndarray] | None, numbers: np.ndarray
) -> list[str]:
    """What looks like nodata that nobody knows of, in an image: `suspect` and `suspect_bands`."""
    return [text for text in (suspect(counts, pixels), suspect_bands(ranges, numbers)) if text]


def suspect_bands(ranges: tuple[np.ndarray, np.ndarray] | None, numbers: np.ndarray) -> str:
    """What to say of an image with bands of one value that by custom stands for no data; "" if there are none.

    Args:
        ranges: as of `filled_bands`.
        numbers: (bands,) what the bands are called.
    """
    filled = filled_bands(ranges)
    if ranges is None or not filled.any():
        return ""
    values = ", ".join(f"{value:g}" for value in np.unique(ranges[0][filled]))
    found = numbers[filled].tolist()
    bands = f"band {listed(found)} is" if len(found) == 1 else f"bands {listed(found)} are"
    return f"{bands} {values} in every pixel; if that means no data: {leaving_out(found)}"


def leaving_out(numbers: Sequence[int]) -> str:
    """What leaves bands out, as the user gives it."""
    return naming.given("bad_bands", listed(numbers).replace("–", "-"))


def without_data(numbers: Sequence[int], remedy: str) -> str:
    """That bands hold no data, and what leaves them out."""
    if len(numbers) == 1:
        return f"band {listed(numbers)} holds no data at all: leave it out with {remedy}"
    return f"bands {listed(numbers)} hold no data at all: leave them out with {remedy}"


def listed(numbers: Sequence[int]) -> str:
    """Numbers in words, runs of them shortened: 1, 3–5."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(f"{first}" if first == last else f"{first}–{last}" for first, last in runs)


def suspect(counts: Counter[float], pixels: int) -> str:
    """What to say of an image many of whose pixels are of one value in every band; "" if there are none."""
    if not counts:
        return ""
    value, count = counts.most_common(1)[0]
    if not SUSPICIOUS_SHARE * pixels <= count < pixels:
        return ""
    share = f"{100 * count / pixels:.1f} % of the pixels"
    return f"{value:g} in every band of {share}; if they hold no data: {naming.given('nodata', f'{value:g}')}"
