"""The dense branch of the guide's network."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hscd.branches import BRANCHES, Branch, Shapes, flag, rate, whole
from hscd.registry import Option
from hscd.system import parsing

if TYPE_CHECKING:
    from hscd.system.backend import keras

FOURTH_LAYER_UNITS = 512
_LAYERS = ("layer", "layer_1", "layer_2")
_INTEGERS = "a Python list of integers >= 1, for example [32, 64]"


def _share(text: str) -> float:
    """A number in ]0, 1[."""
    return parsing.number(text, 0, 1)


class Dense(Branch):
    """Dense(relu) -> Dropout -> Dense(relu) -> Dropout -> Dense(relu) -> optionally Dense(512, sigmoid).

    All of its parameters but `fourth_layer`, which is not searched for, are named by the template `siamese_model`.
    """

    parameters = (*map(whole, _LAYERS), rate("dropout_rate"), rate("dropout_rate_1"), flag("fourth_layer"))

    def build(self, bands: int, parameters: Mapping[str, Any]) -> keras.Model:
        """See `Branch`."""
        from hscd.networks.dropout import MaskPoolDropout
        from hscd.system.backend import keras

        inputs = keras.Input((bands,), name="spectrum")
        x = keras.layers.Dense(int(parameters["layer"]), activation="relu", name="dense")(inputs)
        x = MaskPoolDropout(float(parameters["dropout_rate"]), name="dropout")(x)
        x = keras.layers.Dense(int(parameters["layer_1"]), activation="relu", name="dense_1")(x)
        x = MaskPoolDropout(float(parameters["dropout_rate_1"]), name="dropout_1")(x)
        x = keras.layers.Dense(int(parameters["layer_2"]), activation="relu", name="dense_2")(x)
        if parameters["fourth_layer"]:
            x = keras.layers.Dense(FOURTH_LAYER_UNITS, activation="sigmoid", name="dense_3")(x)
        return keras.Model(inputs, x, name="branch")

    def shapes(self, bands: int, parameters: Mapping[str, Any]) -> Shapes:
        """A kernel and a bias a layer."""
        units = [int(parameters[name]) for name in _LAYERS]
        if parameters["fourth_layer"]:
            units.append(FOURTH_LAYER_UNITS)
        return [shape for before, after in itertools.pairwise([bands, *units]) for shape in ((before, after), (after,))]

    def inferred(self, shapes: Shapes) -> dict[str, Any]:
        """The sizes of three layers, and whether there is a fourth one."""
        if len(shapes) not in (6, 8) or any(len(kernel) != 2 for kernel in shapes[::2]):
            return {}
        sizes = {name: kernel[1] for name, kernel in zip(_LAYERS, shapes[::2], strict=False)}
        return sizes | {"fourth_layer": len(shapes) == 8}


BRANCHES.add(
    "dense",
    Dense(),
    Option("neurons", parsing.integers, _INTEGERS, help="choices of how many units the first dense layer has"),
    Option("neurons_1", parsing.integers, _INTEGERS, help="choices of how many units the second dense layer has"),
    Option("neurons_2", parsing.integers, _INTEGERS, help="choices of how many units the third dense layer has"),
    Option("max_dropout", _share, "a number in ]0, 1[", help="upper bound of both dropout rates"),
    Option(
        "fourth_layer",
        parsing.boolean,
        "True or False",
        help="whether there is a fourth dense layer, of 512 units and sigmoid",
    ),
)
