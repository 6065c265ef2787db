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
# Energy (Σx²) below which a spectrum counts as zero. Its square is still a normal float32.
_TINY = 1e-18
# Rows a block: two blocks of 224 bands stay in the cache, and the interpreter's share of the time is small.
_BLOCK_ROWS = 2048


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
    """Inner product over the last axis; in double precision on arrays, where small angles would drown in rounding."""
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

    The angle between a zero spectrum and another is π/2, between two zero spectra 0. The gradient is finite
    everywhere, and zero for parallel spectra.

    References:
        Kruse et al. (1993), "The Spectral Image Processing System (SIPS)", Remote Sensing of Environment 44.
    """
    xp = _namespace(x)
    energy_x, energy_y = _inner(x, x, xp), _inner(y, y, xp)
    # One root of the product, not a product of roots: it makes the cosine of identical spectra exactly 1.
    norms = xp.sqrt(xp.maximum(energy_x, _TINY) * xp.maximum(energy_y, _TINY))
    cosine = xp.clip(_inner(x, y, xp) / norms, -1.0, 1.0)
    cosine = xp.where(xp.maximum(energy_x, energy_y) <= _TINY, xp.ones_like(cosine), cosine)
    # arccos has an infinite slope at ±1; the inner `where` keeps that slope out of the gradient, which would
    # otherwise be NaN even where the outer `where` does not select it.
    oblique = xp.abs(cosine) < 1.0
    angle = xp.arccos(xp.where(oblique, cosine, xp.zeros_like(cosine)))
    return xp.where(oblique, angle, xp.where(cosine > 0, xp.zeros_like(cosine), xp.full_like(cosine, math.pi)))


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

    over_blocks(measure, len(first), _BLOCK_ROWS)
    return distances
