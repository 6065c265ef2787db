"""A change map as files for a GIS, in one call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hscd import arguments
from hscd.evaluation.ensemble import member_probability
from hscd.evaluation.result import MapResult
from hscd.system.errors import InputError, shown

# How names of files end that nobody means as the start of one.
_FILES = (".tif", ".tiff", ".gpkg", ".png")


def write_map(
    prefix: str | Path, found: MapResult, *, min_area: float = 0, tags: Mapping[str, object] | None = None
) -> list[Path]:
    """Write what `hscd.detect` found, in the files that `detect.py` writes: change map, scores and polygons.

    Args:
        prefix: folder and start of the file names, "out/town" for example; the folder is made if there is none.
        found: the map.
        min_area: changed areas that are smaller are no polygons, m² (pixels without a coordinate system).
        tags: names and values to store in the maps.

    Returns:
        PREFIX_change.tif (1 changed, 0 unchanged, 255 no data), PREFIX_uncorrected.tif (the same before spatial
        correction), PREFIX_score.tif (scores and probability of change; of an ensemble those of its first member, the
        mean probability and its standard deviation) and PREFIX_changes.gpkg. Styles for QGIS lie beside them.

    Raises:
        InputError: if there is no map, the prefix is a folder alone, there or not, or the name of one file,
            `min_area` is no number >= 0, `tags` have no names, or the coordinate system is not one.
        OSError: if a file cannot be written; what was there before stays.
    """
    if not isinstance(found, MapResult):
        raise InputError(f"found: a map of hscd.detect expected, received {type(found).__name__}")
    from hscd.reports import gis

    path, grid, members = arguments.path("prefix", prefix), found.score_map.grid, found.members
    # A letter more tells "out/", whose end a path forgets, from "out".
    if Path(f"{prefix}x").name in ("x", ".x", "..x") or path.is_dir():
        raise InputError(f"{str(prefix)!r}: a folder and the start of file names expected, {path / 'map'} for example")
    if path.suffix.lower() in _FILES:
        raise InputError(
            f"{str(prefix)!r}: the start of file names expected, not one file; {str(path.with_suffix(''))!r} gives "
            f"{path.stem}_change.tif and others"
        )
    arguments.require_numbers(min_area=min_area)
    if min_area is None or not min_area >= 0:
        raise InputError(f"min_area: a number >= 0 expected, received {shown(min_area)}")
    if tags is not None and not (isinstance(tags, Mapping) and all(isinstance(name, str) for name in tags)):
        raise InputError(f'tags: values by name expected, as {{"source": "Sentinel-2"}}, received {shown(tags)}')
    score_map, cut = found.shown
    endings = "_change.tif", "_uncorrected.tif", "_score.tif", "_changes.gpkg"
    written = [path.with_name(path.name + ending) for ending in endings]
    probability = member_probability(found.score_map, found.labels) if members is None else members.probability
    gis.write_change_map(written[0], found.corrected, grid, tags)
    gis.write_change_map(written[1], found.labels, grid, tags)
    spread = None if members is None else members.spread
    gis.write_scores(written[2], score_map.scores, probability, grid, cut.value, tags, spread)
    gis.write_polygons(written[3], found.corrected, score_map.scores, grid, min_area, probability)
    return written
