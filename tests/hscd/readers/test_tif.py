"""Reader of TIFF files and folders of them: what is written is read, and what is damaged is refused."""

import io
import os
import struct
import warnings

import numpy as np
import pytest
import rasterio
import tifffile
from PIL import Image

from conftest import write_bands
from hscd.readers import open_image, read_image, read_label_map, sentinel_2
from image_files import random_array, read_within, reads_whole_or_refuses, refuses, tiff


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


# Sentinel-2: alphanumeric order puts B8A behind B12, as digits sort '0' < '1' < '8'. Written in another order, so that
# it is not the order of the folder by chance.
def test_bands_are_in_alphanumeric_order(tmp_path):
    expected = ["B01", "B02", "B08", "B09", "B10", "B11", "B12", "B8A"]
    folder = tmp_path / "town.tif"
    folder.mkdir()
    for name in ["B12", "B8A", "B01", "B11", "B09", "B02", "B10", "B08"]:
        Image.fromarray(np.full((2, 3), expected.index(name), dtype=np.uint8)).save(folder / f"{name}.tif")
    assert read_image(folder)[0, 0].tolist() == list(range(8))
    image = open_image(folder)
    assert image.wavelengths.tolist() == [442.7, 492.4, 832.8, 945.1, 1373.5, 1613.7, 2202.4, 864.7]
    assert image.fwhm.tolist() == [21, 66, 106, 20, 31, 91, 175, 21]


# Landsat's bands are called so, too, but for B8A; and what is no band of Sentinel-2's has no wavelength.
@pytest.mark.parametrize(("names", "bands"), [
    (["B01", "B02"], None), (["B01", "B8A", "cloud"], None), (["B01", "B8A", "B13"], None),
    (["T1_b01_60m", "T1_B8A_20m"], ["B01", "B8A"]),
])  # fmt: skip
def test_names_that_are_of_sentinel_2_alone(names, bands):
    assert sentinel_2.named(names) == bands


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
    assert "2 × 3 pixels" in message
    assert "4 × 5" in message


@pytest.mark.parametrize("name", ["B01", "B02"])
def test_band_of_several_channels_is_named(tmp_path, name):
    write_bands(tmp_path / "town.tif", random_array((4, 5, 3), np.uint8))
    Image.fromarray(random_array((4, 5, 3), np.uint8)).save(tmp_path / "town.tif" / f"{name}.tif")
    message = refuses(read_image, tmp_path / "town.tif")
    assert f"{name}.tif" in message
    assert "single band" in message


def test_folder_without_bands(tmp_path):
    (tmp_path / "town.tif").mkdir()
    assert "holds no bands" in refuses(read_image, tmp_path / "town.tif")
    (tmp_path / "town.tif" / "readme.txt").write_text("no bands here", encoding="utf-8")
    assert "holds no bands" in refuses(read_image, tmp_path / "town.tif")


def test_folder_inside_a_folder_of_bands_is_an_input_error(tmp_path):
    write_bands(tmp_path / "town.tif", random_array((4, 5, 2)))
    (tmp_path / "town.tif" / "B03.tif").mkdir()
    assert "B03.tif" in refuses(read_image, tmp_path / "town.tif")


# Eight values are 16 bytes: one strip of two rows, or two strips of one.
def test_the_tiffs_of_these_tests_are_read(tmp_path):
    for content in (tiff(2, 4), tiff(2, 4, strips=((200, 8), (208, 8)), rows_per_strip=1)):
        (tmp_path / "a.tif").write_bytes(content)
        assert read_label_map(tmp_path / "a.tif").tolist() == [[0x0101] * 4] * 2


# What the tags say in vain: surplus strips, a size that is too large or one byte too small, a page that follows itself.
@pytest.mark.parametrize(
    "options",
    [{"strips": [(200, 16)] * 50}, {"strips": [(200, 2**31)]}, {"strips": [(200, 15)]}, {"following": 8}],
    ids=["strips", "size", "too short", "page loop"],
)
def test_tif_whose_values_are_there_all_the_same(tmp_path, options):
    (tmp_path / "a.tif").write_bytes(tiff(2, 4, **options))
    assert read_label_map(tmp_path / "a.tif").tolist() == [[0x0101] * 4] * 2


# As programs write files in which most of the image is 0.
@pytest.mark.parametrize("strips", [[(200, 8)], [(200, 8), (0, 0)]])
def test_strips_that_are_left_out_are_zero(tmp_path, strips):
    (tmp_path / "a.tif").write_bytes(tiff(2, 4, rows_per_strip=1, strips=strips))
    assert read_label_map(tmp_path / "a.tif").tolist() == [[0x0101] * 4, [0] * 4]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (tiff(2, 4, rows_per_strip=0), "unreadable"),
        (tiff(2, 4, strips=[(2**32 - 100, 16)]), "got 0 bytes, expected 16"),
        (tiff(2, 4, more=[(324, [200]), (325, [16]), (322, [2**20]), (323, [2**20])]), "declares 2,097,152 MB"),
        (tiff(2, 4)[:60], "unreadable"),
    ],
    ids=["no rows", "offset", "tile", "cut"],
)
def test_tif_that_contradicts_itself(tmp_path, content, reason):
    (tmp_path / "a.tif").write_bytes(content)
    assert reason in refuses(read_label_map, tmp_path / "a.tif", None, 2**30)


def test_pages_are_bands(tmp_path):
    image = random_array((3, 4, 5))
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack")
    found = open_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(found.read(), np.moveaxis(image, 0, 2), strict=True)
    np.testing.assert_array_equal(found.window(slice(1, 3), slice(2, 3)), np.moveaxis(image, 0, 2)[1:3, 2:3])
    assert (found.format, found.notes) == ("TIFF", ("its 3 pages are taken for 3 bands",))


def test_masks_of_pages_are_no_pages(tmp_path):
    with warnings.catch_warnings(), rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        warnings.simplefilter("ignore")
        for value, options in ((11, {}), (22, {"APPEND_SUBDATASET": "YES"})):
            with rasterio.open(
                tmp_path / "a.tif", "w", driver="GTiff", width=5, height=4, count=1, dtype="uint8", **options
            ) as file:
                file.write(np.full((1, 4, 5), value, np.uint8))
                if not options:
                    file.write_mask(np.full((4, 5), 255, np.uint8))
    assert (open_image(tmp_path / "a.tif").read() == [11, 22]).all()


@pytest.mark.parametrize("second", [(4, 6), (4, 5, 3)])
def test_pages_that_are_no_bands_are_refused(tmp_path, second):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for shape in ((4, 5), second):
            file.write(random_array(shape), photometric="rgb" if len(shape) == 3 else "minisblack")
    assert "2 images (pages) of different sizes or of several bands" in refuses(read_image, tmp_path / "a.tif")


# Tag 34853 is the place of a directory of its own; here of 2³⁰ values, behind the end of the file.
def test_a_tag_of_very_many_values(tmp_path):
    content = bytearray(tiff(2, 4, more=[(34853, [1])]))
    entry = content.index(struct.pack("<HHI", 34853, 4, 1))
    content[entry + 4 : entry + 8] = struct.pack("<I", 2**30)
    (tmp_path / "a.tif").write_bytes(content)
    assert read_within(tmp_path / "a.tif") == ""
    assert read_label_map(tmp_path / "a.tif").tolist() == [[0x0101] * 4] * 2


def test_libtiff_says_what_is_wrong_in_the_error_alone(tmp_path, capfd):
    packed = io.BytesIO()
    Image.fromarray(random_array((40, 50))).save(packed, format="TIFF", compression="tiff_adobe_deflate")
    content = bytearray(packed.getvalue())
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "a.tif").write_bytes(content)
    assert "ZIPDecode" in refuses(read_label_map, tmp_path / "a.tif")
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


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


# Written by tifffile, which comes with scikit-image; reference values are those written.
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
        (random_array((4, 5, 2), np.uint8), {"photometric": "minisblack", "planarconfig": "contig"}),
        (random_array((4, 5, 3)), {"photometric": "rgb"}),
        (random_array((4, 5, 13)), {"photometric": "minisblack", "planarconfig": "contig"}),
        (random_array((13, 4, 5)), {"photometric": "minisblack", "planarconfig": "separate"}),
    ],
    ids=[
        "big-endian uint16", "big-endian float32", "tiles", "predictor", "int16", "int8", "uint32", "float64",
        "two channels", "16-bit RGB", "13 channels", "13 planes",
    ],
)  # fmt: skip
def test_tif_of_other_programs_is_read_right(tmp_path, values, options):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, values, **options)
    image = read_image(path)
    by_band = options.get("planarconfig") == "separate"
    expected = np.moveaxis(values, 0, -1) if by_band else values
    np.testing.assert_array_equal(image, expected.reshape((*expected.shape, 1)[:3]))


def test_tif_with_white_as_zero_is_no_picture(tmp_path):
    values = random_array((4, 5), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="miniswhite")
    np.testing.assert_array_equal(read_label_map(tmp_path / "a.tif"), values)
