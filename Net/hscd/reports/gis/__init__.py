"""Results that a geographic information system opens: maps of change and distances, polygons, sample points.

Maps are Cloud-Optimised GeoTIFFs (tiles of 512 pixels, overviews) on the grid of the input image, each with a style
beside it that QGIS finds by its name; polygons and points are GeoPackages. Beyond its arguments a function takes up to
200 MB. Polygons take 80 bytes a run of changed pixels if that is more, and 400 bytes a run of a region that has
millions of them. rasterio and pyogrio, slow to import, come with the first call.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hscd.evaluation.objects import Objects
from hscd.records import Grid
from hscd.reports.gis.points import CLASS, read_points, write_labels, write_points
from hscd.reports.gis.polygons import changed_areas, mapped_area, write_polygons
from hscd.reports.gis.rasters import (
    write_change_map,
    write_class_map,
    write_distances,
    write_parts,
    write_scores,
    write_streamed,
)

__all__ = [
    "CLASS",
    "changed_areas",
    "mapped_area",
    "read_points",
    "result_files",
    "write_change_map",
    "write_class_map",
    "write_distances",
    "write_labels",
    "write_parts",
    "write_points",
    "write_polygons",
    "write_results",
    "write_scores",
    "write_streamed",
]


def result_files(prefix: Path) -> list[Path]:
    """PREFIX.tif and PREFIX_corrected.tif (change maps), PREFIX_distances.tif and PREFIX_changes.gpkg."""
    return [
        prefix.with_name(prefix.name + ending)
        for ending in (".tif", "_corrected.tif", "_distances.tif", "_changes.gpkg")
    ]


def write_results(
    prefix: Path,
    distances: np.ndarray,
    threshold: float,
    prediction: np.ndarray,
    corrected: np.ndarray,
    grid: Grid,
    min_area: float,
    tags: Mapping[str, object],
    objects: Objects | None = None,
) -> None:
    """Write the maps of a pair, and the polygons of what changed after spatial correction.

    Files: those of `result_files`, and styles.

    Args:
        prefix: folder and start of the file names.
        distances: (rows, columns) float32, NaN where masked.
        threshold: changed pixels have a greater distance.
        prediction: (rows, columns) uint8 labels.
        corrected: the same after spatial correction.
        grid: where the pixels lie.
        min_area: as of `write_polygons`.
        tags: names and values to store in the maps.
        objects: as of `write_polygons`.

    Raises:
        InputError: if the coordinate system of the grid is not one.
        OSError: if a file cannot be written; what was there before stays.
    """

    change_map, corrected_map, distance_map, polygons = result_files(prefix)
    write_change_map(change_map, prediction, grid, tags)
    write_change_map(corrected_map, corrected, grid, tags)
    write_distances(distance_map, distances, grid, threshold, tags)
    write_polygons(polygons, corrected, distances, grid, min_area, objects=objects)
