"""What a labelled sample says of a map: tables for CSV files, and lines for the terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from hscd.evaluation.stratified import Accuracy, Estimate
from hscd.reports.tables import Row, area, size


def matrix_rows(names: Sequence[str], counts: np.ndarray, pixels: np.ndarray, accuracy: Accuracy) -> list[Row]:
    """The estimated error matrix, a row a class of the map.

    Columns: `map_class`, its `pixels` and labelled `points`, how many of these are really of each class (`CLASS_num`),
    and the matrix itself, in shares of the area (`CLASS`).
    """
    return [
        {"map_class": name, "pixels": int(pixels[row]), "points": int(counts[row].sum())}
        | {f"{other}_num": int(counts[row, column]) for column, other in enumerate(names)}
        | {other: float(accuracy.matrix[row, column]) for column, other in enumerate(names)}
        for row, name in enumerate(names)
    ]


def accuracy_rows(names: Sequence[str], accuracy: Accuracy, total: float, unit: str) -> list[Row]:
    """Each estimate with its standard error and 95 % interval; accuracies as shares in [0, 1], areas in `unit`."""
    rows = [_row("overall_accuracy", "all", accuracy.overall, ())]
    measures = {
        "users_accuracy": accuracy.users, "producers_accuracy": accuracy.producers, "area_share": accuracy.area,
    }  # fmt: skip
    for measure, estimate in measures.items():
        rows += [_row(measure, name, estimate, (number,)) for number, name in enumerate(names)]
    rows += [_row("area", name, accuracy.area, (number,), total, unit) for number, name in enumerate(names)]
    return rows


def rounded(rows: Sequence[Row]) -> list[Row]:
    """The same rows with eight digits of each figure, which is more than a sample can tell."""
    return [{name: float(f"{of:.8g}") if isinstance(of, float) else of for name, of in row.items()} for row in rows]


def _row(
    measure: str, of: str, estimate: Estimate, index: tuple[int, ...], factor: float = 1.0, unit: str = "share"
) -> Row:
    low, high = estimate.interval
    parts = {"estimate": estimate.value, "standard_error": estimate.error, "lower": low, "upper": high}
    figures = {name: float(values[index]) * factor for name, values in parts.items()}
    return {"measure": measure, "class": of} | figures | {"unit": unit}


def lines(
    names: Sequence[str], counts: np.ndarray, pixels: np.ndarray, accuracy: Accuracy, total: float, unit: str
) -> str:
    """The tables for the terminal: the error matrix, then accuracies and areas with half of their 95 % intervals.

    Where the points of a class all tell the same, which is no certainty, or a margin reaches beyond 0 or 1, the
    interval itself stands in brackets.

    Args:
        names: of the classes.
        counts: (map classes, true classes) labelled points.
        pixels: (classes,) of the map.
        accuracy: what is estimated from them.
        total: the area of the map.
        unit: of it, "m²" or "pixels".
    """
    weights = pixels / pixels.sum()
    matrix = [["shares of the area", *(f"really {name}" for name in names), "points"]]
    matrix += [
        [f"{name} in the map", *(f"{value:.4f}" for value in accuracy.matrix[row]), f"{counts[row].sum():,.0f}"]
        for row, name in enumerate(names)
    ]
    figures = [["", "user's accuracy", "producer's accuracy", "area", "area in the map"]]
    for number, name in enumerate(names):
        # One unit for the estimate and both ends of its interval.
        like = float(accuracy.area.value[number]) * total
        in_unit = partial(_size, total=total, unit=unit, like=like)
        figures.append([
            name, _figure(accuracy.users, number), _figure(accuracy.producers, number),
            f"{_figure(accuracy.area, number, in_unit)} {size(like, unit)[1]}",
            area(weights[number] * total, unit),
        ])  # fmt: skip
    told = [f"overall accuracy: {_figure(accuracy.overall, ())}", *_columns(figures), _explained(accuracy)]
    parts = []
    for says, value in (("agree", 1), ("disagree with the map", 0)):
        rows = np.flatnonzero(accuracy.users.widened & (accuracy.users.value == value)).tolist()
        if rows:
            points = (f"all {counts[row].sum():,.0f} points on {names[row]} pixels" for row in rows)
            parts.append(f"{' and '.join(points)} {says}")
    if parts:
        told.append(
            f"{', '.join(parts)}, which does not prove that all pixels do: (a … b) is the 95 % interval by the rule of "
            "three: up to 3/n may be what n points did not show"
        )
    return "\n".join([*_columns(matrix), *told])


def _explained(accuracy: Accuracy) -> str:
    """What ± is, and (a … b) where a margin reaches too far."""
    every = (accuracy.overall, accuracy.users, accuracy.producers, accuracy.area)
    capped = any((estimate.beyond & ~estimate.widened).any() for estimate in every)
    return "± is half of the 95 % interval" + ("; (a … b) is all of it, where ± would leave 0 to 1" if capped else "")


def _size(share: float, total: float, unit: str, like: float) -> str:
    return size(share * total, unit, like)[0]


def _figure(estimate: Estimate, index: int | tuple[()], of: Callable[[float], str] = "{:.3f}".format) -> str:
    value, margin, low, high = (float(part[index]) for part in (estimate.value, estimate.margin, *estimate.interval))
    if math.isnan(value):
        return "undefined"
    ends = estimate.widened[index] or estimate.beyond[index]
    return of(value) + (f" ({of(low)} … {of(high)})" if ends else f" ± {of(margin)}")


def _columns(cells: list[list[str]]) -> list[str]:
    """A table whose columns stand below each other, the first one to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    head, *others = widths
    return [
        "  ".join([row[0].ljust(head), *(cell.rjust(width) for cell, width in zip(row[1:], others, strict=True))])
        for row in cells
    ]
