"""Fewer of the pseudo-labels that were selected, drawn at random from each class."""

from __future__ import annotations

import numpy as np

from hscd.labels import CHANGED, UNCHANGED
from hscd.selections import Selected

# Pixels that a class keeps in any case, if it has them: a training needs two.
_LEAST = 2


def thinned(
    selected: Selected,
    rng: np.random.Generator,
    *,
    like: np.ndarray | None = None,
    limit: int | None = None,
) -> Selected:
    """Leave out pixels of one class until the classes have a given ratio, then of both until there are not too many.

    Args:
        selected: positions and labels.
        rng: draws which ones stay.
        like: labels of any shape, 0 changed, 1 unchanged, others left out; the classes get the ratio that they have
            there, unless one of them is not there. None for the ratio as it is.
        limit: number of pixels that may stay, >= 4, of each class as many as its share makes; None for any.

    Returns:
        Positions and labels of those that stay, in the order in which they came.
    """
    positions, labels = selected
    members = [np.flatnonzero(labels == label) for label in (CHANGED, UNCHANGED)]
    counts = [len(part) for part in members]
    if like is not None:
        changed, unchanged = (int(np.count_nonzero(like == label)) for label in (CHANGED, UNCHANGED))
        if changed and unchanged:
            wanted = (counts[1] * changed // unchanged, counts[0] * unchanged // changed)
            counts = [min(count, max(_LEAST, of)) for count, of in zip(counts, wanted, strict=True)]
    if limit is not None and sum(counts) > limit:
        least = [min(_LEAST, count) for count in counts]
        share = round(limit * counts[0] / sum(counts))
        changed = max(least[0], min(share, limit - least[1]))
        counts = [changed, limit - changed]
    kept = np.sort(
        np.concatenate([rng.choice(part, count, replace=False) for part, count in zip(members, counts, strict=True)])
    )
    return positions[kept], labels[kept]
