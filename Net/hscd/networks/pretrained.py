"""Networks made for photographs, cut at a layer: what they make of an image, and where that lies in it."""

from __future__ import annotations

import contextlib
import io
import math
import random
import re
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hscd.registry import Option
from hscd.system import hdf5, messages, parsing
from hscd.system.errors import InputError, brief
from hscd.system.paths import require_regular

if TYPE_CHECKING:
    from hscd.system.backend import keras

UNTRAINED, IMAGENET = "none", "imagenet"
_FILES = (".h5", ".hdf5")
_NAME = re.compile(r"[\w.-]{1,80}")


def _weights(text: str) -> str | Path:
    if text in (UNTRAINED, IMAGENET):
        return text
    if not text.lower().endswith(_FILES):
        raise ValueError
    return parsing.path(text)


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError
    return text


NETWORK = Option(
    "imagenet_network", _name, "a name in keras.applications", "VGG16",
    "network for photographs, as VGG16, ResNet50, MobileNetV2 or Xception (that of detector = deep_features in "
    "[settings], that of network = imagenet in [hyperas settings …])",
)  # fmt: skip
WEIGHTS = Option(
    "imagenet_weights", _weights, f"{UNTRAINED}, {IMAGENET} or a file of weights for Keras, {' or '.join(_FILES)}",
    UNTRAINED,
    f"its weights: random ones, drawn from the seed, those of {IMAGENET}, which Keras fetches, or those of a file",
)  # fmt: skip
LAYER = Option(
    "imagenet_layer", _name, "the name of a layer", None, "its layer whose channels are taken",
    "the last one of the finest resolution; of coarser ones small changes are lost",
)  # fmt: skip
# The sides of images are a multiple of this, which all networks divide them by.
UNIT = 32


class Geometry(NamedTuple):
    """Where the places of a layer lie: the first at pixel `centre`, one every `stride` pixels; each sees `radius`."""

    stride: int = 1
    centre: float = 0.0
    radius: float = 0.0


class Network(NamedTuple):
    """A network up to a layer of that name."""

    model: keras.Model
    prepare: Any
    layer: str
    geometry: Geometry

    def features(self, images: np.ndarray) -> np.ndarray:
        """(images, places, places, channels) float32 of (images, rows, columns, 3) red, green, blue in [0, 255]."""
        found = self.model(self.prepare(images.astype(np.float32)), training=False)
        return np.asarray(found, np.float32)


@lru_cache(maxsize=2)
def network(name: str, weights: str | Path, layer: str | None, seed: int) -> Network:
    """A network with its weights, cut at a layer.

    Args:
        name: in keras.applications.
        weights: a value of `WEIGHTS`.
        layer: its name; None for the last one of the finest resolution.
        seed: of weights that are drawn.

    Raises:
        InputError: if there is no such network or layer, its places see all of an image, or the weights are not to be
            had or are of another network.
    """
    from hscd.system.backend import keras

    make = getattr(keras.applications, name, None)
    if not callable(make):
        known = [found for found in dir(keras.applications) if callable(getattr(keras.applications, found))]
        raise InputError(f"{NETWORK.name}: {name} is not in keras.applications, which has {', '.join(known)}")
    try:
        whole = _whole(make, weights, seed)
    except Exception as error:  # of several types, by Keras and what it fetches with
        raise InputError(f"{NETWORK.name} = {name}: cannot be made or its weights fetched: {brief(error)}") from error
    places = geometries(whole)
    layer = _finest(places) if layer is None else layer
    if layer not in places:
        raise InputError(f"{LAYER.name}: {name} has no layer {layer}; it has {', '.join(places)}")
    if math.isinf(places[layer].radius):
        raise InputError(f"{LAYER.name}: {layer} of {name} sees all of an image at once; choose a layer before it")
    model = keras.Model(whole.input, whole.get_layer(layer).output)
    model.trainable = False
    if isinstance(weights, Path):
        _load(model, weights)
    return Network(model, sys.modules[make.__module__].preprocess_input, layer, places[layer])


@lru_cache(maxsize=1)
def _whole(make: Callable[..., keras.Model], weights: str | Path, seed: int) -> keras.Model:
    """A whole network; `weights` of a file are not those that it has yet, but networks that get others are others."""
    from hscd.system.backend import keras

    keras.backend.clear_session()  # layers without a name of their own are numbered, whatever was made before
    random.seed(seed)  # Keras draws its seeds from there; its own function imports TensorFlow on any backend
    # Keras tells on standard output that it fetches weights.
    with contextlib.redirect_stdout(sys.stderr if messages.tells() else io.StringIO()):
        return make(include_top=False, weights=IMAGENET if weights == IMAGENET else None, input_shape=(None, None, 3))


def _finest(known: Mapping[str, Geometry]) -> str:
    """The last layer that is as fine as the first one that looks around a place."""
    first = next(of for of in known.values() if of.radius > 0)
    return [name for name, of in known.items() if of.stride == first.stride and 0 < of.radius < math.inf][-1]


# --- where the places of layers lie ----------------------------------------------------------------------------------


def geometries(model: keras.Model) -> dict[str, Geometry]:
    """Of each layer by name, for images whose sides are multiples of `UNIT`.

    References:
        Araujo, Norris, Sim (2019), "Computing receptive fields of convolutional neural networks", Distill.
    """
    found: dict[str, Geometry] = {}
    of_output: dict[int, Geometry] = {}
    for layer in model.layers:
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        before = [of_output[id(tensor)] for tensor in inputs if id(tensor) in of_output]
        geometry = max(before, key=lambda of: of.radius, default=Geometry())
        for part in getattr(layer, "layers", [layer]):
            geometry = _through(part, geometry)
        found[layer.name] = of_output[id(layer.output)] = geometry
    return found


def _through(layer: Any, before: Geometry) -> Geometry:
    """The geometry of what comes out of a layer."""
    stride, centre, radius = before
    kind = type(layer).__name__
    if kind.startswith("Global") or kind == "Flatten":
        return Geometry(stride, centre, math.inf)
    if kind == "ZeroPadding2D":
        return Geometry(stride, centre - layer.padding[0][0] * stride, radius)
    sizes = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
    if sizes is None:
        return before
    size = (sizes[0] - 1) * getattr(layer, "dilation_rate", (1,))[0] + 1
    step = layer.strides[0]
    padded = max(size - step, 0) // 2 if layer.padding == "same" else 0
    half = (size - 1) / 2
    return Geometry(stride * step, centre + (half - padded) * stride, radius + half * stride)


# --- weights of a file -----------------------------------------------------------------------------------------------


def _load(model: keras.Model, path: Path) -> None:
    """Give the layers of a model the weights that a file has under their names."""
    if not path.exists():
        raise InputError(f"{path}: no such file")
    require_regular(path)
    with hdf5.opened(path, "file of weights"):
        file = hdf5.File(path)
        known = _listed(file.root) or _saved(file.root)
        for layer in model.layers:
            _fill(layer, known, path)


def _fill(layer: Any, known: Mapping[str, list[hdf5.Node]], path: Path) -> None:
    if not layer.weights:
        return
    if layer.name not in known:
        if getattr(layer, "layers", None):
            for part in layer.layers:
                _fill(part, known, path)
            return
        raise InputError(f"{path}: has no weights of the layer {layer.name}")
    nodes, expected = known[layer.name], [tuple(of.shape) for of in layer.weights]
    if [node.shape for node in nodes] != expected:
        found = ", ".join(str(node.shape) for node in nodes)
        raise InputError(f"{path}: weights of {layer.name} of the shapes {found}, expected {expected}")
    values = [node.dataset().read() for node in nodes]
    if not all(np.isfinite(of).all() for of in values):
        raise InputError(f"{path}: weights of {layer.name} are NaN or infinite")
    layer.set_weights(values)


def _listed(root: hdf5.Node) -> dict[str, list[hdf5.Node]]:
    """The arrays of each layer in the layout of Keras 2, which those of keras.applications have; {} of another one."""
    return {
        name: [root.follow(name).follow(weight) for weight in root.follow(name).texts("weight_names") or []]
        for name in root.texts("layer_names") or []
    }


def _saved(group: hdf5.Node) -> dict[str, list[hdf5.Node]]:
    """The same in the layout of Keras 3, where groups `vars` name their layer."""
    found: dict[str, list[hdf5.Node]] = {}
    for name, node in group.children.items():
        if not node.is_group:
            continue
        if name != "vars":
            found |= _saved(node)
        elif node.children:
            arrays = node.children
            for layer in node.texts("name") or []:
                found[layer] = [arrays[number] for number in sorted(arrays, key=int)]
    return found
