"""Smoothing and derivatives by Gaussians, of planes in which pixels may be masked.

All is made of sums of shifted planes: every pixel's sum has one order, whatever the window, and the planes of a strip
stay in the cache. Beyond the border of an image the nearest pixel counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

# Standard deviations that a kernel reaches.
_REACH = 4.0
# Distances of the three taps of each step of a wide smoothing, pixels.
_WIDE = (1, 2, 4, 8, 16)
WIDE_RADIUS = sum(_WIDE)
# Sums of the weights of valid pixels below this share say nothing.
_LEAST = 1e-6


class Kernels(NamedTuple):
    """Weights at the offsets 0 … radius: of a Gaussian (symmetric), its first (odd) and second derivative (symmetric).

    The smoothing sums to 1; of the derivatives the first takes a ramp of slope 1 to 1 and the second, which sums to 0,
    a parabola x² to 2, but for where the kernel ends.
    """

    smooth: np.ndarray
    first: np.ndarray
    second: np.ndarray

    @property
    def radius(self) -> int:
        return len(self.smooth) - 1


def radius_of(sigma: float) -> int:
    """Pixels that a kernel reaches from its centre."""
    return int(_REACH * sigma + 0.5)


def kernels(sigma: float) -> Kernels:
    """The kernels of a Gaussian of standard deviation `sigma` pixels."""
    offsets = np.arange(radius_of(sigma) + 1)
    smooth = np.exp(-0.5 * (offsets / sigma) ** 2)
    smooth /= smooth[0] + 2 * smooth[1:].sum()
    second = (offsets**2 / sigma**4 - 1 / sigma**2) * smooth
    second -= (second[0] + 2 * second[1:].sum()) * smooth
    return Kernels(*(kernel.astype(np.float32) for kernel in (smooth, offsets / sigma**2 * smooth, second)))


def smoothed(planes: np.ndarray, valid: np.ndarray | None, sigma: float) -> np.ndarray:
    """Planes smoothed, the valid pixels only (normalised convolution), and 0 where none is near.

    Args:
        planes: (…, rows, columns) float32.
        valid: (rows, columns); None where all pixels are.
        sigma: standard deviation of the Gaussian, pixels; 0 leaves the planes as they are.

    References:
        Knutsson, Westin (1993), "Normalized and differential convolution", CVPR.
    """
    if not sigma:
        return planes
    smooth = kernels(sigma).smooth

    def along(padded: np.ndarray, axis: int) -> np.ndarray:
        (found,) = _along(padded, axis, (smooth,), ())
        return found

    return _normalised(planes, valid, along, len(smooth) - 1)


def widely_smoothed(planes: np.ndarray, valid: np.ndarray | None) -> np.ndarray:
    """As `smoothed` by a standard deviation of 13 pixels, in few steps: weights of 1, 2, 1 at doubled distances.

    The kernel is the smoothing of the wavelet transform "à trous", which ends `WIDE_RADIUS` pixels away.

    References:
        Shensa (1992), "The discrete wavelet transform: wedding the à trous and Mallat algorithms", IEEE Trans. Signal
            Processing 40(10).
    """

    def along(padded: np.ndarray, axis: int) -> np.ndarray:
        found = np.moveaxis(padded, axis, 0)
        for step in _WIDE:
            end = len(found) - 2 * step
            total = found[:end] + found[2 * step :]
            total += 2 * found[step : step + end]
            total *= np.float32(0.25)
            found = total
        return np.moveaxis(found, 0, axis)

    return _normalised(planes, valid, along, WIDE_RADIUS)


def _normalised(
    planes: np.ndarray, valid: np.ndarray | None, along: Callable[[np.ndarray, int], np.ndarray], radius: int
) -> np.ndarray:
    """Planes smoothed along both axes, of which `along` takes one, padded by `radius`, and takes the padding away."""

    def both(of: np.ndarray) -> np.ndarray:
        return along(_padded(along(_padded(of, radius, -2), -2), radius, -1), -1)

    if valid is None:
        return both(planes)
    mask = valid.astype(np.float32)
    weights = both(mask)
    near = weights > _LEAST
    return np.where(near, both(planes * mask) / np.where(near, weights, 1), np.float32(0))


def derivatives(planes: np.ndarray, valid: np.ndarray | None, kernel: Kernels) -> np.ndarray:
    """∂/∂column, ∂/∂row and Laplacian of planes smoothed by a Gaussian, (…, 3, rows, columns).

    Where pixels are masked, those of what `smoothed` gives.

    Args:
        planes: (…, radius + rows + radius, columns) float32.
        valid: mask of as many rows and columns; None where all pixels are valid.
        kernel: of the Gaussian, and of that radius.
    """
    if valid is None:
        return np.stack(_derivatives(planes, kernel)[1:], axis=-3)
    mask = valid.astype(np.float32)
    value, *value_slopes, value_bend = _derivatives(planes * mask, kernel, smooth=True)
    weight, *weight_slopes, weight_bend = _derivatives(mask, kernel, smooth=True)
    near = weight > _LEAST
    weight = np.where(near, weight, np.float32(1))
    # The quotient rule for smoothed = value / weight.
    mean = value / weight
    slopes = [(of - mean * by) / weight for of, by in zip(value_slopes, weight_slopes, strict=True)]
    cross = slopes[0] * weight_slopes[0] + slopes[1] * weight_slopes[1]
    bend = (value_bend - 2 * cross - mean * weight_bend) / weight
    return np.where(near, np.stack([*slopes, bend], axis=-3), np.float32(0))


def _derivatives(planes: np.ndarray, kernel: Kernels, smooth: bool = False) -> list[np.ndarray]:
    """Smoothed planes (only if asked for, else without meaning), and their derivatives, each (…, rows, columns)."""
    along_rows = _along(planes, -2, (kernel.smooth, kernel.second), (kernel.first,))
    smooth_rows, bend_rows, slope_rows = (_padded(found, kernel.radius, -1) for found in along_rows)
    symmetric = (kernel.second, kernel.smooth) if smooth else (kernel.second,)
    bend, *value, slope = _along(smooth_rows, -1, symmetric, (kernel.first,))
    bend += _along(bend_rows, -1, (kernel.smooth,), ())[0]
    return [value[0] if smooth else bend, slope, _along(slope_rows, -1, (kernel.smooth,), ())[0], bend]


def _padded(planes: np.ndarray, radius: int, axis: int) -> np.ndarray:
    """The planes with the outermost pixels repeated along an axis."""
    widths = [(0, 0)] * planes.ndim
    widths[axis] = (radius, radius)
    return np.pad(planes, widths, mode="edge")


def _along(
    padded: np.ndarray, axis: int, symmetric: tuple[np.ndarray, ...], odd: tuple[np.ndarray, ...]
) -> list[np.ndarray]:
    """Correlations with several kernels of one length along an axis, without the padding: first the symmetric ones."""
    radius = len((*symmetric, *odd)[0]) - 1
    length = padded.shape[axis] - 2 * radius

    def moved(offset: int) -> np.ndarray:
        index = [slice(None)] * padded.ndim
        index[axis] = slice(radius + offset, radius + offset + length)
        return padded[tuple(index)]

    found = [kernel[0] * moved(0) for kernel in symmetric] + [np.zeros_like(moved(0)) for _ in odd]
    pair, term = np.empty_like(found[0]), np.empty_like(found[0])
    for offset in range(1, radius + 1):
        for combine, kernel_set, sums in (
            (np.add, symmetric, found[: len(symmetric)]),
            (np.subtract, odd, found[len(symmetric) :]),
        ):
            if kernel_set:
                combine(moved(offset), moved(-offset), out=pair)
                for kernel, total in zip(kernel_set, sums, strict=True):
                    np.multiply(pair, kernel[offset], out=term)
                    total += term
    return found
