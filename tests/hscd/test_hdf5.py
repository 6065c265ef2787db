"""What h5py writes in its usual layout is read as h5py reads it; what goes in circles ends."""

import io
import itertools
import struct
import warnings
import zlib

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hscd import hdf5
from hscd.errors import InputError
from hscd.hdf5 import encoding, filters


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


# HDF5 looks for its signature at 0, 512, 1024, 2048, … and counts addresses from there.
@pytest.mark.parametrize("size", [0, 512, 4096])
def test_a_user_block_is_skipped(path, size):
    values = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    with h5py.File(path, "w", userblock_size=size, libver="earliest") as h5:
        h5["group/plain"] = values
        h5.create_dataset("group/chunked", data=values, chunks=(2, 2, 2), compression="gzip")
    group = opened(path).root.follow("group")
    np.testing.assert_array_equal(group.follow("plain").dataset().read(), values)
    np.testing.assert_array_equal(group.follow("chunked").dataset(plain=False).read(), values)


# It differs in 4 bytes before the addresses: that of the root group is at 68, not 64.
def test_a_superblock_of_version_1(path):
    with h5py.File(path, "w") as h5:
        h5["values"] = np.zeros(3)
    content = bytearray(path.read_bytes())
    content[8] = 1
    content[68:76] = content[64:72]
    path.write_bytes(content)
    assert list(opened(path).root.children) == ["values"]


def test_numbers_of_attributes(path):
    numbers = {
        "integer": 3, "float": -1.5, "list": np.array([1.5, 0, 2], ">f4"), "one": np.array([7], "i1"),
        "table": np.arange(6, dtype="u2").reshape(2, 3), "large": np.uint64(2**64 - 1),
    }  # fmt: skip
    with h5py.File(path, "w") as h5:
        for name, value in numbers.items():
            h5.attrs[name] = value
        h5.attrs["text"] = "three"
    root = opened(path).root
    for name, value in numbers.items():
        found = root.numbers(name)
        assert found.dtype.isnative
        np.testing.assert_array_equal(found, value)
        assert found.shape == np.shape(value)
    assert root.numbers("absent") is None
    with pytest.raises(ValueError, match="numbers are expected"):
        root.numbers("text")


# --- images ----------------------------------------------------------------------------------------------------------


SHAPE = (5, 7, 6)
SLICES = ([slice(0, 5), slice(0, 7), slice(0, 6)], [slice(1, 2), slice(3, 7), slice(0, 6)], [slice(4, 5)] * 3)
# A number of everything that is stored differently.
INTEGERS = ["i1", "u1", "<i2", ">u2", "<u4", ">i4", "<i8", ">u8"]


def image(path, name="values"):
    return opened(path).root.follow(name).dataset(plain=False)


def some_values(shape, dtype, seed=0):
    # Few different values, so that there is something to compress; the first and the last ones there are.
    dtype = np.dtype(dtype)
    values = np.random.default_rng(seed).integers(-9, 9, shape)
    if dtype.kind == "f":
        return (values / 2).astype(dtype)
    limits = np.iinfo(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = values.astype(dtype)
    values.flat[:2] = limits.min, limits.max
    return values


def check_windows(dataset, expected, slices=SLICES):
    assert (dataset.shape, dataset.dtype) == (expected.shape, expected.dtype.newbyteorder("="))
    np.testing.assert_array_equal(dataset.read(), expected.astype(dataset.dtype), strict=True)
    for window in slices:
        np.testing.assert_array_equal(
            dataset.window(window), expected[tuple(window)].astype(dataset.dtype), strict=True
        )


@pytest.mark.parametrize("dtype", [*INTEGERS, "<f2", ">f4", "<f8"])
@pytest.mark.parametrize("chunks", [None, (5, 7, 6), (2, 3, 4)])
def test_numbers_of_all_types(path, dtype, chunks):
    values = some_values(SHAPE, dtype)
    with h5py.File(path, "w") as h5:
        h5.create_dataset("values", data=values, chunks=chunks, compression="gzip" if chunks else None)
    check_windows(image(path), values)


@pytest.mark.parametrize("chunks", [(1, 1, 1), (5, 7, 6), (4, 3, 5), (2, 7, 1), (1, 2, 6)])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("compression", [None, 1, 9])
@pytest.mark.parametrize("fletcher32", [False, True])
def test_chunks_of_all_shapes_and_filters(path, chunks, shuffle, compression, fletcher32):
    values = some_values(SHAPE, "<i4")
    with h5py.File(path, "w") as h5:
        h5.create_dataset(
            "values", data=values, chunks=chunks, shuffle=shuffle, compression=compression, fletcher32=fletcher32
        )
        h5.create_dataset("other", data=values[::-1], chunks=chunks)
    dataset = image(path)
    assert (dataset.chunk, dataset.chunk_nbytes) == (chunks, 4 * np.prod(chunks))
    check_windows(dataset, values)


# More chunks than a node of their tree holds (64), and than a node above holds nodes (64).
@pytest.mark.parametrize("count", [64, 65, 5000])
def test_many_chunks(path, count):
    values = np.arange(2 * count, dtype=np.uint32).reshape(count, 2)
    with h5py.File(path, "w") as h5:
        h5.create_dataset("values", data=values, chunks=(1, 1))
    check_windows(image(path), values, [[slice(count // 2, count), slice(1, 2)]])


@pytest.mark.parametrize("fill", [None, 7, -1.5])
def test_chunks_that_were_never_written_hold_the_fill_value(path, fill):
    with h5py.File(path, "w") as h5:
        chunked = h5.create_dataset("values", (6, 6), ">f8", chunks=(4, 4), fillvalue=fill)
        # The chunks at rows 0 to 3, columns 4 and 5, and at rows 4 and 5, columns 0 to 3.
        chunked[1, 5] = 1
        chunked[4, 0:2] = 2
        h5.create_dataset("chunked", (3, 2), "f4", chunks=(2, 2), fillvalue=fill)
        h5.create_dataset("plain", (3, 2), "f4", fillvalue=fill)
        expected = chunked[()]
    value = 0 if fill is None else fill
    assert (expected[:4, :4] == value).all()
    check_windows(image(path), expected, [[slice(0, 4), slice(0, 4)], [slice(3, 6), slice(2, 6)]])
    for name in ("chunked", "plain"):
        check_windows(image(path, name), np.full((3, 2), value, np.float32), [[slice(1, 3), slice(0, 1)]])


def test_a_dataset_is_read_through_another_opening(path):
    values = some_values(SHAPE, "f4")
    with h5py.File(path, "w") as h5:
        h5.create_dataset("values", data=values, chunks=(2, 2, 2), compression="gzip")
    with hdf5.opened(path, "image") as file:
        dataset = file.root.follow("values").dataset(plain=False)
    with hdf5.opened(path, "image") as file:
        check_windows(dataset.through(file), values)


# Rows of 2⁵ numbers are near each other, planes of 2¹⁷ are not: pieces of rows, of rows with what is between, of all.
def test_arrays_in_one_piece_are_read_in_pieces(path, monkeypatch):
    monkeypatch.setattr("hscd.hdf5.arrays._PIECE", 2**12)
    values = np.arange(2**19, dtype=np.float32).reshape(4, 2**12, 2**5)
    with h5py.File(path, "w") as h5:
        h5["values"] = values
    windows = [
        [slice(0, 4), slice(0, 2**12), slice(3, 4)], [slice(1, 3), slice(5, 4000), slice(0, 2**5)],
        [slice(2, 3), slice(0, 2**12), slice(0, 2**5)], [slice(0, 0), slice(0, 1), slice(0, 1)],
    ]  # fmt: skip
    check_windows(image(path), values, windows)


# Bit 0 of the mask is the first filter, shuffling; bit 1 compression.
def test_filters_left_out_for_a_chunk(path):
    values = np.arange(8, dtype="<u4")
    shuffled = values.view(np.uint8).reshape(8, 4).T.tobytes()
    with h5py.File(path, "w") as h5:
        dataset = h5.create_dataset("values", (32,), "<u4", chunks=(8,), shuffle=True, compression="gzip")
        stored = {0: zlib.compress(shuffled), 1: zlib.compress(values.tobytes()), 2: shuffled, 3: values.tobytes()}
        for mask, content in stored.items():
            dataset.id.write_direct_chunk((8 * mask,), content, mask)
        assert dataset[()].tolist() == list(range(8)) * 4
    check_windows(image(path), np.tile(values, 4), [[slice(7, 26)]])


@pytest.mark.parametrize("options", [{"compression": "lzf"}, {"scaleoffset": 2}])
def test_other_filters_are_named(path, options):
    with h5py.File(path, "w") as h5:
        h5.create_dataset("values", data=np.arange(100), chunks=(10,), **options)
    with pytest.raises(ValueError, match=r"packed with (LZF|scaleoffset); save it with gzip"):
        image(path)


@pytest.mark.parametrize("options", [{"chunks": (2,)}, {"chunks": (2,), "fletcher32": True}, {"dtype": "i4"}])
def test_only_plain_floats_are_plain(path, options):
    with h5py.File(path, "w") as h5:
        h5.create_dataset("values", data=np.arange(4.0), **options)
    assert image(path).read().tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match=r"compressed|in pieces|other values"):
        opened(path).root.follow("values").dataset()


@pytest.mark.parametrize("values", [np.array([b"a"]), np.array([1j]), np.zeros(2, "?"), np.zeros(2, [("a", "i4")])])
def test_other_values_are_no_numbers(path, values):
    with h5py.File(path, "w") as h5:
        h5["values"] = values
    with pytest.raises(ValueError, match="numbers are expected"):
        image(path)


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_windows_are_what_h5py_reads(path, data):
    shape = data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=4), "shape")
    chunks = data.draw(st.none() | st.tuples(*(st.integers(1, size) for size in shape)), "chunks")
    options = {}
    if chunks:
        options = {
            "chunks": chunks, "shuffle": data.draw(st.booleans(), "shuffle"),
            "compression": data.draw(st.sampled_from([None, 4]), "compression"),
            "fletcher32": data.draw(st.booleans(), "fletcher32"),
        }  # fmt: skip
    dtype = data.draw(st.sampled_from([*INTEGERS, "<f4", ">f8"]), "dtype")
    windows = [
        [slice(start, data.draw(st.integers(start, size))) for start, size in zip(starts, shape, strict=True)]
        for starts in data.draw(st.lists(st.tuples(*(st.integers(0, size) for size in shape)), max_size=3), "starts")
    ]
    with h5py.File(path, "w", libver="earliest") as h5:
        dataset = h5.create_dataset("values", shape, dtype, fillvalue=3, **options)
        for window in windows[:1]:
            dataset[tuple(window)] = some_values([part.stop - part.start for part in window], "i1")
        expected = dataset[()]
    check_windows(image(path), expected, windows)


# --- how it is written down ------------------------------------------------------------------------------------------


# By the specification, IV.A.2.i: version, axes, class, 5 bytes, address but for compact arrays, sizes of the axes (for
# chunks with the size of a number), for compact arrays their size.
@pytest.mark.parametrize("version", [1, 2])
def test_layouts_of_old_libraries(version):
    def layout(axes, stored, rest):
        return encoding.layout(struct.pack("<BBB5x", version, axes, stored) + rest, 1000)

    assert layout(2, 1, struct.pack("<QII", 77, 3, 4)) == (encoding.CONTIGUOUS, 77, None, ())
    assert layout(3, 2, struct.pack("<QIII", 77, 3, 4, 8)) == (encoding.CHUNKED, 77, None, (3, 4, 8))
    # The content follows 8 bytes, 2 sizes of 4 and the size of the content.
    assert layout(2, 0, struct.pack("<III", 3, 4, 96) + bytes(96)) == (encoding.COMPACT, 1020, 96, ())


# By IV.A.2.f. Version 1 and 2: version, times of allocating and writing, whether there is a value, size, value; version
# 3: version, flags with 0x20 for a value, size, value. Big-endian 258 is 1, 2.
@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"\1\2\0\1\2\0\0\0\1\2", 258), (b"\2\2\0\1\2\0\0\0\1\2", 258), (b"\2\2\0\0", 0),
        (b"\1\2\0\0\0\0\0\0", 0), (b"\3\x2a\2\0\0\0\1\2", 258), (b"\3\x0a\0\0", 0),
    ],
)  # fmt: skip
def test_fill_values_of_all_versions(content, value):
    assert encoding.fill_value(content, np.dtype(">u2")) == value


@pytest.mark.parametrize("content", [b"\2\2\0\1\4\0\0\0\0\0\1\2", b"\4\2\0\1", b"\2\2\0\1\2\0\0\0\1"])
def test_impossible_fill_values(content):
    with pytest.raises(ValueError, match=r"fill value|smaller"):
        encoding.fill_value(content, np.dtype(">u2"))


# By IV.A.2.l: version 2 has no name for filters below 256, and no padding.
def test_filters_of_version_2():
    message = struct.pack("<BB", 2, 2) + struct.pack("<HHHI", 2, 0, 1, 4) + struct.pack("<HHHI", 1, 0, 1, 6)
    content = np.arange(5, dtype="<u4").tobytes()
    stored = zlib.compress(np.frombuffer(content, np.uint8).reshape(5, 4).T.tobytes())
    assert filters.Filters(message).undone(stored, 0, 20, 4) == content
    with pytest.raises(ValueError, match="filter 300"):
        filters.Filters(struct.pack("<BB", 2, 1) + struct.pack("<HHHHI4s", 300, 4, 0, 1, 9, b"name"))
    with pytest.raises(ValueError, match="twice"):
        filters.Filters(struct.pack("<BB", 2, 2) + struct.pack("<HHH", 1, 0, 0) * 2)


# Words 1, 2 and 0x0300: sums 1, 3 and 771, and of those 1, 4 and 775.
def test_fletcher32_by_hand():
    assert filters.fletcher32(b"\0\1\0\2\3") == (771, 775)
    # 100 000 words of 65534: the sum is -100 000 modulo 65535, the sum of sums -(1 + … + 100 000).
    assert filters.fletcher32(b"\xff\xfe" * 100_000) == (-100_000 % 65535, -50_000 * 100_001 % 65535)


# --- hostile files ---------------------------------------------------------------------------------------------------


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


def chunked(path, count=4, **options):
    """A file of `count` chunks of 2 numbers; its bytes, and where the one leaf of their tree begins."""
    with h5py.File(path, "w") as h5:
        h5.create_dataset("values", data=np.arange(2.0 * count), chunks=(2,), **options)
    content = bytearray(path.read_bytes())
    # Type 1, level 0.
    return content, content.index(b"TREE\1\0")


def changed(path, content, at, form, *values):
    struct.pack_into(form, content, at, *values)
    path.write_bytes(content)
    return path


# An entry of the tree of chunks of 1 axis: size, mask, offset, offset in a number, address: 4 + 4 + 8 + 8 + 8 bytes.
def entry(tree, number):
    return tree + 24 + 32 * number


def test_a_tree_of_chunks_that_holds_itself_ends(path):
    content, tree = chunked(path)
    content[tree + 5] = 1
    for number in range(4):
        struct.pack_into("<Q", content, entry(tree, number) + 24, tree)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="part of itself"):
        image(path)


# Each node refers to the next one often: 2¹⁶ ways to the leaf, if nobody remembered where they have been.
def test_a_tree_of_chunks_with_many_ways_ends(path):
    content, tree = chunked(path)
    leaf, levels = bytes(content[tree : entry(tree, 4)]), 16
    nodes, at = bytearray(), len(content)
    for level in range(levels, 0, -1):
        below = at + len(nodes) + 24 + 2 * 32
        node = bytearray(struct.pack("<4sBBH16x", b"TREE", 1, level, 2) + bytes(64))
        for number in range(2):
            struct.pack_into("<Q", node, entry(0, number) + 24, below)
        nodes += node
    place = content.index(struct.pack("<Q", tree))
    content += nodes + leaf
    path.write_bytes(content)
    changed(path, content, place, "<Q", at)
    with pytest.raises(ValueError, match="part of itself"):
        image(path)


@pytest.mark.parametrize(
    ("number", "field", "form", "value", "message"),
    [
        (1, 8, "<Q", 0, "twice"), (1, 8, "<Q", 6, "twice"), (1, 8, "<Q", 3, "side by side"), (3, 8, "<Q", 8, "outside"),
        (3, 8, "<Q", 2**63, "side by side"), (3, 16, "<Q", 1, "side by side"), (0, 0, "<I", 0, "bytes for 16"),
        (0, 0, "<I", 15, "bytes for 16"), (0, 0, "<I", 2**32 - 1, "bytes for 16"),
    ],
)  # fmt: skip
def test_chunks_where_none_can_be(path, number, field, form, value, message):
    content, tree = chunked(path)
    changed(path, content, entry(tree, number) + field, form, value)
    with pytest.raises(ValueError, match=message):
        image(path)


@pytest.mark.parametrize("address", [2**64 - 1, 2**64 - 16, 10**6])
def test_chunks_beyond_the_end(path, address):
    content, tree = chunked(path)
    changed(path, content, entry(tree, 2) + 24, "<Q", address)
    dataset = image(path)
    assert dataset.window([slice(0, 4)]).tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="beyond its end"):
        dataset.read()


# 40 chunks of 1000 bytes each, as long as chunks of 16 bytes can be, in one block of a smaller file.
def test_chunks_that_share_their_bytes_are_refused(path):
    content, tree = chunked(path, 40, compression="gzip")
    assert len(content) < 40_000
    for number in range(40):
        struct.pack_into("<I", content, entry(tree, number), 1000)
        struct.pack_into("<Q", content, entry(tree, number) + 24, 0)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="too often"):
        image(path)


# 1000 zeros are unpacked no further than the 16 bytes of the chunk; 32 MB of them are 32 kB, which no chunk of 16 bytes
# takes, and are not unpacked at all.
def test_a_chunk_that_unpacks_to_more_is_refused(path):
    with h5py.File(path, "w") as h5:
        h5.create_dataset("values", (2,), "f8", chunks=(2,), compression="gzip")
        h5["values"].id.write_direct_chunk((0,), zlib.compress(bytes(1000)))
    with pytest.raises(ValueError, match="does not unpack to 16 bytes"):
        image(path).read()
    with h5py.File(path, "w") as h5:
        h5.create_dataset("values", (2,), "f8", chunks=(2,), compression="gzip")
        h5["values"].id.write_direct_chunk((0,), zlib.compress(bytes(2**25)))
    with pytest.raises(ValueError, match="bytes for 16"):
        image(path)


@pytest.mark.parametrize("stored", [zlib.compress(bytes(15)), zlib.compress(bytes(16))[:-1], b"no zlib", b"x"])
def test_a_chunk_that_unpacks_to_less_is_refused(path, stored):
    with h5py.File(path, "w") as h5:
        h5.create_dataset("values", (2,), "f8", chunks=(2,), compression="gzip")
        h5["values"].id.write_direct_chunk((0,), stored)
    with pytest.raises((ValueError, zlib.error)):
        image(path).read()


def test_a_wrong_checksum_is_told(path):
    content, _ = chunked(path, fletcher32=True)
    first = content.index(struct.pack("<d", 3.0))
    changed(path, content, first, "<d", 4.0)
    dataset = image(path)
    assert dataset.window([slice(0, 2)]).tolist() == [0, 1]
    with pytest.raises(ValueError, match="checksum is wrong"):
        dataset.read()


# The message of the layout: version 3, class 2, 2 sizes, address of the tree, 2 numbers a chunk of 8 bytes.
@pytest.mark.parametrize("sizes", [(0, 8), (2, 4), (2**32 - 1, 8), (1, 8)])
def test_impossible_shapes_of_chunks(path, sizes):
    content, tree = chunked(path)
    place = content.index(struct.pack("<BBBQII", 3, 2, 2, tree, 2, 8))
    changed(path, content, place + 11, "<II", *sizes)
    with pytest.raises(ValueError, match=r"in chunks|bytes for|side by side"):
        image(path)


# Reading the structure is counted, reading values is not: 800 windows leave what is left as it is.
def test_windows_are_read_any_number_of_times(path, monkeypatch):
    monkeypatch.setattr("hscd.hdf5.structure._READ_MOST", 0)
    chunked(path, compression="gzip")
    file = opened(path)
    dataset = file.root.follow("values").dataset(plain=False)
    left = file._left
    for start, _ in itertools.product(range(8), range(100)):
        assert dataset.window([slice(start, start + 1)]).tolist() == [start]
    assert file._left == left


def test_damage_is_an_input_error_of_one_line(path):
    path.write_bytes(b"no HDF5\n")
    with pytest.raises(InputError, match=r"a\.h5: unreadable or truncated image: it does not begin as HDF5 does$"):
        hdf5.opened(path, "image").__enter__()
    with pytest.raises(InputError, match=r"b\.h5: unreadable or truncated image: [^\n]*No such file"):
        hdf5.opened(path.with_name("b.h5"), "image").__enter__()
