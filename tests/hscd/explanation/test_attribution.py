"""Integrated gradients: values derived by hand, and the sums that they have to come to."""

from functools import partial

import numpy as np
import pytest

from hscd.explanation.attribution import Attributions, integrated_gradients
from hscd.heads import HEADS

WEIGHTS = np.array([1.0, 0, -2])


def weighted_squares(pairs):
    """Σ w (after − before)²."""
    change = pairs[:, 1].astype(np.float64) - pairs[:, 0]
    gradient = 2 * WEIGHTS * change
    return (WEIGHTS * change**2).sum(axis=-1), np.stack([-gradient, gradient], axis=1)


def test_each_date_gets_half_of_what_a_band_adds():
    # From the mean of both spectra the change grows from 0 to c, so the gradient 2wc in the mean is wc, and each date
    # goes c / 2: w c² / 2 each.
    pairs = np.array([[[1, 5, 2], [4, 1, 2.5]], [[0, 0, 0], [0, 0, 0]]])
    found = integrated_gradients(weighted_squares, pairs, steps=3)
    np.testing.assert_allclose(found.values[0], [[4.5, 0, -0.25]] * 2)
    assert not found.values[1].any()
    assert (found.distances.tolist(), found.baselines.tolist()) == ([8.5, 0], [0, 0])
    assert found.error < 1e-12


def test_the_error_is_what_the_sums_miss():
    # A step function of the change leaps where no gradient sees it: all of it is missed.
    def leap(pairs):
        return (np.abs(pairs[:, 1] - pairs[:, 0]).sum(axis=-1) > 1) * 1.0, np.zeros(pairs.shape)

    assert integrated_gradients(leap, np.array([[[0.0], [3]]])).error == 1
    assert integrated_gradients(leap, np.empty((0, 2, 3))).error == 0
    # Of 3 − 1 and 1 − 1 the sums miss 0.5 each.
    assert Attributions(np.array([[[1.5], [0]], [[0], [0.5]]]), np.array([3.0, 1]), np.ones(2)).error == 0.5


@pytest.mark.parametrize("head", HEADS)
def test_attributions_of_a_network_sum_up_to_the_difference_of_distances(head):
    from hscd.learn.training import gradients
    from hscd.networks.siamese import build_net

    parameters = {
        "dropout_rate": 0.2, "dropout_rate_1": 0.2, "lr": 1e-3, "layer": 12, "layer_1": 10, "layer_2": 8,
        "fourth_layer": False, "margin": 1.0, "score_function": head,
    }  # fmt: skip
    network = partial(gradients, build_net((6,), parameters, seed=1))
    pairs = np.random.default_rng(0).random((40, 2, 6), dtype=np.float32)
    found = integrated_gradients(network, pairs, steps=200)
    np.testing.assert_allclose(found.values.sum(axis=(1, 2)), found.distances - found.baselines, rtol=0.02, atol=2e-3)
    assert found.distances.min() > (0.002 if head == "COS" else 0.02)  # 1 - cos is half the square of a small angle
    assert found.error < 0.01
    assert integrated_gradients(network, pairs, steps=2).error > found.error
