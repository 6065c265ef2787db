"""The threshold from the fitted distribution of unchanged pixels: rare change, plentiful change, and none."""

import numpy as np
import pytest
from scipy.stats import chi2, f

from hscd.thresholds import NoDistributionError
from hscd.thresholds import empirical_null as module
from hscd.thresholds.empirical_null import empirical_null

DEGREES = 5.0
# χ²(5) exceeds this once in a million: its root is 5.99.
LEAST = chi2.isf(1e-6, DEGREES)


def unchanged(tail, size=40_000, seed=0):
    """Scores of unchanged pixels: 5 · F(5, tail)."""
    return DEGREES * f.rvs(DEGREES, tail, size=size, random_state=seed)


def with_change(tail, share, distance, spread=0.4, size=40_000):
    """Scores, and which of them changed: log-normal distances around `distance`."""
    rng = np.random.default_rng(1)
    scores = unchanged(tail, size)
    changed = rng.random(size) < share
    scores[changed] = rng.lognormal(np.log(distance), spread, changed.sum()) ** 2
    return scores, changed


def weak_change(scale, tail, share, distance, spread):
    """Scores of which a share lies around a distance that unchanged ones reach, too."""
    rng = np.random.default_rng(1)
    scores = scale**2 * f.rvs(200, tail, size=40_000, random_state=0)
    changed = rng.random(scores.size) < share
    scores[changed] = rng.lognormal(np.log(distance), spread, changed.sum()) ** 2
    return scores


def cut(scores, amount="auto", degrees=DEGREES):
    return empirical_null(scores, amount, degrees=degrees)


# F(5, 4.5): 1 % of the null is above 5 · f.isf(.01, 5, 4.5), which is 67, far above the least threshold of 36.
def test_of_a_heavy_tail_one_per_cent_counts_as_changed():
    expected = DEGREES * f.isf(0.01, DEGREES, 4.5)
    found = cut(unchanged(4.5))
    assert found.value == pytest.approx(expected, rel=0.1)
    assert found.value > LEAST
    assert found.warnings == ()


def test_where_nothing_changed_it_is_not_below_the_least_threshold_and_says_so():
    scores = unchanged(20)
    found = cut(scores)
    assert found.value == pytest.approx(LEAST)
    assert (scores > found.value).mean() < 0.001
    assert found.warnings == ("few pixels are above the threshold: change is rare, or there is none",)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3])
def test_change_that_stands_apart_is_found(share):
    scores, changed = with_change(8, share, 16)
    found = cut(scores)
    assert ((scores > found.value) != changed).mean() < 0.01
    assert found.warnings == ()


# Both are equally likely where (1 − π) null density = π change density, on the axis of log distances.
def test_plentiful_change_is_cut_where_both_classes_are_equally_likely():
    share, distance, spread, tail = 0.3, 16.0, 0.4, 8.0
    scores, _ = with_change(tail, share, distance, spread)
    logs = np.linspace(np.log(3), np.log(distance), 4001)
    density = f.pdf(np.exp(2 * logs) / DEGREES, DEGREES, tail) * 2 * np.exp(2 * logs) / DEGREES
    other = np.exp(-0.5 * ((logs - np.log(distance)) / spread) ** 2) / (spread * np.sqrt(2 * np.pi))
    expected = np.exp(logs[np.argmax(share * other > (1 - share) * density)])
    assert np.sqrt(cut(scores).value) == pytest.approx(expected, rel=0.05)
    assert cut(scores, "plentiful") == cut(scores)


# Where both fit, change is rare if more than D − .5 % of the scores exceed what 1 % of the null do. D is 2.20, 2.24,
# 3.26 and 2.86; 2.18 %, 1.29 %, 1.61 % and .38 % exceed it. For the last, below 1 %, D has to be above 2.5.
@pytest.mark.parametrize(
    ("weak", "ends", "taken"),
    [
        ((1.8, 8, 0.2, 4.5, 0.5), 1, "rare"),
        ((1.8, 7, 0.2, 4.5, 0.42), 1, "plentiful"),
        ((1.8, 9, 0.2, 4.5, 0.42), 0.99, "plentiful"),
        ((1.8, 6, 0.2, 4.3, 0.42), 0.99, "plentiful"),
    ],
)
def test_where_both_fit_what_stands_out_decides_and_both_shares_are_told(weak, ends, taken):
    scores = weak_change(*weak)
    scores = scores[scores <= np.quantile(scores, ends)]
    both = {amount: cut(scores, amount) for amount in ("rare", "plentiful")}
    found = cut(scores)
    assert both["plentiful"].value < both["rare"].value
    assert found.value == both[taken].value
    shares = [f"{100 * (scores > one.value).mean():.1f} %" for one in both.values()]
    other = next(amount for amount in both if amount != taken)
    assert (both["rare"].choices, found.choices) == ((), (f"change_amount={taken}", f"change_amount={other}"))
    (told,) = found.warnings
    assert told == (
        f"the scores fit rare change, {shares[0]} of the pixels, as well as plentiful change, {shares[1]}; taken for "
        f"{taken}, as {'some' if taken == 'rare' else 'few'} stand out "
        "(change_amount = rare or change_amount = plentiful decides)"
    )


def test_a_tail_that_is_not_filled_is_rare_change_where_the_classes_hardly_stand_apart():
    # .94 % of the scores exceed what 1 % of the null do, and D is 2.04: below 2.5.
    scores = weak_change(1.8, 6, 0.2, 4.3, 0.42)
    rare, found = cut(scores, "rare"), cut(scores)
    assert (scores > rare.value).mean() < 0.01
    assert found == rare


def test_plentiful_change_is_found_though_a_null_with_a_long_tail_has_a_mean():
    # A fifth changed, none far away: the tail that is fitted to them ends at 13.3, beyond all but .1 % of the scores,
    # and D is 3.95.
    scores = weak_change(1.8, 6, 0.2, 6.5, 0.3)
    scores = scores[scores < 15**2]
    assert (scores > cut(scores, "rare").value).mean() < 0.002
    assert cut(scores) == cut(scores, "plentiful")
    assert (scores > cut(scores).value).mean() == pytest.approx(0.2, abs=0.03)


def test_scores_that_fit_nothing_get_otsus_threshold(monkeypatch):
    scores, _ = with_change(8, 0.3, 16)
    natural = module.otsu(module.looks.clipped(np.sqrt(scores))) ** 2
    monkeypatch.setattr(module, "_STAND_APART", np.inf)
    monkeypatch.setattr(module, "_APART_AND_SHORT", np.inf)
    monkeypatch.setattr(module, "_SURELY_SHORT", np.inf)
    monkeypatch.setattr(module, "_CLEARLY", np.inf)
    found = cut(scores)
    assert found.value == pytest.approx(max(natural, LEAST))
    assert found.warnings == ("the scores fit neither rare nor plentiful change; Otsu's threshold is used",)


# A clearly apart class below the least threshold: its change is not believed there.
def test_little_change_that_is_weak_stays_above_the_least_threshold():
    scores, _ = with_change(60, 0.02, 8, 0.1)
    scores = scores / 4
    assert cut(scores, "plentiful").value < LEAST
    assert cut(scores).value == pytest.approx(LEAST)


def test_zeros_and_few_pixels_are_cut_too():
    scores, changed = with_change(8, 0.3, 16, size=200)
    scores[~changed][:20] = 0
    assert ((scores > cut(scores).value) != changed).mean() < 0.05
    half = np.where(np.arange(scores.size) % 2, scores, 0)
    assert np.isfinite(cut(half).value)


def test_scores_without_a_chi_square_distribution_are_an_input_error():
    with pytest.raises(NoDistributionError, match="no chi-square distribution"):
        cut(unchanged(8), degrees=None)


# Mean and variance of log √F(5, 8), against a sample of 4 · 10⁶: standard error .0003.
def test_moments_are_those_of_the_logarithm():
    null = module._Null(np.log(3), np.log(5), np.log(8))
    logs = np.log(3 * np.sqrt(f.rvs(5, 8, size=4_000_000, random_state=0)))
    assert null.moments() == pytest.approx((logs.mean(), logs.var()), abs=0.002)


# D of two normal distributions one standard deviation of 1 wide each and 2 apart is √2 · 2 / √2 = 2.
def test_ashmans_d():
    null = module._Null(0.0, np.log(5), np.log(8))
    mean, variance = null.moments()
    mixture = module._Mixture(null, 0.2, mean + 2 * np.sqrt(variance), np.sqrt(variance))
    assert mixture.separation() == pytest.approx(2)


# Little change, far away: the null alone has a variance, and a threshold of 1 % of it that is not used.
def test_little_change_that_stands_clearly_apart_is_cut_where_both_are_equally_likely():
    scores, _ = with_change(8, 0.03, 20)
    found = cut(scores)
    assert found == cut(scores, "plentiful")
    assert found.value > LEAST
    assert found.value != pytest.approx(cut(scores, "rare").value, rel=0.01)


# D is 1.97 of the first, below 2; of the second the null alone has 12 second degrees of freedom, and a variance.
@pytest.mark.parametrize("weak", [(1.8, 7, 0.2, 4.0, 0.42), (2, 60, 0.15, 3.5, 0.2)])
def test_change_that_does_not_stand_apart_or_leaves_the_null_its_variance_is_rare(weak):
    scores = weak_change(*weak)
    assert cut(scores) == cut(scores, "rare")


# A tenth of the pixels is clutter, e^1.9 = 7 at a deviation of .4 in the logarithm; a tenth changed, e^4.3 = 74. A wide
# normal distribution of both, which fits best, has a threshold of e^1.6 = 5 that marks three quarters of the clutter.
def test_clutter_between_the_unchanged_and_the_changed_is_not_change():
    rng = np.random.default_rng(0)
    unchanged = rng.chisquare(6, 16_000)
    clutter, changed = (np.exp(2 * rng.normal(mean, spread, 2_000)) for mean, spread in ((1.9, 0.4), (4.3, 0.35)))
    cut = empirical_null(np.concatenate([unchanged, clutter, changed]), degrees=6.0)
    assert not cut.warnings
    assert (clutter > cut.value).mean() < 0.02
    assert (changed > cut.value).mean() > 0.98
