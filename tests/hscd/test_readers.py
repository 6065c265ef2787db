"""Readers of .mat and .tif: what is written is read, and what cannot be read is an InputError that says why."""

import io
import os
import struct
import subprocess
import sys
import warnings
import zlib
from dataclasses import replace

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy.io import loadmat, savemat
from scipy.sparse import csc_array

from conftest import PROJECT, SHARED, needs_shared, write_bands, write_mat
from hscd.errors import InputError
from hscd.readers import checked, open_image, read_image, read_label_map


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


def element(kind, content, order="<"):
    """An element of a .mat file: type, size, content, padding to eight bytes."""
    return struct.pack(f"{order}II", kind, len(content)) + content + bytes(-len(content) % 8)


def mat_5(shape, data, *, matrix_class=11, compressed=False, order="<", name=b"cube"):
    """A .mat file of one variable: class 11 is uint16, `data` the element of its values."""
    matrix = (
        element(6, struct.pack(f"{order}II", matrix_class, 0), order)
        + element(5, struct.pack(f"{order}{len(shape)}i", *shape), order)
        + element(1, name, order)
        + data
    )
    content = element(14, matrix, order)
    if compressed:
        packed = zlib.compress(content)
        content = struct.pack(f"{order}II", 15, len(packed)) + packed
    mark = struct.pack(f"{order}H", 0x0100) + (b"IM" if order == "<" else b"MI")
    return b"MATLAB 5.0 MAT-file".ljust(124) + mark + content


# MATLAB on other machines; SciPy, which reads but does not write such files, is asked for the values.
@pytest.mark.parametrize("compressed", [False, True])
def test_mat_of_the_other_byte_order(tmp_path, compressed):
    data = element(4, np.arange(6, dtype=">u2").tobytes(), ">")
    (tmp_path / "a.mat").write_bytes(mat_5((2, 3), data, order=">", compressed=compressed))
    found = read_label_map(tmp_path / "a.mat", "cube")
    assert found.dtype == np.dtype(np.uint16)
    assert found.dtype.isnative
    assert found.tolist() == loadmat(tmp_path / "a.mat")["cube"].tolist() == [[0, 2, 4], [1, 3, 5]]


# Version 4 by hand: type 1000 is big-endian double, 2 rows, 3 columns, real, name of 5 bytes with its zero.
def test_mat_4_of_the_other_byte_order(tmp_path):
    values = np.arange(6, dtype=">f8").tobytes()
    (tmp_path / "a.mat").write_bytes(struct.pack(">5i", 1000, 2, 3, 0, 5) + b"cube\0" + values)
    found = read_label_map(tmp_path / "a.mat", "cube")
    assert found.dtype.isnative
    assert found.tolist() == loadmat(tmp_path / "a.mat")["cube"].tolist() == [[0, 2, 4], [1, 3, 5]]


# MATLAB stores doubles that are small integers as such, and up to four bytes in the tag itself.
def test_mat_values_in_a_smaller_type_than_their_class(tmp_path):
    tag = struct.pack("<HH", 2, 4) + bytes([1, 2, 3, 4])
    (tmp_path / "a.mat").write_bytes(mat_5((2, 2), tag, matrix_class=6))
    found = read_label_map(tmp_path / "a.mat", "cube")
    assert (found.tolist(), found.dtype) == ([[1, 3], [2, 4]], np.uint8)


@pytest.mark.parametrize("version", ["4", "5"])
def test_mat_variables_of_all_kinds_are_passed_over(tmp_path, version):
    others = {"text": "some", "sparse": csc_array(np.eye(3)), "complex": np.array([[1 + 2j]])}
    if version == "5":
        others |= {"cell": np.array([[1, "two"]], dtype=object), "structure": {"a": np.zeros(3)}, "empty": np.zeros(0)}
    image = random_array((4, 5))
    savemat(tmp_path / "a.mat", others | {"cube": image}, format=version)
    np.testing.assert_array_equal(read_label_map(tmp_path / "a.mat", "cube"), image)


def test_mat_with_many_variables_names_some(tmp_path):
    savemat(tmp_path / "a.mat", {f"v{number}": np.zeros(1) for number in range(100)})
    message = refuses(read_image, tmp_path / "a.mat", "cube")
    assert message.endswith("it holds: v0, v1, v2, v3, v4, v5, v6, v7, v8, v9 and 90 more")


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


# A checksum stands at the end of what zlib packs; a value may be changed where it cannot notice otherwise.
def test_mat_checksum_is_looked_at(tmp_path):
    content = bytearray(mat_5((4, 4), element(4, random_array((4, 4)).tobytes()), compressed=True))
    content[-1] ^= 1
    (tmp_path / "a.mat").write_bytes(content)
    assert "incorrect data check" in refuses(read_label_map, tmp_path / "a.mat", "cube")


HUGE = 2**32 - 8


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    "content",
    [
        mat_5((2, 2), struct.pack("<II", 4, HUGE)),
        mat_5((2, 2), element(4, bytes(16))),
        mat_5((2, 2), element(60_000, bytes(8))),
        mat_5((2, 2), element(4, bytes(6))),
        mat_5((-2, -2), element(4, bytes(8))),
        mat_5((2,) * 40, element(4, bytes(8))),
        mat_5((2, 2), element(4, bytes(8)), name=b"c" * 5000),
        mat_5((2, 2), b""),
    ],
    ids=["size", "too long", "number type", "too short", "negative", "axes", "name", "no values"],
)
def test_mat_that_contradicts_itself(tmp_path, content, compressed):
    if compressed:
        packed = zlib.compress(content[128:])
        content = content[:128] + struct.pack("<II", 15, len(packed)) + packed
    (tmp_path / "a.mat").write_bytes(content)
    assert "unreadable or truncated" in refuses(read_label_map, tmp_path / "a.mat", "cube")


# 50 header lines back: the next variable would begin where this one does, for ever.
def test_mat_4_of_negative_size_ends(tmp_path):
    (tmp_path / "a.mat").write_bytes(struct.pack("<5i", 50, -22, 1, 0, 2) + b"a\0")
    assert "-22 × 1 values" in refuses(read_label_map, tmp_path / "a.mat", "cube")


# --- sizes -----------------------------------------------------------------------------------------------------------


def tiff(rows, columns, *, strips=((200, 16),), rows_per_strip=None, following=0, more=()):
    """A TIFF of 16-bit values: header, tags, and room for some strips; `more` are further tags, as (tag, values)."""
    offsets, sizes = zip(*strips, strict=True)
    tags = {256: [columns], 257: [rows], 258: [16], 259: [1], 262: [1], 273: offsets, 277: [1],
            278: [rows if rows_per_strip is None else rows_per_strip], 279: sizes, **dict(more)}  # fmt: skip
    entries, far = b"", b""
    for tag, values in sorted(tags.items()):
        packed = struct.pack(f"<{len(values)}I", *values)
        if len(packed) > 4:
            packed, far = struct.pack("<I", 400 + len(far)), far + packed
        entries += struct.pack("<HHI", tag, 4, len(values)) + packed
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", following)
    return head.ljust(400, b"\1") + far


# 2¹⁶ × 2¹⁷ values of 2 bytes are 2³⁴ bytes, 16,384 MB.
LARGE = {
    "a.tif": tiff(2**16, 2**17),
    "a.mat": mat_5((2**16, 2**17), struct.pack("<II", 4, 16), compressed=True),
    "b.mat": mat_5((2**16, 2**17), struct.pack("<II", 4, 16)),
    "c.mat": struct.pack("<5i", 40, 2**16, 2**17, 0, 5) + b"cube\0",
}
READ_WITHIN = """
import resource, sys
from pathlib import Path
from hscd.errors import InputError
from hscd.readers import read_image
import psutil
import rasterio
allowed = psutil.Process().memory_info().vms + 300 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (allowed, allowed))
try:
    read_image(Path(sys.argv[1]), "cube", *map(int, sys.argv[2:]))
except InputError as error:
    print(error)
"""


def read_within(path, *limit):
    """The message of the InputError that reading ends with, in a process that may take 300 MB more than it has."""
    done = subprocess.run(
        [sys.executable, "-c", READ_WITHIN, str(path), *map(str, limit)],
        capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(PROJECT / "Net")},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


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


def test_several_pages_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", random_array((3, 4, 5)), photometric="minisblack")
    assert "several images" in refuses(read_image, tmp_path / "a.tif")


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
    np.testing.assert_array_equal(checked(replace(image, nodata=np.nan)).read(), image.read())


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


def test_label_map_in_colour_is_refused(tmp_path):
    Image.fromarray(random_array((4, 5, 3), np.uint8)).save(tmp_path / "a.tif")
    assert "expected a label map of (rows, columns), found shape (4, 5, 3)" in refuses(
        read_label_map, tmp_path / "a.tif"
    )


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


def test_tif_with_white_as_zero_is_no_picture(tmp_path):
    values = random_array((4, 5), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="miniswhite")
    np.testing.assert_array_equal(read_label_map(tmp_path / "a.tif"), values)
