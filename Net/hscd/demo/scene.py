"""What the sensor sees of a demo scene: mixing, shading, blur, haze, noise; and its ground truth."""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from hscd.demo.landcover import (
    OVERSAMPLING,
    FloatArray,
    Place,
    abundances,
    endmember_numbers,
    land_cover,
    smooth_field,
)

Image = npt.NDArray[np.uint16]
LabelMap = npt.NDArray[np.uint8]
DoubleArray = npt.NDArray[np.float64]

_INSTALLED = Path(__file__).resolve().parent / "spectra"  # as setup.py has it; a checkout has them among its resources
_SPECTRA = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).resolve().parents[3] / "res" / "spectra"
SPECTRA_PATH = _SPECTRA / "spectra.csv"
WAVELENGTHS = np.linspace(0.40, 2.45, 224, dtype=np.float32)
REFLECTANCE_SCALE = 10_000
# Values in the label files, as in the Bay Area scene; inside the program labels have other values.
FILE_UNKNOWN, FILE_CHANGED, FILE_UNCHANGED = 0, 1, 2
UNKNOWN_SHARE = 0.38  # of the scene
PSF_SIGMA = 0.45
# Absorption by water vapour: centre and half width (µm), depth. Next to nothing passes at 1.40 and 1.88 µm.
VAPOUR = ((0.94, 0.025, 0.25), (1.13, 0.03, 0.35), (1.405, 0.048, 6.0), (1.875, 0.075, 6.0))


def read_table(path: Path = SPECTRA_PATH) -> tuple[DoubleArray, dict[str, DoubleArray]]:
    """Read the spectra table: its wavelengths (bands,) in µm, and name -> reflectance (bands,), 0 to 1."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return np.array(header[5:], dtype=float), {row[0]: np.array(row[5:], dtype=float) for row in rows}


def read_spectra(path: Path = SPECTRA_PATH) -> dict[str, FloatArray]:
    """The spectra table: name -> reflectance (bands,) at `WAVELENGTHS`, interpolated across its gaps."""
    known, measured = read_table(path)
    return {name: np.interp(WAVELENGTHS, known, y).astype(np.float32) for name, y in measured.items()}


def _to_pixels(cells: FloatArray, shift: tuple[float, float] = (0.0, 0.0)) -> FloatArray:
    """Blur a fine-grid array (rows, columns, x) by the PSF, shift it, and average the cells of each pixel."""
    from scipy import ndimage

    blurred = ndimage.gaussian_filter(cells, (PSF_SIGMA * OVERSAMPLING, PSF_SIGMA * OVERSAMPLING, 0))
    steps = (OVERSAMPLING * shift[0], OVERSAMPLING * shift[1], 0)
    blurred = ndimage.shift(blurred, steps, order=1, mode="nearest")
    rows, columns, depth = blurred.shape
    blocks = blurred.reshape(rows // OVERSAMPLING, OVERSAMPLING, columns // OVERSAMPLING, OVERSAMPLING, depth)
    pixels: FloatArray = blocks.mean(axis=(1, 3))
    return pixels


def _variation(rng: Generator, shape: tuple[int, int], strength: tuple[float, ...]) -> DoubleArray:
    """Relative deviation from the endmembers (rows, columns, bands): level, slope and curvature."""
    fields = [smooth_field(rng, shape, 6) + 0.4 * rng.standard_normal(shape, np.float32) for _ in strength]
    position = np.linspace(-1, 1, WAVELENGTHS.size, dtype=np.float32)
    modes = np.stack([s * position**power for power, s in enumerate(strength)]).astype(np.float32)
    return np.stack(fields, axis=-1).astype(np.float64) @ modes


def _sense(rng: Generator, reflectance: DoubleArray, gain: float, haze: float) -> Image:
    """What the sensor records of (rows, columns, bands) on one date: reflectance × 10,000.

    It is computed in double precision: processors round differently, but no longer enough to change a count.
    """
    centre, half, depth = np.array(VAPOUR).T[..., None]
    transmittance = np.exp(-(depth * np.exp(-(((WAVELENGTHS - centre) / half) ** 4))).sum(axis=0))
    ripple = 1 + 0.03 * np.cos(np.outer((2, 5), WAVELENGTHS) + rng.uniform(0, 6, (2, 1))).sum(axis=0)
    path = haze * (WAVELENGTHS.astype(np.float64) / 0.55) ** -2
    signal = (reflectance * (gain * ripple) + path) * transmittance
    # Noise is given as the signal-to-noise ratio at reflectance 0.3.
    ratio = np.interp(WAVELENGTHS, (0.4, 0.5, 1.3, 2.45), (80, 250, 180, 60))
    sigma = 0.3 / ratio / np.sqrt(np.maximum(transmittance, 0.25))
    signal += sigma * rng.standard_normal(signal.shape, dtype=np.float32)
    counts: Image = np.clip(np.rint(signal * REFLECTANCE_SCALE), 0, 65_535).astype(np.uint16)
    return counts


def _labels(rng: Generator, share: FloatArray) -> LabelMap:
    """Label map from the changed share of every pixel: limits of changes and unvisited areas stay unknown."""
    from scipy import ndimage

    labels = np.full(share.shape, FILE_UNKNOWN, dtype=np.uint8)
    labels[share > 0.8] = FILE_CHANGED
    labels[ndimage.maximum_filter(share, 3) < 0.02] = FILE_UNCHANGED
    # Whole areas remain unvisited, less often where something happened.
    interest = smooth_field(rng, share.shape, 9) + 0.8 * (share > 0.5)
    interest[labels == FILE_UNKNOWN] = -np.inf
    labels[interest <= np.quantile(interest, UNKNOWN_SHARE, method="lower")] = FILE_UNKNOWN
    return labels


def make_scene(
    place: Place, spectra: Mapping[str, FloatArray], shape: tuple[int, int] = (160, 192), seed: int = 0
) -> tuple[Image, Image, LabelMap]:
    """Make one pair of images and its label map.

    Args:
        place: What the place is made of.
        spectra: Name -> reflectance (bands,), as `read_spectra` gives.
        shape: Rows and columns.
        seed: Not negative; the same seed gives the same scene.

    Returns:
        Before and after, (rows, columns, bands), reflectance × 10,000, and the labels (rows, columns):
        0 unknown, 1 changed, 2 unchanged.
    """
    rng = np.random.default_rng([seed, *place.pair.encode()])
    index = endmember_numbers(place)
    endmembers = np.stack([spectra[name] for name in index])
    before, after, kind = land_cover(place, rng, (shape[0] * OVERSAMPLING, shape[1] * OVERSAMPLING))
    changed = (kind >= 0).astype(np.float32)
    labels = _labels(rng, _to_pixels(changed[..., None])[..., 0])

    texture = np.stack([smooth_field(rng, changed.shape, length) for length in (20, 12, 30)], axis=-1)
    slopes = np.gradient(smooth_field(rng, changed.shape, 16) + 0.3 * smooth_field(rng, changed.shape, 6))
    lasting = _variation(rng, shape, (0.08, 0.08, 0.05))
    images: list[Image] = []
    for cover, sun, gain, haze, shift in (
        (before, place.suns[0], 1.0, 0.0, (0.0, 0.0)),
        (after, place.suns[1], place.gain, place.haze, place.shift),
    ):
        facing = slopes[0] * np.cos(sun) + slopes[1] * np.sin(sun)
        shading = np.clip(1 + place.relief * facing / facing.std(), 0.3, 1.8)
        pixels = _to_pixels(abundances(cover, place, texture, index) * shading[..., None], shift)
        # Materials differ from pixel to pixel and, less, from date to date (moisture, ageing).
        variation = 1 + lasting + _variation(rng, shape, (0.04, 0.05, 0.03))
        images.append(_sense(rng, pixels.astype(np.float64) @ endmembers * variation, gain, haze))
    return images[0], images[1], labels


def make_kinds(place: Place, shape: tuple[int, int] = (160, 192), seed: int = 0) -> LabelMap:
    """Kinds of real change of the scene that `make_scene` makes of the same arguments, whether labelled or not.

    Returns:
        (rows, columns): 0 unchanged, 1 and so on kinds in the order of `place.changes`, where one kind covers more than
        0.8 of a pixel; 255 where several covers meet.
    """
    rng = np.random.default_rng([seed, *place.pair.encode()])
    _, _, kind = land_cover(place, rng, (shape[0] * OVERSAMPLING, shape[1] * OVERSAMPLING))
    kinds = np.full(shape, 255, np.uint8)
    for number in range(len(place.changes) + 1):
        kinds[_to_pixels((kind == number - 1).astype(np.float32)[..., None])[..., 0] > 0.8] = number
    return kinds
