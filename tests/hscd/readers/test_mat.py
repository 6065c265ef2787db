"""Reader of MATLAB files up to version 7: what is written is read, and what is damaged is refused."""

import struct
import warnings
import zlib

import h5py
import numpy as np
import pytest
from scipy.io import loadmat, savemat
from scipy.sparse import csc_array

from conftest import write_mat
from hscd.readers import read_image, read_label_map
from image_files import element, mat_5, random_array, reads_whole_or_refuses, refuses


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


# As h5py writes it: no header of MATLAB's, with room for it or without.
@pytest.mark.parametrize("size", [0, 512])
def test_bare_hdf5_named_mat_is_read_as_version_73(tmp_path, size):
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=size, libver="latest") as h5:
        h5["cube"] = np.arange(60).reshape(3, 4, 5)
    np.testing.assert_array_equal(read_image(tmp_path / "a.mat", "cube"), np.arange(60).reshape(3, 4, 5).T)


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
