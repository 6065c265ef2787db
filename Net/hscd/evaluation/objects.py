"""Changed objects: connected regions as boxes with a confidence, and how they agree with those of the ground truth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hscd.evaluation.confusion import ratio
from hscd.evaluation.regions import find_regions
from hscd.labels import CHANGED

# Boxes that are looked at, the largest: each is compared with all others.
MOST = 10_000
# Of COCO: an object counts as found from this overlap on; overlaps and recalls that average precision is a mean over.
FOUND = 0.5
OVERLAPS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
_RECALLS = np.linspace(0, 1, 101)
# Pixels from which on an object is larger, and the share of its pixels that keep it.
SIZES = (1, 10, 100, 1000)
_KEPT = 0.5
# Boxes of one set that are compared with all of another at a time.
_CHUNK = 256


class Objects(NamedTuple):
    """Changed objects, the most confident one first.

    `boxes`, (objects, 4), are first row and column, and those after the last ones; `pixels` and `confidences`,
    (objects,), how many pixels of a box changed, and their mean probability of change. `left_out` are the regions that
    are too many, the smallest; `merged` the boxes that gave way to a more confident one.
    """

    boxes: np.ndarray
    pixels: np.ndarray
    confidences: np.ndarray
    merged: int = 0
    left_out: int = 0


class Agreement(NamedTuple):
    """How objects agree with `true_objects` true ones.

    `precision` and `recall` at an overlap of one half; `overlap`, the mean intersection over union of what is found;
    `average_precision` at one half, and `mean_average_precision` over overlaps from .5 to .95. NaN where undefined.
    """

    true_objects: int
    precision: float
    recall: float
    overlap: float
    average_precision: float
    mean_average_precision: float


class Kept(NamedTuple):
    """How many of the true objects of `least` pixels and more, below the next class, a map keeps."""

    least: int
    objects: int
    kept: int


def objects_of(labels: np.ndarray, probability: np.ndarray, overlap: float = FOUND) -> Objects:
    """The changed objects of a map: pixels connected along their sides, as boxes; of boxes that overlap the surest.

    Args:
        labels: (rows, columns) labels, 0 changed.
        probability: (rows, columns) of change.
        overlap: intersection over union above which a box gives way to a more confident one [1].

    References:
        [1] Neubeck, Van Gool (2006), "Efficient non-maximum suppression", ICPR.
    """
    regions = find_regions(labels, CHANGED)
    pixels = regions.pixels()
    confidences = regions.sums(np.nan_to_num(probability)) / np.maximum(pixels, 1)
    largest = np.argsort(-pixels, kind="stable")[:MOST]
    order = largest[np.lexsort((-pixels[largest], -confidences[largest]))]
    boxes = regions.boxes()[order]
    stay = suppressed(boxes, overlap)
    kept = order[stay]
    return Objects(boxes[stay], pixels[kept], confidences[kept], len(order) - len(kept), regions.count - len(order))


def intersection_over_union(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Of each box of a set with each of another, (first, second) float64; both (boxes, 4)."""
    sides = [
        np.minimum(first[:, None, axis + 2], second[None, :, axis + 2])
        - np.maximum(first[:, None, axis], second[None, :, axis])
        for axis in (0, 1)
    ]
    shared = np.maximum(sides[0], 0) * np.maximum(sides[1], 0)
    return shared / (_areas(first)[:, None] + _areas(second)[None] - shared)


def _areas(boxes: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return found


def suppressed(boxes: np.ndarray, overlap: float) -> np.ndarray:
    """Positions of the boxes that stay: each takes away those after it that it overlaps by more.

    Args:
        boxes: (boxes, 4), the most confident one first.
        overlap: intersection over union.
    """
    stays = np.ones(len(boxes), bool)
    for begin in range(0, len(boxes), _CHUNK):
        some = np.flatnonzero(stays[begin : begin + _CHUNK]) + begin
        rows, columns = np.nonzero(intersection_over_union(boxes[some], boxes) > overlap)
        for box, other in zip(some[rows].tolist(), columns.tolist(), strict=True):
            if other > box and stays[box]:
                stays[other] = False
    return np.flatnonzero(stays)


def agreement(objects: Objects, truth: np.ndarray) -> Agreement | None:
    """Compare objects with those of the ground truth, as COCO does, but that no object is too many.

    Args:
        objects: of a map that is unknown where the truth is.
        truth: (rows, columns) labels.

    Returns:
        None where the truth has no object, or too many to compare.

    References:
        Lin et al. (2014), "Microsoft COCO: common objects in context", ECCV.
    """
    regions = find_regions(truth, CHANGED)
    if not 0 < regions.count <= MOST:
        return None
    overlaps = _overlapping(objects.boxes, regions.boxes())
    found = {least: _matched(overlaps, regions.count, least) for least in OVERLAPS}
    precisions = [_average_precision(matches, regions.count) for matches in found.values()]
    half = found[FOUND]
    hits = np.isfinite(half)
    return Agreement(
        regions.count,
        ratio(int(hits.sum()), len(half)),
        ratio(int(hits.sum()), regions.count),
        float(half[hits].mean()) if hits.any() else float("nan"),
        precisions[0],
        float(np.mean(precisions)),
    )


def _overlapping(boxes: np.ndarray, true: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each box the true ones that it overlaps by at least the least of `OVERLAPS`, and by how much."""
    found = []
    for begin in range(0, len(boxes), _CHUNK):
        for row in intersection_over_union(boxes[begin : begin + _CHUNK], true):
            (near,) = np.nonzero(row >= OVERLAPS[0])
            found.append((near, row[near]))
    return found


def _matched(overlaps: list[tuple[np.ndarray, np.ndarray]], true: int, least: float) -> np.ndarray:
    """Overlap of each box with the true one that it finds, (boxes,), NaN for none; each is found once.

    The most confident box comes first, and takes that which it overlaps most.
    """
    free = np.ones(true, bool)
    found = np.full(len(overlaps), np.nan)
    for number, (near, values) in enumerate(overlaps):
        may = free[near] & (values >= least)
        if may.any():
            best = np.flatnonzero(may)[np.argmax(values[may])]
            free[near[best]], found[number] = False, values[best]
    return found


def _average_precision(matches: np.ndarray, true: int) -> float:
    """Mean over 101 recalls of the best precision that is reached with at least that recall."""
    hits = np.isfinite(matches)
    if not len(hits):
        return 0.0
    recalls = np.cumsum(hits) / true
    precisions = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    best = np.maximum.accumulate(precisions[::-1])[::-1]
    at = np.searchsorted(recalls, _RECALLS, side="left")
    return float(np.where(at < len(best), best[np.minimum(at, len(best) - 1)], 0).mean())


def kept_by_size(labels: np.ndarray, truth: np.ndarray) -> list[Kept]:
    """How many true objects of each class of `SIZES` keep at least half of their pixels in a map.

    Args:
        labels: (rows, columns) labels.
        truth: the same.
    """
    regions = find_regions(truth, CHANGED)
    pixels = regions.pixels()
    kept = regions.sums(labels == CHANGED) >= _KEPT * pixels
    classes = np.searchsorted(SIZES, pixels, side="right") - 1
    return [
        Kept(least, int((classes == number).sum()), int((kept & (classes == number)).sum()))
        for number, least in enumerate(SIZES)
    ]
