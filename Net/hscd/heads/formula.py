"""What formulas for arrays and tensors alike are written with."""

from __future__ import annotations

from typing import Any

import numpy as np

# Smallest normal float32: threads of TensorFlow take what is smaller for zero.
TINY = float(np.finfo(np.float32).tiny)


def namespace(array: Any) -> Any:
    """NumPy for arrays, keras.ops for tensors; Keras is not imported for the sake of arrays."""
    if isinstance(array, np.ndarray):
        return np
    from hscd.system.backend import keras

    return keras.ops


def inner(x: Any, y: Any, xp: Any) -> Any:
    """Inner product over the last axis; in double precision on arrays."""
    if xp is np:
        return np.einsum("...i,...i->...", x, y, dtype=np.float64)
    return xp.sum(x * y, axis=-1)
