"""Errors of networks that reconstruct each date from the other one."""

from __future__ import annotations

import numpy as np

from hscd.detectors import DETECTORS, Scorer
from hscd.detectors.tools.autoencoder import CODE, Layers, fitted, sampled
from hscd.scenes.scene import Block, Scene

# Of a band of variance one: a median error below it is rounding.
_LEAST = 1e-8


@DETECTORS.register("reconstruction", CODE)
class Reconstruction:
    """The error with which autoencoders make the after spectrum of the before spectrum, and the other way round.

    Most pixels did not change, so a code that is narrower than a spectrum learns what these become, and what changed is
    reconstructed badly. An autoencoder of one date alone would call changed what it has not seen there, and miss what
    turned into a cover that it has seen: so each makes one date of the other one. The score is the sum over bands and
    directions of squared errors, each over its median in the sample, by which a noisy band counts no more than others.

    References:
        Kalinicheva, Sublime, Trocan (2019), "Change detection in satellite images using reconstruction errors of joint
        autoencoders", ICANN.
    """

    name = "reconstruction"
    unit = "scores"
    halo = 0
    scale = "root"
    degrees: float | None = None

    def __init__(self, autoencoder_code: int | None = None) -> None:
        self._code = autoencoder_code

    def fit(self, scene: Scene, rng: np.random.Generator) -> Scorer:
        """Fit both directions to a sample.

        Raises:
            InputError: if no pixel is valid.
        """
        sample = sampled(scene, rng)
        scaled = sample.scaled(0), sample.scaled(1)
        networks: list[Layers] = []
        weights: list[np.ndarray] = []
        for date in (0, 1):
            networks.append(fitted(scaled[date], scaled[1 - date], self._code, rng))
            made = networks[date].outputs(sample.scalings[date], sample.pairs[:, date])
            medians = np.median(np.square(made - scaled[1 - date]), axis=0)
            varies = sample.scalings[1 - date].factor > 0
            weights.append(np.where(varies, 1 / np.maximum(medians, _LEAST), 0).astype(np.float32))

        def score(block: Block) -> np.ndarray:
            pairs = block.pairs.reshape(-1, 2, block.pairs.shape[-1])
            total = np.zeros(len(pairs), np.float32)
            for date in (0, 1):
                made = networks[date].outputs(sample.scalings[date], pairs[:, date])
                total += (np.square(made - sample.scalings[1 - date].apply(pairs[:, 1 - date])) * weights[date]).sum(
                    axis=1
                )
            return total

        return score
