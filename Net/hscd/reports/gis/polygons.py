"""Polygons of what changed, in a GeoPackage."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import numpy as np

from hscd.evaluation.objects import Objects
from hscd.evaluation.regions import Outlines, Regions, find_regions
from hscd.labels import CHANGED, UNKNOWN
from hscd.records import Grid
from hscd.reports.gis.gdal import BESIDE_DATABASE, crs_of, named_crs, session
from hscd.system import storage
from hscd.system.paths import plain_folder

LAYER, BOXES = "changed", "boxes"

# Semi-major axis (m) and inverse flattening of WGS 84, for a coordinate system that does not say.
_WGS84 = (6378137.0, 298.257223563)


def write_polygons(
    path: Path,
    labels: np.ndarray,
    distances: np.ndarray,
    grid: Grid,
    min_area: float = 0.0,
    probability: np.ndarray | None = None,
    objects: Objects | None = None,
) -> int:
    """Write the changed regions as polygons of a GeoPackage, layer "changed".

    A region is changed pixels connected along their sides; its polygon runs along the sides of its pixels. The largest
    comes first. Fields: `area` (two decimals), `mean_distance` (six digits; empty where a distance of the region is
    NaN), `pixels` and, if it is given, `probability`, the mean of the region (three decimals). The area is in m² where
    the coordinate system is projected (in the plane of the projection) or geographic (on its ellipsoid), otherwise in
    pixels; the description of the layer says which. Where nothing changed the layer is empty. Objects are a second
    layer, "boxes", with the fields `confidence` and `pixels`, the most confident one first.

    Args:
        path: GeoPackage, written anew.
        labels: (rows, columns) labels.
        distances: (rows, columns).
        grid: where the pixels lie.
        min_area: regions smaller than this are left out; in the unit of `area`.
        probability: (rows, columns) of change.
        objects: changed objects; None for no such layer.

    Returns:
        Number of polygons.

    Raises:
        InputError: if the coordinate system of the grid is not one.
        OSError: if the file cannot be written; what was there before stays.
    """
    crs = crs_of(path, grid)
    regions = find_regions(labels, CHANGED)
    areas, unit = _areas(regions, grid, crs)
    regions, areas = regions.by_size(areas), np.sort(areas)[::-1]
    pixels = regions.pixels()
    means = _six_digits(regions.sums(distances) / pixels)
    values = {"area": np.round(areas, 2), "mean_distance": means, "pixels": pixels}
    if probability is not None:
        values["probability"] = np.round(regions.sums(probability) / pixels, 3)
    kept = ~(areas < min_area)
    with (
        session(path),
        storage.atomic_path(path, BESIDE_DATABASE) as written,
        plain_folder(written.parent) as folder,
    ):
        database = folder / written.name
        none = {name: column[:0] for name, column in values.items()}
        _append(database, LAYER, [], none, grid, f"changed regions, areas in {unit}")
        for outlines in regions.outlines(kept):
            fields = {name: column[outlines.regions] for name, column in values.items()}
            _append(database, LAYER, _wkb(outlines, grid), fields, grid)
        if objects is not None:
            _append(database, BOXES, *_boxes(objects, grid), grid, "changed objects")
    return int(kept.sum())


def _boxes(objects: Objects, grid: Grid) -> tuple[list[bytes], dict[str, np.ndarray]]:
    """Polygons and fields of the boxes of objects."""
    top, left, bottom, right = objects.boxes.T
    count = len(objects.boxes)
    rows, columns = np.stack([top, bottom, bottom, top, top], 1), np.stack([left, left, right, right, left], 1)
    outlines = Outlines(np.arange(count), np.ones(count, int), np.full(count, 5), rows.ravel(), columns.ravel())
    return _wkb(outlines, grid), {"confidence": np.round(objects.confidences, 3), "pixels": objects.pixels}


def _six_digits(values: np.ndarray) -> np.ndarray:
    """Values of any magnitude, rounded to the digits that distances in float32 have; NaN and infinity stay."""
    with np.errstate(divide="ignore", invalid="ignore"):
        magnitude = np.floor(np.log10(np.abs(values)))
    unit = 10.0 ** np.where(np.isfinite(magnitude), 5 - magnitude, 0)
    return np.round(values * unit) / unit


def changed_areas(path: Path, labels: np.ndarray, grid: Grid) -> tuple[np.ndarray, str]:
    """Areas of the changed regions, largest first, and their unit, "m²" or "pixels"; as `write_polygons` has them.

    Args:
        path: what an error names.
        labels: (rows, columns) labels.
        grid: where the pixels lie.

    Raises:
        InputError: if the coordinate system of the grid is not one.
    """
    areas, unit = _areas(find_regions(labels, CHANGED), grid, crs_of(path, grid))
    return np.sort(areas)[::-1], unit


def mapped_area(path: Path, labels: np.ndarray, grid: Grid) -> tuple[float, str]:
    """Area of all pixels that are not masked, and its unit, as `changed_areas` has them; arguments as of that."""
    areas, unit = _areas(find_regions(labels == UNKNOWN, False), grid, crs_of(path, grid))
    return float(areas.sum()), unit


def _append(
    path: Path,
    layer: str,
    polygons: list[bytes],
    fields: dict[str, np.ndarray],
    grid: Grid,
    description: str | None = None,
) -> None:
    """Add polygons to a layer of a GeoPackage; with a description, create it, and the file if it is the first."""
    import pyogrio.raw

    geometry = np.empty(len(polygons), dtype=object)
    geometry[:] = polygons
    creation: dict[str, Any] = {"append": True}
    if description is not None:  # version 1.2 is as much as programs of 2018 to 2022 read without a warning
        creation = {"layer_options": {"DESCRIPTION": description}}
        creation |= {"append": True} if layer != LAYER else {"dataset_options": {"VERSION": "1.2"}}
    pyogrio.raw.write(
        path, geometry, list(fields.values()), list(fields), layer=layer, driver="GPKG",
        geometry_type="Polygon", crs=named_crs(grid), **creation,
    )  # fmt: skip


def _wkb(outlines: Outlines, grid: Grid) -> list[bytes]:
    """Polygons as "well-known binary" of the OGC Simple Features."""
    if not len(outlines.rows):
        return []
    a, b, c, d, e, f = grid.transform
    points = np.empty((len(outlines.rows), 2), dtype="<f8")
    points[:, 0] = a * outlines.columns + b * outlines.rows + c
    points[:, 1] = d * outlines.columns + e * outlines.rows + f
    content = points.data.cast("B")
    lengths = iter(outlines.lengths.tolist())
    polygons, begin = [], 0
    for rings in outlines.rings.tolist():
        parts: list[bytes | memoryview] = [struct.pack("<BII", 1, 3, rings)]  # little-endian, polygon
        for _ in range(rings):
            length = next(lengths)
            parts += struct.pack("<I", length), content[begin : begin + 16 * length]
            begin += 16 * length
        polygons.append(b"".join(parts))
    return polygons


def _areas(regions: Regions, grid: Grid, crs: Any) -> tuple[np.ndarray, str]:
    """Area of each region, (regions,), and its unit.

    On an ellipsoid, a pixel of Δλ·Δφ at latitude φ is N cos φ Δλ wide and M Δφ high, with the radii of curvature N in
    the prime vertical and M in the meridian (Snyder, Map Projections – A Working Manual, USGS Professional Paper 1395,
    1987, equations 4-18 to 4-20). A run of pixels has the latitude of its middle, which for a grid along the meridians
    is that of all its pixels.
    """
    if crs is None or not (crs.is_projected or crs.is_geographic):
        return regions.pixels().astype(float), "pixels"
    a, b, _, d, e, f = grid.transform
    lengths = regions.stops - regions.starts
    pixel = abs(a * e - b * d) * crs.units_factor[1] ** 2  # in m², or square radians
    if crs.is_projected:
        return regions.add_up(lengths) * pixel, "m²"
    row, column = np.divmod(regions.starts, regions.shape[1])
    latitude = (d * (column + lengths / 2) + e * (row + 0.5) + f) * crs.units_factor[1]
    return regions.add_up(lengths * _square_radian(latitude, *_ellipsoid(crs.wkt))) * pixel, "m²"


def _square_radian(latitude: np.ndarray, axis: float, flattening: float) -> np.ndarray:
    """Area M·N·cos φ in m² that a square radian of longitude and latitude would have, at latitudes in radians.

    Args:
        latitude: any shape; 0 m² beyond the poles.
        axis: semi-major axis in m.
        flattening: of the ellipsoid.
    """
    squared = flattening * (2 - flattening)  # of the eccentricity
    bend = 1 - squared * np.sin(latitude) ** 2
    meridian, vertical = axis * (1 - squared) / bend**1.5, axis / np.sqrt(bend)
    return meridian * vertical * np.maximum(np.cos(latitude), 0)


def _ellipsoid(wkt: str) -> tuple[float, float]:
    """Semi-major axis in m and flattening that a coordinate system in WKT is on; of WGS 84 where it does not say."""
    found = re.search(r'(?:SPHEROID|ELLIPSOID)\["(?:[^"]|"")*",([-+.\deE]+),([-+.\deE]+)', wkt)
    axis, inverse = (float(found[1]), float(found[2])) if found else _WGS84
    return axis, 1 / inverse if inverse else 0.0  # 0 is written for a sphere
