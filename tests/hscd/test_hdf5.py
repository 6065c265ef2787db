"""What h5py writes in its usual layout is read as h5py reads it; what goes in circles ends."""

import io
import struct

import h5py
import numpy as np
import pytest

from hscd import hdf5


def opened(path):
    return hdf5.File(io.BytesIO(path.read_bytes()))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.h5"


# More groups than one leaf of a tree (8 by default) or one tree (32 leaves) holds.
@pytest.mark.parametrize("count", [1, 9, 700])
def test_groups_and_arrays_are_found_by_name(path, count):
    with h5py.File(path, "w") as h5:
        for number in range(count):
            h5[f"layer {number}/deep/values"] = np.full(3, number, np.float32)
    root = opened(path).root
    for number in range(count):
        assert root.follow(f"layer {number}/deep/values").dataset().read().tolist() == [number] * 3
    with pytest.raises(ValueError, match="not there"):
        root.follow("layer 0/other")


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", ">f4", ">f8"])
@pytest.mark.parametrize("shape", [(), (5,), (3, 4)])
def test_arrays_come_in_the_byte_order_of_the_machine(path, dtype, shape):
    values = np.random.default_rng(0).normal(size=shape).astype(dtype)
    with h5py.File(path, "w") as h5:
        h5["values"] = values
    dataset = opened(path).root.follow("values").dataset()
    assert (dataset.shape, dataset.nbytes) == (shape, values.nbytes)
    np.testing.assert_array_equal(dataset.read(), values.astype(values.dtype.newbyteorder("=")), strict=True)


def test_a_compact_array_lies_in_its_description(path):
    with h5py.File(path, "w") as h5:
        kind = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        kind.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple((3,))
        h5py.h5d.create(h5.id, b"values", h5py.h5t.IEEE_F32LE, space, kind).write(
            h5py.h5s.ALL, h5py.h5s.ALL, np.array([1, 2, 3], np.float32)
        )
    assert opened(path).root.follow("values").dataset().read().tolist() == [1, 2, 3]


# So many attributes that the description needs a second block; texts of fixed and of variable length.
def test_texts_of_attributes(path):
    texts = {
        "fixed": np.array([b"kernel", b"bias"]), "variable": "città", "list": ["one", "", "three"], "bytes": b"abc",
        "none": np.array([]), **{f"text {number}": f"value {number}" for number in range(300)},
    }  # fmt: skip
    with h5py.File(path, "w") as h5:
        for name, value in texts.items():
            h5.attrs[name] = value
        h5.attrs["number"] = 3
    root = opened(path).root
    expected = {"fixed": ["kernel", "bias"], "variable": ["città"], "list": ["one", "", "three"], "bytes": ["abc"]}
    for name, value in (expected | {"none": []}).items():
        assert root.texts(name) == value
    assert all(root.texts(f"text {number}") == [f"value {number}"] for number in range(300))
    assert root.texts("absent") is None
    with pytest.raises(ValueError, match="not text"):
        root.texts("number")


def test_newer_layouts_say_what_to_do(path):
    with h5py.File(path, "w", libver="latest") as h5:
        h5["values"] = np.zeros(3)
    with pytest.raises(ValueError, match="libver"):
        opened(path)


# A tree of a group, "TREE", type 0, level 0, one child: made a tree of level 1 whose child it is itself.
def test_a_tree_that_holds_itself_ends(path):
    with h5py.File(path, "w") as h5:
        h5["values"] = np.zeros(3)
    content = bytearray(path.read_bytes())
    tree = content.index(b"TREE")
    content[tree + 5] = 1
    content[tree + 32 : tree + 40] = struct.pack("<Q", tree)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="part of itself"):
        opened(path).root.follow("values")


# 2²⁸ bytes may be read, and four times the file: about a million reads of up to 256 bytes.
def test_reading_without_end_ends(path):
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(5) + b"\x08\x08" + bytes(1000))
    file = opened(path)
    for _ in range(2**20 - 100):
        file.bytes_at(0, 1)
    with pytest.raises(ValueError, match="too often"):
        list(map(file.bytes_at, [0] * 200, [1] * 200))
