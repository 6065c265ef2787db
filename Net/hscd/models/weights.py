"""Weights of a branch network as HDF5, in the layout of Keras 2 that `load_weights` of Keras 3 reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from hscd.system import hdf5
from hscd.system.errors import InputError, brief

# Of the files that are written; `schema` tells what each number means, and how to raise it.
VERSION = 2
# Attributes of ours, which Keras passes over.
_VERSION = "hscd_version"
_BANDS = "hscd_bands"
_PARAMETERS = "hscd_parameters"
_RESCALED = "hscd_rescaled"
_TRAINED_ON = "hscd_trained_on"
_SPECTRA = "hscd_spectra"


class MissingModelError(InputError):
    """A file of a model is missing."""


def packed(
    weights: Mapping[str, np.ndarray],
    parameters: str = "",
    rescaled: bool | None = None,
    bands: int | None = None,
    trained_on: Sequence[str] = (),
    spectra: str = "",
) -> bytes:
    """Weights as the content of a file.

    Args:
        weights: arrays by name ("dense/kernel"), in the order of the network.
        parameters: digest of the parameters that belong to them; "" for none.
        rescaled: whether they were trained on rescaled bands; None where that is not known.
        bands: of a spectrum; None where that is not known.
        trained_on: fingerprints of the pairs that they were trained on; none where these are not known.
        spectra: statistics of the spectra that they were trained on (`scenes.domain_shift`); "" for none.
    """
    import h5py  # here: --help has no use for it

    # In memory: an error of the disk inside the HDF5 library would be lost. The earliest layout is what all can read.
    with h5py.File("weights", "w", driver="core", backing_store=False, libver="earliest") as h5:
        h5.attrs["backend"] = "tensorflow"
        h5.attrs["keras_version"] = "2.4.0"
        h5.attrs["layer_names"] = np.array([b"branch"])
        h5.attrs[_VERSION] = str(VERSION)
        if bands is not None:
            h5.attrs[_BANDS] = str(bands)
        if parameters:
            h5.attrs[_PARAMETERS] = parameters
        if rescaled is not None:
            h5.attrs[_RESCALED] = str(rescaled)
        if trained_on:
            h5.attrs[_TRAINED_ON] = " ".join(trained_on)
        if spectra:
            h5.attrs[_SPECTRA] = spectra
        group = h5.create_group("branch")
        group.attrs["weight_names"] = np.array([name.encode() for name in weights])
        for name, values in weights.items():
            group.create_dataset(name, data=values)
        h5.flush()
        return h5.id.get_file_image()


class WeightFile:
    """An open file of weights, of which nothing but names and sizes has been read.

    Attributes:
        version: 1 where the file has no number.
        bands: of a spectrum; None where the file does not say.
        parameters: digest of the parameters that belong to the weights; "" where the file has none.
        rescaled: whether they were trained on rescaled bands; None where the file does not say.
        trained_on: fingerprints of the pairs that they were trained on; empty where the file does not say.
        spectra: statistics of the spectra that they were trained on, as a text; "" where the file does not say.
    """

    def __init__(self, path: Path, file: hdf5.File) -> None:
        self._path = path
        self.version = _number(file.root, _VERSION) or 1
        if self.version > VERSION:  # before anything that may be laid out otherwise there
            raise InputError(
                f"{path}: a model of version {self.version}, saved by a later version of this program; this one "
                f"reads versions up to {VERSION}"
            )
        self.bands = _number(file.root, _BANDS)
        self._datasets = [
            layer.follow(name).dataset()
            for layer in map(file.root.follow, _names(file.root, "layer_names"))
            for name in _names(layer, "weight_names")
        ]
        if sum(dataset.nbytes for dataset in self._datasets) > file.size:
            raise ValueError("it declares the same values several times")
        self.parameters = "".join(file.root.texts(_PARAMETERS) or ())
        self.rescaled = {"True": True, "False": False}.get("".join(file.root.texts(_RESCALED) or ()))
        self.trained_on = frozenset("".join(file.root.texts(_TRAINED_ON) or ()).split())
        self.spectra = "".join(file.root.texts(_SPECTRA) or ())

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the weights, in the order of the network; the file holds as many numbers as they declare."""
        return [dataset.shape for dataset in self._datasets]

    def read(self) -> list[np.ndarray]:
        """The weights, in the order of the network.

        Raises:
            InputError: if one is NaN or infinite.
        """
        with _damage(self._path):
            weights = [dataset.read() for dataset in self._datasets]
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
    with _damage(path):
        stored = WeightFile(path, hdf5.File(path))
    yield stored


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Have whatever damaged bytes lead to be an InputError."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path}: not a readable file of Keras weights: {brief(error)}") from error


def _names(node: hdf5.Node, attribute: str) -> list[str]:
    """The names in an attribute of Keras."""
    names = node.texts(attribute)
    if names is None:
        raise ValueError(f"it has no {attribute}")
    return names


def _number(node: hdf5.Node, attribute: str) -> int | None:
    """An integer >= 1 in an attribute of ours, which is text; None if there is none."""
    text = "".join(node.texts(attribute) or ())
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise ValueError(f"its {attribute} is {brief(text, 20)!r}")
    return int(text)


def require(file: Path) -> None:
    """Raise `MissingModelError` where a file of a model is missing."""
    if not file.is_file():
        raise MissingModelError(f"{file}: no such file")
