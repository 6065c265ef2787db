"""Kinds of change: what of a change map changed alike, told without labels by the direction of change; one file each.

A member of the family is a function from a sample of change vectors (`vectors.Changes`), what draws at random, and its
options, to what tells the kinds of pixel pairs apart (`Told`), or None, which tells none:

    found = kinds_of(scene, labels, "clusters", np.random.default_rng(0))
    found.values    # (rows, columns): 0 unchanged, 1 … kinds from the most to the least frequent one, 255 no data
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from hscd.kinds import vectors
from hscd.labels import CHANGED, UNCHANGED
from hscd.registry import Option, Registry
from hscd.scenes.scene import Scene, progress
from hscd.system import parsing

# As many as a legend, and a reader, can keep apart.
MOST = 8
NO_DATA = 255
# An option of all members that look for a number of kinds.
COUNT = Option(
    "kinds_count", partial(parsing.integer, low=1, high=MOST), f"an integer from 1 to {MOST}", None,
    "number of kinds of change", "derived from the changed pixels",
)  # fmt: skip


class Told(NamedTuple):
    """What tells kinds apart.

    `number` gives the kind of each pixel pair, (pixels,) from 0, of (pixels, 2, bands) float32; there are `kinds` of
    them, each with a pixel of the sample. `doubts` say what makes them doubtful, a line each. Kinds that have `names`
    are classes that were learned from labels: they keep their order, and may have no pixel.
    """

    number: Callable[[np.ndarray], np.ndarray]
    kinds: int
    doubts: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


KINDS: Registry[Callable[..., Told] | None] = Registry("kinds of change", __name__)


@dataclass(frozen=True)
class KindMap:
    """A map of the kinds of change of a pair.

    `values`, (rows, columns) uint8, are 0 where nothing changed, 1 and so on the kinds, the most frequent one first,
    and 255 where it is not known; `pixels`, (kinds,), are how many each has. `spectra`, (kinds, 2, bands), are the mean
    spectra of each before and after, and `deviations` their standard deviations, in the units of the images. `method`
    is the member's name. Kinds that have `names` are learned classes, in their order; the spectra of one that does not
    occur are NaN.
    """

    method: str
    values: np.ndarray
    pixels: np.ndarray
    spectra: np.ndarray
    deviations: np.ndarray
    doubts: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def shares(self) -> np.ndarray:
        """Of each kind among the changed pixels, (kinds,) in [0, 1]."""
        return self.pixels / max(1, int(self.pixels.sum()))


def kinds_of(scene: Scene, labels: np.ndarray, method: str, rng: np.random.Generator, **options: Any) -> KindMap | None:
    """Tell the kinds of change of a map apart.

    They are fitted to a sample of its changed pixels, and every changed pixel is then numbered window by window. Mean
    spectra are those of the sample.

    Args:
        scene: the pair.
        labels: (rows, columns) its change map, 0 changed, 1 unchanged, 2 unknown.
        method: a name of `KINDS`.
        rng: draws the samples.
        **options: of that method.

    Returns:
        The map, of no kinds where nothing changed; None of a method that tells no kinds.
    """
    tell = KINDS[method]
    if tell is None:
        return None
    values = np.where(labels == UNCHANGED, np.uint8(0), np.uint8(NO_DATA))
    changes = vectors.sampled(scene, labels, rng)
    if changes is None:
        return KindMap(method, values, np.zeros(0, int), *np.zeros((2, 0, 2, scene.bands)))
    told = tell(changes, rng, **options)
    _number(scene, labels, told, values)
    counts = np.bincount(values[labels == CHANGED], minlength=told.kinds + 1)[1:]
    # Stable: of two kinds of one size the one that was found first comes first.
    order = np.arange(told.kinds) if told.names else np.argsort(-counts, kind="stable")
    ranks = np.full(NO_DATA + 1, NO_DATA, np.uint8)
    ranks[0], ranks[order + 1] = 0, np.arange(1, told.kinds + 1)
    numbers = told.number(changes.pairs)
    spectra, deviations = np.full((2, told.kinds, 2, scene.bands), np.nan)
    for place, kind in enumerate(order):
        part = changes.pairs[numbers == kind]
        if len(part):
            spectra[place], deviations[place] = (of(part, axis=0, dtype=np.float64) for of in (np.mean, np.std))
    return KindMap(method, ranks[values], counts[order], spectra, deviations, told.doubts, told.names)


def _number(scene: Scene, labels: np.ndarray, told: Told, values: np.ndarray) -> None:
    """Put the number of its kind, from 1, where a pixel changed, window by window."""
    with progress(f"kinds of change of {scene.name}", labels.size) as bar:
        for window in scene.windows:
            changed = labels[window] == CHANGED
            if changed.any():
                pairs = scene.pairs(window)[changed.ravel()]
                values[window][changed] = told.number(pairs) + 1
            bar.update(changed.size)
