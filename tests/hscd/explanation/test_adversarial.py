"""Smallest changes across a threshold where they are known."""

import numpy as np

from hscd.explanation.adversarial import smallest_changes

W = np.array([3.0, 4])


def planes(pairs):
    """|w · (after − before)|: the border is a plane, at a distance of (D − t) / |w|."""
    projected = (pairs[:, 1].astype(np.float64) - pairs[:, 0]) @ W
    gradient = np.sign(projected)[:, None] * W
    return np.abs(projected), np.stack([-gradient, gradient], axis=1)


def ramps(pairs):
    """|max(0, before) − max(0, after)| of the first band: flat where the after spectrum is below 0."""
    bent = np.maximum(pairs[..., 0].astype(np.float64), 0)
    gradients = np.zeros(pairs.shape)
    gradients[:, 1, 0] = np.sign(bent[:, 1] - bent[:, 0]) * (pairs[:, 1, 0] > 0)
    return np.abs(bent[:, 1] - bent[:, 0]), gradients


def test_the_way_to_a_plane_is_the_perpendicular():
    # D = 10 and 1, t = 5, |w| = 5: 1 along −w, and 4 / 5 along w.
    pairs = np.array([[[1, 1], [1, 3.5]], [[1, 1], [1, 1.25]]])
    found = smallest_changes(planes, pairs, 5, np.random.default_rng(0))
    np.testing.assert_allclose(found, [-1 * W / 5, 0.8 * W / 5], atol=0.01)
    altered = pairs.copy()
    altered[:, 1] += found
    assert (planes(altered)[0] > 5).tolist() == [False, True]


def test_where_there_is_no_gradient_others_show_the_way():
    # From before 2 and after −1 the threshold 1 is crossed at after 1, a change of 2 in the first band alone; on the
    # way to the before spectrum, (3, 6), the second band would change by 4.
    pairs = np.array([[[2, 6], [-1, 0]], [[2, 0], [-5, 0]]], float)
    found = smallest_changes(ramps, pairs, 1, np.random.default_rng(0))
    np.testing.assert_allclose(found, [[2, 0], [6, 0]], atol=0.05)
    # An unchanged pair finds its way to the after spectrum of another one: from −1 to 4, of which 3 is enough.
    pairs = np.array([[[1, 0], [0, 0]], [[1, 0], [4, 0]]], float)
    found = smallest_changes(ramps, pairs, 2, np.random.default_rng(0))
    np.testing.assert_allclose(found, [[3, 0], [-1, 0]], atol=0.05)


def test_what_nothing_turns_is_nan():
    pairs = np.ones((3, 2, 2))
    found = smallest_changes(lambda some: (np.ones(len(some)), np.zeros(some.shape)), pairs, 0.5,
                             np.random.default_rng(0))  # fmt: skip
    assert np.isnan(found).all()
