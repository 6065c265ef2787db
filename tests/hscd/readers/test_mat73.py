"""MATLAB 7.3: axes as MATLAB has them, windows, other variables named, damage told."""

import h5py
import numpy as np
import pytest

from hscd.readers import mat73
from hscd.readers.mat73 import arrays, open_image
from hscd.system.errors import InputError
from image_files import outcomes_of_cuts, outcomes_of_flips

LIMIT = 2**24
CLASSES = {"f8": "double", "f4": "single", "u1": "uint8", "i2": "int16", "u8": "uint64"}


def write(path, arrays, chunks=None, **classes):
    """Arrays as MATLAB sees them, written as MATLAB writes them: axes reversed, large ones in chunks, gzip 3."""
    with h5py.File(path, "w", userblock_size=512, libver="earliest") as h5:
        for name, values in arrays.items():
            options = {}
            if chunks and np.ndim(values) == len(chunks):
                options = {"chunks": chunks[::-1], "compression": "gzip", "compression_opts": 3}
            dataset = h5.create_dataset(name, data=np.asarray(values).T, **options)
            of_class = classes.get(name) or CLASSES.get(dataset.dtype.str[1:], "double")
            dataset.attrs["MATLAB_class"] = np.bytes_(of_class)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.mat"


def cube(dtype="f4"):
    """(rows, columns, bands) whose values tell their place: 100·row + 10·column + band."""
    rows, columns, bands = np.ogrid[:7, :5, :6]
    return (100 * rows + 10 * columns + bands).astype(dtype)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i2", "u8"])
@pytest.mark.parametrize("chunks", [None, (7, 5, 1), (3, 2, 4), (7, 1, 6)])
def test_the_axes_are_those_of_matlab(path, dtype, chunks):
    write(path, {"other": [[1.0]], "cube": cube(dtype)}, chunks)
    image = open_image(path, "cube", LIMIT)
    assert (image.format, image.shape, image.dtype) == ("MATLAB 7.3", (7, 5, 6), np.dtype(dtype))
    assert image.block == ((7, 1) if chunks is None else chunks[:2])
    # Row 3, column 1, band 2.
    assert image.read()[3, 1, 2] == 312
    np.testing.assert_array_equal(image.read(), cube(dtype), strict=True)
    for rows, columns in ((slice(0, 7), slice(2, 3)), (slice(2, 5), slice(0, 5)), (slice(6, 7), slice(1, 4))):
        np.testing.assert_array_equal(image.window(rows, columns), cube(dtype)[rows, columns], strict=True)


def test_what_h5py_reads(path):
    values = np.random.default_rng(0).normal(size=(40, 30, 20)).astype(np.float32)
    write(path, {"cube": values}, (16, 7, 3))
    with h5py.File(path) as h5:
        np.testing.assert_array_equal(open_image(path, "cube", LIMIT).read(), h5["cube"][()].T, strict=True)


@pytest.mark.parametrize("chunks", [None, (4, 5)])
def test_a_matrix_has_one_band(path, chunks):
    write(path, {"map": cube("u1")[:, :, 0]}, chunks, map="logical")
    image = open_image(path, "map", LIMIT)
    assert (image.shape, image.block) == ((7, 5, 1), (4, 5) if chunks else (7, 1))
    np.testing.assert_array_equal(image.window(slice(2, 4), slice(1, 5)), cube("u1")[2:4, 1:5, :1], strict=True)


def test_missing_variables_are_told(path):
    write(path, {"cube": cube(), "truth": [[1.0]], "#refs#": [[1.0]]})
    with pytest.raises(InputError, match=r"a\.mat: no variable 'x' \(matLabel\); it holds: cube, truth$"):
        open_image(path, "x", LIMIT)
    with pytest.raises(InputError, match="no variable '#refs#'"):
        open_image(path, "#refs#", LIMIT)
    write(path, {f"v{number:02}": [[1.0]] for number in range(12)})
    with pytest.raises(InputError, match=r"it holds: v00, .*, v09 and 2 more$"):
        open_image(path, "x", LIMIT)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("text", "found text in 'text'"), ("cell", "found a cell array"), ("structure", "found a structure"),
        ("sparse", "found a sparse array"), ("object", "found an object of class datetime"),
        ("complex", "found complex numbers"), ("empty", "found an empty array"),
        ("strings", "found values of any length"),
        ("axes", r"expected an image of \(rows, columns, bands\), found shape \(1, 1, 1, 2\)"),
        ("list", r"expected an image of \(rows, columns, bands\), found shape \(4,\)"),
    ],
)  # fmt: skip
def test_other_variables_are_told(path, name, message):
    arrays = {"text": [[65, 66]], "object": np.ones((1, 6), "u4"), "axes": np.ones((1, 1, 1, 2)), "list": np.ones(4)}
    write(path, arrays, text="char", object="datetime")
    with h5py.File(path, "r+") as h5:
        h5.create_dataset("cell", data=np.full((2, 1), h5.ref), dtype=h5py.ref_dtype).attrs["MATLAB_class"] = b"cell"
        h5.create_group("structure").attrs["MATLAB_class"] = np.bytes_("struct")
        h5.create_group("sparse").attrs.update({"MATLAB_class": np.bytes_("double"), "MATLAB_sparse": np.uint64(3)})
        h5["complex"] = np.zeros((2, 2), [("real", "f8"), ("imag", "f8")])
        h5["complex"].attrs["MATLAB_class"] = np.bytes_("double")
        h5["empty"] = np.zeros(2, "u8")
        h5["empty"].attrs.update({"MATLAB_class": np.bytes_("double"), "MATLAB_empty": np.uint8(1)})
        h5["strings"] = [b"a", b"b"]
    with pytest.raises(InputError, match=rf"a\.mat: [^\n]*{message}[^\n]*$"):
        open_image(path, name, LIMIT)


# Without MATLAB_class another program wrote it, and which axis is which is a guess.
@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_axes_are_guessed_where_nothing_says_that_matlab_wrote_them(path, libver):
    with h5py.File(path, "w", libver=libver) as h5:
        h5.create_dataset("cube", data=cube().T, chunks=(3, 2, 4), compression="gzip")
    image = open_image(path, "cube", LIMIT)
    assert (image.format, image.shape) == ("HDF5", (7, 5, 6))
    (note,) = image.notes
    assert "its axes are taken as MATLAB stores them, in reverse, (bands, columns, rows): " in note
    assert note.endswith("7 rows × 5 columns × 6 band(s)")
    np.testing.assert_array_equal(image.read(), cube(), strict=True)
    # Written as it is, (rows, columns, bands), the first axis is taken for the bands and the last one for the rows.
    with h5py.File(path, "w", libver=libver) as h5:
        h5["cube"] = cube()
    assert open_image(path, "cube", LIMIT).notes[0].endswith(": 6 rows × 5 columns × 7 band(s)")
    write(path, {"cube": cube()})
    assert open_image(path, "cube", LIMIT).notes == ()


def test_the_arrays_that_can_be_images_are_listed(path):
    others = {"axes": np.ones((1, 2, 3, 4)), "list": np.ones(4), "text": [[65, 66]], "#refs#": [[1.0]]}
    write(path, {"cube": cube(), "map": cube()[:, :, 0], "number": [[1.0]], **others}, text="char")
    with h5py.File(path, "r+") as h5:
        h5.create_group("structure").attrs["MATLAB_class"] = np.bytes_("struct")
        h5["complex"] = np.zeros((2, 2), [("real", "f8"), ("imag", "f8")])
        h5["empty"] = np.zeros(2, "u8")
        h5["empty"].attrs.update({"MATLAB_class": np.bytes_("double"), "MATLAB_empty": np.uint8(1)})
    assert arrays(path) == [("cube", (7, 5, 6)), ("map", (7, 5)), ("number", (1, 1))]


def test_a_chunk_has_to_fit_into_the_limit(path):
    write(path, {"cube": cube()}, (7, 5, 6))
    assert open_image(path, "cube", 7 * 5 * 6 * 4).read().any()
    with pytest.raises(InputError, match=r"a\.mat: declares 1 MB, more than the 0 MB"):
        open_image(path, "cube", 7 * 5 * 6 * 4 - 1)


def test_a_file_that_is_gone_is_an_input_error(path):
    write(path, {"cube": cube()})
    image = open_image(path, "cube", LIMIT)
    path.unlink()
    with pytest.raises(InputError, match=r"a\.mat: unreadable or truncated MATLAB 7\.3 file: "):
        image.read()


def test_the_reader_of_older_files_sends_this_version_here():
    assert mat73.SUFFIXES == ()


@pytest.mark.parametrize("chunks", [None, (3, 2, 4)])
def test_truncated_files(path, chunks):
    write(path, {"other": [[1.0]], "cube": cube()}, chunks)
    # The last bytes may be those of a block that is not full.
    assert set(outcomes_of_cuts(open_image, path, "cube", LIMIT)[:33]) == {"error"}


@pytest.mark.parametrize("chunks", [None, (3, 2, 4)])
def test_flipped_bits(path, chunks):
    write(path, {"other": [[1.0]], "cube": cube()}, chunks)
    assert set(outcomes_of_flips(open_image, path, "cube", LIMIT, 300)) == {"error", "image"}
