"""NumPy files: any window of any layout, and files that are not what their header says."""

import numpy as np
import pytest

from hscd.readers import open_image
from hscd.scenes.scene import windows_of
from hscd.system.errors import InputError


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">u2", "?", "<i8"])
@pytest.mark.parametrize("shape", [(7, 9, 5), (7, 9), (1, 1, 1), (5, 1, 3), (1, 9, 2)])
def test_any_window_is_that_part_of_the_array(tmp_path, order, dtype, shape):
    rng = np.random.default_rng(0)
    array = np.array((rng.random(shape) * 200).astype(dtype), order=order)
    np.save(tmp_path / "a.npy", array)
    image = open_image(tmp_path / "a.npy")
    expected = array.reshape((*shape, 1)[:3])
    for first in range(shape[0]):
        for last in range(first + 1, shape[0] + 1):
            for left, right in ((0, shape[1]), (0, 1), (shape[1] // 2, shape[1])):
                found = image.window(slice(first, last), slice(left, right))
                np.testing.assert_array_equal(found, expected[first:last, left:right])
                assert found.dtype == np.dtype(dtype).newbyteorder("=")


@pytest.mark.parametrize("order", ["C", "F"])
def test_windows_lie_in_few_pieces(tmp_path, order):
    # Rows of a file by rows, columns of one by columns: then a window is a piece of each band at most.
    np.save(tmp_path / "a.npy", np.zeros((3000, 3000, 4), np.uint8, order=order))
    image = open_image(tmp_path / "a.npy")
    windows = windows_of(image)
    assert len(windows) > 1
    for window in windows:
        sides = [(part.start, part.stop) for part in window]
        assert sides[1 if order == "C" else 0] == (0, 3000)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("size", [0, 5000, -1])
def test_a_file_that_becomes_shorter_is_an_error(tmp_path, order, size):
    file = tmp_path / "a.npy"
    np.save(file, np.ones((100, 100, 4), np.uint16, order=order))
    image = open_image(file)
    with file.open("r+b") as opened:
        opened.truncate(size % file.stat().st_size)
    with pytest.raises(InputError, match=r"a\.npy: can no longer be read: it was truncated"):
        image.read()
    file.unlink()
    with pytest.raises(InputError, match=r"a\.npy: can no longer be read: .*No such file"):
        image.read()


@pytest.mark.parametrize(
    "shape", [(-1, 5, 5), (-1, -1, 5), (5, 5, 0), (), (5,), (5, 5, 5, 5), (2**70, 5, 5), (10**6, 10**6)]
)
def test_absurd_shapes_are_refused(tmp_path, shape):
    file = tmp_path / "a.npy"
    with file.open("wb") as opened:
        np.lib.format.write_array_header_1_0(opened, {"descr": "<f8", "fortran_order": False, "shape": shape})
        opened.write(b"0" * 1000)
    with pytest.raises(InputError, match=r"a\.npy: ") as caught:
        open_image(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "held"),
    [
        (np.array([[{}]], object), "Python objects"),
        (np.array([["a"]]), "text"),
        (np.array([[1j]]), "complex numbers"),
        (np.zeros((1, 1), "V3"), r"\|V3"),
    ],
)
def test_what_is_no_number_is_named(tmp_path, values, held):
    np.save(tmp_path / "x.npy", values, allow_pickle=True)
    with pytest.raises(InputError, match=rf"x\.npy: expected numbers, found {held}$"):
        open_image(tmp_path / "x.npy", None, 1000)
