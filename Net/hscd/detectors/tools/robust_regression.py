"""Regression of the spectra of one date from what is known of the other, reweighted by how likely no change is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hscd.detectors.tools.threads import on_threads

# Share of the diagonal that is added to it, for linear features and for others. Linear ones are correlated; the others
# are drawn to 0 more strongly, as a linear rule that they carried would not hold for the rare spectra far out.
_RIDGE, _RIDGE_OTHERS = 1e-5, 3e-3
# Share by which the covariance of the residuals is drawn to its mean variance.
_SHRINK = 0.05
# A rare spectrum is allowed a larger residual, as in a multivariate t distribution of so many degrees of freedom.
_ELLIPTIC = 60.0
# Variance of a residual that is none, as a part of the variance of what is predicted; and how far statistics that are
# nearly zero are stretched.
_LEAST_NOISE, _LARGEST_FACTOR = 1e-5, 10.0
# No pixel is left out entirely.
_LEAST_WEIGHT = 1e-6
_ROUNDS = 15
# Variance of the gain of light that the fit starts from, the least, and steps of its estimate in each round.
_LIGHT, _LEAST_LIGHT, _LIGHT_STEPS = 0.05**2, 1e-9, 2
# Mean change of the weights at which they have settled.
_SETTLED = 2e-3
# Pixels whose products are added up in single precision.
_PART = 4096


class Light(NamedTuple):
    """How the light on the predicted date varies.

    `dark`, (components,), is the spectrum without any; `variance` is that of its gain.
    """

    dark: np.ndarray
    variance: float


class Direction(NamedTuple):
    """One date predicted from the other. All float32; (outputs, …) × a feature or component vector, and offsets.

    `features` and `target` make the whitened residual, `spread` whitens the predicting components; `dark` is the
    whitened spectrum without light, `light` the variance of the gain of light; `factor` scales the squared distance to
    the median of its distribution.
    """

    features: np.ndarray
    target: np.ndarray
    offset: np.ndarray
    spread: np.ndarray
    centre: np.ndarray
    dark: np.ndarray
    light: float
    factor: float = 1.0

    def residual(self, features: np.ndarray, target: np.ndarray) -> np.ndarray:
        """What is left of the other date, (components, pixels)."""
        whitened = self.target @ target - self.features @ features - self.offset[:, None]
        left: np.ndarray = np.linalg.solve(self.target.astype(np.float64), whitened)
        return left

    def statistic(self, features: np.ndarray, predicting: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Elliptical distance of each pixel, (pixels,) float32.

        Args:
            features: (features, pixels) of the predicting date.
            predicting: (components, pixels) of it.
            target: (components, pixels) of the other date.
        """
        predicted = self.features @ features
        predicted += self.offset[:, None]
        residual = self.target @ target
        residual -= predicted
        depth = self.spread @ predicting
        depth -= self.centre[:, None]
        degrees = len(residual)
        predicted -= self.dark[:, None]
        along = (residual * predicted).sum(axis=0)
        distance = np.square(residual, out=residual).sum(axis=0)
        # Where the residual is a gain of the light on the whole spectrum, its variance is that much larger.
        size = np.square(predicted, out=predicted).sum(axis=0)
        size *= np.float32(self.light)
        size += 1
        # Divided before it is multiplied: the square of what is large would leave the range of float32.
        distance -= along * (along / size * np.float32(self.light))
        np.maximum(distance, 0, out=distance)
        distance *= np.float32(self.factor * (_ELLIPTIC + degrees))
        distance /= np.float32(_ELLIPTIC) + np.square(depth, out=depth).sum(axis=0)
        return distance


class Both(NamedTuple):
    """Both directions, and what scales their geometric and harmonic mean to the median of the distribution."""

    directions: tuple[Direction, Direction]
    geometric: float = 1.0
    harmonic: float = 1.0

    def root(self, features: list[np.ndarray], components: list[np.ndarray]) -> np.ndarray:
        """Root of the statistic, chi-square of as many degrees as components where nothing changed, (pixels,).

        Args:
            features: (features, pixels) of each date.
            components: (components, pixels) of each date.
        """
        ways = zip(self.directions, features, components, components[::-1], strict=True)
        return self.put_together(*(way.statistic(*arrays) for way, *arrays in ways))

    def put_together(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Root of the statistic, (pixels,), of those of both directions."""
        geometric, harmonic = _means(first, second)
        geometric *= np.float32(self.geometric)
        harmonic *= np.float32(self.harmonic)
        return (np.sqrt(geometric) + np.sqrt(harmonic)) / 2


def _means(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Geometric and harmonic mean of two statistics."""
    product = first * second
    total = first + second
    return np.sqrt(product), 2 * product / np.where(total > 0, total, np.float32(1))


def fitted(features: list[np.ndarray], linear: int, components: list[np.ndarray], dark: Sequence[np.ndarray]) -> Both:
    """Fit both directions to a sample, most of which did not change.

    Args:
        features: (features, pixels) float32 of each date.
        linear: how many of them, the first ones, are linear in the spectra.
        components: (components, pixels) float32 of each date.
        dark: (components,) of each date, a first guess at the spectrum without light.
    """
    from scipy.special import chdtrc, chdtri

    degrees, pixels = components[0].shape
    median = float(chdtri(degrees, 0.5))
    weights = np.ones(pixels)
    lights = [Light(start.astype(np.float64), _LIGHT) for start in dark[::-1]]
    dates = list(zip(features, components, components[::-1], strict=True))
    ridge = np.where(np.arange(len(features[0])) < linear, _RIDGE, _RIDGE_OTHERS)

    def one(part: slice) -> tuple[Direction, Light, np.ndarray]:
        ours, predicting, target = dates[part.start]
        way, light = _direction(ours, ridge, predicting, target, weights, lights[part.start])
        distance = way.statistic(ours, predicting, target)
        factor = _factor(distance, median)
        return way._replace(factor=factor), light, distance * np.float32(factor)

    for _ in range(_ROUNDS):
        (first, *_), (second, *_) = ways = on_threads(one, len(dates), 1)
        lights, found = [light for _, light, _ in ways], [distance for *_, distance in ways]
        both = Both((first, second), *(_factor(mean, median) for mean in _means(*found)))
        root = both.put_together(*found)
        before, weights = weights, np.maximum(chdtrc(degrees, np.square(root, dtype=np.float64)), _LEAST_WEIGHT)
        if np.abs(weights - before).mean() < _SETTLED:
            break
    return both


def typical_residual(both: Both, features: list[np.ndarray], components: list[np.ndarray]) -> float:
    """The logarithm of the median residual of all pixels, changed or not; the mean of both dates and all components.

    Args:
        both: a regression.
        features: (features, pixels) of each date.
        components: (components, pixels) of each date.
    """
    dates = zip(both.directions, features, components[::-1], strict=True)
    medians = [np.median(np.abs(way.residual(of, target)), axis=1) for way, of, target in dates]
    return float(np.log(np.maximum(medians, np.finfo(np.float32).tiny)).mean())


def _factor(statistic: np.ndarray, median: float) -> float:
    """What takes the median of a statistic to where it belongs; not all of the way where hardly anything is left."""
    found = float(np.median(statistic))
    return min(median / found, _LARGEST_FACTOR) if found > 0 else 1.0


def _direction(
    features: np.ndarray,
    ridge: np.ndarray,
    predicting: np.ndarray,
    target: np.ndarray,
    weights: np.ndarray,
    light: Light,
) -> tuple[Direction, Light]:
    """Weighted ridge regression, light and covariance of its residuals, and that of the predicting components."""
    count, degrees = len(features), len(target)
    centre, covariance = _moments([features, target], weights)
    among = covariance[:count, :count]
    regular = among + np.diag(ridge * np.diag(among) + np.finfo(np.float64).tiny)
    slopes = np.linalg.solve(regular, covariance[:count, count:]).T
    offset = centre[count:] - slopes @ centre[:count]
    predicted = slopes.astype(np.float32) @ features + offset[:, None].astype(np.float32)
    residual = target - predicted
    light, noise = _lit(residual, predicted, weights, light)
    # What rounding and the ridge leave of two images that are the same is no noise to measure change by.
    noise += np.diag(_LEAST_NOISE * np.diag(covariance)[count:])
    whiten = _whitening((1 - _SHRINK) * noise + _SHRINK * np.trace(noise) / degrees * np.eye(degrees))
    middle, spread = _moments([predicting], weights)
    spread = _whitening(spread)
    single = np.float32
    way = Direction(
        (whiten @ slopes).astype(single),
        whiten.astype(single),
        (whiten @ offset).astype(single),
        spread.astype(single),
        (spread @ middle).astype(single),
        (whiten @ light.dark).astype(single),
        light.variance,
    )
    return way, light


def _lit(residual: np.ndarray, predicted: np.ndarray, weights: np.ndarray, light: Light) -> tuple[Light, np.ndarray]:
    """How the light varies, and the covariance of what is left of the residuals without it.

    A residual is taken for gain · (predicted − dark) + noise, the gain normally distributed around 0: a factor analysis
    with one factor, whose loading is the pixel's own spectrum. EM, as by Rubin and Thayer (1982), "EM algorithms for ML
    factor analysis", Psychometrika 47(1); but the noise starts as all of the residual in every round, so that a part of
    what the light could explain stays in it.

    Args:
        residual: (components, pixels) float32.
        predicted: (components, pixels) float32, what the residuals are of.
        weights: (pixels,) chance of no change.
        light: what was known of it.
    """
    dark, variance = light
    _, noise = _moments([residual], weights)
    shares = weights / weights.sum()
    for _ in range(_LIGHT_STEPS):
        spectrum = predicted - dark[:, None]
        whiten = _whitening(noise)
        whitened = whiten @ spectrum
        spread = variance / (1 + variance * np.square(whitened).sum(axis=0))
        gain = spread * (whiten @ residual * whitened).sum(axis=0)
        square = np.square(gain) + spread
        _, noise = _moments([(residual - gain * spectrum).astype(np.float32)], weights)
        noise += (spectrum * (shares * spread)) @ spectrum.T
        variance = max(float(square @ shares), _LEAST_LIGHT)
        dark = (square * predicted - gain * residual) @ shares / variance
    return Light(dark, variance), noise


def _moments(parts: list[np.ndarray], weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean and covariance of all values of parts, each (values, pixels) float32, in double precision."""
    roots = np.sqrt(weights).astype(np.float32)

    def part(some: slice) -> tuple[np.ndarray, np.ndarray]:
        scaled = np.concatenate([values[:, some] for values in parts])
        scaled *= roots[some]
        return (scaled @ roots[some]).astype(np.float64), (scaled @ scaled.T).astype(np.float64)

    sums, products = (sum(found) for found in zip(*on_threads(part, len(weights), _PART), strict=True))
    total = weights.sum()
    mean = sums / total
    return mean, products / total - np.outer(mean, mean)


def _whitening(covariance: np.ndarray) -> np.ndarray:
    """A matrix that takes values of a covariance to values of covariance one, as far as they vary."""
    values, vectors = np.linalg.eigh(covariance)
    least = max(values[-1] * 1e-9, np.finfo(np.float32).tiny)
    return (vectors / np.sqrt(np.maximum(values, least))).T
