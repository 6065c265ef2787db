"""What tells a pair of images from others, whatever its files and its data set are called."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection

import numpy as np

from hscd.scenes.image import Image

# Pixels that are looked at, along the diagonal: few tiles of a file have to be read.
_PIXELS = 16

# Whether pixels were learned from.
NO, PART, YES = "no", "part", "yes"

Window = Callable[[slice, slice], np.ndarray]


def window_of(pixels: np.ndarray) -> Window:
    """What reads a part of an image, (rows, columns, bands), that is in memory."""
    return lambda rows, columns: pixels[rows, columns]


def fingerprint_of(before: Image, after: Image) -> str:
    """The `fingerprint` of two images, whether or not the after image was moved onto the before image."""
    return fingerprint(before.window, after.unmoved or after.window, before.shape)


def fingerprint(before: Window, after: Window, shape: tuple[int, ...]) -> str:
    """Sixteen hexadecimal digits of the values of some pixels of both images.

    Args:
        before: takes a slice of rows and one of columns, and returns (rows, columns, bands).
        after: the same of the after image.
        shape: (rows, columns), and what else there is, of both.
    """
    found = hashlib.blake2b(repr(tuple(shape[:2])).encode(), digest_size=8)
    corners = zip(*(np.linspace(0, length - 1, _PIXELS).astype(int).tolist() for length in shape[:2]), strict=True)
    for row, column in dict.fromkeys(corners):
        for window in (before, after):
            # In one number type, so that values count and not how they are stored; every NaN alike.
            pixel = np.asarray(window(slice(row, row + 1), slice(column, column + 1)), np.float64)
            found.update(np.where(np.isnan(pixel), np.nan, pixel).astype("<f8").tobytes())
    return found.hexdigest()


def part_of(place: str, parts: np.ndarray) -> str:
    """A fingerprint of a pair that also tells into which parts it was divided.

    Args:
        place: fingerprint of the pair.
        parts: (rows, columns) uint8 numbers of the parts.
    """
    return f"{place}/{hashlib.blake2b(np.ascontiguousarray(parts).tobytes(), digest_size=8).hexdigest()}"


def seen_in_training(place: str, trained_on: Collection[str]) -> str | None:
    """Whether a model learned from pixels that it is judged on.

    Args:
        place: fingerprint of a pair all of whose pixels are judged on, or, if it is that of `part_of`, those of its
            test part.
        trained_on: fingerprints of the pairs that it learned from, wholly or, likewise, from other parts than that.

    Returns:
        YES, NO, or PART where it may have learned from a part of them; None where nothing is known of its training.
    """
    if not trained_on:
        return None
    pair, _, parts = place.partition("/")
    of_pair = {other for other in trained_on if other.partition("/")[0] == pair}
    if pair in of_pair:
        return YES
    return PART if of_pair - ({place} if parts else set()) else NO
