"""Probabilities of change from scores and pseudo-labels."""

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from hscd.evaluation.probability import probability_of_change


def test_it_is_the_isotonic_regression_of_pseudo_labels_on_scores():
    # Few levels of score, so that each is a bin of its own: 40,000 pixels, so that half a pixel more does not matter.
    rng = np.random.default_rng(0)
    scores = rng.integers(1, 9, (200, 200)).astype(np.float32)
    labels = np.where(rng.random(scores.shape) < scores / 10, 0, 1).astype(np.uint8)
    expected = IsotonicRegression(y_min=0, y_max=1).fit_transform(scores.ravel(), labels.ravel() == 0)
    np.testing.assert_allclose(probability_of_change(scores, labels).ravel(), expected, atol=2e-4)


def test_it_rises_with_the_score_and_is_none_where_masked():
    rng = np.random.default_rng(1)
    scores = rng.gamma(2, size=(60, 50)).astype(np.float32)
    labels = np.where(scores + rng.normal(0, 0.5, scores.shape) > 4, 0, 1).astype(np.uint8)
    scores[3, 4], labels[3, 4] = np.nan, 2
    found = probability_of_change(scores, labels)
    assert (found.shape, found.dtype) == (scores.shape, np.float32)
    assert np.isnan(found[3, 4])
    order = np.argsort(scores.ravel())[:-1]  # NaN is last
    assert (np.diff(found.ravel()[order]) >= 0).all()
    assert 0 <= np.nanmin(found) < 0.05
    assert 0.8 < np.nanmax(found) < 1


@pytest.mark.parametrize("label", [0, 1])
def test_of_one_class_it_is_sure_but_not_quite(label):
    scores = np.arange(100, dtype=np.float32).reshape(10, 10)
    found = probability_of_change(scores, np.full((10, 10), label, np.uint8))
    # A bin has between 1 and 100 pixels, of which half a one could be of the other class.
    sure = found if label == 0 else 1 - found
    assert (sure >= 1 - 0.5 / 2).all()
    assert (sure <= 1 - 0.5 / 101).all()
