"""Images on other grids: which lie on each other, and interpolation of those that do not."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from hscd.records import Grid
from hscd.scenes.image import Image
from hscd.system.errors import InputError, brief

# From rows and columns to the pixels there, (rows, columns, bands).
ReadPart = Callable[[slice, slice], np.ndarray]
# Part of a row or column that a pixel of another grid may be; what is less comes of damaged files.
_SMALLEST_PART = 1e-6
# Pixels around the part of an image that is read to interpolate others: what the kernel of two pixels may touch.
_MARGIN = 3
# Rows and columns of what is interpolated at a time. GDAL follows the exact transformation along lines of what it is
# asked for, to an eighth of a pixel; with tiles that do not depend on the window, neither does the result.
_TILE = 128
# In the format of an image that is interpolated.
RESAMPLED = "resampled"
# For two grids of no known coordinate system, which GDAL does not take; a plane.
_ANY_CRS = 'LOCAL_CS["plane",UNIT["metre",1]]'
# Points along each side of a window by which its place in another image is found.
_BORDER_POINTS = 21


def pixel_size(image: Image) -> float:
    """Area of a pixel in the square of the unit of the image's coordinates."""
    assert image.grid is not None
    a, b, _, d, e, _ = image.grid.transform
    return abs(a * e - b * d)


def same_grid(first: Image, second: Image) -> bool:
    """Whether pixels of two georeferenced images lie on each other, to a hundredth of a pixel."""
    assert first.grid is not None
    assert second.grid is not None
    if first.shape[:2] != second.shape[:2] or not _same_crs(first.grid.crs, second.grid.crs):
        return False
    rows, columns = first.shape[:2]
    corners = np.array([[0, 0], [0, columns], [rows, 0], [rows, columns]], float)
    second_grid = _near(second.grid, second.shape[:2], first.grid, first.shape[:2])
    offsets = _coordinates(first.grid, corners) - _coordinates(second_grid, corners)
    return bool((np.abs(offsets) < math.sqrt(pixel_size(first)) / 100).all())


def covers(image: Image, other: Image) -> bool:
    """Whether the corners of another image lie in an image, give or take a pixel of it."""
    assert image.grid is not None
    assert other.grid is not None
    rows, columns = other.shape[:2]
    corners = np.array([[0, 0], [0, columns], [rows, 0], [rows, columns]], float)
    places = _places(corners, other.grid, image.grid, image.shape[:2])
    return bool((places > -1).all() and (places < np.array(image.shape[:2]) + 1).all())


def overlaps(image: Image, other: Image) -> bool:
    """Whether any part of an image lies in another.

    Raises:
        InputError: if coordinates cannot be transformed from one to the other.
    """
    assert image.grid is not None
    assert other.grid is not None
    border = _border(slice(0, other.shape[0]), slice(0, other.shape[1]))
    try:
        return _needed(border, other.grid, image.grid, image.shape[:2], 0) is not None
    except Exception as error:  # of several types, by rasterio and GDAL
        raise _not_transformed(image, error) from error


def onto(
    image: Image, grid: Grid, shape: tuple[int, int], dtype: Any, nodata: float, kernel: str = "bilinear"
) -> Image:
    """An image interpolated on another grid; where pixels become larger, over all that a new one covers.

    Args:
        image: a georeferenced image without `mask`, whose bands have one `nodata` if they have any.
        grid: where its pixels shall lie.
        shape: (rows, columns) of the new image.
        dtype: type of its values.
        nodata: value where the image has no data.
        kernel: of the interpolation, by GDAL's name.

    Raises:
        InputError: if coordinates cannot be transformed from one to the other.
    """
    assert image.grid is not None
    source_grid = _near(image.grid, image.shape[:2], grid, shape)
    bands = image.shape[2]
    declared = [value for value in image.nodata if value is not None]
    source_nodata = declared[0] if declared else math.nan if image.dtype.kind == "f" else None
    coarser = _usable_coarsening(image, source_grid, grid, shape)
    margin = _MARGIN + math.ceil(2 * max(coarser))

    def tile(rows: slice, columns: slice) -> np.ndarray:
        import rasterio
        from rasterio.crs import CRS
        from rasterio.warp import Resampling, reproject

        pixels = np.full((bands, rows.stop - rows.start, columns.stop - columns.start), nodata, dtype)
        part = _needed(_border(rows, columns), grid, source_grid, image.shape[:2], margin)
        if part is not None:
            stored = np.ascontiguousarray(np.moveaxis(image.window(*part), 2, 0))
            with rasterio.Env():
                reproject(
                    stored,
                    pixels,
                    src_transform=_moved(source_grid, part[0].start, part[1].start),
                    src_crs=CRS.from_wkt(source_grid.crs or grid.crs or _ANY_CRS),
                    src_nodata=source_nodata,
                    dst_transform=_moved(grid, rows.start, columns.start),
                    dst_crs=CRS.from_wkt(grid.crs or source_grid.crs or _ANY_CRS),
                    dst_nodata=nodata,
                    resampling=Resampling[kernel],
                    XSCALE=1 / coarser[1],  # else GDAL estimates them for each tile anew
                    YSCALE=1 / coarser[0],
                )
        return np.moveaxis(pixels, 0, 2)

    return replace(
        image,
        format=f"{image.format}, {RESAMPLED}",
        shape=(*shape, bands),
        dtype=np.dtype(dtype),
        window=_of_tiles(tile, (*shape, bands), dtype),
        grid=grid,
        nodata=() if math.isnan(nodata) else (nodata,) * bands,
        masked=math.isnan(nodata),
        block=(min(_TILE, shape[0]), min(_TILE, shape[1])),
    )


def _usable_coarsening(image: Image, source_grid: Grid, grid: Grid, shape: tuple[int, int]) -> tuple[float, float]:
    """`_coarsening` of an image of a grid on another one; `InputError` where there is none that is of use."""
    try:
        coarser = _coarsening(source_grid, image.shape[:2], grid, shape)
    except Exception as error:  # of several types, by rasterio and GDAL
        raise _not_transformed(image, error) from error
    if min(coarser) < _SMALLEST_PART:
        raise InputError(f"{image.path}: its pixels are a million times larger than those of the grid it is put on")
    return coarser


def _not_transformed(image: Image, error: Exception) -> InputError:
    return InputError(
        f"{image.path}: its coordinate system cannot be transformed into the one that is needed: {brief(error)}"
    )


def _of_tiles(tile: ReadPart, shape: tuple[int, int, int], dtype: Any) -> ReadPart:
    """What reads any window of an image, of what reads its tiles."""

    def window(rows: slice, columns: slice) -> np.ndarray:
        found = np.empty((shape[2], rows.stop - rows.start, columns.stop - columns.start), dtype)
        found = np.moveaxis(found, 0, 2)
        for down in _tiles(rows, shape[0]):
            for across in _tiles(columns, shape[1]):
                rows_to, rows_of = _shared(rows, down)
                columns_to, columns_of = _shared(columns, across)
                found[rows_to, columns_to] = tile(down, across)[rows_of, columns_of]
        return found

    return window


def _shared(part: slice, tile: slice) -> tuple[slice, slice]:
    """Where in a part of an axis, and where in a tile, that lies which they share."""
    first, last = max(part.start, tile.start), min(part.stop, tile.stop)
    return slice(first - part.start, last - part.start), slice(first - tile.start, last - tile.start)


def _tiles(part: slice, length: int) -> list[slice]:
    """The tiles that lie under a part of an axis."""
    first = part.start // _TILE * _TILE
    return [slice(start, min(start + _TILE, length)) for start in range(first, part.stop, _TILE)]


def _same_crs(first: str, second: str) -> bool:
    """Whether two coordinate systems are one; one that is unknown is taken for the other."""
    if first == second or not (first and second):
        return True
    from rasterio.crs import CRS

    return bool(CRS.from_wkt(first) == CRS.from_wkt(second))


def _coordinates(grid: Grid, places: np.ndarray) -> np.ndarray:
    """(points, 2) coordinates x, y of (points, 2) places row, column."""
    a, b, c, d, e, f = grid.transform
    row, column = places.T
    return np.stack([a * column + b * row + c, d * column + e * row + f], axis=1)


def _full_turn(crs: str) -> float:
    """What the longitudes of one meridian differ by in a coordinate system; 0 where it has none."""
    if not crs:
        return 0.0
    from rasterio.crs import CRS

    system = CRS.from_wkt(crs)
    return 2 * math.pi / system.units_factor[1] if system.is_geographic else 0.0


def _near(grid: Grid, shape: tuple[int, int], other: Grid, other_shape: tuple[int, int]) -> Grid:
    """A grid in longitudes whole turns away, where that lies nearer to another one in longitudes: 180.1° is −179.9°."""
    turn = _full_turn(grid.crs or other.crs)
    if not (turn and _full_turn(other.crs or grid.crs)):
        return grid
    here, there = (
        _coordinates(of, np.array([rows, columns])[None] / 2)[0, 0]
        for of, (rows, columns) in ((grid, shape), (other, other_shape))
    )
    a, b, c, d, e, f = grid.transform
    return replace(grid, transform=(a, b, c + turn * round((there - here) / turn), d, e, f))


def _places(places: np.ndarray, grid: Grid, other: Grid, other_shape: tuple[int, int]) -> np.ndarray:
    """Rows and columns in another grid, which has a shape, of rows and columns of a grid, (points, 2) each."""
    coordinates = _coordinates(grid, places)
    if not _same_crs(grid.crs, other.crs):
        from rasterio.crs import CRS
        from rasterio.warp import transform

        x, y = transform(CRS.from_wkt(grid.crs), CRS.from_wkt(other.crs), *coordinates.T)
        coordinates = np.stack([x, y], axis=1)
    turn = _full_turn(other.crs)
    if turn:
        middle = _coordinates(other, np.array(other_shape)[None] / 2)[0, 0]
        finite = np.isfinite(coordinates[:, 0])
        coordinates[finite, 0] -= turn * np.round((coordinates[finite, 0] - middle) / turn)
    a, b, c, d, e, f = other.transform
    columns, rows = np.linalg.solve(np.array([[a, b], [d, e]]), (coordinates - (c, f)).T)
    return np.stack([rows, columns], axis=1)


def _border(rows: slice, columns: slice) -> np.ndarray:
    """Places along the border of a window."""
    down = np.linspace(rows.start, rows.stop, _BORDER_POINTS)
    across = np.linspace(columns.start, columns.stop, _BORDER_POINTS)
    return np.array(
        [(row, column) for row in (down[0], down[-1]) for column in across]
        + [(row, column) for column in (across[0], across[-1]) for row in down]
    )


def _needed(
    places: np.ndarray, grid: Grid, source: Grid, shape: tuple[int, int], margin: int
) -> tuple[slice, slice] | None:
    """Rows and columns of an image that lie under some places of a grid, and around them; None where there are none."""
    found = _places(places, grid, source, shape)
    found = found[np.isfinite(found).all(axis=1)]
    if not len(found):
        return None
    low = np.maximum(np.floor(found.min(axis=0)) - margin, 0)
    high = np.minimum(np.ceil(found.max(axis=0)) + margin, shape)
    if (low >= high).any():
        return None
    return slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))


def _coarsening(source: Grid, source_shape: tuple[int, int], grid: Grid, shape: tuple[int, int]) -> tuple[float, float]:
    """How many rows and columns of the source a pixel of the grid reaches over, at its middle."""
    middle = np.array(shape) / 2
    found = _places(np.array([middle, middle + (1, 0), middle + (0, 1)]), grid, source, source_shape)
    rows, columns = np.abs(found[1:] - found[0]).max(axis=0)
    return (float(rows), float(columns)) if math.isfinite(rows + columns) else (1.0, 1.0)


def moved(grid: Grid, row: float, column: float) -> Grid:
    """The grid that starts at a row and column of another one."""
    a, b, _, d, e, _ = grid.transform
    x, y = _coordinates(grid, np.array([[row, column]], float))[0]
    return replace(grid, transform=(a, b, float(x), d, e, float(y)))


def _moved(grid: Grid, row: int, column: int) -> Any:
    """The transform of the part of a grid that starts at a row and column, as rasterio has it."""
    from rasterio.transform import Affine

    return Affine(*moved(grid, row, column).transform)
