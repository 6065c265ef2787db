"""How well a pre-training reconstructs spectra: a table by band, and a picture of spectra before and after."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hscd.reports.maps import fit, new_figure
from hscd.reports.tables import Row
from hscd.system import storage

_COLUMNS = 3
# Width that the legend takes beside the title.
_LEGEND_INCHES = 2.8
_BLUE, _ORANGE = "#2c5fbf", "#d9701a"


def rows(told: Mapping[str, Any], wavelengths: np.ndarray | None) -> list[Row]:
    """A row a band.

    Args:
        told: of a trial's report, `error` and `deviation` of the bands (`hscd.learn.pretraining.Reconstruction`).
        wavelengths: (bands,) in nm; None where they are not known.

    Returns:
        `band` from 1, `wavelength`, `rmse`, `deviation`, and `explained`, the share of the band's variance that is
        reconstructed, empty for a constant band.
    """
    return [
        {
            "band": band + 1,
            "wavelength": None if wavelengths is None else float(wavelengths[band]),
            "rmse": error,
            "deviation": deviation,
            "explained": 1 - (error / deviation) ** 2 if deviation else None,
        }
        for band, (error, deviation) in enumerate(zip(told["error"], told["deviation"], strict=True))
    ]


def figure_of(told: Mapping[str, Any], wavelengths: np.ndarray | None, title: str) -> tuple[Any, int]:
    """Draw some spectra with their reconstructions, from the least to the greatest error, and the error by band.

    Returns:
        The figure and its dots per inch.
    """
    along, name = (np.arange(1, len(told["error"]) + 1), "band")
    if wavelengths is not None:
        along, name = np.asarray(wavelengths), "wavelength in nm"
    order = np.argsort(along, kind="stable")
    along = along[order]
    count = len(told["original"])
    above = -(-count // _COLUMNS)
    figure, dpi = new_figure((above + 1, _COLUMNS - 1), 2)
    grid = figure.add_gridspec(above + 1, _COLUMNS)
    for number, (original, made) in enumerate(zip(told["original"], told["reconstructed"], strict=True)):
        axes = figure.add_subplot(grid[number // _COLUMNS, number % _COLUMNS])
        axes.plot(along, np.asarray(original)[order], color=_BLUE)
        axes.plot(along, np.asarray(made)[order], color=_ORANGE, linestyle="--")
        error = float(np.sqrt(np.mean(np.square(np.subtract(original, made)))))
        axes.set_title(f"{_place(number, count)}error {error:.3g}", fontsize="medium")
    figure.legend(["original", "reconstructed"], loc="outside upper right", ncols=2, frameon=False)
    axes = figure.add_subplot(grid[above, :])
    axes.plot(along, np.asarray(told["error"])[order], color=_ORANGE, label="error (root mean square)")
    axes.plot(along, np.asarray(told["deviation"])[order], color="0.6", label="standard deviation of the band")
    axes.set_yscale("log")
    axes.set_xlabel(name)
    axes.legend(frameon=False, fontsize="small", loc="upper right")
    fit(figure.suptitle(title, x=0.02, ha="left", parse_math=False), figure, _LEGEND_INCHES)
    return figure, dpi


def _place(number: int, count: int) -> str:
    """What the title of a spectrum says of its place among all that were held out."""
    named = {0: "best reconstructed: ", count - 1: "worst: "}
    return named.get(number, "")


def write(table: Path, picture: Path, told: Mapping[str, Any], wavelengths: np.ndarray | None, title: str) -> None:
    """Write the table and the picture."""
    storage.write_csv(table, rows(told, wavelengths))
    storage.write_figure(picture, *figure_of(told, wavelengths, title))
