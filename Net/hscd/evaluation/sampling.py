"""Stratified random samples of pixels from a map: how many, how many of each class, and which."""

from __future__ import annotations

import math

import numpy as np

# Points that a stratum needs for a variance.
LEAST = 2


def sample_size(weights: np.ndarray, accuracies: np.ndarray, standard_error: float) -> int:
    """Points that a wanted standard error of overall accuracy takes, of a map that is large beside them.

    Args:
        weights: (strata,) share of each map class in the pixels of the map, together 1.
        accuracies: (strata,) the user's accuracy that is expected of each.
        standard_error: of overall accuracy, a share > 0. With two classes, that of the share of change is the same.

    References:
        Cochran (1977), Sampling Techniques, eq. 5.25; Olofsson et al. (2014), Remote Sens. Environ. 148, eq. 13.
    """
    spread = float(weights @ np.sqrt(accuracies * (1 - accuracies)))
    # What is a whole number but for rounding stays one.
    return math.ceil((spread / standard_error) ** 2 - 1e-9)


def expected_error(weights: np.ndarray, accuracies: np.ndarray, points: np.ndarray) -> float:
    """The standard error of overall accuracy that a sample leads one to expect.

    Args:
        weights: as of `sample_size`.
        accuracies: as of `sample_size`.
        points: (strata,) of the sample.
    """
    return math.sqrt((weights**2 * accuracies * (1 - accuracies) / np.maximum(points - 1, 1)).sum())


def allocation(pixels: np.ndarray, size: int, minimum: int) -> np.ndarray:
    """Divide a sample among strata: in proportion to their pixels, but at least a minimum to each.

    In proportion alone, a rare class would get so few points that its user's accuracy stays unknown; the same number
    for each would leave what is missed in the large one unknown (Olofsson et al. 2014, section 5.1.1).

    Args:
        pixels: (strata,) integers, of each in the map.
        size: points together, at least 2 a stratum unless it has fewer pixels, and no more than there are pixels.
        minimum: points of a stratum, at least 2; fewer where the stratum has fewer pixels, or where the size does not
            give so many to each.

    Returns:
        (strata,) points of each, together `size`.
    """
    free = pixels > 0
    least = np.minimum(pixels, min(minimum, size // int(np.count_nonzero(free))))
    if not np.minimum(pixels, LEAST).sum() <= size <= pixels.sum():
        raise ValueError(f"{size} points cannot be drawn from strata of {pixels} pixels")
    points = least.astype(float)
    while True:
        share = (size - points[~free].sum()) * pixels / max(pixels[free].sum(), 1)
        short = free & (share < least)
        if not short.any():
            break
        free &= ~short
    points[free] = share[free]
    whole = np.floor(points).astype(np.int64)
    # What rounding leaves goes to those that lost most by it.
    order = np.argsort(whole - points, kind="stable")
    whole[order[: size - int(whole.sum())]] += 1
    return whole


def draw(labels: np.ndarray, points: dict[int, int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw pixels of each class by lot, without replacement, and put all of them into an order by lot.

    Args:
        labels: (rows, columns) map.
        points: how many of each class, no more than it has pixels.
        rng: decides which.

    Returns:
        Rows and columns of the pixels, (points,) each.
    """
    found = [_draw(labels == label, count, rng) for label, count in points.items()]
    rows, columns = (np.concatenate(part) for part in zip(*found, strict=True))
    order = rng.permutation(len(rows))
    return rows[order], columns[order]


def _draw(of: np.ndarray, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of some of the pixels of a mask; a list of all of them would take eight times the mask."""
    ends = np.cumsum(np.count_nonzero(of, axis=1))
    chosen = np.sort(rng.choice(int(ends[-1]), count, replace=False))
    rows = np.searchsorted(ends, chosen, side="right")
    before = ends[rows] - np.count_nonzero(of[rows], axis=1)
    columns = [np.flatnonzero(of[row])[place] for row, place in zip(rows, chosen - before, strict=True)]
    return rows, np.array(columns, dtype=np.int64)
