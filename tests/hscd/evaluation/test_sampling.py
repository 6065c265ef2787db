"""Stratified random samples: their size, how they are divided, and that each pixel has the same chance."""

import math

import numpy as np
import pytest

from hscd.evaluation.sampling import allocation, draw, expected_error, sample_size

# Olofsson et al. (2014), table 5: shares of the map, user's accuracies that are expected.
WEIGHTS, ACCURACIES = np.array([0.02, 0.015, 0.32, 0.645]), np.array([0.7, 0.6, 0.9, 0.95])


def test_the_size_is_that_of_the_published_example():
    # √(0.7·0.3) = 0.458, 0.490, 0.3, 0.218; 0.00917 + 0.00735 + 0.096 + 0.14057 = 0.25309; (0.25309/0.01)² = 640.5
    assert sample_size(WEIGHTS, ACCURACIES, 0.01) == 641
    assert sample_size(np.ones(1), np.array([0.1]), 0.03) == 100  # (0.3/0.03)², a whole number but for rounding
    assert sample_size(np.ones(1), np.array([0.1]), 0.0299) == 101


def test_the_error_that_is_expected():
    # √(0.1²·0.25/24 + 0.9²·0.09/99)
    found = expected_error(np.array([0.1, 0.9]), np.array([0.5, 0.9]), np.array([25, 100]))
    assert found == pytest.approx(math.sqrt(0.0025 / 24 + 0.0729 / 99))
    assert expected_error(np.array([0.0, 1.0]), np.array([0.5, 0.9]), np.array([0, 101])) == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("pixels", "size", "minimum", "expected"),
    [
        # In the paper's way: 75 to each rare class, of the other 490 points 0.32/0.965 = 162.49 and 327.51.
        ([200_000, 150_000, 3_200_000, 6_450_000], 640, 75, [75, 75, 162, 328]),
        ([1000, 9000], 500, 20, [50, 450]),  # in proportion
        ([100, 9900], 500, 75, [75, 425]),
        ([30, 9970], 500, 75, [30, 470]),  # all that there are
        ([100, 9900], 100, 75, [50, 50]),  # no more than each can have
        ([0, 9900], 100, 75, [0, 100]),
        ([9900, 0], 2, 75, [2, 0]),
        ([1, 9900], 3, 75, [1, 2]),
        ([5, 7], 12, 75, [5, 7]),
        ([5000, 5000, 5000], 100, 2, [34, 33, 33]),
        # 1, 10.3 and 88.7 by share; the first gets 10, and then the second is short too: 90·103/990 = 9.4.
        ([10, 103, 887], 100, 10, [10, 10, 80]),
    ],
)
def test_points_are_divided(pixels, size, minimum, expected):
    assert allocation(np.array(pixels), size, minimum).tolist() == expected


@pytest.mark.parametrize(("pixels", "size"), [([5, 7], 13), ([50, 70], 3), ([50, 0], 1)])
def test_points_that_cannot_be_divided(pixels, size):
    with pytest.raises(ValueError, match="cannot be drawn"):
        allocation(np.array(pixels), size, 75)


def test_any_sizes_are_divided_without_a_point_lost_or_too_many():
    rng = np.random.default_rng(0)
    for _ in range(300):
        pixels = rng.integers(0, rng.choice([10, 100, 100_000]), rng.integers(1, 5))
        least = int(np.minimum(pixels, 2).sum())
        if not least:
            continue
        size = int(rng.integers(least, pixels.sum() + 1))
        minimum = int(rng.integers(2, 100))
        points = allocation(pixels, size, minimum)
        assert points.sum() == size
        assert (points <= pixels).all()
        assert (points >= np.minimum(pixels, min(minimum, size // np.count_nonzero(pixels)))).all()


def test_pixels_of_each_class_are_drawn_without_repetition_and_in_random_order():
    labels = np.random.default_rng(5).integers(0, 3, (40, 50))
    rows, columns = draw(labels, {0: 100, 1: 200}, np.random.default_rng(1))
    found = labels[rows, columns]
    assert [np.count_nonzero(found == label) for label in range(3)] == [100, 200, 0]
    assert len(set(zip(rows.tolist(), columns.tolist(), strict=True))) == 300
    # By lot, 100 of the first 150 would be of the second class: ± √(150·⅓·⅔·½) = 4.
    assert 84 < np.count_nonzero(found[:150] == 1) < 116
    assert np.count_nonzero(np.diff(rows) < 0) > 100


def test_every_pixel_has_the_same_chance():
    labels = np.array([[0, 1, 0, 1], [1, 1, 0, 1], [1, 0, 1, 0]])
    times = np.zeros(labels.shape)
    rng = np.random.default_rng(2)
    for _ in range(3000):
        times[draw(labels, {0: 2, 1: 3}, rng)] += 1
    # 2 of 5 and 3 of 7; the standard deviation of 3000 tries is 27.
    assert np.abs(times - np.where(labels == 0, 1200, 3000 * 3 / 7)).max() < 110


def test_the_same_seed_draws_the_same_points_and_all_can_be_drawn():
    labels = np.array([[0, 1], [1, 0]])
    for count in (1, 2):
        first, second = (draw(labels, {0: count, 1: count}, np.random.default_rng(7)) for _ in range(2))
        assert np.array_equal(first, second)
    assert sorted(zip(*(part.tolist() for part in first), strict=True)) == [(0, 0), (0, 1), (1, 0), (1, 1)]
