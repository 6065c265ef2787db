"""What a printed map has beside the map, of a grid in a known coordinate system: a scale bar, an arrow to the north."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hscd.records import Grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Of a sphere as large as the Earth, metres: a scale bar needs no ellipsoid.
_RADIUS = 6_371_008.8
# The longest part of the width that a scale bar takes, and what its length is, times a power of ten.
_LONGEST, _STEPS = 0.3, (5, 2, 1)
_INK = "0.25"
# A row of pixels along which the scale changes by more has no scale bar.
_SAME_SCALE = 0.02


class Furniture(NamedTuple):
    """Width of a pixel in metres, None where there is none for the whole map, and where north is.

    `north` is a unit vector on the page: (to the right, upwards).
    """

    metres: float | None
    north: tuple[float, float]

    def bar(self, columns: int) -> tuple[float, str] | None:
        """Length of the scale bar of a map of so many columns, in columns, and what it says."""
        if self.metres is None:
            return None
        most = _LONGEST * columns * self.metres
        power = 10.0 ** math.floor(math.log10(most))
        length = next(step * power for step in _STEPS if step * power <= most)
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
    from hscd.reports.gis.gdal import crs_of

    crs = crs_of(path, grid)
    if crs is None or not (crs.is_projected or crs.is_geographic):
        return None
    a, b, _, d, e, f = grid.transform
    unit = crs.units_factor[1]  # in metres, or radians
    # What one column and one row are on the ground, (east, north), in the middle of the map.
    middle = d * shape[1] / 2 + e * shape[0] / 2 + f
    east = 1.0 if crs.is_projected else math.cos(min(abs(middle * unit), math.pi / 2))
    per_unit = unit * (1.0 if crs.is_projected else _RADIUS)
    metres = per_unit * math.hypot(a * east, d)
    determinant = a * e * east - b * d * east
    if not determinant or not metres:
        return None
    # The step (column, row) that goes north and not east; on the page rows run downwards.
    column, row = -b * east / determinant, a * east / determinant
    size = math.hypot(column, row)
    north = (column / size, -row / size)
    if not crs.is_projected:
        edges = [f + e * at for at in (0, shape[0])]
        scales = [math.cos(min(abs(edge * unit), math.pi / 2)) for edge in edges]
        if max(scales) - min(scales) > _SAME_SCALE * max(scales):
            return Furniture(None, north)
    return Furniture(metres, north)


def draw(axes: Axes, furniture: Furniture, columns: int, drawn: int) -> None:
    """Draw it below a map.

    Args:
        axes: of the map.
        furniture: what to draw.
        columns: of the map.
        drawn: columns of the picture of it that the axes show.
    """
    below = axes.get_xaxis_transform()  # columns to the right, the height of the map upwards
    bar = furniture.bar(columns)
    if bar is not None:
        length = bar[0] * drawn / columns
        axes.plot(
            [-0.5, length - 0.5],
            [-0.03, -0.03],
            transform=below,
            linewidth=3,
            color=_INK,
            clip_on=False,
            solid_capstyle="butt",
        )
        axes.text(length - 0.5, -0.03, f"  {bar[1]}", transform=below, va="center", ha="left", fontsize=8, color=_INK)
    right, up = furniture.north
    axes.annotate(
        "N",
        xy=(0.97, -0.05),
        xycoords="axes fraction",
        xytext=(20 * right, 20 * up - 10),
        textcoords="offset points",
        arrowprops={"arrowstyle": "<|-", "color": _INK, "shrinkA": 0, "shrinkB": 0},
        ha="center",
        va="center",
        fontsize=8,
        color=_INK,
        annotation_clip=False,
    )
