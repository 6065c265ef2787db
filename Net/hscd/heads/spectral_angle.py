"""Spectral angle."""

from __future__ import annotations

import math
from typing import Any

from hscd.heads import register
from hscd.heads.formula import length, of_one_length


@register("SAM", margin=math.pi / 2, same_below=math.pi / 4)
def SAM(x: Any, y: Any) -> Any:  # noqa: N802 - the name saved models refer to
    """Spectral angle in radians, [0, π], over the last axis.

    It is 2·atan2(|x−y|, |x+y|) of spectra that are brought to the same length: as accurate for small angles and for
    those near π as for others, where the arc cosine of a rounded cosine loses half of the digits. On arrays it is
    computed in double precision.

    The angle between a zero spectrum and another is π/2, between two zero spectra 0. The gradient is finite for all of
    them: 0 where there is none, which is at zero spectra and where two point in the same or in opposite directions.

    Example:
        >>> import numpy as np
        >>> SAM(np.array([[1.0, 1.0]]), np.array([[1.0, 0.0]])).round(4).tolist()  # 45°
        [0.7854]

    References:
        Kruse et al. (1993), "The Spectral Image Processing System (SIPS)", Remote Sensing of Environment 44.
        Kahan (2006), "How Futile are Mindless Assessments of Roundoff in Floating-Point Computation?", section 12.
    """
    x, y, xp = of_one_length(x, y)
    return 2 * xp.arctan2(length(x - y, xp), length(x + y, xp))  # of two zero spectra the arc tangent of 0 and 0, 0
