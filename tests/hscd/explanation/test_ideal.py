"""Gradient ascent on spectra whose best change is known."""

import numpy as np
import pytest

from hscd.explanation.ideal import ideal_spectrum, variation

START, LOW, HIGH = np.array([1.0, 2, 3, 4]), np.array([0.0, 2, 1, 0]), np.array([2.0, 2, 5, 10])


def absolute(weights):
    """|w · (after − before)|, whose gradient is none between equal spectra."""

    def differentiate(pairs):
        projected = (pairs[:, 1].astype(np.float64) - pairs[:, 0]) @ weights
        gradient = np.sign(projected)[:, None] * weights
        return np.abs(projected), np.stack([-gradient, gradient], axis=1)

    return differentiate


def found(weights, smoothness, threshold=0.5):
    rng = np.random.default_rng(0)
    return ideal_spectrum(absolute(np.array(weights)), START, (LOW, HIGH), threshold, smoothness, rng)


def test_without_smoothness_each_band_goes_as_far_as_it_may():
    # Up with the first and third band, down with the last one, or the other way round, which is less: 1 + 2 + 4 against
    # 1 + 2 + 6 where the last one goes up. The second one cannot move.
    ideal = found([1.0, 9, 1, -1], 0)
    np.testing.assert_allclose(ideal.spectrum, [0, 2, 1, 10], atol=1e-3)
    assert ideal.distance == pytest.approx(9, abs=1e-3)
    # By range: −1/2, 0, −1/2, 6/10.
    assert ideal.variation == pytest.approx(0.25 + 0.25 + 1.21, abs=1e-3)


def test_smoothness_is_weighed_against_the_distance():
    # One band of range 10 beside one that cannot move: with x the change by range, 10 x / t − s x² (twice where it has
    # two neighbours) is greatest at x = 10 / (2 s t), here 0.25.
    ideal = found([0.0, 0, 0, 1], 40, threshold=0.5)
    changes = (ideal.spectrum - START) / np.array([2, 1, 4, 10])
    # The third band follows half of the way, as the second one stays: x3 = x4 / 2, and x4 = 10 / (s t), 0.5.
    np.testing.assert_allclose(changes, [0, 0, 0.25, 0.5], atol=0.02)
    assert found([0.0, 0, 0, 1], 400).variation < ideal.variation


def test_variation():
    assert variation(np.array([[0, 1, 3], [2, 2, 2]])).tolist() == [5, 0]


def test_the_best_of_the_way_counts_not_its_end():
    # The gradient leads on to the end of each range, past the greatest distance at a third band of 3.4.
    def peaked(pairs):
        gradients = np.zeros(pairs.shape)
        gradients[:, 1, 2] = 1
        return 9 - np.abs(pairs[:, 1, 2] - 3.4), gradients

    ideal = ideal_spectrum(peaked, START, (LOW, HIGH), 0.5, 0, np.random.default_rng(0))
    assert ideal.spectrum[2] == pytest.approx(3.4, abs=0.05)
    assert ideal.distance == pytest.approx(9, abs=0.05)
