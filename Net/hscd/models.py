"""Saved models: two files of a common prefix, weights (`.h5`) and parameters (`_param.pickle`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hscd import storage
from hscd.backend import keras
from hscd.errors import InputError
from hscd.networks.siamese import build_net

PARAMETERS = (
    "dropout_rate", "dropout_rate_1", "lr", "layer", "layer_1", "layer_2", "score_function", "margin", "fourth_layer",
    "batch_size",
)  # fmt: skip


def model_files(path: Path) -> tuple[Path, Path]:
    """Weights and parameters of the model with a common prefix."""
    return path.with_name(f"{path.name}.h5"), path.with_name(f"{path.name}_param.pickle")


def named_weights(model: keras.Model) -> dict[str, np.ndarray]:
    """Copies of the branch's weights by name, in the order of the network."""
    return {
        f"{layer.name}/{variable.name}": variable.numpy()
        for layer in model.get_layer("branch").layers
        for variable in layer.weights
    }


def save_model(path: Path, parameters: Mapping[str, Any], weights: Mapping[str, np.ndarray]) -> None:
    """Save a model as `<path>.h5` and `<path>_param.pickle`, as the guide's program and Keras read them."""
    weight_file, parameter_file = model_files(path)
    storage.write_weights(weight_file, weights)
    storage.write_pickle(parameter_file, parameters)


def read_parameters(path: str | Path) -> dict[str, Any]:
    """Read the parameters of a saved model.

    Args:
        path: common prefix of its two files, `model/NAME`.

    Raises:
        InputError: if a file is missing, unreadable or lacks a parameter.
    """
    path = Path(path)
    for file in model_files(path):
        if not file.is_file():
            raise InputError(
                f"{file}: no such file; `python main.py` with training = True makes model {path.name!r}, "
                "or set model_name to a saved one"
            )
    parameter_file = model_files(path)[1]
    parameters = storage.read_pickle(parameter_file)
    missing = [name for name in PARAMETERS if name not in parameters]
    if missing:
        raise InputError(f"{parameter_file}: lacks the parameters {', '.join(missing)}")
    batch_size = parameters["batch_size"]
    if not isinstance(batch_size, int | np.integer) or batch_size < 1:
        raise InputError(f"{parameter_file}: batch_size is {batch_size!r}; expected an integer >= 1")
    return parameters


def load_model(path: str | Path, *, seed: int | None = None) -> keras.Model:
    """Rebuild a saved model from its two files.

    Args:
        path: common prefix of the files, `model/NAME`.
        seed: of the dropout, should the model be trained further.

    Raises:
        InputError: if a file is missing or unreadable, or the two do not fit together.
    """
    parameters = read_parameters(path)
    weight_file, parameter_file = model_files(Path(path))
    weights = storage.read_weights(weight_file)
    if not weights or weights[0].ndim != 2:
        raise InputError(f"{weight_file}: does not start with the weights of a dense layer")
    try:
        model = build_net((weights[0].shape[0],), parameters, seed=seed)
    except (TypeError, ValueError) as error:
        raise InputError(f"{parameter_file}: unusable parameters: {error}") from error
    expected = [tuple(weight.shape) for weight in model.weights]
    found = [array.shape for array in weights]
    if found != expected:
        raise InputError(f"{weight_file}: weights of shapes {found} do not fit the parameters, which need {expected}")
    model.set_weights(weights)
    return model
