"""Images on other grids: which lie on each other, and what interpolation gives."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rasterio.crs import CRS
from rasterio.warp import transform

from hscd.records import Grid
from hscd.scenes.grids import covers, onto, same_grid
from hscd.scenes.image import Image
from hscd.system.errors import InputError

UTM = CRS.from_epsg(32633).to_wkt()
WGS84 = CRS.from_epsg(4326).to_wkt()


def image_of(pixels, transform=(30.0, 0.0, 366975.0, 0.0, -30.0, 5808045.0), crs=UTM, **said):
    return Image(
        Path("a"), "test", pixels.shape, pixels.dtype, (1, pixels.shape[1]),
        lambda rows, columns: pixels[rows, columns], grid=Grid(transform, crs), **said,
    )  # fmt: skip


def plane(rows=20, columns=30, bands=2):
    """Values that rise evenly: 5 a row, 3 a column, 1000 a band."""
    row, column, band = np.ogrid[:rows, :columns, :bands]
    return (5 * row + 3 * column + 1000 * band).astype(np.float32)


def test_grids_that_are_the_same():
    image = image_of(plane())
    assert same_grid(image, image_of(plane()))
    # Less than a hundredth of a pixel; a tenth; another size; another system.
    assert same_grid(image, image_of(plane(), (30.0, 0.0, 366975.1, 0.0, -30.0, 5808045.0)))
    assert not same_grid(image, image_of(plane(), (30.0, 0.0, 366978.0, 0.0, -30.0, 5808045.0)))
    assert not same_grid(image, image_of(plane(20, 31)))
    assert not same_grid(image, replace(image, grid=Grid(image.grid.transform, CRS.from_epsg(32632).to_wkt())))
    # The same system in other words.
    assert same_grid(
        image, replace(image, grid=Grid(image.grid.transform, CRS.from_epsg(32633).to_wkt(version="WKT1_GDAL")))
    )


def test_covering():
    image = image_of(plane())
    assert covers(image, image)
    # Half a pixel beyond is a matter of how grids begin; two are not covered.
    assert covers(image, image_of(plane(), (30.0, 0.0, 366990.0, 0.0, -30.0, 5808045.0)))
    assert not covers(image, image_of(plane(), (30.0, 0.0, 367035.0, 0.0, -30.0, 5808045.0)))


# A plane is interpolated exactly. Two pixels to the right and one down, and half a pixel on: at row r and column c lies
# what is at r + 1.5 and c + 2.5 of the image.
def test_a_moved_grid():
    image = image_of(plane())
    moved = Grid((30.0, 0.0, 366975.0 + 2.5 * 30, 0.0, -30.0, 5808045.0 - 1.5 * 30), UTM)
    found = onto(image, moved, (10, 12), np.float32, np.nan)
    row, column, band = np.ogrid[:10, :12, :2]
    assert found.grid is moved
    np.testing.assert_allclose(found.read(), 5 * (row + 1.5) + 3 * (column + 2.5) + 1000 * band, rtol=1e-6)


def test_pixels_without_data_are_nodata():
    image = image_of(plane())
    left = Grid((30.0, 0.0, 366975.0 - 4 * 30, 0.0, -30.0, 5808045.0), UTM)
    found = onto(image, left, (20, 30), np.float32, np.nan).read()
    assert np.isnan(found[:, :4]).all()
    np.testing.assert_allclose(found[:, 4:], plane()[:, :26])
    away = Grid((30.0, 0.0, 0.0, 0.0, -30.0, 0.0), UTM)
    assert np.isnan(onto(image, away, (20, 30), np.float32, np.nan).read()).all()


@pytest.mark.parametrize("size", [3e8, 1e200])
def test_pixels_that_are_larger_beyond_all_measure_are_refused(size):
    image = image_of(plane(), (size, 0.0, 366975.0, 0.0, -size, 5808045.0))
    with pytest.raises(InputError, match="its pixels are a million times larger"):
        onto(image, Grid((30.0, 0.0, 366975.0, 0.0, -30.0, 5808045.0), UTM), (20, 30), np.float32, np.nan)


def test_each_direction_is_averaged_over_what_a_new_pixel_covers():
    # Rows alternate between 0 and 8, columns are all the same. Pixels that are twice as high and as wide as before
    # average two rows; their weights are those of a triangle, whatever they are the rows' share is a half. Were the
    # scales of rows and columns exchanged, rows would be taken as they are.
    rows = np.repeat((np.arange(20) % 2 * 8.0)[:, None, None], 30, axis=1).astype(np.float32)
    high = Grid((30.0, 0.0, 366975.0, 0.0, -120.0, 5808045.0), UTM)
    found = onto(image_of(rows), high, (5, 30), np.float32, np.nan).read()
    np.testing.assert_allclose(found[1:-1, 2:-2], 4, atol=0.5)
    wide = Grid((120.0, 0.0, 366975.0, 0.0, -30.0, 5808045.0), UTM)
    columns = np.repeat((np.arange(28) % 2 * 8.0)[None, :, None], 20, axis=0).astype(np.float32)
    found = onto(image_of(columns), wide, (20, 7), np.float32, np.nan).read()
    np.testing.assert_allclose(found[2:-2, 1:-1], 4, atol=0.5)


@pytest.mark.parametrize("nodata", [np.nan, -1.0])
def test_nodata_is_not_mixed_into_what_is_beside_it(nodata):
    pixels = plane()
    pixels[5, 6] = nodata
    moved = Grid((30.0, 0.0, 366975.0 + 15, 0.0, -30.0, 5808045.0), UTM)
    found = onto(
        image_of(pixels, nodata=() if nodata is None else (nodata,)), moved, (20, 28), np.float32, np.nan
    ).read()[:, :, 0]
    expected = plane()[:, :28, 0] + 1.5
    beside = np.zeros_like(found, bool)
    beside[5, 5:7] = True  # each has one neighbour left
    np.testing.assert_allclose(found[~beside], expected[~beside], rtol=1e-6)
    assert not (found < 0).any()


def test_integers_stay_integers():
    pixels = plane().astype(np.uint16)
    moved = Grid((30.0, 0.0, 366975.0 + 15, 0.0, -30.0, 5808045.0), UTM)
    found = onto(image_of(pixels), moved, (20, 28), np.uint16, 0)
    assert found.read().dtype == found.dtype == np.uint16
    assert abs(found.read()[7, 7, 0] - (5 * 7 + 3 * 7.5)) <= 0.5


# Against bilinear interpolation written out, in geographic coordinates: GDAL may be an eighth of a pixel off, values
# change by at most 0.1 a pixel.
def test_another_coordinate_system():
    row, column, _ = np.ogrid[:60, :80, :1]
    pixels = (3 * np.sin(row / 30) + 2 * np.cos(column / 40)).astype(np.float32)
    image = image_of(pixels)
    (west, east), (north, south) = transform(UTM, WGS84, [366975 + 300, 366975 + 2000], [5808045 - 300, 5808045 - 1500])
    shape = 30, 40
    step = (east - west) / 40, (north - south) / 30
    grid = Grid((step[0], 0.0, west, 0.0, -step[1], north), WGS84)
    found = onto(image, grid, shape, np.float32, np.nan).read()[:, :, 0]
    x, y = np.meshgrid(west + (np.arange(40) + 0.5) * step[0], north - (np.arange(30) + 0.5) * step[1])
    x, y = (np.reshape(values, shape) for values in transform(WGS84, UTM, x.ravel(), y.ravel()))
    at_row, at_column = (5808045 - y) / 30 - 0.5, (x - 366975) / 30 - 0.5
    np.testing.assert_allclose(found, 3 * np.sin(at_row / 30) + 2 * np.cos(at_column / 40), atol=0.0125)


# Over several tiles, finer and coarser: each pixel is the same whatever window it is asked for in.
@pytest.mark.parametrize("degrees", [1e-4, 4.3e-4, 1.3e-3])
def test_windows_are_parts_of_the_whole(degrees):
    size = round(600 * 4.3e-4 / degrees)
    (west,), (north,) = transform(UTM, WGS84, [366975 + 300], [5808045 - 300])
    grid = Grid((degrees, 0.0, west, 0.0, -degrees, north), WGS84)
    image = image_of(np.random.default_rng(0).random((800, 900, 2)).astype(np.float32))
    found = onto(image, grid, (size, size), np.float32, np.nan)
    whole = found.read()
    assert np.isfinite(whole).any()
    for rows, columns in (
        (slice(0, 1), slice(0, size)),
        (slice(100, 180), slice(3, 170)),
        (slice(size - 1, size),) * 2,
    ):
        np.testing.assert_array_equal(found.window(rows, columns), whole[rows, columns])
