"""Stage: a change map as a sample is drawn from it, and which class it has where the points of a sample are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hscd.labels import CHANGED, UNCHANGED, UNKNOWN, remap
from hscd.readers import label_map_of, open_label_map
from hscd.records import PIXEL_GRID, Grid
from hscd.reports import gis
from hscd.reports.gis.styles import MAP_VALUES
from hscd.system.errors import InputError, listing

NAMES = {CHANGED: "changed", UNCHANGED: "unchanged"}
# The columns of a sample.
FIELDS = ("row", "column", "stratum", gis.CLASS)


@dataclass(frozen=True)
class ChangeMap:
    """A change map: (rows, columns) labels, where its pixels lie, and how many are changed and unchanged."""

    path: Path
    labels: np.ndarray
    grid: Grid
    pixels: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        """Shares of changed and unchanged pixels."""
        return self.pixels / self.pixels.sum()

    def area(self) -> tuple[float, str]:
        """Of all pixels that are not masked, with its unit.

        A share of the pixels is taken for one of the area: also in degrees, pixels of a scene differ by little.
        """
        return gis.mapped_area(self.path, self.labels, self.grid)


def open_map(path: Path) -> ChangeMap:
    """Read a change map of 1 changed, 0 unchanged and 255, or what it declares as nodata, unknown.

    Raises:
        InputError: as reading raises it; also if it holds other values, or nothing but nodata.
    """
    image = open_label_map(path)
    values = label_map_of(image, (MAP_VALUES[CHANGED], MAP_VALUES[UNCHANGED]), (MAP_VALUES[UNKNOWN],)).values
    try:
        labels = remap(values, MAP_VALUES[CHANGED], MAP_VALUES[UNCHANGED], (MAP_VALUES[UNKNOWN], np.nan))
    except InputError:
        found = listing(np.unique(np.ma.getdata(values)).tolist(), "{:.15g}".format)
        raise InputError(
            f"{path}: expected a change map of 1 changed, 0 unchanged and 255 no data, found {found}"
        ) from None
    pixels = np.array([np.count_nonzero(labels == label) for label in NAMES])
    if not pixels.any():
        raise InputError(f"{path}: holds no data: no pixel is changed (1) or unchanged (0)")
    return ChangeMap(path, labels, image.grid or PIXEL_GRID, pixels)


def map_values(labels: np.ndarray) -> np.ndarray:
    """Labels as change maps write them."""
    return np.array([MAP_VALUES[label] for label in (CHANGED, UNCHANGED, UNKNOWN)])[labels]


def classes_of_map(path: Path, fields: dict[str, np.ndarray], change_map: ChangeMap) -> np.ndarray:
    """(points,) labels of the map where the points are; they must be those that the sample was drawn by."""
    numbers = []
    for name in ("row", "column", "stratum"):
        values = fields[name]
        if values.dtype.kind not in "iuf" or not np.isfinite(values).all():
            raise InputError(f"{path}: expected a whole number in each {name}")
        numbers.append(values.astype(np.int64))
    rows, columns, strata = numbers
    height, width = change_map.labels.shape
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    mapped = np.full(len(rows), UNKNOWN, np.uint8)
    mapped[inside] = change_map.labels[rows[inside], columns[inside]]
    other = int(np.count_nonzero(map_values(mapped) != strata))
    if other:
        raise InputError(
            f"{change_map.path}: {other} of {len(mapped)} points of {path.name} have another class here: they were "
            "not drawn from this map, or it has changed since; a sample judges only the map that it was drawn from"
        )
    if len(np.unique(rows * width + columns)) < len(rows):
        raise InputError(f"{path}: contains duplicate points; remove the duplicates")
    return mapped
