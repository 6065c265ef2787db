"""Average precision, area under the ROC curve and the points of both curves."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from hscd.evaluation.curves import curves


def test_four_pixels_by_hand():
    # By falling score: changed, unchanged, changed, unchanged. Recall 1/2, 1/2, 1, 1; precision 1, 1/2, 2/3, 2/4.
    # Average precision 1/2 · 1 + 1/2 · 2/3 = 5/6. Of the four pairs of a changed and an unchanged pixel three are in
    # order: 3/4.
    found = curves(np.array([4, 3, 2, 1.0]), np.array([0, 1, 0, 1]))
    assert found.average_precision == pytest.approx(5 / 6)
    assert found.auroc == pytest.approx(3 / 4)
    np.testing.assert_allclose(found.recall, [0.5, 0.5, 1, 1])
    np.testing.assert_allclose(found.precision, [1, 0.5, 2 / 3, 0.5])
    np.testing.assert_allclose(found.false_positives, [0, 0, 0.5, 0.5, 1])
    np.testing.assert_allclose(found.true_positives, [0, 0.5, 0.5, 1, 1])


@pytest.mark.parametrize("levels", [5, 10_000])
def test_they_are_those_of_scikit_learn(levels):
    rng = np.random.default_rng(levels)
    truth = np.where(rng.random(3000) < 0.1, 0, 1)
    scores = np.floor(levels * (rng.random(3000) + 0.3 * (truth == 0)))
    found = curves(scores, truth)
    assert found.average_precision == pytest.approx(average_precision_score(truth == 0, scores))
    assert found.auroc == pytest.approx(roc_auc_score(truth == 0, scores))
    # Few points are kept, but each is one of the curve, both ends among them.
    precision, recall, _ = precision_recall_curve(truth == 0, scores)
    every = set(zip(recall.round(9), precision.round(9), strict=True))
    kept = list(zip(found.recall.round(9), found.precision.round(9), strict=True))
    assert set(kept) <= every
    assert found.recall[-1] == 1
    false, true, _ = roc_curve(truth == 0, scores, drop_intermediate=False)
    rates = list(zip(found.false_positives.round(9), found.true_positives.round(9), strict=True))
    assert set(rates) <= set(zip(false.round(9), true.round(9), strict=True))
    assert (rates[0], rates[-1]) == ((0, 0), (1, 1))
    assert len(kept) <= 202


def test_unknown_and_masked_pixels_have_no_part():
    scores, truth = np.array([[4, 3, 2, 1, 9, np.nan]]), np.array([[0, 1, 0, 1, 2, 0]])
    assert curves(scores, truth).average_precision == pytest.approx(5 / 6)


@pytest.mark.parametrize("truth", [[0, 0], [1, 1], [2, 2], [0, 2]])
def test_of_one_class_there_are_none(truth):
    assert curves(np.array([1.0, 2.0]), np.array(truth)) is None
