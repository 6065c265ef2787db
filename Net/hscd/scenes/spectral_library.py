"""The spectra that ship with the program, at the bands of an image, and mixtures of them."""

from __future__ import annotations

import numpy as np

from hscd.demo.scene import read_table
from hscd.scenes.common_bands import Responses, covered, responses_of, weights
from hscd.scenes.image import Image

# Step of the library in nm; across the gaps of the table, where water vapour absorbs, it is interpolated.
_STEP = 10.0
# Share of a band that the library has to cover.
_COVERED = 0.5
# Spectra that a pixel is mixed of, and how bright it is: by slope, shade and the state of its materials.
_MATERIALS, _BRIGHTNESS = 3, (0.5, 1.2)


def at_bands_of(image: Image) -> tuple[np.ndarray, str]:
    """The spectra as a sensor with the bands of an image sees them.

    Args:
        image: its wavelengths count, and the widths of its bands where they are known.

    Returns:
        (spectra, bands) float64 reflectances, and what is guessed of them, "" for nothing: a band that the library does
        not cover has its nearest value.

    Raises:
        ValueError: if a wavelength of the image is not known, or no band is covered.
    """
    own = responses_of(image)
    known, table = read_table()
    centres = np.arange(round(1000 * known[0]), 1000 * known[-1] + _STEP / 2, _STEP)
    library = Responses(centres, np.full(len(centres), _STEP))
    fine = np.stack([np.interp(centres, 1000 * known, spectrum) for spectrum in table.values()])
    outside = covered(own, library) < _COVERED
    extent = f"{centres[0]:.0f} to {centres[-1]:.0f} nm"
    if outside.all():
        raise ValueError(f"no band of {image.path} lies within {extent}, where the spectra are known")
    doubt = ""
    if outside.any():
        doubt = f"{outside.sum()} of {len(outside)} bands lie beyond {extent}, and have the nearest reflectance known"
    return fine @ weights(own, library).T, doubt


def mixtures(spectra: np.ndarray, pairs: int, rng: np.random.Generator) -> np.ndarray:
    """Pairs of random linear mixtures of spectra, each of a brightness of its own.

    Args:
        spectra: (spectra, bands) reflectances.
        pairs: how many.
        rng: draws the materials of each pixel, their shares, uniform among those of sum 1, and the brightness.

    Returns:
        (pairs, 2, bands) float32; the two of a pair have nothing to do with each other.

    References:
        Keshava, Mustard (2002), "Spectral unmixing", IEEE Signal Processing Magazine 19(1).
    """
    count = 2 * pairs
    shares = rng.dirichlet(np.ones(_MATERIALS), count) * rng.uniform(*_BRIGHTNESS, (count, 1))
    chosen = rng.integers(len(spectra), size=(count, _MATERIALS))
    amounts = np.zeros((count, len(spectra)), np.float32)
    np.add.at(amounts, (np.arange(count)[:, None], chosen), shares)  # a material may be drawn twice
    return (amounts @ spectra.astype(np.float32)).reshape(pairs, 2, -1)
