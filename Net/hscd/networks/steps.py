"""The layers of a network at full resolution: none pads, so what comes out is smaller, and none has a stride."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

# Functions of `keras.activations` that look at each value by itself.
ACTIVATIONS = (
    "elu", "exponential", "gelu", "hard_sigmoid", "hard_silu", "leaky_relu", "linear", "relu", "relu6", "selu",
    "sigmoid", "silu", "softplus", "softsign", "tanh",
)  # fmt: skip
# The numbers that they take, by name; the others take none.
_NUMBERS = {"relu": {"max_value", "negative_slope", "threshold"}}
# How several values are put together, by the function of `keras.ops` that takes two of them.
MERGES = {"Add": "add", "Subtract": "subtract", "Multiply": "multiply", "Maximum": "maximum", "Minimum": "minimum"}
JOINED = "concatenate"

# Rows and columns; shapes of weights by name; pixels that are cut off at the top, bottom, left and right.
Axes = tuple[int, int]
Weights = dict[str, tuple[int, ...]]
Sides = tuple[int, int, int, int]


@dataclass(frozen=True)
class Step:
    """One layer; `of` are the numbers of the values that it takes, 0 for the image and n for what step n gives."""

    kind: ClassVar[str]
    of: tuple[int, ...]

    def weights(self, channels: int) -> Weights:
        """Shapes of its weights by name, for so many channels that go in."""
        return {}

    def channels(self, of: Sequence[int]) -> int:
        """Channels that come out, of those that go in.

        Raises:
            ValueError: if it cannot take them.
        """
        return of[0]

    @property
    def lost(self) -> Axes:
        """By how much what comes out has fewer rows and columns."""
        return 0, 0

    @property
    def window(self) -> tuple[Axes, Axes]:
        """Size of what a pixel sees of what goes in, and how far apart that lies."""
        return (1, 1), (1, 1)

    def apply(self, values: Sequence[Any], weights: Sequence[Any]) -> Any:
        """What comes out, a (images, rows, columns, channels) tensor, as those that go in are."""
        raise NotImplementedError

    def thinned(self, values: Sequence[Any], weights: Sequence[Any], dilation: Axes, strides: Axes) -> Any:
        """`apply` with a window of another dilation, to every so many of the rows and columns that come out.

        Without a window there is nothing to dilate, and all come out.
        """
        return self.apply(values, weights)


@dataclass(frozen=True)
class Affine(Step):
    """Channels in another order, each with a factor and an addend that are not learned: preprocessing."""

    kind = "affine"
    order: tuple[int, ...]
    factor: tuple[float, ...]
    addend: tuple[float, ...]

    def channels(self, of: Sequence[int]) -> int:
        require(len(self.order) == len(self.factor) == len(self.addend), "an affine step is incomplete")
        require(all(0 <= number < of[0] for number in self.order), f"{of[0]} channels have no order {self.order}")
        return len(self.order)

    def apply(self, values: Sequence[Any], weights: Sequence[Any]) -> Any:
        from hscd.system.backend import keras

        x = values[0]
        if self.order != tuple(range(x.shape[-1])):
            x = keras.ops.stack([x[..., number] for number in self.order], axis=-1)
        return x * keras.ops.array(self.factor, "float32") + keras.ops.array(self.addend, "float32")


@dataclass(frozen=True)
class Scale(Step):
    """A factor and an addend a channel, which are learned: batch normalisation by stored statistics."""

    kind = "scale"
    name: str

    def weights(self, channels: int) -> Weights:
        return {f"{self.name}_factor": (channels,), f"{self.name}_addend": (channels,)}

    def apply(self, values: Sequence[Any], weights: Sequence[Any]) -> Any:
        return values[0] * weights[0] + weights[1]


@dataclass(frozen=True)
class _Windowed(Step):
    """What looks at `size` pixels, `dilation` apart."""

    size: Axes
    dilation: Axes

    @property
    def lost(self) -> Axes:
        return (self.size[0] - 1) * self.dilation[0], (self.size[1] - 1) * self.dilation[1]

    @property
    def window(self) -> tuple[Axes, Axes]:
        return self.size, self.dilation

    def apply(self, values: Sequence[Any], weights: Sequence[Any]) -> Any:
        return self.thinned(values, weights, self.dilation, (1, 1))


@dataclass(frozen=True)
class Convolution(_Windowed):
    """Of all channels together, `units` filters; of each by itself (`apart`), so many filters a channel."""

    kind = "convolution"
    name: str
    units: int
    bias: bool
    apart: bool

    def channels(self, of: Sequence[int]) -> int:
        return of[0] * self.units if self.apart else self.units

    def weights(self, channels: int) -> Weights:
        found: Weights = {f"{self.name}_kernel": (*self.size, channels, self.units)}
        return found | ({f"{self.name}_bias": (self.channels([channels]),)} if self.bias else {})

    def thinned(self, values: Sequence[Any], weights: Sequence[Any], dilation: Axes, strides: Axes) -> Any:
        from hscd.system.backend import keras

        convolve = keras.ops.depthwise_conv if self.apart else keras.ops.conv
        # TensorFlow has no strides beside a dilation, nor two of a depthwise convolution.
        stride = strides[0] if dilation == (1, 1) and strides[0] == strides[1] else 1
        x = convolve(values[0], weights[0], strides=stride, padding="valid", dilation_rate=dilation)
        x = x[:, :: strides[0] // stride, :: strides[1] // stride] if strides != (stride, stride) else x
        return x + weights[1] if self.bias else x


@dataclass(frozen=True)
class Pooling(_Windowed):
    """Largest value, or mean, of each channel in a window: of shifted images, as no pooling of Keras is dilated."""

    kind = "pooling"
    largest: bool

    def thinned(self, values: Sequence[Any], weights: Sequence[Any], dilation: Axes, strides: Axes) -> Any:
        from hscd.system.backend import keras

        x = values[0]
        for axis, (size, step, stride) in enumerate(zip(self.size, dilation, strides, strict=True)):
            lost = (size - 1) * step
            parts = [_cut(x, axis, first, lost - first, stride) for first in range(0, lost + 1, step)]
            x = parts[0]
            for part in parts[1:]:
                x = keras.ops.maximum(x, part) if self.largest else x + part
        return x if self.largest else x / (self.size[0] * self.size[1])


@dataclass(frozen=True)
class Activation(Step):
    """A function of each value, by its name in `keras.activations`, with numbers that it takes by name."""

    kind = "activation"
    function: str
    numbers: Mapping[str, float]

    def channels(self, of: Sequence[int]) -> int:
        unknown = self.numbers.keys() - _NUMBERS.get(self.function, set())
        require(not unknown, f"{self.function} takes no {', '.join(sorted(unknown))}")
        return of[0]

    def apply(self, values: Sequence[Any], weights: Sequence[Any]) -> Any:
        from hscd.system.backend import keras

        return getattr(keras.activations, self.function)(values[0], **self.numbers)


@dataclass(frozen=True)
class Merge(Step):
    """Several values, each cut so that the same pixels lie at one place, put together."""

    kind = "merge"
    how: str
    cuts: tuple[Sides, ...]

    def channels(self, of: Sequence[int]) -> int:
        if self.how == JOINED:
            return sum(of)
        widest = max(of)
        require(set(of) <= {1, widest}, f"{self.how} of {of} channels")
        return widest

    def apply(self, values: Sequence[Any], weights: Sequence[Any]) -> Any:
        from hscd.system.backend import keras

        parts = [cut(value, sides) for value, sides in zip(values, self.cuts, strict=True)]
        if self.how == JOINED:
            return keras.ops.concatenate(parts, axis=-1)
        x = parts[0]
        for part in parts[1:]:
            x = getattr(keras.ops, self.how)(x, part)
        return x


KINDS: dict[str, type[Step]] = {kind.kind: kind for kind in (Affine, Scale, Convolution, Pooling, Activation, Merge)}


def cut(x: Any, sides: Sequence[int]) -> Any:
    """A tensor without so many pixels at the top, bottom, left and right."""
    return _cut(_cut(x, 0, *sides[:2]), 1, *sides[2:])


def _cut(x: Any, axis: int, before: int, after: int, stride: int = 1) -> Any:
    part = slice(before, -after if after else None, stride)
    return x if part == slice(0, None, 1) else x[:, part] if axis == 0 else x[:, :, part]


def require(condition: bool, wrong: str) -> None:
    """Raise `ValueError` where a condition is not met."""
    if not condition:
        raise ValueError(wrong)
