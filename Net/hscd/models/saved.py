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
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hscd.branches.shapes import weight_shapes
from hscd.heads import by_function
from hscd.models import weights
from hscd.records import LARGEST_BATCH
from hscd.system import storage
from hscd.system.errors import InputError, brief
from hscd.system.paths import require_regular

if TYPE_CHECKING:
    from hscd.system.backend import keras

PARAMETERS = (
    "dropout_rate", "dropout_rate_1", "lr", "layer", "layer_1", "layer_2", "score_function", "margin", "fourth_layer",
    "batch_size",
)  # fmt: skip

# Times that a model is read until it is not replaced meanwhile.
_ATTEMPTS = 5


def model_files(path: Path) -> tuple[Path, Path]:
    """Weights and parameters of the model with a common prefix."""
    return path.with_name(f"{path.name}.h5"), path.with_name(f"{path.name}_param.pickle")


def longest_file(path: Path) -> Path:
    """The one of the longest name among the files of a model and of the search for it."""
    return _pending(model_files(path)[1], _digest(dict.fromkeys(PARAMETERS)))


def named_weights(model: keras.Model) -> dict[str, np.ndarray]:
    """Copies of the branch's weights by name, in the order of the network."""
    return {
        f"{layer.name}/{variable.name}": variable.numpy()
        for layer in model.get_layer("branch").layers
        for variable in layer.weights
    }


# --- writing ---------------------------------------------------------------------------------------------------------


def save_model(
    path: Path, parameters: Mapping[str, Any], named: Mapping[str, np.ndarray], rescaled: bool | None = None
) -> None:
    """Save a model as `<path>.h5` and `<path>_param.pickle`, as the guide's program and Keras read them.

    Args:
        path: common prefix of the files.
        parameters: the values of `PARAMETERS`.
        named: weights by name, in the order of the network (`named_weights`).
        rescaled: whether it was trained on rescaled bands; None where that is not known.
    """
    weight_file, parameter_file = model_files(path)
    with suppress(InputError), weights.open_file(require_regular(weight_file)) as old:
        _complete(parameter_file, old.parameters)
    digest = _digest(parameters)
    storage.write_pickle(_pending(parameter_file, digest), parameters)
    storage.write_bytes(weight_file, weights.packed(named, digest, rescaled))
    _complete(parameter_file, digest)
    prefix = _pending(parameter_file, "").name
    for abandoned in [file for file in path.parent.iterdir() if file.name.startswith(prefix)]:
        abandoned.unlink(missing_ok=True)


def _digest(parameters: Mapping[str, Any]) -> str:
    """A text that tells the values of `PARAMETERS` apart, and first of all what the distances mean."""
    plain = {}
    for name in PARAMETERS:
        value = parameters[name]
        plain[name] = value.item() if isinstance(value, np.generic) else getattr(value, "__name__", value)
    head = plain["score_function"], plain["margin"]
    return "-".join(hashlib.blake2b(repr(part).encode(), digest_size=8).hexdigest() for part in (head, plain))


def _pending(parameter_file: Path, digest: str) -> Path:
    """Where parameters wait until the weights of this digest are in place."""
    return parameter_file.with_name(f".{parameter_file.name}.of-{digest}")


def _complete(parameter_file: Path, digest: str) -> None:
    """Move the parameters of weights that are in place beside them, if they still wait."""
    pending = _pending(parameter_file, digest)
    if pending.is_file():
        with suppress(FileNotFoundError):  # another process has just done it
            storage.move(pending, parameter_file)


# --- reading ---------------------------------------------------------------------------------------------------------


def read_parameters(path: str | Path) -> dict[str, Any]:
    """Read the parameters of a saved model.

    Args:
        path: common prefix of its two files, `model/NAME`.

    Raises:
        InputError: if a file is missing or unreadable, the two are not of one model, or a parameter is missing.
    """
    return _read(Path(path))[0]


def trained_bands(path: Path) -> int:
    """Number of bands that a saved model was trained on.

    Raises:
        InputError: as `read_parameters`.
    """
    return _read(path)[1][0].shape[0]


def trained_rescaled(path: Path) -> bool | None:
    """Whether a saved model was trained on rescaled bands; None where its file does not say.

    Raises:
        InputError: if its weights are missing or unreadable.
    """
    with weights.open_file(require_regular(model_files(path)[0])) as stored:
        return stored.rescaled


def load_model(path: str | Path, *, seed: int | None = None) -> keras.Model:
    """Rebuild a saved model from its two files.

    Args:
        path: common prefix of the files, `model/NAME`.
        seed: of the dropout, should the model be trained further.

    Raises:
        InputError: as `read_parameters`; also if weights and parameters do not fit together.
    """
    from hscd.networks.siamese import build_net

    parameters, arrays = _read(Path(path))
    try:
        model = build_net((arrays[0].shape[0],), parameters, seed=seed)
    except (TypeError, ValueError) as error:
        raise InputError(f"{model_files(Path(path))[1]}: unusable parameters: {error}") from error
    model.set_weights(arrays)
    return model


def _read(path: Path) -> tuple[dict[str, Any], list[np.ndarray]]:
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
    return found


def _read_once(path: Path) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Parameters and weights; the weights are not read before their sizes were found to be what the parameters say."""
    weight_file, parameter_file = model_files(path)
    with weights.open_file(weight_file) as stored:
        with suppress(OSError):  # a folder that cannot be written: then they are read where they are
            _complete(parameter_file, stored.parameters)
        waiting = _pending(parameter_file, stored.parameters)
        parameters = _checked_parameters(waiting if waiting.is_file() else parameter_file)
        shapes = stored.shapes
        if not shapes or len(shapes[0]) != 2:
            raise InputError(f"{weight_file}: does not start with the weights of a dense layer")
        expected = weight_shapes(shapes[0][0], parameters)
        if shapes != expected:
            raise InputError(
                f"{weight_file}: weights of shapes {shapes[:8]} do not fit the parameters, which need {expected}"
            )
        # The rest of the parameters may have been edited, for another learning rate of the fine-tuning.
        if stored.parameters and stored.parameters.split("-")[0] != _digest(parameters).split("-")[0]:
            raise InputError(
                f"{weight_file} and {parameter_file} are not of one model: the weights were trained with another "
                "distance or margin"
            )
        return parameters, stored.read()


def _checked_parameters(file: Path) -> dict[str, Any]:
    weights.require(require_regular(file))
    parameters = storage.read_pickle(file)
    missing = [name for name in PARAMETERS if name not in parameters]
    if missing:
        raise InputError(f"{file}: lacks the parameters {', '.join(missing)}")
    for name in ("layer", "layer_1", "layer_2", "batch_size"):
        value = parameters[name]
        if not isinstance(value, int | np.integer) or value < 1:
            shown = value if isinstance(value, int | float) else type(value).__name__
            raise InputError(f"{file}: {name} is {shown}; expected an integer >= 1")
    if parameters["batch_size"] > LARGEST_BATCH:
        raise InputError(f"{file}: batch_size is {parameters['batch_size']}; expected at most {LARGEST_BATCH}")
    for name in ("lr", "margin"):
        value = parameters[name]
        if not isinstance(value, int | float | np.number) or not (math.isfinite(value) and value > 0):
            shown = value if isinstance(value, int | float) else type(value).__name__
            raise InputError(f"{file}: {name} is {shown}; expected a number > 0")
    for name in ("dropout_rate", "dropout_rate_1"):
        value = parameters[name]
        if not isinstance(value, int | float | np.number) or not 0 <= value < 1:
            shown = value if isinstance(value, int | float) else type(value).__name__
            raise InputError(f"{file}: {name} is {shown}; expected a number in [0, 1[")
    try:
        by_function(parameters["score_function"])
    except ValueError as error:
        raise InputError(f"{file}: unusable parameters: {brief(error)}") from error
    return parameters
