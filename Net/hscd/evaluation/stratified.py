"""Accuracy of a map and area of its classes, estimated from a stratified random sample whose strata are its classes.

References:
    Olofsson, Foody, Herold, Stehman, Woodcock, Wulder (2014), "Good practices for estimating area and assessing
    accuracy of land change", Remote Sensing of Environment 148, 42-57; the numbers of equations are theirs.
    Cochran (1977), Sampling Techniques, 3rd edition.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Standard errors to either side of an estimate that make its 95 % interval.
Z = 1.96


@dataclass(frozen=True)
class Estimate:
    """Shares in [0, 1], a number or (classes,), and their standard errors; NaN where nothing is there to judge by."""

    value: np.ndarray
    error: np.ndarray

    @property
    def margin(self) -> np.ndarray:
        """Half of the 95 % interval."""
        return Z * self.error

    @property
    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """The 95 % interval, within [0, 1]."""
        return np.clip(self.value - self.margin, 0, 1), np.clip(self.value + self.margin, 0, 1)


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
    return Accuracy(
        matrix,
        Estimate(np.trace(matrix), np.sqrt(own.sum())),  # eqs. 1 and 5
        Estimate(users, np.sqrt(of_users)),
        Estimate(producers, np.sqrt(of_producers)),
        Estimate(area, np.sqrt(weighted.sum(axis=0))),  # eq. 10; times the area of the map, eqs. 11 and 12
    )


def unseen(counts: np.ndarray, pixels: np.ndarray) -> dict[tuple[int, int], float]:
    """Errors that a sample has not met, (map class, true class), and the share of the map that they may yet have.

    Of something that n points did not meet once, the share is below 3/n, with 95 % probability. The interval of an
    estimate knows nothing of it.

    Args:
        counts: as of `estimated`.
        pixels: as of `estimated`.
    """
    points, weights = counts.sum(axis=1), pixels / pixels.sum()
    return {
        (int(row), int(column)): float(min(1, 3 / points[row]) * weights[row])
        for row, column in np.argwhere(counts == 0)
        if row != column and 0 < points[row] < pixels[row]
    }
