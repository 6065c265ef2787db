"""Where the pixels of a netCDF-4 file lie: CF grid mappings and coordinates, lookup tables of swaths (EMIT)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hscd.records import Grid
from hscd.system import hdf5, native_stderr
from hscd.system.errors import InputError, brief

TILE = 128  # rows and columns that are looked up at a time: the part of a swath that they come from is not much larger
_MOST_COORDINATES = 2**20
_OFF_GRID = 0.05  # of a pixel, that coordinates rounded to float32 may be off a regular grid
_LATITUDES, _LONGITUDES = ("lat", "latitude"), ("lon", "longitude")
Y, X = ("y", "northing", *_LATITUDES), ("x", "easting", *_LONGITUDES)
_SENSOR_GEOMETRY = (
    "its pixels are in the geometry of the sensor, and the place of each (latitude, longitude) is passed over: two "
    "acquisitions do not lie on each other; use a product on a map, or put both on one grid"
)
_GLT_X, _GLT_Y = "glt_x", "glt_y"


@dataclass(frozen=True)
class Table:
    """A geographic lookup table: for each pixel of a grid the line and the sample of the swath, from 1; 0 for none.

    A negative number is that of a neighbour, with which a gap was filled.
    """

    lines: hdf5.Dataset
    samples: hdf5.Dataset

    @property
    def shape(self) -> tuple[int, int]:
        rows, columns = self.lines.shape
        return rows, columns

    def window(self, swath: tuple[int, ...], rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where pixels of the grid have one in the swath, and the line and sample (from 0) of each of these.

        Raises:
            ValueError: if it lies beyond the swath, of (lines, samples).
        """
        line, sample = (np.abs(table.window([rows, columns]).astype(np.int64)) for table in (self.lines, self.samples))
        there = (line > 0) & (sample > 0)
        line, sample = line[there] - 1, sample[there] - 1
        if line.size and (line.max() >= swath[0] or sample.max() >= swath[1]):
            raise ValueError("its lookup table refers to pixels beyond the swath")
        return there, line, sample


class Place(NamedTuple):
    """The grid of an image, the lookup table that leads to it, if any, and what is to be said of it."""

    grid: Grid | None
    table: Table | None = None
    notes: tuple[str, ...] = ()


def tiles(rows: slice, columns: slice) -> Iterator[tuple[slice, slice]]:
    """A window in parts."""

    def parts(part: slice) -> Iterator[slice]:
        for start in range(part.start, part.stop, TILE):
            yield slice(start, min(start + TILE, part.stop))

    for some in parts(rows):
        for others in parts(columns):
            yield some, others


def place_of(
    path: Path,
    root: hdf5.Node,
    variables: dict[str, hdf5.Node],
    cube: str,
    shape: tuple[int, int],
    axes: tuple[int, int],
) -> Place:
    """The place of a cube.

    Args:
        path: of the file, for errors.
        root: its root group.
        variables: its arrays by their full paths.
        cube: the path of one of them.
        shape: its rows and columns.
        axes: which of its axes these are.
    """
    last = {name.rpartition("/")[2]: node for name, node in variables.items()}
    if _GLT_X in last and _GLT_Y in last:
        return _of_table(path, root, last[_GLT_X], last[_GLT_Y])
    node = variables[cube]
    mapping = _mapping(node, last, variables)
    crs = "" if mapping is None else _wkt(path, mapping)
    text = "" if mapping is None else "".join(mapping.texts("GeoTransform") or ())
    declared = Grid(_affine(path, text.split()), crs) if text else None
    dimensions = node.dimensions or [""] * 3
    y, x = (
        _coordinates(variables, dimensions[axis], names, length)
        for axis, names, length in zip(axes, (Y, X), shape, strict=True)
    )
    if y is not None and x is not None and not (declared and (declared.transform[1] or declared.transform[3])):
        found = _of_coordinates(path, y, x, crs)
        if found.grid is not None and declared is not None and not _near(found.grid, declared):
            return found._replace(notes=(*found.notes, "its GeoTransform contradicts its coordinates, and is not used"))
        if found.grid is not None or declared is None:
            return found
    if declared is not None:
        return Place(declared)
    if any(other.is_numeric and other.shape == shape and name in _LATITUDES for name, other in last.items()):
        return Place(None, notes=(_SENSOR_GEOMETRY,))
    return Place(None)


def _near(grid: Grid, other: Grid) -> bool:
    """Whether two transforms are the same to a tenth of a pixel, at their corner and in their steps."""
    size = max(abs(grid.transform[0]), abs(grid.transform[4]))
    return all(abs(a - b) < size / 10 for a, b in zip(grid.transform, other.transform, strict=True))


def _of_table(path: Path, root: hdf5.Node, samples: hdf5.Node, lines: hdf5.Node) -> Place:
    if len(lines.shape) != 2 or lines.shape != samples.shape or not math.prod(lines.shape):
        raise InputError(f"{path}: its lookup table has the shapes {lines.shape} (glt_y) and {samples.shape} (glt_x)")
    numbers = root.numbers("geotransform")
    if numbers is None:
        raise InputError(f"{path}: has a lookup table (glt_x, glt_y) but no geotransform of its grid")
    wkt = "".join(root.texts("spatial_ref") or ())
    grid = Grid(_affine(path, numbers.ravel().tolist()), _checked_wkt(path, wkt) if wkt else "")
    table = Table(lines.dataset(plain=False), samples.dataset(plain=False))
    if "f" in (table.lines.dtype.kind, table.samples.dtype.kind):
        raise InputError(f"{path}: its lookup table (glt_x, glt_y) is not of integers")
    return Place(grid, table)


def _mapping(node: hdf5.Node, last: dict[str, hdf5.Node], variables: dict[str, hdf5.Node]) -> hdf5.Node | None:
    """The variable of the coordinate system: the one that the cube names, else the only one."""
    named = "".join(node.texts("grid_mapping") or ()).partition(":")[0].strip().strip("/")
    if named:
        return variables.get(named) or last.get(named.rpartition("/")[2])
    found = [other for other in variables.values() if other.is_scalar and other.texts("grid_mapping_name")]
    return found[0] if len(found) == 1 else None


def _wkt(path: Path, mapping: hdf5.Node) -> str:
    for name in ("crs_wkt", "spatial_ref"):
        if text := "".join(mapping.texts(name) or ()):
            return _checked_wkt(path, text)
    return _geographic() if mapping.texts("grid_mapping_name") == ["latitude_longitude"] else ""


def _checked_wkt(path: Path, text: str) -> str:
    from rasterio.crs import CRS  # here: --help has no use for it
    from rasterio.errors import CRSError

    try:
        with native_stderr.collected():  # where PROJ says what it does not understand
            wkt = CRS.from_wkt(text).to_wkt()
            CRS.from_wkt(wkt)  # what is made of a damaged text may not be understood itself
            return wkt
    except CRSError as error:
        raise InputError(f"{path}: its coordinate system is not understood: {brief(error)}") from error


def _geographic() -> str:
    from rasterio.crs import CRS

    return CRS.from_epsg(4326).to_wkt()


def _affine(path: Path, numbers: list) -> tuple[float, float, float, float, float, float]:
    """The transform of a grid from the six numbers in GDAL's order."""
    try:
        c, a, b, f, d, e = map(float, numbers)
    except ValueError:
        raise InputError(f"{path}: its geotransform does not consist of six numbers: {brief(numbers)}") from None
    area = a * e - b * d
    if not (math.isfinite(area) and math.isfinite(c + f) and area):
        raise InputError(f"{path}: its geotransform has pixels without area: {brief(numbers)}")
    return a, b, c, d, e, f


def _coordinates(
    variables: dict[str, hdf5.Node], dimension: str, names: tuple[str, ...], length: int
) -> hdf5.Node | None:
    """The coordinates along an axis: the scale of its dimension, else a variable of such a name and length."""
    found = [dimension] if dimension.rpartition("/")[2].lower() in names else []
    found += [name for name in variables if name.rpartition("/")[2].lower() in names]
    for name in found:
        node = variables.get(name)
        if node is not None and node.is_numeric and node.shape == (length,) and 2 <= length <= _MOST_COORDINATES:
            return node
    return None


def _of_coordinates(path: Path, y: hdf5.Node, x: hdf5.Node, crs: str) -> Place:
    """The grid whose centres of pixels have these coordinates."""
    starts, steps = [], []
    for node in (y, x):
        values = node.dataset(plain=False).read().astype(float)
        step = (values[-1] - values[0]) / (len(values) - 1)
        off = np.abs(values - (values[0] + step * np.arange(len(values))))
        if not step or not (off < _OFF_GRID * abs(step)).all():
            note = f"its coordinates {brief(node.path)} are not evenly spaced: they are passed over, it has no grid"
            return Place(None, notes=(note,))
        starts.append(values[0] - step / 2)
        steps.append(step)
    if not crs and y.path.rpartition("/")[2].lower() in _LATITUDES:
        crs = _geographic()
    return Place(Grid((steps[1], 0.0, starts[1], 0.0, steps[0], starts[0]), crs))
