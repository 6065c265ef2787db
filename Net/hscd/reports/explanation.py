"""Which bands a distance comes from, the ideal changed spectrum, and what turns labels: tables and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hscd.labels import CHANGED, UNCHANGED
from hscd.reports.maps import STRONG, fit, new_figure
from hscd.reports.spectra import FEW, along, axis_name, columns
from hscd.reports.tables import Row
from hscd.system import storage

_BEFORE, _AFTER, _BOTH, _IDEAL = "#0072b2", "#e69f00", "0.2", "#009e73"
_BINS = 40


def importance_rows(values: np.ndarray, bands: np.ndarray, wavelengths: np.ndarray | None) -> list[Row]:
    """What each band adds to the mean distance of changed pixels.

    Args:
        values: (2, bands) mean attributions, before and after.
        bands: (bands,) their numbers.
        wavelengths: (bands,) nm; None where they are unknown.

    Returns:
        A row a band: `before`, `after`, `both`, their sum, and `share`, that of the sum of all bands.
    """
    both = values.sum(axis=0)
    total = both.sum()
    return [
        columns(bands, wavelengths, band)
        | {"before": float(values[0, band]), "after": float(values[1, band]), "both": float(both[band])}
        | {"share": float(both[band] / total) if total else None}
        for band in range(len(bands))
    ]


def write_importance(
    path: Path, values: np.ndarray, spectra: np.ndarray, bands: np.ndarray, wavelengths: np.ndarray | None, title: str
) -> None:
    """Draw the mean spectra of changed pixels, and below them what each band adds to their mean distance.

    Args:
        path: PNG file.
        values: (2, bands) mean attributions, before and after.
        spectra: (2, bands) means, before and after.
        bands: (bands,) their numbers.
        wavelengths: (bands,) nm; None where they are unknown.
        title: of the picture.
    """
    places, values, spectra = along(bands, wavelengths, values, spectra)
    curves = {"before": (spectra[0], _BEFORE), "after": (spectra[1], _AFTER)}
    added = {
        "both dates": (values.sum(axis=0), _BOTH), "before": (values[0], _BEFORE), "after": (values[1], _AFTER),
    }  # fmt: skip
    panels = {"mean spectrum": curves, "added to the distance": added}
    _write_curves(path, places, panels, wavelengths, f"{title}: bands of changed pixels")


def ideal_rows(spectra: Mapping[str, np.ndarray], bands: np.ndarray, wavelengths: np.ndarray | None) -> list[Row]:
    """A row a band, with the value of each spectrum, (bands,) by name."""
    return [
        columns(bands, wavelengths, band) | {name: float(values[band]) for name, values in spectra.items()}
        for band in range(len(bands))
    ]


def write_ideal(
    path: Path, spectra: Mapping[str, np.ndarray], bands: np.ndarray, wavelengths: np.ndarray | None, title: str
) -> None:
    """Draw the unchanged, the ideal changed and the mean changed spectrum, and what the latter two differ by.

    Args:
        path: PNG file.
        spectra: (bands,) each: `unchanged`, `ideal`, and where pixels changed `before` and `after` of these.
        bands: (bands,) their numbers.
        wavelengths: (bands,) nm; None where they are unknown.
        title: of the picture.
    """
    places, *values = along(bands, wavelengths, *spectra.values())
    drawn = dict(zip(spectra, values, strict=True))
    shown = {"unchanged (mean)": (drawn["unchanged"], _BEFORE), "ideal changed": (drawn["ideal"], _IDEAL)}
    changes = {"ideal change": (drawn["ideal"] - drawn["unchanged"], _IDEAL)}
    if "after" in drawn:
        shown["after, changed pixels (mean)"] = (drawn["after"], _AFTER)
        changes["change of changed pixels (mean)"] = (drawn["after"] - drawn["before"], _AFTER)
    panels = {"spectrum": shown, "after minus before": changes}
    _write_curves(path, places, panels, wavelengths, f"{title}: ideal changed spectrum")


def _write_curves(
    path: Path,
    places: np.ndarray,
    panels: Mapping[str, Mapping[str, tuple[np.ndarray, str]]],
    wavelengths: np.ndarray | None,
    title: str,
) -> None:
    """Draw panels above each other: what they show, and curves and their colours by name."""
    figure, dpi = new_figure((3, 4), 2)
    every: Any = figure.subplots(len(panels), 1, sharex=True)
    for axes, (what, curves) in zip(every, panels.items(), strict=True):
        for name, (curve, colour) in curves.items():
            axes.plot(places, curve, marker="." if len(places) < FEW else "", color=colour, label=name, linewidth=1.3)
        axes.axhline(0, color="0.7", linewidth=0.8, zorder=0)
        axes.set_ylabel(what)
        axes.legend(frameon=False, fontsize="small", loc="upper right")
    every[-1].set_xlabel(axis_name(wavelengths))
    fit(figure.suptitle(title, parse_math=False), figure)
    storage.write_figure(path, figure, dpi)


def write_turning(path: Path, relative: np.ndarray, called: np.ndarray, wrong: np.ndarray | None, title: str) -> None:
    """Draw how small changes turn labels: of changed and unchanged pixels, and of right and wrong labels.

    Args:
        path: PNG file.
        relative: (pixels,) length of the change as a share of that of the spectrum; NaN where none was found.
        called: (pixels,) their labels in the map.
        wrong: (pixels,) whether these are wrong; None where that is not known.
        title: of the picture.
    """
    groups = {"called unchanged": (called == UNCHANGED, STRONG[UNCHANGED]), "called changed": (called == CHANGED,
              STRONG[CHANGED])}  # fmt: skip
    panels = [groups]
    if wrong is not None:
        panels.append({"right label": (~wrong, "0.5"), "wrong label": (wrong, "#cc79a7")})
    found = np.isfinite(relative) & (relative > 0)
    figure, dpi = new_figure((3, 4), len(panels))
    low, high = np.percentile(relative[found], (0.5, 100)) if found.any() else (0.01, 1.0)
    edges = 100 * np.geomspace(low, max(high, 1.01 * low), _BINS + 1)
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for name, (of, colour) in panel.items():
            values = 100 * relative[of & found]
            if of.any():
                counts = np.histogram(np.maximum(values, edges[0]), edges)[0]
                median = f"median {np.median(values):.2g} %" if values.size else "none turned"
                label = f"{name} ({int(of.sum()):,}, {median})"
                axes.stairs(100 * counts / of.sum(), edges, color=colour, fill=True, alpha=0.45, label=label)
        axes.set_xscale("log")
        axes.set_xlabel("change that turns the label (% of the after spectrum)")
        axes.set_ylabel("% of the pixels of a group")
        axes.set_ylim(top=1.25 * axes.get_ylim()[1])
        axes.legend(frameon=False, fontsize="small", loc="upper left")
    fit(figure.suptitle(f"{title}: smallest change that turns a label", parse_math=False), figure)
    storage.write_figure(path, figure, dpi)
