"""Accuracy and area from a stratified sample, against the worked example of the paper and its equations in loops."""

import math

import numpy as np
import pytest

from hscd.evaluation.stratified import Z, estimated, unseen

# Olofsson et al. (2014), table 8: deforestation, forest gain, stable forest, stable non-forest; pixels of 30 m.
COUNTS = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
PIXELS = np.array([200_000, 150_000, 3_200_000, 6_450_000])
HECTARES = PIXELS.sum() * 0.09


def test_area_of_deforestation_of_the_published_example():
    found = estimated(COUNTS, PIXELS).area
    # The map has shares of 0.02, 0.015, 0.32 and 0.645. Of deforestation: 0.02·66/75 = 0.0176, 0.32·1/165 = 0.001939,
    # 0.645·2/325 = 0.003969, together 0.023509, of 900,000 ha 21,158.
    assert found.value[0] == pytest.approx(0.0235086, abs=1e-7)
    assert round(found.value[0] * HECTARES) == 21_158
    # Variance: 0.02²·0.88·0.12/74 = 5.708e-7, 0.32²·(1/165)(164/165)/164 = 3.761e-6,
    # 0.645²·(2/325)(323/325)/324 = 7.853e-6, together 1.2185e-5; its root 0.0034907, times 1.96 and 900,000 ha 6,158.
    assert found.error[0] == pytest.approx(0.0034907, abs=1e-7)
    assert round(found.margin[0] * HECTARES) == 6_158
    # In the same way: 0.015·55/75 + 0.645·1/325 = 0.0129846, and so on.
    assert np.round(found.value * HECTARES).tolist() == [21_158, 11_686, 285_770, 581_386]


def test_accuracies_of_the_published_example():
    found = estimated(COUNTS, PIXELS)
    # 0.0176 + 0.011 + 0.32·153/165 + 0.645·313/325 = 0.9465119.
    assert found.overall.value == pytest.approx(0.9465119, abs=1e-7)
    # 66/75, 55/75, 153/165, 313/325.
    assert found.users.value == pytest.approx([0.88, 0.73333, 0.92727, 0.96308], abs=1e-5)
    # ± 1.96·√(0.88·0.12/74) = 0.074, 1.96·√(0.7333·0.2667/74) = 0.101, …
    assert found.users.margin == pytest.approx([0.0740, 0.1008, 0.0397, 0.0205], abs=1e-4)
    # 0.0176/0.0235086, 0.011/0.0129846, …
    assert found.producers.value == pytest.approx([0.74866, 0.84716, 0.93451, 0.96161], abs=1e-5)
    assert found.matrix[0].tolist() == pytest.approx([0.0176, 0, 0.02 * 5 / 75, 0.02 * 4 / 75])
    assert found.matrix.sum() == pytest.approx(1)


def slowly(counts, pixels):
    """Standard errors of overall, user's and producer's accuracy and of area, by eqs. 5, 6, 7 and 10 as printed."""
    classes = range(len(pixels))
    n = [counts[i].sum() for i in classes]
    weight = [pixels[i] / pixels.sum() for i in classes]
    user = [counts[i, i] / n[i] for i in classes]
    overall = sum(weight[i] ** 2 * user[i] * (1 - user[i]) / (n[i] - 1) for i in classes)
    users = [user[i] * (1 - user[i]) / (n[i] - 1) for i in classes]
    producers, area = [], []
    for j in classes:
        total = sum(pixels[i] * counts[i, j] / n[i] for i in classes)
        producer = pixels[j] * counts[j, j] / n[j] / total
        own = pixels[j] ** 2 * (1 - producer) ** 2 * user[j] * (1 - user[j]) / (n[j] - 1)
        others = sum(
            float(pixels[i]) ** 2 * counts[i, j] / n[i] * (1 - counts[i, j] / n[i]) / (n[i] - 1)
            for i in classes
            if i != j
        )
        producers.append((own + producer**2 * others) / total**2)
        p = [weight[i] * counts[i, j] / n[i] for i in classes]
        area.append(sum((weight[i] * p[i] - p[i] ** 2) / (n[i] - 1) for i in classes))
    return math.sqrt(overall), np.sqrt(users), np.sqrt(producers), np.sqrt(area)


@pytest.mark.parametrize("seed", range(4))
def test_standard_errors_are_those_of_the_equations(seed):
    rng = np.random.default_rng(seed)
    classes = 2 + seed % 3
    counts = rng.integers(1, 50, (classes, classes))
    pixels = rng.integers(10_000, 1_000_000, classes)
    found = estimated(counts, pixels)
    expected = slowly(counts, pixels)
    for estimate, error in zip((found.overall, found.users, found.producers, found.area), expected, strict=True):
        assert estimate.error == pytest.approx(error, rel=1e-9)
        assert estimate.margin == pytest.approx(1.96 * error, rel=1e-9)


def test_an_interval_stays_within_what_a_share_can_be():
    # ± 1.96·√(0.25/1) = 0.98 around a half.
    low, high = estimated(np.array([[1, 1], [1, 1]]), np.array([1000, 1000])).users.interval
    assert (low.tolist(), high.tolist()) == ([0, 0], [1, 1])


def test_of_a_class_that_the_map_has_not_the_area_is_estimated_all_the_same():
    found = estimated(np.array([[0, 0], [10, 90]]), np.array([0, 5000]))
    # A simple random sample: 10 of 100, ± 1.96·√(0.1·0.9/99).
    assert found.area.value == pytest.approx([0.1, 0.9])
    assert found.area.error[0] == pytest.approx(math.sqrt(0.09 / 99))
    assert np.isnan([found.users.value[0], found.users.error[0]]).all()
    assert found.producers.value.tolist() == [0, 1]
    # Nothing is changed, in the map or in truth.
    assert np.isnan(estimated(np.array([[0, 0], [0, 9]]), np.array([0, 50])).producers.value[0])


def test_points_that_all_agree_bound_the_error_by_the_rule_of_three():
    found = estimated(np.array([[30, 0], [5, 55]]), np.array([500, 9500]))
    # 3/30 of what is mapped changed; of the others some were met, so that standard errors tell (√(11/144/59) = .0360).
    assert found.users.interval[0].tolist() == pytest.approx([0.9, 0.9167 - 1.96 * 0.0360], abs=1e-4)
    assert found.users.widened.tolist() == [True, False]
    # Of the unchanged area .95·55/60 = .8708 is found; of the mapped changed .05·.1 = .005 may be unchanged.
    assert found.producers.interval[0][1] == pytest.approx(0.870833 / 0.875833, abs=1e-6)
    # They may be wrong beside what the others' margin tells.
    assert (found.overall.below, found.overall.above) == (pytest.approx(0.005), 0)
    assert found.area.widened.tolist() == [True, True]
    # One error among 75 points on what is mapped changed says nothing of the 99 % whose 100 points met none.
    area = estimated(np.array([[74, 1], [0, 100]]), np.array([1000, 99000])).area
    margin = 1.96 * 0.01 * math.sqrt(74 / 75**2 / 74)
    assert [end[0] for end in area.interval] == pytest.approx(
        [0.01 * 74 / 75 - margin, 0.01 * 74 / 75 + margin + 0.0297]
    )
    # None of the 30 is changed: 0 to .1, and of the changed area, .05·.1 beside .95·3/60, any part.
    found = estimated(np.array([[0, 30], [0, 60]]), np.array([500, 9500]))
    assert [end.tolist() for end in found.users.interval] == [[0, 0.95], [pytest.approx(0.1), 1]]
    assert [float(end) for end in found.overall.interval] == pytest.approx([0.95 - 0.95 / 20, 0.955])
    assert [end.tolist() for end in found.area.interval] == [
        pytest.approx([0, 0.9475]), pytest.approx([0.0525, 1])
    ]  # fmt: skip
    # Found are .95 of the unchanged, or .0475 less; missed are .05, or .005 less.
    assert [float(end[1]) for end in found.producers.interval] == pytest.approx([0.9025 / 0.9525, 0.95 / 0.995])
    # Of the changed none is found, at most .05·.1 = .005; beside it .95·5/60 = .079167 are missed.
    found = estimated(np.array([[0, 30], [5, 55]]), np.array([500, 9500])).producers
    assert found.interval[1][0] == pytest.approx(0.005 / (0.005 + 0.95 / 12))
    assert found.interval[0][0] == 0
    # Two points say nothing; where all was looked at, all is known.
    assert estimated(np.array([[2, 0], [1, 9]]), np.array([50, 50])).users.interval[0][0] == 0
    assert not estimated(np.array([[2, 0], [0, 9]]), np.array([2, 9])).overall.widened


def test_a_stratum_that_was_looked_at_as_a_whole_adds_no_error():
    found = estimated(np.array([[1, 0], [0, 10]]), np.array([1, 1000]))
    assert found.area.error.tolist() == [0, 0]
    found = estimated(np.array([[3, 1], [2, 8]]), np.array([4, 1000]))
    # 0.2·0.8/9 of the other stratum alone, whose share is 1000/1004.
    assert found.area.error[0] == pytest.approx(1000 / 1004 * math.sqrt(0.16 / 9))
    assert found.users.error[0] == 0


@pytest.mark.parametrize(
    ("counts", "pixels"), [([[1, 0], [0, 9]], [5, 50]), ([[1, 1], [0, 9]], [0, 50]), ([[0, 0], [1, 9]], [3, 50])]
)
def test_too_few_points_give_no_estimate(counts, pixels):
    with pytest.raises(ValueError, match="no estimate from"):
        estimated(np.array(counts), np.array(pixels))


def test_the_interval_holds_as_often_as_it_says():
    """Of a population that is known: 500 of 10,000 mapped changed, of which 300 are, and 285 of the others."""
    pixels, changed = np.array([500, 9500]), np.array([300, 285])
    rng = np.random.default_rng(0)
    held, values = 0, []
    for _ in range(2000):
        found = rng.hypergeometric(changed, pixels - changed, [50, 400])
        area = estimated(np.column_stack([found, np.array([50, 400]) - found]), pixels).area
        held += abs(area.value[0] - 0.0585) <= area.margin[0]
        values.append(area.value[0])
    # 95 % of 2000, give or take three standard errors of √(0.05·0.95/2000) = 0.5 %, as shares are not quite normal.
    assert 0.93 < held / 2000 < 0.97
    # Unbiased: the standard error of the mean is 0.011/√2000 = 0.00025.
    assert np.mean(values) == pytest.approx(0.0585, abs=0.00075)


def test_what_a_sample_has_not_met_may_yet_be():
    counts, pixels = np.array([[60, 0], [0, 300]]), np.array([500, 9500])
    # 3/60 of 5 %, and 3/300 of 95 %.
    assert unseen(counts, pixels) == pytest.approx({(0, 1): 0.0025, (1, 0): 0.0095})
    assert unseen(np.array([[60, 1], [1, 300]]), pixels) == {}
    # All of it was looked at, or nothing is there.
    assert unseen(np.array([[60, 0], [1, 300]]), np.array([60, 9500])) == {}
    assert unseen(np.array([[0, 0], [1, 300]]), np.array([0, 9500])) == {}
    assert unseen(np.array([[2, 0], [1, 30]]), np.array([50, 50])) == {(0, 1): 0.5}


def test_the_interval_is_of_95_per_cent():
    from scipy.stats import norm

    assert pytest.approx(norm.ppf(0.975), abs=1e-4) == Z
