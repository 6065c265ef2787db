"""Fewer pseudo-labels, at a ratio: numbers by hand, and what holds for any."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hscd.selections.thinning import thinned


def selected(changed, unchanged):
    """Positions 0, 10, 20, … unchanged first, as a selection by percentage gives them."""
    labels = np.array([1] * unchanged + [0] * changed, np.uint8)
    return 10 * np.arange(len(labels)), labels


def counts(found):
    positions, labels = found
    assert labels.dtype == np.uint8
    assert len(positions) == len(labels) == len(set(positions.tolist()))
    return int((labels == 0).sum()), int((labels == 1).sum())


def like(changed, unchanged, unknown=3):
    return np.array([[0] * changed + [1] * unchanged + [2] * unknown])


def rng():
    return np.random.default_rng(0)


# 10 and 40 are 1 : 4. Of 30 changed and 60 unchanged, 60 / 4 = 15 of the changed stay; of 5 and 60, 5 · 4 = 20 of the
# others; of 15 and 60 all; of 7 and 30, 30 · 10 // 40 = 7 and 7 · 4 = 28.
@pytest.mark.parametrize(
    ("given", "left"), [((30, 60), (15, 60)), ((5, 60), (5, 20)), ((15, 60), (15, 60)), ((7, 30), (7, 28))]
)
def test_the_favoured_class_is_thinned_to_the_ratio(given, left):
    assert counts(thinned(selected(*given), rng(), like=like(10, 40))) == left


# 20 of 30 and 60 are 6.67 and 13.33; of 1 and 99 that would be 0.2, but a training needs two.
@pytest.mark.parametrize(
    ("given", "limit", "left"),
    [((30, 60), 20, (7, 13)), ((30, 60), 90, (30, 60)), ((30, 60), 91, (30, 60)), ((2, 98), 10, (2, 8)),
     ((1, 98), 10, (1, 9)), ((98, 2), 10, (8, 2)), ((4, 2), 4, (2, 2)), ((0, 50), 10, (0, 10)), ((50, 0), 10, (10, 0))],
)  # fmt: skip
def test_a_limit_keeps_the_ratio_of_the_classes(given, limit, left):
    assert counts(thinned(selected(*given), rng(), limit=limit)) == left


def test_ratio_comes_before_limit():
    # 15 and 60 by the ratio, as above; of these 75, 25 are 5 and 20.
    assert counts(thinned(selected(30, 60), rng(), like=like(10, 40), limit=25)) == (5, 20)


def test_a_rare_class_keeps_two_pixels():
    assert counts(thinned(selected(9, 100), rng(), like=like(1, 1000))) == (2, 100)


@pytest.mark.parametrize("known", [like(0, 5), like(5, 0), like(0, 0)])
def test_without_both_classes_there_is_no_ratio(known):
    assert counts(thinned(selected(9, 20), rng(), like=known)) == (9, 20)


@given(
    changed=st.integers(0, 40), unchanged=st.integers(0, 40), known=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    limit=st.none() | st.integers(4, 90), seed=st.integers(0, 9),
)  # fmt: skip
def test_what_stays_is_a_part_in_its_order(changed, unchanged, known, limit, seed):
    positions, labels = selected(changed, unchanged)
    found, of_found = thinned((positions, labels), np.random.default_rng(seed), like=like(*known), limit=limit)
    assert (np.diff(found) > 0).all()
    np.testing.assert_array_equal(of_found, labels[found // 10])
    assert limit is None or len(found) <= limit
    again, _ = thinned((positions, labels), np.random.default_rng(seed), like=like(*known), limit=limit)
    np.testing.assert_array_equal(found, again)


def test_every_pixel_has_the_same_chance():
    found = [thinned(selected(20, 20), np.random.default_rng(seed), limit=20)[0] for seed in range(400)]
    # Each stays in half of 400 draws, give or take 10; five times that.
    times = np.bincount(np.concatenate(found) // 10, minlength=40)
    assert (abs(times - 200) < 50).all()
