"""Two images of different sensors at common wavelengths: bands of the finer one become those of the coarser one.

The response of a band is taken for a Gaussian of its centre and its width at half of the maximum (FWHM), as the field
does where no measured response is at hand.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from hscd.scenes.image import Image, with_bands
from hscd.system.errors import listing
from hscd.system.parallel import over_blocks

# Deviation of a Gaussian as a part of its FWHM.
_DEVIATION = 1 / (2 * np.sqrt(2 * np.log(2)))
# Part of a band that the other sensor's bands have to cover.
_COVERED = 0.8
# Places at which that is looked at.
_PLACES = 101
# Bands further from a centre than so many deviations have no weight.
_REACH = 3.0
_NAMES_SHOWN = 6
# Pixels whose bands stay in the cache.
_PART = 2048


class Responses(NamedTuple):
    """Gaussian responses of bands: `centres` and `fwhm`, (bands,) nm."""

    centres: np.ndarray
    fwhm: np.ndarray


class Common(NamedTuple):
    """Two images of the same bands; `said` is what they are, `lost` what is dropped or guessed, "" for nothing."""

    first: Image
    second: Image
    description: str
    lost: str


def at_common_wavelengths(first: Image, second: Image) -> Common:
    """Resample two images to the bands that both can have: where they overlap, to those of the coarser one.

    A band of the coarser image stays as it is, that of the finer one is the mean of its bands, weighted by `weights`.
    A band that the other image covers by less than four fifths is left out.

    Args:
        first: in physical values, NaN where masked.
        second: the same; on another grid perhaps.

    Raises:
        ValueError: if wavelengths of one are not known, or they have no band in common.
    """
    responses = [responses_of(image) for image in (first, second)]
    targets = _targets(*responses)
    if not len(targets.centres):
        raise ValueError(f"{second.path} has no wavelengths in common with {first.path}")
    resampled, lost = [], []
    for image, own in zip((first, second), responses, strict=True):
        matrix = weights(targets, own)
        resampled.append(
            replace(
                _resampled(image, matrix), wavelengths=targets.centres, fwhm=targets.fwhm, bad_bands=None, names=(),
                numbers=(), file_bands=0,
            )
        )  # fmt: skip
        dropped = _dropped(image, own, targets, matrix)
        lost += [f"{image.path} {dropped}"] if dropped else []
    low, high = targets.centres.min(), targets.centres.max()
    description = f"{len(targets.centres)} common bands of {low:.0f} to {high:.0f} nm"
    return Common(resampled[0], resampled[1], description, "; ".join(lost))


def responses_of(image: Image) -> Responses:
    """Responses of an image's bands; a width that is not known is how far the nearest band is.

    Raises:
        ValueError: if a wavelength is not known.
    """
    centres = image.wavelengths
    if centres is None or not np.isfinite(centres).all():
        raise ValueError(f"the wavelengths of {image.path} are not known")
    fwhm = np.full(len(centres), np.nan) if image.fwhm is None else np.where(image.fwhm > 0, image.fwhm, np.nan)
    distances = np.abs(centres[:, None] - centres)
    distances[distances == 0] = np.inf
    nearest = distances.min(axis=1)
    if not (np.isfinite(fwhm) | np.isfinite(nearest)).all():
        raise ValueError(f"the width of the one band of {image.path} is not known")
    return Responses(centres, np.where(np.isfinite(fwhm), fwhm, nearest))


def _targets(first: Responses, second: Responses) -> Responses:
    """Bands that are no narrower than those of the other image there, and covered by them; by rising wavelength."""
    kept = []
    for own, other, wider in ((first, second, np.greater_equal), (second, first, np.greater)):
        around = np.abs(other.centres - own.centres[:, None]) <= other.fwhm / 2
        # The narrowest one there: a wide band may lie across several.
        there = np.where(around, other.fwhm, np.inf).min(axis=1)
        kept.append((wider(own.fwhm, there) | ~around.any(axis=1)) & (covered(own, other) >= _COVERED))
    centres, fwhm = (
        np.concatenate([of_first[kept[0]], of_second[kept[1]]])
        for of_first, of_second in zip(first, second, strict=True)
    )
    order = np.argsort(centres, kind="stable")
    return Responses(centres[order], fwhm[order])


def covered(bands: Responses, by: Responses) -> np.ndarray:
    """Share in [0, 1] of the response of each band, within its FWHM, that lies in the FWHM of one of some others."""
    places = np.linspace(-0.5, 0.5, _PLACES)
    response = np.exp(-0.5 * (places / _DEVIATION) ** 2)
    at = bands.centres[:, None] + places * bands.fwhm[:, None]
    inside = (np.abs(at[:, :, None] - by.centres) <= by.fwhm / 2).any(axis=2)
    return inside @ response / response.sum()


def weights(targets: Responses, bands: Responses) -> np.ndarray:
    """Weights of bands in the mean that each target is, (targets, bands), of sum 1.

    A band that is a target itself is taken as it is. Else weights fall with the distance as a Gaussian does that makes
    the response of the target of those of the bands (variances add up), no narrower than these lie apart. They are
    then tilted, as in a local linear regression: of a spectrum that is linear in the wavelength, the mean is its value
    at the target.

    Args:
        targets: wanted.
        bands: available.

    References:
        Cleveland (1979), "Robust locally weighted regression and smoothing scatterplots", J. American Statistical
        Association 74(368).
    """
    found = np.zeros((len(targets.centres), len(bands.centres)))
    for row, centre, width in zip(found, targets.centres, targets.fwhm, strict=True):
        same = np.flatnonzero((bands.centres == centre) & (bands.fwhm == width))
        if len(same):
            row[same[0]] = 1
            continue
        offsets = bands.centres - centre
        nearest = np.abs(offsets).argsort(kind="stable")[:2]
        narrow = bands.fwhm[nearest[0]]
        spread = np.ptp(offsets[nearest])
        width = max(np.sqrt(max(width**2 - narrow**2, 0)), spread, narrow / 2)
        row[:] = _linear(offsets, width * _DEVIATION)
    return found


def _linear(offsets: np.ndarray, deviation: float) -> np.ndarray:
    """Gaussian weights of sum 1, with which the mean offset is 0 where there are offsets of both signs."""
    weight = np.exp(-0.5 * (offsets / deviation) ** 2)
    weight[np.abs(offsets) > _REACH * deviation] = 0
    if not weight.any():  # between two bands that are far apart
        weight[np.abs(offsets).argmin()] = 1
    weight /= weight.sum()
    mean = weight @ offsets
    variance = weight @ (offsets - mean) ** 2
    inside = offsets[weight > 0]
    if variance > 0 and inside.min() < 0 < inside.max():
        weight *= 1 - mean * (offsets - mean) / variance
    return weight


def _resampled(image: Image, matrix: np.ndarray) -> Image:
    """The image of the weighted means of its bands, (means, bands) weights, in float32 or finer."""
    if (np.count_nonzero(matrix, axis=1) == 1).all():  # each is a band of this image
        return with_bands(image, matrix.argmax(axis=1))
    used = np.flatnonzero(matrix.any(axis=0))  # what another band does not hold is no matter
    image, matrix = with_bands(image, used), matrix[:, used]
    dtype = np.result_type(image.dtype, np.float32)
    terms = [[(int(band), dtype.type(row[band])) for band in np.flatnonzero(row)] for row in matrix]

    def window(rows: slice, columns: slice) -> np.ndarray:
        pixels = image.window(rows, columns)
        flat = pixels.reshape(-1, pixels.shape[2])
        found = np.zeros((len(terms), len(flat)), dtype)

        def part(some: slice) -> None:
            # Band after band, each sum in one order: the same whatever the window.
            planes = np.ascontiguousarray(flat[some].T, dtype)
            for mean, of_mean in zip(found, terms, strict=True):
                for band, weight in of_mean:
                    mean[some] += weight * planes[band]

        over_blocks(part, len(flat), _PART)
        return np.moveaxis(found.reshape(len(terms), *pixels.shape[:2]), 0, 2)

    return replace(image, shape=(*image.shape[:2], len(terms)), dtype=dtype, window=window)


def _dropped(image: Image, own: Responses, targets: Responses, matrix: np.ndarray) -> str:
    """What an image loses, and what is guessed of it; "" for nothing."""
    remarks = []
    unused = np.flatnonzero(~matrix.any(axis=0))
    if len(unused):
        called = [image.names[band] if image.names else f"{own.centres[band]:.0f} nm" for band in unused]
        remarks.append(f"without {listing(called, most=_NAMES_SHOWN)}")
    if image.fwhm is None or not np.isfinite(image.fwhm).all():
        remarks.append("with band widths taken from the spacing of the bands")
    return " and ".join(remarks)
