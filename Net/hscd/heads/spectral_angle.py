"""Spectral angle."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hscd.heads import register
from hscd.heads.formula import TINY, inner, namespace


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
    xp = namespace(x)
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
    is_zero = largest < TINY
    return xp.where(is_zero, 0.0, x / xp.where(is_zero, 1.0, largest))


def _constant(factor: Any, xp: Any) -> Any:
    """A factor of a spectrum, which the angle does not depend on: its gradient is 0, and need not be computed."""
    return factor if xp is np else xp.stop_gradient(factor)


def _length(x: Any, xp: Any) -> Any:
    """Euclidean norm over the last axis; the gradient of that of zero is 0."""
    energy = inner(x, x, xp)
    if xp is np:
        return np.sqrt(energy)
    # The root has an infinite slope at 0. The inner `where` keeps it out of the gradient, which would otherwise be NaN
    # even where the outer one does not select it.
    is_zero = energy < TINY
    return xp.where(is_zero, 0.0, xp.sqrt(xp.where(is_zero, 1.0, energy)))
