"""Sample points in a GeoPackage: written to be labelled in a GIS, and read back."""

from __future__ import annotations

import shutil
import sqlite3
import struct
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from hscd.records import Grid
from hscd.reports.gis.gdal import BESIDE_DATABASE, crs_of, named_crs, session
from hscd.system import native_stderr, storage
from hscd.system.errors import InputError, brief
from hscd.system.paths import plain_folder, plain_path, require_regular

LAYER = "sample"
# The column that is filled in by hand.
CLASS = "class"
# How a GeoPackage begins, as any SQLite database: nothing else is handed to GDAL.
_MAGIC = b"SQLite format 3\0"


def write_points(
    path: Path,
    rows: np.ndarray,
    columns: np.ndarray,
    grid: Grid,
    fields: Mapping[str, np.ndarray],
    told: Mapping[str, object],
) -> None:
    """Write pixels as points in their middle, layer "sample", with an empty column `class`.

    It is one of texts: GDAL reads a word in a column of numbers as 0, without a warning.

    Args:
        path: GeoPackage, written anew.
        rows: (points,) of the pixels.
        columns: (points,) of the pixels.
        grid: where the pixels lie.
        fields: (points,) integers by column, put before `class`.
        told: names and values for the layer's metadata.

    Raises:
        InputError: if the coordinate system of the grid is not one.
        OSError: if the file cannot be written.
    """
    import pyogrio.raw

    crs_of(path, grid)
    a, b, c, d, e, f = grid.transform
    x, y = columns + 0.5, rows + 0.5
    geometry = np.empty(len(rows), dtype=object)
    # Well-known binary: little-endian, point.
    geometry[:] = [
        struct.pack("<BIdd", 1, 1, *place) for place in zip(a * x + b * y + c, d * x + e * y + f, strict=True)
    ]
    columns_of = {name: values.astype(np.int32) for name, values in fields.items()}
    columns_of[CLASS] = np.full(len(rows), None, dtype=object)
    with session(path), storage.atomic_path(path, BESIDE_DATABASE) as written, plain_folder(written.parent) as folder:
        pyogrio.raw.write(
            folder / written.name, geometry, list(columns_of.values()), list(columns_of), layer=LAYER, driver="GPKG",
            geometry_type="Point", crs=named_crs(grid), dataset_options={"VERSION": "1.2"},
            layer_metadata={name: str(value) for name, value in told.items()},
        )  # fmt: skip


def read_points(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The columns of sample points, and what the metadata says.

    Returns:
        Columns, (points,) each, by name: numbers, NaN where empty, or objects; and the metadata by name.

    Raises:
        InputError: if it is missing, no GeoPackage, damaged, or has several layers and none called "sample".
    """
    import pyogrio
    import pyogrio.raw

    _require_database(path)
    try:
        with plain_path(path, "sample.gpkg") as file, native_stderr.collected(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what GDAL finds odd in a damaged file
            layer = _layer(path, [str(name) for name in pyogrio.list_layers(file)[:, 0]])
            meta, _, _, values = pyogrio.raw.read(file, layer=layer, read_geometry=False)
            told = pyogrio.read_info(file, layer=layer)["layer_metadata"] or {}
    except (InputError, MemoryError):
        raise
    except Exception as error:  # of several types where it is damaged
        raise InputError(f"{path}: unreadable or damaged GeoPackage: {brief(error)}") from error
    return dict(zip(map(str, meta["fields"]), values, strict=True)), dict(told)


def write_labels(path: Path, labels: Mapping[int, str | None]) -> None:
    """Fill in the column `class` of some points; all else of the file stays.

    Args:
        path: GeoPackage of sample points.
        labels: of points by their `id`; None for no label.

    Raises:
        InputError: if it is missing, no such GeoPackage, damaged, lacks one of the points, or is open in another
            program, whose changes would be lost.
        OSError: if it cannot be written; what was there before stays.
    """
    _require_database(path)
    if any(path.with_name(path.name + ending).exists() for ending in ("-journal", "-wal")):
        raise InputError(f"{path}: is open in another program; close it there, so that no label is lost")
    with storage.exclusive(path), storage.atomic_path(path, BESIDE_DATABASE) as written:
        shutil.copyfile(path, written)
        try:
            with closing(sqlite3.connect(written)) as database, database, _without_spatial_triggers(database):
                for number, label in labels.items():
                    found = database.execute(f'UPDATE "{LAYER}" SET "{CLASS}" = ? WHERE id = ?', (label, number))
                    if found.rowcount != 1:
                        raise InputError(f"{path}: has no point {number}")
        except sqlite3.Error as error:
            raise InputError(f"{path}: unreadable or damaged GeoPackage: {brief(error)}") from error


@contextmanager
def _without_spatial_triggers(database: sqlite3.Connection) -> Iterator[None]:
    """Set aside what keeps the spatial index, which labels do not change, during the block.

    It asks for functions of a GIS, and for R-trees, which not every SQLite has: TensorFlow's takes the place of
    Python's where it was imported first.
    """
    of_layer = "type = 'trigger' AND tbl_name = ? AND name GLOB 'rtree_*'"
    found = database.execute(f"SELECT name, sql FROM sqlite_master WHERE {of_layer}", (LAYER,)).fetchall()
    for name, _ in found:
        quoted = name.replace('"', '""')
        database.execute(f'DROP TRIGGER "{quoted}"')
    yield
    for _, statement in found:
        database.execute(statement)


def _require_database(path: Path) -> None:
    try:
        with require_regular(path).open("rb") as file:
            begin = file.read(len(_MAGIC))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if begin != _MAGIC:
        raise InputError(f"{path}: expected the GeoPackage that sample.py wrote, with its column {CLASS} filled in")


def _layer(path: Path, layers: list[str]) -> Any:
    if LAYER in layers:
        return LAYER
    if len(layers) != 1:
        raise InputError(f"{path}: expected a layer {LAYER}, found {', '.join(map(brief, layers)) or 'none'}")
    return layers[0]
