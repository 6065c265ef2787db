"""Weights of a branch network as HDF5, in the layout of Keras 2 that `load_weights` of Keras 3 reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hscd.errors import InputError

if TYPE_CHECKING:
    import h5py

# An attribute of ours, which Keras passes over.
_PARAMETERS = "hscd_parameters"


def packed(weights: Mapping[str, np.ndarray], parameters: str = "") -> bytes:
    """Weights as the content of a file.

    Args:
        weights: arrays by name ("dense/kernel"), in the order of the network.
        parameters: digest of the parameters that belong to them; "" for none.
    """
    import h5py  # here: --help has no use for it

    # In memory: an error of the disk inside the HDF5 library would be lost.
    with h5py.File("weights", "w", driver="core", backing_store=False) as h5:
        h5.attrs["backend"] = "tensorflow"
        h5.attrs["keras_version"] = "2.4.0"
        h5.attrs["layer_names"] = np.array([b"branch"])
        if parameters:
            h5.attrs[_PARAMETERS] = parameters
        group = h5.create_group("branch")
        group.attrs["weight_names"] = np.array([name.encode() for name in weights])
        for name, values in weights.items():
            group.create_dataset(name, data=values)
        h5.flush()
        return h5.id.get_file_image()


class WeightFile:
    """An open file of weights, of which nothing but names and sizes has been read."""

    def __init__(self, path: Path, h5: h5py.File) -> None:
        self._path = path
        self._datasets = [
            _dataset(_follow(h5, layer), name)
            for layer in _names(h5, "layer_names")
            for name in _names(_follow(h5, layer), "weight_names")
        ]
        digest = h5.attrs.get(_PARAMETERS, "")
        self.parameters = digest if isinstance(digest, str) else ""

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the weights, in the order of the network; the file holds as many numbers as they declare."""
        return [dataset.shape for dataset in self._datasets]

    def read(self) -> list[np.ndarray]:
        """The weights, in the order of the network.

        Raises:
            InputError: if one is NaN or infinite.
        """
        weights = [dataset[()] for dataset in self._datasets]
        if not all(np.isfinite(values).all() for values in weights):
            raise InputError(f"{self._path}: holds weights that are NaN or infinite")
        return weights


@contextmanager
def open_file(path: Path) -> Iterator[WeightFile]:
    """Open a file of weights for reading.

    Only plain datasets are accepted, whose numbers lie in the file itself: no links to elsewhere, nothing compressed.

    Raises:
        InputError: if the file is missing or not a weight file of Keras' HDF5 layout.
    """
    import h5py

    try:
        with h5py.File(path, "r") as h5:
            yield WeightFile(path, h5)
    except InputError:
        raise
    except Exception as error:  # damaged bytes make HDF5 raise a dozen different types
        raise InputError(f"{path}: not a readable file of Keras weights: {error}") from error


def _names(group: h5py.Group, attribute: str) -> list[str]:
    """The names in an attribute of Keras."""
    names = group.attrs[attribute]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in np.atleast_1d(names)]


def _follow(group: h5py.Group, name: str) -> Any:
    """What a name leads to, by links inside the file only."""
    import h5py

    for part in name.split("/"):
        if not isinstance(group.get(part, getlink=True), h5py.HardLink):
            raise ValueError(f"{name!r} is a link, to another file perhaps")
        group = group[part]
    return group


def _dataset(group: h5py.Group, name: str) -> h5py.Dataset:
    """A dataset of numbers that all lie in this file."""
    import h5py

    dataset = _follow(group, name)
    if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind != "f" or dataset.shape is None:
        raise ValueError(f"{name!r} is not an array of floating-point numbers")
    layout = dataset.id.get_create_plist().get_layout()
    if layout not in (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT) or dataset.external:
        raise ValueError(f"{name!r} is stored in pieces, compressed or in another file; save it as a plain array")
    if dataset.id.get_storage_size() < dataset.nbytes:
        raise ValueError(f"{name!r} declares {dataset.nbytes} bytes, {dataset.id.get_storage_size()} are stored")
    return dataset
