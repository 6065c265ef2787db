"""Results that a geographic information system opens: change and distance maps, polygons of what changed.

Maps are Cloud-Optimised GeoTIFFs (tiles of 512 pixels, overviews) on the grid of the input image, each with a style
beside it that QGIS finds by its name; polygons are a GeoPackage. Beyond its arguments a function takes up to 200 MB.
Polygons take 80 bytes a run of changed pixels if that is more, and 400 bytes a run of a region that has millions of
them. rasterio and pyogrio, slow to import, come with the first call.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hscd.records import Grid
from hscd.reports.gis.polygons import write_polygons
from hscd.reports.gis.rasters import write_change_map, write_distances

__all__ = ["write_change_map", "write_distances", "write_polygons", "write_results"]


def write_results(
    prefix: Path,
    distances: np.ndarray,
    threshold: float,
    prediction: np.ndarray,
    corrected: np.ndarray,
    grid: Grid,
    min_area: float,
    tags: Mapping[str, object],
) -> None:
    """Write the maps of a pair, and the polygons of what changed after spatial correction.

    Files: PREFIX.tif and PREFIX_corrected.tif (change maps), PREFIX_distances.tif, PREFIX_changes.gpkg, and styles.

    Args:
        prefix: folder and start of the file names.
        distances: (rows, columns) float32, NaN where masked.
        threshold: changed pixels have a greater distance.
        prediction: (rows, columns) uint8 labels.
        corrected: the same after spatial correction.
        grid: where the pixels lie.
        min_area: as of `write_polygons`.
        tags: what the maps shall say, by name.

    Raises:
        InputError: if the coordinate system of the grid is not one.
        OSError: if a file cannot be written; what was there before stays.
    """

    def file(ending: str) -> Path:
        return prefix.with_name(f"{prefix.name}{ending}")

    write_change_map(file(".tif"), prediction, grid, tags)
    write_change_map(file("_corrected.tif"), corrected, grid, tags)
    write_distances(file("_distances.tif"), distances, grid, threshold, tags)
    write_polygons(file("_changes.gpkg"), corrected, distances, grid, min_area)
