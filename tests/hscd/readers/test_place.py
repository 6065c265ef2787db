"""Where rasters say that their pixels lie, in the file and beside it."""

import numpy as np
import pytest
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.enums import WktVersion

from hscd.readers import open_image
from hscd.system.errors import InputError

ROWS, COLUMNS = 6, 8
UTM = CRS.from_epsg(32633)
TRANSFORM = (10, 0, 5e5, 0, -10, 5e6)
# Centre of the first pixel.
WORLD = "10\n0\n0\n-10\n500005\n4999995\n"


# GDAL warns of files without a place, which most of these are at first.
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def write(path, driver="GTiff", **place):
    with rasterio.open(path, "w", driver=driver, count=1, height=ROWS, width=COLUMNS, dtype="uint8", **place) as file:
        file.write(np.ones((1, ROWS, COLUMNS), np.uint8))


def grid(path):
    found = open_image(path)
    assert found.notes == ()
    return found.grid.transform, CRS.from_wkt(found.grid.crs) if found.grid.crs else None


def with_points(path, points, crs=UTM):
    write(path)
    with rasterio.open(path, "r+") as file:
        file.gcps = [GroundControlPoint(row, column, x, y) for row, column, x, y in points], crs


def test_a_coordinate_system_in_an_auxiliary_file(tmp_path):
    write(tmp_path / "a.tif")
    (tmp_path / "a.tfw").write_text(WORLD, encoding="ascii")
    wkt = UTM.to_wkt().replace('"', "&quot;")
    (tmp_path / "a.tif.aux.xml").write_text(f"<PAMDataset><SRS>{wkt}</SRS></PAMDataset>", encoding="utf-8")
    assert grid(tmp_path / "a.tif") == (TRANSFORM, UTM)


@pytest.mark.parametrize("ending", [".tif", ".png"])
def test_a_world_file_and_its_coordinate_system(tmp_path, ending):
    write(tmp_path / f"a{ending}", driver="GTiff" if ending == ".tif" else "PNG")
    (tmp_path / f"a{'.tfw' if ending == '.tif' else '.pgw'}").write_text(WORLD, encoding="ascii")
    for beside in tmp_path.glob("*.aux.xml"):
        beside.unlink()
    assert grid(tmp_path / f"a{ending}") == (TRANSFORM, None)
    # As ArcGIS spells it.
    (tmp_path / "a.prj").write_text(UTM.to_wkt(version=WktVersion.WKT1_ESRI), encoding="utf-8-sig")
    assert grid(tmp_path / f"a{ending}") == (TRANSFORM, UTM)


@pytest.mark.parametrize("content", ["no such system", "x" * 100_000])
def test_a_coordinate_system_that_is_not_readable_is_told(tmp_path, content):
    write(tmp_path / "a.tif")
    (tmp_path / "a.tfw").write_text(WORLD, encoding="ascii")
    (tmp_path / "a.prj").write_text(content, encoding="utf-8")
    found = open_image(tmp_path / "a.tif")
    assert found.grid.crs == ""
    (note,) = found.notes
    assert note.startswith("its coordinate system in a.prj is not readable, and not used")


def test_the_file_itself_goes_before_what_lies_beside_it(tmp_path):
    write(tmp_path / "a.tif", crs=UTM, transform=rasterio.Affine(*TRANSFORM))
    (tmp_path / "a.prj").write_text(CRS.from_epsg(32634).to_wkt(), encoding="utf-8")
    (tmp_path / "a.tfw").write_text("1\n0\n0\n-1\n0\n0\n", encoding="ascii")
    assert grid(tmp_path / "a.tif") == (TRANSFORM, UTM)


def test_a_system_without_a_place_is_told(tmp_path):
    write(tmp_path / "a.tif", crs=UTM)
    found = open_image(tmp_path / "a.tif")
    assert found.grid is None
    assert found.notes == ("names a coordinate system, but not where its pixels lie: it has no place",)


CORNERS = [(0, 0), (0, COLUMNS), (ROWS, 0), (ROWS, COLUMNS)]


# A grid that is turned, one that is upside down.
@pytest.mark.parametrize("transform", [(8, 6, 5e5, 6, -8, 5e6), (10, 0, 5e5, 0, 10, 5e6)])
def test_ground_control_points_on_a_grid_are_a_grid(tmp_path, transform):
    a, b, c, d, e, f = transform
    points = [(row, column, a * column + b * row + c, d * column + e * row + f) for row, column in CORNERS]
    with_points(tmp_path / "a.tif", points)
    found, crs = grid(tmp_path / "a.tif")
    np.testing.assert_allclose(found, transform, rtol=1e-9, atol=1e-6)
    assert crs == UTM


# A corner is 20 m off: the plane nearest to the four, whose pixels are 11.25 m wide, is 5 m off each. Points on a line.
@pytest.mark.parametrize(
    ("points", "said"),
    [([(0, 0, 0, 0), (0, 8, 80, 0), (6, 0, 0, -60), (6, 8, 100, -60)], "they are up to 0.444 pixels off"),
     ([(0, 0, 0, 0), (1, 1, 10, -10), (2, 2, 20, -20)], "not lie on a grid of equal pixels; warp it")],
)  # fmt: skip
def test_other_ground_control_points_are_refused(tmp_path, points, said):
    with_points(tmp_path / "a.tif", points)
    with pytest.raises(InputError, match=f"a.tif: georeferenced by {len(points)} ground control points") as refused:
        open_image(tmp_path / "a.tif")
    assert said in str(refused.value)
    assert "gdalwarp" in str(refused.value)


def test_polynomial_coefficients_are_told(tmp_path):
    write(tmp_path / "a.tif")
    ones = " ".join(["1"] * 20)
    with rasterio.open(tmp_path / "a.tif", "r+") as file:
        file.update_tags(
            ns="RPC", LINE_OFF=1, SAMP_OFF=1, LAT_OFF=1, LONG_OFF=1, HEIGHT_OFF=1, LINE_SCALE=1, SAMP_SCALE=1,
            LAT_SCALE=1, LONG_SCALE=1, HEIGHT_SCALE=1, LINE_NUM_COEFF=ones, LINE_DEN_COEFF=ones, SAMP_NUM_COEFF=ones,
            SAMP_DEN_COEFF=ones,
        )  # fmt: skip
    found = open_image(tmp_path / "a.tif")
    assert found.grid is None
    assert found.notes == ("rational polynomial coefficients (RPC) are not used, so it has no place; orthorectify it",)
