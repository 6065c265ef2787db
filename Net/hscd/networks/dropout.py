"""Dropout that costs little."""

from __future__ import annotations

from typing import Any

from hscd.system.backend import keras

# Masks a layer draws for an epoch; more where a batch needs more.
MASKS = 4096


class MaskPoolDropout(keras.layers.Layer):
    """Dropout whose masks are drawn for a whole epoch at once (`redraw`).

    Keras' Dropout draws a random number for each value of each batch, a third of a training step on a CPU. Here there
    is a pool of some thousand masks, and the spectra that go through the network together, a batch or a thread's part
    of it, take a run of them from a random place on. Their masks are independent; with others of the epoch they may
    share some. The pool is not among the layer's weights: it is
    not saved, and not restored with the weights of the best epoch.

    Args:
        rate: share of the values that become 0; the others grow by 1 / (1 − rate).

    Raises:
        ValueError: if the rate is not in [0, 1[.
    """

    def __init__(self, rate: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"a dropout rate must be in [0, 1[, received {rate}")
        self.rate = float(rate)
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape: Any) -> None:
        self._pool = _Pool()
        self._make(MASKS, input_shape[-1])

    def _make(self, count: int, units: int) -> None:
        self._pool.masks = keras.Variable(self._draw, shape=(count, units), trainable=False, name="masks")

    def _draw(self, shape: Any, dtype: Any = None) -> Any:
        keep = keras.random.uniform(shape, seed=self.seed_generator) >= self.rate
        return keras.ops.cast(keep, dtype or "float32") / (1 - self.rate)

    @property
    def masks(self) -> keras.Variable:
        """(masks, units) factors: 0, or 1 / (1 − rate)."""
        return self._pool.masks

    def reserve(self, spectra: int) -> None:
        """See to it that a batch of so many spectra finds enough masks; to be called before anything is compiled."""
        count, units = self.masks.shape
        if count < 2 * spectra:
            self._make(2 * spectra, units)

    def redraw(self) -> None:
        """Draw new masks."""
        self.masks.assign(self._draw(self.masks.shape))

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        spectra = keras.ops.shape(inputs)[0]
        start = keras.random.randint((), 0, self.masks.shape[0] - spectra + 1, seed=self.seed_generator)
        # A run of whole rows: TensorFlow takes it without a copy.
        masks = keras.ops.convert_to_tensor(self.masks)
        return inputs * keras.ops.slice(masks, (start, 0), (spectra, inputs.shape[-1]))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate}


class _Pool:
    """Keeps a variable out of Keras' sight, which takes every variable of a layer for one of its weights."""

    masks: keras.Variable


def dropout_layers(model: keras.Model) -> list[MaskPoolDropout]:
    """The layers of a model, and of the layers within them, that drop anything."""
    return [layer for layer in model._flatten_layers() if isinstance(layer, MaskPoolDropout) and layer.rate > 0]
