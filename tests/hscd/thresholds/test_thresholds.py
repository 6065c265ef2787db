"""Otsu's threshold: scikit-image's, with clear behaviour where that one has none."""

import numpy as np
import pytest
from skimage.filters import threshold_otsu

from conftest import SHARED, needs_shared
from hscd.system import storage
from hscd.system.errors import InputError
from hscd.thresholds import THRESHOLDS
from hscd.thresholds.otsu import otsu


def two_hills(seed, size=3000, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.gamma(2, 0.1, size), rng.normal(2, 0.3, size // 3)]).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(3))
def test_equals_scikit_image(seed, dtype):
    distances = two_hills(seed, dtype=dtype)
    assert otsu(distances) == threshold_otsu(distances)


def test_is_a_plain_float_for_any_shape():
    distances = two_hills(0, dtype=np.float32)
    assert type(otsu(distances)) is float
    assert otsu(distances.reshape(40, -1)) == otsu(distances)


# Two values only: whatever the threshold is, it must put them into different classes.
def test_two_values_are_separated():
    distances = np.array([0.25] * 7 + [0.75] * 3)
    assert 0.25 <= otsu(distances) < 0.75


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_ignored(bad):
    distances = two_hills(1)
    with_bad = np.concatenate([[bad], distances[:100], [bad, bad], distances[100:]])
    assert otsu(with_bad) == threshold_otsu(distances)


def test_input_is_not_mutated():
    distances = two_hills(2)
    distances[5] = np.nan
    original = distances.copy()
    otsu(distances)
    np.testing.assert_array_equal(distances, original)


@pytest.mark.parametrize(
    "distances",
    [
        np.full(10, 0.5),
        np.zeros((3, 4), dtype=np.float32),
        np.array([1.0]),
        np.array([1.0, np.nan, 1.0]),
        np.array([2.0, np.inf, 2.0]),
        np.full(4, np.nan),
        np.array([]),
    ],
    ids=["constant", "zeros", "single", "constant and NaN", "constant and inf", "all NaN", "empty"],
)
def test_undefined_is_an_input_error(distances):
    with pytest.raises(InputError, match="Otsu's threshold is undefined"):
        otsu(distances)


# A network whose units have all died answers every pair with one value, but for the last digits of float32:
# 1 + k·2⁻²³. 256 bins do not fit between such numbers.
@pytest.mark.parametrize("steps", [1, 20, 200])
def test_constant_but_for_rounding_is_an_input_error_or_a_separating_threshold(steps):
    distances = np.array([1.0] * 50 + [1 + steps * 2.0**-23] * 5, dtype=np.float32)
    try:
        threshold = otsu(distances)
    except InputError:
        return
    assert distances.min() <= threshold < distances.max()


@needs_shared
def test_legacy_pseudo_labels_of_bay_area():
    legacy = storage.read_pickle(SHARED / "legacy" / "bayarea.pickle")
    # Both numbers are given in section 7 of the specification; 600 · 500 = 300,000 pixels.
    assert otsu(legacy["distances"]) == 0.24991151306713982
    assert legacy["threshold"] == 0.24991151306713982
    assert tuple(legacy["shape"]) == (600, 500)
    assert legacy["distances"].size == 300_000


@pytest.mark.parametrize("name", ["otsu", "li", "kmeans", "triangle"])
@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.uint8])
def test_masked_scores_are_left_out(name, dtype):
    scores = np.ma.masked_greater(np.array([1, 2, 1, 9, 8, 200], dtype), 100)
    shown = THRESHOLDS[name](np.array([1, 2, 1, 9, 8], np.float64))
    assert THRESHOLDS[name](scores).value == pytest.approx(shown.value)
    assert THRESHOLDS[name](scores.data).value > shown.value


@pytest.mark.parametrize(("name", "options"), [("otsu", {}), ("kmeans", {}), ("empirical_null", {"degrees": 3})])
@pytest.mark.parametrize("scores", [[], [np.nan, np.inf]])
def test_no_scores_are_told_from_equal_ones(name, options, scores):
    with pytest.raises(InputError, match=r"is a finite number$"):
        THRESHOLDS[name](scores, **options)
    with pytest.raises(InputError, match="are equal: "):
        THRESHOLDS[name]([1.0, 1.0], **options)
