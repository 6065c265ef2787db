"""Maps and polygons of a run lie where the before image does.

Oracles: polygons painted back onto the grid of the input, and GDAL's own programs.
"""

import json
import math
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pyogrio.raw
import pytest
import rasterio
from scipy import ndimage

from conftest import (
    ONE_PLACE,
    SHARED,
    Workspace,
    needs_shared,
)
from hscd.readers import open_image
from hscd.records import Grid
from hscd.reports.gis import write_polygons
from raster_scenes import (
    GRIDS,
    UTM,
    Result,
    assert_maps_say_what_the_distances_do,
    assert_same,
    opened,
    painted,
    polygons,
    pseudo,
    write_labels,
    write_pair,
)

pytestmark = pytest.mark.usefixtures("undrawn")


needs_gdalinfo = pytest.mark.skipif(shutil.which("gdalinfo") is None, reason="GDAL's gdalinfo is not on the PATH")
needs_ogrinfo = pytest.mark.skipif(shutil.which("ogrinfo") is None, reason="GDAL's ogrinfo is not on the PATH")


def patches() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two uint16 images of 40 × 50 × 3, equal but for three rectangles, one with a hole; and the map of these."""
    changed = np.zeros((40, 50), bool)
    changed[4:18, 6:24] = True
    changed[9:13, 12:18] = False
    changed[25:31, 5:12] = True
    changed[22:36, 30:40] = True
    noise = np.random.default_rng(5).integers(0, 60, (2, 40, 50, 3))
    before = (1000 + noise[0]).astype(np.uint16)
    after = np.where(changed[:, :, None], before + 900 + noise[1], before).astype(np.uint16)
    return before, after, changed


# Masked: rows 0 and 1 by the before image, a corner of the third rectangle by the after image.
MASKED = np.zeros((40, 50), bool)
MASKED[:2] = MASKED[33:38, 37:] = True


@pytest.fixture(scope="module")
def placed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Workspace, Result]]:
    """The patches on every grid."""
    found = {}
    for name, grid in GRIDS.items():
        space = Workspace(tmp_path_factory.mktemp(name.replace(" ", "_")), text=ONE_PLACE)
        before, after, changed = patches()
        before[:2, :, 1] = 65535
        after[33:38, 37:] = 0
        write_pair(space, before, after, nodata=65535, after_nodata=0, **grid)
        write_labels(space, changed)
        found[name] = space, pseudo(space)
    return found


on_grids = pytest.mark.parametrize("grid", GRIDS)


@on_grids
def test_maps_lie_where_the_before_image_does(placed: dict[str, tuple[Workspace, Result]], grid: str) -> None:
    space, found = placed[grid]
    with opened(space.folder / "data/a/before/town.tif") as image:
        for end in ("", "_corrected", "_distances"):
            with opened(found.prefix.with_name(f"{found.prefix.name}{end}.tif")) as file:
                assert file.shape == (40, 50)
                assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
                assert file.crs == image.crs
                if grid == "none":
                    continue  # see below
                assert file.transform == image.transform == GRIDS[grid]["transform"]
                for row, column in ((0, 0), (39, 0), (0, 49), (17, 23), (39, 49)):
                    assert file.xy(row, column) == image.xy(row, column)
                    assert file.index(*image.xy(row, column)) == (row, column)


def test_without_georeference_coordinates_are_those_of_pixels(placed: dict[str, tuple[Workspace, Result]]) -> None:
    # y grows upwards in a GIS: row 3, column 5 has its upper left corner at x = 5, y = −3.
    for end in ("", "_corrected", "_distances"):
        prefix = placed["none"][1].prefix
        with opened(prefix.with_name(f"{prefix.name}{end}.tif")) as file:
            assert file.crs is None
            assert file.xy(3, 5, offset="ul") == (5, -3)
    assert pyogrio.read_info(prefix.with_name(f"{prefix.name}_changes.gpkg"))["crs"] is None


@on_grids
def test_maps_are_the_distances_and_none_where_masked(placed: dict[str, tuple[Workspace, Result]], grid: str) -> None:
    found = placed[grid][1]
    assert_maps_say_what_the_distances_do(found)
    np.testing.assert_array_equal(np.isnan(found.distances), MASKED)
    with opened(found.prefix.with_name(f"{found.prefix.name}.tif")) as file:
        assert file.nodata == 255
        np.testing.assert_array_equal(file.read_masks(1) == 0, MASKED)
    with opened(found.prefix.with_name(f"{found.prefix.name}_distances.tif")) as file:
        assert math.isnan(file.nodata)
        assert float(file.tags()["THRESHOLD"]) == found.threshold
    # All that lies in rectangles and nothing else.
    np.testing.assert_array_equal(found.changes == 0, patches()[2] & ~MASKED)
    # 2000 pixels less 2 rows of 50 and 5 × 13.
    assert found.tables[0][0]["total_examples"] == str(2000 - 100 - 65)
    assert found.tables[0][0]["overall_accuracy"] in ("1", "1.0")


def test_results_are_the_same_wherever_they_lie(placed: dict[str, tuple[Workspace, Result]]) -> None:
    first, *others = (found for _, found in placed.values())
    for other in others:
        assert_same(other, first)


@on_grids
def test_polygons_cover_the_changed_pixels(placed: dict[str, tuple[Workspace, Result]], grid: str) -> None:
    _, found = placed[grid]
    path = found.prefix.with_name(f"{found.prefix.name}_changes.gpkg")
    shapes, fields = polygons(path)
    with opened(found.prefix.with_name(f"{found.prefix.name}.tif")) as file:
        transform = file.transform
    numbers = painted(shapes, (40, 50), transform)
    np.testing.assert_array_equal(numbers > 0, found.corrected == 0)
    assert len(shapes) == ndimage.label(found.corrected == 0)[1] == 3
    assert fields["pixels"].tolist() == [np.count_nonzero(numbers == number) for number in (1, 2, 3)]
    for number, mean in enumerate(fields["mean_distance"], start=1):
        assert mean == pytest.approx(found.distances[numbers == number].mean(dtype=float), rel=5e-6)  # six digits
    if grid == "none":
        assert fields["area"].tolist() == fields["pixels"].tolist()
        return
    assert rasterio.CRS.from_user_input(pyogrio.read_info(path)["crs"]) == rasterio.CRS.from_string(GRIDS[grid]["crs"])
    # 30 × 30 m and 10 × 10 m. An arc second at 48.2° is about 20.6 m by 30.9 m, the pixel half as high.
    pixel = {"north up": 900, "rotated": 100, "geographic": 20.6 * 30.9 / 2}[grid]
    np.testing.assert_allclose(fields["area"], pixel * fields["pixels"], rtol=0.01 if grid == "geographic" else 1e-12)


def test_small_regions_are_left_out(space: Workspace, placed: dict[str, tuple[Workspace, Result]]) -> None:
    there, found = placed["north up"]
    shutil.copytree(there.folder / "data", space.folder / "data")
    regions, _ = ndimage.label(found.corrected == 0)
    sizes = np.bincount(regions.ravel())[1:]
    smallest = sizes.argmin() + 1
    # A pixel has 900 m²; a square metre more than the smallest of three has.
    again = pseudo(space, f"settings.min_area={sizes.min() * 900 + 1}")
    shapes, fields = polygons(again.prefix.with_name(f"{again.prefix.name}_changes.gpkg"))
    assert sorted(fields["pixels"]) == sorted(sizes)[1:]
    numbers = painted(shapes, (40, 50), UTM["transform"])
    np.testing.assert_array_equal(numbers > 0, (regions > 0) & (regions != smallest))
    assert_same(again, found)  # maps show it all the same


@needs_gdalinfo
@on_grids
def test_gdalinfo_agrees_with_the_input(placed: dict[str, tuple[Workspace, Result]], grid: str) -> None:
    space, found = placed[grid]

    def told(path: Path) -> Any:
        return json.loads(subprocess.run(["gdalinfo", "-json", path], capture_output=True, check=True).stdout)

    image = told(space.folder / "data/a/before/town.tif")
    for end in ("", "_corrected", "_distances"):
        described = told(found.prefix.with_name(f"{found.prefix.name}{end}.tif"))
        assert described["size"] == [50, 40]
        if grid != "none":
            assert described["coordinateSystem"] == image["coordinateSystem"]
            assert described["geoTransform"] == image["geoTransform"]
            assert described["cornerCoordinates"] == image["cornerCoordinates"]


@needs_ogrinfo
@on_grids
def test_ogrinfo_reads_the_polygons(placed: dict[str, tuple[Workspace, Result]], grid: str) -> None:
    prefix = placed[grid][1].prefix
    done = subprocess.run(  # -json came with GDAL 3.7
        ["ogrinfo", "-ro", "-so", "-al", prefix.with_name(f"{prefix.name}_changes.gpkg")],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Layer name: changed" in done.stdout
    assert "Feature Count: 3" in done.stdout
    assert ("UTM zone 33N" in done.stdout) == (grid in ("north up", "rotated"))


@needs_shared
def test_polygons_have_the_code_of_their_coordinate_system(tmp_path: Path) -> None:
    image = open_image(SHARED / "data/taizhou_envi/before/taizhou.hdr")
    assert isinstance(image.grid, Grid)
    write_polygons(tmp_path / "a.gpkg", np.zeros((2, 2), np.uint8), np.ones((2, 2), np.float32), image.grid)
    assert pyogrio.read_info(tmp_path / "a.gpkg")["crs"] == "EPSG:32651"
