"""Images on different grids through the real commands.

Oracles: the same scene cut, and values linear in the coordinates, which bilinear interpolation does not change.
"""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine
from rasterio.warp import transform as transformed

import hscd
from conftest import Workspace, make_pair
from hscd.system.errors import InputError
from hscd.system.messages import show_messages
from raster_scenes import (
    PLAIN,
    UNLABELLED,
    UTM,
    Result,
    assert_maps_say_what_the_distances_do,
    assert_same,
    moved,
    opened,
    pseudo,
    write_pair,
    write_raster,
    xy,
)

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture(scope="module")
def unmoved(tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, np.ndarray, Result]:
    """Before image, an after image that reaches 6 pixels farther on each side, and what is made of both cut alike."""
    before, after, _ = make_pair(4, rows=32, columns=42)
    space = Workspace(tmp_path_factory.mktemp("unmoved"), text=UNLABELLED)
    write_pair(space, before[6:-6, 6:-6], after[6:-6, 6:-6], **UTM)
    return before[6:-6, 6:-6], after, pseudo(space, *PLAIN)


def test_an_after_image_that_reaches_farther_gives_the_same(
    space: Workspace, unmoved: tuple[np.ndarray, np.ndarray, Result]
) -> None:
    before, after, expected = unmoved
    space.text = UNLABELLED
    write_pair(space, before, after, **UTM, after_transform=moved(UTM["transform"], -6, -6))
    found = pseudo(space, *PLAIN)
    assert "town: the after image is resampled onto the grid of the before image (bilinear)" in found.output
    assert_same(found, expected)


@pytest.mark.parametrize(
    ("window", "transform"),
    [
        # 3 rows down, 4 columns to the left.
        (np.s_[9:29, 2:32], moved(UTM["transform"], 3, -4)),
        # The same from the south upwards: row 0 is the lowest.
        (np.s_[28:8:-1, 2:32], moved(UTM["transform"], 23, -4, down=-1)),
    ],
    ids=["moved", "south up"],
)
def test_a_shift_by_whole_pixels_changes_nothing_where_images_overlap(
    space: Workspace, unmoved: tuple[np.ndarray, np.ndarray, Result], window: tuple, transform: Affine
) -> None:
    before, after, expected = unmoved
    space.text = UNLABELLED
    write_pair(space, before, after[window], **UTM, after_transform=transform)
    found = pseudo(space, *PLAIN)
    # 20 × 30 pixels each: rows 3 to 19 and columns 0 to 25 of the before image lie in both.
    overlap = np.zeros((20, 30), bool)
    overlap[3:, :26] = True
    assert found.distances[overlap].tobytes() == expected.distances[overlap].tobytes()
    np.testing.assert_array_equal(np.isnan(found.distances), ~overlap)
    assert_maps_say_what_the_distances_do(found)


# Where the after image begins, row and column of the before image, how large its pixels are in pixels of that, and its
# shape.
SLOPES = {
    "half a pixel": (0.5, 0.5, 1.0, (30, 40)),
    "a pixel and a quarter": (1.25, -1.25, 1.0, (30, 40)),
    "coarser": (0, 0, 2.0, (15, 20)),
    "coarser, aside": (-3, 7, 3.0, (9, 9)),
    "finer": (-2, -2, 0.5, (70, 90)),
}


def slope(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Values that are linear in the coordinates: 3 a column and 6 a row of 30 m."""
    return 0.1 * (x - 366975) + 0.2 * (5808045 - y) + 50


def centres(transform: Affine, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    row, column = np.mgrid[: shape[0], : shape[1]] + 0.5
    return xy(transform, row, column)


@pytest.mark.parametrize("name", SLOPES)
def test_interpolation_keeps_values_that_are_linear_in_the_coordinates(space: Workspace, name: str) -> None:
    row, column, size, shape = SLOPES[name]
    transform = moved(UTM["transform"], row, column, size)
    space.text = UNLABELLED
    after = slope(*centres(transform, shape)).astype(np.float32)[:, :, None]
    write_pair(space, np.zeros((30, 40, 1), np.uint16), after, **UTM, after_transform=transform)
    # One band, and 0 before: the distance is what was interpolated.
    found = pseudo(space, *PLAIN)
    x, y = centres(UTM["transform"], (30, 40))
    expected = slope(x, y)
    # Where in the after image, in its pixels, the middle of each pixel lies.
    columns, rows = (x - transform.c) / transform.a, (y - transform.f) / transform.e
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    np.testing.assert_array_equal(np.isfinite(found.distances), inside)
    # Towards the border there is nothing on the other side to interpolate with.
    margin = max(0.5, 0.5 / size + 0.5)
    safe = (np.minimum(rows, shape[0] - rows) >= margin) & (np.minimum(columns, shape[1] - columns) >= margin)
    assert np.count_nonzero(safe) > 300
    np.testing.assert_allclose(found.distances[safe], expected[safe], rtol=1e-5)
    np.testing.assert_array_equal(found.changes == 2, ~inside)


@pytest.mark.parametrize(
    ("crs", "size"), [("EPSG:4326", (1 / 2400, 1 / 3600)), ("EPSG:32632", (30, 30)), ("EPSG:3035", (40, 25))]
)
def test_another_coordinate_system(space: Workspace, crs: str, size: tuple[float, float]) -> None:
    x, y = centres(UTM["transform"], (30, 40))
    there = np.stack(transformed("EPSG:32633", crs, x.ravel(), y.ravel()))
    # Pixels of about 30 m that reach some pixels farther on each side.
    left, top = there.min(axis=1)[0] - 8 * size[0], there.max(axis=1)[1] + 8 * size[1]
    transform = Affine(size[0], 0, left, 0, -size[1], top)
    width, height = np.ceil(np.ptp(there, axis=1) / size).astype(int) + 16
    back = transformed(crs, "EPSG:32633", *(axis.ravel() for axis in centres(transform, (height, width))))
    after = slope(*map(np.array, back)).reshape(height, width).astype(np.float32)
    space.text = UNLABELLED
    write_pair(
        space, np.zeros((30, 40, 1), np.uint16), after[:, :, None], **UTM, after_transform=transform, after_crs=crs
    )
    found = pseudo(space, *PLAIN)
    # To an eighth of a pixel, as GDAL follows transformations: an eighth of a column, 3, and of a row, 6.
    np.testing.assert_allclose(found.distances, slope(x, y), atol=9 / 8)
    with opened(found.prefix.with_name(f"{found.prefix.name}.tif")) as file:
        assert (file.crs, file.transform) == (rasterio.CRS.from_epsg(32633), UTM["transform"])


def test_shapes_that_differ_without_georeference(space: Workspace) -> None:
    space.text = UNLABELLED
    before, after, _ = make_pair(1)
    for options in ({}, {"after_crs": UTM["crs"], "after_transform": UTM["transform"]}):
        write_pair(space, before, after[:-1], **options)
        line = space.fails("predutils")
        assert "data/a/after/town.tif: shape (19, 30, 5) differs from (20, 30, 5) of the before image" in line
        assert "without georeference of both it cannot be resampled" in line


def test_wavelengths_that_differ(space: Workspace) -> None:
    space.text = UNLABELLED
    before, after, _ = make_pair(1)
    waves = [450, 550, 650, 850, 1650]
    unit = {"wavelength_units": ["nm"] * 5}
    options = {"tags": {"wavelength": waves} | unit, "after_tags": {"wavelength": [*waves[:3], 1240, 1650]} | unit}
    write_pair(space, before, after, **options)
    found = pseudo(space)
    assert "data/a/before/town.tif: left out, as " in found.output
    assert "data/a/after/town.tif: left out, as " in found.output
    assert_same(found, pseudo(space, "PLACE A.bands=1-3, 5"))
    options["after_tags"]["wavelength"] = [1240, 1650, 2000, 2100, 2200]
    write_pair(space, before, after, **options)
    line = space.fails("predutils")
    assert "data/a/after/town.tif: its bands are not those of" in line
    assert "none is near the 450 nm of band 1 there" in line
    # Nothing is wrong with the other bands of two sensors, so many nm apart.
    options["after_tags"]["wavelength"] = [wave + 25 for wave in waves]
    write_pair(space, before, after, **options)
    assert np.isfinite(pseudo(space).distances).all()


def test_images_of_different_places(space: Workspace) -> None:
    space.text = UNLABELLED
    before, after, _ = make_pair(1)
    for far in (moved(UTM["transform"], 0, 31), moved(UTM["transform"], 40_000, 0)):
        write_pair(space, before, after, **UTM, after_transform=far)
        assert "after/town.tif: does not overlap" in space.fails("predutils")


# Each has a band that the other lacks, which would be told of two images that can be compared.
def test_of_different_places_nothing_else_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after, _ = make_pair(1)
    for name, image, to_right, last in (("a", before, 0, 1600), ("b", after, 31, 2200)):
        options = UTM | {"transform": moved(UTM["transform"], 0, to_right)}
        write_raster(tmp_path / f"{name}.tif", image, tags={"wavelength": [450, 550, 650, 850, last]}, **options)
    show_messages()
    with pytest.raises(InputError, match=r"b\.tif: does not overlap .*a\.tif; they are"):
        hscd.open_pair(tmp_path / "a.tif", tmp_path / "b.tif")
    assert capsys.readouterr().err == ""


def test_labels_of_another_place_are_refused(space: Workspace) -> None:
    before, after, changed = make_pair(1)
    write_pair(space, before, after, **UTM)
    labels = np.where(changed, 1, 2).astype(np.uint8)[:, :, None]
    file = space.folder / "data/a/label/town.tif"
    write_raster(file, labels, **UTM)
    assert space.call("predutils").returncode == 0
    write_raster(file, labels, crs="EPSG:32633", transform=Affine(30, 0, 366975 + 1200, 0, -30, 5808045))
    assert "data/a/label/town.tif: not on the grid of" in space.fails("predutils")


def test_places_on_both_sides_of_the_antimeridian(space: Workspace) -> None:
    # One ground, its longitudes counted to 180.3° and from −180.3°; then the after image a column further east.
    space.text = UNLABELLED
    before, after, _ = make_pair(1)
    east, west = (Affine(0.02, 0, left, 0, -0.02, 10) for left in (179.7, -180.3))
    write_pair(space, before, after, crs="EPSG:4326", transform=east, after_transform=west)
    found = pseudo(space, *PLAIN)
    assert "resampled" not in found.output
    expected = np.sqrt(((before.astype(float) - after) ** 2).sum(axis=2))
    np.testing.assert_allclose(found.distances, expected, rtol=1e-6)  # float32 sums of 5 squares
    write_pair(space, before, after[:, 1:], crs="EPSG:4326", transform=east, after_transform=moved(west, 0, 1))
    found = pseudo(space, *PLAIN)
    assert "resampled" in found.output
    np.testing.assert_array_equal(np.isnan(found.distances), np.arange(30)[None].repeat(20, axis=0) == 0)
    np.testing.assert_allclose(found.distances[:, 1:], expected[:, 1:], rtol=1e-5)


def test_an_image_without_a_place_or_a_system_is_told(space: Workspace) -> None:
    space.text = UNLABELLED
    before, after, _ = make_pair(1)
    write_pair(space, before, after, **UTM, after_crs=None, after_transform=None)
    found = pseudo(space, *PLAIN)
    assert "warning: " in found.output
    assert "data/a/after/town.tif: has no georeference; assumed to lie on the grid of " in found.output
    write_pair(space, before, after, **UTM, after_crs=None)
    assert "data/a/after/town.tif: names no coordinate system; assumed to use that of " in pseudo(space, *PLAIN).output
    write_pair(space, before, after, **UTM)
    assert "warning" not in pseudo(space, *PLAIN).output


def test_bands_of_all_pairs_come_in_the_order_of_the_first(space: Workspace) -> None:
    space.text = UNLABELLED
    names = ["B02", "B03", "B04", "B05", "B8A"]
    for town, order in (("first", [0, 1, 2, 3, 4]), ("second", [4, 2, 0, 1, 3])):
        before, after, _ = make_pair(1)
        for part, image in (("before", before), ("after", after)):
            file = space.folder / f"data/a/{part}/{town}.tif"
            write_raster(file, image[:, :, order], **UTM)
            with rasterio.open(file, "r+") as opened:
                opened.descriptions = [names[band] for band in order]
    # Rescaled by band over both pairs: the same bands have to meet.
    first, second = (pseudo(space, pair=town) for town in ("first", "second"))
    np.testing.assert_array_equal(first.distances, second.distances)
    with rasterio.open(file, "r+") as opened:
        opened.descriptions = ["B11", "B12", "B09", "B01", "B06"]
    with rasterio.open(space.folder / "data/a/before/second.tif", "r+") as opened:
        opened.descriptions = ["B11", "B12", "B09", "B01", "B02"]
    line = space.fails("predutils")
    assert "second.tif: 4 bands, pair first of the same data set has 5" in line
