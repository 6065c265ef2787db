"""PRISMA: bands by wavelength, reflectance, the grid; windows; products that lack something."""

import h5py
import numpy as np
import pytest
import rasterio.crs

from hscd.readers.prisma import SUFFIXES, open_image
from hscd.system.errors import InputError
from image_files import outcomes_of_cuts, outcomes_of_flips

LIMIT = 2**24
ROWS, COLUMNS = 9, 7
# By falling wavelength, with bands that were never acquired at the ends and an overlap, as in products.
VNIR = [950.0, 700.0, 410.0, 0.0]
SWIR = [0.0, 2400.0, 960.0, 940.0, 0.0]
# By rising wavelength: 410 is VNIR 3, 700 VNIR 2, 940 SWIR 4, 950 VNIR 1, 960 SWIR 3, 2400 SWIR 2.
NAMES = ("VNIR 3", "VNIR 2", "SWIR 4", "VNIR 1", "SWIR 3", "SWIR 2")
BANDS = [(0, 2), (0, 1), (1, 3), (0, 0), (1, 2), (1, 1)]
CORNERS = {
    "Product_ULcorner_easting": 500_015.0, "Product_ULcorner_northing": 4_999_985.0,
    "Product_LRcorner_easting": 500_015.0 + 30 * (COLUMNS - 1),
    "Product_LRcorner_northing": 4_999_985.0 - 30 * (ROWS - 1),
}  # fmt: skip
ATTRIBUTES = {
    "Product_ID": np.bytes_("PRS_L2D_STD"), "Processing_Level": np.bytes_("2D"), "Epsg_Code": np.int64(32632),
    "List_Cw_Vnir": np.array(VNIR, "f4"), "List_Cw_Swir": np.array(SWIR, "f4"),
    "L2ScaleVnirMin": np.float32(0), "L2ScaleVnirMax": np.float32(1), "L2ScaleSwirMin": np.float32(0.25),
    "L2ScaleSwirMax": np.float32(0.75), **CORNERS,
}  # fmt: skip


def cubes():
    """Stored values of both cubes, (rows, bands, columns): none is 0 but those of bands never acquired."""
    rng = np.random.default_rng(0)
    found = [rng.integers(1, 2**16, (ROWS, len(bands), COLUMNS), np.uint16) for bands in (VNIR, SWIR)]
    return [cube * (np.array(bands)[:, None] > 0) for cube, bands in zip(found, (VNIR, SWIR), strict=True)]


def write(path, level="L2D", attributes=ATTRIBUTES, data=None, **options):
    with h5py.File(path, "w", libver="earliest") as h5:
        h5.attrs.update(attributes)
        h5["HDFEOS INFORMATION/StructMetadata.0"] = b"GROUP=SwathStructure"
        swath = h5.create_group(f"HDFEOS/SWATHS/PRS_{level}_HCO")
        swath["Geolocation Fields/Latitude"] = np.zeros((ROWS, COLUMNS), "f4")
        for name, values in zip(("VNIR", "SWIR"), data or cubes(), strict=True):
            swath.create_dataset(f"Data Fields/{name}_Cube", data=values.astype(np.uint16), **options)
        h5.create_group(f"HDFEOS/SWATHS/PRS_{level}_PCO")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.he5"


def expected(data=None):
    data = data or cubes()
    return np.stack([data[cube][:, band] for cube, band in BANDS], axis=2)


@pytest.mark.parametrize(
    ("options", "block"),
    [
        ({}, (1, 7)), ({"chunks": (2, 3, 4), "compression": "gzip"}, (2, 4)),
        ({"chunks": (9, 1, 7), "shuffle": True}, (9, 7)),
    ],
)  # fmt: skip
def test_bands_are_in_the_order_of_their_wavelengths(path, options, block):
    write(path, **options)
    image = open_image(path, None, LIMIT)
    assert SUFFIXES == (".he5",)
    assert (image.format, image.shape, image.dtype) == ("PRISMA L2D", (ROWS, COLUMNS, 6), np.uint16)
    assert (image.block, image.names) == (block, NAMES)
    assert image.wavelengths.tolist() == [410, 700, 940, 950, 960, 2400]
    with h5py.File(path) as h5:
        fields = h5["HDFEOS/SWATHS/PRS_L2D_HCO/Data Fields"]
        read = expected([fields["VNIR_Cube"][()], fields["SWIR_Cube"][()]])
    np.testing.assert_array_equal(image.read(), read, strict=True)
    for rows, columns in ((slice(3, 4), slice(0, 7)), (slice(1, 9), slice(2, 5)), (slice(8, 9), slice(6, 7))):
        np.testing.assert_array_equal(image.window(rows, columns), read[rows, columns], strict=True)


# More rows than are put together at a time.
def test_many_rows(path):
    data = [np.repeat(cube, 30, axis=0) for cube in cubes()]
    attributes = ATTRIBUTES | {"Product_LRcorner_northing": 4_999_985.0 - 30 * (30 * ROWS - 1)}
    write(path, attributes=attributes, data=data, chunks=(5, 2, 7))
    image = open_image(path, None, LIMIT)
    np.testing.assert_array_equal(image.read(), expected(data))
    np.testing.assert_array_equal(image.window(slice(63, 201), slice(1, 3)), expected(data)[63:201, 1:3])


# VNIR from 0 to 1, SWIR from 0.25 to 0.75: a stored 65535 is the most, 0 the least.
def test_reflectance(path):
    write(path)
    image = open_image(path, None, LIMIT)
    np.testing.assert_allclose(65535 * image.scale + image.offset, [1, 1, 0.75, 1, 0.75, 0.75])
    np.testing.assert_allclose(image.offset, [0, 0, 0.25, 0, 0.25, 0.25])


# Pixel (0, 0) is outside of the swath; at (1, 2) the first band failed, and only there a value changes: to 1.
def test_pixels_outside_of_the_swath_have_no_data(path):
    data = cubes()
    for cube in data:
        cube[0, :, 0] = 0
    data[0][1, 2, 2] = 0
    write(path, data=data)
    image = open_image(path, None, LIMIT)
    pixels = image.read()
    assert image.nodata == (0,) * image.shape[2]
    assert (pixels == 0).any(axis=2).nonzero() == (0, 0)
    assert not pixels[0, 0].any()
    assert pixels[1, 2, 0] == 1
    same = pixels == expected(data)
    assert np.argwhere(~same).tolist() == [[1, 2, 0]]


# Corners are centres of pixels: the border is 15 m outside. As far apart as the image is large, they are on it.
@pytest.mark.parametrize(("margin", "left", "top"), [(0, 500_000, 5_000_000), (1, 500_015, 4_999_985)])
def test_the_grid(path, margin, left, top):
    corners = {
        "Product_LRcorner_easting": 500_015.0 + 30 * (COLUMNS - 1 + margin),
        "Product_LRcorner_northing": 4_999_985.0 - 30 * (ROWS - 1 + margin),
    }
    write(path, attributes=ATTRIBUTES | corners)
    grid = open_image(path, None, LIMIT).grid
    assert grid.transform == (30, 0, left, 0, -30, top)
    assert rasterio.crs.CRS.from_wkt(grid.crs).to_epsg() == 32632


def test_levels_without_a_map(path):
    attributes = {name: value for name, value in ATTRIBUTES.items() if name not in CORNERS and name != "Epsg_Code"}
    for level in ("L2B", "L2C"):
        write(path, level, attributes)
        image = open_image(path, None, LIMIT)
        assert (image.format, image.grid, image.names) == (f"PRISMA {level}", None, NAMES)
        np.testing.assert_array_equal(image.read(), expected())


# By rising wavelength as above; the width of a band that was never acquired does not count.
def test_widths_of_bands_are_in_their_order(path):
    write(
        path, attributes=ATTRIBUTES | {"List_Fwhm_Vnir": np.array([9.0, 10, 11, 0]), "List_Fwhm_Swir": np.arange(5.0)}
    )
    assert open_image(path, None, LIMIT).fwhm.tolist() == [11, 10, 3, 9, 2, 1]
    write(path, attributes=ATTRIBUTES | {"List_Fwhm_Vnir": np.array([9.0, 10, 11])})
    assert open_image(path, None, LIMIT).fwhm is None


# Radiance is the stored value / 100 - 3 (VNIR) and / 50 - 2 (SWIR).
def test_level_1(path):
    attributes = {name: ATTRIBUTES[name] for name in ("List_Cw_Vnir", "List_Cw_Swir")}
    attributes |= {"ScaleFactor_Vnir": 100.0, "Offset_Vnir": 3.0, "ScaleFactor_Swir": 50.0, "Offset_Swir": 2.0}
    write(path, "L1", attributes)
    image = open_image(path, None, LIMIT)
    assert (image.format, image.grid) == ("PRISMA L1", None)
    np.testing.assert_allclose(500 * image.scale + image.offset, [2, 2, 8, 2, 8, 8])


def refused(path, message):
    with pytest.raises(InputError, match=rf"a\.he5: [^\n]*{message}[^\n]*$"):
        open_image(path, None, LIMIT)


@pytest.mark.parametrize("name", [name for name in ATTRIBUTES if name not in ("Product_ID", "Processing_Level")])
def test_missing_attributes_are_told(path, name):
    write(path, attributes={other: value for other, value in ATTRIBUTES.items() if other != name})
    refused(path, f"has no attribute {name}")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("List_Cw_Vnir", np.ones(3), "List_Cw_Vnir does not hold the wavelengths of 4 bands"),
        ("List_Cw_Swir", np.array([0, 1, -1, 3, 4]), "List_Cw_Swir does not hold"),
        ("List_Cw_Swir", np.array([0, 1, np.nan, 3, 4]), "List_Cw_Swir does not hold"),
        ("List_Cw_Vnir", np.zeros(4), "no band of VNIR_Cube was acquired"),
        ("L2ScaleVnirMax", np.nan, "L2ScaleVnirMax is not a number"),
        ("L2ScaleVnirMax", np.ones(2), "L2ScaleVnirMax is not a number"),
        ("L2ScaleVnirMax", "one", "unreadable or truncated PRISMA product: it holds"),
        ("Epsg_Code", 2, "Epsg_Code 2 is no"), ("Epsg_Code", 99_999, "Epsg_Code 99999 is not a coordinate system: "),
        ("Product_LRcorner_easting", 500_015.0 + 30 * 9, r"corners are 9 × 8 pixels of 30 m apart, .* 7 × 9$"),
    ],
)  # fmt: skip
def test_impossible_attributes_are_told(path, name, value, message):
    write(path, attributes=ATTRIBUTES | {name: value})
    refused(path, message)


def test_other_files_are_told(path):
    with h5py.File(path, "w") as h5:
        h5["a"] = [1]
    refused(path, "expected a PRISMA product, found no group HDFEOS/SWATHS")
    with h5py.File(path, "w") as h5:
        h5.create_group("HDFEOS/SWATHS/Aura")
    refused(path, "found the swaths: Aura")
    path.write_bytes(b"no HDF5")
    refused(path, "unreadable or truncated PRISMA product: it does not begin as HDF5 does")
    path.unlink()
    refused(path, "No such file")


def test_missing_and_other_cubes_are_told(path):
    fields = "HDFEOS/SWATHS/PRS_L2D_HCO/Data Fields"
    write(path)
    with h5py.File(path, "r+") as h5:
        del h5[f"{fields}/SWIR_Cube"]
    refused(path, "holds no SWIR_Cube")
    for values, message in (
        (np.zeros((ROWS, 5, COLUMNS), "f4"), "expected SWIR_Cube as"),
        (np.zeros((ROWS, 5), "u2"), "expected SWIR_Cube as"),
        (np.zeros((ROWS, 5, COLUMNS + 1), "u2"), "cubes differ in size"),
    ):
        with h5py.File(path, "r+") as h5:
            h5[f"{fields}/SWIR_Cube"] = values
        refused(path, message)
        with h5py.File(path, "r+") as h5:
            del h5[f"{fields}/SWIR_Cube"]


def test_a_chunk_has_to_fit_into_the_limit(path):
    write(path, chunks=(ROWS, 4, COLUMNS))
    with pytest.raises(InputError, match=r"a\.he5: declares 1 MB, more than the 0 MB"):
        open_image(path, None, ROWS * 4 * COLUMNS * 2 - 1)


CHUNKED = {"chunks": (4, 3, 7), "compression": "gzip", "shuffle": True}


@pytest.mark.parametrize("options", [{}, CHUNKED])
def test_truncated_files(path, options):
    write(path, **options)
    # The last bytes may be those of a block that is not full.
    assert set(outcomes_of_cuts(open_image, path, None, LIMIT)[:33]) == {"error"}


@pytest.mark.parametrize("options", [{}, CHUNKED])
def test_flipped_bits(path, options):
    write(path, **options)
    assert set(outcomes_of_flips(open_image, path, None, LIMIT, 200)) == {"error", "image"}
