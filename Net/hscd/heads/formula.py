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


def difference(x: Any, y: Any, xp: Any) -> Any:
    """x − y; of integers in floating point, as unsigned ones would wrap around."""
    if xp is np and (kinds := np.result_type(x, y)).kind in "biu":
        return np.subtract(x, y, dtype=np.promote_types(kinds, np.float32))
    return x - y


def inner(x: Any, y: Any, xp: Any) -> Any:
    """Inner product over the last axis; in double precision on arrays."""
    if xp is np:
        return np.einsum("...i,...i->...", x, y, dtype=np.float64)
    return xp.sum(x * y, axis=-1)


def of_one_length(x: Any, y: Any) -> tuple[Any, Any, Any]:
    """Two spectra, the second one brought to the length of the first, for formulas that depend on directions alone.

    The ratio of the lengths counts as a constant: a formula has to be such that a change of it changes nothing to first
    order, as any that is symmetric in both does. A zero spectrum has no direction; the other one is left as it is then.

    Returns:
        Both, in double precision for arrays and of maximum 1 or less for tensors; and their namespace.
    """
    xp = namespace(x)
    x, y = _in_range(x, xp), _in_range(y, xp)
    length_x, length_y = length(x, xp), length(y, xp)
    one_is_zero = xp.equal(xp.minimum(length_x, length_y), 0)  # `==` is no operation of a network
    ratio = xp.where(one_is_zero, 1.0, length_x) / xp.where(one_is_zero, 1.0, length_y)
    return x, y * _constant(ratio, xp)[..., None], xp


def _in_range(x: Any, xp: Any) -> Any:
    """Spectra whose squares neither overflow nor vanish: arrays in double precision, tensors of maximum 1."""
    if xp is np:
        return x.astype(np.float64)  # once: faster than in each of the operations that follow
    largest = _constant(xp.max(xp.abs(x), axis=-1, keepdims=True), xp)
    is_zero = largest < TINY
    return xp.where(is_zero, 0.0, x / xp.where(is_zero, 1.0, largest))


def _constant(factor: Any, xp: Any) -> Any:
    """A factor of a spectrum, which the angle does not depend on: its gradient is 0, and need not be computed."""
    return factor if xp is np else xp.stop_gradient(factor)


def length(x: Any, xp: Any) -> Any:
    """Euclidean norm over the last axis; the gradient of that of zero is 0."""
    energy = inner(x, x, xp)
    if xp is np:
        return np.sqrt(energy)
    # The root has an infinite slope at 0. The inner `where` keeps it out of the gradient, which would otherwise be NaN
    # even where the outer one does not select it.
    is_zero = energy < TINY
    return xp.where(is_zero, 0.0, xp.sqrt(xp.where(is_zero, 1.0, energy)))
