"""Spectral distances: the head of the network and, on raw spectra, the source of pseudo-labels.

Each distance is one formula that runs on NumPy arrays and on Keras tensors alike; `@register` makes it known to
net.conf, to saved models and to the contract tests.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hscd.parallel import over_blocks

# Keras' own fuzz factor; models saved by the guide's program were trained with it under the root.
EPSILON = 1e-7
# Smallest normal float32: threads of TensorFlow take what is smaller for zero.
_TINY = float(np.finfo(np.float32).tiny)
# Values a block: its temporaries, half a MiB each in double precision, stay in the cache, and the interpreter's share
# of the time is small.
_BLOCK_VALUES = 2**16


@dataclass(frozen=True)
class Distance:
    """A distance and what the contrastive loss needs to know about its range.

    Attributes:
        name: how net.conf spells it.
        function: two (…, bands) arrays or tensors -> (…), >= 0.
        margin: distance beyond which a changed pair adds nothing to the loss.
        same_below: distance below which the training accuracy calls a pair unchanged.
    """

    name: str
    function: Callable[[Any, Any], Any]
    margin: float
    same_below: float


DISTANCES: dict[str, Distance] = {}


def register(name: str, *, margin: float, same_below: float) -> Callable[[Callable], Callable]:
    """Make a distance function known under `name`."""

    def add(function: Callable) -> Callable:
        DISTANCES[name] = Distance(name, function, margin, same_below)
        return function

    return add


def by_function(function: Callable | str) -> Distance:
    """The registered distance of a function, of a function's name or of a configured name.

    Raises:
        ValueError: if there is none.
    """
    for distance in DISTANCES.values():
        if function in (distance.function, distance.function.__name__, distance.name):
            return distance
    raise ValueError(f"unknown distance {function!r}; known: {', '.join(DISTANCES)}")


def _namespace(array: Any) -> Any:
    """NumPy for arrays, keras.ops for tensors; Keras is not imported for the sake of arrays."""
    if isinstance(array, np.ndarray):
        return np
    from hscd.backend import keras

    return keras.ops


def _inner(x: Any, y: Any, xp: Any) -> Any:
    """Inner product over the last axis; in double precision on arrays."""
    if xp is np:
        return np.einsum("...i,...i->...", x, y, dtype=np.float64)
    return xp.sum(x * y, axis=-1)


@register("ED", margin=1.0, same_below=0.5)
def euclidean_dist(x: Any, y: Any) -> Any:
    """Euclidean distance sqrt(max(Σ(x−y)², ε)) over the last axis.

    The floor ε keeps the gradient finite for identical spectra.
    """
    xp = _namespace(x)
    difference = x - y
    return xp.sqrt(xp.maximum(_inner(difference, difference, xp), EPSILON))


@register("SAM", margin=math.pi / 2, same_below=math.pi / 4)
def SAM(x: Any, y: Any) -> Any:  # noqa: N802 - the name saved models refer to
    """Spectral angle in radians, [0, π], over the last axis.

    It is 2·atan2(|x−y|, |x+y|) of spectra that are brought to the same length: as accurate for small angles and for
    those near π as for others, where the arc cosine of a rounded cosine loses half of the digits. On arrays it is
    computed in double precision.

    The angle between a zero spectrum and another is π/2, between two zero spectra 0. The gradient is finite for all of
    them: 0 where there is none, which is at zero spectra and where two point in the same or in opposite directions.

    References:
        Kruse et al. (1993), "The Spectral Image Processing System (SIPS)", Remote Sensing of Environment 44.
        Kahan (2006), "How Futile are Mindless Assessments of Roundoff in Floating-Point Computation?", section 12.
    """
    xp = _namespace(x)
    x, y = _in_range(x, xp), _in_range(y, xp)
    length_x, length_y = _length(x, xp), _length(y, xp)
    one_is_zero = xp.equal(xp.minimum(length_x, length_y), 0)  # `==` is no operation of a network
    ratio = xp.where(one_is_zero, 1.0, length_x) / xp.where(one_is_zero, 1.0, length_y)
    y = y * _constant(ratio, xp)[..., None]
    return 2 * xp.arctan2(_length(x - y, xp), _length(x + y, xp))  # of two zero spectra the arc tangent of 0 and 0, 0


def _in_range(x: Any, xp: Any) -> Any:
    """Spectra whose squares neither overflow nor vanish: arrays in double precision, tensors of maximum 1."""
    if xp is np:
        return x.astype(np.float64)  # once: faster than in each of the operations that follow
    largest = _constant(xp.max(xp.abs(x), axis=-1, keepdims=True), xp)
    is_zero = largest < _TINY
    return xp.where(is_zero, 0.0, x / xp.where(is_zero, 1.0, largest))


def _constant(factor: Any, xp: Any) -> Any:
    """A factor of a spectrum, which the angle does not depend on: its gradient is 0, and need not be computed."""
    return factor if xp is np else xp.stop_gradient(factor)


def _length(x: Any, xp: Any) -> Any:
    """Euclidean norm over the last axis; the gradient of that of zero is 0."""
    energy = _inner(x, x, xp)
    if xp is np:
        return np.sqrt(energy)
    # The root has an infinite slope at 0. The inner `where` keeps it out of the gradient, which would otherwise be NaN
    # even where the outer one does not select it.
    is_zero = energy < _TINY
    return xp.where(is_zero, 0.0, xp.sqrt(xp.where(is_zero, 1.0, energy)))


def pixel_distances(first: np.ndarray, second: np.ndarray, function: Callable[[Any, Any], Any]) -> np.ndarray:
    """Distances of pixel pairs, block by block, so that temporaries stay small.

    Args:
        first: (…, bands) array.
        second: array of the same shape.
        function: a distance of this module.

    Returns:
        float32 array of one value a pixel, row-major.

    Raises:
        ValueError: if the shapes differ.
    """
    if first.shape != second.shape:
        raise ValueError(f"arrays of one shape expected, received {first.shape} and {second.shape}")
    first = first.reshape(-1, first.shape[-1])
    second = second.reshape(-1, second.shape[-1])
    distances = np.empty(len(first), dtype=np.float32)

    def measure(block: slice) -> None:
        # Unsigned integers would wrap around in the difference.
        with np.errstate(over="ignore", invalid="ignore"):  # to infinity or NaN, which tells enough
            distances[block] = function(
                first[block].astype(np.float32, copy=False), second[block].astype(np.float32, copy=False)
            )

    over_blocks(measure, len(first), max(1, _BLOCK_VALUES // max(1, first.shape[1])))
    return distances
