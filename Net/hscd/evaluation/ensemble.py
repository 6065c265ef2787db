"""What several maps of one scene say together: their mean probability of change, their spread, what is uncertain.

References:
    Lakshminarayanan, Pritzel, Blundell (2017), "Simple and scalable predictive uncertainty estimation using deep
        ensembles", NIPS 30: members that differ by their random seed, combined by the mean of their probabilities.
"""

from __future__ import annotations

import numpy as np

from hscd.labels import CHANGED
from hscd.system.parallel import over_blocks

# A probability between these is neither that of change nor that of none.
SURELY_UNCHANGED, SURELY_CHANGED = 0.1, 0.9
_BLOCK_PIXELS = 2**18


class Members:
    """Running sums over the members of an ensemble, so that no more than one member is in memory.

    Args:
        shape: (rows, columns) of the maps.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.count = 0
        self._mean = np.zeros(shape, np.float32)
        self._squares = np.zeros(shape, np.float32)  # of the deviations from the mean
        self._changed = np.zeros(shape, np.uint16)

    def add(self, probability: np.ndarray, labels: np.ndarray, times: int = 1) -> None:
        """Add a member, or several that say the same.

        Args:
            probability: (rows, columns) float32 in [0, 1], NaN where masked.
            labels: (rows, columns), 0 changed, 1 unchanged, 2 masked.
            times: how many.

        References:
            Chan, Golub, LeVeque (1983), "Algorithms for computing the sample variance", The American
                Statistician 37(3).
        """
        before = self.count
        self.count += times
        given, changed = probability.ravel(), labels.ravel() == CHANGED
        mean, squares, votes = self._mean.reshape(-1), self._squares.reshape(-1), self._changed.reshape(-1)

        def update(part: slice) -> None:
            delta = given[part] - mean[part]
            mean[part] += delta * np.float32(times / self.count)
            squares[part] += delta * delta * np.float32(before * times / self.count)
            votes[part] += changed[part] * np.uint16(times)

        over_blocks(update, given.size, _BLOCK_PIXELS)

    @property
    def probability(self) -> np.ndarray:
        """Mean of the members' probabilities of change, (rows, columns) float32, NaN where masked."""
        return self._mean

    @property
    def score(self) -> np.ndarray:
        """Share of the members that call a pixel changed, (rows, columns) float32; above .5 the majority does.

        The mean probability has one vote more, which decides between halves and ranks what has as many votes.
        """
        return (self._changed + self._mean) / np.float32(self.count + 1)

    @property
    def spread(self) -> np.ndarray:
        """Standard deviation of the members' probabilities, (rows, columns) float32, NaN where masked."""
        return np.sqrt(self._squares / np.float32(self.count))

    @property
    def disagree(self) -> np.ndarray:
        """Where some members, not all, call a pixel changed, (rows, columns)."""
        return (self._changed > 0) & (self._changed < self.count)

    @property
    def uncertain(self) -> np.ndarray:
        """Where the mean probability is between .1 and .9, or the members disagree, (rows, columns)."""
        return ((self._mean > SURELY_UNCHANGED) & (self._mean < SURELY_CHANGED)) | self.disagree
