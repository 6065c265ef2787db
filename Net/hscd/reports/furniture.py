"""What a printed map has beside the map, of a grid in a known coordinate system: a scale bar, an arrow to the north."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hscd.records import Grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Of a sphere as large as the Earth, metres: a scale bar needs no ellipsoid.
_RADIUS = 6_371_008.8
# The longest part of the width that a scale bar takes, and what its length is, times a power of ten.
_LONGEST, _STEPS = 0.3, (5, 2, 1)
_INK = "0.25"
# In points, which keep it clear of a map of any size: the bar below the map; of the arrow, its middle below the map and
# left of its right edge, and half its length.
_BAR_BELOW, _ARROW_BELOW, _ARROW_LEFT, _ARROW = 10, 18, 14, 9
# A map in which the width of a pixel changes by more has no scale bar; pixels are square that are so but for this.
_SAME_SCALE = 0.02
# Height of a pixel as a multiple of its width, or the other way round, that is drawn.
_MOST_ASPECT = 10


class Furniture(NamedTuple):
    """Width of a pixel in metres, None where there is none for the whole map, and where north is.

    `north` is a unit vector on the page: (to the right, upwards). `aspect` is the height of a pixel on the ground as a
    multiple of its width, in the middle of the map.
    """

    metres: float | None
    north: tuple[float, float]
    aspect: float = 1.0

    def bar(self, columns: int) -> tuple[float, str] | None:
        """Length of the scale bar of a map of so many columns, in columns, and what it says."""
        if self.metres is None:
            return None
        most = _LONGEST * columns * self.metres
        power = 10.0 ** math.floor(math.log10(most))
        # The logarithm of what is nearly a power of ten may round to that of the power.
        length = next((step * power for step in _STEPS if step * power <= most), 0.5 * power)
        told = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
        return length / self.metres, told


def of_grid(path: Path, grid: Grid, shape: tuple[int, ...]) -> Furniture | None:
    """That of a map of (rows, columns) on a grid; None where its coordinate system is unknown or neither kind.

    Args:
        path: of the map, for errors.
        grid: where its pixels lie.
        shape: of the map.

    Raises:
        InputError: if the coordinate system is not usable.
    """
    from rasterio._err import CPLE_BaseError
    from rasterio.errors import RasterioError

    from hscd.reports.gis.gdal import crs_of

    crs = crs_of(path, grid)
    if crs is None or not (crs.is_projected or crs.is_geographic):
        return None
    rows, columns = shape[:2]
    down, right = np.array([(row, column) for row in (0, rows / 2, rows) for column in (0, columns / 2, columns)]).T
    try:
        east, north = _steps(grid, crs, down, right)
    except (RasterioError, CPLE_BaseError):  # the map is none of places on the Earth
        return None
    widths = np.hypot(east[0], north[0])
    middle = len(widths) // 2
    # The step (column, row) in the middle that goes north and not east; on the page rows run downwards.
    determinant = east[0, middle] * north[1, middle] - east[1, middle] * north[0, middle]
    if not (np.isfinite(widths).all() and np.isfinite(determinant) and determinant and widths.all()):
        return None
    aspect = float(np.hypot(east[1, middle], north[1, middle]) / widths[middle])
    # Beside a pole a map would be a line.
    aspect = 1.0 if abs(aspect - 1) <= _SAME_SCALE or not 1 / _MOST_ASPECT <= aspect <= _MOST_ASPECT else aspect
    column, row = -east[1, middle] / determinant, aspect * east[0, middle] / determinant
    size = math.hypot(column, row)
    same = widths.max() - widths.min() <= _SAME_SCALE * widths.max()
    return Furniture(float(widths[middle]) if same else None, (float(column / size), float(-row / size)), aspect)


def aspect_of(path: Path, grid: Grid, shape: tuple[int, ...]) -> float:
    """Height of a pixel as a multiple of its width, as `of_grid`; 1 where nothing is known of it."""
    beside = of_grid(path, grid, shape)
    return 1.0 if beside is None else beside.aspect


def _steps(grid: Grid, crs: Any, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Metres to the east and to the north, (2, places) each, that one column and one row are on the ground."""
    from rasterio.warp import transform

    a, b, c, d, e, f = grid.transform
    found = []
    for down, right in ((0, 0), (0, 1), (1, 0)):
        x, y = a * (columns + right) + b * (rows + down) + c, d * (columns + right) + e * (rows + down) + f
        found.append(np.radians(transform(crs, "EPSG:4326", x.tolist(), y.tolist())))
    start, *ends = found
    steps = np.stack([end - start for end in ends])
    # Across the date line the longitude jumps by a turn.
    steps[:, 0] = (steps[:, 0] + np.pi) % (2 * np.pi) - np.pi
    return _RADIUS * steps[:, 0] * np.cos(start[1]), _RADIUS * steps[:, 1]


def draw(axes: Axes, furniture: Furniture, columns: int, drawn: int) -> None:
    """Draw it below a map.

    Args:
        axes: of the map.
        furniture: what to draw.
        columns: of the map.
        drawn: columns of the picture of it that the axes show.
    """
    from matplotlib.transforms import ScaledTranslation, Transform

    scale = axes.figure.dpi_scale_trans

    def moved(start: Transform, right: float, up: float) -> Transform:
        return start + ScaledTranslation(right / 72, up / 72, scale)

    bar = furniture.bar(columns)
    if bar is not None:
        length = bar[0] * drawn / columns
        below = moved(axes.get_xaxis_transform(), 0, -_BAR_BELOW)  # columns to the right
        axes.plot(
            [-0.5, length - 0.5],
            [0, 0],
            transform=below,
            linewidth=3,
            color=_INK,
            clip_on=False,
            solid_capstyle="butt",
        )
        axes.text(length - 0.5, 0, f"  {bar[1]}", transform=below, va="center", ha="left", fontsize=8, color=_INK)
    middle = moved(axes.transAxes, -_ARROW_LEFT, -_ARROW_BELOW)
    right, up = (_ARROW * part for part in furniture.north)
    # The letter stands at the head of the arrow.
    axes.annotate(
        "N",
        xy=(1, 0),
        xycoords=moved(middle, -right, -up),
        xytext=(1, 0),
        textcoords=moved(middle, right, up),
        arrowprops={"arrowstyle": "<|-", "color": _INK, "shrinkA": 0, "shrinkB": 0},
        ha="center",
        va="center",
        fontsize=8,
        color=_INK,
        annotation_clip=False,
    )
