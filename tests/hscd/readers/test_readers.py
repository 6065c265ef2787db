"""What holds for the readers of all formats: sizes, pixels that are no numbers, names, dimensions; and real data."""

import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from conftest import SHARED, needs_shared, write_bands, write_mat
from hscd.readers import checked, image_of, open_image, read_image, read_label_map
from hscd.system.errors import InputError
from image_files import mat_5, random_array, read_within, refuses, tiff

# --- sizes -----------------------------------------------------------------------------------------------------------


# 2¹⁶ × 2¹⁷ values of 2 bytes are 2³⁴ bytes, 16,384 MB.
LARGE = {
    "a.tif": tiff(2**16, 2**17),
    "a.mat": mat_5((2**16, 2**17), struct.pack("<II", 4, 16), compressed=True),
    "b.mat": mat_5((2**16, 2**17), struct.pack("<II", 4, 16)),
    "c.mat": struct.pack("<5i", 40, 2**16, 2**17, 0, 5) + b"cube\0",
}


@pytest.mark.parametrize("name", LARGE)
def test_a_small_file_that_declares_16_gb_is_refused_for_what_is_available(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(LARGE[name])
    message = read_within(path)
    assert message.startswith(f"{path}: declares 16,384 MB, more than the ")
    assert message.endswith(" MB that are available (memory_limit)\n")
    # 300 MB less the threads of NumPy and the like.
    assert 100 < int(message.split()[7]) <= 300


# The limit lets it pass, the memory would not: what is declared is not there, and nothing is allocated for it.
@pytest.mark.parametrize("name", ["a.mat", "b.mat", "c.mat"])
def test_a_size_within_the_limit_is_not_believed_either(tmp_path, name):
    (tmp_path / name).write_bytes(LARGE[name])
    assert "unreadable or truncated" in read_within(tmp_path / name, 2**40)


# 4 × 5 × 3 values of 2 bytes: 120.
@pytest.mark.parametrize("name", ["a.mat", "a.tif"])
def test_the_limit_is_on_the_whole_image(tmp_path, name):
    image = random_array((4, 5, 3))
    (write_mat if name == "a.mat" else write_bands)(tmp_path / name, image)
    np.testing.assert_array_equal(read_image(tmp_path / name, "cube", 120), image)
    message = refuses(read_image, tmp_path / name, "cube", 119)
    assert "declares 1 MB, more than the 0 MB that are available (memory_limit)" in message
    assert "declares" in refuses(read_label_map, tmp_path / name, "cube", 119)


# One 8-bit and one 32-bit band are two 32-bit bands in memory: 2 · 20 · 4 = 160 bytes.
def test_the_limit_is_on_the_common_type_of_the_bands(tmp_path):
    (tmp_path / "a.tif").mkdir()
    for name, dtype in (("B1", np.uint8), ("B2", np.float32)):
        Image.fromarray(np.ones((4, 5), dtype)).save(tmp_path / "a.tif" / f"{name}.tif")
    assert read_image(tmp_path / "a.tif", None, 160).nbytes == 160
    assert "declares" in refuses(read_image, tmp_path / "a.tif", None, 159)


# 500 MB of zeros in half a megabyte would be unpacked before their number is found wrong.
def test_what_is_packed_is_unpacked_no_further_than_declared(tmp_path):
    unpacked = bytes(2**20)
    packer = zlib.compressobj()
    head = mat_5((2, 2), struct.pack("<II", 4, 2**31))[128:]
    packed = packer.compress(head) + b"".join(packer.compress(unpacked) for _ in range(500)) + packer.flush()
    path = tmp_path / "a.mat"
    path.write_bytes(mat_5((), b"")[:128] + struct.pack("<II", 15, len(packed)) + packed)
    assert "unreadable" in read_within(path)


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
    image = open_image(path, "cube")
    with pytest.raises(InputError, match="3 pixels hold NaN or infinite values"):
        checked(image).read()
    np.testing.assert_array_equal(checked(replace(image, masked=True)).read(), image.read())


@pytest.mark.parametrize("name", ["a.jpg", "a.img", "a", "a.mat.bak", "mat"])
def test_unknown_suffix_lists_the_known_ones(tmp_path, name):
    (tmp_path / name).write_bytes(b"something")
    message = refuses(open_image, tmp_path / name)
    assert "unknown format; known: " in message
    for suffix in (".mat", ".tif", ".tiff"):
        assert suffix in message


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (0, 3), (3, 0, 4)])
def test_image_of_other_dimensions(tmp_path, shape):
    write_mat(tmp_path / "a.mat", np.zeros(shape))
    assert "expected an image of (rows, columns, bands)" in refuses(read_image, tmp_path / "a.mat", "cube")


@pytest.mark.parametrize("shape", [(4, 5, 2), (4, 5, 3), (2, 3, 4, 5)])
def test_label_map_of_other_dimensions(tmp_path, shape):
    write_mat(tmp_path / "a.mat", random_array(shape))
    message = refuses(read_label_map, tmp_path / "a.mat", "cube")
    assert "of (rows, columns" in message
    assert str(shape) in message


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
def test_onera_native_bands_are_those_of_the_data_set_that_was_resampled():
    for date in ("before", "after"):
        native = read_image(SHARED / "data" / "onera_native" / date / "bercy")
        resampled = read_image(SHARED / "data" / "onera" / date / "bercy.tif").astype(int)
        assert native.shape == resampled.shape
        # The last digit where a band is interpolated; B02, B03, B04 and B08 are as they were.
        assert np.abs(native - resampled).max() <= 1
        assert (native == resampled)[:, :, [1, 2, 3, 7]].all()


# --- folders ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "image"),
    [
        (["t2000.npy"], "t2000.npy"),
        (["t2000.npy", "notes.txt", ".hidden.npy"], "t2000.npy"),
        (["scene.tif"], "scene.tif"),  # one band or several: a file says that better than its folder
        (["a.npy", "b.npy"], ""),
        (["B02.tif", "B03.tif"], ""),
        (["B02.jp2", "preview.png"], ""),
    ],
)
def test_a_folder_of_one_image_stands_for_it(tmp_path, names, image):
    for name in names:
        (tmp_path / name).touch()
    assert image_of(tmp_path) == tmp_path / image
    assert image_of(tmp_path / names[0]) == tmp_path / names[0]


def test_a_folder_without_an_image_is_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match=rf"^{tmp_path}: holds no image of a known format \(\.bmp, "):
        image_of(tmp_path)
    assert image_of(tmp_path / "missing") == tmp_path / "missing"
