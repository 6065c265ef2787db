"""Weights come back as they were; of other people's HDF5 files nothing but plain datasets is read."""

import h5py
import numpy as np
import pytest

from conftest import SHARED, needs_shared
from hscd.models import weights
from hscd.system.errors import InputError


def write(path, arrays):
    path.write_bytes(weights.packed(arrays))


def read(path):
    with weights.open_file(path) as stored:
        return stored.read()


def some_weights():
    rng = np.random.default_rng(0)
    shapes = {"dense/kernel": (5, 8), "dense/bias": (8,), "dense_1/kernel": (8, 3), "dense_1/bias": (3,)}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def test_weights_come_back_in_the_order_of_the_network(tmp_path):
    # Not in alphabetical order, in which HDF5 lists its groups.
    arrays = dict(reversed(some_weights().items()))
    write(tmp_path / "m.h5", arrays)
    found = read(tmp_path / "m.h5")
    assert len(found) == len(arrays)
    for array, expected in zip(found, arrays.values(), strict=True):
        np.testing.assert_array_equal(array, expected, strict=True)


def test_weights_are_laid_out_as_keras_2_does(tmp_path):
    write(tmp_path / "m.h5", some_weights())
    with h5py.File(tmp_path / "m.h5") as h5:
        (layer,) = h5
        assert [as_text(name) for name in h5.attrs["layer_names"]] == [layer]
        assert [as_text(name) for name in h5[layer].attrs["weight_names"]] == list(some_weights())


def as_text(name):
    return name.decode() if isinstance(name, bytes) else name


def test_shapes_and_the_digest_of_the_parameters_are_known_before_anything_is_read(tmp_path):
    (tmp_path / "m.h5").write_bytes(weights.packed(some_weights(), "some digest"))
    with weights.open_file(tmp_path / "m.h5") as stored:
        assert stored.shapes == [(5, 8), (8,), (8, 3), (3,)]
        assert stored.parameters == "some digest"
    write(tmp_path / "m.h5", some_weights())
    with weights.open_file(tmp_path / "m.h5") as stored:
        assert stored.parameters == ""


@needs_shared
@pytest.mark.parametrize("name", ["BAEDotsu", "SBEDotsu"])
def test_legacy_weights_load(name):
    found = read(SHARED / "legacy" / f"{name}.h5")
    # 224 bands, layers of 224, 128 and 64 units, as the parameter files say: a kernel and a bias each.
    assert [array.shape for array in found] == [(224, 224), (224,), (224, 128), (128,), (128, 64), (64,)]
    assert all(array.dtype == np.float32 and np.isfinite(array).all() for array in found)


@pytest.mark.parametrize("content", [b"", b"no HDF5 at all", bytes(4096), b"\x89HDF\r\n\x1a\n"])
def test_a_file_that_is_not_hdf5_is_an_input_error(tmp_path, content):
    (tmp_path / "m.h5").write_bytes(content)
    with pytest.raises(InputError, match="not a readable file of Keras weights") as caught:
        read(tmp_path / "m.h5")
    assert str(tmp_path / "m.h5") in str(caught.value)


def test_truncated_weights_are_an_input_error(tmp_path):
    write(tmp_path / "m.h5", some_weights())
    whole = (tmp_path / "m.h5").read_bytes()
    for length in range(0, len(whole), 500):
        (tmp_path / "m.h5").write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"m\.h5"):
            read(tmp_path / "m.h5")


@pytest.mark.parametrize("case", ["no attributes", "unknown layer", "layer without weights", "missing weight"])
def test_other_hdf5_files_are_input_errors(tmp_path, case):
    with h5py.File(tmp_path / "m.h5", "w") as h5:
        group = h5.create_group("branch")
        if case != "no attributes":
            h5.attrs["layer_names"] = [b"other" if case == "unknown layer" else b"branch"]
        if case == "missing weight":
            group.attrs["weight_names"] = [b"dense/kernel"]
    with pytest.raises(InputError, match=r"m\.h5"):
        read(tmp_path / "m.h5")


def test_missing_weights_are_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"absent\.h5"):
        read(tmp_path / "absent.h5")


# --- hostile files ---------------------------------------------------------------------------------------------------


def hostile_file(path, kind, secret):
    """A weight file of one kernel, stored in a way that no program of this field does."""
    with h5py.File(path, "w") as h5:
        h5.attrs["layer_names"] = [b"branch"]
        group = h5.create_group("branch")
        group.attrs["weight_names"] = [b"dense/kernel"]
        if kind == "external link":
            group["dense"] = h5py.ExternalLink(secret, "/dense")
        elif kind == "external link of a layer":
            del h5["branch"]
            h5["branch"] = h5py.ExternalLink(secret, "/")
        elif kind == "soft link":
            h5["elsewhere"] = np.zeros((2, 3), np.float32)
            group["dense/kernel"] = h5py.SoftLink("/elsewhere")
        elif kind == "external storage":
            group.create_dataset("dense/kernel", (2, 3), "f4", external=[(secret, 0, h5py.h5f.UNLIMITED)])
        elif kind == "virtual dataset":
            layout = h5py.VirtualLayout((2, 3), "f4")
            layout[:] = h5py.VirtualSource(str(secret), "dense/kernel", (2, 3))
            group.create_virtual_dataset("dense/kernel", layout)
        elif kind == "compressed":
            group.create_dataset("dense/kernel", (4096, 4096), "f4", compression="gzip", fillvalue=1)
        elif kind == "never written":
            group.create_dataset("dense/kernel", (1_000_000, 1_000_000), "f4")
        elif kind == "texts":
            group.create_dataset("dense/kernel", data=[b"text"])
        elif kind == "references":
            group.create_dataset("dense/kernel", data=[h5.ref], dtype=h5py.ref_dtype)
        elif kind == "compound":
            group.create_dataset("dense/kernel", data=np.zeros(3, [("a", "f4"), ("b", "f8")]))
        elif kind == "group":
            group.create_group("dense/kernel")
        elif kind == "empty":
            group.create_dataset("dense/kernel", data=h5py.Empty("f4"))
        elif kind == "infinite":
            group.create_dataset("dense/kernel", data=np.full((2, 3), np.inf, np.float32))


@pytest.mark.parametrize(
    "kind",
    [
        "external link", "external link of a layer", "soft link", "external storage", "virtual dataset", "compressed",
        "never written", "texts", "references", "compound", "group", "empty", "infinite",
    ],
)  # fmt: skip
def test_anything_but_plain_datasets_is_refused(tmp_path, kind):
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as h5:
        h5["dense/kernel"] = np.zeros((2, 3), np.float32)
    hostile_file(tmp_path / "m.h5", kind, secret)
    with pytest.raises(InputError, match=r"m\.h5: [^\n]*$"):
        read(tmp_path / "m.h5")


# The same way of writing, with a plain dataset, is read: the test above can fail.
def test_a_plain_dataset_is_read(tmp_path):
    hostile_file(tmp_path / "m.h5", "none", None)
    with h5py.File(tmp_path / "m.h5", "a") as h5:
        h5["branch/dense/kernel"] = np.ones((2, 3), np.float32)
    assert read(tmp_path / "m.h5")[0].tolist() == [[1, 1, 1], [1, 1, 1]]
