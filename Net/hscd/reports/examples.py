"""Pictures of labelled pairs and of triplets, spectrum by spectrum."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hscd.labels import CHANGED, UNCHANGED
from hscd.learn.examples import Examples
from hscd.reports.maps import COLOURS, fit, new_figure
from hscd.reports.spectra import FEW, along, axis_name
from hscd.system import storage

# Panels of a row.
COUNT = 4
_BEFORE, _AFTER, _NEGATIVE = "#0072b2", "#e69f00", COLOURS[CHANGED]


def write(
    path: Path, found: Examples, bands: np.ndarray, wavelengths: np.ndarray | None, negatives: str, title: str
) -> None:
    """Draw a row of unchanged pairs, one of changed pairs and one of triplets, of those that there are.

    Args:
        path: PNG file.
        found: up to `COUNT` of each.
        bands: (bands,) their numbers.
        wavelengths: (bands,) nm; None where they are unknown.
        negatives: "pairs", to draw both spectra of the pair that a triplet is set against; "spectra", the after one.
        title: of the picture.
    """
    names = {UNCHANGED: "unchanged pairs", CHANGED: "changed pairs"}
    kinds = [label for label in names if label in found.pairs]
    figure, dpi = new_figure((len(kinds) + (found.triplets is not None), COUNT), COUNT // 2)
    figure.set_size_inches(3.2 * COUNT, 2.4 * (len(kinds) + (found.triplets is not None)) + 0.8)
    grid = figure.subplots(len(kinds) + (found.triplets is not None), COUNT, squeeze=False, sharex=True, sharey=True)
    for row, label in zip(grid, kinds, strict=False):
        row[0].set_ylabel(names[label])
        for axes, pair in zip(row, found.pairs[label], strict=False):
            _draw(axes, bands, wavelengths, {"before": (pair[0], _BEFORE, "-"), "after": (pair[1], _AFTER, "-")})
    if found.triplets is not None:
        _draw_triplets(grid[-1], found, bands, wavelengths, negatives)
    for row in grid:
        for axes in row:
            axes.set_visible(axes.has_data())
            axes.tick_params(labelsize="small")
        if row[0].has_data():
            row[0].legend(frameon=False, fontsize="x-small", loc="upper right")
    for axes in grid[-1]:
        axes.set_xlabel(axis_name(wavelengths))
    fit(figure.suptitle(title, parse_math=False), figure)
    storage.write_figure(path, figure, dpi)


def _draw_triplets(
    row: Any, found: Examples, bands: np.ndarray, wavelengths: np.ndarray | None, negatives: str
) -> None:
    """Draw anchors, positives and negatives, with the distances between them."""
    assert found.triplets is not None
    row[0].set_ylabel("triplets")
    for axes, unchanged, changed, positive, negative in zip(row, *found.triplets, strict=False):
        curves = {"anchor": (unchanged[0], _BEFORE, "-"), "positive": (unchanged[1], _AFTER, "-")}
        if negatives == "pairs":
            curves["changed pair, before"] = (changed[0], _NEGATIVE, ":")
            curves["changed pair, after"] = (changed[1], _NEGATIVE, "--")
        else:
            curves["negative"] = (changed[1], _NEGATIVE, "--")
        _draw(axes, bands, wavelengths, curves)
        kind = "semi-hard" if negative > positive else "hard"
        axes.set_title(f"d⁺ {positive:.3g}, d⁻ {negative:.3g} ({kind})", fontsize="small")


def _draw(
    axes: Any, bands: np.ndarray, wavelengths: np.ndarray | None, curves: dict[str, tuple[np.ndarray, str, str]]
) -> None:
    """Draw spectra, each with its colour and line, by name."""
    for name, (spectrum, colour, line) in curves.items():
        places, drawn = along(bands, wavelengths, spectrum)
        marker = "." if len(places) < FEW else ""
        axes.plot(places, drawn, line, marker=marker, color=colour, label=name, linewidth=1.1)
