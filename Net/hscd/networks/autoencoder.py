"""Autoencoders: a branch, a code, and a decoder that mirrors the branch."""

from __future__ import annotations

from typing import Any

from hscd.system.backend import keras


def units_of_code(embeddings: Any, code: int) -> int:
    """Units of a code that is no wider than the embedding."""
    return min(int(embeddings.shape[-1]), code)


def narrowed(embeddings: Any, code: int) -> Any:
    """The code: the embedding (spectra, units) itself, or a linear layer of it where it is wider than `code`."""
    if embeddings.shape[-1] <= code:
        return embeddings
    return keras.layers.Dense(code, name="code")(embeddings)


def dense_decoder(codes: Any, branch: keras.Model) -> Any:
    """Spectra (spectra, bands) from codes, by dense layers of the sizes that the branch has, from its end.

    The last layer is linear, the others are rectified.
    """
    sizes = [layer.units for layer in branch.layers if isinstance(layer, keras.layers.Dense)]
    x = codes
    for number, units in enumerate(reversed(sizes[:-1])):
        x = keras.layers.Dense(units, activation="relu", name=f"decoder_{number}")(x)
    return keras.layers.Dense(branch.input_shape[-1], name="reconstruction")(x)


def convolutional_decoder(codes: Any, branch: keras.Model) -> Any:
    """Spectra (spectra, bands) from codes, by the convolutions of a branch (`hscd.branches.convolutional`) backwards.

    Raises:
        ValueError: if the branch has no convolutions.
    """
    convolutions = [layer for layer in branch.layers if isinstance(layer, keras.layers.Conv1D)]
    if not convolutions:
        raise ValueError("the branch has no convolutions, which a convolutional autoencoder is to mirror")
    bands, kernel = branch.input_shape[-1], convolutions[0].kernel_size
    length = -(-bands // 2 ** len(convolutions))
    filters = [layer.filters for layer in convolutions]
    x = keras.layers.Dense(length * filters[-1], activation="relu", name="decoder_dense")(codes)
    x = keras.layers.Reshape((length, filters[-1]))(x)
    for number, count in enumerate([*reversed(filters[:-1]), 1]):
        x = keras.layers.UpSampling1D(2)(x)
        last = number == len(filters) - 1
        x = keras.layers.Conv1D(
            count, kernel, padding="same", activation=None if last else "relu", name=f"decoder_{number}"
        )(x)
    x = keras.layers.Cropping1D((0, int(x.shape[1]) - bands))(x)
    return keras.layers.Reshape((bands,), name="reconstruction")(x)


class Noise(keras.layers.Layer):
    """Adds normal noise of a deviation in training; unlike Keras' own layer, of any deviation."""

    def __init__(self, deviation: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.deviation = float(deviation)
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training:
            return inputs
        return inputs + keras.random.normal(keras.ops.shape(inputs), stddev=self.deviation, seed=self.seed_generator)


class Sampled(keras.layers.Layer):
    """Codes drawn from normal distributions; their means where nothing is trained.

    Adds `weight` times the mean over spectra of the Kullback–Leibler divergence of these distributions from the
    standard one, ½ Σ (mean² + variance − log variance − 1).
    """

    def __init__(self, weight: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.weight = weight
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, inputs: Any, training: bool = False) -> Any:
        means, log_variances = inputs
        ops = keras.ops
        # A variance beyond e^±20 is none that a code has; the exponential stays finite.
        log_variances = ops.clip(log_variances, -20.0, 20.0)
        divergence = ops.square(means) + ops.exp(log_variances) - log_variances - 1
        self.add_loss(self.weight * ops.mean(ops.sum(divergence, axis=-1)) / 2)
        if not training:
            return means
        drawn = keras.random.normal(ops.shape(means), seed=self.seed_generator)
        return means + drawn * ops.exp(log_variances / 2)
