"""How far the spectra of a place are from those that a model was trained on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Pixel pairs that are looked at, or up to twice as many: means of them are right to a hundredth of a deviation.
PIXELS = 20_000
# What is compared of pixel pairs.
PARTS = "before", "after", "difference"


class Statistics(NamedTuple):
    """`mean` and standard `deviation` by band, (3, bands) float64 each: before, after, and after less before.

    The last one tells light and season that differ between the dates, which a network learned to see through, or not.
    """

    mean: np.ndarray
    deviation: np.ndarray

    @property
    def text(self) -> str:
        """All numbers, as `from_text` reads them."""
        return " ".join(f"{value:.17g}" for value in np.ravel(self))


def statistics(pairs: np.ndarray) -> Statistics:
    """Statistics of (pixels, 2, bands) pixel pairs, scaled as a network gets them; of many, of a regular part."""
    sample = pairs[:: max(1, len(pairs) // PIXELS)].astype(np.float64)
    parts = sample[:, 0], sample[:, 1], sample[:, 1] - sample[:, 0]
    return Statistics(np.stack([part.mean(axis=0) for part in parts]), np.stack([part.std(axis=0) for part in parts]))


def from_text(text: str) -> Statistics | None:
    """What `Statistics.text` made; None of any other text."""
    try:
        values = np.array(text.split(), np.float64)
    except ValueError:
        return None
    if not values.size or values.size % (2 * len(PARTS)) or not np.isfinite(values).all():
        return None
    mean, deviation = values.reshape(2, len(PARTS), -1)
    return Statistics(mean, deviation) if (deviation >= 0).all() else None


def domain_shift(trained_on: Statistics, found: Statistics) -> float:
    """Jeffries–Matusita distance of two places, 0 to 2: the mean over bands, and over both dates and their difference.

    Of two normal distributions of one band it is 2 (1 − exp(−B)), with the Bhattacharyya distance
    B = (μ₁−μ₂)² / 4(σ₁²+σ₂²) + ln((σ₁²+σ₂²) / 2σ₁σ₂) / 2. It is the measure of separability that remote sensing chooses
    training areas by. Unlike divergences (Kullback–Leibler) it is bounded, so that no band with little contrast counts
    for all others; unlike the Fréchet distance it has no unit. Bands are taken by themselves: their correlation would
    need many more numbers than a saved model shall carry.

    Args:
        trained_on: of the pixel pairs that a model was trained on.
        found: of a place, with the same number of bands.

    Raises:
        ValueError: if the numbers of bands differ.

    References:
        Swain, Davis (1978), "Remote sensing: the quantitative approach", McGraw-Hill.
        Richards (2013), "Remote sensing digital image analysis", Springer, chapter 10.
        Ben-David et al. (2010), "A theory of learning from different domains", Machine Learning 79: a classifier's
            error at another place is bounded by that at the first one and the distance of both.
    """
    if trained_on.mean.shape != found.mean.shape:
        raise ValueError(f"statistics of {trained_on.mean.shape[1]} and of {found.mean.shape[1]} bands")
    gap = np.abs(trained_on.mean - found.mean)
    squares = trained_on.deviation**2 + found.deviation**2
    product = 2 * trained_on.deviation * found.deviation
    # A band that is constant at one place alone, or at both with two values, is as far as can be; with one value, not.
    with np.errstate(divide="ignore", invalid="ignore"):
        shifted = np.where(gap == 0, 0, gap**2 / (4 * squares))
        wider = np.where(trained_on.deviation == found.deviation, 0, np.log(squares / product) / 2)
    return float(np.mean(2 * -np.expm1(-(shifted + wider))))
