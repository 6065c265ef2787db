"""Which array of a MATLAB file is read where none is named."""

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from hscd.readers import read_image, read_label_map
from hscd.readers.variables import of_image, of_label_map
from image_files import refuses

CUBE, PLANE, VECTOR, OTHER = (4, 5, 3), (4, 5), (1, 30), (2, 2, 2, 2)


# The only one of three axes, or without any the only one of two that is no vector; what is alone is taken.
@pytest.mark.parametrize(
    ("shapes", "image", "labels"),
    [
        ([CUBE], 0, 0),
        ([PLANE], 0, 0),
        ([VECTOR], 0, 0),
        ([OTHER], 0, 0),
        ([VECTOR, PLANE, CUBE], 2, 1),
        ([PLANE, VECTOR, (30, 1), (1, 1)], 0, 0),
        ([PLANE, OTHER, CUBE], 2, 0),
        ([(4, 5, 1), CUBE], 1, 0),  # one band: an axis of length 1
    ],
)
def test_the_only_one_that_fits(tmp_path, shapes, image, labels):
    arrays = [(f"v{number}", shape) for number, shape in enumerate(shapes)]
    assert of_image(tmp_path, arrays) == f"v{image}"
    assert of_label_map(tmp_path, arrays) == f"v{labels}"


def test_several_that_fit_are_listed_with_their_shapes_and_the_key_to_set(tmp_path):
    arrays = [("T1", CUBE), ("T2", (4, 5, 9)), ("Binary", PLANE), ("Multiple", PLANE)]
    said = refuses(of_image, tmp_path, arrays)
    meant = "say which one is meant, as by"
    assert said.endswith(
        f"several arrays can be an image: T1 (4 × 5 × 3), T2 (4 × 5 × 9); {meant} matLabel = T1, or matLabelA and "
        "matLabelB of two images"
    )
    said = refuses(of_label_map, tmp_path, arrays)
    assert said.endswith(f"a label map: Binary (4 × 5), Multiple (4 × 5); {meant} matLabelTruth = Binary")
    many = refuses(of_image, tmp_path, [(f"v{number}", PLANE) for number in range(12)])
    assert many.count("4 × 5") == 10
    assert "v9 (4 × 5) and 2 more;" in many


def test_none_that_fits_is_told_with_what_is_there(tmp_path):
    assert "no array of numbers can be an image; it holds: none" in refuses(of_image, tmp_path, [])
    file = tmp_path / "text.mat"
    savemat(file, {"img": np.array([["a", "bc"]], object), "say": "x"})
    said = refuses(read_label_map, file)
    assert said.endswith("no array of numbers can be a label map; it holds: img (a cell array), say (text)")
    said = refuses(of_label_map, tmp_path, [("a", CUBE), ("b", VECTOR)])
    assert "no array of numbers can be a label map; it holds: a (4 × 5 × 3), b (1 × 30)" in said


def savemat_4(path, arrays):
    """Level 4 has no arrays of three axes."""
    savemat(path, {name: values for name, values in arrays.items() if np.ndim(values) == 2}, format="4")


def write_mat73(path, arrays):
    """As MATLAB does: axes reversed, behind a header of its own."""
    with h5py.File(path, "w", userblock_size=512, libver="earliest") as file:
        for name, values in arrays.items():
            of_class = {"f8": "double", "u1": "uint8"}[values.dtype.str[1:]]
            file.create_dataset(name, data=values.T).attrs["MATLAB_class"] = np.bytes_(of_class)
        file.create_dataset("none", data=np.zeros(2, np.uint64)).attrs["MATLAB_empty"] = np.uint8(1)
        file.create_dataset("note", data=np.zeros((5, 4), np.uint16)).attrs["MATLAB_class"] = np.bytes_("char")
        file.create_dataset("#refs#", data=np.zeros((5, 4)))
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM")


@pytest.mark.parametrize("write", [savemat, savemat_4, write_mat73])
def test_every_version(tmp_path, write):
    path = tmp_path / "a.mat"
    rng = np.random.default_rng(0)
    cube, plane = rng.random(CUBE), rng.integers(0, 3, PLANE).astype(np.uint8)
    write(path, {"wavelength": rng.random(VECTOR), "cube": cube, "map": plane})
    np.testing.assert_array_equal(read_label_map(path), plane)
    np.testing.assert_array_equal(read_image(path), plane[:, :, None] if write is savemat_4 else cube)


def test_what_is_no_array_of_numbers_is_passed_over(tmp_path):
    path = tmp_path / "a.mat"
    savemat(path, {"note": "text", "info": {"a": np.zeros(PLANE)}, "z": np.zeros(PLANE) * 1j, "map": np.ones(PLANE)})
    assert (read_label_map(path) == 1).all()
    savemat(path, {"note": "text", "map": np.ones(PLANE)}, format="4")
    assert (read_label_map(path) == 1).all()
    savemat(path, {"note": np.array(["of", "me"])}, format="4")
    assert refuses(read_label_map, path).endswith("no array of numbers can be a label map; it holds: note (text)")


def test_a_damaged_file_is_told(tmp_path):
    path = tmp_path / "a.mat"
    savemat(path, {"cube": np.zeros(CUBE)})
    path.write_bytes(path.read_bytes()[:200])
    for function in (read_image, read_label_map):
        assert "unreadable or truncated .mat file" in refuses(function, path)
