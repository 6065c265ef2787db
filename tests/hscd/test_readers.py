"""Readers of .mat and .tif: what is written is read, and what cannot be read is an InputError that says why."""

import warnings

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy.io import savemat
from scipy.sparse import csc_array

from conftest import SHARED, needs_shared, write_bands, write_mat
from hscd.errors import InputError
from hscd.readers import read_array, read_image, read_label_map


def random_array(shape, dtype=np.uint16, seed=0):
    rng = np.random.default_rng(seed)
    if np.issubdtype(dtype, np.floating):
        return rng.normal(size=shape).astype(dtype)
    return rng.integers(0, np.iinfo(dtype).max, shape, endpoint=True).astype(dtype)


def refuses(function, path, *arguments):
    """The message of the InputError; one line that names the path."""
    with pytest.raises(InputError) as caught:
        function(path, *arguments)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


# --- .mat ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("compressed", [True, False])
def test_mat_round_trip(tmp_path, dtype, compressed):
    image = random_array((4, 5, 3), dtype)
    savemat(tmp_path / "a.mat", {"other": np.zeros(3), "cube": image}, do_compression=compressed)
    np.testing.assert_array_equal(read_image(tmp_path / "a.mat", "cube"), image, strict=True)


def test_mat_version_4(tmp_path):
    labels = random_array((4, 5), np.uint8)
    savemat(tmp_path / "a.mat", {"cube": labels}, format="4")
    np.testing.assert_array_equal(read_label_map(tmp_path / "a.mat", "cube"), labels)


def test_mat_logical_labels_are_numbers(tmp_path):
    write_mat(tmp_path / "a.mat", np.array([[True, False], [False, True]]))
    assert read_label_map(tmp_path / "a.mat", "cube").tolist() == [[1, 0], [0, 1]]


# Pixel (1, 2), band 3 of a 2 × 3 × 4 image numbered row by row, bands fastest: (1 · 3 + 2) · 4 + 3 = 23.
def test_mat_axes_are_rows_columns_bands(tmp_path):
    write_mat(tmp_path / "a.mat", np.arange(24).reshape(2, 3, 4))
    image = read_image(tmp_path / "a.mat", "cube")
    assert image.shape == (2, 3, 4)
    assert image[1, 2, 3] == 23
    # MATLAB stores the first axis fastest, and a copy that changes that is not made here.
    assert image.flags.f_contiguous


def test_missing_variable_lists_those_present(tmp_path):
    savemat(tmp_path / "a.mat", {"HypeRvieW": np.zeros((2, 2)), "map": np.ones((2, 2))})
    message = refuses(read_image, tmp_path / "a.mat", "cube")
    assert "no variable 'cube' (matLabel); it holds: HypeRvieW, map" in message


def test_mat_without_any_variable(tmp_path):
    savemat(tmp_path / "a.mat", {})
    assert "it holds: none" in refuses(read_image, tmp_path / "a.mat", "cube")


def test_mat_without_configured_variable_asks_for_it(tmp_path):
    write_mat(tmp_path / "a.mat", np.zeros((2, 2)))
    assert "matLabel" in refuses(read_image, tmp_path / "a.mat", None)


@pytest.mark.parametrize(
    "value",
    [
        "some text",
        {"a": np.zeros(3)},
        np.array([[1, "two"]], dtype=object),
        np.array([[1 + 2j, 3]]),
        csc_array(np.eye(3)),
    ],
    ids=["text", "structure", "cell", "complex", "sparse"],
)
@pytest.mark.parametrize("function", [read_image, read_label_map])
def test_mat_variable_that_is_no_array_of_numbers(tmp_path, function, value):
    savemat(tmp_path / "a.mat", {"cube": value})
    assert "expected numbers" in refuses(function, tmp_path / "a.mat", "cube")


# A .mat file of version 7.3 is HDF5 behind 512 bytes that begin with MATLAB's text and end its first 128 bytes with the
# version, 0x0200, and the mark IM.
def test_mat_version_7_3_says_what_to_do(tmp_path):
    path = tmp_path / "a.mat"
    with h5py.File(path, "w", userblock_size=512) as h5:
        h5["cube"] = np.zeros((3, 4, 5))
    with path.open("r+b") as file:
        header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Jan 01 00:00:00 2024 HDF5 schema 1.00 ."
        file.write(header.ljust(124) + b"\x00\x02IM")
    message = refuses(read_image, path, "cube")
    assert "7.3" in message
    assert "-v7" in message


def test_bare_hdf5_named_mat_is_an_input_error(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w") as h5:
        h5["cube"] = np.zeros((3, 4, 5))
    refuses(read_image, tmp_path / "a.mat", "cube")


def reads_whole_or_refuses(path, image, variable):
    """Whether the reader noticed the damage; if it did not, the values must be right all the same."""
    try:
        found = read_image(path, variable)
    except InputError as error:
        if str(path) not in str(error):
            raise AssertionError(f"message without the path: {error}") from error
        return True
    np.testing.assert_array_equal(found, image)
    return False


# Cut at every part of the header and at places throughout the data. What SciPy and Pillow warn about is an error in the
# tests, but not where users run the program: it must not be the warning alone that saves the day.
@pytest.mark.parametrize("action", ["error", "ignore"])
@pytest.mark.parametrize("compressed", [True, False])
def test_truncated_mat_files(tmp_path, compressed, action):
    image = random_array((12, 10, 3))
    savemat(tmp_path / "a.mat", {"cube": image}, do_compression=compressed)
    whole = (tmp_path / "a.mat").read_bytes()
    lengths = [*range(0, 260, 9), *range(260, len(whole), 41), len(whole) - 1]
    refused = 0
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        for length in lengths:
            (tmp_path / "a.mat").write_bytes(whole[:length])
            refused += reads_whole_or_refuses(tmp_path / "a.mat", image, "cube")
    # A checksum or padding at the end may be missing without harm.
    assert refused >= len(lengths) - 2


# --- .tif ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
@pytest.mark.parametrize("suffix", [".tif", ".tiff", ".TIF"])
def test_single_tif_round_trip(tmp_path, dtype, suffix):
    band = random_array((4, 5), dtype)
    path = tmp_path / f"a{suffix}"
    Image.fromarray(band).save(path, format="TIFF")
    np.testing.assert_array_equal(read_label_map(path), band, strict=True)
    # A two-dimensional image has one band.
    np.testing.assert_array_equal(read_image(path), band[:, :, None], strict=True)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_compressed_tif_round_trip(tmp_path, compression):
    labels = random_array((40, 50), np.uint8)
    Image.fromarray(labels).save(tmp_path / "a.tif", compression=compression)
    np.testing.assert_array_equal(read_label_map(tmp_path / "a.tif"), labels, strict=True)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_folder_of_bands_round_trip(tmp_path, dtype):
    image = random_array((4, 5, 13), dtype)
    write_bands(tmp_path / "town.tif", image)
    found = read_image(tmp_path / "town.tif")
    np.testing.assert_array_equal(found, image, strict=True)
    assert found.flags.c_contiguous


# Sentinel-2: alphanumeric order puts B8A behind B12, as digits sort '0' < '1' < '8'. Written in another order, so that
# it is not the order of the folder by chance.
def test_bands_are_in_alphanumeric_order(tmp_path):
    expected = ["B01", "B02", "B08", "B09", "B10", "B11", "B12", "B8A"]
    folder = tmp_path / "town.tif"
    folder.mkdir()
    for name in ["B12", "B8A", "B01", "B11", "B09", "B02", "B10", "B08"]:
        Image.fromarray(np.full((2, 3), expected.index(name), dtype=np.uint8)).save(folder / f"{name}.tif")
    assert read_image(folder)[0, 0].tolist() == list(range(8))


def test_other_files_in_the_folder_are_no_bands(tmp_path):
    image = random_array((4, 5, 2))
    write_bands(tmp_path / "town.tif", image)
    for name in ("._B00.tif", ".B00.tif", "B00.txt", "B00.tif.aux.xml", "metadata.xml", "Thumbs.db"):
        (tmp_path / "town.tif" / name).write_bytes(b"not an image")
    np.testing.assert_array_equal(read_image(tmp_path / "town.tif"), image, strict=True)


# 8-bit, 16-bit and float bands in one folder: all values survive, 65,535 and 0.5 too.
def test_bands_of_different_types_keep_their_values(tmp_path):
    folder = tmp_path / "town.tif"
    folder.mkdir()
    for name, value in (("B1", np.uint8(255)), ("B2", np.uint16(65_535)), ("B3", np.float32(0.5))):
        Image.fromarray(np.full((2, 2), value)).save(folder / f"{name}.tif")
    assert read_image(folder)[1, 1].tolist() == [255, 65_535, 0.5]


def test_band_of_another_shape_is_named(tmp_path):
    write_bands(tmp_path / "town.tif", random_array((4, 5, 3)))
    Image.fromarray(random_array((2, 3))).save(tmp_path / "town.tif" / "B02.tif")
    message = refuses(read_image, tmp_path / "town.tif")
    assert "B02.tif" in message
    assert "(2, 3)" in message
    assert "(4, 5)" in message


@pytest.mark.parametrize("name", ["B01", "B02"])
def test_band_of_several_channels_is_named(tmp_path, name):
    write_bands(tmp_path / "town.tif", random_array((4, 5, 3), np.uint8))
    Image.fromarray(random_array((4, 5, 3), np.uint8)).save(tmp_path / "town.tif" / f"{name}.tif")
    message = refuses(read_image, tmp_path / "town.tif")
    assert f"{name}.tif" in message
    assert "single band" in message


def test_folder_without_bands(tmp_path):
    (tmp_path / "town.tif").mkdir()
    assert "without .tif bands" in refuses(read_image, tmp_path / "town.tif")
    (tmp_path / "town.tif" / "readme.txt").write_text("no bands here", encoding="utf-8")
    assert "without .tif bands" in refuses(read_image, tmp_path / "town.tif")


def test_folder_inside_a_folder_of_bands_is_an_input_error(tmp_path):
    write_bands(tmp_path / "town.tif", random_array((4, 5, 2)))
    (tmp_path / "town.tif" / "B03.tif").mkdir()
    assert "B03.tif" in refuses(read_image, tmp_path / "town.tif")


@pytest.mark.parametrize("action", ["error", "ignore"])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate"])
def test_truncated_tif_files(tmp_path, compression, action):
    image = random_array((30, 20))
    path = tmp_path / "a.tif"
    Image.fromarray(image).save(path, compression=compression)
    whole = path.read_bytes()
    lengths = [*range(0, 300, 7), *range(300, len(whole), 83), len(whole) - 1]
    refused = 0
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        for length in lengths:
            path.write_bytes(whole[:length])
            refused += reads_whole_or_refuses(path, image[:, :, None], None)
    assert refused >= len(lengths) - 2


def test_truncated_band_is_named(tmp_path):
    write_bands(tmp_path / "town.tif", random_array((30, 20, 3)))
    band = tmp_path / "town.tif" / "B02.tif"
    band.write_bytes(band.read_bytes()[:700])
    assert "B02.tif" in refuses(read_image, tmp_path / "town.tif")


# TIFF can hold more than Pillow hands over. Written by tifffile, which comes with scikit-image. Where the values cannot
# be had, an error is right and other values are not; reference values are those written.
@pytest.mark.parametrize(
    ("values", "options"),
    [
        (random_array((4, 5), np.uint16), {"byteorder": ">"}),
        (random_array((4, 5), np.float32), {"byteorder": ">"}),
        (random_array((40, 50), np.uint16), {"tile": (16, 16)}),
        (random_array((40, 50), np.uint16), {"compression": "deflate", "predictor": 2}),
        (np.arange(-10, 10, dtype=np.int16).reshape(4, 5), {}),
        (np.arange(-10, 10, dtype=np.int8).reshape(4, 5), {}),
        (np.arange(2**32 - 20, 2**32, dtype=np.uint32).reshape(4, 5), {}),
        (random_array((4, 5), np.float64), {}),
        (random_array((3, 4, 5)), {"photometric": "minisblack"}),
        (random_array((4, 5, 2), np.uint8), {"photometric": "minisblack", "planarconfig": "contig"}),
        (random_array((4, 5, 3)), {"photometric": "rgb"}),
        (random_array((4, 5, 13)), {"photometric": "minisblack", "planarconfig": "contig"}),
        (random_array((13, 4, 5)), {"photometric": "minisblack", "planarconfig": "separate"}),
    ],
    ids=[
        "big-endian uint16", "big-endian float32", "tiles", "predictor", "int16", "int8", "uint32", "float64",
        "three pages", "two channels", "16-bit RGB", "13 channels", "13 planes",
    ],
)  # fmt: skip
def test_tif_of_other_programs_is_read_right_or_refused(tmp_path, values, options):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, values, **options)
    try:
        image = read_image(path)
    except InputError:
        return
    # Pages and planes are bands too; they are written band by band.
    by_band = options.get("planarconfig") == "separate" or values.shape == (3, 4, 5)
    expected = np.moveaxis(values, 0, -1) if by_band else values
    np.testing.assert_array_equal(image, expected.reshape((*expected.shape, 1)[:3]))


# --- both ------------------------------------------------------------------------------------------------------------


# Three of the twenty pixels are bad; one of them in two bands, which still is one pixel.
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("suffix", [".mat", ".tif"])
def test_pixels_that_are_not_finite_are_counted(tmp_path, suffix, bad):
    image = random_array((4, 5, 3), np.float32)
    image[0, 0, 1] = image[3, 4, 0] = image[2, 2, 0] = image[2, 2, 2] = bad
    path = tmp_path / f"town{suffix}"
    if suffix == ".mat":
        write_mat(path, image)
    else:
        write_bands(path, image)
    assert "3 pixels hold NaN or infinite values" in refuses(read_image, path, "cube")


@pytest.mark.parametrize("name", ["a.png", "a.img", "a", "a.mat.bak", "mat"])
def test_unknown_suffix_lists_the_known_ones(tmp_path, name):
    (tmp_path / name).write_bytes(b"something")
    message = refuses(read_array, tmp_path / name)
    assert "unknown format; known: " in message
    for suffix in (".mat", ".tif", ".tiff"):
        assert suffix in message


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (0, 3), (3, 0, 4)])
def test_image_of_other_dimensions(tmp_path, shape):
    write_mat(tmp_path / "a.mat", np.zeros(shape))
    assert "expected an image of (rows, columns, bands)" in refuses(read_image, tmp_path / "a.mat", "cube")


@pytest.mark.parametrize("shape", [(4, 5, 2), (4, 5, 3), (2, 3, 4, 5)])
def test_label_map_of_other_dimensions(tmp_path, shape):
    write_mat(tmp_path / "a.mat", np.zeros(shape))
    message = refuses(read_label_map, tmp_path / "a.mat", "cube")
    assert "expected a label map of (rows, columns)" in message
    assert str(shape) in message


def test_label_map_in_colour_is_refused(tmp_path):
    Image.fromarray(random_array((4, 5, 3), np.uint8)).save(tmp_path / "a.tif")
    assert "expected a single band, found 3" in refuses(read_label_map, tmp_path / "a.tif")


def test_label_map_of_one_band_in_a_folder(tmp_path):
    labels = random_array((4, 5, 1), np.uint8)
    write_bands(tmp_path / "a.tif", labels)
    np.testing.assert_array_equal(read_label_map(tmp_path / "a.tif"), labels[:, :, 0], strict=True)


# --- real data -------------------------------------------------------------------------------------------------------

# Sizes and numbers of labels are those of the table in the shared data's README.


@needs_shared
@pytest.mark.parametrize("date", ["before", "after"])
def test_taizhou_images(date):
    image = read_image(SHARED / "data" / "taizhou" / date / "taizhou.mat", "HypeRvieW")
    assert (image.shape, image.dtype) == ((400, 400, 6), np.uint8)


@needs_shared
def test_taizhou_labels():
    labels = read_label_map(SHARED / "data" / "taizhou" / "label" / "taizhou.mat", "HypeRvieW")
    assert labels.shape == (400, 400)
    # 160,000 − 4,227 − 17,163 pixels are unknown (0); 1 is changed, 2 unchanged.
    assert np.bincount(labels.ravel()).tolist() == [138_610, 4_227, 17_163]


@needs_shared
@pytest.mark.parametrize(("name", "shape"), [("bercy", (395, 360)), ("rennes", (339, 563)), ("cupertino", (1015, 788))])
def test_onera(name, shape):
    folder = SHARED / "data" / "onera"
    for date in ("before", "after"):
        image = read_image(folder / date / f"{name}.tif")
        assert (image.shape, image.dtype) == ((*shape, 13), np.uint16)
    labels = read_label_map(folder / "label" / f"{name}.tif")
    assert labels.shape == shape
    assert np.unique(labels).tolist() == [1, 2]


# Band 8A comes last by name (index 12), and is close to band 8 (index 7) in wavelength and content; B12 (index 11), at
# 2.2 µm, is not.
@needs_shared
def test_onera_bands_are_in_order_of_their_names():
    folder = SHARED / "data" / "onera" / "before" / "bercy.tif"
    image = read_image(folder)
    for index, band in ((0, "B01"), (8, "B09"), (11, "B12"), (12, "B8A")):
        with Image.open(folder / f"{band}.tif") as file:
            np.testing.assert_array_equal(image[:, :, index], np.asarray(file))


@needs_shared
def test_onera_native_bands_of_different_size_are_refused():
    path = SHARED / "data" / "onera_native" / "before" / "bercy"
    assert "unknown format" in refuses(read_image, path)


def test_tif_with_white_as_zero_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", random_array((4, 5), np.uint8), photometric="miniswhite")
    assert "white as zero" in refuses(read_image, tmp_path / "a.tif")
