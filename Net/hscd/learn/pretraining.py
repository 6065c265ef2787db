"""Pre-training: the weights of a branch from reconstructing unlabelled spectra, before it is trained on labels."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hscd.branches import branch_of
from hscd.learn import training
from hscd.learn.optimizers import Adam
from hscd.learn.samples import Samples
from hscd.networks.dropout import MaskPoolDropout
from hscd.pretraining import NONE, PRETRAININGS, code_size, own_options
from hscd.system.backend import keras

# Pairs a step, and the rate that Adam learns at. The trials of a search share them: their rates are for their losses.
BATCH, RATE = 128, 1e-3
# Epochs without a better one after which a pre-training ends, and the share of the pixels that it is judged by.
_PATIENCE, _HELD_OUT = 2, 0.1
# Pixel pairs of which the mean and the deviation are taken, and held-out ones of which the error of each band is.
_MEASURED, _JUDGED = 20_000, 5000
# Spectra that are shown.
_SHOWN = 6


@dataclass(frozen=True)
class Reconstruction:
    """How well spectra that were held out are reconstructed, in the units that the network gets them in.

    Attributes:
        error: (bands,) root of the mean squared error of each band.
        deviation: (bands,) standard deviation of each band, the error of whoever knows nothing but its mean.
        original: (spectra, bands) some of them, from the least to the greatest error.
        reconstructed: (spectra, bands) the same.
    """

    error: np.ndarray
    deviation: np.ndarray
    original: np.ndarray
    reconstructed: np.ndarray


@dataclass(frozen=True)
class Pretrained:
    """A branch that was trained, how that went, and what its autoencoder makes of spectra.

    The losses of `fit` are squared errors as a share of the variance of all bands together, and what the
    pre-training adds to them.
    """

    branch: keras.Model
    fit: training.FitResult
    reconstruction: Reconstruction


def pretrained(
    branch: keras.Model,
    pairs: np.ndarray | Samples,
    parameters: Mapping[str, Any],
    *,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Pretrained:
    """Train a branch as the encoder of an autoencoder on both spectra of pixel pairs, without labels.

    Nothing is dropped meanwhile: what corrupts the spectra is the pre-training's to say.

    Args:
        branch: model from (batch, bands) to (batch, units); its weights are changed, and its dropout is switched off.
        pairs: (pairs, 2, bands) float32 array, or samples.
        parameters: `pretraining`, a member of `PRETRAININGS`, with its options.
        seed: of the decoder's weights, of the noise, of the pairs that are held out and of the order of the batches.
        callbacks: further Keras callbacks.

    Raises:
        ValueError: if the branch is none that the pre-training can mirror.
        TrainingDivergedError: if a loss or a weight is not finite.
    """
    random.seed(seed)  # Keras draws its seeds from there
    for layer in branch._flatten_layers():
        if isinstance(layer, MaskPoolDropout):
            layer.rate = 0.0
    order = np.random.default_rng(seed).permutation(len(pairs))
    held_out = max(1, round(_HELD_OUT * len(pairs)))
    validation, train = np.sort(order[:held_out]), np.sort(order[held_out:])
    sample = _taken(pairs, train[:: -(-len(train) // _MEASURED)]).reshape(-1, pairs.shape[-1]).astype(np.float64)
    mean, scale = sample.mean(axis=0), float(np.sqrt(sample.var(axis=0).mean())) or 1.0
    model, spectra = _autoencoder(branch, parameters, mean, scale)
    rules = training.Rules(int(parameters["pretraining_epochs"]), 0.0, _PATIENCE, _HELD_OUT)
    fit = training.fit(
        model, pairs, np.zeros(len(pairs), np.uint8), train, validation,
        rules=rules, batch_size=BATCH, seed=seed, callbacks=callbacks,
    )  # fmt: skip
    judged = _taken(pairs, validation[:: -(-len(validation) // _JUDGED)]).reshape(-1, pairs.shape[-1])
    return Pretrained(branch, fit, _reconstruction(spectra, judged))


def _autoencoder(
    branch: keras.Model, parameters: Mapping[str, Any], mean: np.ndarray, scale: float
) -> tuple[keras.Model, keras.Model]:
    """The autoencoder: from pixel pairs to their mean squared errors, as epochs want it, and to their reconstructions.

    It has the form of a Siamese network, so that pixel pairs are gathered, split among threads and counted as
    in every other training.
    """
    bands = branch.input_shape[-1]
    build = PRETRAININGS[parameters["pretraining"]]
    assert build is not None
    pairs = keras.Input((2, bands), name="pixel_pairs")
    spectra = keras.ops.reshape(pairs, (-1, bands))
    code = code_size(parameters["pretraining_code"], bands)
    reconstruction = build(spectra, branch, code, scale, **own_options(parameters))
    wanted = (spectra - mean.astype(np.float32)) / scale
    errors = keras.ops.mean(keras.ops.square(reconstruction - wanted), axis=-1)
    errors = keras.ops.mean(keras.ops.reshape(errors, (-1, 2)), axis=-1)
    model = keras.Model(pairs, errors, name="autoencoder")
    model.compile(optimizer=Adam(RATE), loss=Error())
    restored = keras.ops.reshape(reconstruction * scale + mean.astype(np.float32), (-1, 2, bands))
    return model, keras.Model(pairs, restored)


def _reconstruction(model: keras.Model, spectra: np.ndarray) -> Reconstruction:
    """What a model from (pairs, 2, bands) to the same makes of spectra."""
    restored = np.asarray(model(spectra.reshape(-1, 2, spectra.shape[-1]), training=False)).reshape(spectra.shape)
    squares = np.square(restored.astype(np.float64) - spectra)
    by_error = np.argsort(squares.mean(axis=1), kind="stable")
    shown = by_error[np.linspace(0, len(spectra) - 1, min(_SHOWN, len(spectra))).round().astype(int)]
    return Reconstruction(
        error=np.sqrt(squares.mean(axis=0)),
        deviation=spectra.astype(np.float64).std(axis=0),
        original=spectra[shown],
        reconstructed=restored[shown],
    )


def _taken(pairs: np.ndarray | Samples, numbers: np.ndarray) -> np.ndarray:
    return pairs.take(numbers) if isinstance(pairs, Samples) else pairs[numbers]


class Error(keras.losses.Loss):
    """The loss of an autoencoder whose outputs are errors already; labels have no part in it."""

    needs_whole_batches = False

    def values(self, labels: Any, errors: Any, embeddings: Any) -> Any:
        """The loss of each pair, as of `Objective`."""
        return errors

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return y_pred


def start(
    model: keras.Model,
    parameters: Mapping[str, Any],
    pairs: np.ndarray | None,
    *,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, Any]:
    """Have the branch of a Siamese network start from a pre-training, where its parameters name one.

    Args:
        model: network of `build_net`; the weights of its branch are set.
        parameters: those that it was built of.
        pairs: (pairs, 2, bands) float32 pixel pairs without labels.
        seed: of the pre-training.
        callbacks: of the pre-training.

    Returns:
        What a trial reports of it, plain values under "pretraining"; nothing where there is none.

    Raises:
        ValueError: if there are no pairs.
        TrainingDivergedError: as `pretrained`.
    """
    if parameters.get("pretraining", NONE) == NONE:
        return {}
    if pairs is None:
        raise ValueError("a pre-training needs pixel pairs")
    branch = model.get_layer("branch")
    # A twin of it: it is trained without dropout, and what compiled it knows is gone with it.
    twin = branch_of(parameters).build(branch.input_shape[-1], parameters)
    twin.set_weights(branch.get_weights())
    found = pretrained(twin, pairs, parameters, seed=seed, callbacks=callbacks)
    branch.set_weights(found.branch.get_weights())
    told = {name: values.astype(np.float64).tolist() for name, values in vars(found.reconstruction).items()}
    fit = found.fit
    return {"pretraining": {"epochs": fit.epochs, "loss": fit.loss, "val_loss": fit.val_loss, **told}}
