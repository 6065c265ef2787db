"""Small dense networks from spectra to spectra, fitted without labels; applied by plain matrix products."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np

from hscd.detectors.tools.products import CHUNK
from hscd.detectors.tools.samples import sampled_pairs
from hscd.detectors.tools.scaling import BandScaling, standard
from hscd.detectors.tools.threads import on_threads
from hscd.registry import Option
from hscd.scenes.scene import Scene
from hscd.system import parsing

# Units of a code where the bands are more: wider ones take longer, and find no more on the demo.
_UNITS = 8
CODE = Option(
    "autoencoder_code",
    lambda text: parsing.integer(text, 1),
    "an integer >= 1",
    None,
    "units of the code of an autoencoder (detector = code_distance or reconstruction)",
    f"{_UNITS}, or one fewer than the bands where they are no more",
)
# Units of the layers around it, at least; they are twice as many as those of the code.
_AROUND = 32
# Pixels that a network is fitted to, and epochs at most; an autoencoder of spectra learns little beyond them.
_PIXELS, _EPOCHS = 10_000, 30
# Epochs without a better one after which a fit ends, of a tenth of the pixels that is held out.
_PATIENCE = 4
# Below, none is held out.
_FEW = 100
# Share of the values on each side that are clipped before bands are scaled: outliers would be most of the error.
_CLIP = 0.001


class Layers(NamedTuple):
    """A network of dense layers, all but the last one rectified: kernels (inputs, units) and biases (units,)."""

    kernels: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]

    @property
    def encoder(self) -> Layers:
        """The layers up to the code, the narrowest one in the middle."""
        half = len(self.kernels) // 2
        return Layers(self.kernels[:half], self.biases[:half])

    def outputs(self, scaling: BandScaling, spectra: np.ndarray) -> np.ndarray:
        """What the network makes of spectra; that of a pixel does not depend on how many there are.

        Args:
            scaling: of the bands.
            spectra: (pixels, bands) float32.

        Returns:
            (pixels, units) float32.
        """
        found = np.empty((len(spectra), len(self.biases[-1])), np.float32)

        def one(part: slice) -> None:
            scaled = scaling.apply(spectra[part])
            values = np.zeros((CHUNK, spectra.shape[1]), np.float32)
            values[: len(scaled)] = scaled
            for number, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
                values = values @ kernel + bias
                if number + 1 < len(self.kernels):
                    np.maximum(values, 0, out=values)
            found[part] = values[: len(scaled)]

        on_threads(one, len(spectra), CHUNK)
        return found


class Sampled(NamedTuple):
    """A sample of a scene: pixel pairs (pixels, 2, bands) float32, and the scaling of the bands of each date."""

    pairs: np.ndarray
    scalings: tuple[BandScaling, BandScaling]

    def scaled(self, date: int) -> np.ndarray:
        """The scaled spectra of a date, (pixels, bands) float32."""
        return self.scalings[date].apply(self.pairs[:, date])


def sampled(scene: Scene, rng: np.random.Generator) -> Sampled:
    """Random pixels of a scene, each date on its own scale, which takes out what differs between the dates everywhere.

    Raises:
        InputError: if no pixel is valid.
    """
    pairs = sampled_pairs(scene, rng, _PIXELS)
    before, after = (standard(pairs[:, date], _CLIP, 1.0) for date in (0, 1))
    return Sampled(pairs, (before, after))


def fitted(inputs: np.ndarray, outputs: np.ndarray, code: int | None, rng: np.random.Generator) -> Layers:
    """Fit a network bands -> wider layer -> code -> wider layer -> bands, by mean squared error.

    Args:
        inputs: (pixels, bands) float32, scaled.
        outputs: (pixels, bands) float32, what is to become of them.
        code: units of the code; None for the default.
        rng: of the weights, of the pixels that are held out and of the order of the batches.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    units = code or min(_UNITS, max(1, inputs.shape[1] - 1))
    around = max(_AROUND, 2 * units)
    network = MLPRegressor(
        hidden_layer_sizes=(around, units, around),
        max_iter=_EPOCHS,
        early_stopping=len(inputs) >= _FEW,
        n_iter_no_change=_PATIENCE,
        tol=1e-5,
        batch_size=min(128, max(1, len(inputs) // 2)),
        random_state=int(rng.integers(2**31)),
    )
    # One band is one column of a single output to it.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=ConvergenceWarning)
        network.fit(inputs, outputs[:, 0] if outputs.shape[1] == 1 else outputs)
    kernels, biases = network.coefs_, network.intercepts_
    return Layers(tuple(part.astype(np.float32) for part in kernels), tuple(part.astype(np.float32) for part in biases))
