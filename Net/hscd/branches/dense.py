"""The dense branch of the guide's network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hscd.branches.shapes import FOURTH_LAYER_UNITS
from hscd.networks.dropout import MaskPoolDropout
from hscd.system.backend import keras


def dense_branch(bands: int, parameters: Mapping[str, Any]) -> keras.Model:
    """Dense(relu) -> Dropout -> Dense(relu) -> Dropout -> Dense(relu) -> optionally Dense(512, sigmoid).

    Args:
        bands: number of bands of a spectrum.
        parameters: `layer`, `layer_1`, `layer_2` (units), `dropout_rate`, `dropout_rate_1`, `fourth_layer` (bool).

    Returns:
        Model from (batch, bands) to (batch, units of the last layer).
    """
    inputs = keras.Input((bands,), name="spectrum")
    x = keras.layers.Dense(int(parameters["layer"]), activation="relu", name="dense")(inputs)
    x = MaskPoolDropout(float(parameters["dropout_rate"]), name="dropout")(x)
    x = keras.layers.Dense(int(parameters["layer_1"]), activation="relu", name="dense_1")(x)
    x = MaskPoolDropout(float(parameters["dropout_rate_1"]), name="dropout_1")(x)
    x = keras.layers.Dense(int(parameters["layer_2"]), activation="relu", name="dense_2")(x)
    if parameters["fourth_layer"]:
        x = keras.layers.Dense(FOURTH_LAYER_UNITS, activation="sigmoid", name="dense_3")(x)
    return keras.Model(inputs, x, name="branch")
