"""NetCDF-4: the cube is found, its bands, place, fill and scale are those of the file; swaths go onto their grid."""

import h5py
import numpy as np
import pytest
from rasterio.crs import CRS

from hscd.readers import netcdf_grid
from hscd.readers.netcdf import SUFFIXES, open_image
from hscd.scenes.image import physical
from hscd.system.errors import InputError
from image_files import outcomes_of_cuts, outcomes_of_flips
from netcdf_files import FILL, UTM_33, attach, scales, write_aviris, write_emit, write_map, write_pace

LIMIT = 2**26


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.nc"


def some(*shape, dtype="f4"):
    return np.arange(1, np.prod(shape) + 1).reshape(shape).astype(dtype)


def refused(path, message, variable=None, limit=LIMIT):
    with pytest.raises(InputError, match=rf"a\.nc: [^\n]*{message}[^\n]*$"):
        open_image(path, variable, limit).read()


def epsg(image):
    return CRS.from_wkt(image.grid.crs).to_epsg()


# --- EMIT ------------------------------------------------------------------------------------------------------------


# Of 4 lines and 5 samples, on a grid of 3 rows and 4 columns: from 1, 0 for no pixel, negative for a filled gap.
LINES = np.array([[0, 1, 1, 0], [2, 2, -2, 1], [4, 3, 0, 0]])
SAMPLES = np.array([[0, 1, 2, 0], [1, 2, -2, 5], [1, 3, 0, 0]])


@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("options", [{}, {"chunks": (2, 2, 3), "compression": "gzip", "shuffle": True}])
def test_a_swath_lies_on_the_grid_of_its_lookup_table(path, libver, options):
    swath = some(4, 5, 6)
    swath[0, 1, 3] = FILL
    write_emit(path, swath, LINES, SAMPLES, libver=libver, **options)
    image = open_image(path, None, LIMIT)
    assert SUFFIXES == (".nc",)
    assert (image.format, image.shape, image.dtype, image.notes) == ("netCDF", (3, 4, 6), np.float32, ())
    # GDAL's order: x of the corner, width of a pixel, 0, y of the corner, 0, -height.
    assert image.grid.transform == (0.25, 0, 15, 0, -0.25, 50)
    assert epsg(image) == 4326
    np.testing.assert_allclose(image.wavelengths, np.linspace(400, 2500, 6))
    np.testing.assert_allclose(image.fwhm, np.full(6, 8))
    assert image.bad_bands.tolist() == [False, True, False, False, False, False]
    assert image.nodata == (FILL,) * 6
    expected = np.full((3, 4, 6), FILL, np.float32)
    for row, column in np.argwhere(LINES):
        expected[row, column] = swath[abs(LINES[row, column]) - 1, abs(SAMPLES[row, column]) - 1]
    for rows, columns in ((slice(0, 3), slice(0, 4)), (slice(1, 3), slice(1, 4)), (slice(0, 1), slice(3, 4))):
        np.testing.assert_array_equal(image.window(rows, columns), expected[rows, columns], strict=True)
        assert image.mask(rows, columns).tolist() == (LINES != 0)[rows, columns].tolist()
    missing = np.isnan(physical(image).read())
    # Outside of the swath in all bands; at row 0, column 2 (line 0, sample 1) in the band that was not measured.
    assert missing.all(axis=2).tolist() == (LINES == 0).tolist()
    assert np.argwhere(missing & (LINES != 0)[:, :, None]).tolist() == [[0, 2, 3]]


# Larger than a tile, turned by 45°: row r, column c of the grid is line (r + c) / 2, sample (r - c) / 2 + 150.
def test_a_large_swath_is_looked_up_in_tiles(path):
    row, column = np.ogrid[:300, :280]
    line, sample = (row + column) // 2, (row - column) // 2 + 150
    swath = np.random.default_rng(0).integers(1, 1000, (300, 310, 2)).astype("i2")
    write_emit(path, swath, line + 1, sample + 1, chunks=(64, 64, 2), compression="gzip")
    image = open_image(path, None, LIMIT)
    assert image.block == (netcdf_grid.TILE, netcdf_grid.TILE)
    expected = swath[line, sample]
    np.testing.assert_array_equal(image.read(), expected)
    np.testing.assert_array_equal(image.window(slice(120, 270), slice(101, 279)), expected[120:270, 101:279])
    # A tile takes (128 + 128) / 2 lines and samples at most, of 2 bands of 2 bytes: 65,536 bytes.
    assert open_image(path, None, 65_536).read().shape == expected.shape
    with pytest.raises(InputError, match=r"a\.nc: declares 1 MB, more than the 0 MB"):
        open_image(path, None, 40_000).read()


def test_impossible_lookup_tables_are_told(path):
    write_emit(path, some(4, 5, 6), LINES + (LINES == 4), SAMPLES)
    refused(path, "lookup table refers to pixels beyond the swath")
    write_emit(path, some(4, 5, 6), LINES, SAMPLES[:2])
    refused(path, r"lookup table has the shapes \(3, 4\) \(glt_y\) and \(2, 4\)")
    for attribute, value, message in (
        ("geotransform", np.zeros(6), "pixels without area"),
        ("geotransform", np.ones(5), "does not consist of six numbers"),
        ("spatial_ref", "nowhere", "coordinate system is not understood"),
    ):
        write_emit(path, some(4, 5, 6), LINES, SAMPLES)
        with h5py.File(path, "r+") as file:
            file.attrs[attribute] = value
        refused(path, message)
    with h5py.File(path, "r+") as file:
        del file.attrs["geotransform"]
    refused(path, "but no geotransform of its grid")


# --- maps ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("attributes", [True, False])
def test_bands_may_come_first(path, attributes):
    cube = some(6, 4, 5)
    write_aviris(path, cube, attributes=attributes)
    image = open_image(path, None, LIMIT)
    assert (image.shape, image.block, image.mask, image.notes) == ((4, 5, 6), (3, 3), None, ())
    # 0.4 to 2.5 µm.
    np.testing.assert_allclose(image.wavelengths, np.linspace(400, 2500, 6))
    np.testing.assert_allclose(image.fwhm, np.full(6, 8))  # of 0.008 µm
    # The centre of the first pixel is at 500 002.5, 4 999 997.5.
    np.testing.assert_allclose(image.grid.transform, (5, 0, 5e5, 0, -5, 5e6))
    assert (epsg(image), image.nodata, image.bad_bands) == (32633, (FILL,) * 6, None)
    np.testing.assert_array_equal(image.read(), cube.transpose(1, 2, 0), strict=True)
    part = image.window(slice(1, 3), slice(2, 5))
    np.testing.assert_array_equal(part, cube.transpose(1, 2, 0)[1:3, 2:5], strict=True)


# Latitudes and longitudes of centres, rounded to float32; 24ths of a degree.
def test_coordinates_alone_make_a_grid(path):
    cube = some(9, 7, 5)
    y, x = 90 - (np.arange(9) + 0.5) / 24, (np.arange(7) + 0.5) / 24 - 180
    write_map(path, cube, y.astype("f4"), x.astype("f4"))
    image = open_image(path, None, LIMIT)
    # float32 holds 180 to 8e-6 degrees.
    np.testing.assert_allclose(image.grid.transform, (1 / 24, 0, -180, 0, -1 / 24, 90), rtol=0, atol=2e-5)
    assert (epsg(image), image.nodata, image.scale) == (4326, (), None)
    np.testing.assert_array_equal(image.read(), cube)
    # From south to north is a grid as well.
    write_map(path, cube, y[::-1], x)
    np.testing.assert_allclose(open_image(path, None, LIMIT).grid.transform[4:], (1 / 24, 90 - 9 / 24))


def test_latitudes_may_be_of_another_datum(path):
    write_map(path, some(3, 4, 5), np.arange(3.0), np.arange(4.0))
    with h5py.File(path, "r+") as file:
        file["crs"] = 0
        file["crs"].attrs.update({"grid_mapping_name": "latitude_longitude", "crs_wkt": CRS.from_epsg(4258).to_wkt()})
    assert epsg(open_image(path, None, LIMIT)) == 4258


def test_uneven_coordinates_are_passed_over_and_said(path):
    write_map(path, some(3, 4, 5), np.array([1.0, 2, 4]), np.arange(4.0))
    image = open_image(path, None, LIMIT)
    assert image.grid is None
    assert image.notes == ("its coordinates lat are not evenly spaced: they are passed over, it has no grid",)


def test_columns_may_come_before_rows(path):
    cube = some(3, 4, 5)
    write_map(path, cube, 10 + 2 * np.arange(3.0), 70 - 3 * np.arange(4.0), names=("x", "y"))
    image = open_image(path, None, LIMIT)
    assert image.shape == (4, 3, 5)
    # Without a coordinate system; centres from x = 10, y = 70.
    assert (image.grid.transform, image.grid.crs) == ((2, 0, 9, 0, -3, 71.5), "")
    np.testing.assert_array_equal(image.read(), cube.transpose(1, 0, 2))


# --- swaths without a lookup table, values ---------------------------------------------------------------------------


def test_a_swath_without_a_lookup_table_stays_one_and_says_so(path):
    cube = some(4, 5, 6, dtype="i2")
    cube[2, 3, 1] = -32767
    write_pace(path, cube)
    image = open_image(path, None, LIMIT)
    assert (image.shape, image.grid, image.dtype) == ((4, 5, 6), None, np.int16)
    assert "in the geometry of the sensor" in "".join(image.notes)
    np.testing.assert_allclose(image.wavelengths, np.linspace(350, 2200, 6))
    values = physical(image).read()
    assert np.argwhere(np.isnan(values)).tolist() == [[2, 3, 1]]
    # 1 · 2e-5 + 0.5
    np.testing.assert_allclose(values[0, 0, 0], 0.50002, rtol=1e-6)


@pytest.mark.parametrize(
    ("attributes", "said"), [({"scale_factor": 0.0}, "scale_factor is 0"), ({"add_offset": np.inf}, "add_offset inf")]
)
def test_impossible_scales_are_told(path, attributes, said):
    write_pace(path, some(4, 5, 6, dtype="i2"))
    with h5py.File(path, "r+") as file:
        file["geophysical_data/rhos"].attrs.update(attributes)
    refused(path, said)


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("nm", 1), ("nanometers", 1), ("micrometers", 1000), ("µm", 1000), ("m", 1e9), (None, 1), ("?", 1)],
)
def test_units_of_wavelengths(path, unit, factor):
    write_map(path, some(3, 4, 5), np.arange(3.0), np.arange(4.0))
    with h5py.File(path, "r+") as file:
        if unit:
            file["wavelength"].attrs["units"] = unit
        file["wavelength"][:2] = np.nan, -9999
    found = open_image(path, None, LIMIT).wavelengths
    np.testing.assert_allclose(found[2:], np.linspace(400, 700, 5)[2:] * factor)
    assert np.isnan(found[:2]).all()
    with h5py.File(path, "r+") as file:  # without a unit below 100: micrometres
        file["wavelength"].attrs["units"] = ""
        file["wavelength"][...] = np.linspace(0.4, 0.7, 5)
    np.testing.assert_allclose(open_image(path, None, LIMIT).wavelengths, np.linspace(400, 700, 5))


# --- which variable --------------------------------------------------------------------------------------------------


def test_the_variable_is_found_or_named(path):
    write_aviris(path, some(6, 4, 5))
    with h5py.File(path, "r+") as file:
        file["other/reflectance"] = some(6, 4, 5) + 1
        file["other/more"] = some(2, 2, 2)
        file["map"] = some(4, 5, dtype="u1")
        file["text"] = b"text"
    # Two fit, by their wavelengths; the name alone could mean either.
    refused(path, r"set matLabel to one of: [^\n]*other/reflectance \(6, 4, 5\)")
    refused(path, r"2 variables 'reflectance' \(matLabel\)", "reflectance")
    refused(path, r"no variables 'x' \(matLabel\)[^\n]*reflectance/reflectance \(6, 4, 5\)", "x")
    for name in ("other/reflectance", "/other/reflectance"):
        np.testing.assert_array_equal(open_image(path, name, LIMIT).read(), (some(6, 4, 5) + 1).transpose(1, 2, 0))
    labels = open_image(path, "map", LIMIT)
    assert (labels.shape, labels.dtype) == ((4, 5, 1), np.uint8)
    np.testing.assert_array_equal(labels.read()[:, :, 0], some(4, 5, dtype="u1"))


# The only one with wavelengths.
def test_of_several_the_one_with_wavelengths_is_taken(path):
    write_aviris(path, some(6, 4, 5))
    with h5py.File(path, "r+") as file:
        file["other"] = some(2, 3, 4)
    assert open_image(path, None, LIMIT).shape == (4, 5, 6)


# All axes are equally long: the dimension of the wavelengths tells.
@pytest.mark.parametrize("bands", [0, 1, 2])
def test_the_bands_are_the_axis_of_the_wavelengths(path, bands):
    with h5py.File(path, "w") as file:
        axes = list(scales(file, {"a": 4, "b": 4, "c": 4}).values())
        file["cube"], file["wavelengths"] = some(4, 4, 4), np.linspace(400, 700, 4)
        attach(file["cube"], *axes)
        attach(file["wavelengths"], axes[bands])
    image = open_image(path, None, LIMIT)
    assert image.notes == ()
    np.testing.assert_array_equal(image.read(), np.moveaxis(some(4, 4, 4), bands, 2))


@pytest.mark.parametrize(("shape", "found"), [((6, 5, 4), (6, 5, 4)), ((3, 6, 5), (6, 5, 3))])
def test_bands_are_guessed_where_nothing_tells(path, shape, found):
    with h5py.File(path, "w") as file:
        file["cube"] = some(*shape)
    image = open_image(path, None, LIMIT)
    assert image.shape == found
    assert image.notes == ("nothing tells which axis of cube are the bands; the shortest is taken for them",)


def test_the_axis_that_is_neither_rows_nor_columns_are_the_bands(path):
    with h5py.File(path, "w") as file:
        for name, length in (("y", 3), ("x", 4), ("layer", 5)):
            file[name] = np.arange(float(length))
            file[name].make_scale(name)
        file["cube"] = some(5, 3, 4)
        attach(file["cube"], file["layer"], file["y"], file["x"])
        file["cube"].attrs["grid_mapping"] = "crs"
        file["crs"] = 0
        file["crs"].attrs["spatial_ref"] = UTM_33
    image = open_image(path, None, LIMIT)
    assert (image.shape, image.notes, epsg(image)) == ((3, 4, 5), (), 32633)


def test_other_files_are_told(path):
    path.write_bytes(b"CDF\1" + bytes(100))
    refused(path, "netCDF of the classic format; save it as netCDF-4")
    path.write_bytes(b"no netCDF")
    refused(path, "unreadable or truncated netCDF-4 file: it does not begin as HDF5 does")
    with h5py.File(path, "w") as file:
        file["list"] = [1]
    refused(path, "expected one variable of three axes .* one of: none")


# A group that holds itself, by a hard link.
def test_groups_in_circles_end(path):
    write_map(path, some(3, 4, 5), np.arange(3.0), np.arange(4.0))
    with h5py.File(path, "r+") as file:
        file["group/circle"] = file["/"]
    assert open_image(path, None, LIMIT).shape == (3, 4, 5)


def test_a_chunk_has_to_fit_into_the_limit(path):
    write_aviris(path, some(6, 4, 5))
    # 2 · 3 · 3 values of 4 bytes.
    refused(path, "declares 1 MB, more than the 0 MB", limit=71)
    assert open_image(path, None, 72).shape == (4, 5, 6)


def test_truncated_files(path):
    write_emit(path, some(4, 5, 6), LINES, SAMPLES)
    assert set(outcomes_of_cuts(open_image, path, None, LIMIT)[:33]) == {"error"}


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_flipped_bits(path, libver, monkeypatch):
    monkeypatch.setattr("hscd.system.hdf5.process.PATIENCE", 2.0)
    write_emit(path, some(4, 5, 6), LINES, SAMPLES, libver=libver)
    assert set(outcomes_of_flips(open_image, path, None, LIMIT, 60)) == {"error", "image"}


def test_coordinates_go_before_a_transform_that_contradicts_them(tmp_path):
    # As a file is that was cut, or turned upside down, by a program that leaves the attribute as it was.
    cube = np.arange(3 * 4 * 5, dtype="f4").reshape(3, 4, 5)
    write_aviris(tmp_path / "a.nc", cube)
    with h5py.File(tmp_path / "a.nc", "r+") as file:
        northing = file["northing"]
        northing[...] = northing[...][::-1]
    found = open_image(tmp_path / "a.nc", None, 2**30)
    assert found.grid.transform[4] == 5
    assert found.notes == ("its GeoTransform contradicts its coordinates, and is not used",)
