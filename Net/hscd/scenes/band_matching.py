"""Which band of one image is which of another: by name, by wavelength, and only where neither is known by position."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from hscd.scenes.image import Image, with_bands
from hscd.system.errors import listing

# Bands of two dates further apart are not the same; those of one kind of sensor differ by less.
_SAME_BAND_NM = 30
# What wavelengths of one band differ by from date to date.
_DRIFT_NM = 1
_NAMES_SHOWN = 6

# As satellite bands are called, whatever stands before it and for which resolution: T33UUU_…_B8A_20m, LC08_…_B1.
_SENSOR_BAND = re.compile(r"(?:.*[^a-z0-9])?b(?:and)?0*(\d{1,2})(a?)(?:_\d\dm)?", re.IGNORECASE)
# What programs call bands that have no name: "Band 1"; ENVI "Resize (Band 1:scene of 2003)".
_GENERIC = re.compile(r"(?:band|bande|banda|layer|channel)?[ _#-]*\d*|.*\(band \d+\b.*", re.IGNORECASE)


class Matched(NamedTuple):
    """Two images of the same bands in the same order, called by the numbers that they have in the file of the first.

    `notes` say what was left out or is in doubt.
    """

    first: Image
    second: Image
    notes: tuple[str, ...]


def match(first: Image, second: Image) -> Matched | None:
    """Bring the bands of two images together, in the order of the first.

    They are matched by name where both images name all their bands in the same words (`B1` is `B01`) and their
    wavelengths, if known, do not contradict it; else by wavelength where both know it, else by position. Bands that
    one of them lacks are left out.

    Returns:
        None where the images differ in their number of bands and nothing tells which is which.

    Raises:
        ValueError: if their wavelengths are those of other bands.
    """
    names = [_names(image) for image in (first, second)]
    positions = {name: position for position, name in enumerate(names[1])}
    by_name = np.array([positions.get(name, -1) for name in names[0]], int)
    found, fewer = int(np.count_nonzero(by_name >= 0)), min(first.shape[2], second.shape[2])
    if _contradicted(first, second, by_name):
        found = 0
    if found == fewer:
        return _together(first, second, by_name)
    if _has_wavelengths(first) and _has_wavelengths(second):
        return _together(first, second, _by_wavelength(first, second))
    if found >= fewer / 2:
        return _together(first, second, by_name)
    if first.shape[2] != second.shape[2]:
        return None
    notes: tuple[str, ...] = ()
    if all(names):
        ours, theirs = (listing(image.names, most=_NAMES_SHOWN) for image in (first, second))
        note = f"{second.path}: its bands ({theirs}) are called otherwise than those of {first.path} ({ours})"
        notes = (f"{note}; compared in their order",)
    return _matched(first, second, notes)


def _matched(first: Image, second: Image, notes: tuple[str, ...]) -> Matched:
    numbers = tuple(first.band_numbers.tolist())
    return Matched(first, replace(second, numbers=numbers, file_bands=first.file_bands or first.shape[2]), notes)


def _names(image: Image) -> list[str]:
    """The names of all bands in one spelling; empty where one has none, or two have one."""
    if any(_GENERIC.fullmatch(name.strip()) for name in image.names):
        return []
    names = [_spelled(name) for name in image.names]
    return names if len(set(names)) == len(names) else []


def _spelled(name: str) -> str:
    sensor = _SENSOR_BAND.fullmatch(name.strip())
    return f"b{int(sensor[1]):02d}{sensor[2].lower()}" if sensor else name.strip().casefold()


def _contradicted(first: Image, second: Image, places: np.ndarray) -> bool:
    """Whether bands of one name are of other wavelengths: sensors number their bands each in its way."""
    if first.wavelengths is None or second.wavelengths is None or not len(places):
        return False
    kept = places >= 0
    return bool((np.abs(first.wavelengths[kept] - second.wavelengths[places[kept]]) > _SAME_BAND_NM).any())


def _has_wavelengths(image: Image) -> bool:
    return image.wavelengths is not None and bool(np.isfinite(image.wavelengths).any())


def _by_wavelength(first: Image, second: Image) -> np.ndarray:
    """For each band of the first image the position in the second of the band nearest to it, −1 for none.

    Bands keep their places where none has a nearer counterpart than the one at its place: detectors overlap, so that
    several bands can be of nearly one wavelength.

    Raises:
        ValueError: if fewer than half of the bands have a counterpart.
    """
    ours, theirs = first.wavelengths, second.wavelengths
    assert ours is not None
    assert theirs is not None
    nearest, distances = _nearest(ours, theirs)
    back, _ = _nearest(theirs, ours)
    if len(ours) == len(theirs):
        here = np.abs(ours - theirs)
        further = (here > _SAME_BAND_NM) | (here > distances + _DRIFT_NM)
        if not further.any():  # NaN is no reason either
            return np.arange(len(ours))
    mutual = (back[nearest] == np.arange(len(ours))) & (distances <= _SAME_BAND_NM)
    if np.count_nonzero(mutual) < min(len(ours), len(theirs)) / 2:
        band = int(np.nanargmax(distances))
        raise ValueError(
            f"its bands are not those of {first.path}: none is near the {ours[band]:.0f} nm of band {band + 1} there"
        )
    return np.where(mutual, nearest, -1)


def _nearest(values: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each value the position of the nearest among others, and how far it is; NaN for a value that is NaN."""
    order = np.argsort(others, kind="stable")[: np.count_nonzero(np.isfinite(others))]
    rising = others[order]
    after = np.clip(np.searchsorted(rising, values), 0, len(rising) - 1)
    before = np.maximum(after - 1, 0)
    chosen = np.where(np.abs(rising[before] - values) <= np.abs(rising[after] - values), before, after)
    return order[chosen], np.abs(rising[chosen] - values)


def _together(first: Image, second: Image, places: np.ndarray) -> Matched:
    """The bands of both images that have a counterpart: `places` in the second of those of the first, −1 for none."""
    kept = np.flatnonzero(places >= 0)
    notes = []
    unused = ~np.isin(np.arange(second.shape[2]), places)
    for image, other, left in ((first, second, places < 0), (second, first, unused)):
        if left.any():
            positions = np.flatnonzero(left)
            names = [image.names[band] if image.names else f"band {band + 1}" for band in positions]
            called = listing(names, most=_NAMES_SHOWN)
            notes.append(f"{image.path}: left out, as {other.path} has no such band: {called}")
    every = len(kept) == len(places)
    straight = len(kept) == second.shape[2] and (places[kept] == np.arange(len(kept))).all()
    return _matched(
        first if every else with_bands(first, kept),
        second if straight else with_bands(second, places[kept]),
        tuple(notes),
    )
