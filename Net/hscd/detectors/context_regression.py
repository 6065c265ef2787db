"""Context regression: change is what the other date, its surroundings included, does not explain."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hscd.detectors import DETECTORS, Scorer
from hscd.detectors.tools import context_features, gaussian
from hscd.detectors.tools.context_features import Field, Sample
from hscd.detectors.tools.products import CHUNK, linear
from hscd.detectors.tools.robust_regression import Both, fitted, typical_residual
from hscd.detectors.tools.samples import sampled_pairs
from hscd.detectors.tools.scaling import BandScaling, standard
from hscd.scenes.scene import Block, Scene
from hscd.thresholds.otsu import separability

# Limits of a band: these quantiles, moved apart by this share of their span.
_CLIP, _WIDEN = 0.001, 0.3
_COMPONENTS = (3, 6, 12)
_PCA_PIXELS = 200_000
_FIT_PIXELS = 40_000
# Fourier features, and the pixels of the sample that each feature of a regression needs to tell noise from a rule.
_FOURIER, _PIXELS_EACH = 150, 20
# Pixels that each linear one needs, or there are fewer components: what is not shrunk follows noise sooner.
_PIXELS_LINEAR = 40
# Length of the Fourier features, standard deviations of a component.
_FOURIER_SCALE = 3.0
# What the root of the statistic may be smoothed by, pixels, and how separable the two classes have to be then, as a
# share of the most that they can be.
_SMOOTHING = (0.0, 0.5, 0.8, 1.2)
_NEARLY = 0.985
_SMOOTH_RADIUS = gaussian.radius_of(_SMOOTHING[-1])
# Pixels around a block that its scores depend on, and with the light around a pixel.
_HALO, _LIT_HALO = (_SMOOTH_RADIUS + reach for reach in (context_features.RADIUS, gaussian.WIDE_RADIUS))
# Components of the regressions that tell whether the light is uneven, and by how much the logarithm of a typical
# residual has to shrink, 14 %. Knowing the light does harm where it is even, as large changes are then taken for it.
_LIT_COMPONENTS, _LIT_GAIN = 3, 0.15
# Pixels that tell this.
_LIT_PIXELS = 10_000
# Components that vary less than this share of the first are rounding errors.
_LEAST_VARIANCE = 1e-9


class _Components(NamedTuple):
    """From spectra to principal components of both dates together; `vectors` are (components, bands)."""

    scalings: tuple[BandScaling, BandScaling]
    vectors: np.ndarray

    def of(self, pairs: np.ndarray) -> np.ndarray:
        """(2, components, …) float32 of (…, 2, bands) float32."""
        flat = pairs.reshape(-1, *pairs.shape[-2:])
        found = [linear(scaling, flat[:, date], self.vectors) for date, scaling in enumerate(self.scalings)]
        return np.stack(found).reshape(2, len(self.vectors), *pairs.shape[:-2])

    @property
    def dark(self) -> list[np.ndarray]:
        """Components, (components,), of the dark objects of each date [6]: what the air adds where no light comes."""
        found = []
        for scaling in self.scalings:
            span = (scaling.high - scaling.low) / (1 + 2 * _WIDEN)
            found.append(self.vectors @ ((scaling.low + _WIDEN * span - scaling.mean) * scaling.factor))
        return found


class _Fit(NamedTuple):
    """A regression from some of the components, and its Fourier features: waves (features, components), phases.

    `factor` takes the root of its statistic to that of the ensemble's degrees of freedom.
    """

    waves: np.ndarray
    phases: np.ndarray
    both: Both
    factor: float

    def root(self, of: Sample) -> np.ndarray:
        """Root of the statistic, (pixels,)."""
        root = self.both.root(_features(self.waves, self.phases, of), list(of.components[:, : self.waves.shape[1]]))
        return root * np.float32(self.factor)


def _features(waves: np.ndarray, phases: np.ndarray, of: Sample) -> list[np.ndarray]:
    """What predicts the other date, (features, pixels) float32 of each date.

    These are its components, their derivatives, the light around a pixel, by itself and times each component, and
    Fourier features.

    Args:
        waves: (Fourier features, components used) float32.
        phases: (Fourier features,) float32.
        of: the pixels.
    """
    count, linear, pixels = waves.shape[1], _linear(waves.shape[1], of), of.components.shape[2]
    both = np.empty((2, linear + len(waves), pixels), np.float32)
    for date, found in enumerate(both):
        components = of.components[date, :count]
        derivatives = of.context[date, :count].reshape(-1, pixels)
        end = count + len(derivatives)
        found[:count], found[count:end] = components, derivatives
        if of.light is not None:
            np.multiply(components, of.light[date], out=found[end : linear - 1])
            found[linear - 1] = of.light[date]
        fourier = np.matmul(waves, components, out=found[linear:])
        fourier += phases[:, None]
        np.cos(fourier, out=fourier)
    return list(both)


def _linear(count: int, of: Sample) -> int:
    """Features that are linear in so many components."""
    return count * (1 + of.context.shape[2]) + (0 if of.light is None else count + 1)


@DETECTORS.register("context_regression")
class ContextRegression:
    """Regression of each date on the other, its derivatives and random features of it, reweighted as IR-MAD is.

    The components of one date are predicted from those of the other (chronochrome [1], both ways as in [2]), from their
    derivatives at three scales, which absorb misregistration, and from random Fourier features [3], which make the
    regression nonlinear. Weights are the chance of no change, as in IR-MAD [4]. The score is the elliptical distance
    [5] of the residual, as a chi-square statistic: the mean of both directions and of several numbers of components,
    its root smoothed as far as the two classes stay apart. What is left of a pixel along its own spectrum counts less,
    as far as the light varies from pixel to pixel (slopes, haze, thin cloud); how far is estimated with the regression,
    from the dark objects [6] on. Where the light changed slowly from place to place, that of some 13 pixels around (a
    Gaussian's deviation) predicts the other date too: if a typical residual is 14 % smaller under one light.

    References:
        [1] Schaum, Stocker (1997), "Long-interval chronochrome target detection", ISSSR.
        [2] Theiler, Perkins (2006), "Proposed framework for anomalous change detection", ICML workshop on machine
            learning algorithms for surveillance and event detection.
        [3] Rahimi, Recht (2007), "Random features for large-scale kernel machines", NIPS 20.
        [4] Nielsen (2007), "The regularized iteratively reweighted MAD method for change detection in multi- and
            hyperspectral data", IEEE Trans. Image Processing 16(2).
        [5] Theiler, Scovel, Wohlberg, Foy (2010), "Elliptically contoured distributions for anomalous change detection
            in hyperspectral imagery", IEEE Geosci. Remote Sens. Letters 7(2).
        [6] Chavez (1988), "An improved dark-object subtraction technique for atmospheric scattering correction of
            multispectral data", Remote Sensing of Environment 24(3).
    """

    name = "context_regression"
    unit = "scores"
    halo = _HALO  # known after `fit`
    scale = "root"
    # Those of the middle one of the ensemble.
    degrees: float | None = None
    # Whether the light changed from place to place; known after `fit`.
    uneven_light = False

    def fit(self, scene: Scene, rng: np.random.Generator) -> Scorer:
        """Fit the regressions to a sample, and choose the smoothing.

        Raises:
            InputError: if no pixel is valid.
        """
        pairs = sampled_pairs(scene, rng, _PCA_PIXELS)
        components = _principal(pairs)
        if np.array_equal(pairs[:, 0], pairs[:, 1]):  # there is nothing to explain: any difference is change
            self.degrees, self.uneven_light, self.halo = None, False, _HALO
            return lambda block: _squared_difference(components.of(block.pairs[block.inner]))
        dark = components.dark

        def lit(field: Field) -> Field:
            return field.with_light(dark).near(*field.inner, _HALO)

        fields = context_features.fields(scene, rng, components.of, _LIT_HALO, lit)
        used = sorted({min(count, len(components.vectors)) for count in _COMPONENTS})
        self.degrees = float(used[len(used) // 2])
        sample = context_features.sampled(fields, rng, _FIT_PIXELS)
        self.uneven_light = uneven = _uneven(sample, dark)
        if not uneven:
            sample, fields = sample._replace(light=None), [field._replace(light=None) for field in fields]
        self.halo = _LIT_HALO if uneven else _HALO
        fits = _fits(sample, used, rng, dark)
        some = context_features.some_of(fields, rng, _HALO)
        sigma = _smoothing([(_roots(field, fits), field) for field in some])

        def score(block: Block) -> np.ndarray:
            field = context_features.field_of(block, components.of)
            field = lit(field) if uneven else field
            return np.square(_inner(_roots(field, fits), field, sigma))

        return score


def _squared_difference(components: np.ndarray) -> np.ndarray:
    """Between the dates of (2, components, rows, columns)."""
    return np.square(components[1] - components[0]).sum(axis=0)


def _principal(sample: np.ndarray) -> _Components:
    """The components of a sample of pixel pairs, (pixels, 2, bands)."""
    first, second = (standard(sample[:, date], _CLIP, _WIDEN) for date in range(2))
    bands = sample.shape[2]
    covariance = np.zeros((bands, bands))
    for start in range(0, len(sample), CHUNK):
        for date, scaling in enumerate((first, second)):
            scaled = scaling.apply(sample[start : start + CHUNK, date]).astype(np.float64)
            covariance += scaled.T @ scaled
    values, vectors = np.linalg.eigh(covariance)
    enough = min(len(sample), _FIT_PIXELS) // (_PIXELS_LINEAR * (1 + context_features.DERIVATIVES))
    most = min(_COMPONENTS[-1], max(_COMPONENTS[0], enough))
    count = min(most, max(1, int((values > _LEAST_VARIANCE * values[-1]).sum())))
    return _Components((first, second), vectors[:, ::-1][:, :count].T)


def _uneven(sample: Sample, dark: list[np.ndarray]) -> bool:
    """Whether the light changed from place to place: residuals are smaller under one light."""
    assert sample.light is not None
    every = slice(None, None, max(1, sample.light.shape[1] // _LIT_PIXELS))
    sample = Sample(sample.components[..., every], sample.context[..., every], sample.light[:, every])
    count = min(_LIT_COMPONENTS, sample.components.shape[1])
    even = sample._replace(components=sample.components[:, :count], light=None)
    if even.components.shape[2] < _PIXELS_LINEAR * _linear(count, even):
        return False
    start = [spectrum[:count] for spectrum in dark]
    none = np.empty((0, count), np.float32), np.empty(0, np.float32)
    sizes = []
    for of in (even, _under_one_light(sample, start)):
        features, components = _features(*none, of), list(of.components)
        both = fitted(features, len(features[0]), components, start)
        sizes.append(typical_residual(both, features, components))
    return sizes[0] - sizes[1] > _LIT_GAIN


def _under_one_light(sample: Sample, dark: list[np.ndarray]) -> Sample:
    """As many components as `dark` has, and their derivatives, each date under the geometric mean of both lights.

    That is nothing but a gain: other changes of large areas, as of crops, do not become smaller by it.
    """
    assert sample.light is not None
    count = len(dark[0])
    factors = np.sqrt(1 + sample.light)[:, None]
    zero = np.stack(dark)[:, :, None].astype(np.float32)
    components = zero + (sample.components[:, :count] - zero) * factors
    return Sample(components, sample.context[:, :count] * factors[:, :, None], None)


def _fits(sample: Sample, used: list[int], rng: np.random.Generator, dark: list[np.ndarray]) -> list[_Fit]:
    """A regression for each number of components, fitted to a sample."""
    from scipy.special import chdtri

    components = sample.components
    middle = chdtri(used[len(used) // 2], 0.5)
    spread = components[0].std(axis=1, dtype=np.float64)
    fits = []
    for count in used:
        scale = np.where(spread[:count] > 0, _FOURIER_SCALE * spread[:count], np.inf)
        linear = _linear(count, sample)
        waves = (rng.standard_normal((_FOURIER, count)) / scale).astype(np.float32)
        phases = rng.uniform(0, 2 * np.pi, _FOURIER).astype(np.float32)
        keep = min(_FOURIER, max(0, components.shape[2] // _PIXELS_EACH - linear))
        waves, phases = waves[:keep], phases[:keep]
        both = fitted(
            _features(waves, phases, sample), linear, list(components[:, :count]), [start[:count] for start in dark]
        )
        fits.append(_Fit(waves, phases, both, float(np.sqrt(middle / chdtri(count, 0.5)))))
    return fits


def _roots(field: Field, fits: list[_Fit]) -> np.ndarray:
    """Root of the statistic in a field, (rows, columns) float32, 0 where it is not needed."""
    rows, columns = field.components.shape[2:]
    needed = slice(max(field.inner.rows.start - _SMOOTH_RADIUS, 0), min(field.inner.rows.stop + _SMOOTH_RADIUS, rows))
    found = np.zeros((rows, columns), np.float32)

    def strip(some: slice, derivatives: np.ndarray) -> None:
        flat = found[some].reshape(-1)
        components = field.components[:, :, some].reshape(*field.components.shape[:2], -1)
        context = derivatives.reshape(*derivatives.shape[:3], -1)
        of = Sample(components, context, None if field.light is None else field.light[:, some].reshape(2, -1))
        for part in context_features.chunks(len(flat), CHUNK):
            pixels = of.part(part, CHUNK)
            flat[part] = np.mean([fit.root(pixels) for fit in fits], axis=0)[: part.stop - part.start]

    context_features.over_strips(field, needed, strip)
    return found


def _inner(roots: np.ndarray, field: Field, sigma: float) -> np.ndarray:
    """Smoothed roots of the pixels that were asked for."""
    return gaussian.smoothed(roots, field.valid, sigma)[field.inner]


def _smoothing(maps: list[tuple[np.ndarray, Field]]) -> float:
    """The strongest smoothing that leaves the two classes as separable as they can be, but for little."""
    found = []
    for sigma in _SMOOTHING:
        values = [
            _inner(roots, field, sigma)[... if field.valid is None else field.valid[field.inner]].ravel()
            for roots, field in maps
        ]
        found.append(separability(np.concatenate(values)))
    return max(sigma for sigma, value in zip(_SMOOTHING, found, strict=True) if value >= _NEARLY * max(found))
