"""Confusion counts and metrics, by hand and against scikit-learn. Positive class = changed = 0."""

import math

import numpy as np
import pytest
from sklearn import metrics

from hscd.evaluation.comparison import agreement
from hscd.evaluation.confusion import Confusion, confusion
from hscd.system.errors import InputError

RATIOS = ("overall_accuracy", "kappa", "precision", "recall", "f1", "iou")

# Ten pixels: truth      0 0 0 0 1 1 1 1 1 2
#             prediction 0 0 0 1 0 1 1 1 1 0
# tp 3 (changed, found), fn 1, fp 1, tn 4; the last is unknown.
TRUTH = np.array([[0, 0, 0, 0, 1], [1, 1, 1, 1, 2]], dtype=np.uint8)
PREDICTION = np.array([[0, 0, 0, 1, 0], [1, 1, 1, 1, 0]], dtype=np.uint8)


def test_counts_by_hand():
    assert confusion(PREDICTION, TRUTH) == Confusion(
        true_positives=3, true_negatives=4, false_positives=1, false_negatives=1
    )


# Accuracy 7/9; precision 3/4; recall 3/4; F1 = 2·3/(2·3 + 1 + 1) = 3/4; IoU 3/5.
# Kappa: 4 of 9 predicted changed and 4 of 9 changed; by chance (4·4 + 5·5)/81 = 41/81 agree;
# (7/9 − 41/81)/(1 − 41/81) = (63 − 41)/(81 − 41) = 22/40.
def test_ratios_by_hand():
    counts = confusion(PREDICTION, TRUTH)
    assert counts.total == 9
    assert counts.overall_accuracy == pytest.approx(7 / 9)
    assert counts.precision == pytest.approx(0.75)
    assert counts.recall == pytest.approx(0.75)
    assert counts.f1 == pytest.approx(0.75)
    assert counts.iou == pytest.approx(0.6)
    assert counts.kappa == pytest.approx(0.55)


# Unequal errors, so that exchanged names show: tp 5, tn 80, fp 3, fn 12.
# Precision 5/8, recall 5/17, F1 10/25, IoU 5/20, accuracy 85/100. Chance: 8·17 + 92·83 = 7772 of 10,000;
# kappa (8500 − 7772)/(10,000 − 7772) = 728/2228.
def test_ratios_with_unequal_errors_by_hand():
    counts = Confusion(true_positives=5, true_negatives=80, false_positives=3, false_negatives=12)
    assert counts.precision == pytest.approx(5 / 8)
    assert counts.recall == pytest.approx(5 / 17)
    assert counts.f1 == pytest.approx(0.4)
    assert counts.iou == pytest.approx(0.25)
    assert counts.overall_accuracy == pytest.approx(0.85)
    assert counts.kappa == pytest.approx(728 / 2228)


# Of 100 pixels 20 are changed and 20 called so, h of them rightly. Chance: 20·20 + 80·80 = 6800 of 10,000;
# kappa (100·(60 + 2h) − 6800)/3200 = (200h − 800)/3200: 0 of 4, 200/3200 = .0625 of 5, −.25 of none.
@pytest.mark.parametrize(("right", "chance"), [(0, True), (4, True), (5, False), (20, False)])
def test_what_is_no_better_than_chance(right, chance):
    assert Confusion(right, 60 + right, 20 - right, 20 - right).is_chance == chance


# Labels of one class leave kappa undefined, be 3 of 10 wrong or none.
@pytest.mark.parametrize("counts", [(0, 7, 3, 0), (7, 0, 0, 3), (0, 10, 0, 0), (0, 0, 0, 0)])
def test_labels_of_one_class_say_nothing_of_chance(counts):
    assert not Confusion(*counts).is_chance
    assert np.isnan([Confusion(*counts).kappa, Confusion(*counts).f1, Confusion(*counts).iou]).all()


# Of two maps, neither the truth, one may be of one class: (7·10 − 7·10)/(100 − 70) = 0. Both of one class: 0/0.
def test_agreement_of_maps_of_one_class():
    assert Confusion(0, 7, 3, 0).agreement == 0
    assert np.isnan(Confusion(0, 10, 0, 0).agreement)
    assert agreement(np.array([0, 1, 1]), np.ones(3, int)) == 0


# Three maps at once, the first the 728/2228 of above; the labels of the second and the third are of one class.
def test_figures_of_several_maps():
    counts = Confusion(*np.array([[5, 0, 4], [80, 7, 0], [3, 3, 0], [12, 0, 2]]))
    for name, first in (("kappa", 728 / 2228), ("f1", 0.4), ("iou", 0.25)):
        np.testing.assert_allclose(getattr(counts, name), [first, np.nan, np.nan])


# The guide's numbers for Bay Area (section 7): 34,942 + 33,471 = 68,413 right, and 740 + 4,328 = 5,068 wrong.
def test_numbers_of_the_guide():
    counts = Confusion(true_positives=34_942, true_negatives=33_471, false_positives=740, false_negatives=4_328)
    assert counts.total == 73_481
    assert counts.overall_accuracy == pytest.approx(68_413 / 73_481)


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_scikit_learn_on_random_maps(seed):
    rng = np.random.default_rng(seed)
    share = rng.uniform(0.1, 0.9)
    truth = rng.choice([0, 1, 2], size=(30, 40), p=[0.7 * share, 0.7 * (1 - share), 0.3]).astype(np.uint8)
    prediction = np.where(rng.random((30, 40)) < 0.7, truth, rng.integers(0, 2, (30, 40)))
    prediction = np.where(prediction == 2, rng.integers(0, 2, (30, 40)), prediction).astype(np.uint8)
    known = truth != 2
    # scikit-learn's positive class is 1, so changed is written as 1 here.
    expected, found = (truth[known] == 0).astype(int), (prediction[known] == 0).astype(int)

    counts = confusion(prediction, truth)

    (tn, fp), (fn, tp) = metrics.confusion_matrix(expected, found).tolist()
    assert counts == Confusion(true_positives=tp, true_negatives=tn, false_positives=fp, false_negatives=fn)
    assert counts.total == known.sum()
    assert counts.overall_accuracy == pytest.approx(metrics.accuracy_score(expected, found))
    assert counts.kappa == pytest.approx(metrics.cohen_kappa_score(expected, found))
    assert counts.precision == pytest.approx(metrics.precision_score(expected, found))
    assert counts.recall == pytest.approx(metrics.recall_score(expected, found))
    assert counts.f1 == pytest.approx(metrics.f1_score(expected, found))
    assert counts.iou == pytest.approx(metrics.jaccard_score(expected, found))


def test_unknown_pixels_are_left_out_whatever_is_predicted_there():
    truth = TRUTH.copy()
    for label in (0, 1, 2):
        prediction = PREDICTION.copy()
        prediction[truth == 2] = label
        assert confusion(prediction, truth) == confusion(PREDICTION, TRUTH)


# The ten pixels above, with no prediction for one of each count: tp 2, fn 0, fp 0, tn 3.
def test_pixels_without_a_prediction_are_left_out():
    prediction = np.array([[0, 0, 2, 2, 2], [2, 1, 1, 1, 2]], dtype=np.uint8)
    assert confusion(prediction, TRUTH) == Confusion(
        true_positives=2, true_negatives=3, false_positives=0, false_negatives=0
    )
    assert confusion(np.full_like(TRUTH, 2), TRUTH).total == 0


@pytest.mark.parametrize(
    ("truth", "said"),
    [
        (np.array([1, 2, 3, 255], np.uint8), "truth: .* expected, received 3, 255; hscd.detect"),
        (np.array([0, -1]), "received -1; "),
        (np.array([0, np.nan]), "received nan; "),
        (np.array(["0", "1"]), "truth: labels 0 changed, 1 unchanged and 2 unknown expected, received the type <U1$"),
        (np.array([True, False]), "received booleans$"),
    ],
)
def test_other_values_than_labels_are_refused(truth, said):
    with pytest.raises(InputError, match=said):
        confusion(np.zeros(len(truth)), truth)
    with pytest.raises(InputError, match=said.replace("truth", "prediction")):
        confusion(truth, np.zeros(len(truth)))


# One pixel of four is masked; the others are right.
def test_what_is_masked_is_left_out():
    labels = np.array([0, 1, 0, 1])
    masked = np.ma.array(labels, mask=[True, False, False, False])
    assert confusion(labels, masked) == confusion(masked, labels) == Confusion(1, 2, 0, 0)


def test_input_is_not_mutated():
    prediction, truth = PREDICTION.copy(), TRUTH.copy()
    confusion(prediction, truth)
    np.testing.assert_array_equal(prediction, PREDICTION)
    np.testing.assert_array_equal(truth, TRUTH)


def test_counts_are_plain_integers_so_that_products_do_not_overflow():
    counts = confusion(PREDICTION, TRUTH)
    assert all(type(value) is int for value in vars(counts).values())
    # Kappa multiplies counts: (5·10⁹)² does not fit 64 bits. All is right, so kappa is 1.
    large = Confusion(5 * 10**9, 5 * 10**9, 0, 0)
    assert large.kappa == 1


def test_perfect_and_entirely_wrong_predictions():
    truth = np.array([0, 0, 1, 1])
    assert [getattr(confusion(truth, truth), name) for name in RATIOS] == [1, 1, 1, 1, 1, 1]
    # Chance: (2·2 + 2·2)/16 = 1/2; kappa (0 − 1/2)/(1 − 1/2) = −1.
    assert [getattr(confusion(1 - truth, truth), name) for name in RATIOS] == [0, -1, 0, 0, 0, 0]


# Per line: truth, prediction, the ratios with a zero denominator.
# Nothing known: all. Labels of one class: kappa, F1 and IoU. All unchanged and found so: there is no changed pixel
# anywhere, for precision and recall neither. Changed only in truth: precision has nothing predicted;
# kappa is (0.5 − 0.5)/(1 − 0.5) = 0. Changed only in prediction: recall has nothing to find.
@pytest.mark.parametrize(
    ("truth", "prediction", "undefined"),
    [
        ([2, 2], [0, 1], set(RATIOS)),
        ([1, 1], [1, 1], {"kappa", "precision", "recall", "f1", "iou"}),
        ([0, 0], [0, 0], {"kappa", "f1", "iou"}),
        ([0, 1], [1, 1], {"precision"}),
        ([1, 1], [0, 1], {"kappa", "recall", "f1", "iou"}),
    ],
)
def test_undefined_ratios_are_nan_and_no_others(truth, prediction, undefined):
    counts = confusion(np.array(prediction), np.array(truth))
    assert {name for name in RATIOS if math.isnan(getattr(counts, name))} == undefined


@pytest.mark.parametrize("shape", [(5, 2), (10,), (2, 5, 1), (1, 5)])
def test_shape_mismatch_is_an_error(shape):
    with pytest.raises(ValueError, match=r"\(2, 5\)"):
        confusion(PREDICTION, np.zeros(shape, dtype=np.uint8))
