"""What a page shows of a pair, small enough to be part of it: pictures, maps, scores and the spectra of some pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from hscd.evaluation.result import MapResult
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.reports import quicklook
from hscd.reports.furniture import aspect_of
from hscd.reports.maps import COLOURS
from hscd.reports.page import images, spectra
from hscd.reports.score_range import score_range
from hscd.scenes.image import with_bands
from hscd.scenes.inspection import names_of, picture_bands
from hscd.scenes.scene import Scene, Window, thinned

VERSION = 1
# Pixels of all maps of a page, and rows or columns of one of them: a page stays below 5 MB.
_AREA, _SIDE = 800_000, 2048
# Bytes of the spectra of all pairs of a page, and how many pixels have some at most.
_SPECTRA, _MOST_PLACES = 400_000, 2000
# Of larger pairs, spectra are of some blocks of the files, that many at most and of that many bytes together.
_MOST_BYTES, _MOST_BLOCKS, _READ = 2**32, 64, 2**30
_BINS = 64


class Shown(NamedTuple):
    """The maps of a pair, (rows, columns) each: labels before and after correction, and scores with their threshold."""

    labels: np.ndarray
    corrected: np.ndarray
    truth: np.ndarray
    scores: np.ndarray
    threshold: float

    @classmethod
    def of(cls, result: MapResult) -> Shown:
        """The maps of a result."""
        return cls(result.labels, result.corrected, result.truth, result.score_map.scores, result.cut.value)


def view(scene: Scene, shown: Shown, pairs: int, seed: int = 0) -> dict[str, Any]:
    """What a page shows of a pair, as plain values for JSON.

    Args:
        scene: the pair.
        shown: its maps.
        pairs: of how many pairs the page is.
        seed: of the choice of changed pixels whose spectra are kept.

    Returns:
        `rows`, `columns` and `step` (every so manieth pixel is shown), `aspect` (the height of a pixel as a multiple of
        its width), `layers` (pictures as data URIs), the `colours` of class maps, whether any pixel is `unknown`,
        `histogram`, `spectra` (None of single bands), `bands` of the pictures, `swipe` (where the line between two of
        them is at first, percent of the width), and a `thumbnail`, a data URI.
    """
    rows, columns = shown.corrected.shape
    step = max(1, math.ceil(max(rows, columns) / _SIDE), math.ceil(math.sqrt(rows * columns * pairs / _AREA)))
    bands, colours = _pictures(scene, step)
    pictures = [
        {"key": key, "title": title, "kind": "picture", "image": images.picture(of)}
        for key, title, of in zip(("before", "after"), ("Before", "After"), colours, strict=False)
    ]
    labels, corrected, truth, scores = (array[::step, ::step] for array in shown[:4])
    thin = Shown(labels, corrected, truth, scores, shown.threshold)
    return {
        "version": VERSION,
        "name": scene.name,
        "rows": rows,
        "columns": columns,
        "step": step,
        "aspect": aspect_of(scene.before.path, scene.grid, shown.corrected.shape),
        "bands": bands,
        "layers": pictures + _maps(thin),
        "colours": list(COLOURS),
        "unknown": _any_unknown(thin),
        "ramp": images.score_colours().tolist(),
        "histogram": histogram(thin.scores, thin.truth, thin.threshold),
        "spectra": _spectra(scene, shown.corrected, _SPECTRA // pairs, seed),
        "swipe": _swipe(corrected == CHANGED),
        "thumbnail": images.thumbnail(colours[1], corrected == CHANGED) if colours else "",
    }


def _pictures(scene: Scene, step: int) -> tuple[list[str], Sequence[np.ndarray]]:
    """The names of the bands shown, and both images in their colours; none of a scene that shows nothing."""
    bands = picture_bands(scene.before)
    dates = [thinned(with_bands(image, bands), scene.windows, step) for image in (scene.before, scene.after)]
    valid = None if scene.valid is None else scene.valid[::step, ::step]
    if valid is not None and not valid.any():
        return [], []
    return names_of(scene.before, bands), quicklook.stretched((dates[0], dates[1]), valid)


def _swipe(changed: np.ndarray) -> int:
    """The middle of the changed pixels across, percent of the width, so that change is seen on both sides of a line."""
    columns = np.flatnonzero(changed) % changed.shape[1]
    return round(100 * (float(np.median(columns)) + 0.5) / changed.shape[1]) if columns.size else 50


def _any_unknown(shown: Shown) -> bool:
    """Whether a map that is shown has pixels that are unknown or masked; a truth that is nowhere known is not shown."""
    truths = [shown.truth] if (shown.truth != UNKNOWN).any() else []
    return any(bool((of == UNKNOWN).any()) for of in (shown.labels, shown.corrected, *truths))


def _maps(shown: Shown) -> list[dict[str, Any]]:
    """The maps as layers; labels before correction where it changed any, the truth where any is known."""
    levels, low, high = quantised(shown.scores, shown.threshold)
    found: list[dict[str, Any]] = [
        {"key": "map", "title": "Change map", "kind": "labels", "image": images.label_map(shown.corrected)},
        {"key": "raw", "title": "Before correction", "kind": "labels", "image": images.label_map(shown.labels)},
        {"key": "scores", "title": "Scores", "kind": "scores", "image": images.score_map(levels)}
        | {"low": low, "high": high, "threshold": shown.threshold},
    ]
    if (shown.labels == shown.corrected).all():
        del found[1]
    if (shown.truth != UNKNOWN).any():
        compared = images.label_map(agreement(shown.corrected, shown.truth), images.AGREEMENT)
        found += [
            {"key": "truth", "title": "Labels", "kind": "labels", "image": images.label_map(shown.truth)},
            {"key": "errors", "title": "Right and wrong", "kind": "errors", "image": compared},
        ]
    return found


def agreement(labels: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """What a map makes of each pixel: 0 found, 1 missed, 2 false alarm, 3 rightly unchanged, 4 not known."""
    found = np.full(labels.shape, 4, np.uint8)
    for value, (called, true) in enumerate(
        ((CHANGED, CHANGED), (UNCHANGED, CHANGED), (CHANGED, UNCHANGED), (UNCHANGED, UNCHANGED))
    ):
        found[(labels == called) & (truth == true)] = value
    return found


def quantised(scores: np.ndarray, threshold: float) -> tuple[np.ndarray, float, float]:
    """Scores in 255 levels, 0 for NaN, and the scores of the first and last level, between which the threshold lies."""
    known = np.isfinite(scores)
    if not known.any():
        return np.zeros(scores.shape, np.uint8), 0.0, 1.0
    low, high = score_range(scores[known], threshold)
    share = (np.where(known, scores, low) - low) / ((high - low) or 1.0)
    levels = 1 + np.round(np.clip(share, 0, 1) * (images.LEVELS - 1))
    return np.where(known, levels, 0).astype(np.uint8), low, high


def histogram(scores: np.ndarray, truth: np.ndarray, threshold: float) -> dict[str, Any]:
    """How many pixels have which score: `edges`, and counts of `all`, and of `changed` and `unchanged` by the truth.

    `above` is how many are above the threshold. What is beyond the last edge counts in the last bin.
    """
    known = np.isfinite(scores)
    values, labels = scores[known].astype(np.float64), truth[known]
    if not values.size:
        return {"edges": [], "all": [], "changed": [], "unchanged": [], "above": 0}
    low, top = score_range(values, threshold)
    edges = np.linspace(low, top if top > low else low + 1, _BINS + 1)
    above = int(np.count_nonzero(values > threshold))
    values = np.minimum(values, edges[-1])
    groups = {"all": slice(None), "changed": labels == CHANGED, "unchanged": labels == UNCHANGED}
    return {"edges": edges.tolist(), "above": above} | {
        name: np.histogram(values[of], edges)[0].tolist() for name, of in groups.items()
    }


def sampled(corrected: np.ndarray, valid: np.ndarray | None, count: int, seed: int) -> np.ndarray:
    """Row-major positions of pixels for spectra: three quarters on a grid, the others drawn among the changed ones."""
    rows, columns = corrected.shape
    spacing = max(1.0, math.sqrt(rows * columns / max(1, 3 * count // 4)))
    down, across = (np.arange(min(spacing, length) / 2, length, spacing).astype(int) for length in (rows, columns))
    grid = (down[:, None] * columns + across).ravel()[:count]
    changed = np.flatnonzero(corrected == CHANGED)
    rng = np.random.default_rng(seed)
    drawn = rng.choice(changed, min(len(changed), max(0, count - len(grid))), replace=False)
    found = np.unique(np.concatenate([grid, drawn]))
    return found if valid is None else found[valid.ravel()[found]]


def _spectra(scene: Scene, corrected: np.ndarray, most: int, seed: int) -> dict[str, Any] | None:
    """Spectra of some pixels, before and after; None of single bands, and where one block of a file is too much."""
    if scene.bands < 2:
        return None
    count = min(_MOST_PLACES, max(1, most // (4 * scene.bands)))
    places, values, windows = [], [], _looked_at(scene)
    for window in windows:
        part = replace(scene, ranges=None) if window is None else replace(scene.crop(window), ranges=None)
        shown = corrected if window is None else corrected[window]
        found = sampled(shown, part.valid, math.ceil(count / len(windows)), seed)
        if len(found):
            values.append(part.take(found))
            down, across = (0, 0) if window is None else (window.rows.start, window.columns.start)
            rows, columns = np.divmod(found, shown.shape[1])
            places += list(zip((rows + down).tolist(), (columns + across).tolist(), strict=True))
    return spectra.encoded(np.concatenate(values), scene.before, places) if values else None


def _looked_at(scene: Scene) -> list[Window | None]:
    """Windows that spectra are of: None for all; of a very large pair blocks of its files, far from each other."""
    if scene.before.nbytes + scene.after.nbytes <= _MOST_BYTES:
        return [None]
    block = [max(sizes) for sizes in zip(scene.before.block, scene.after.block, strict=True)]
    size = math.prod(block) * scene.bands * (scene.before.dtype.itemsize + scene.after.dtype.itemsize)
    counts = [math.ceil(length / side) for length, side in zip(scene.truth.shape, block, strict=True)]
    wanted = min(_MOST_BLOCKS, _READ // size)
    if not wanted:
        return []
    # As many down as across, unless there are no more of them in one direction.
    down = min(counts[0], max(math.isqrt(wanted), wanted // counts[1]))
    few = down, min(counts[1], wanted // down)
    rows, columns = (
        [slice(at * side, min((at + 1) * side, length)) for at in _spread(of, count)]
        for of, count, side, length in zip(few, counts, block, scene.truth.shape, strict=True)
    )
    return [Window(row, column) for row in rows for column in columns]


def _spread(few: int, count: int) -> list[int]:
    """That many of so many numbers from 0, at equal distances."""
    return [(2 * at + 1) * count // (2 * few) for at in range(few)]
