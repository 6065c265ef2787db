"""The spectral angle of float32 tensors and its gradient, on each backend, against slow loops in double precision."""

import json
import math
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from conftest import PROJECT
from hscd.heads.spectral_angle import SAM
from hscd.system import hardware

BANDS = 5
# From angles that only twice as many digits tell from none to those that differ as little from π.
SMALL = [10.0**-power for power in (6, 5, 4, 3, 2, 1)]
ANGLES = [*SMALL, *np.linspace(0.2, 3, 29), *(math.pi - angle for angle in SMALL)]
# Squares of 1e30 overflow in float32, those of 1e-30 vanish.
SCALES = (1.0, 1e-30, 1e30)
# A float32 is rounded by 2⁻²⁴ of it at most.
ROUNDING = 2.0**-24

ON_BACKEND = """
import json, sys
import numpy as np
from hscd.system.lean import start_lean
start_lean()
from hscd.system.backend import keras
from hscd.heads.spectral_angle import SAM

x, y = (keras.ops.convert_to_tensor(np.array(part, np.float32)) for part in json.load(sys.stdin))
if keras.backend.backend() == "jax":
    import jax
    values, slopes = SAM(x, y), jax.grad(lambda x, y: SAM(x, y).sum(), (0, 1))(x, y)
else:
    import tensorflow
    with tensorflow.GradientTape() as tape:
        tape.watch([x, y])
        values = SAM(x, y)
    slopes = tape.gradient(values, [x, y])
json.dump([keras.backend.backend(), *(np.asarray(part).tolist() for part in (values, *slopes))], sys.stdout)
"""


def slow_angle(x: np.ndarray, y: np.ndarray) -> float:
    """Kahan's form on two lists of numbers, of the unit spectra."""
    x, y = ([float(value) / math.hypot(*map(float, part)) for value in part] for part in (x, y))
    apart, along = (math.hypot(*(a + sign * b for a, b in zip(x, y, strict=True))) for sign in (-1, 1))
    return 2 * math.atan2(apart, along)


def slow_slopes(x: np.ndarray, y: np.ndarray, angle: float) -> np.ndarray:
    """Slope of the angle along each band of x, by central differences of a thousandth of the distance to 0 or π."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    step = 1e-3 * min(angle, math.pi - angle) * np.linalg.norm(x)
    steps = step * np.eye(len(x))
    return np.array([(slow_angle(x + along, y) - slow_angle(x - along, y)) / (2 * step) for along in steps])


def oblique(scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Spectra of length `scale`, and others, 0.01 to 100 times as long, that make the angles of ANGLES with them."""
    rng = np.random.default_rng(0)
    first, across = np.linalg.qr(rng.normal(size=(len(ANGLES), BANDS, 2)))[0].transpose(2, 0, 1)
    angles = np.array(ANGLES)[:, None]
    second = (np.cos(angles) * first + np.sin(angles) * across) * 10 ** rng.uniform(-2, 2, angles.shape)
    return (scale * first).astype(np.float32), (scale * second).astype(np.float32)


def special() -> tuple[np.ndarray, np.ndarray]:
    """Zero, equal and opposite spectra, 16 of each kind: TensorFlow treats many at a time otherwise than one."""
    some = np.random.default_rng(1).normal(size=(16, BANDS)).astype(np.float32)
    zero = np.zeros_like(some)
    pairs = [(zero, zero), (zero, some), (some, zero), (some, some), (some, -some)]
    first, second = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    return first, second


def on_backend(backend: str, first: np.ndarray, second: np.ndarray) -> list[np.ndarray]:
    """Angles of tensors and the gradients of both, in a process of its own: Keras has one backend a process."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(PROJECT / 'Net')!r})\n{ON_BACKEND}"],
        input=json.dumps([first.tolist(), second.tolist()]),
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    used, *found = json.loads(done.stdout)
    assert used == backend
    return [np.array(part) for part in found]


@pytest.fixture(scope="module", params=hardware.BACKENDS)
def found(request: pytest.FixtureRequest) -> dict[Any, list[np.ndarray]]:
    """By the length of the spectra, or "special": angles and gradients."""
    if not hardware.is_installed(request.param):
        pytest.skip(f"{request.param} is not installed")
    cases = {**{scale: oblique(scale) for scale in SCALES}, "special": special(), "parallel": parallel()}
    together = on_backend(request.param, *(np.concatenate(parts) for parts in zip(*cases.values(), strict=True)))
    ends = np.cumsum([len(first) for first, _ in cases.values()])[:-1]
    return dict(zip(cases, zip(*(np.split(part, ends) for part in together), strict=True), strict=True))


def parallel() -> tuple[np.ndarray, np.ndarray]:
    """Spectra of one direction and of two lengths: float32 does not hold all of them exactly."""
    some = np.random.default_rng(2).normal(size=(50, BANDS)).astype(np.float32)
    return some, some * np.float32(0.3)


# Two unit spectra have some roundings each, by which their difference is off; then come an arc tangent and, near π, the
# 4 · ROUNDING between one float32 and the next.
@pytest.mark.parametrize("scale", SCALES)
def test_angles_are_right_from_0_to_pi(found: dict[Any, list[np.ndarray]], scale: float) -> None:
    expected = np.array([slow_angle(*pair) for pair in zip(*oblique(scale), strict=True)])
    np.testing.assert_allclose(expected, ANGLES, atol=1e-6)
    errors = np.abs(found[scale][0] - expected)
    assert (errors <= 4 * ROUNDING + 2 * ROUNDING * expected).all(), errors / ROUNDING


# A direction that is off by some roundings changes that of the gradient by as much over the sine of the angle.
@pytest.mark.parametrize("scale", SCALES)
def test_gradients_are_right_from_0_to_pi(found: dict[Any, list[np.ndarray]], scale: float) -> None:
    spectra = oblique(scale)
    for x, y, slopes in ((*spectra, found[scale][1]), (*spectra[::-1], found[scale][2])):
        for one, other, angle, slope in zip(x, y, ANGLES, slopes, strict=True):
            expected = slow_slopes(one, other, angle)
            length = np.linalg.norm(one.astype(np.float64))
            # The slope across is that of a circle: 1 / length.
            assert np.linalg.norm(expected) * length == pytest.approx(1, rel=1e-5)
            # 1e-6: what a step of a thousandth leaves out, the square of it.
            assert np.linalg.norm(slope - expected) * length < 1e-6 + 10 * ROUNDING / math.sin(angle), angle


def test_special_pairs(found: dict[Any, list[np.ndarray]]) -> None:
    angles, *slopes = found["special"]
    expected = np.repeat([0, math.pi / 2, math.pi / 2, 0, math.pi], 16)
    np.testing.assert_allclose(angles, expected, atol=2 * ROUNDING)
    np.testing.assert_allclose(SAM(*special()), expected, atol=1e-15)
    # There is no slope: the angle jumps at a zero spectrum, and turns back at 0 and π.
    for slope in slopes:
        assert (slope == 0).all()


# What rounding makes of parallel spectra has a direction, which means nothing, but no more weight than any other.
def test_gradients_of_parallel_spectra_are_not_larger_than_others(found: dict[Any, list[np.ndarray]]) -> None:
    angles, *slopes = found["parallel"]
    assert angles.max() < 4 * ROUNDING
    assert angles.max() > 0
    for spectra, slope in zip(parallel(), slopes, strict=True):
        assert (np.linalg.norm(slope, axis=1) * np.linalg.norm(spectra, axis=1) < 1.001).all()
