"""MATLAB files, version 4 to 7."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hscd.errors import InputError

SUFFIXES = (".mat",)


def read(path: Path, variable: str | None) -> np.ndarray:
    """Read one variable of a .mat file.

    Raises:
        InputError: if the file is unreadable or does not hold the variable.
    """
    from scipy.io import loadmat, whosmat

    if variable is None:
        raise InputError(f"{path}: set matLabel in its section to the variable that holds the data")
    try:
        present = [name for name, _, _ in whosmat(path)]
        if variable in present:
            return np.asarray(loadmat(path, variable_names=[variable])[variable])
    except NotImplementedError:
        raise InputError(f"{path}: MATLAB v7.3 files are not supported; save it with -v7") from None
    except Exception as error:  # damaged bytes make SciPy raise a dozen different types
        raise InputError(f"{path}: unreadable or truncated .mat file: {error}") from error
    raise InputError(f"{path}: no variable {variable!r} (matLabel); it holds: {', '.join(present) or 'none'}")
