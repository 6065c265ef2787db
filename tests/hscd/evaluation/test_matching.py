"""Kinds matched with classes: by hand, and against a slow search through all assignments."""

from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, cohen_kappa_score

from hscd.evaluation.matching import matched
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN, classes_of, remap


def expanded(counts):
    """Values and classes whose table of counts is the given one."""
    pairs = [(kind, cls) for kind, row in enumerate(counts) for cls, n in enumerate(row) for _ in range(n)]
    values, classes = np.array(pairs, np.uint8).reshape(-1, 2).T
    return values[None], classes[None], np.where(classes > 0, CHANGED, UNCHANGED)[None]


# Kind 1 is class 2 (7 pixels), kind 2 class 1 (5). With the unchanged, 20 + 7 + 5 = 32 of 40 agree; by chance
# (23·23 + 9·9 + 8·8) / 40² = (529 + 81 + 64) / 1600 = 0.42125, so kappa is (0.8 − 0.42125) / 0.57875. Of the changed
# in both, 12 of 14 agree; by chance (8·8 + 6·6) / 14² = 100 / 196: kappa (168 − 100) / (196 − 100).
def test_kinds_and_classes_by_hand():
    found = matched(*expanded([[20, 2, 1], [1, 1, 7], [2, 5, 1]]))
    assert found.counts.tolist() == [[20, 2, 1], [1, 1, 7], [2, 5, 1]]
    assert found.assigned.tolist() == [2, 1]
    assert found.kappa == pytest.approx((0.8 - 674 / 1600) / (1 - 674 / 1600))
    assert found.kappa_of_changed == pytest.approx(68 / 96)


@pytest.mark.parametrize(("kinds", "classes"), [(3, 3), (2, 4), (4, 2), (1, 3), (3, 1)])
def test_no_other_assignment_agrees_in_more_pixels(kinds, classes):
    rng = np.random.default_rng(kinds * 10 + classes)
    counts = rng.integers(1, 20, (kinds + 1, classes + 1))
    values, of_class, truth = expanded(counts)
    found = matched(values, of_class, truth)
    columns = [*range(1, classes + 1), *[0] * kinds]

    def agreeing(chosen):
        return sum(counts[kind + 1, cls] for kind, cls in enumerate(chosen) if cls)

    assert agreeing(found.assigned) == max(agreeing(chosen) for chosen in permutations(columns, kinds))
    taken = [cls for cls in found.assigned if cls]
    assert len(set(taken)) == len(taken) == min(kinds, classes)
    # Against scikit-learn: a kind that is no class is one of its own.
    names = np.concatenate([[0], np.where(found.assigned > 0, found.assigned, 100 + np.arange(kinds))])
    assert found.kappa == pytest.approx(cohen_kappa_score(names[values[0]], of_class[0]))
    both = (values[0] > 0) & (of_class[0] > 0)
    if max(kinds, classes) > 1:
        assert found.kappa_of_changed == pytest.approx(cohen_kappa_score(names[values[0]][both], of_class[0][both]))
    assert found.rand_index == pytest.approx(adjusted_rand_score(values[0][both], of_class[0][both]))


def test_pixels_that_are_not_known_do_not_count():
    values = np.array([[1, 1, 2, 255, 0, 1]], np.uint8)
    classes = np.array([[1, 1, 2, 2, 1, 2]], np.uint8)
    truth = np.array([[CHANGED, CHANGED, CHANGED, CHANGED, UNCHANGED, UNKNOWN]])
    found = matched(values, classes, truth)
    # What is unchanged has no class, whatever its number.
    assert found.counts.tolist() == [[1, 0, 0], [0, 2, 0], [0, 0, 1]]
    assert found.kappa == found.rand_index == 1


def test_where_nothing_is_changed_in_both_there_is_no_agreement():
    found = matched(*expanded([[5, 3, 2], [4, 0, 0]]))
    assert np.isnan(found.rand_index)
    assert np.isnan(found.kappa_of_changed)


def test_classes_of_labels_are_the_values_in_their_order():
    labels = np.ma.array([[7, 3, 0], [3, 7, 9]], mask=[[False, False, False], [True, False, False]])
    np.testing.assert_array_equal(classes_of(labels, (3, 7)), [[2, 1, 0], [0, 2, 0]])
    assert (remap(labels, (3, 7), 0, 9) == [[0, 0, 1], [2, 0, 2]]).all()


@pytest.mark.parametrize("changed", [(), (3,), (3, 8)])
def test_labels_of_one_class_of_change_have_no_classes(changed):
    assert classes_of(np.array([[3, 3, 0]]), changed) is None
