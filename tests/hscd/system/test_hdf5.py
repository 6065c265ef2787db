"""What h5py writes is read as h5py reads it, window by window; what could do harm is refused, or costs one process."""

import os
import signal
import struct
import subprocess
import sys
import threading
import time
import zlib

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import PROJECT
from hscd.system import hdf5
from hscd.system.errors import InputError
from hscd.system.hdf5 import process


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.h5"


def root(path):
    return hdf5.File(path).root


def image(path, name="values"):
    return root(path).follow(name).dataset(plain=False)


# --- what is read ----------------------------------------------------------------------------------------------------


LAYOUTS = ["earliest", "v110", "latest"]


@pytest.mark.parametrize("libver", LAYOUTS)
def test_groups_arrays_and_attributes_of_all_layouts(path, libver):
    texts = {
        "fixed": np.array([b"kernel", b"bias"]), "variable": "città", "list": ["one", "", "three"], "bytes": b"abc",
        "padded": np.bytes_(b"abc\0def"), "none": np.array([]), "empty": h5py.Empty("f4"),
    }  # fmt: skip
    numbers = {"integer": 3, "float": np.float32(-1.5), "list": np.array([1.5, 0, np.nan], ">f4"),
               "table": np.arange(6, dtype="u2").reshape(2, 3), "large": np.uint64(2**64 - 1)}  # fmt: skip
    with h5py.File(path, "w", libver=libver) as h5:
        for number in range(9):
            h5[f"layer {number}/deep/values"] = np.full(3, number, np.float32)
        h5.attrs.update({f"text {name}": value for name, value in texts.items()})
        h5.attrs.update({f"number {name}": value for name, value in numbers.items()})
    found = root(path)
    assert list(found.children) == [f"layer {number}" for number in range(9)]
    assert found.follow("layer 7/deep/values").dataset().read().tolist() == [7, 7, 7]
    expected = {"fixed": ["kernel", "bias"], "variable": ["città"], "list": ["one", "", "three"], "bytes": ["abc"],
                "padded": ["abc"], "none": [], "empty": []}  # fmt: skip
    assert {name: found.texts(f"text {name}") for name in texts} == expected
    for name, value in numbers.items():
        values = found.numbers(f"number {name}")
        assert values.dtype == np.asarray(value).dtype.newbyteorder("=")
        np.testing.assert_array_equal(values, value)
    assert found.texts("absent") is found.numbers("absent") is None
    with pytest.raises(ValueError, match="not text"):
        found.texts("number float")
    with pytest.raises(ValueError, match="numbers are expected"):
        found.numbers("text variable")


# HDF5 looks for its signature at 0, 512, 1024, 2048, …
@pytest.mark.parametrize("size", [0, 512, 4096])
def test_a_user_block_is_skipped(path, size):
    with h5py.File(path, "w", userblock_size=size) as h5:
        h5["group/plain"] = np.arange(3.0)
    assert root(path).follow("group/plain").dataset().read().tolist() == [0, 1, 2]


SHAPE = (5, 7, 6)
WINDOWS = ([slice(0, 5), slice(0, 7), slice(0, 6)], [slice(1, 2), slice(3, 7), slice(0, 6)], [slice(4, 5)] * 3,
           [slice(2, 2), slice(0, 7), slice(0, 6)])  # fmt: skip


def check_windows(dataset, expected, windows=WINDOWS):
    assert (dataset.shape, dataset.dtype) == (expected.shape, expected.dtype.newbyteorder("="))
    np.testing.assert_array_equal(dataset.read(), expected.astype(dataset.dtype), strict=True)
    for window in windows:
        there = expected[tuple(window)].astype(dataset.dtype)
        np.testing.assert_array_equal(dataset.window(window), there, strict=True)


@pytest.mark.parametrize("dtype", ["i1", "u1", "<i2", ">u2", "<u4", ">i4", "<i8", ">u8", "<f2", ">f4", "<f8"])
@pytest.mark.parametrize("libver", LAYOUTS)
def test_numbers_of_all_types(path, dtype, libver):
    values = np.random.default_rng(0).integers(0, 100, SHAPE).astype(dtype)
    with h5py.File(path, "w", libver=libver) as h5:
        h5["plain"] = values
        h5.create_dataset("chunked", data=values, chunks=(2, 3, 4), compression="gzip", shuffle=True, fletcher32=True)
    check_windows(image(path, "plain"), values)
    check_windows(image(path, "chunked"), values)
    assert (image(path, "chunked").chunk, image(path, "plain").chunk) == ((2, 3, 4), None)
    assert image(path, "chunked").chunk_nbytes == 24 * np.dtype(dtype).itemsize


@pytest.mark.parametrize("options", [{"compression": "lzf"}, {"scaleoffset": 0}, {"compression": "szip"}])
def test_filters_that_the_library_brings_along(path, options):
    values = np.arange(100).reshape(10, 10)
    with h5py.File(path, "w") as h5:
        try:
            h5.create_dataset("values", data=values, chunks=(5, 5), **options)
        except ValueError:
            pytest.skip("this h5py does not write it")
    check_windows(image(path), values, [[slice(3, 7), slice(2, 9)]])


@pytest.mark.parametrize("fill", [None, 7, -1.5])
def test_what_was_never_written_is_the_fill_value(path, fill):
    with h5py.File(path, "w") as h5:
        chunked = h5.create_dataset("values", (6, 6), ">f8", chunks=(4, 4), fillvalue=fill)
        chunked[1, 5] = 1
        h5.create_dataset("plain", (3, 2), "f4", fillvalue=fill)
        expected = chunked[()]
    check_windows(image(path), expected, [[slice(0, 4), slice(0, 4)], [slice(3, 6), slice(2, 6)]])
    check_windows(image(path, "plain"), np.full((3, 2), fill or 0, np.float32), [])


# Pieces of 2¹⁰ bytes: rows of chunks of 2 rows of 24 bytes, wherever the window begins.
def test_values_are_asked_for_in_pieces_of_whole_chunks(path, monkeypatch):
    monkeypatch.setattr("hscd.system.hdf5._PIECE", 2**10)
    values = np.arange(3000, dtype="i4").reshape(500, 6)
    with h5py.File(path, "w") as h5:
        h5["plain"] = values
        h5.create_dataset("values", data=values, chunks=(2, 6), compression="gzip")
    asked = []
    ask = hdf5.File.ask
    monkeypatch.setattr(hdf5.File, "ask", lambda *args, **of: asked.append(of.get("slices")) or ask(*args, **of))
    windows = [[slice(start, 490), slice(1, 5)] for start in (0, 1, 2, 377)]
    for name in ("values", "plain"):
        check_windows(image(path, name), values, windows)
    asked.clear()
    dataset = image(path)
    dataset.window([slice(377, 490), slice(0, 6)])
    rows = sorted(slices[0] for slices in asked if slices)
    # 1024 // 48 = 21 chunks, 42 rows: 336, 378, 420, 462, …
    assert rows == [[377, 378], [378, 420], [420, 462], [462, 490]]


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_windows_are_what_h5py_reads(path, data):
    shape = data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=4), "shape")
    chunks = data.draw(st.none() | st.tuples(*(st.integers(1, size) for size in shape)), "chunks")
    options = {"chunks": chunks, "compression": "gzip"} if chunks else {}
    windows = [
        [slice(start, data.draw(st.integers(start, size))) for start, size in zip(starts, shape, strict=True)]
        for starts in data.draw(st.lists(st.tuples(*(st.integers(0, size) for size in shape)), max_size=3), "starts")
    ]
    with h5py.File(path, "w", libver=data.draw(st.sampled_from(LAYOUTS), "libver")) as h5:
        dataset = h5.create_dataset("values", shape, "<i4", fillvalue=3, **options)
        for window in windows[:1]:
            dataset[tuple(window)] = np.arange(dataset[tuple(window)].size).reshape(dataset[tuple(window)].shape)
        expected = dataset[()]
    check_windows(image(path), expected, windows)


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("link", [h5py.SoftLink("/real"), h5py.ExternalLink("other.h5", "/real")])
def test_links_are_not_there(path, link):
    with h5py.File(path.with_name("other.h5"), "w") as h5:
        h5["real/values"] = np.zeros(3)
    with h5py.File(path, "w") as h5:
        h5["real/values"] = np.zeros(3)
        h5["link"] = link
    assert list(root(path).children) == ["real"]
    for name in ("link", "link/values", "other", "real/values/deeper", "real//values", ""):
        with pytest.raises(ValueError, match="is not there, or is a link"):
            image(path, name)


def test_arrays_in_other_files_are_refused(path):
    with h5py.File(path, "w") as h5:
        h5.create_dataset("external", (2, 3), "f4", external=[(str(path), 0, h5py.h5f.UNLIMITED)])
        layout = h5py.VirtualLayout((2, 3), "f4")
        layout[:] = h5py.VirtualSource(".", "plain", (2, 3))
        h5.create_virtual_dataset("virtual", layout)
    for name in ("external", "virtual"):
        with pytest.raises(ValueError, match="lies in other files"):
            image(path, name)


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (np.array([b"a"]), "text"), (np.array([1j]), "compound values"), (np.zeros(2, "?"), "an enumeration"),
        (np.zeros(2, [("a", "i4")]), "compound values"), (["any", "length"], "values of any length"),
    ],
)  # fmt: skip
def test_other_values_are_no_numbers(path, values, what):
    with h5py.File(path, "w") as h5:
        h5["values"] = values
    node = root(path).follow("values")
    assert (node.value_class, node.is_numeric) == (what, False)
    with pytest.raises(ValueError, match=f"it holds {what} of .* numbers are expected"):
        node.dataset(plain=False)


def test_filters_that_are_not_known_are_named(path):
    with h5py.File(path, "w") as h5:
        h5.create_dataset("values", (4,), "f8", chunks=(4,), compression=32001, allow_unknown_filter=True)
    with pytest.raises(ValueError, match=r"packed with Blosc; save it with gzip, or unpacked"):
        image(path)


@pytest.mark.parametrize(
    "options", [{"chunks": (2,)}, {"chunks": (2,), "fletcher32": True}, {"dtype": "i4"}, {"data": None, "shape": (4,)}]
)
def test_only_plain_floats_are_plain(path, options):
    with h5py.File(path, "w") as h5:
        h5.create_dataset("values", **({"data": np.arange(4.0)} | options))
    assert image(path).read().shape == (4,)
    with pytest.raises(ValueError, match=r"compressed|other values"):
        root(path).follow("values").dataset()


# The layout message of an array in one piece: version 3, class 1, address, size; 24 bytes made 2⁴⁰, and 8.
@pytest.mark.parametrize("size", [2**40, 8])
def test_an_array_of_another_size_than_its_shape_is_refused(path, size):
    with h5py.File(path, "w", libver="earliest") as h5:
        h5["values"] = np.zeros(3)
        address = h5["values"].id.get_offset()
    content = path.read_bytes()
    layout = struct.pack("<BBQQ", 3, 1, address, 24)
    assert content.count(layout) == 1
    path.write_bytes(content.replace(layout, struct.pack("<BBQQ", 3, 1, address, size)))
    with pytest.raises(ValueError, match=rf"it holds {size} bytes of an array of 24"):
        image(path).read()


def test_large_attributes_are_refused(path):
    with h5py.File(path, "w", libver="latest") as h5:
        h5.attrs["numbers"] = np.zeros(2**17 + 1)
        h5.attrs["texts"] = ["a" * 2**10] * 2**12
        h5.attrs["small"] = 1
    for name, message in (("numbers", "of 131073 values of 8 bytes"), ("texts", "texts of 4096 texts")):
        with pytest.raises(ValueError, match=f"it holds an attribute {message}"):
            root(path).texts(name)
    assert root(path).numbers("small") == 1


# A chunk of 2 MB that unpacks to 600 MB: more than the process may take.
def test_a_chunk_that_unpacks_to_far_more_is_refused(path):
    packer = zlib.compressobj()
    packed = b"".join(packer.compress(bytes(2**24)) for _ in range(36)) + packer.flush()
    with h5py.File(path, "w") as h5:
        h5.create_dataset("values", (2**18,), "f8", chunks=(2**18,), compression="gzip")
        h5["values"].id.write_direct_chunk((0,), packed)
    with pytest.raises(ValueError, match=r"memory|filter|read"):
        image(path).window([slice(0, 2)])


def test_damage_is_an_input_error_of_one_line(path):
    path.write_bytes(b"no HDF5\n")
    with (
        pytest.raises(InputError, match=r"a\.h5: unreadable or truncated image: it does not begin as HDF5 does$"),
        hdf5.opened(path, "image"),
    ):
        pass
    with (
        pytest.raises(InputError, match=r"b\.h5: unreadable or truncated image: [^\n]*No such file"),
        hdf5.opened(path.with_name("b.h5"), "image"),
    ):
        pass


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs on this system")
def test_nobody_waits_at_a_fifo(path):
    os.mkfifo(path)
    with pytest.raises(ValueError, match="no regular file"):
        hdf5.File(path)


# --- what ends the library -------------------------------------------------------------------------------------------


# A tree of a group, "TREE", type 0, level 0, one child: made a tree of level 1 whose child it is itself. Asked for the
# names of the group, releases 1.14 and 2.0 of the HDF5 library go down without end.
def crashing(path):
    with h5py.File(path, "w", libver="earliest") as h5:
        h5["values"] = np.zeros(3)
    content = bytearray(path.read_bytes())
    tree = content.index(b"TREE")
    content[tree + 5] = 1
    content[tree + 32 : tree + 40] = struct.pack("<Q", tree)
    path.write_bytes(content)


# A text of an attribute lies in a heap: "GCOL", version, size; then objects: index, count, 4 bytes, size. Where a size
# is 2⁶⁴ - 16, the next object seems to be the same one, without end.
def hanging(path):
    with h5py.File(path, "w", libver="earliest") as h5:
        h5.attrs["text"] = "some text"
    content = bytearray(path.read_bytes())
    heap = content.index(b"GCOL")
    assert struct.unpack_from("<Q", content, heap + 24) == (9,)
    struct.pack_into("<Q", content, heap + 24, 2**64 - 16)
    path.write_bytes(content)


def test_a_crash_costs_one_file(path):
    crashing(path)
    sound = path.with_name("b.h5")
    with h5py.File(sound, "w") as h5:
        h5["values"] = np.arange(3.0)
    for _ in range(2):
        with (
            pytest.raises(
                InputError, match=r"a\.h5: unreadable or truncated image: the HDF5 library ends in SIG\w+ on it"
            ),
            hdf5.opened(path, "image") as file,
        ):
            file.root.children  # noqa: B018
        assert image(sound).read().tolist() == [0, 1, 2]


def test_a_hang_ends(path, monkeypatch):
    monkeypatch.setattr(process, "PATIENCE", 1.0)
    hanging(path)
    start = time.monotonic()
    with pytest.raises(ValueError, match=r"the HDF5 library takes longer than 1 s on it"):
        root(path).texts("text")
    assert time.monotonic() - start < 10
    assert root(path).children == {}


def test_a_process_that_something_else_ended_is_replaced(path):
    with h5py.File(path, "w") as h5:
        h5["values"] = np.arange(3.0)
    dataset = image(path)
    for server in process.idle:
        os.kill(server._process.pid, signal.SIGKILL)
    assert dataset.read().tolist() == [0, 1, 2]


def test_threads_read_at_the_same_time(path):
    values = np.arange(6000, dtype="i4").reshape(1000, 6)
    with h5py.File(path, "w") as h5:
        h5.create_dataset("values", data=values, chunks=(10, 6), compression="gzip")
    dataset, found = image(path), {}

    def read(number):
        found[number] = dataset.window([slice(10 * number, 1000), slice(0, 6)])

    threads = [threading.Thread(target=read, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(20):
        np.testing.assert_array_equal(found[number], values[10 * number :])
    assert len(process.idle) <= process._MOST


# Neither the error of a damaged file nor the end of the program leaves words or processes behind; and a fork of the
# program does not use those of its parent.
def test_nothing_is_left_behind(path):
    crashing(path)
    sound = path.with_name("b.h5")
    with h5py.File(sound, "w") as h5:
        h5["values"] = np.arange(3.0)
    program = f"""
import os
from pathlib import Path
from hscd.system import hdf5
from hscd.system.hdf5 import process
def read():
    return hdf5.File(Path({str(sound)!r})).root.follow("values").dataset().read().tolist()
try:
    hdf5.File(Path({str(path)!r})).root.children
except ValueError:
    pass
assert read() == [0, 1, 2]
(server,) = process.idle
assert os.getpgid(server._process.pid) != os.getpgrp()  # Ctrl-C does not reach it
if os.fork() == 0:
    assert process.idle == [] and read() == [0, 1, 2] and process.idle[0]._process.pid != server._process.pid
    os._exit(7)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 7
assert read() == [0, 1, 2] and process.idle == [server]
print(server._process.pid)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(PROJECT / "Net")},
    )
    assert (done.returncode, done.stderr) == (0, "")
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)
