"""What a pair of images holds, in numbers, and what looks wrong about it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.scenes.image import Image
from hscd.scenes.nodata import extremes_in_all_bands, filled_bands, listed, suspects
from hscd.scenes.scaling import band_ranges
from hscd.scenes.scene import windows_of

# True colour, nm, and how far off it a band may be.
_RED_GREEN_BLUE = np.array([650.0, 550.0, 480.0])
_NEAR = 35
# Share of change among labels from which on they look swapped: published maps of the field have .53 at most.
_SWAPPED = 0.6
_SENTINEL_2 = ("B04", "B03", "B02")
# Rows looked at to choose bands for a picture, and rows and columns in the middle of an image that are read for that.
_ROWS_SAMPLED = 200
_MIDDLE = (128, 512)


@dataclass(frozen=True)
class PairSummary:
    """Numbers of a pair; ranges and constant bands (counted from 1) are those of valid pixels.

    `filled_bands`, (bands,) boolean, are of one value that by custom stands for no data, in one of the images.
    """

    shape: tuple[int, ...]
    types: tuple[str, str]
    ranges: tuple[tuple[float, float], tuple[float, float]]
    pixels: int
    masked: int
    constant_bands: list[int]
    filled_bands: np.ndarray
    labels: dict[str, int]
    problems: list[str]


def summarise(
    images: tuple[np.ndarray, np.ndarray], valid: np.ndarray | None, labels: np.ndarray, *, has_labels: bool,
    numbers: np.ndarray | None = None,
) -> PairSummary:  # fmt: skip
    """Look through a pair.

    Args:
        images: before and after image, (rows, columns, bands).
        valid: (rows, columns) mask of the pixels that hold data; None where all do.
        labels: (rows, columns) labels of the program.
        has_labels: whether there is ground truth.
        numbers: (bands,) what the bands are called; None for from 1 on.
    """
    ends = [band_ranges([image], [valid]) for image in images]
    low, high = np.minimum(ends[0][0], ends[1][0]), np.maximum(ends[0][1], ends[1][1])
    constant = [int(band) + 1 for band in np.flatnonzero(low == high)]
    counts = {
        name: int(np.count_nonzero(labels == label))
        for name, label in (("changed", CHANGED), ("unchanged", UNCHANGED), ("unknown", UNKNOWN))
    }
    problems = []
    if constant:
        problems.append(f"{len(constant)} of {len(low)} bands are constant: {listed(constant)}")
    if has_labels and not (counts["changed"] and counts["unchanged"]):
        problems.append("labels of one class only: of no use for a training")
    share = counts["changed"] / max(1, counts["changed"] + counts["unchanged"])
    if has_labels and _SWAPPED < share < 1:
        problems.append(
            f"{100 * share:.1f} % of the labelled pixels are changed: are the values of changed and unchanged swapped?"
        )
    numbers = np.arange(1, len(low) + 1) if numbers is None else numbers
    for name, image, of_image in zip(("before", "after"), images, ends, strict=True):
        found = suspects(extremes_in_all_bands(image, valid), math.prod(image.shape[:2]), of_image, numbers)
        problems += [f"the {name} image: {told}" for told in found]
    return PairSummary(
        shape=images[0].shape,
        types=(str(images[0].dtype), str(images[1].dtype)),
        ranges=tuple((float(lows.min()), float(highs.max())) for lows, highs in ends),  # type: ignore[arg-type]
        pixels=math.prod(images[0].shape[:2]),
        masked=0 if valid is None else int(np.count_nonzero(~valid)),
        constant_bands=constant,
        filled_bands=filled_bands(ends[0]) | filled_bands(ends[1]),
        labels=counts if has_labels else {},
        problems=problems,
    )


def bands_without_data(images: Sequence[Image]) -> list[int]:
    """Numbers of the bands that hold no data in any pixel of one of the images; none if all bands are such."""
    empty: set[int] = set()
    for image in images:
        holds = np.zeros(image.shape[2], bool)
        for window in windows_of(image):
            holds |= np.isfinite(image.window(*window)).any(axis=(0, 1))
        empty |= set(image.band_numbers[~holds].tolist())
    return sorted(empty) if len(empty) < images[0].shape[2] else []


def named(image: Image) -> str:
    """The file and the shape of an image, as data sets of one place are easily confused."""
    return f"{image.path.parent.name}/{image.path.name}, {' × '.join(map(str, image.shape))}"


def true_colour(wavelengths: np.ndarray | None, names: Sequence[str] = ()) -> list[int] | None:
    """The bands that are red, green and blue, from 0; None where nothing says so.

    Args:
        wavelengths: of the bands, nm; None where they are not known.
        names: of the bands; B04, B03, B02 are Sentinel-2's red, green and blue.
    """
    if wavelengths is not None and np.isfinite(wavelengths).any():
        distances = np.abs(wavelengths[:, None] - _RED_GREEN_BLUE)
        if (np.nanmin(distances, axis=0) < _NEAR).all():
            return [int(band) for band in np.nanargmin(distances, axis=0)]
    ends = [name[-3:].upper() for name in names]
    if all(name in ends for name in _SENTINEL_2):
        return [ends.index(name) for name in _SENTINEL_2]
    return None


def best_bands(image: np.ndarray, wavelengths: np.ndarray | None = None, names: Sequence[str] = ()) -> list[int]:
    """Three bands for red, green and blue: those of true colour, or from each third the one of highest signal to noise.

    Noise is estimated from the differences of neighbouring pixels. Of fewer than three bands the first, three times.

    Args:
        image: (rows, columns, bands).
        wavelengths: of the bands, nm; None where they are not known.
        names: of the bands; B04, B03, B02 are Sentinel-2's red, green and blue.

    References:
        Green et al. (1988), "A transformation for ordering multispectral data in terms of image quality with
        implications for noise removal", IEEE Trans. Geosci. Remote Sens. 26(1).
    """
    bands = image.shape[2]
    visible = true_colour(wavelengths, names)
    if visible is not None:
        return visible
    if bands < 3 or image.shape[1] < 2:
        return [0, 0, 0]
    sample = image[:: max(1, image.shape[0] // _ROWS_SAMPLED)].astype(np.float64)
    sample[~np.isfinite(sample)] = np.nan
    with np.errstate(all="ignore"):
        noise = np.nanvar(np.diff(sample, axis=1), axis=(0, 1)) / 2
        quality = np.nan_to_num(np.nanvar(sample, axis=(0, 1)) / noise, nan=0.0, posinf=0.0)
    thirds = np.array_split(np.arange(bands), 3)
    return [int(third[quality[third].argmax()]) for third in reversed(thirds)]


def picture_bands(before: Image) -> np.ndarray:
    """The positions of the bands that all pictures of a pair show, (3,): `best_bands` of its before image.

    Only the middle is read, so that large pairs are shown in the same bands by all commands.
    """
    middle = (
        slice(max(0, (length - most) // 2), min(length, (length + most) // 2))
        for length, most in zip(before.shape, _MIDDLE, strict=False)
    )
    return np.array(true_colour(before.wavelengths, before.names) or best_bands(before.window(*middle)))


def names_of(image: Image, bands: np.ndarray) -> list[str]:
    """What pictures of these bands say they are in."""
    known = image.wavelengths is not None and np.isfinite(image.wavelengths[bands]).all()
    return [
        f"{image.wavelengths[band]:.0f} nm" if known else f"band {image.band_numbers[band]}"  # type: ignore[index]
        for band in bands
    ]
