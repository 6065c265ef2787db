"""Saved models: two files of a common prefix, weights (`.h5`) and parameters (`_param.pickle`).

The two can only be replaced one after the other. So the weights name the parameters they belong to by a digest; these
lie on the disk under a name of their own before the weights are moved into place, and whoever finds that they did not
follow, because the program was killed in between, moves them.

What can be told of a model without Keras is told without it: nobody waits for an import to read that there is no model.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hscd import arguments
from hscd.branches import branch_of
from hscd.heads import HEADS
from hscd.models import schema, weights
from hscd.scenes.domain_shift import Statistics, from_text
from hscd.system import storage
from hscd.system.errors import InputError, brief
from hscd.system.messages import warn
from hscd.system.paths import require_regular

if TYPE_CHECKING:
    from hscd.system.backend import keras

# Those of a model of the guide's network; one of another branch or loss has more (`schema`).
PARAMETERS = (
    "dropout_rate", "dropout_rate_1", "lr", "layer", "layer_1", "layer_2", "score_function", "margin", "fourth_layer",
    "batch_size",
)  # fmt: skip

# Parameter files name the distance as the guide's program does: a function of its module `siamese`.
_MODULE = "siamese"
_DIGEST = re.compile(r"([0-9a-f]{16}-[0-9a-f]{16})?")
# Times that a model is read until it is not replaced meanwhile.
_ATTEMPTS = 5


def model_files(path: Path) -> tuple[Path, Path]:
    """Weights and parameters of the model with a common prefix."""
    return path.with_name(f"{path.name}.h5"), path.with_name(f"{path.name}_param.pickle")


def pretrained(path: Path) -> Path:
    """The common prefix of the model that a search saves of the pre-training of its best trial."""
    return path.with_name(f"{path.name}_pretrained")


def longest_file(path: Path) -> Path:
    """The one of the longest name among the files of a model and of the search for it."""
    return _pending(model_files(path)[1], _digest(dict.fromkeys(PARAMETERS)))


# --- weights of a network ---------------------------------------------------------------------------------------------


def named_weights(model: keras.Model) -> dict[str, np.ndarray]:
    """Copies of the branch's weights by name, in the order in which they are saved (`hscd.branches.Branch.shapes`)."""
    named: dict[str, np.ndarray] = {}
    for layer, variable in _variables(model):
        name = f"{layer.name}/{variable.name}"
        # Layers within different layers may have one name. Readers go by the order.
        named[f"{name}_{len(named)}" if name in named else name] = variable.numpy()
    return named


def assign_weights(model: keras.Model, arrays: Sequence[np.ndarray]) -> None:
    """Give the branch of a network weights, in the order in which they are saved; a `ValueError` if they do not fit."""
    for (_, variable), array in zip(_variables(model), arrays, strict=True):
        variable.assign(array)


def weight_counts(model: keras.Model) -> dict[str, int]:
    """How many numbers training changes in a network ("trainable"), and how many it does not ("frozen")."""
    parts = {"trainable": model.trainable_weights, "frozen": model.non_trainable_weights}
    return {name: sum(math.prod(variable.shape) for variable in variables) for name, variables in parts.items()}


def _variables(model: keras.Model) -> list[tuple[keras.layers.Layer, keras.Variable]]:
    """The weights of the branch, each with its layer: first those that training changes, then the others.

    That is the order of Keras' own HDF5 files. What is frozen for a while stays where it is.
    """
    layers = list(model.get_layer("branch")._flatten_layers())
    trained = [(layer, variable) for layer in layers for variable in layer._trainable_variables]
    others = [(layer, variable) for layer in layers for variable in layer._non_trainable_variables]
    return trained + others


# --- writing ---------------------------------------------------------------------------------------------------------


def save_model(
    path: Path,
    parameters: Mapping[str, Any],
    named: Mapping[str, np.ndarray],
    rescaled: bool | None = None,
    *,
    bands: int | None = None,
    trained_on: Sequence[str] = (),
    spectra: Statistics | None = None,
) -> None:
    """Save a model as `<path>.h5` and `<path>_param.pickle`, as the guide's program and Keras read them.

    Args:
        path: common prefix of the files.
        parameters: the values of `PARAMETERS`, and what another branch or loss has more.
        named: weights by name, in the order of `named_weights`.
        rescaled: whether it was trained on rescaled bands; None where that is not known.
        bands: of a spectrum; None where the first weights are those of a dense layer, which tell.
        trained_on: `scenes.fingerprint` of the pairs that it was trained on; none where these are not known.
        spectra: statistics of their pixel pairs; None where these are not known.

    Raises:
        ValueError: if nothing tells the number of bands.
    """
    if bands is None:
        bands = schema.bands_of_first([array.shape for array in named.values()])
        if bands is None:
            raise ValueError("the number of bands is missing and cannot be derived from these weights")
    weight_file, parameter_file = model_files(path)
    with suppress(InputError), weights.open_file(require_regular(weight_file)) as old:
        _complete(parameter_file, old.parameters)
    digest = _digest(parameters)
    write_parameter_file(_pending(parameter_file, digest), parameters)
    told = "" if spectra is None else spectra.text
    storage.write_bytes(weight_file, weights.packed(named, digest, rescaled, bands, trained_on, told))
    _complete(parameter_file, digest)
    prefix = _pending(parameter_file, "").name
    for abandoned in [file for file in path.parent.iterdir() if file.name.startswith(prefix)]:
        abandoned.unlink(missing_ok=True)


def write_parameter_file(file: Path, parameters: Mapping[str, Any]) -> None:
    """Write parameters alone, without the weights that belong to them."""
    storage.write_pickle(file, parameters, _functions())


def _functions() -> dict[str, Callable[..., Any]]:
    """The functions that a parameter file may name."""
    return {f"{_MODULE}.{head.function.__name__}": head.function for head in HEADS.values()}


def _digest(parameters: Mapping[str, Any]) -> str:
    """A text that tells the parameters of models apart, and first of all what the distances mean."""
    plain = {}
    for name in (*PARAMETERS, *sorted(set(parameters) - set(PARAMETERS))):
        value = parameters.get(name)
        plain[name] = value.item() if isinstance(value, np.generic) else getattr(value, "__name__", value)
    meaning = [plain[name] for name in ("score_function", "margin", "network") if name in plain]
    return "-".join(hashlib.blake2b(repr(part).encode(), digest_size=8).hexdigest() for part in (tuple(meaning), plain))


def _pending(parameter_file: Path, digest: str) -> Path:
    """Where parameters wait until the weights of this digest are in place."""
    if not _DIGEST.fullmatch(digest):  # it comes from a file, and becomes a name of one
        raise InputError(f"{parameter_file}: its weights refer to it by {brief(digest, 40)!r}, which is not a digest")
    return parameter_file.with_name(f".{parameter_file.name}.of-{digest}")


def _complete(parameter_file: Path, digest: str) -> None:
    """Move the parameters of weights that are in place beside them, if they still wait."""
    pending = _pending(parameter_file, digest)
    if pending.is_file():
        with suppress(FileNotFoundError):  # another process has just done it
            storage.move(pending, parameter_file)


# --- reading ---------------------------------------------------------------------------------------------------------


class _Saved(NamedTuple):
    """What was read of a model: parameters, number of bands, weights in the order in which they are saved."""

    parameters: schema.Parameters
    bands: int
    arrays: list[np.ndarray]
    rescaled: bool | None
    spectra: str


def read_parameters(path: str | Path) -> schema.Parameters:
    """Read the parameters of a saved model.

    Args:
        path: common prefix of its two files, `model/NAME`.

    Raises:
        InputError: if a file is missing or unreadable, the two are not of one model, or a parameter is missing that a
            prediction needs and that cannot be told.
    """
    return _read(Path(path)).parameters


def read_parameter_file(file: Path) -> dict[str, Any]:
    """What a parameter file holds, as it is there.

    Raises:
        InputError: if it cannot be read, or holds anything but values and the names of distances.
    """
    return storage.read_pickle(file, _functions())


def trained_bands(path: Path) -> int:
    """Number of bands that a saved model was trained on.

    Raises:
        InputError: as `read_parameters`.
    """
    return _read(path).bands


def trained_rescaled(path: Path) -> bool | None:
    """Whether a saved model was trained on rescaled bands; None where its file does not say.

    Raises:
        InputError: if its weights are missing or unreadable.
    """
    with weights.open_file(require_regular(model_files(path)[0])) as stored:
        return stored.rescaled


def trained_on(path: Path) -> frozenset[str]:
    """Fingerprints of the pairs that a saved model was trained on; empty where its file does not say.

    Raises:
        InputError: if its weights are missing or unreadable.
    """
    with weights.open_file(require_regular(model_files(path)[0])) as stored:
        return stored.trained_on


def trained_spectra(path: Path) -> Statistics | None:
    """Statistics of the pixel pairs that a saved model was trained on; None where its file does not say.

    Raises:
        InputError: if its weights are missing or unreadable.
    """
    with weights.open_file(require_regular(model_files(path)[0])) as stored:
        found = from_text(stored.spectra)
        # Those of another number of bands are of another model.
        return found if found is not None and found.mean.shape[1] == schema.bands_of(stored, path) else None


def read_weights(path: Path, bands: int) -> list[np.ndarray]:
    """The weights of a saved model of so many bands, in the order in which they are saved.

    Raises:
        InputError: as `read_parameters`; also if it is of another number of bands.
    """
    found = _read(path)
    if found.bands != bands:
        raise InputError(f"{model_files(path)[0]}: a model of {found.bands} bands, but the spectra have {bands}")
    return found.arrays


def load_model(path: str | Path, *, seed: int | None = None) -> keras.Model:
    """Rebuild a saved model from its two files.

    Args:
        path: common prefix of the files, `model/NAME`, or the first of them, `model/NAME.h5`.
        seed: of the dropout, should the model be trained further.

    Raises:
        InputError: as `read_parameters`; also if `path` is no path, or weights and parameters do not fit together.
    """
    from hscd.networks.siamese import build_net

    path = given.with_suffix("") if (given := arguments.path("path", path)).is_file() else given
    found = _read(path)
    try:
        model = build_net((found.bands,), {**found.parameters.stand_ins, **found.parameters}, seed=seed)
    except (TypeError, ValueError) as error:
        raise InputError(f"{model_files(path)[1]}: unusable parameters: {error}") from error
    assign_weights(model, found.arrays)
    model.refusal = found.parameters.refusal
    model.rescaled, model.spectra = found.rescaled, found.spectra  # for `hscd.detectors.network`
    return model


def require_trainable(loaded: keras.Model | schema.Parameters) -> None:
    """Raise `InputError` where a model, or the parameters of one, lack what is needed to train it further."""
    refusal = getattr(loaded, "refusal", "")
    if refusal:
        raise InputError(refusal)


def _read(path: Path) -> _Saved:
    """Parameters and weights of one and the same model, also while a search replaces it."""
    weight_file = model_files(path)[0]
    for _ in range(_ATTEMPTS):
        weights.require(require_regular(weight_file))
        before = weight_file.stat()
        error = None
        try:
            found = _read_once(path)
        except InputError as found_error:
            error = found_error
        if weight_file.is_file() and os.path.samestat(before, weight_file.stat()):
            break
    if error is not None:
        raise error
    if found.parameters.note:
        _tell(found.parameters.note)
    return found


@cache
def _tell(note: str) -> None:
    """Warn once of each file: a test reads a model anew for every pair."""
    warn(note)


def _read_once(path: Path) -> _Saved:
    """Parameters and weights; the weights are not read before their sizes were found to be what the parameters say."""
    weight_file, parameter_file = model_files(path)
    with weights.open_file(weight_file) as stored:
        with suppress(OSError):  # a folder that cannot be written: then they are read where they are
            _complete(parameter_file, stored.parameters)
        waiting = _pending(parameter_file, stored.parameters)
        parameters = _parameters(waiting if waiting.is_file() else parameter_file, stored)
        bands = schema.bands_of(stored, weight_file)
        expected = branch_of(parameters).shapes(bands, parameters)
        if stored.shapes != expected:
            raise InputError(
                f"{weight_file}: weights of shapes {stored.shapes[:8]} do not fit the parameters, which need {expected}"
            )
        # The rest of the parameters may have been edited, for another learning rate of the fine-tuning.
        if stored.parameters and stored.parameters.split("-")[0] != _digest(parameters).split("-")[0]:
            raise InputError(
                f"{weight_file} and {parameter_file} do not belong to one model: the weights were trained with another "
                "distance, margin or network"
            )
        return _Saved(parameters, bands, stored.read(), stored.rescaled, stored.spectra)


def _parameters(file: Path, stored: weights.WeightFile) -> schema.Parameters:
    weights.require(require_regular(file))
    return schema.completed(read_parameter_file(file), stored.shapes, file)
