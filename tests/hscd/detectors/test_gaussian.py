"""Smoothing and derivatives against SciPy, and against loops where pixels are masked."""

import numpy as np
import pytest
from scipy import ndimage

from hscd.detectors.tools import gaussian

# Sums of some tens of float32 terms of size one, each rounded by 6e-8.
ROUNDING = 1e-5


def planes(shape=(3, 30, 23), seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def mask(shape=(30, 23)):
    valid = np.random.default_rng(1).random(shape) > 0.3
    valid[:8, :9] = False
    return valid


def padded(values, radius):
    return np.pad(values, [(0, 0)] * (values.ndim - 2) + [(radius, radius), (0, 0)], mode="edge")


@pytest.mark.parametrize("sigma", [0.6, 1.2, 2.4])
def test_kernels_answer_polynomials_as_they_should(sigma):
    kernel = gaussian.kernels(sigma)
    offsets = np.arange(-kernel.radius, kernel.radius + 1)

    def whole(half, sign):
        return np.concatenate([sign * half[:0:-1], half]).astype(np.float64)

    assert whole(kernel.smooth, 1).sum() == pytest.approx(1, abs=1e-6)
    assert whole(kernel.second, 1).sum() == pytest.approx(0, abs=1e-6)
    # Of a ramp the slope is 1, of x² the second derivative 2; the kernels are sampled, those of 0.6 pixels coarsely.
    slack = 0.2 if sigma < 1 else 0.02
    assert whole(kernel.first, -1) @ offsets == pytest.approx(1, rel=slack)
    assert whole(kernel.second, 1) @ offsets**2 == pytest.approx(2, rel=slack)


@pytest.mark.parametrize("sigma", [0.5, 0.8, 1.2])
def test_smoothing_equals_scipy(sigma):
    expected = [ndimage.gaussian_filter(plane.astype(np.float64), sigma, mode="nearest") for plane in planes()]
    np.testing.assert_allclose(gaussian.smoothed(planes(), None, sigma), expected, atol=ROUNDING)


def wide_kernel():
    """Weights 1, 2, 1 at 1, 2, 4, 8 and 16 pixels, one after the other: a deviation of √(½ · 341) = 13 pixels."""
    kernel = np.ones(1)
    for step in (1, 2, 4, 8, 16):
        taps = np.zeros(2 * step + 1)
        taps[[0, step, -1]] = 0.25, 0.5, 0.25
        kernel = np.convolve(kernel, taps)
    return kernel


def slow_wide(plane):
    rows = ndimage.correlate1d(plane.astype(np.float64), wide_kernel(), 0, mode="nearest")
    return ndimage.correlate1d(rows, wide_kernel(), 1, mode="nearest")


@pytest.mark.parametrize("shape", [(2, 50, 81), (1, 5, 3)])
def test_wide_smoothing_equals_one_kernel(shape):
    assert len(wide_kernel()) == 2 * gaussian.WIDE_RADIUS + 1
    found = gaussian.widely_smoothed(planes(shape), None)
    np.testing.assert_allclose(found, [slow_wide(plane) for plane in planes(shape)], atol=ROUNDING)


def test_wide_smoothing_takes_valid_pixels_only():
    valid = mask()
    values = planes((1, 30, 23)) * valid
    expected = slow_wide(values[0]) / slow_wide(valid)
    np.testing.assert_allclose(gaussian.widely_smoothed(planes((1, 30, 23)), valid)[0], expected, atol=ROUNDING)


def test_no_smoothing_leaves_the_planes():
    np.testing.assert_array_equal(gaussian.smoothed(planes(), mask(), 0), planes())


@pytest.mark.parametrize("sigma", [0.6, 1.2, 2.4])
def test_derivatives_equal_scipy(sigma):
    kernel = gaussian.kernels(sigma)
    found = gaussian.derivatives(padded(planes(), kernel.radius), None, kernel)
    for plane, (across, down, bend) in zip(planes().astype(np.float64), found, strict=True):

        def along(*orders, plane=plane):
            return ndimage.gaussian_filter(plane, sigma, order=orders, mode="nearest")

        np.testing.assert_allclose(across, along(0, 1), atol=ROUNDING)
        np.testing.assert_allclose(down, along(1, 0), atol=ROUNDING)
        # SciPy's second derivative of a constant is not 0; ours has that part taken off, kernel by kernel.
        offsets = np.arange(-kernel.radius, kernel.radius + 1)
        smooth = np.exp(-0.5 * (offsets / sigma) ** 2)
        smooth /= smooth.sum()
        off = ((offsets**2 / sigma**4 - 1 / sigma**2) * smooth).sum()
        expected = along(2, 0) + along(0, 2) - 2 * off * along(0, 0)
        np.testing.assert_allclose(bend, expected, atol=4 * ROUNDING)


def slow_smoothed(plane, valid, sigma, row, column):
    """Mean of the valid pixels around one, weighted by a Gaussian; those beyond the border are the nearest ones."""
    radius = gaussian.radius_of(sigma)
    total = weights = 0.0
    for down in range(-radius, radius + 1):
        for across in range(-radius, radius + 1):
            y = min(max(row + down, 0), plane.shape[0] - 1)
            x = min(max(column + across, 0), plane.shape[1] - 1)
            weight = np.exp(-(down**2 + across**2) / (2 * sigma**2)) * valid[y, x]
            total, weights = total + weight * plane[y, x], weights + weight
    return total / weights if weights else 0.0


def test_masked_pixels_do_not_count_in_smoothing():
    plane, valid = planes()[0], mask()
    expected = np.array([slow_smoothed(plane, valid, 1.2, *place) for place in np.ndindex(plane.shape)])
    found = gaussian.smoothed(plane, valid, 1.2)
    assert found[0, 0] == 0  # nothing valid within reach
    near = found != 0
    np.testing.assert_allclose(found[near], expected.reshape(plane.shape)[near], atol=1e-4)


def test_what_a_masked_pixel_holds_has_no_part_in_derivatives():
    kernel = gaussian.kernels(1.2)
    plane, other = planes()[0], planes()[0]
    other[~mask()] = 1e4
    valid = padded(mask(), kernel.radius)
    found, same = (gaussian.derivatives(padded(of, kernel.radius), valid, kernel) for of in (plane, other))
    np.testing.assert_array_equal(found, same)


# A constant has no derivatives, whatever is masked.
def test_a_constant_with_masked_pixels_is_flat():
    kernel = gaussian.kernels(2.4)
    flat = padded(np.full((30, 23), 7, np.float32), kernel.radius)
    found = gaussian.derivatives(flat, padded(mask(), kernel.radius), kernel)
    np.testing.assert_allclose(found, 0, atol=1e-4)


def test_a_mask_without_masked_pixels_changes_little():
    kernel = gaussian.kernels(1.2)
    plane = padded(planes()[0], kernel.radius)
    all_valid = np.ones(plane.shape, bool)
    np.testing.assert_allclose(
        gaussian.derivatives(plane, all_valid, kernel), gaussian.derivatives(plane, None, kernel), atol=4 * ROUNDING
    )
