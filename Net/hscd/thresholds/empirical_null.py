"""Threshold from the distribution of unchanged pixels, estimated from the scores themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from hscd.registry import Option
from hscd.scores import Cut
from hscd.system import naming, parsing
from hscd.thresholds import THRESHOLDS, looks
from hscd.thresholds.chi2 import chi2_value
from hscd.thresholds.otsu import otsu

AMOUNTS = ("auto", "rare", "plentiful")
_SETTLING = ("rare", "plentiful")
_CHOICES = tuple(f"change_amount={amount}" for amount in _SETTLING)
_BINS, _STEPS = 200, 2001
# Scores below this quantile are as unchanged as it gets: how far below does not matter.
_LOWEST = 0.001
# What the histogram counts for, pixels: neighbours are not independent, so a large scene knows no more.
_PIXELS = 20_000
# Prior means and deviations: of the logarithms of both degrees of freedom; of the change, how far the mean of its
# logarithm lies above the scale of the null, as a logarithm too, and its deviation.
_DEGREES, _TAIL, _APART, _SPREAD = 0.7, (np.log(12.0), 1.5), (0.0, 0.5), (np.log(0.4), 0.3)
_MOST_CHANGE = 0.6
# Largest deviation of the logarithms of what changed for a threshold: a wider distribution holds clutter, too.
_MOST_SPREAD = 0.5
# Of logarithms, from where a fit starts; what is no distribution.
_FARTHEST, _IMPOSSIBLE = 10.0, 1e12
# Where the search from each start ends.
_ROUGH = {"xatol": 0.005, "fatol": 0.02}
# Second degrees of freedom below which an F distribution has no mean, and no variance.
_NO_MEAN, _NO_VARIANCE = 2.0, 4.0
# Ashman's D above which two distributions stand apart; above which they do where the tail of the null alone is not
# filled, and above which that is no matter of doubt; and above which they overlap by less than some 2 %. Share of the
# pixels from which on change is plentiful.
_STAND_APART, _APART_AND_SHORT, _SURELY_SHORT, _CLEARLY, _PLENTIFUL = 2.0, 2.5, 3.0, 4.0, 0.1
_NULL_P = 0.01
# Where both kinds of change fit, it is rare if so many times as many pixels as the null leaves are above its threshold:
# Ashman's D less this. The clearer the two classes, the more has to stand out.
_OUT_OF_TAIL = 0.5
# Share of changed pixels that is no more than the tail of the unchanged ones.
_FEW = 0.9 * _NULL_P
# Chance of an unchanged pixel to be above the least threshold.
_LEAST_P = 1e-6


class _Null(NamedTuple):
    """The root of an F variable, times a scale; parameters are logarithms."""

    scale: float
    degrees: float
    tail: float

    def cumulative(self, logs: np.ndarray) -> np.ndarray:
        """Share below exp(logs)."""
        from scipy.special import fdtr

        ratio = np.exp(np.clip(2 * (logs - self.scale), -700, 700))
        found: np.ndarray = fdtr(np.exp(self.degrees), np.exp(self.tail), ratio)
        return found

    def moments(self) -> tuple[float, float]:
        """Mean and variance of the logarithm."""
        from scipy.special import digamma, polygamma

        first, second = 0.5 * np.exp(self.degrees), 0.5 * np.exp(self.tail)
        mean = self.scale + 0.5 * (digamma(first) - np.log(first) - digamma(second) + np.log(second))
        return float(mean), float(polygamma(1, first) + polygamma(1, second)) / 4

    def quantile(self, p: float) -> float:
        """What a share p exceeds, as a logarithm."""
        from scipy.special import fdtri

        return float(self.scale + 0.5 * np.log(fdtri(np.exp(self.degrees), np.exp(self.tail), 1 - p)))


class _Mixture(NamedTuple):
    """A null, and a normal distribution of logarithms for what changed."""

    null: _Null
    share: float
    mean: float
    deviation: float

    def change(self, logs: np.ndarray) -> np.ndarray:
        """Share of the changed pixels below exp(logs)."""
        from scipy.special import ndtr

        found: np.ndarray = ndtr((logs - self.mean) / self.deviation)
        return found

    def separation(self) -> float:
        """Ashman's D of the logarithms of both."""
        mean, variance = self.null.moments()
        return float(np.sqrt(2) * abs(self.mean - mean) / np.sqrt(variance + self.deviation**2))

    def equally_likely(self, most: float) -> float | None:
        """The lowest logarithm above the scale of the null, below `most`, from which on change is likelier."""
        logs = np.linspace(self.null.scale, most, _STEPS)
        likelier = self.share * np.diff(self.change(logs)) > (1 - self.share) * np.diff(self.null.cumulative(logs))
        return float(logs[np.argmax(likelier)]) if likelier.any() else None


class _Roots(NamedTuple):
    """A histogram of the logarithms of roots of scores: edges (bins + 1,), shares (bins,)."""

    edges: np.ndarray
    shares: np.ndarray
    degrees: float

    def unlikely(self, cumulative: np.ndarray) -> float:
        """Minus the logarithm of the likelihood of a distribution, given its cumulative shares at the edges."""
        return -_PIXELS * float(self.shares @ np.log(np.maximum(np.diff(cumulative), 1e-9)))

    def prior(self, null: _Null) -> float:
        """Minus the logarithm of the prior of a null."""
        return _normal(null.degrees, (np.log(self.degrees), _DEGREES)) + _normal(null.tail, _TAIL)


def _normal(value: float, prior: tuple[float, float]) -> float:
    return 0.5 * ((value - prior[0]) / prior[1]) ** 2


@THRESHOLDS.register(
    "empirical_null",
    Option("change_amount", parsing.one_of(AMOUNTS), "auto, rare or plentiful", "auto",
           "how much is expected to have changed: less than some 10 % of the pixels, or more"),
)  # fmt: skip
def empirical_null(
    scores: np.ndarray, change_amount: str = "auto", *, scale: str = "root", degrees: float | None = None
) -> Cut:
    """Where a pixel is no longer one of the unchanged ones, whose distribution is estimated from all scores [1].

    Unchanged pixels are a mixture of places that vary more and less between the dates, which gives their squared
    distances an F distribution, scaled. Two things can be fitted to the scores:

    - this null alone, where change is rare. What 1 % of it exceed is the threshold, as the tail of the null is the
      clutter of the scene, but never less than what an unchanged pixel exceeds once in a million by theory;
    - the null, and a normal distribution of log scores of what changed, where change is plentiful. The threshold is
      where both are equally likely, a local false discovery rate of .5 [1]; of a distribution with a deviation of .5 at
      most, as a wider one holds clutter, too.

    `auto` chooses by Ashman's D [2], how far the mixture stands apart, and by how long the tail of the null alone is.
    Change is plentiful where that has no mean and D is above 2; where it has no variance, but fewer than 1 % of the
    scores exceed what 1 % of it do, and D is above 3; or where D is above 4. Where it has no variance, the mixture
    makes more than a tenth, and D is above 2, or above 2.5 if fewer than 1 % exceed that, both fit. Then change is rare
    if more than D − 0.5 % exceed it, as some pixels stand out from the tail, else plentiful; and that is told. Where
    neither fits, the threshold is Otsu's. Else change is rare.

    Args:
        scores: a chi-square statistic, array of any shape; NaN is ignored.
        change_amount: "auto", "rare" or "plentiful".
        scale: not used.
        degrees: degrees of freedom of the statistic.

    Raises:
        InputError: if the scores have no chi-square distribution, or fewer than two different finite values are left.

    References:
        [1] Efron (2004), "Large-scale simultaneous hypothesis testing: the choice of a null hypothesis", J. American
            Stat. Association 99(465).
        [2] Ashman, Bird, Zepf (1994), "Detecting bimodality in astronomical datasets", Astronomical J. 108(6).
    """
    least = 0.5 * np.log(chi2_value(degrees, _LEAST_P))
    assert degrees is not None  # by chi2_value
    roots = looks.seen(scores, "root")
    seen = _histogram(roots, degrees)
    null = _null_alone(seen)
    rare = max(null.quantile(_NULL_P), least)
    log, doubt, choices = _chosen(change_amount, seen, null, rare, least, roots)
    cut = float(np.exp(log))
    found = looks.ends(roots, cut)
    if not found and log == rare and (roots > cut).mean() < _FEW:
        found = ("few pixels are above the threshold: change is rare, or there is none",)
    return Cut(looks.back(cut, "root"), found + doubt, choices)


def _chosen(
    amount: str, seen: _Roots, null: _Null, rare: float, least: float, roots: np.ndarray
) -> tuple[float, tuple[str, ...], tuple[str, ...]]:
    """The logarithm of the threshold, what makes the choice doubtful, and what settles that."""
    if amount == "rare":
        return rare, (), ()
    mixture = narrow = _mixture(seen)
    if mixture.deviation > _MOST_SPREAD:
        narrow = _mixture(seen, _MOST_SPREAD)
    plentiful = narrow.equally_likely(seen.edges[-1])
    tail = np.exp(null.tail)
    if plentiful is not None:
        separation = mixture.separation()
        exceed = float((roots > np.exp(rare)).mean()) / _NULL_P
        # Fewer scores in so long a tail than the null has there: it was fitted to what is no tail.
        short = tail < _NO_VARIANCE and exceed < 1
        sure = (short and separation > _SURELY_SHORT) or (tail < _NO_MEAN and separation > _STAND_APART)
        if amount == "plentiful" or sure:
            return plentiful, (), ()
        if separation > _CLEARLY:
            return max(plentiful, least), (), ()
        apart = separation > (_APART_AND_SHORT if short else _STAND_APART)
        if apart and tail < _NO_VARIANCE and mixture.share > _PLENTIFUL:
            few = exceed > separation - _OUT_OF_TAIL
            doubts = (_both(rare, plentiful, roots, few),)
            return (rare, doubts, _CHOICES) if few else (plentiful, doubts, _CHOICES[::-1])
    if amount == "plentiful" or tail < _NO_MEAN:
        natural = float(np.log(otsu(looks.clipped(roots))))
        doubt = "the scores fit neither rare nor plentiful change; Otsu's threshold is used"
        return max(natural, least), (doubt,), ()
    return rare, (), ()


def _both(rare: float, plentiful: float, roots: np.ndarray, few: bool) -> str:
    shares = [100 * float((roots > np.exp(log)).mean()) for log in (rare, plentiful)]
    taken = "rare, as some stand out" if few else "plentiful, as few stand out"
    settled = " or ".join(naming.given("change_amount", amount) for amount in _SETTLING)
    return (
        f"the scores fit rare change, {shares[0]:.1f} % of the pixels, as well as plentiful change, {shares[1]:.1f} %; "
        f"taken for {taken} ({settled} decides)"
    )


def _histogram(roots: np.ndarray, degrees: float) -> _Roots:
    positive = roots[roots > 0]
    logs = np.log(np.maximum(roots, max(np.quantile(roots, _LOWEST), positive.min())))
    counts, edges = np.histogram(logs, _BINS, (logs.min(), max(logs.max(), logs.min() + 0.1)))
    return _Roots(edges, counts / len(logs), degrees)


def _null_alone(seen: _Roots) -> _Null:
    """The null of all scores."""
    middle = _middle(seen)

    def cost(values: np.ndarray) -> float:
        null = _Null(*values)
        return seen.unlikely(null.cumulative(seen.edges)) + seen.prior(null)

    starts = [[middle, np.log(seen.degrees), np.log(tail)] for tail in (4, 20)]
    return _Null(*_best(cost, starts, 1000))


def _mixture(seen: _Roots, most_spread: float = np.inf) -> _Mixture:
    """The null of the unchanged scores, and the distribution of the changed ones, whose deviation has a limit."""

    def parts(values: np.ndarray) -> _Mixture:
        share = 1 / (1 + np.exp(-values[3]))
        return _Mixture(_Null(*values[:3]), share, values[0] + np.exp(values[4]), np.exp(values[5]))

    def cost(values: np.ndarray) -> float:
        of = parts(values)
        if of.share > _MOST_CHANGE or of.deviation > most_spread:
            return _IMPOSSIBLE
        total = (1 - of.share) * of.null.cumulative(seen.edges) + of.share * of.change(seen.edges)
        return seen.unlikely(total) + seen.prior(of.null) + _normal(values[4], _APART) + _normal(values[5], _SPREAD)

    middle = _middle(seen)
    starts = [
        [middle, np.log(seen.degrees), np.log(20), odds, far, _SPREAD[0]]
        for odds in (-1, -2.5, -4)
        for far in (0.0, 0.7)
    ]
    return parts(_best(cost, starts, 3000))


def _middle(seen: _Roots) -> float:
    """Median of the logarithms."""
    return float(seen.edges[int(np.searchsorted(np.cumsum(seen.shares), 0.5)) + 1])


def _best(cost: Callable[[np.ndarray], float], starts: Sequence[Sequence[float]], rounds: int) -> np.ndarray:
    from scipy.optimize import OptimizeResult, minimize

    def bounded(values: np.ndarray, start: Sequence[float]) -> float:
        return cost(values) if np.abs(values - start).max() < _FARTHEST else _IMPOSSIBLE

    def search(at: Sequence[float], start: Sequence[float], **tolerance: float) -> OptimizeResult:
        options = {"maxiter": rounds, **tolerance}
        return minimize(bounded, at, (start,), method="Nelder-Mead", options=options)

    # Which start leads to the lowest cost shows long before that is exact.
    rough = [(search(start, start, **_ROUGH), start) for start in starts]
    near, start = min(rough, key=lambda found: found[0].fun)
    best: np.ndarray = search(near.x, start).x
    return best
