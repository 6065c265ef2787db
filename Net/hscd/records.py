"""The few records that travel between the parts of the program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

import numpy as np


class PseudoLabels(TypedDict):
    """Pseudo-labels of one pair as they are saved: the distances and the threshold that splits them.

    `distances` has one value a pixel in row-major order, `shape` is (rows, columns); a pixel is changed where its
    distance is greater than `threshold`. The distance of a masked pixel is NaN. Those of an ensemble have `votes`, the
    share of its members that call a pixel changed, in [0, 1], as many values as distances.
    """

    threshold: float
    distances: np.ndarray
    shape: tuple[int, int]
    votes: NotRequired[np.ndarray]


@dataclass(frozen=True)
class Grid:
    """Where the pixels of an image lie.

    With `transform` (a, b, c, d, e, f), the upper left corner of the pixel at (row, column) has the coordinates
    x = a·column + b·row + c and y = d·column + e·row + f. `crs` is the coordinate system as WKT; empty where it is
    unknown.
    """

    transform: tuple[float, float, float, float, float, float]
    crs: str


# Of an image without georeference: x is the column, and y, which grows upwards on maps, minus the row.
PIXEL_GRID = Grid((1.0, 0.0, 0.0, 0.0, -1.0, 0.0), "")


# Pairs that a training step may have: the dropout masks of a batch lie in memory.
LARGEST_BATCH = 2**20


@dataclass(frozen=True)
class Trial:
    """One finished trial of a hyper-parameter search.

    `status` is "ok" or "fail"; `report` is what the objective measured, `error` why a failed trial failed.
    """

    trial_id: int
    status: str
    seconds: float
    report: dict[str, Any]
    error: str = ""
