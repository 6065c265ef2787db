"""The dense branch of the guide's network."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hscd.branches import BRANCHES, Branch, Shapes, flag, rate, whole
from hscd.registry import Option
from hscd.system import parsing

if TYPE_CHECKING:
    from hscd.system.backend import keras

FOURTH_LAYER_UNITS = 512
# Layers by the parameter that holds their units, and the options that these are chosen from.
_OPTIONS = {"layer": "neurons", "layer_1": "neurons_1", "layer_2": "neurons_2"}
_LAYERS = tuple(_OPTIONS)
_INTEGERS = "a Python list of integers >= 1, for example [32, 64]"


def _share(text: str) -> float:
    """A number in ]0, 1[."""
    return parsing.number(text, 0, 1)


class Dense(Branch):
    """Dense(relu) -> Dropout -> Dense(relu) -> Dropout -> Dense(relu) -> optionally Dense(512, sigmoid).

    With the parameter `batch_normalisation`, which models have where it is true, a batch normalisation comes after each
    of the first three dense layers.

    All of its parameters but these two flags, which are not searched for, are named by the template `siamese_model`.

    References:
        Ioffe, Szegedy (2015), "Batch normalization: accelerating deep network training by reducing internal covariate
            shift", ICML.
    """

    parameters = (*map(whole, _LAYERS), rate("dropout_rate"), rate("dropout_rate_1"), flag("fourth_layer"))

    def build(self, bands: int, parameters: Mapping[str, Any]) -> keras.Model:
        """See `Branch`."""
        from hscd.system.backend import keras

        inputs = keras.Input((bands,), name="spectrum")
        return keras.Model(inputs, self.layers(inputs, parameters), name="branch")

    def layers(self, x: Any, parameters: Mapping[str, Any]) -> Any:
        """All layers: from the (batch, bands) tensor that they start from to the embeddings."""
        from hscd.networks.dropout import MaskPoolDropout
        from hscd.system.backend import keras

        def dense(x: Any, units: Any, ending: str) -> Any:
            x = keras.layers.Dense(int(units), activation="relu", name=f"dense{ending}")(x)
            return keras.layers.BatchNormalization(name=f"normalisation{ending}")(x) if _normalised(parameters) else x

        x = dense(x, parameters["layer"], "")
        x = MaskPoolDropout(float(parameters["dropout_rate"]), name="dropout")(x)
        x = dense(x, parameters["layer_1"], "_1")
        x = MaskPoolDropout(float(parameters["dropout_rate_1"]), name="dropout_1")(x)
        x = dense(x, parameters["layer_2"], "_2")
        if parameters["fourth_layer"]:
            x = keras.layers.Dense(FOURTH_LAYER_UNITS, activation="sigmoid", name="dense_3")(x)
        return x

    def shapes(self, bands: int, parameters: Mapping[str, Any]) -> Shapes:
        """A kernel and a bias a layer; where it is normalised scale and shift too, and last the moving statistics."""
        trained, others = self.shapes_of_layers(bands, parameters)
        return trained + others

    def shapes_of_layers(self, bands: int, parameters: Mapping[str, Any]) -> tuple[Shapes, Shapes]:
        """The shapes of `layers`: of the weights that training changes, and of the others."""
        units = [int(parameters[name]) for name in _LAYERS]
        trained: Shapes = []
        for before, after in itertools.pairwise([bands, *units]):
            trained += [(before, after), (after,), *([(after,)] * 2 if _normalised(parameters) else [])]
        if parameters["fourth_layer"]:
            trained += [(units[-1], FOURTH_LAYER_UNITS), (FOURTH_LAYER_UNITS,)]
        return trained, [(of,) for of in units for _ in range(2) if _normalised(parameters)]

    def space(self, choices: Mapping[str, Any]) -> dict[str, Any]:
        """Whether layers are normalised, where they are."""
        return {"batch_normalisation": True} if choices.get("batch_normalisation") else {}

    def sizes(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The units of three layers, and both flags."""
        units = {option: [int(parameters[name])] for name, option in _OPTIONS.items()}
        flags = {"fourth_layer": bool(parameters["fourth_layer"]), "batch_normalisation": _normalised(parameters)}
        return units | flags

    def inferred(self, shapes: Shapes) -> dict[str, Any]:
        """The sizes of three layers, and whether there is a fourth one."""
        if len(shapes) not in (6, 8) or any(len(kernel) != 2 for kernel in shapes[::2]):
            return {}
        sizes = {name: kernel[1] for name, kernel in zip(_LAYERS, shapes[::2], strict=False)}
        return sizes | {"fourth_layer": len(shapes) == 8}


def _normalised(parameters: Mapping[str, Any]) -> bool:
    """Whether there is batch normalisation.

    Raises:
        ValueError: if the parameter is neither True nor False.
    """
    value = parameters.get("batch_normalisation", False)
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"batch_normalisation is {type(value).__name__}; expected True or False")
    return bool(value)


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
    Option(
        "batch_normalisation",
        parsing.boolean,
        "True or False",
        False,
        "whether batch normalisation comes after each of the first three dense layers",
    ),
)
