"""Networks made for photographs at full resolution: every stride becomes a dilation of what follows, nothing is padded.

So one pass gives of each pixel what the strided network gives where that pixel falls on one of its places: the same as
shifting the image by every offset and stitching the results together.

References:
    Long, Shelhamer, Darrell (2015), "Fully convolutional networks for semantic segmentation", CVPR, of
        shift-and-stitch as dilation.
    Chen, Papandreou, Kokkinos, Murphy, Yuille (2018), "DeepLab: semantic image segmentation with deep convolutional
        nets, atrous convolution, and fully connected CRFs", IEEE TPAMI 40(4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hscd.networks.plan import FARTHEST, Plan, plan_of
from hscd.networks.pretrained import LAYER, network
from hscd.networks.steps import (
    ACTIVATIONS,
    JOINED,
    MERGES,
    Activation,
    Affine,
    Convolution,
    Merge,
    Pooling,
    Scale,
    Step,
)
from hscd.networks.thinned import apply_to_patches
from hscd.system.backend import keras
from hscd.system.errors import InputError

# Side of the images that networks of keras.applications were trained with: padding of "same" depends on it.
_SIDES = {"Xception": 299, "InceptionV3": 299, "InceptionResNetV2": 299}
_SIDE = 224
_WHITE = 255.0
# Those of keras.applications that have layers with an equivalent.
_FAMILIES = "DenseNet, EfficientNet, Inception, MobileNet, NASNet, ResNet, VGG and Xception"
_AXES = 0, 1


class Dilated(keras.layers.Layer):
    """Features of each pixel, by the layers of a plan, whose weights are all its own.

    Args:
        plan: text of a `Plan`.
        trainable: False for weights that stay as they are, whatever is frozen or released around them.
    """

    def __init__(self, plan: str, trainable: bool = True, **options: Any) -> None:
        super().__init__(trainable=trainable, **options)
        self._text, self._plan = plan, plan_of(plan)
        # As of one convolution: it tells how far a network sees (`siamese.reach`).
        self.kernel_size = (2 * self._plan.reach + 1,) * 2

    def build(self, input_shape: Any) -> None:
        starts = {"bias": "zeros", "addend": "zeros", "factor": "ones", "kernel": "glorot_uniform"}
        self._arrays = [
            self.add_weight(shape, starts[name.rpartition("_")[2]], name=name, trainable=self.trainable)
            for name, shape in self._plan.weights.items()
        ]

    def call(self, image: Any) -> Any:
        # Patches, as those of a training, have one pixel around which all is seen. The sizes of others may be unknown.
        if tuple(image.shape[1:3]) == self.kernel_size:
            return apply_to_patches(self._plan, image, self._arrays)
        return self._plan.apply(image, self._arrays)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        lost = self.kernel_size[0] - 1
        return (input_shape[0], *(of and of - lost for of in input_shape[1:3]), self._plan.channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "plan": self._text}


class Features(NamedTuple):
    """Layers of a network, and their weights in the order of the plan."""

    plan: Plan
    arrays: list[np.ndarray]


@lru_cache(maxsize=2)
def features_of(name: str, weights: str | Path, layer: str | None) -> Features:
    """Layers of a network of `keras.applications` at full resolution.

    Args:
        name: in keras.applications.
        weights: as of `pretrained.network`.
        layer: the last one; None for the last one of the finest resolution.

    Raises:
        InputError: as `pretrained.network`; or if a layer has no equivalent, or the last one sees single pixels or too
            many.
    """
    found = network(name, weights, layer, 0)
    return read(found.model, name, found.layer, found.prepare, _SIDES.get(name, _SIDE))


def read(model: keras.Model, name: str, layer: str, prepare: Callable[[np.ndarray], np.ndarray], side: int) -> Features:
    """The layers of a model as a plan, and their weights.

    Args:
        model: from (images, rows, columns, 3) to the features, of one input.
        name, layer: what it is called in errors, and the last layer.
        prepare: of red, green, blue in [0, 255]: the family's preprocessing, an order, and factor and addend of each.
        side: rows and columns of the images that it was trained with.

    Raises:
        InputError: as `features_of`.
    """
    reader = _Reader(_preprocessing(prepare), side)
    for operation in model.operations:
        try:
            reader.add(operation)
        except _NoEquivalentError as error:
            remedy = "choose a layer before it"
            if not _is_usable(reader.steps):
                remedy = f"no layer before it can be used; choose a network of another family: {_FAMILIES}"
            raise InputError(
                f"{LAYER.name}: {operation.name} of {name}, a {type(operation).__name__}, has no equivalent at full "
                f"resolution{error}; {remedy}"
            ) from error
    try:
        return Features(Plan(name, layer, tuple(reader.steps)).checked(), reader.arrays)
    except ValueError as error:
        raise InputError(
            f"{LAYER.name}: {layer} of {name} cannot be used: {error}; expected one with weights that sees 1 to "
            f"{FARTHEST} pixels around"
        ) from error


def _is_usable(steps: Sequence[Step]) -> bool:
    """Whether the last of some steps gives what can be features of a pixel."""
    try:
        return bool(Plan("", "", tuple(steps)).checked())
    except ValueError:
        return False


def _preprocessing(prepare: Callable[[np.ndarray], np.ndarray]) -> Affine:
    """What a family does to red, green and blue, for values in [0, 1]."""
    images = np.concatenate([np.zeros((1, 1, 1, 3)), _WHITE * np.eye(3)[:, None, None]]).astype(np.float32)
    black, *ends = np.asarray(prepare(images), np.float64).reshape(4, 3)
    matrix = np.stack(ends) - black  # rows are what each channel adds
    order = np.abs(matrix).argmax(axis=0).tolist()
    factor = matrix[order, np.arange(3)].tolist()
    return Affine((0,), tuple(order), tuple(factor), tuple(black.tolist()))


class _NoEquivalentError(Exception):
    """A layer that cannot be made fully convolutional."""


class _Place(NamedTuple):
    """Along an axis, which pixels the first place of a value sees, how far the next one is, and how many there are."""

    first: int = 0
    last: int = 0
    stride: int = 1
    places: int = 0

    def padded(self, before: int, after: int) -> _Place:
        """With so many more places on both sides."""
        by = -before * self.stride
        return _Place(self.first + by, self.last + by, self.stride, self.places + before + after)

    def through(self, size: int, step: int, padding: str) -> _Place:
        """After a window of so many places, from one to the next `step`."""
        if padding != "same":
            places, padded = (self.places - size) // step + 1, 0
        else:
            places = -(-self.places // step)
            padded = max((places - 1) * step + size - self.places, 0) // 2
        first = self.first - padded * self.stride
        return _Place(first, self.last + (size - 1 - padded) * self.stride, self.stride * step, places)


class _Value(NamedTuple):
    """What a step gives: the step's number, its channels, and where its places lie along rows and columns."""

    number: int
    channels: int
    places: tuple[_Place, _Place]


class _Reader:
    """Follows the operations of a model from its input on; `steps` and `arrays` are what it has found."""

    def __init__(self, start: Step, side: int) -> None:
        self.steps: list[Step] = [start]
        self.arrays: list[np.ndarray] = []
        self._image = _Value(1, 3, (_Place(places=side), _Place(places=side)))
        self._values: dict[int, _Value] = {}

    def add(self, operation: Any) -> None:
        """Take an operation whose inputs are known.

        Raises:
            _NoEquivalentError: if it is none that can be followed.
        """
        add = _KNOWN.get(type(operation).__name__)
        if add is None or len(operation._inbound_nodes) != 1 or isinstance(operation.output, list | tuple):
            raise _NoEquivalentError
        if getattr(operation, "data_format", "channels_last") != "channels_last":
            raise _NoEquivalentError(" (its channels come first)")
        given = [self._values[id(of)] for node in operation._inbound_nodes for of in node.input_tensors]
        self._values[id(operation.output)] = add(self, operation, *given)

    def _step(self, step: Step, channels: int, places: Sequence[_Place], arrays: Sequence[np.ndarray] = ()) -> _Value:
        self.steps.append(step)
        self.arrays += [np.asarray(array, np.float32) for array in arrays]
        return _Value(len(self.steps), channels, (places[0], places[1]))

    # --- layers that give what they take, or move it ---

    def image(self, layer: Any) -> _Value:
        return self._image

    def same(self, layer: Any, of: _Value) -> _Value:
        return of

    def padding(self, layer: Any, of: _Value) -> _Value:
        down, across = (place.padded(*by) for place, by in zip(of.places, layer.padding, strict=True))
        return of._replace(places=(down, across))

    # --- layers that look at windows ---

    def _windows(self, layer: Any, size: Sequence[int], of: _Value) -> tuple[dict[str, Any], list[_Place]]:
        """How a step sees what this layer sees, and where its places lie."""
        rates = getattr(layer, "dilation_rate", (1, 1))
        dilation = tuple(of.places[axis].stride * rates[axis] for axis in _AXES)
        places = [
            of.places[axis].through((size[axis] - 1) * rates[axis] + 1, layer.strides[axis], layer.padding)
            for axis in _AXES
        ]
        return {"of": (of.number,), "size": tuple(size), "dilation": dilation}, places

    def convolution(self, layer: Any, of: _Value) -> _Value:
        if layer.groups != 1:
            raise _NoEquivalentError(" (it has groups)")
        seen, places = self._windows(layer, layer.kernel_size, of)
        step = Convolution(**seen, name=layer.name, units=layer.filters, bias=layer.use_bias, apart=False)
        return self.activation(layer, self._step(step, layer.filters, places, layer.get_weights()))

    def depthwise(self, layer: Any, of: _Value) -> _Value:
        seen, places = self._windows(layer, layer.kernel_size, of)
        units = layer.depth_multiplier
        step = Convolution(**seen, name=layer.name, units=units, bias=layer.use_bias, apart=True)
        return self.activation(layer, self._step(step, of.channels * units, places, layer.get_weights()))

    def separable(self, layer: Any, of: _Value) -> _Value:
        seen, places = self._windows(layer, layer.kernel_size, of)
        each, *rest = layer.get_weights()
        units = layer.depth_multiplier
        step = Convolution(**seen, name=f"{layer.name}_each", units=units, bias=False, apart=True)
        found = self._step(step, of.channels * units, places, [each])
        step = Convolution(
            (found.number,), (1, 1), (1, 1), name=layer.name, units=layer.filters, bias=layer.use_bias, apart=False
        )
        return self.activation(layer, self._step(step, layer.filters, places, rest))

    def pooling(self, layer: Any, of: _Value) -> _Value:
        seen, places = self._windows(layer, layer.pool_size, of)
        return self._step(Pooling(**seen, largest=type(layer).__name__.startswith("Max")), of.channels, places)

    # --- layers that look at single values ---

    def activation(self, layer: Any, of: _Value) -> _Value:
        name = getattr(layer.activation, "__name__", "")
        if name not in ACTIVATIONS:
            raise _NoEquivalentError(f" (its activation is {name or 'one of its own'})")
        return of if name == "linear" else self._step(Activation((of.number,), name, {}), of.channels, of.places)

    def relu(self, layer: Any, of: _Value) -> _Value:
        named = {"max_value": layer.max_value, "negative_slope": layer.negative_slope, "threshold": layer.threshold}
        numbers = {name: float(value) for name, value in named.items() if value is not None}
        return self._step(Activation((of.number,), "relu", numbers), of.channels, of.places)

    def normalisation(self, layer: Any, of: _Value) -> _Value:
        if layer.axis not in (-1, 3):
            raise _NoEquivalentError(" (it is not by channel)")
        mean, variance = layer.moving_mean.numpy(), layer.moving_variance.numpy()
        factor = (layer.gamma.numpy() if layer.scale else 1) / np.sqrt(variance + layer.epsilon)
        addend = (layer.beta.numpy() if layer.center else 0) - factor * mean
        return self._step(Scale((of.number,), layer.name), of.channels, of.places, [factor, addend])

    def rescaling(self, layer: Any, of: _Value) -> _Value:
        return self._affine(of, layer.scale, layer.offset)

    def standardisation(self, layer: Any, of: _Value) -> _Value:
        deviation = np.maximum(np.sqrt(np.asarray(layer.variance)), keras.backend.epsilon())
        return self._affine(of, 1 / deviation.ravel(), (-np.asarray(layer.mean) / deviation).ravel())

    def _affine(self, of: _Value, factor: Any, addend: Any) -> _Value:
        both = (tuple(np.broadcast_to(part, of.channels).astype(float).tolist()) for part in (factor, addend))
        return self._step(Affine((of.number,), tuple(range(of.channels)), *both), of.channels, of.places)

    # --- layers that put several values together ---

    def merging(self, layer: Any, *given: _Value) -> _Value:
        kind = type(layer).__name__
        if kind not in MERGES and layer.axis not in (-1, 3):
            raise _NoEquivalentError(" (it is not by channel)")
        if len({(of.places[0].stride, of.places[1].stride) for of in given}) != 1:
            raise _NoEquivalentError(" (it stretches what it takes)")
        places = [
            part[0]._replace(first=min(of.first for of in part), last=max(of.last for of in part))
            for part in zip(*(of.places for of in given), strict=True)
        ]
        cuts = tuple(
            tuple(
                side
                for place, whole in zip(of.places, places, strict=True)
                for side in (place.first - whole.first, whole.last - place.last)
            )
            for of in given
        )
        channels = [of.channels for of in given]
        step = Merge(tuple(of.number for of in given), MERGES.get(kind, JOINED), cuts)
        return self._step(step, max(channels) if kind in MERGES else sum(channels), places)


_KNOWN: dict[str, Callable[..., _Value]] = {
    "InputLayer": _Reader.image,
    **dict.fromkeys(("Dropout", "SpatialDropout2D", "Identity"), _Reader.same),
    "ZeroPadding2D": _Reader.padding,
    "Conv2D": _Reader.convolution,
    "DepthwiseConv2D": _Reader.depthwise,
    "SeparableConv2D": _Reader.separable,
    **dict.fromkeys(("MaxPooling2D", "AveragePooling2D"), _Reader.pooling),
    "Activation": _Reader.activation,
    "ReLU": _Reader.relu,
    "BatchNormalization": _Reader.normalisation,
    "Rescaling": _Reader.rescaling,
    "Normalization": _Reader.standardisation,
    **dict.fromkeys((*MERGES, "Concatenate"), _Reader.merging),
}
