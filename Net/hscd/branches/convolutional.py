"""A branch of convolutions along the bands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hscd.branches import BRANCHES, Branch, Shapes, whole
from hscd.registry import Option
from hscd.system import parsing

if TYPE_CHECKING:
    from hscd.system.backend import keras

_INTEGERS = "a Python list of integers >= 1, for example [8, 16]"
# The parameters, and the options that they are chosen from.
_OPTIONS = {"filters": "conv_filters", "filters_1": "conv_filters_1", "kernel": "conv_kernel", "units": "conv_units"}


class Convolutional(Branch):
    """Twice convolution(relu) and the mean of every two bands, then Dense(relu).

    Convolutions keep the number of bands (padding), means halve it, rounded up. Of what the template `siamese_model`
    names it has nothing but the learning rate.
    """

    parameters = (
        whole("filters"), whole("filters_1"), whole("kernel", example=3), whole("units")
    )  # fmt: skip

    def build(self, bands: int, parameters: Mapping[str, Any]) -> keras.Model:
        """See `Branch`."""
        from hscd.system.backend import keras

        inputs = keras.Input((bands,), name="spectrum")
        x = keras.layers.Reshape((bands, 1))(inputs)
        for name, filters in (("convolution", "filters"), ("convolution_1", "filters_1")):
            x = keras.layers.Conv1D(
                int(parameters[filters]), int(parameters["kernel"]), padding="same", activation="relu", name=name
            )(x)
            x = keras.layers.AveragePooling1D(2, padding="same")(x)
        x = keras.layers.Flatten()(x)
        x = keras.layers.Dense(int(parameters["units"]), activation="relu", name="dense")(x)
        return keras.Model(inputs, x, name="branch")

    def shapes(self, bands: int, parameters: Mapping[str, Any]) -> Shapes:
        """A kernel and a bias a layer."""
        kernel, first, second, units = (int(parameters[name]) for name in ("kernel", "filters", "filters_1", "units"))
        left = -(-bands // 4) * second  # a quarter of the bands, each half of them rounded up
        return [(kernel, 1, first), (first,), (kernel, first, second), (second,), (left, units), (units,)]

    def space(self, choices: Mapping[str, Any]) -> dict[str, Any]:
        """All of its parameters."""
        from hyperopt import hp

        return {parameter: hp.choice(parameter, choices[option]) for parameter, option in _OPTIONS.items()}

    def sizes(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """All of its parameters."""
        return {option: [int(parameters[name])] for name, option in _OPTIONS.items()}

    def inferred(self, shapes: Shapes) -> dict[str, Any]:
        """All sizes."""
        if [len(shape) for shape in shapes] != [3, 1, 3, 1, 2, 1]:
            return {}
        (kernel, _, first), _, (_, _, second), _, (_, units), _ = shapes
        return {"kernel": kernel, "filters": first, "filters_1": second, "units": units}


BRANCHES.add(
    "convolutional",
    Convolutional(),
    Option(
        "conv_filters",
        parsing.integers,
        _INTEGERS,
        [16],
        "choices of how many filters the first convolution has (network = convolutional)",
    ),
    Option(
        "conv_filters_1",
        parsing.integers,
        _INTEGERS,
        [8],
        "choices of how many filters the second one has (network = convolutional)",
    ),
    Option(
        "conv_kernel",
        parsing.integers,
        _INTEGERS,
        [5],
        "choices of how many bands a filter spans (network = convolutional)",
    ),
    Option(
        "conv_units",
        parsing.integers,
        _INTEGERS,
        [64, 96],
        "choices of how many units the dense layer behind them has (network = convolutional)",
    ),
)
