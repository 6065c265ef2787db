"""Accuracy of a map and area of its classes, estimated from a stratified random sample whose strata are its classes.

References:
    Olofsson, Foody, Herold, Stehman, Woodcock, Wulder (2014), "Good practices for estimating area and assessing
    accuracy of land change", Remote Sensing of Environment 148, 42-57; the numbers of equations are theirs.
    Cochran (1977), Sampling Techniques, 3rd edition.
    Hanley, Lippman-Hand (1983), "If nothing goes wrong, is everything all right? Interpreting zero numerators", JAMA
    249, 1743-1745: the rule of three, 3/n for the upper limit 1 - 0.05^(1/n) of Clopper and Pearson.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Standard errors to either side of an estimate that make its 95 % interval.
Z = 1.96
# Of what n points did not meet once, the share is below this / n, with 95 % probability.
THREE = 3.0
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Estimate:
    """Shares in [0, 1], a number or (classes,), and their standard errors; NaN where nothing is there to judge by.

    Standard errors know nothing of errors that no point of a class met, as where all its points agree: `below` and
    `above` tell how far these may move the estimate (rule of three).
    """

    value: np.ndarray
    error: np.ndarray
    below: np.ndarray
    above: np.ndarray

    @property
    def margin(self) -> np.ndarray:
        """Half of the 95 % interval."""
        return Z * self.error

    @property
    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """The 95 % interval, within [0, 1], further to the sides on which something may not have been met."""
        low, high = self.value - self.margin - self.below, self.value + self.margin + self.above
        return np.clip(low, 0, 1), np.clip(high, 0, 1)

    @property
    def beyond(self) -> np.ndarray:
        """Where the margins reach beyond 0 or 1, and the interval ends there."""
        return (self.value - self.margin < 0) | (self.value + self.margin > 1)

    @property
    def widened(self) -> np.ndarray:
        """Where no point met an error that there may be, and the interval is wider than its margins."""
        return (self.below > 0) | (self.above > 0)


@dataclass(frozen=True)
class Accuracy:
    """What a sample says of a map.

    `matrix` is the error matrix, (map classes, true classes), in shares of the area; `area` are the shares that the
    classes really have, which differ from those of the map where it is wrong.
    """

    matrix: np.ndarray
    overall: Estimate
    users: Estimate
    producers: Estimate
    area: Estimate


def estimated(counts: np.ndarray, pixels: np.ndarray) -> Accuracy:
    """Estimate accuracy and area from a stratified random sample (eqs. 1 to 12).

    A stratum all of whose pixels are in the sample adds no error; else there is no correction for finite strata, as in
    the paper, so that intervals are somewhat too wide where the sample is a large part of a stratum.

    Args:
        counts: (classes, classes) points by class in the map (rows) and in truth (columns).
        pixels: (classes,) pixels of each class in the map.

    Raises:
        ValueError: if a class has fewer than two points and more pixels, or points without pixels.
    """
    points = counts.sum(axis=1)
    if ((points > pixels) | ((points < 2) & (points < pixels))).any():
        raise ValueError(f"no estimate from {points} points of strata of {pixels} pixels")
    weights = pixels / pixels.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = counts / points[:, None]  # NaN in a class that the map does not have
        filled = np.nan_to_num(shares)
        matrix = weights[:, None] * filled  # eq. 4
        variances = filled * (1 - filled) / np.maximum(points - 1, 1)[:, None]
        variances[points == pixels] = 0  # all of the stratum was looked at
        users = np.diag(shares)  # eq. 2
        area = matrix.sum(axis=0)  # eq. 9
        producers = np.diag(matrix) / area  # eq. 3
        weighted = weights[:, None] ** 2 * variances
        own = np.diag(weighted)
        other = weighted.sum(axis=0) - own
        of_producers = ((1 - producers) ** 2 * own + producers**2 * other) / area**2  # eq. 7, divided by N²
    of_users = np.where(points > 0, np.diag(variances), np.nan)  # eq. 6
    most = _unmet(points, pixels)
    less, more = most * (users == 1), most * (users == 0)
    # Of the area of each class, what may be of another one, and what of the others may be of it.
    lost, won = (weights * most) @ (shares == 1), (weights * most) @ (shares == 0)
    right, wrong = np.diag(matrix), area - np.diag(matrix)
    with np.errstate(divide="ignore", invalid="ignore"):
        least = 1 / (1 + (wrong + won) / (right - weights * less))
        largest = 1 / (1 + (wrong - lost + weights * less) / (right + weights * more))
    return Accuracy(
        matrix,
        _estimate(np.trace(matrix), own.sum(), weights @ less, weights @ more),  # eqs. 1 and 5
        _estimate(users, of_users, less, more),
        _estimate(producers, of_producers, producers - least, largest - producers),
        _estimate(area, weighted.sum(axis=0), lost, won),  # eq. 10; times the area of the map, eqs. 11 and 12
    )


def _estimate(value: np.ndarray, variance: np.ndarray, below: np.ndarray, above: np.ndarray) -> Estimate:
    """An estimate; differences of `below` and `above` are not exactly 0 where there are none."""
    return Estimate(value, np.sqrt(variance), *(np.where(of > _ROUNDING, of, 0.0) for of in (below, above)))


def _unmet(points: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Share of each stratum that may be of a kind that none of its points is of; 0 where all of it was looked at."""
    return np.where((points > 0) & (points < pixels), np.minimum(1, THREE / np.maximum(points, 1)), 0.0)


def unseen(counts: np.ndarray, pixels: np.ndarray) -> dict[tuple[int, int], float]:
    """Errors that a sample has not met, (map class, true class), and the share of the map that they may yet have.

    Of something that n points did not meet once, the share is below 3/n, with 95 % probability. A standard error knows
    nothing of it.

    Args:
        counts: as of `estimated`.
        pixels: as of `estimated`.
    """
    points, weights = counts.sum(axis=1), pixels / pixels.sum()
    most = _unmet(points, pixels)
    return {
        (int(row), int(column)): float(most[row] * weights[row])
        for row, column in np.argwhere(counts == 0)
        if row != column and most[row] > 0
    }
