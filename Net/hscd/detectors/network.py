"""A trained Siamese network as a detector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hscd.detectors import Scorer
from hscd.scenes.patches import extended, halo
from hscd.scenes.scene import Block, Scene

if TYPE_CHECKING:
    from hscd.system.backend import keras


class TrainedNetwork:
    """The distances that a trained network gives to pixel pairs.

    Args:
        name: what to call it.
        model: network of `hscd.networks.siamese`; one that sees neighbours goes over whole windows at once.
    """

    unit = "prediction"
    scale = "linear"
    degrees: float | None = None

    def __init__(self, name: str, model: keras.Model) -> None:
        from hscd.networks.siamese import reach

        self.name = name
        self.model = model
        self._reach = reach(model)
        self.halo = halo(self._reach)

    def fit(self, scene: Scene, rng: np.random.Generator) -> Scorer:
        """Nothing to fit: it is trained."""
        from hscd.learn.images import predict_image
        from hscd.learn.training import predict

        def score(block: Block) -> np.ndarray:
            if self._reach:
                wanted = None if block.valid is None else block.valid[block.inner]
                return predict_image(self.model, extended(block, self._reach), wanted)
            pairs = block.pairs.reshape(-1, *block.pairs.shape[2:])
            if block.valid is None:
                return predict(self.model, pairs)
            scores = np.full(len(pairs), np.nan, np.float32)
            valid = np.flatnonzero(block.valid)
            if len(valid):
                scores[valid] = predict(self.model, pairs, valid)
            return scores

        return score
