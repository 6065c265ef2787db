"""What the members of an ensemble say together."""

import numpy as np
import pytest

from detector_scenes import scene_of
from hscd.evaluation import ensemble
from hscd.evaluation.ensemble import Members
from hscd.scores import Cut, ScoreMap

NAN = float("nan")


def members_of(probabilities, labels):
    found = Members((1, len(labels[0])))
    for probability, of_member in zip(probabilities, labels, strict=True):
        found.add(np.array([probability], np.float32), np.array([of_member], np.uint8))
    return found


@pytest.mark.parametrize(("all_bands", "fitted"), [(True, 2), (False, 5)])
def test_members_alike_are_taken_for_all_only_if_they_see_the_same(all_bands, fitted):
    scores = np.array([[1.0, 5.0], [2.0, 9.0]], np.float32)
    scene, asked = scene_of(np.zeros((2, 2, 1), np.float32), np.ones((2, 2, 1), np.float32)), []

    def member(name, number):
        asked.append(number)
        return ScoreMap(scores, scene.grid, name), Cut(4.0)

    found = ensemble.ensembled(scene, [("ED", number) for number in range(5)], member, all_bands)
    assert (len(asked), len(found.members), found.sums.count) == (fitted, 5, 5)
    assert found.alike == (["ED"] if all_bands else [])


def test_three_members_by_hand():
    found = members_of(
        [[0.2, 0.05, 0.95, NAN], [0.4, 0.05, 0.95, NAN], [0.9, 0.05, 0.95, NAN]],
        [[1, 1, 0, 2], [0, 1, 0, 2], [0, 1, 0, 2]],
    )
    np.testing.assert_allclose(found.probability, [[0.5, 0.05, 0.95, NAN]], atol=1e-7)
    # Deviations of the first pixel: −0.3, −0.1 and 0.4, √(0.26/3).
    np.testing.assert_allclose(found.spread, [[np.sqrt(0.26 / 3), 0, 0, NAN]], atol=1e-7)
    # (2 + 0.5)/4, (0 + 0.05)/4, (3 + 0.95)/4.
    np.testing.assert_allclose(found.score, [[0.625, 0.0125, 0.9875, NAN]], atol=1e-7)
    assert found.disagree.tolist() == [[True, False, False, False]]
    assert found.uncertain.tolist() == [[True, False, False, False]]


# Pixels: all for change; improbable, but most are for change; halves, one probable, one not; one of four.
def test_the_majority_decides_and_between_halves_the_probability():
    labels = [[0, 0, 0, 0, 0], [0, 0, 0, 0, 1], [0, 0, 1, 1, 1], [0, 1, 1, 1, 1]]
    found = members_of([[0.9, 0.1, 0.6, 0.4, 0.99]] * 4, labels)
    assert (found.score > 0.5).tolist() == [[True, True, True, False, False]]
    # Of three members too: two, one, and of one member its own label.
    assert (members_of([[0.01, 0.99]] * 3, [[0, 0], [0, 1], [1, 1]]).score > 0.5).tolist() == [[True, False]]
    assert (members_of([[0.01, 0.99]], [[0, 1]]).score > 0.5).tolist() == [[True, False]]


# Between .1 and .9, at the ends not; members that disagree, however probable it is.
def test_what_is_uncertain():
    probability = [np.float32(0.1), 0.11, 0.5, 0.89, np.float32(0.9), 0.05, 0.95]
    found = members_of([probability] * 2, [[1, 1, 1, 0, 0, 1, 0], [1, 1, 1, 0, 0, 0, 1]])
    found._mean[:] = [probability]
    assert found.uncertain.tolist() == [[False, True, True, True, False, True, True]]


def test_a_slow_way_gives_the_same(monkeypatch):
    monkeypatch.setattr(ensemble, "_BLOCK_PIXELS", 7)
    rng = np.random.default_rng(0)
    probabilities = rng.random((6, 5, 9)).astype(np.float32)
    labels = rng.integers(0, 2, (6, 5, 9)).astype(np.uint8)
    found, times = Members((5, 9)), [1, 3, 1, 2, 1, 1]
    for probability, of_member, count in zip(probabilities, labels, times, strict=True):
        found.add(probability, of_member, count)
    every = np.repeat(probabilities, times, axis=0).astype(float)
    votes = (np.repeat(labels, times, axis=0) == 0).sum(axis=0)
    assert found.count == 9
    np.testing.assert_allclose(found.probability, every.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(found.spread, every.std(axis=0), atol=1e-6)
    np.testing.assert_allclose(found.score, (votes + every.mean(axis=0)) / 10, atol=1e-6)
    np.testing.assert_array_equal(found.disagree, (votes > 0) & (votes < 9))
    assert (found.probability.dtype, found.spread.dtype, found.score.dtype) == (np.float32,) * 3


# A probability near 1 with tiny deviations: the difference of two sums of squares would lose them in float32.
def test_small_spreads_are_not_lost():
    found = members_of([[0.999], [0.9991], [0.9992]], [[0], [0], [0]])
    assert found.spread[0, 0] == pytest.approx(1e-4 * np.sqrt(2 / 3), rel=2e-3)
