"""A change map as files for a GIS, in one call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hscd.evaluation.result import MapResult


def write_map(
    prefix: str | Path, found: MapResult, *, min_area: float = 0, tags: Mapping[str, object] | None = None
) -> list[Path]:
    """Write what `hscd.detect` found: the map before and after spatial correction, the scores, and polygons.

    Args:
        prefix: folder and start of the file names; the folder has to exist.
        found: the map.
        min_area: changed areas that are smaller are no polygons, m² (pixels without a coordinate system).
        tags: what the maps shall say, by name.

    Returns:
        PREFIX.tif, PREFIX_corrected.tif (1 changed, 0 unchanged, 255 no data), PREFIX_distances.tif and
        PREFIX_changes.gpkg. Styles for QGIS lie beside them.

    Raises:
        InputError: if the coordinate system is not one.
        OSError: if a file cannot be written; what was there before stays.
    """
    from hscd.reports import gis

    path, scores = Path(prefix), found.score_map
    gis.write_results(
        path, scores.scores, found.cut.value, found.labels, found.corrected, scores.grid, min_area, tags or {}
    )
    return gis.result_files(path)
