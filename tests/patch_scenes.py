"""Scenes with masked pixels, for patches."""

from pathlib import Path

import numpy as np

from hscd.scenes.image import Image
from hscd.scenes.scene import Scene

BANDS = 3


def scene_of(valid, seed=0):
    """A scene of random values, of which those that are masked would be seen at once."""
    rng = np.random.default_rng(seed)
    images = [rng.random((*valid.shape, BANDS)).astype(np.float32) for _ in range(2)]
    for image in images:
        image[~valid] = 1e6

    def image(pixels):
        block = (1, pixels.shape[1])
        return Image(Path("a"), "test", pixels.shape, pixels.dtype, block, lambda rows, columns: pixels[rows, columns])

    truth = np.zeros(valid.shape, np.uint8)
    return Scene("a", image(images[0]), image(images[1]), truth, None if valid.all() else valid, None)
