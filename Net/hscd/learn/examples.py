"""Labelled pairs, and triplets of them, as a training draws them: to be looked at before one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hscd.detectors.tools.samples import chosen
from hscd.heads import Head
from hscd.labels import CHANGED, UNCHANGED
from hscd.losses.mining import mined

# Pairs of each class that stand for a batch.
_BATCH = 32


class Triplets(NamedTuple):
    """Unchanged pairs, each with the changed pair that it is set against.

    `positive` and `negative` are (triplets,) distances, between the spectra of the unchanged pair, and to the negative.
    """

    unchanged: np.ndarray
    changed: np.ndarray
    positive: np.ndarray
    negative: np.ndarray


class Examples(NamedTuple):
    """Pixel pairs of each class, (pairs, 2, bands), by its label, and triplets; of a class that is missing, none."""

    pairs: dict[int, np.ndarray]
    triplets: Triplets | None

    def with_gaps(self, bands: np.ndarray) -> Examples:
        """The same, NaN at some bands, (bands,) boolean; distances stay those of all bands."""
        pairs = {label: np.where(bands, np.nan, of) for label, of in self.pairs.items()}
        triplets = self.triplets
        if triplets is not None:
            unchanged, changed = (np.where(bands, np.nan, of) for of in triplets[:2])
            triplets = triplets._replace(unchanged=unchanged, changed=changed)
        return Examples(pairs, triplets)


def examples(
    images: tuple[np.ndarray, np.ndarray], labels: np.ndarray, head: Head, *, count: int, rescaled: bool,
    negatives: str, seed: int,
) -> Examples:  # fmt: skip
    """Some random pairs of each class, and triplets of them.

    There is no network yet: negatives are mined by the distances between the spectra themselves.

    Args:
        images: before and after image, (rows, columns, bands).
        labels: (rows, columns) labels; of pixels without data unknown.
        head: what measures distances.
        count: pairs of each class, and triplets, at most.
        rescaled: whether distances are those of bands rescaled to [0, 1] over these pairs.
        negatives: `triplet_negatives` of `hscd.losses.triplet`.
        seed: of what is drawn.
    """
    rng = np.random.default_rng(seed)
    drawn: dict[int, np.ndarray] = {}
    for label in (UNCHANGED, CHANGED):
        places = np.flatnonzero(labels == label)
        if len(places):
            some = rng.permutation(places[chosen(len(places), rng, _BATCH)])
            at = np.unravel_index(some, labels.shape)
            drawn[label] = np.stack([image[at] for image in images], axis=1).astype(np.float64)
    triplets = _triplets(drawn, head, rescaled, negatives, count) if len(drawn) == len((UNCHANGED, CHANGED)) else None
    return Examples({label: pairs[:count] for label, pairs in drawn.items()}, triplets)


def _triplets(drawn: dict[int, np.ndarray], head: Head, rescaled: bool, negatives: str, count: int) -> Triplets:
    """Triplets of the first unchanged pairs, the negatives mined among all changed ones."""
    unchanged, changed = drawn[UNCHANGED][:count], drawn[CHANGED]
    seen = np.concatenate([unchanged, changed])
    if rescaled:
        every = np.concatenate([drawn[UNCHANGED], changed])
        low, high = every.min(axis=(0, 1)), every.max(axis=(0, 1))
        seen = (seen - low) / np.where(high > low, high - low, 1)
    own = head.function(seen[:, 0], seen[:, 1])
    # With "pairs" each anchor has the same row, as in the loss.
    others = np.broadcast_to(own, (len(seen), len(seen)))
    if negatives == "spectra":
        others = np.stack(
            [head.function(np.broadcast_to(anchor, seen[:, 1].shape), seen[:, 1]) for anchor in seen[:, 0]]
        )
    candidates = np.arange(len(seen)) >= len(unchanged)
    negative = mined(own, others, candidates, np)[: len(unchanged)]
    return Triplets(
        unchanged, changed[negative - len(unchanged)], own[: len(unchanged)],
        others[np.arange(len(unchanged)), negative],
    )  # fmt: skip
