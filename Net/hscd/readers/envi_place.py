"""Where the pixels of an ENVI image lie: what GDAL makes of `map info`, where that falls short.

Source: NV5 Geospatial, "ENVI Header Files", fields `map info` and `coordinate system string`. Reference pixels count
from 1, 1, the upper left corner of the image; a rotation is in degrees, counterclockwise.
"""

from __future__ import annotations

import math
from dataclasses import replace

from hscd.readers.envi_header import Header, entries_of
from hscd.records import Grid
from hscd.system.errors import brief

_ARBITRARY = "arbitrary"
# A coordinate system that GDAL has only the name of.
_UNKNOWN = ("LOCAL_CS[", "ENGCRS[")
# Datums and ellipsoids that GDAL knows the names of; any other it takes for WGS 84.
_DATUMS = (
    "wgs-84", "wgs-72", "north america 1983", "north america 1927", "ordnance survey of great britain '36",
    "sad-69/brazil", "geocentric datum of australia 1994", "australian geodetic 1984",
    "nouvelle triangulation francaise ign", "grs 80", "airy", "australian national", "bessel 1841", "clark 1866",
)  # fmt: skip
_PARTS_OF_DATUMS = ("nad27", "nad-27", "european 1950")
# The place of the datum by projection.
_DATUM_AT = {"utm": 9, "geographic lat": 7}


def corrected(header: Header, grid: Grid | None) -> tuple[Grid | None, tuple[str, ...]]:
    """The grid of an image, None where it lies nowhere; and notes on what of its header is guessed or passed over.

    Args:
        header: the image's.
        grid: as GDAL reads it.
    """
    fields = entries_of(header.entries.get("map info"))
    if not fields:
        return grid, ()
    named = {name.strip().lower(): value for name, _, value in (field.partition("=") for field in fields)}
    rotation = _number(named.get("rotation", "0"))
    numbers = [_number(field) for field in fields[1:7]]
    if grid is None or len(numbers) < 6 or not math.isfinite(sum(numbers) + rotation):
        return None, ("its map info is not readable, and not used",)
    notes: tuple[str, ...] = ()
    if grid.crs.startswith(_UNKNOWN):
        if fields[0].lower().startswith(_ARBITRARY):
            return None, ("its map info is of an arbitrary system, no place; it is not used",)
        notes = (f"its coordinate system, {brief(fields[0])!r}, is not known; it is taken for that of the other image",)
        grid = replace(grid, crs="")
    elif not header.entries.get("coordinate system string", "").strip("{} "):
        notes = _datum(fields)
    if abs(rotation) == 180:
        notes += (f"rotation={rotation:g} in its map info is taken for rows from south to north",)
    return _placed(grid, numbers, rotation) if rotation else grid, notes


def _placed(grid: Grid, numbers: list[float], rotation: float) -> Grid:
    """The grid of map info with a rotation, which GDAL gets right for square pixels and the reference pixel 1, 1.

    GDAL writes a rotation of 180 where rows run from south to north, and columns from west to east as ever.
    """
    column, row, x, y, width, height = numbers
    unit = math.hypot(*grid.transform[:2]) / abs(width)  # degrees a minute, for example
    cosine, sine = math.cos(math.radians(rotation)), math.sin(math.radians(rotation))
    if abs(rotation) == 180:
        a, b, d, e = width, 0.0, 0.0, height
    else:
        a, b, d, e = width * cosine, height * sine, width * sine, -height * cosine
    x, y = x - (column - 1) * a - (row - 1) * b, y - (column - 1) * d - (row - 1) * e
    return replace(grid, transform=(unit * a, unit * b, unit * x, unit * d, unit * e, unit * y))


def _datum(fields: list[str]) -> tuple[str, ...]:
    """A note where GDAL guesses the datum."""
    at = next((at for start, at in _DATUM_AT.items() if fields[0].lower().startswith(start)), None)
    if at is None:
        return ()
    datum = next((field.lower() for field in fields[at : at + 1] if "=" not in field), "")
    if datum in _DATUMS or any(part in datum for part in _PARTS_OF_DATUMS):
        return ()
    if datum:
        return (f"its datum, {brief(fields[at])!r}, is not known; WGS 84 is taken",)
    return (f"its map info names no datum; {'North America 1927' if at == _DATUM_AT['utm'] else 'WGS 84'} is taken",)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
