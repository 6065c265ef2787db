"""Synthetic embeddings of set difficulty, of which the best that a classifier can reach is known."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

# Units of an embedding, and items that a classifier is judged by.
UNITS, JUDGED = 128, 4000
# An embedding an item, and its label.
Items = tuple[np.ndarray, np.ndarray]


class Case(NamedTuple):
    """Synthetic embeddings: two classes of normal noise of deviation 1, whose means are `distance` apart.

    Those that are judged may be turned by some degrees and moved along the line between the means, as those of another
    place are. With `clusters`, each class has two means, at opposite corners of a square: no plane parts them.
    """

    title: str
    distance: float
    items: int = 2000
    flipped: float = 0.0
    degrees: float = 0.0
    moved: float = 0.0
    clusters: bool = False

    def best(self) -> float:
        """Accuracy of whoever knows all of it, Bayes'."""
        side = (1 + math.erf(self.distance / math.sqrt(8))) / 2
        return side**2 + (1 - side) ** 2 if self.clusters else side

    def sets(self, seed: int) -> tuple[Items, Items]:
        """Those to learn from, and those to be judged, which lie class by class as files in folders do."""
        rng = np.random.default_rng(seed)
        (embeddings, labels), (judged, truth) = (self._drawn(rng, count) for count in (self.items, JUDGED))
        labels = np.where(rng.random(len(labels)) < self.flipped, 1 - labels, labels)
        turn = math.radians(self.degrees)
        first, second = judged[:, 0].copy(), judged[:, 1].copy()
        judged[:, 0] = first * math.cos(turn) - second * math.sin(turn) + self.moved
        judged[:, 1] = first * math.sin(turn) + second * math.cos(turn)
        order = np.argsort(truth, kind="stable")
        return (embeddings, labels), (judged[order], truth[order])

    def _drawn(self, rng: np.random.Generator, count: int) -> Items:
        labels = rng.integers(0, 2, count)
        embeddings = rng.standard_normal((count, UNITS), dtype=np.float32)
        side = 2 * labels - 1
        if self.clusters:
            corner = rng.choice((-1, 1), count)
            embeddings[:, 1] += self.distance / 2 * corner
            side = side * corner
        embeddings[:, 0] += self.distance / 2 * side
        return embeddings, labels.astype(np.uint8)


CASES = (
    *(Case(f"means {distance} apart", distance) for distance in (1, 2, 3, 4)),
    Case("3 apart, 200 items", 3, items=200),
    Case("3 apart, 30 % of the labels wrong", 3, flipped=0.3),
    Case("3 apart, judged turned 30° and moved .5", 3, degrees=30, moved=0.5),
    Case("two clusters a class, 4 apart", 4, clusters=True),
)
# Where the loss and other choices of a correction are compared.
VARIED = Case("means 3 apart", 3)
