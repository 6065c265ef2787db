"""Euclidean distance."""

from __future__ import annotations

from typing import Any

from hscd.heads import register
from hscd.heads.formula import difference, inner, namespace

# Keras' own fuzz factor; models saved by the guide's program were trained with it under the root.
EPSILON = 1e-7


@register("ED", margin=1.0, same_below=0.5)
def euclidean_dist(x: Any, y: Any) -> Any:
    """Euclidean distance sqrt(max(Σ(x−y)², ε)) over the last axis.

    The floor ε keeps the gradient finite for identical spectra.
    """
    xp = namespace(x)
    apart = difference(x, y, xp)
    return xp.sqrt(xp.maximum(inner(apart, apart, xp), EPSILON))
