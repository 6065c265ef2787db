"""No normalisation."""

from __future__ import annotations

import numpy as np

from hscd.normalisation import NORMALISATIONS
from hscd.scenes.scene import Scene


@NORMALISATIONS.register("none")
def none(scene: Scene, rng: np.random.Generator) -> None:
    """Values as they are."""
