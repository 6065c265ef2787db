"""Cosine distance."""

from __future__ import annotations

from typing import Any

from hscd.heads import register
from hscd.heads.formula import inner, of_one_length


@register("COS", margin=1.0, same_below=0.5)
def cosine_dist(x: Any, y: Any) -> Any:
    """Cosine distance 1 − cos θ over the last axis, [0, 2], of spectra at an angle θ; 1 at the right angle.

    It orders pairs as the spectral angle does. As a head it differs in its slope, sin θ: that of nearly equal
    embeddings vanishes instead of staying 1, so equal pairs are pulled together less and less.

    It is 2|x−y|² / (|x−y|² + |x+y|²) of spectra that are brought to the same length: as accurate for small angles as
    for others, where 1 less a rounded cosine loses all digits below 6e-8 in float32. On arrays it is computed in double
    precision.

    Of a zero spectrum and another it is 1, of two zero spectra 0. The gradient is finite for all of them.

    References:
        Salton, McGill (1983), "Introduction to modern information retrieval", of the cosine as a likeness.
        Schroff, Kalenichenko, Philbin (2015), "FaceNet: a unified embedding for face recognition and clustering", CVPR,
            of distances of embeddings of unit length: half of the square of theirs.
    """
    x, y, xp = of_one_length(x, y)
    differing, along = (inner(part, part, xp) for part in (x - y, x + y))
    both = differing + along
    return 2 * differing / xp.where(xp.equal(both, 0), 1.0, both)
