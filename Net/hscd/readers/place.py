"""Where the pixels of a raster lie, as GDAL finds it said, and in the .prj files that GDAL passes over."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hscd.records import Grid
from hscd.scenes.image import Image
from hscd.system.errors import InputError, brief

# Ground control points that lie this near to an affine grid are one, in pixels.
_NEAR_GRID = 0.1
_LARGEST_PRJ = 2**16


def grid_of(path: Path, source: Any) -> tuple[Grid | None, tuple[str, ...]]:
    """The grid of a dataset of rasterio, None where it lies nowhere; and notes on what is passed over.

    It is said in the file, in a world file, or in .aux.xml. Ground control points are used where they lie on an affine
    grid.

    Raises:
        InputError: if it is placed by ground control points that lie on no affine grid.
        ValueError: if its pixels have no area.
    """
    from rasterio.crs import CRS

    points, points_crs = source.gcps
    crs, transform = source.crs, tuple(source.transform)[:6]
    if source.transform.is_identity:
        if points:
            return Grid(_affine(path, points), _wkt(points_crs)), ()
        if source.rpcs is not None:
            return None, ("rational polynomial coefficients (RPC) are not used, so it has no place; orthorectify it",)
        if crs is None:
            return None, ()
        return None, ("names a coordinate system, but not where its pixels lie: it has no place",)
    a, b, _, d, e, _ = transform
    if not (math.isfinite(a * e - b * d) and a * e - b * d):
        raise ValueError("its georeference has pixels without area")
    wkt = _wkt(crs)
    if wkt:
        CRS.from_wkt(wkt)  # what GDAL reads of a damaged file it may not understand itself
    return Grid(transform, wkt), ()


def _wkt(crs: Any) -> str:
    return crs.to_wkt() if crs else ""


def _affine(path: Path, points: list[Any]) -> tuple[float, float, float, float, float, float]:
    """The affine transform (a, b, c, d, e, f) that ground control points lie on."""
    pixels = np.array([(point.col, point.row, 1.0) for point in points])
    places = np.array([(point.x, point.y) for point in points])
    found, _, rank, _ = np.linalg.lstsq(pixels, places, rcond=None)
    (a, d), (b, e), (c, f) = found.tolist()
    off = np.inf
    if rank == 3 and a * e - b * d:
        offsets = np.linalg.solve(np.array([[a, b], [d, e]]), (pixels @ found - places).T)
        off = np.abs(offsets).max()
    if not off <= _NEAR_GRID:
        far = "" if math.isinf(off) else f"; they are up to {off:.3g} pixels off"
        raise InputError(
            f"{path}: georeferenced by {len(points)} ground control points, which do not lie on a grid of equal "
            f"pixels{far}; warp it onto one first, for example with gdalwarp"
        )
    return a, b, c, d, e, f


def with_prj(image: Image) -> Image:
    """The image in the coordinate system of the .prj file beside it, where it names none itself."""
    from rasterio.crs import CRS

    if image.grid is None or image.grid.crs:
        return image
    file = next((beside for end in (".prj", ".PRJ") if (beside := image.path.with_suffix(end)).is_file()), None)
    if file is None:
        return image
    try:
        with file.open("rb") as opened:
            text = opened.read(_LARGEST_PRJ + 1)
        if len(text) > _LARGEST_PRJ:
            raise ValueError("larger than any such file is")
        crs = CRS.from_wkt(text.decode("utf-8", "replace").strip("\ufeff\0 \r\n"), morph_from_esri_dialect=True)
    except Exception as error:  # of several types, by rasterio
        note = f"its coordinate system in {file.name} is not readable, and not used: {brief(error)}"
        return replace(image, notes=(*image.notes, note))
    return replace(image, grid=replace(image.grid, crs=crs.to_wkt()))
