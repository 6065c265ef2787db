"""Which of the arrays of a file is meant where no name is given: the only one whose axes fit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hscd.system import naming
from hscd.system.errors import InputError, brief, listing

Arrays = Sequence[tuple[str, tuple[int, ...]]]


def of_image(path: Path, arrays: Arrays, others: Sequence[str] = ()) -> str:
    """The name of the array that is an image: the only one of three axes, or without any the only one of two.

    Args:
        path: the file, for the error.
        arrays: names and shapes of the arrays of numbers in it.
        others: what else it holds, for the error.

    Raises:
        InputError: if none or several fit; it lists them.
    """
    cubes = [array for array in arrays if _axes(array[1]) == 3]
    fitting = cubes or _planes(arrays)
    return _only(path, arrays, others, fitting, "an image", "matLabel")


def of_label_map(path: Path, arrays: Arrays, others: Sequence[str] = ()) -> str:
    """The name of the array that is a label map: the only one of two axes. Arguments and errors as `of_image`."""
    return _only(path, arrays, others, _planes(arrays), "a label map", "matLabelTruth")


def _planes(arrays: Arrays) -> list[tuple[str, tuple[int, ...]]]:
    """The arrays of two axes that are no vectors, as those of wavelengths are."""
    return [array for array in arrays if _axes(array[1]) == 2 and 1 not in array[1][:2]]


def _axes(shape: tuple[int, ...]) -> int:
    """The number of axes, without those of length 1 behind the second."""
    while len(shape) > 2 and shape[-1] == 1:
        shape = shape[:-1]
    return len(shape)


def _only(path: Path, arrays: Arrays, others: Sequence[str], fitting: Arrays, what: str, key: str) -> str:
    if not fitting and len(arrays) == 1:
        fitting = arrays  # what does not fit about it is said where it is read
    if len(fitting) == 1:
        return fitting[0][0]
    listed = [f"{brief(name)} ({' × '.join(map(str, shape))})" for name, shape in fitting or arrays]
    listed += [] if fitting else [brief(other) for other in others]
    found = listing(listed)
    if fitting:
        first = naming.given(key, brief(fitting[0][0]))
        each = f", or {naming.named('matLabelA')} and {naming.named('matLabelB')} of two images"
        raise InputError(
            f"{path}: several arrays can be {what}: {found}; say which one is meant, as by {first}"
            f"{each if key == 'matLabel' else ''}"
        )
    raise InputError(f"{path}: no array of numbers can be {what}; it holds: {found}")
