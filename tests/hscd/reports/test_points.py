"""Sample points: in the middle of their pixels, with an empty column to fill in, and read back."""

import contextlib
import sqlite3
import struct

import numpy as np
import pyogrio
import pyogrio.raw
import pytest
import rasterio

from hscd.records import PIXEL_GRID, Grid
from hscd.reports import gis
from hscd.reports.gis.points import read_points, write_labels, write_points
from hscd.system.errors import InputError

ROWS, COLUMNS = np.array([0, 3, 2]), np.array([4, 0, 2])
UTM = rasterio.CRS.from_epsg(32633).to_wkt()
FIELDS = {"id": np.array([1, 2, 3]), "stratum": np.array([0, 1, 0])}


def write(path, grid=PIXEL_GRID):
    write_points(path, ROWS, COLUMNS, grid, FIELDS, {"MAP": "maps/ä b.tif", "SEED": 7})
    return path


def places(path):
    _, _, geometry, _ = pyogrio.raw.read(path, layer="sample")
    return [struct.unpack("<dd", point[5:]) for point in geometry]


def schema(path):
    with contextlib.closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()


def test_points_lie_in_the_middle_of_their_pixels(tmp_path, capfd):
    # Half a pixel of 10 m and 20 m from the corner, then column · 10 to the right, row · 20 down.
    utm = write(tmp_path / "utm.gpkg", Grid((10, 0, 1000, 0, -20, 5000), UTM))
    assert places(utm) == [(1045, 4990), (1005, 4930), (1025, 4950)]
    assert pyogrio.read_info(utm)["crs"] == "EPSG:32633"
    rotated = Grid((8, 6, 100, 6, -8, 500), "")  # x = 8·(column + ½) + 6·(row + ½) + 100, …
    assert places(write(tmp_path / "rotated.gpkg", rotated))[1] == (125, 475)
    # Without a place: x is the column, y minus the row.
    plain = write(tmp_path / "plain.gpkg")
    assert places(plain) == [(4.5, -0.5), (0.5, -3.5), (2.5, -2.5)]
    assert capfd.readouterr() == ("", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plain.gpkg", "rotated.gpkg", "utm.gpkg"]


def test_a_coordinate_system_that_is_none_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="coordinate system of the image is not usable: nonsense"):
        write(tmp_path / "a.gpkg", Grid((10, 0, 0, 0, -10, 0), "nonsense"))
    assert not list(tmp_path.iterdir())


def test_columns_and_what_is_told_are_read_back_and_the_class_is_empty(tmp_path):
    file = write(tmp_path / "a!b;c.gpkg")
    columns, told = read_points(file)
    assert list(columns) == ["id", "stratum", "class"]
    assert columns["id"].tolist() == [1, 2, 3]
    assert columns["stratum"].tolist() == [0, 1, 0]
    assert columns["class"].tolist() == [None] * 3
    assert (told["MAP"], told["SEED"]) == ("maps/ä b.tif", "7")
    # A word would be read as 0 from a column of numbers.
    assert pyogrio.read_info(write(tmp_path / "b.gpkg"))["dtypes"].tolist() == ["int32", "int32", "object"]


def test_the_layer_may_have_another_name_if_it_is_the_only_one(tmp_path):
    file = tmp_path / "two.gpkg"
    point = np.array([struct.pack("<BIdd", 1, 1, 0, 0)], dtype=object)
    for number, name in enumerate(("copy", "roads")):
        values = [np.array([number + 5], np.int32)]
        pyogrio.raw.write(
            file,
            point,
            values,
            ["row"],
            layer=name,
            driver="GPKG",
            geometry_type="Point",
            crs="EPSG:32633",
            append=number > 0,
        )
        if number == 0:
            assert read_points(file) == ({"row": np.array([5])}, {})
    with pytest.raises(InputError, match=r"two\.gpkg: expected a layer sample, found copy, roads"):
        read_points(file)


def test_what_is_no_geopackage_is_told(tmp_path):
    (tmp_path / "a.csv").write_text("row,column\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"a\.csv: expected the GeoPackage that sample\.py wrote"):
        read_points(tmp_path / "a.csv")
    with pytest.raises(InputError, match=r"none\.gpkg: cannot be read"):
        read_points(tmp_path / "none.gpkg")
    (tmp_path / "b.gpkg").write_bytes(b"SQLite format 3\0" + bytes(500))
    with pytest.raises(InputError, match=r"b\.gpkg: unreadable or damaged GeoPackage"):
        read_points(tmp_path / "b.gpkg")


def test_damaged_files_end_in_values_or_one_error(tmp_path, capfd):
    whole = write(tmp_path / "whole.gpkg").read_bytes()
    rng, file = np.random.default_rng(0), tmp_path / "damaged.gpkg"
    errors = []
    for number in range(60):
        content = bytearray(whole)
        for place in rng.integers(16, len(content), 30):
            content[place] ^= 1 << int(rng.integers(8))
        file.write_bytes(content if number % 2 else content[: int(rng.integers(16, len(content)))])
        try:
            gis.read_points(file)
        except InputError as error:
            errors.append(str(error))
    assert len(errors) > 10
    assert not any("\n" in error for error in errors)
    assert capfd.readouterr() == ("", "")


def test_labels_are_read_while_a_gis_still_has_the_file_open(tmp_path):
    """QGIS keeps what was saved in a file beside it, until it closes the layer; also under a name that needs a link."""
    file = write(tmp_path / "a!b.gpkg")
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        # They keep the spatial index, which not every SQLite can; the points stay where they are.
        triggers = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%ST_IsEmpty%'")
        for (name,) in triggers.fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        database.execute('UPDATE sample SET "class" = 1 WHERE id = 2')
        database.commit()
        assert (tmp_path / "a!b.gpkg-wal").stat().st_size > 0
        assert read_points(file)[0]["class"].tolist() == [None, "1", None]


def test_labels_are_filled_in_and_all_else_stays(tmp_path):
    path = write(tmp_path / "s.gpkg", Grid((10, 0, 1000, 0, -20, 5000), UTM))
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("ALTER TABLE sample ADD COLUMN note TEXT DEFAULT 'mine'")
    before, schema_before = (places(path), read_points(path)), schema(path)
    write_labels(path, {3: "1", 1: "unsure"})
    write_labels(path, {2: "0", 1: None})
    fields, told = read_points(path)
    assert fields["class"].tolist() == [None, "0", "1"]
    assert fields["note"].tolist() == ["mine"] * 3
    assert (places(path), told, fields["id"].tolist()) == (before[0], before[1][1], [1, 2, 3])
    assert schema(path) == schema_before


def test_labels_are_saved_by_an_sqlite_without_r_trees(tmp_path, monkeypatch):
    """As TensorFlow's, which takes the place of Python's if it was imported first."""
    path = write(tmp_path / "s.gpkg")
    connect, denied = sqlite3.connect, []

    def poorer(*given):
        database = connect(*given)

        def allowed(action, table, *_):
            writes = action in (sqlite3.SQLITE_INSERT, sqlite3.SQLITE_DELETE, sqlite3.SQLITE_UPDATE)
            denied.extend([table] if writes and table.startswith("rtree_") else [])
            return sqlite3.SQLITE_DENY if writes and table.startswith("rtree_") else sqlite3.SQLITE_OK

        database.set_authorizer(allowed)
        return database

    monkeypatch.setattr(sqlite3, "connect", poorer)
    write_labels(path, {3: "1"})
    assert (read_points(path)[0]["class"].tolist(), denied) == ([None, None, "1"], [])


def test_labels_that_cannot_be_saved_change_nothing(tmp_path):
    path = write(tmp_path / "s.gpkg")
    before = path.read_bytes()
    with pytest.raises(InputError, match="has no point 4"):
        write_labels(path, {1: "1", 4: "0"})
    (tmp_path / "s.gpkg-wal").write_bytes(b"")
    with pytest.raises(InputError, match="is open in another program"):
        write_labels(path, {1: "1"})
    assert path.read_bytes() == before
    assert sorted(of.name for of in tmp_path.iterdir()) == ["s.gpkg", "s.gpkg-wal"]
    damaged = tmp_path / "d.gpkg"
    damaged.write_bytes(before[:200])
    with pytest.raises(InputError, match="damaged"):
        write_labels(damaged, {1: "1"})
