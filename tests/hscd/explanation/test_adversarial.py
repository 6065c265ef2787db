"""Smallest changes across a threshold where they are known."""

import numpy as np

from hscd.explanation import adversarial
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


def squares(pairs):
    """|after − before|²: the border is a sphere around the before spectrum."""
    change = pairs[:, 1].astype(np.float64) - pairs[:, 0]
    return (change**2).sum(axis=-1), np.stack([-2 * change, 2 * change], axis=1)


def test_steps_along_the_gradient_go_just_beyond_the_border_and_never_far():
    # One step to a plane: from 10 and 1 to 1 % beyond 5.
    pairs = np.array([[[1, 1], [1, 3.5]], [[1, 1.75], [1, 2]]])
    border = adversarial._Border(planes, pairs, 5)
    np.testing.assert_allclose(border.at(adversarial._along_gradient(border))[0], [4.95, 5.05], atol=1e-4)
    # From 16 to 1 many steps. From 0.01² to 1 the gradient, 0.02, asks for a step of 50; half the spectrum, 2.5, is the
    # longest one, and there it ends.
    pairs = np.array([[[3, 4], [7, 4]], [[2.99, 4], [3, 4]]])
    border = adversarial._Border(squares, pairs, 1)
    changes = adversarial._along_gradient(border)
    assert border.turned(changes).all()
    np.testing.assert_allclose(changes, [[-3.005, 0], [2.5, 0]], atol=0.005)


def test_of_other_spectra_the_nearest_that_turns_the_label_shows_the_way():
    # Of before 1 and threshold 2 an after spectrum beyond 3 is changed: 9, 4 and 6.
    pairs = np.array([[[1, 0], [after, 0]] for after in (0, 9, 4, 6)], float)
    border = adversarial._Border(ramps, pairs, 2)
    for seed in range(3):
        assert adversarial._towards_others(border, np.random.default_rng(seed))[0].tolist() == [4, 0]


def test_a_change_is_shortened_along_a_border_that_is_not_flat(monkeypatch):
    # The sphere is 1 away; the first way found leads past it, to (9, 0.9).
    monkeypatch.setattr(adversarial, "_along_gradient", lambda border: np.array([[-2, 0.9]]))

    def found(start, threshold):
        return smallest_changes(squares, np.array([[[0, 0], [start, 0]]], float), threshold, np.random.default_rng(0))[
            0
        ]

    np.testing.assert_allclose(found(11, 100), [-1, 0], atol=0.05)
    # Of a small sphere the foot of the perpendicular lies outside, and does not count.
    change = found(2, 1)
    assert np.hypot(2 + change[0], change[1]) <= 1
