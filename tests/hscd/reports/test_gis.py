"""What a GIS finds: maps on the grid of the image, polygons on the corners of its pixels, nothing beside them."""

import itertools
import json
import math
import os
import shutil
import struct
import subprocess
import warnings
from xml.etree import ElementTree

import numpy as np
import pyogrio
import pyogrio.raw
import pytest
import rasterio
import rasterio.shutil
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rasterio.features import rasterize

from conftest import run_apart
from hscd.records import PIXEL_GRID, Grid
from hscd.reports import gis
from hscd.system.errors import InputError

UTM = rasterio.CRS.from_epsg(32633).to_wkt()
WGS84 = rasterio.CRS.from_epsg(4326).to_wkt()
GRIDS = {
    "north up": Grid((10.0, 0.0, 500_000.0, 0.0, -10.0, 4_000_000.0), UTM),
    "south up": Grid((2.5, 0.0, 500_000.0, 0.0, 2.5, 4_000_000.0), UTM),
    "rotated": Grid((8.0, 6.0, 412_345.678, 6.0, -8.0, 5_000_000.1), UTM),
    "geographic": Grid((1 / 3600, 0.0, 11.1, 0.0, -1 / 3600, 48.2), WGS84),
    "transform alone": Grid((10.0, 0.0, 500_000.0, 0.0, -10.0, 4_000_000.0), ""),
    "none": PIXEL_GRID,
}
SIZES = [(1, 1), (1, 700), (513, 511), (512, 1024), (1100, 1300)]
grids = pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)

needs_gdalinfo = pytest.mark.skipif(shutil.which("gdalinfo") is None, reason="GDAL's programs are not installed")


@pytest.fixture(autouse=True)
def _nothing_is_printed(capfd):
    yield
    assert capfd.readouterr() == ("", "")


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def opened(path, **options):
    """A raster, as a file without coordinates is opened: without a warning of that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        return rasterio.open(path, **options)


def some_map(shape, seed=0):
    """Labels of all three classes, and distances that are NaN where unknown."""
    rng = np.random.default_rng([seed, *shape])
    labels = rng.integers(0, 3, shape).astype(np.uint8)
    distances = rng.random(shape, dtype=np.float32)
    distances[labels == 2] = np.nan
    return labels, distances


def corner(grid, row, column):
    a, b, c, d, e, f = grid.transform
    return a * column + b * row + c, d * column + e * row + f


def rings_of(polygon):
    """Rings of a WKB polygon, lists of (x, y)."""
    order, kind, count = struct.unpack_from("<BII", polygon)
    assert (order, kind) == (1, 3)
    at, rings = 9, []
    for _ in range(count):
        (length,) = struct.unpack_from("<I", polygon, at)
        values = struct.unpack_from(f"<{2 * length}d", polygon, at + 4)
        rings.append(list(zip(values[::2], values[1::2], strict=True)))
        at += 4 + 16 * length
    assert at == len(polygon)
    return rings


def read_polygons(path):
    """Rings of each polygon, and the fields by name."""
    described, _, polygons, fields = pyogrio.raw.read(path, layer="changed")
    return [rings_of(polygon) for polygon in polygons], dict(zip(described["fields"].tolist(), fields, strict=True))


# --- rasters ---------------------------------------------------------------------------------------------------------


@grids
def test_maps_are_on_the_grid_of_the_image(tmp_path, grid):
    labels, distances = some_map((40, 60))
    gis.write_change_map(tmp_path / "m.tif", labels, grid)
    gis.write_distances(tmp_path / "d.tif", distances, grid)
    for name in ("m.tif", "d.tif"):
        with opened(tmp_path / name) as file:
            assert file.transform[:6] == grid.transform
            assert file.crs == (rasterio.CRS.from_wkt(grid.crs) if grid.crs else None)
            assert file.shape == (40, 60)
            for row, column in ((0, 0), (39, 0), (0, 59), (17, 23)):
                assert file.xy(row, column, offset="ul") == pytest.approx(corner(grid, row, column), rel=1e-15)
                assert file.index(*corner(grid, row + 0.5, column + 0.5)) == (row, column)


@pytest.mark.parametrize("shape", SIZES)
def test_values_come_back_bit_for_bit(tmp_path, shape):
    labels, distances = some_map(shape)
    gis.write_change_map(tmp_path / "m.tif", labels, PIXEL_GRID)
    gis.write_distances(tmp_path / "d.tif", distances, PIXEL_GRID)
    with opened(tmp_path / "m.tif") as file:
        assert (file.count, file.dtypes, file.nodata) == (1, ("uint8",), 255)
        # Changed (label 0) is 1, unchanged (1) is 0, unknown (2) is 255.
        values = file.read(1)
        for label, value in ((0, 1), (1, 0), (2, 255)):
            assert np.array_equal(values == value, labels == label)
        assert np.array_equal(file.read_masks(1) == 0, labels == 2)
    with opened(tmp_path / "d.tif") as file:
        assert (file.count, file.dtypes) == (1, ("float32",))
        assert math.isnan(file.nodata)
        assert file.read(1).tobytes() == distances.tobytes()
    assert names_in(tmp_path) == ["d.qml", "d.tif", "m.qml", "m.tif"]


# Overviews of half, a quarter … of the size, until one tile of 512 holds the map.
@pytest.mark.parametrize(("shape", "overviews"), [((1, 1), []), ((513, 511), [2]), ((1100, 1300), [2, 4])])
def test_maps_are_cloud_optimised(tmp_path, shape, overviews):
    labels, distances = some_map(shape)
    gis.write_change_map(tmp_path / "m.tif", labels, PIXEL_GRID)
    gis.write_distances(tmp_path / "d.tif", distances, PIXEL_GRID)
    for name, predictor in (("m.tif", None), ("d.tif", "3")):
        with opened(tmp_path / name) as file:
            structure = file.tags(ns="IMAGE_STRUCTURE")
            assert (structure["LAYOUT"], structure["COMPRESSION"]) == ("COG", "DEFLATE")
            assert structure.get("PREDICTOR") == predictor
            assert file.block_shapes == [(512, 512)]
            assert file.overviews(1) == overviews


@needs_gdalinfo
@grids
def test_gdalinfo_reads_maps(tmp_path, grid):
    labels, distances = some_map((600, 700))
    gis.write_change_map(tmp_path / "m.tif", labels, grid)
    gis.write_distances(tmp_path / "d.tif", distances, grid)
    for name in ("m.tif", "d.tif"):
        done = subprocess.run(["gdalinfo", "-json", tmp_path / name], capture_output=True, text=True, check=True)
        assert done.stderr == ""
        found = json.loads(done.stdout)
        a, b, c, d, e, f = grid.transform
        assert found["geoTransform"] == pytest.approx([c, a, b, f, d, e], rel=1e-12)  # in GDAL's order, 16 digits
        assert found["metadata"]["IMAGE_STRUCTURE"]["LAYOUT"] == "COG"
        assert ("coordinateSystem" in found and found["coordinateSystem"]["wkt"] != "") == (grid.crs != "")
        (band,) = found["bands"]
        assert band["block"] == [512, 512]
        assert [overview["size"] for overview in band["overviews"]] == [[350, 300]]


def test_classes_have_colours_and_names(tmp_path):
    gis.write_change_map(tmp_path / "m.tif", some_map((5, 6))[0], PIXEL_GRID, {"MODEL": "M 1", "RADIUS": 3})
    with opened(tmp_path / "m.tif") as file:
        colours = file.colormap(1)
        # Red #d7191c, blue #2c5fbf, yellow #ffe34d; GDAL shows the colour of no data as transparent.
        assert [colours[value][:3] for value in (1, 0, 255)] == [(215, 25, 28), (44, 95, 191), (255, 227, 77)]
        assert file.descriptions == ("change map",)
        assert file.tags() | {"AREA_OR_POINT": "Area"} == {
            "CLASS_0": "unchanged", "CLASS_1": "changed", "CLASS_255": "unknown or masked", "MODEL": "M 1",
            "RADIUS": "3", "AREA_OR_POINT": "Area",
        }  # fmt: skip


def test_distances_say_what_they_are(tmp_path):
    gis.write_distances(tmp_path / "d.tif", some_map((5, 6))[1], PIXEL_GRID, 0.1 + 0.2, {"DISTANCE": "SAM"})
    with opened(tmp_path / "d.tif") as file:
        assert file.tags()["THRESHOLD"] == "0.30000000000000004"
        assert file.tags()["DISTANCE"] == "SAM"
        assert file.descriptions == ("distance (higher: more change)",)


# Of every 2 × 2 pixels, 3 are changed: the overview is changed everywhere. Distances of 1, 2, 3 and NaN average to 2.
def test_overviews_show_the_most_frequent_class_and_the_mean(tmp_path):
    gis.write_change_map(tmp_path / "m.tif", np.tile(np.array([[0, 0], [1, 0]], np.uint8), (300, 300)), PIXEL_GRID)
    distances = np.tile(np.array([[1, 2], [np.nan, 3]], np.float32), (300, 300))
    gis.write_distances(tmp_path / "d.tif", distances, PIXEL_GRID)
    for name, value in (("m.tif", 1), ("d.tif", 2)):
        with opened(tmp_path / name, overview_level=0) as file:
            assert file.shape == (300, 300)
            assert np.unique(file.read(1)).tolist() == [value]


def test_a_part_of_an_array_is_written_as_well(tmp_path):
    labels, distances = some_map((60, 80))
    gis.write_change_map(tmp_path / "m.tif", labels[::2, 10:50], PIXEL_GRID)
    gis.write_distances(tmp_path / "d.tif", distances.T.astype(np.float64), PIXEL_GRID)
    with opened(tmp_path / "m.tif") as file:
        assert np.array_equal(file.read(1), np.array([1, 0, 255])[labels[::2, 10:50]])
    with opened(tmp_path / "d.tif") as file:
        assert np.array_equal(file.read(1), distances.T, equal_nan=True)


# --- styles ----------------------------------------------------------------------------------------------------------


def test_style_of_classes(tmp_path):
    gis.write_change_map(tmp_path / "map of.today.tif", some_map((5, 6))[0], PIXEL_GRID)
    style = ElementTree.parse(tmp_path / "map of.today.qml")
    renderer = style.find("pipe/rasterrenderer")
    assert (renderer.get("type"), renderer.get("band")) == ("paletted", "1")
    assert renderer.get("nodataColor") == "255,227,77,255"  # as the PNG maps have it
    entries = [(e.get("value"), e.get("color"), e.get("label")) for e in renderer.iter("paletteEntry")]
    assert entries == [
        ("1", "#d7191c", "changed"), ("0", "#2c5fbf", "unchanged"), ("255", "#ffe34d", "unknown or masked"),
    ]  # fmt: skip


def ramp_of(path):
    shader = ElementTree.parse(path).find("pipe/rasterrenderer[@type='singlebandpseudocolor']/rastershader/*")
    assert shader.get("colorRampType") == "INTERPOLATED"
    items = [(float(i.get("value")), i.get("color"), i.get("label")) for i in shader.iter("item")]
    assert (float(shader.get("minimumValue")), float(shader.get("maximumValue"))) == (items[0][0], items[-1][0])
    return items


def brightness(colour):
    return sum(bytes.fromhex(colour[1:]))


@pytest.mark.parametrize("threshold", [None, 0.3, 0.5, -1.0, 7.0, 0.1])
def test_style_of_distances_ascends_and_leaps_at_the_threshold(tmp_path, threshold):
    distances = np.linspace(0.1, 1, 1001, dtype=np.float32).reshape(7, 143)
    distances[0, 0] = np.nan
    gis.write_distances(tmp_path / "d.tif", distances, PIXEL_GRID, threshold)
    items = ramp_of(tmp_path / "d.qml")
    values = [value for value, _, _ in items]
    assert all(first < second for first, second in itertools.pairwise(values))
    steps = np.diff([brightness(colour) for _, colour, _ in items])
    assert (steps > 0).all()
    if threshold is None:
        assert (len(items), values[0]) == (18, distances[0, 1])
        return
    # A pixel is changed where its distance is greater: no float32 lies between the threshold and what is above it.
    at = values.index(threshold)
    assert items[at][2] == f"{threshold:g}, the threshold"
    assert items[at + 1][2] == f"above {threshold:g}: changed"
    assert np.nextafter(np.float32(values[at + 1]), np.float32(-9)) <= threshold < values[at + 1]
    if len(items) == 18:  # values on both sides of the threshold
        assert steps[at] > 2 * np.median(steps)


def test_style_where_all_is_masked_or_not_finite(tmp_path):
    gis.write_distances(tmp_path / "d.tif", np.full((3, 4), np.nan, np.float32), PIXEL_GRID)
    assert [ramp_of(tmp_path / "d.qml")[i][0] for i in (0, -1)] == [0, 1]
    gis.write_distances(tmp_path / "d.tif", np.array([[np.inf, 0.5]], np.float32), PIXEL_GRID, 0.25)
    assert np.isfinite([value for value, _, _ in ramp_of(tmp_path / "d.qml")]).all()


# --- polygons --------------------------------------------------------------------------------------------------------

# A ring with a hole, and a pixel that touches it with a corner.
LABELS = np.array(
    [
        [0, 0, 0, 1],
        [0, 2, 0, 1],
        [0, 0, 0, 1],
        [1, 1, 1, 0],
    ],
    np.uint8,
)


def test_polygons_by_hand(tmp_path):
    distances = np.arange(16, dtype=np.float32).reshape(4, 4)
    distances[1, 1] = np.nan
    assert gis.write_polygons(tmp_path / "p.gpkg", LABELS, distances, GRIDS["north up"]) == 2
    polygons, fields = read_polygons(tmp_path / "p.gpkg")
    # Pixels of 10 m; x = 500,000 + 10·column, y = 4,000,000 − 10·row.
    x, y = 500_000.0, 4_000_000.0
    assert polygons == [
        [
            [(x, y), (x, y - 30), (x + 30, y - 30), (x + 30, y), (x, y)],
            [(x + 10, y - 10), (x + 20, y - 10), (x + 20, y - 20), (x + 10, y - 20), (x + 10, y - 10)],
        ],
        [[(x + 30, y - 30), (x + 30, y - 40), (x + 40, y - 40), (x + 40, y - 30), (x + 30, y - 30)]],
    ]
    assert {name: values.tolist() for name, values in fields.items()} == {
        "area": [800, 100],
        "mean_distance": [(0 + 1 + 2 + 4 + 6 + 8 + 9 + 10) / 8, 15],
        "pixels": [8, 1],
    }
    assert names_in(tmp_path) == ["p.gpkg"]


def test_polygons_without_coordinates_are_in_pixels(tmp_path):
    gis.write_polygons(tmp_path / "p.gpkg", LABELS, np.zeros((4, 4)), PIXEL_GRID)
    polygons, fields = read_polygons(tmp_path / "p.gpkg")
    assert polygons[1] == [[(3, -3), (3, -4), (4, -4), (4, -3), (3, -3)]]
    assert fields["area"].tolist() == [8, 1]
    assert pyogrio.read_info(tmp_path / "p.gpkg")["crs"] is None


@grids
def test_rasterised_polygons_are_the_mask(tmp_path, grid):
    labels, distances = some_map((70, 90))
    gis.write_polygons(tmp_path / "p.gpkg", labels, distances, grid)
    polygons, fields = read_polygons(tmp_path / "p.gpkg")
    transform = rasterio.Affine(*grid.transform)
    painted = rasterize(
        [({"type": "Polygon", "coordinates": rings}, i + 1) for i, rings in enumerate(polygons)],
        labels.shape, transform=transform, dtype=np.int32,
    )  # fmt: skip
    assert np.array_equal(painted > 0, labels == 0)
    assert fields["pixels"].sum() == (labels == 0).sum()
    for i in range(len(polygons)):
        assert (painted == i + 1).sum() == fields["pixels"][i]
        # Six digits: half a unit of the last one is at most 5e-6 of the value.
        assert distances[painted == i + 1].mean(dtype=float) == pytest.approx(fields["mean_distance"][i], rel=5.001e-6)
    assert fields["area"].tolist() == sorted(fields["area"], reverse=True)
    # Vertices are corners of pixels to the last bit: that of the row and column they are nearest to.
    vertices = np.array([vertex for rings in polygons for ring in rings for vertex in ring])
    a, b, c, d, e, f = grid.transform
    column, row = np.linalg.solve([[a, b], [d, e]], (vertices - (c, f)).T).round()
    assert np.array_equal(vertices.T, corner(grid, row, column))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(labels=hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 2)))
def test_areas_of_the_polygons_are_those_of_the_fields(tmp_path, labels):
    gis.write_polygons(tmp_path / "p.gpkg", labels, np.zeros(labels.shape), GRIDS["rotated"])
    polygons, fields = read_polygons(tmp_path / "p.gpkg")
    assert fields["pixels"].sum() == (labels == 0).sum()
    for rings, area in zip(polygons, fields["area"], strict=True):
        # Shoelace formula; outer rings counter-clockwise, holes clockwise. Pixels of 10 m × 10 m, by 36.87° askew.
        x0, y0 = rings[0][0]
        enclosed = sum(
            ((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)) / 2
            for ring in rings
            for (x1, y1), (x2, y2) in itertools.pairwise(ring)
        )
        assert enclosed == pytest.approx(area, rel=1e-6)


def test_the_largest_comes_first_and_figures_are_rounded(tmp_path):
    # Regions of 1, 2 and again 1 pixels of 100 / 9 m² each; in degrees of latitude they would differ in size.
    labels = np.array([[0, 1, 0, 0, 1, 0]], np.uint8)
    grid = Grid((10 / 3, 0.0, 0.0, 0.0, -10 / 3, 0.0), UTM)
    scores = np.array([[1 / 3, 9, 1e-9, 3e-9, 9, 123456.7]], np.float32)
    gis.write_polygons(tmp_path / "p.gpkg", labels, scores, grid, probability=np.array([[1, 0, 1, 0.9999, 0, 2 / 3]]))
    polygons, fields = read_polygons(tmp_path / "p.gpkg")
    assert fields["area"].tolist() == [22.22, 11.11, 11.11]
    assert fields["mean_distance"].tolist() == [2e-9, 0.333333, 123457]
    assert fields["probability"].tolist() == [1.0, 1.0, 0.667]
    assert [rings[0][0][0] for rings in polygons] == pytest.approx([2 * 10 / 3, 0, 5 * 10 / 3])


def test_small_regions_are_left_out(tmp_path):
    labels = np.array([[0, 1, 0, 0, 1, 0, 0, 0]], np.uint8)
    for least, expected in ((0, [300, 200, 100]), (100, [300, 200, 100]), (100.5, [300, 200]), (301, [])):
        assert gis.write_polygons(tmp_path / "p.gpkg", labels, labels, GRIDS["north up"], least) == len(expected)
        assert read_polygons(tmp_path / "p.gpkg")[1]["area"].tolist() == expected


@grids
def test_where_nothing_changed_there_is_an_empty_layer(tmp_path, grid):
    labels = np.ones((3, 4), np.uint8)
    assert gis.write_polygons(tmp_path / "p.gpkg", labels, np.zeros((3, 4)), grid) == 0
    found = pyogrio.read_info(tmp_path / "p.gpkg", layer="changed")
    assert (found["features"], found["geometry_type"]) == (0, "Polygon")
    assert dict(zip(found["fields"].tolist(), found["dtypes"].tolist(), strict=True)) == {
        "area": "float64", "mean_distance": "float64", "pixels": "int64",
    }  # fmt: skip
    expected = rasterio.CRS.from_wkt(grid.crs) if grid.crs else None
    assert (found["crs"] and rasterio.CRS.from_user_input(found["crs"])) == expected


def test_a_region_with_a_distance_that_is_none_has_no_mean(tmp_path):
    gis.write_polygons(
        tmp_path / "p.gpkg", np.array([[0, 0, 1, 0]]), np.array([[np.nan, 1, 1, 3]], np.float32), PIXEL_GRID
    )
    assert str(read_polygons(tmp_path / "p.gpkg")[1]["mean_distance"].tolist()) == "[nan, 3.0]"


@needs_gdalinfo
@pytest.mark.skipif(shutil.which("ogrinfo") is None, reason="GDAL's programs are not installed")
@grids
def test_ogrinfo_reads_polygons(tmp_path, grid):
    gis.write_polygons(tmp_path / "p.gpkg", LABELS, np.zeros((4, 4)), grid)
    done = subprocess.run(["ogrinfo", "-ro", "-so", "-al", tmp_path / "p.gpkg"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    unit = "m²" if grid.crs else "pixels"
    for line in ("Layer name: changed", "Geometry: Polygon", "Feature Count: 2", f"changed regions, areas in {unit}"):
        assert line in done.stdout
    assert ("UTM zone 33N" in done.stdout) == (grid.crs == UTM)


def test_many_regions_in_several_parts(tmp_path, monkeypatch):
    monkeypatch.setattr("hscd.evaluation.regions._BATCH_RUNS", 500)
    labels, distances = some_map((80, 100))
    count = gis.write_polygons(tmp_path / "p.gpkg", labels, distances, PIXEL_GRID)
    polygons, fields = read_polygons(tmp_path / "p.gpkg")
    assert len(polygons) == count > 1000
    assert fields["pixels"].sum() == (labels == 0).sum()
    # With a window of one pixel, the index finds its region.
    row, column = np.argwhere(labels == 0)[-1]
    box = (column + 0.4, -row - 0.6, column + 0.6, -row - 0.4)
    assert len(pyogrio.raw.read(tmp_path / "p.gpkg", bbox=box)[2]) >= 1


# --- areas -----------------------------------------------------------------------------------------------------------


def area_of(tmp_path, grid, shape=(1, 1)):
    labels = np.zeros(shape, np.uint8)
    gis.write_polygons(tmp_path / "p.gpkg", labels, np.zeros(shape), grid)
    areas, _ = gis.changed_areas(tmp_path / "p.gpkg", labels, grid)
    assert read_polygons(tmp_path / "p.gpkg")[1]["area"].tolist() == areas.round(2).tolist()
    return areas.sum()


# NAD83 / New York Long Island in US survey feet of 1200/3937 m: pixels of 100 ft × 100 ft.
def test_area_in_feet_is_given_in_square_metres(tmp_path):
    grid = Grid((100.0, 0.0, 1e6, 0.0, -100.0, 2e5), rasterio.CRS.from_epsg(2263).to_wkt())
    assert area_of(tmp_path, grid) == pytest.approx((100 * 1200 / 3937) ** 2, rel=1e-9)


# At the equator M = b²/a and N = a: a pixel has b² m² a square radian. b of WGS 84 is 6,356,752.314 m, of Clarke 1866
# (NAD27) 6,356,583.8 m; the sphere has a radius of 6,371,000 m. NTF (Paris), on Clarke 1880, has 400 grads to a circle.
@pytest.mark.parametrize(
    ("crs", "b", "radian"),
    [
        (4326, 6_356_752.314245, math.pi / 180),
        (4267, 6_356_583.8, math.pi / 180),
        ("+proj=longlat +R=6371000 +no_defs", 6_371_000, math.pi / 180),
        (4807, 6_356_515.0, math.pi / 200),
    ],
)
def test_area_on_an_ellipsoid_at_the_equator(tmp_path, crs, b, radian):
    grid = Grid((0.001, 0.0, 10.0, 0.0, -0.001, 0.0005), rasterio.CRS.from_user_input(crs).to_wkt())
    assert area_of(tmp_path, grid) == pytest.approx((0.001 * radian * b) ** 2, rel=1e-7)


# The area between two parallels is known in closed form (Snyder 1987, equation 3-12: a zone of an authalic sphere).
def test_area_between_parallels(tmp_path):
    a, f = 6_378_137.0, 1 / 298.257223563
    e = math.sqrt(f * (2 - f))

    def q(degrees):
        s = math.sin(math.radians(degrees))
        return (1 - e * e) * (s / (1 - e * e * s * s) - math.log((1 - e * s) / (1 + e * s)) / (2 * e))

    grid = Grid((0.01, 0.0, 10.0, 0.0, -0.01, 60.0), WGS84)
    expected = a * a * math.radians(0.5) * (q(60) - q(59)) / 2
    assert area_of(tmp_path, grid, (100, 50)) == pytest.approx(expected, rel=1e-8)


# The whole ellipsoid of WGS 84 has 510,065,621.724 km².
def test_area_of_the_earth(tmp_path):
    grid = Grid((0.5, 0.0, -180.0, 0.0, -0.5, 90.0), WGS84)
    assert area_of(tmp_path, grid, (360, 720)) == pytest.approx(510_065_621.724e6, rel=1e-5)


# Coordinates on the axes of the Earth, as EPSG:4978 has them, are neither of a plane nor of an ellipsoid.
def test_area_in_other_coordinate_systems_is_in_pixels(tmp_path):
    grid = Grid((10.0, 0.0, 0.0, 0.0, -10.0, 0.0), rasterio.CRS.from_epsg(4978).to_wkt())
    assert area_of(tmp_path, grid, (2, 3)) == 6


# --- disks, and other programs ---------------------------------------------------------------------------------------

WRITERS = {
    "m.tif": lambda path, labels, distances, grid: gis.write_change_map(path, labels, grid),
    "d.tif": lambda path, labels, distances, grid: gis.write_distances(path, distances, grid),
    "p.gpkg": gis.write_polygons,
}
writers = pytest.mark.parametrize("name", WRITERS)

LIMITED = """
import resource, sys
from pathlib import Path
import numpy as np
from hscd.records import PIXEL_GRID
from hscd.reports import gis
labels = np.random.default_rng(0).integers(0, 3, (300, 300)).astype(np.uint8)
path, limit = Path(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    if path.name == "m.tif":
        gis.write_change_map(path, labels, PIXEL_GRID)
    elif path.name == "d.tif":
        gis.write_distances(path, labels.astype(np.float32), PIXEL_GRID)
    else:
        gis.write_polygons(path, labels, labels, PIXEL_GRID)
except OSError as error:
    print(error.filename, error.strerror, sep=": ")
"""


# A limit of the size of files stands for a full disk.
@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
@writers
def test_a_full_disk_is_one_line_that_names_the_file_and_leaves_the_old_one(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"old")
    done = run_apart(LIMITED, path, 20_000)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{path}: cannot be written: ")
    assert done.stdout.count("\n") == 1
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == [name]


# On a full disk, GDAL now and then writes a damaged file and reports nothing.
def test_a_raster_that_is_damaged_is_noticed(tmp_path, monkeypatch):
    write = rasterio.shutil.copy

    def damaging(source, target, **options):
        write(source, target, **options)
        with target.open("r+b") as file:
            file.seek(-3000, 2)
            file.write(bytes(1000))

    monkeypatch.setattr(rasterio.shutil, "copy", damaging)
    path = tmp_path / "d.tif"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="cannot be written") as caught:
        gis.write_distances(path, some_map((600, 600))[1], PIXEL_GRID)
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["d.tif"]


@writers
def test_a_folder_that_cannot_be_written_is_named(tmp_path, name):
    (tmp_path / "results").write_bytes(b"a file, not a folder")
    with pytest.raises(OSError, match="results"):
        WRITERS[name](tmp_path / "results" / name, *some_map((5, 6)), PIXEL_GRID)


@writers
def test_coordinate_systems_that_are_none_are_refused(tmp_path, name):
    with pytest.raises(InputError, match=f"{name}: coordinate system of the image is not usable: PROJCS"):
        WRITERS[name](tmp_path / name, *some_map((5, 6)), Grid(PIXEL_GRID.transform, 'PROJCS["no'))
    assert names_in(tmp_path) == []


# Statistics, overviews, and what a killed program had not yet put into its database: they tell of the file before.
@writers
def test_what_other_programs_kept_of_the_old_file_goes_with_it(tmp_path, name):
    for ending in ("", ".aux.xml", ".ovr", "-wal", "-shm", "-journal"):
        (tmp_path / f"{name}{ending}").write_bytes(b"old")
    (tmp_path / "another.tif.aux.xml").write_bytes(b"theirs")
    WRITERS[name](tmp_path / name, *some_map((5, 6)), PIXEL_GRID)
    assert (tmp_path / "another.tif.aux.xml").read_bytes() == b"theirs"
    gone = {".aux.xml", "-wal", "-shm", "-journal"} if name == "p.gpkg" else {".aux.xml", ".ovr"}
    assert not {f"{name}{ending}" for ending in gone} & set(names_in(tmp_path))


KILLED = """
import os, sys
from pathlib import Path
import numpy as np
import pyogrio.raw, rasterio.shutil
from hscd.records import PIXEL_GRID
from hscd.reports import gis
rasterio.shutil.copy = lambda *arguments, **options: os._exit(9)
write = pyogrio.raw.write
pyogrio.raw.write = lambda *arguments, **options: os._exit(9) if "append" in options else write(*arguments, **options)
path, labels = Path(sys.argv[1]), np.zeros((30, 30), np.uint8)
if path.suffix == ".tif":
    gis.write_change_map(path, labels, PIXEL_GRID)
else:
    gis.write_polygons(path, labels, labels, PIXEL_GRID)
"""


@pytest.mark.parametrize("name", ["m.tif", "p.gpkg"])
def test_what_a_killed_program_left_is_swept(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"old")
    assert run_apart(KILLED, path).returncode == 9
    assert len(names_in(tmp_path)) == 3  # the file, a lock and a folder
    assert path.read_bytes() == b"old"
    WRITERS[name](path, *some_map((5, 6)), PIXEL_GRID)
    assert names_in(tmp_path) == (["m.qml", "m.tif"] if name == "m.tif" else ["p.gpkg"])


@pytest.mark.skipif(os.name != "posix", reason="umask is a POSIX notion")
@writers
def test_access_rights_are_the_usual_ones(tmp_path, name):
    previous = os.umask(0o027)
    try:
        WRITERS[name](tmp_path / name, *some_map((5, 6)), PIXEL_GRID)
    finally:
        os.umask(previous)
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o640


def test_settings_of_gdal_are_as_before(tmp_path):
    from rasterio._env import get_gdal_config

    before = get_gdal_config("GDAL_CACHEMAX"), pyogrio.get_gdal_config_option("OGR_SQLITE_SYNCHRONOUS")
    for name, write in WRITERS.items():
        write(tmp_path / name, *some_map((5, 6)), PIXEL_GRID)
    after = get_gdal_config("GDAL_CACHEMAX"), pyogrio.get_gdal_config_option("OGR_SQLITE_SYNCHRONOUS")
    assert after == before


def test_importing_it_loads_no_gdal():
    done = run_apart("import sys; import hscd.reports.gis; print({'rasterio', 'pyogrio', 'scipy'} & set(sys.modules))")
    assert (done.returncode, done.stdout, done.stderr) == (0, "set()\n", "")


@pytest.mark.parametrize("shape", [(1, 1), (130, 300)])
def test_many_bands_are_written_part_by_part(tmp_path, shape):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(5, *shape)).astype(np.float32)
    values[:, 0, 0] = np.nan
    path, names = tmp_path / "e.tif", [f"unit {number}" for number in range(5)]
    parts = [
        ((slice(row, min(row + 50, shape[0])), slice(column, min(column + 70, shape[1]))),
         values[:, row : row + 50, column : column + 70])
        for row in range(0, shape[0], 50)
        for column in range(0, shape[1], 70)
    ]  # fmt: skip
    gis.write_streamed(path, shape, iter(parts), GRIDS["north up"], names, {"MODEL": "M"})
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(), values)
        assert (file.descriptions, file.tags()["MODEL"], file.transform[2]) == (tuple(names), "M", 500_000)
        assert np.isnan(file.nodata)
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    # What comes back otherwise than it was written is an error, and the old file stays.
    wrong = [(place, part + 1) for place, part in parts]
    before = path.read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hscd.reports.gis.rasters._sums", lambda part: np.full(5, rng.integers(1, 2**30), np.uint64))
        with pytest.raises(OSError, match=r"cannot be written: what is read back is not the same.*e\.tif"):
            gis.write_streamed(path, shape, wrong, GRIDS["north up"], names)
    assert (path.read_bytes() == before, [file.name for file in tmp_path.iterdir()]) == (True, ["e.tif"])
