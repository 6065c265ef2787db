"""Scales of scores, and what makes a cut doubtful."""

import numpy as np
import pytest

from hscd.system.errors import InputError
from hscd.thresholds import looks
from hscd.thresholds.chi2 import chi2_cut
from hscd.thresholds.floor import floor
from hscd.thresholds.otsu import otsu, otsu_cut, separability
from hscd.thresholds.otsu_clipped import otsu_clipped


def test_scales():
    scores = np.array([[4.0, np.nan], [0.0, 9.0]])
    np.testing.assert_array_equal(looks.seen(scores), [4, 0, 9])
    np.testing.assert_array_equal(looks.seen(scores, "root"), [2, 0, 3])
    # 0 has no logarithm: it counts as the smallest score that has one, 4.
    np.testing.assert_allclose(looks.seen(scores, "log"), np.log([4, 4, 9]))
    assert [looks.back(3, scale) for scale in looks.SCALES] == [3, 9, pytest.approx(np.exp(3))]
    with pytest.raises(ValueError, match="scale must be one of"):
        looks.seen(scores, "cube")


def test_of_very_many_scores_a_part_is_looked_at(monkeypatch):
    monkeypatch.setattr(looks, "_MOST", 100)
    # 1,000 / 100: every tenth.
    np.testing.assert_array_equal(looks.seen(np.arange(1000.0)), np.arange(0, 1000, 10))


def test_doubts():
    rng = np.random.default_rng(0)
    two = np.concatenate([rng.normal(0, 1, 9000), rng.normal(10, 1, 1000)])
    assert looks.doubts(two, 5) == ()
    assert "no second mode" in looks.doubts(rng.normal(0, 1, 10_000), 1)[0]
    assert "no score is above" in looks.doubts(two, 20)[0]
    assert "all scores are above" in looks.doubts(two, -20)[0]


def slow_separability(values):
    """Largest variance between two classes over the variance of all, each value its own bin."""
    values = np.minimum(values, np.quantile(values, 0.9995))
    best = 0
    for cut in np.unique(values)[:-1]:
        low, high = values[values <= cut], values[values > cut]
        share = len(low) / len(values)
        best = max(best, share * (1 - share) * (low.mean() - high.mean()) ** 2)
    return best / values.var()


@pytest.mark.parametrize("seed", range(3))
def test_separability(seed):
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.gamma(2, 1, 300), rng.normal(9, 1, 40)])
    # 256 bins move a value by 1/500 of the range at most.
    assert separability(values) == pytest.approx(slow_separability(values), rel=0.02)


def test_separability_at_its_ends():
    assert separability(np.ones(9)) == 0
    assert separability(np.array([0.0, 1.0] * 50)) == pytest.approx(1)


def test_outliers_do_not_move_the_clipped_threshold():
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.normal(1, 0.2, 9000), rng.normal(5, 0.5, 1000)])
    outliers = np.concatenate([scores, [1e4, 2e4]])  # 0.02 % of the scores
    assert otsu(outliers) > 10
    assert otsu_clipped(outliers).value == pytest.approx(otsu(scores), abs=0.3)


# χ² of 2 degrees exceeds x with probability exp(−x/2): 1e-3 at −2 ln 1e-3 = 13.8155.
def test_chi2():
    scores = np.random.default_rng(0).chisquare(2, 1000)
    assert chi2_cut(scores, 1e-3, degrees=2).value == pytest.approx(13.8155, abs=1e-4)
    with pytest.raises(InputError, match="no chi-square distribution"):
        chi2_cut(scores)


def test_the_floor_is_the_larger_of_both():
    rng = np.random.default_rng(0)
    unchanged = rng.chisquare(2, 10_000)
    # Otsu's threshold lies within the one class, the floor at −2 ln 1e-5 = 23.0259.
    assert floor(unchanged, degrees=2).value == pytest.approx(23.0259, abs=1e-4)
    assert "no score is above" in floor(unchanged, degrees=2).warnings[0]
    assert "the floor is used" in floor(np.append(unchanged, 30), degrees=2).warnings[0]
    # Otsu's threshold of the roots lies between those of the classes, about 1.3 and 30 ± 8, so above √23 = 4.8.
    both = np.concatenate([unchanged, np.square(rng.normal(30, 8, 2000))])
    expected = otsu(looks.clipped(np.sqrt(both))) ** 2
    assert floor(both, degrees=2).value == pytest.approx(expected)
    assert floor(both, degrees=2).warnings == ()
    assert expected > 30


def test_otsu_looks_at_the_scale_that_scores_ask_for():
    scores = np.concatenate([np.random.default_rng(0).chisquare(6, 5000), np.full(500, 400.0)])
    assert otsu_cut(scores).value == otsu(scores)
    # The root of the scores is cut, and the cut is told in units of the score.
    assert otsu_cut(scores, scale="root").value == pytest.approx(otsu(np.sqrt(scores)) ** 2)
