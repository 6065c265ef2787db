"""The kinds of change of a pair: their map, their spectra before and after, and their tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hscd.evaluation.matching import Matching
from hscd.kinds import NO_DATA, KindMap
from hscd.labels import UNKNOWN
from hscd.reports.gis.styles import MapClass
from hscd.reports.maps import COLOURS, PIXELS, fit, new_figure, thinned
from hscd.reports.spectra import FEW, along, axis_name, columns
from hscd.reports.tables import Row
from hscd.system import storage

# Of kinds from the first; unchanged pixels are grey, so that kinds may be blue, and unknown ones yellow as on all maps.
_KINDS = ("#d7191c", "#1f78b4", "#33a02c", "#ff7f00", "#6a3d9a", "#17becf", "#8c564b", "#e377c2")
_UNCHANGED = "#d0d0d0"
# Panels of spectra above each other, and the least height of each.
_HIGH, _PANEL_INCHES = 4, 1.4


def classes(kinds: KindMap) -> list[MapClass]:
    """What the values of the map stand for."""
    named = [
        MapClass(number, _colour(number), f"{_name(kinds, number)}, {100 * share:.0f} % of the change")
        for number, share in enumerate(kinds.shares, start=1)
    ]
    return [MapClass(0, _UNCHANGED, "unchanged"), *named, MapClass(NO_DATA, COLOURS[UNKNOWN], "unknown or masked")]


def _name(kinds: KindMap, number: int) -> str:
    return f"class {kinds.names[number - 1]}" if kinds.names else f"kind {number}"


def _colour(number: int) -> str:
    return _KINDS[(number - 1) % len(_KINDS)]


def rows(kinds: KindMap, areas: list[float], unit: str) -> list[Row]:
    """A row for each kind: its pixels, its share of what changed and of all that is known, its area."""
    known = int(np.count_nonzero(kinds.values != NO_DATA))
    return [
        {
            "kind": number,
            "pixels": int(pixels),
            "share_of_change": float(share),
            "share_of_map": int(pixels) / known,
            "area": area,
            "unit": unit,
        }
        | ({"class": kinds.names[number - 1]} if kinds.names else {})
        for number, (pixels, share, area) in enumerate(zip(kinds.pixels, kinds.shares, areas, strict=True), start=1)
    ]


def matching_rows(matching: Matching, names: Sequence[str]) -> list[Row]:
    """A row for the unchanged pixels of the map and each of its kinds: the class it is taken for, pixels by class.

    Args:
        matching: of kinds and classes.
        names: of the classes.
    """
    taken = ["unchanged", *(names[number - 1] if number else None for number in matching.assigned)]
    return [
        {"kind": number, "class": taken[number]}
        | dict(zip(("unchanged", *(f"class_{name}" for name in names)), row, strict=True))
        for number, row in enumerate(matching.counts.tolist())
    ]


def spectra_rows(kinds: KindMap, bands: np.ndarray, wavelengths: np.ndarray | None) -> list[Row]:
    """A row for each band: its number, its wavelength (nm), mean and standard deviation of each kind and date.

    Args:
        kinds: the map.
        bands: (bands,) their numbers.
        wavelengths: (bands,) nm; None where they are unknown.
    """
    return [
        columns(bands, wavelengths, band)
        | {
            f"kind_{kind + 1}_{date}{ending}": float(values[kind, place, band])
            for kind in range(len(kinds.pixels))
            for place, date in enumerate(("before", "after"))
            for values, ending in ((kinds.spectra, ""), (kinds.deviations, "_deviation"))
        }
        for band in range(len(bands))
    ]


def write_picture(
    path: Path,
    kinds: KindMap,
    bands: np.ndarray,
    wavelengths: np.ndarray | None,
    title: str,
    aspect: float = 1.0,
) -> None:
    """Draw the map with a legend, and beside it the mean spectra of each kind before (dashed) and after.

    Args:
        path: PNG file.
        kinds: the map, of one kind at least.
        bands: (bands,) their numbers, which spectra are drawn over where no wavelength is known.
        wavelengths: (bands,) nm; None where they are unknown.
        title: of the map.
        aspect: height of a pixel as a multiple of its width.
    """
    from matplotlib.colors import BoundaryNorm, ListedColormap
    from matplotlib.patches import Patch

    shown, count = classes(kinds), len(kinds.pixels)
    values = thinned(kinds.values)
    across = -(-count // _HIGH)
    figure, dpi = new_figure(values.shape, 1 + across, aspect=aspect)
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, max(height, _PANEL_INCHES * min(count, _HIGH) + 1))
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(1, across))[0]
    axes = left.subplots()
    limits = [value - 0.5 for value, _, _ in shown] + [NO_DATA + 0.5]
    colours = ListedColormap([colour for _, colour, _ in shown])
    axes.imshow(values, cmap=colours, norm=BoundaryNorm(limits, len(shown)), aspect=aspect, **PIXELS)
    fit(axes.set_title(title, parse_math=False), figure, width * across / (1 + across))
    axes.set_xticks([])
    axes.set_yticks([])
    there = [found for found in shown if found.value < NO_DATA or (kinds.values == NO_DATA).any()]
    left.legend(
        handles=[Patch(facecolor=colour, edgecolor="0.3", label=name) for _, colour, name in there],
        loc="outside lower center", ncols=2, frameon=False, fontsize=8,
    )  # fmt: skip
    panels = right.subplots(min(count, _HIGH), across, squeeze=False, sharex=True).T.ravel()
    for panel in panels[count:]:
        panel.remove()
    for number, panel in enumerate(panels[:count]):
        _draw_spectra(panel, kinds, number, bands, wavelengths)
        if number == count - 1:  # nothing stands below it in a column that is not full
            panel.tick_params(labelbottom=True)
    right.supxlabel(axis_name(wavelengths), fontsize=9)
    storage.write_figure(path, figure, dpi)


def _draw_spectra(panel: Any, kinds: KindMap, number: int, bands: np.ndarray, wavelengths: np.ndarray | None) -> None:
    """Draw the mean spectra of a kind, from 0, with the standard deviation of each date."""
    places, spectra, deviations = along(bands, wavelengths, kinds.spectra[number], kinds.deviations[number])
    for date, (name, line) in enumerate((("before", "--"), ("after", "-"))):
        colour = "0.25" if date == 0 else _colour(number + 1)
        marker = "." if len(places) < FEW else ""
        panel.plot(places, spectra[date], line, marker=marker, color=colour, label=name, linewidth=1.3)
        low, high = spectra[date] - deviations[date], spectra[date] + deviations[date]
        panel.fill_between(places, low, high, color=colour, alpha=0.15, linewidth=0)
    panel.set_title(_name(kinds, number + 1), fontsize=9, color=_colour(number + 1))
    panel.tick_params(labelsize=7)
    # A place that is looked for takes long where there are many points, which Matplotlib then warns of.
    panel.legend(fontsize=7, frameon=False, loc="upper right")
