"""Stage: what a fine-tuning changed, seen without labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hscd.detectors.tools.samples import positions
from hscd.evaluation.confusion import confusion
from hscd.scenes.scene import Scene
from hscd.scores import ScoreMap, classify
from hscd.system.errors import InputError
from pipeline.plan import Plan

if TYPE_CHECKING:
    from hscd.system.backend import keras

# Pixels that both maps are compared on: their kappa is that of all pixels to two digits.
_PIXELS = 50_000


class Untuned:
    """The map that a network gives before it is fine-tuned, of a sample of the pixels of a pair.

    Args:
        plan: whose threshold cuts its distances, those of the sample by themselves.
        model: as it was saved.
        scene: the pair.
        seed: of the sample.
    """

    def __init__(self, plan: Plan, model: keras.Model, scene: Scene, seed: int) -> None:
        from hscd.learn.training import predict

        self._positions = positions(scene, np.random.default_rng(seed), _PIXELS)
        scores = predict(model, scene.take(self._positions))
        self._labels: np.ndarray | None = None
        try:
            cut = plan.cut(ScoreMap(scores, scene.grid, plan.model_name), scene, None)
        except InputError:  # it calls all pixels the same, so there is no map to compare with
            return
        self._labels = classify(scores, cut.value)

    def agreement(self, labels: np.ndarray) -> float | None:
        """Cohen's kappa between the map of before and that of after the fine-tuning.

        Args:
            labels: (rows, columns) of after, 0 changed, 1 unchanged, 2 masked.

        Returns:
            1 where both are the same, 0 where they agree by chance only; None where there was no map before, or both
            are of one and the same class.
        """
        if self._labels is None:
            return None
        kappa = confusion(labels.ravel()[self._positions], self._labels).kappa
        return None if np.isnan(kappa) else kappa
