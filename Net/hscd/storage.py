"""The only place that writes result files and the only one that unpickles.

Every file is written beside its target under a temporary name and moved over it when it is whole, so that what is on
disk is the old file or the new one, never a part of either.
"""

from __future__ import annotations

import csv
import io
import os
import pickle
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from hscd import unpickling
from hscd.errors import InputError

if TYPE_CHECKING:
    import h5py


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `path` when the block ends without an error.

    The folder is created if it is missing. The file gets the usual access rights of a new file, not the private
    ones of a temporary file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows of one set of columns under one header row; None and NaN become empty cells."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: None if value is None or value != value else value for name, value in row.items()})
    with atomic_file(path) as file:
        file.write(text.getvalue().encode("utf-8"))


def write_figure(path: Path, figure: Any, dpi: int) -> None:
    """Write a Matplotlib figure as PNG."""
    with atomic_file(path) as file:
        figure.savefig(file, format="png", dpi=dpi)


# --- pickles ---------------------------------------------------------------------------------------------------------


def read_pickle(path: Path) -> dict[str, Any]:
    """Read a parameter or pseudo-label file: a dict of plain values, NumPy arrays and distances.

    No code from the file is run.

    Raises:
        InputError: if the file is damaged, refers to anything else, or does not hold a dict.
    """
    try:
        with path.open("rb") as file:
            content = unpickling.load(file)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except Exception as error:  # damaged pickles raise whatever the broken opcode leads to
        raise InputError(f"{path}: not a usable pickle file: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a dict, found {type(content).__name__}")
    return content


def write_pickle(path: Path, content: Mapping[str, Any]) -> None:
    """Write a dict that the guide's program reads too; a distance function is stored by the name it has there."""
    plain = {key: value.item() if isinstance(value, np.generic) else value for key, value in content.items()}
    heads = {key: value.__name__ for key, value in plain.items() if callable(value)}
    plain.update({key: f"<{name}>" for key, name in heads.items()})
    # Pickle names a function by the module it is imported from, which for the distances is not `siamese`, and for
    # arrays is one that NumPy 1 does not have. Protocol 3 has no frame lengths, so the names can be exchanged in its
    # bytes. Pickle names a thing once, before its content: the first match is the name, not content that looks like it.
    data = pickle.dumps(plain, protocol=3)
    data = data.replace(b"cnumpy._core.multiarray\n_reconstruct\n", b"cnumpy.core.multiarray\n_reconstruct\n", 1)
    for name in heads.values():
        placeholder = f"<{name}>".encode()
        data = data.replace(
            b"X" + len(placeholder).to_bytes(4, "little") + placeholder,
            f"c{unpickling.HEAD_MODULE}\n{name}\n".encode(),
            1,
        )
    with atomic_file(path) as file:
        file.write(data)


# --- weights ---------------------------------------------------------------------------------------------------------


def write_weights(path: Path, weights: Mapping[str, np.ndarray]) -> None:
    """Write the weights of a branch network as HDF5, in the layout of Keras 2 that `load_weights` of Keras 3 reads.

    Args:
        path: target, ending in `.h5`.
        weights: arrays by name ("dense/kernel"), in the order of the network.
    """
    import h5py  # here: --help has no use for it

    with atomic_file(path) as file, h5py.File(file, "w") as h5:
        h5.attrs["backend"] = "tensorflow"
        h5.attrs["keras_version"] = "2.4.0"
        h5.attrs["layer_names"] = np.array([b"branch"])
        group = h5.create_group("branch")
        group.attrs["weight_names"] = np.array([name.encode() for name in weights])
        for name, values in weights.items():
            group.create_dataset(name, data=values)


def read_weights(path: Path) -> list[np.ndarray]:
    """Read the weights of a model file in the order of the network.

    Raises:
        InputError: if the file is missing or not a weight file of Keras' HDF5 layout.
    """
    import h5py

    try:
        with h5py.File(path, "r") as h5:
            return [h5[layer][name][()] for layer in h5.attrs["layer_names"] for name in _weight_names(h5[layer])]
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{path}: not a readable file of Keras weights: {error}") from error


def _weight_names(group: h5py.Group) -> Iterable[bytes]:
    return group.attrs["weight_names"]
