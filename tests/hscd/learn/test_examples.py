"""Labelled pairs and triplets to look at, on images whose spectra say which pixel they are of."""

import numpy as np
import pytest

from hscd.heads import HEADS
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.learn.examples import Examples, Triplets, examples
from hscd.reports import examples as pictures

# One band, ED: (before, after) of five pixels. Unchanged ones are 1 and 5 apart, changed ones 3, 4 and 9.
BEFORE = np.array([[[0.0], [20], [40], [60], [80]]])
AFTER = np.array([[[1.0], [25], [43], [64], [89]]])
LABELS = np.array([[UNCHANGED, UNCHANGED, CHANGED, CHANGED, CHANGED]], np.uint8)


def found(labels=LABELS, **more):
    options = {"count": 4, "rescaled": False, "negatives": "pairs", "seed": 0} | more
    return examples((BEFORE, AFTER), labels, HEADS["ED"], **options)


def triplets_by_anchor(triplets):
    return {
        float(unchanged[0, 0]): (changed.ravel().tolist(), positive, negative)
        for unchanged, changed, positive, negative in zip(*triplets, strict=True)
    }


def test_pairs_are_of_their_class_before_and_after():
    drawn = found().pairs
    assert sorted(pair.ravel().tolist() for pair in drawn[UNCHANGED]) == [[0, 1], [20, 25]]
    assert sorted(pair.ravel().tolist() for pair in drawn[CHANGED]) == [[40, 43], [60, 64], [80, 89]]


# The least distance above 1 is 3; above 5 it is 9, where 3 and 4 are below.
def test_triplets_are_set_against_changed_pairs():
    near, far = (triplets_by_anchor(found().triplets)[anchor] for anchor in (0.0, 20.0))
    assert (near[0], *near[1:]) == ([40, 43], pytest.approx(1), pytest.approx(3))
    assert (far[0], *far[1:]) == ([80, 89], pytest.approx(5), pytest.approx(9))


# No changed pair is 9 apart: the largest, 3, is taken.
def test_without_a_larger_distance_the_largest_counts():
    labels = np.array([[CHANGED, UNKNOWN, CHANGED, UNKNOWN, UNCHANGED]], np.uint8)
    assert triplets_by_anchor(found(labels).triplets) == {80.0: ([40, 43], pytest.approx(9), pytest.approx(3))}


# From 0 the after spectra of changed pairs, 43, 64 and 89, are that far; from 20 they are 23, 44 and 69 away.
def test_or_against_spectra():
    at = triplets_by_anchor(found(negatives="spectra").triplets)
    assert [at[anchor][2] for anchor in (0.0, 20.0)] == pytest.approx([43, 23])
    assert [at[anchor][0] for anchor in (0.0, 20.0)] == [[40, 43], [40, 43]]


# All spectra lie within 0 and 89.
def test_distances_are_those_of_rescaled_bands():
    assert triplets_by_anchor(found(rescaled=True).triplets)[0.0][1:] == pytest.approx((1 / 89, 3 / 89))


def test_no_more_than_asked_for_and_by_the_seed():
    labels = np.where(np.arange(400) < 200, CHANGED, UNCHANGED).reshape(20, 20)
    images = tuple(np.random.default_rng(5).random((2, 20, 20, 3)))
    options = {"count": 4, "rescaled": True, "negatives": "pairs"}
    one, same, other = (examples(images, labels, HEADS["SAM"], seed=seed, **options) for seed in (0, 0, 1))
    assert {len(pairs) for pairs in one.pairs.values()} == {len(one.triplets.positive)} == {4}
    np.testing.assert_array_equal(one.triplets.changed, same.triplets.changed)
    assert not np.array_equal(one.pairs[CHANGED], other.pairs[CHANGED])


@pytest.mark.parametrize("only", [CHANGED, UNCHANGED])
def test_one_class_alone_makes_no_triplets_and_is_drawn(tmp_path, only):
    drawn = found(np.where(only == LABELS, LABELS, np.uint8(UNKNOWN)))
    assert (list(drawn.pairs), drawn.triplets) == ([only], None)
    pictures.write(tmp_path / "e.png", drawn, np.arange(1, 2), None, "pairs", "title")
    assert (tmp_path / "e.png").stat().st_size > 1000


def test_gaps_are_in_all_spectra():
    pairs = np.arange(12.0).reshape(2, 2, 3)
    distances = np.array([1.0, 2.0])
    found = Examples({0: pairs, 1: pairs + 1}, Triplets(pairs, pairs + 2, distances, distances))
    gaps = found.with_gaps(np.array([False, True, False]))
    for before, after in zip(
        [*found.pairs.values(), *found.triplets[:2]], [*gaps.pairs.values(), *gaps.triplets[:2]], strict=True
    ):
        assert np.isnan(after[:, :, 1]).all()
        np.testing.assert_array_equal(after[:, :, ::2], before[:, :, ::2])
    assert gaps.triplets.positive is distances
