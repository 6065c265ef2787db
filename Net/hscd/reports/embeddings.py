"""Embeddings of a sample of pixels as a picture, a table and files for TensorBoard's projector; spread of distances."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.reports.maps import STRONG, fit, new_figure
from hscd.reports.tables import Row
from hscd.system import storage

# Names of labels, of dates and of what a map makes of a label, and their colours (Okabe and Ito).
_LABELS = {CHANGED: "changed", UNCHANGED: "unchanged", UNKNOWN: "unknown"}
_DATES = {"before": "#0072b2", "after": "#e69f00"}
_ERRORS = {"right": "#c8c8c8", "missed": "#cc79a7", "false alarm": "#009e73"}
_BINS = 80
OF_MAP = "the map"
_BY = {"labels": "by label", "pseudo-labels": "by pseudo-label", OF_MAP: "by the map"}
# Histograms end here; what is beyond counts in the last bin.
_TOP_PERCENTILE = 99.9


class Sampled(NamedTuple):
    """Some pixels and what a network makes of them.

    `positions`, (pixels,), are row-major in an image of `columns`; `pairs`, (pixels, 2, bands), are as the network gets
    them, `embeddings`, (pixels, 2, units), as the head does; `distances`, (pixels,), `called`, (pixels,) labels of the
    map, `labels`, (pixels,) those that it is held against, which are `given` by "labels", "pseudo-labels" or "the map".
    """

    positions: np.ndarray
    columns: int
    pairs: np.ndarray
    embeddings: np.ndarray
    distances: np.ndarray
    called: np.ndarray
    labels: np.ndarray
    given: str

    @property
    def errors(self) -> np.ndarray:
        """What the map makes of each label, (pixels,) names of `_ERRORS`."""
        wrong = np.where(self.labels == CHANGED, "missed", "false alarm")
        return np.where(self.called == self.labels, "right", wrong)


def rows(sampled: Sampled) -> list[Row]:
    """A row a pixel and date: where the pixel lies, its labels, what the map makes of it, and its distance."""
    places = zip(*np.divmod(sampled.positions, sampled.columns), strict=True)
    of_pixels = zip(places, sampled.labels, sampled.called, sampled.errors, sampled.distances, strict=True)
    return [
        {
            "row": int(row), "column": int(column), "date": date, "label": _LABELS[int(label)],
            "map": _LABELS[int(called)], "error": str(error), "distance": float(distance),
        }
        for (row, column), label, called, error, distance in of_pixels
        for date in _DATES
    ]  # fmt: skip


def table(sampled: Sampled, points: np.ndarray) -> list[Row]:
    """`rows` with the point of each in the picture, `x` and `y`, of (2 · pixels, 2)."""
    return [row | {"x": float(x), "y": float(y)} for row, (x, y) in zip(rows(sampled), points, strict=True)]


def write_projector(folder: Path, sampled: Sampled) -> None:
    """Write embeddings for TensorBoard's projector, which shows them in the folder of any of its records.

    Files: vectors.tsv, a point a line; metadata.tsv, what each is; projector_config.pbtxt, which names the two.
    """
    told = rows(sampled)
    lines = [list(told[0]), *(list(row.values()) for row in told)]
    texts = {
        "vectors.tsv": tsv(sampled.embeddings.reshape(-1, sampled.embeddings.shape[-1])),
        "metadata.tsv": "".join("\t".join(map(str, line)) + "\n" for line in lines).encode(),
        "projector_config.pbtxt": projector_config({"embeddings": "vectors.tsv"}),
    }
    storage.require_folder(folder)
    for name, text in texts.items():
        storage.write_bytes(folder / name, text)


def tsv(vectors: np.ndarray) -> bytes:
    """(points, units) as the projector reads them, a point a line."""
    return "".join("\t".join(f"{value:.6g}" for value in vector) + "\n" for vector in vectors).encode()


def projector_config(files: Mapping[str, str]) -> bytes:
    """What tells the projector of files of vectors, by the names to show, that share one metadata.tsv."""
    entry = 'embeddings {{\n  tensor_name: "{}"\n  tensor_path: "{}"\n  metadata_path: "metadata.tsv"\n}}\n'
    return "".join(entry.format(name, file) for name, file in files.items()).encode()


def figure_of(sampled: Sampled, points: np.ndarray, title: str) -> tuple[Any, int]:
    """Draw the points by label, by date, and by what the map makes of the labels if these are not its own.

    Args:
        sampled: the pixels.
        points: (2 · pixels, 2), before and after of each pixel.
        title: of the picture.

    Returns:
        The figure and its dots per inch.
    """
    names = [_LABELS[int(label)] for label in sampled.labels]
    labels = {_LABELS[label]: STRONG[label] for label in (UNCHANGED, CHANGED)}
    panels = {
        _BY[sampled.given]: (np.repeat(names, 2), labels),
        "by date": (np.tile(list(_DATES), len(names)), _DATES),
    }
    if sampled.given != OF_MAP:
        panels["by error of the map"] = (np.repeat(sampled.errors, 2), _ERRORS)
    figure, dpi = new_figure((1, 1), len(panels))
    for axes, (name, (values, colours)) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        shown = {value: colour for value, colour in colours.items() if (values == value).any()}
        order = np.random.default_rng(0).permutation(len(values))  # so that no group covers the others
        if colours is _ERRORS:  # but for what is rare
            order = order[np.argsort(values[order] != "right", kind="stable")]
        axes.scatter(*points[order].T, s=5, c=[colours[value] for value in values[order]], linewidths=0)
        for value, colour in shown.items():
            axes.scatter([], [], s=25, c=colour, label=value)
        axes.set_title(name, fontsize="medium")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=len(shown), frameon=False, fontsize="small")
    fit(figure.suptitle(title, parse_math=False), figure)
    return figure, dpi


def histogram(distances: np.ndarray, labels: np.ndarray, threshold: float) -> list[Row]:
    """How the distances of changed and of unchanged pixels are spread.

    Args:
        distances: any shape, NaN where masked.
        labels: of the same shape.
        threshold: of the distances; it lies on an edge where it is not beyond the last bin.

    Returns:
        A row a bin: `low` and `high`, and `changed` and `unchanged` pixels; the last one has what is beyond it, too.
    """
    known = np.isfinite(distances) & (labels != UNKNOWN)
    values, of = distances[known].astype(np.float64), labels[known]
    top = max(float(np.percentile(values, _TOP_PERCENTILE)), threshold) or 1.0
    below = max(1, round(_BINS * threshold / top))
    width = threshold / below if threshold > 0 else top / _BINS
    edges = width * np.arange(max(2, int(np.ceil(top / width - 1e-9)) + 1))
    counts = [
        np.histogram(np.minimum(values[of == label], edges[-1]), edges)[0].tolist() for label in (CHANGED, UNCHANGED)
    ]
    return [
        {"low": low, "high": high, "changed": changed, "unchanged": unchanged}
        for low, high, changed, unchanged in zip(edges.tolist(), edges[1:].tolist(), *counts, strict=False)
    ]


def write_histogram(path: Path, bins: list[Row], threshold: float, title: str, given: str) -> None:
    """Draw the shares of the changed and of the unchanged pixels by distance, and the threshold.

    Args:
        path: PNG file.
        bins: of `histogram`.
        threshold: of the distances.
        title: of the picture.
        given: what says which pixels changed.
    """
    figure, dpi = new_figure((2, 3), 1)
    axes = figure.subplots()
    edges = [row["low"] for row in bins] + [bins[-1]["high"]]
    for label in (UNCHANGED, CHANGED):
        counts = np.array([row[_LABELS[label]] for row in bins], float)
        if counts.sum():
            name = f"{_LABELS[label]} ({int(counts.sum()):,} pixels)"
            axes.stairs(100 * counts / counts.sum(), edges, color=STRONG[label], fill=True, alpha=0.45, label=name)
    axes.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold:.3g}")
    axes.set_xlabel("distance of the embeddings")
    axes.set_ylabel(f"% of the pixels of a class ({given})")
    axes.set_xlim(edges[0], edges[-1])
    axes.legend(frameon=False, loc="upper right")
    fit(axes.set_title(title, parse_math=False), figure)
    storage.write_figure(path, figure, dpi)
