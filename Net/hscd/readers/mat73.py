"""MATLAB files of version 7.3, which are HDF5 behind a header of 512 bytes; and HDF5 without it, named .mat.

MATLAB stores arrays by columns: the dataset of an array of (rows, columns, bands) has the axes (bands, columns, rows).
So it is read also where nothing says that MATLAB wrote it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hscd.readers.limits import check_size
from hscd.scenes.image import Image, axes_of_image
from hscd.system import hdf5, naming
from hscd.system.errors import InputError, brief, listing

SUFFIXES: tuple[str, ...] = ()  # .mat is that of `mat`, which sends this version here

_WHAT = "MATLAB 7.3 file"
_CLASS, _EMPTY = "MATLAB_class", "MATLAB_empty"
_NOT_VARIABLES = ("#refs#", "#subsystem#")  # what cells and objects refer to
_GUESSED = (
    "holds HDF5 that MATLAB did not write (no MATLAB_class); its axes are taken as MATLAB stores them, in reverse, "
    "(bands, columns, rows): {} rows × {} columns × {} band(s)"
)
_NUMBERS = {"double", "single", "logical"} | {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
_OTHER_CLASSES = {"cell": "a cell array", "char": "text", "struct": "a structure", "function_handle": "a function"}


def open_image(path: Path, variable: str, limit: int) -> Image:
    """Open one variable of a MATLAB 7.3 file, in the number type it is stored in.

    A window takes the memory of its own values, and in each process that reads them that of a chunk.

    Raises:
        InputError: if the file is unreadable, does not hold the variable, or holds something else than an image in it,
            or if a chunk of it declares more than `limit` bytes; reading, if the file is damaged.
    """
    with hdf5.opened(path, _WHAT) as file:
        dataset = _found(path, file.root, variable)
        of_matlab = file.root.children[variable].texts(_CLASS) is not None
    rows, columns, bands = axes_of_image(path, dataset.shape[::-1])
    block = (rows, 1)
    if dataset.chunk is not None:
        check_size(path, dataset.chunk_nbytes, limit)
        block = (min(rows, dataset.chunk[-1]), min(columns, dataset.chunk[-2]))

    def window(rows: slice, columns: slice) -> np.ndarray:
        with hdf5.opened(path, _WHAT):
            values = dataset.window([slice(0, bands), columns, rows][-len(dataset.shape) :])
        return values.T if values.ndim == 3 else values.T[:, :, None]

    return Image(
        path,
        "MATLAB 7.3" if of_matlab else "HDF5",
        (rows, columns, bands),
        dataset.dtype,
        block,
        window,
        notes=() if of_matlab else (_GUESSED.format(rows, columns, bands),),
    )


def arrays(path: Path) -> list[tuple[str, tuple[int, ...]]]:
    """Names and shapes, as MATLAB has them, of the arrays of real numbers with two or three axes in a file.

    Raises:
        InputError: if the file is unreadable.
    """
    found = []
    with hdf5.opened(path, _WHAT) as file:
        for name, node in file.root.children.items():
            if name not in _NOT_VARIABLES and not _other_kind(node) and not node.numbers(_EMPTY):
                shape = node.shape[::-1]
                if len(shape) in (2, 3) and 0 not in shape:
                    found.append((name, shape))
    return found


def _found(path: Path, root: hdf5.Node, variable: str) -> hdf5.Dataset:
    present = [name for name in root.children if name not in _NOT_VARIABLES]
    if variable not in present:
        names = listing(present, brief)
        raise InputError(f"{path}: no variable {variable!r} ({naming.named('matLabel')}); it holds: {names}")
    node = root.children[variable]
    if kind := _other_kind(node):
        raise InputError(f"{path}: expected numbers, found {kind} in {variable!r}")
    # The values of an empty array are the lengths of its axes.
    if node.numbers(_EMPTY):
        raise InputError(f"{path}: expected numbers, found an empty array in {variable!r}")
    return node.dataset(plain=False)


def _other_kind(node: hdf5.Node) -> str:
    """What a variable is if it is not an array of real numbers; "" if it is one."""
    of_class = "".join(node.texts(_CLASS) or ())
    if node.is_group:
        sparse = node.numbers("MATLAB_sparse") is not None
        return "a sparse array" if sparse else _OTHER_CLASSES.get(of_class, "a structure")
    if of_class and of_class not in _NUMBERS:
        return _OTHER_CLASSES.get(of_class, f"an object of class {brief(of_class)}")
    if node.value_class in ("integers", "floating-point numbers"):
        return ""
    # MATLAB's complex numbers are pairs of the fields "real" and "imag".
    return "complex numbers" if node.value_class == "compound values" else node.value_class
