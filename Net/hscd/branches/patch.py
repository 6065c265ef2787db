"""The dense branch with convolutions over the neighbours of a pixel."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from hscd.branches import BRANCHES, Parameter, Shapes, whole
from hscd.branches.dense import Dense
from hscd.registry import Option
from hscd.system import parsing

if TYPE_CHECKING:
    from hscd.system.backend import keras

# A patch of more pixels along a side is one convolution deeper for every two of them.
_LARGEST = 31
_KERNEL = 3
# A patch size, or several at once.
Size = int | tuple[int, ...]


def _is_odd(value: Any, low: int = 1) -> bool:
    return isinstance(value, int | np.integer) and int(value) in range(low, _LARGEST + 1, 2)


def _is_size(value: Any) -> bool:
    """Whether it is an odd number, or a tuple of rising ones; the pixel itself, 1, is seen anyway."""
    if isinstance(value, tuple):
        return len(value) > 1 and all(_is_odd(one, 3) for one in value) and list(value) == sorted(set(value))
    return _is_odd(value)


def _sizes(text: str) -> list[Size]:
    """Choices of sizes, of which a list is one of several sizes at once; one number may stand by itself."""
    try:
        values = ast.literal_eval(text)
    except (SyntaxError, MemoryError, RecursionError, TypeError):
        raise ValueError from None
    found = [values] if type(values) is int else values
    if not isinstance(found, list) or not found:
        raise ValueError
    sizes = [tuple(one) if isinstance(one, list) else one for one in found]
    if not all(map(_is_size, sizes)) or any(type(one) is bool for one in sizes):
        raise ValueError
    return sizes


class Patch(Dense):
    """3 × 3 convolutions(relu) until one pixel is left, and the dense branch on what they give and the pixel itself.

    Before them comes a projection(relu) of the spectrum of each pixel, the same for all, so they see few channels
    however many bands there are. A patch of 3 × 3 pixels has one convolution, one of 5 × 5 two. No layer pads, so the
    network is fully convolutional: of a whole image it gives what it gives of each patch, and computes what
    neighbouring patches share once. The dense layers see the spectrum of the pixel, too: what they learn without
    neighbours they can learn with them. A patch of 1 × 1 is the dense branch, which brings all other parameters.

    Of several sizes at once the dense layers see what the convolutions have found of each, as in [3]: the same
    convolutions, of which the first ones give the smaller patches.

    With the parameter `patch_bands`, which models have where it is not 0, the first convolution is a 3-D one, whose
    filters span so many bands (all, if there are fewer) and move along the spectrum by half of that, as in [4]; the
    projection comes behind it, as in [5].

    References:
        [1] Daudt, Le Saux, Boulch (2018), "Fully convolutional siamese networks for change detection", ICIP.
        [2] Lee, Kwon (2017), "Going deeper with contextual CNN for hyperspectral image classification", IEEE TIP
            26(10), of projections of spectra before and behind convolutions, and of mirrored patches.
        [3] Hariharan, Arbeláez, Girshick, Malik (2015), "Hypercolumns for object segmentation and fine-grained
            localization", CVPR.
        [4] Li, Zhang, Shen (2017), "Spectral–spatial classification of hyperspectral imagery with 3D convolutional
            neural network", Remote Sensing 9(1).
        [5] Roy, Krishna, Dubey, Chaudhuri (2020), "HybridSN: exploring 3-D–2-D CNN feature hierarchy for hyperspectral
            image classification", IEEE Geosci. Remote Sens. Letters 17(2).
    """

    sees_neighbours = True
    parameters = (
        *Dense.parameters,
        Parameter(
            "patch_size", _is_size, f"an odd integer from 1 to {_LARGEST}, or several from 3 in a tuple", _KERNEL
        ),
        whole("patch_filters"),
    )

    def build(self, bands: int, parameters: Mapping[str, Any]) -> keras.Model:
        """Build the network.

        Returns:
            Model named "branch" from (batch, rows, columns, bands) to (pixels, units), of the pixels around which a
            patch fits, row-major: one of each patch. Of 1 × 1 that of the dense branch.
        """
        reach = self.reach(parameters)
        if not reach:
            return super().build(bands, parameters)
        from hscd.system.backend import keras

        filters, depth = int(parameters["patch_filters"]), _depth(bands, parameters)
        inputs = keras.Input((None, None, bands), name="patches")
        found = [keras.layers.Cropping2D(reach, name="pixel")(inputs)]
        x = inputs if depth else keras.layers.Conv2D(filters, 1, activation="relu", name="projection")(inputs)
        for number in range(reach):
            name = f"convolution_{number}" if number else "convolution"
            if depth and not number:
                x = _spectral(x, filters, depth, name)
            else:
                x = keras.layers.Conv2D(filters, _KERNEL, activation="relu", name=name)(x)
            if 2 * number + _KERNEL in _every(parameters):
                left = reach - number - 1
                found.append(keras.layers.Cropping2D(left, name=f"of_{name}")(x) if left else x)
        x = keras.ops.reshape(keras.ops.concatenate(found, axis=-1), (-1, bands + filters * (len(found) - 1)))
        return keras.Model(inputs, self.layers(x, parameters), name="branch")

    def shapes(self, bands: int, parameters: Mapping[str, Any]) -> Shapes:
        """A kernel and a bias a convolution, and what the dense branch has."""
        reach = self.reach(parameters)
        if not reach:
            return super().shapes(bands, parameters)
        filters, depth = int(parameters["patch_filters"]), _depth(bands, parameters)
        convolution: Shapes = [(_KERNEL, _KERNEL, filters, filters), (filters,)]
        first: Shapes = [(1, 1, bands, filters), (filters,), *convolution]
        if depth:
            found = filters * len(_places(bands, depth))
            first = [(_KERNEL, _KERNEL, depth, filters), (filters,), (1, 1, found, filters), (filters,)]
        features = bands + filters * len(_every(parameters))
        return [*first, *convolution * (reach - 1), *super().shapes(features, parameters)]

    def space(self, choices: Mapping[str, Any]) -> dict[str, Any]:
        """Size and filters; where there is one to choose from, the draws of all others stay what they are without."""
        from hyperopt import hp

        names = ["patch_size", "patch_filters"]
        names += ["patch_bands"] if choices.get("patch_bands", [0]) != [0] else []
        return super().space(choices) | {
            name: hp.choice(name, choices[name]) if len(choices[name]) > 1 else choices[name][0] for name in names
        }

    def sizes(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Size, filters and depth, and what the dense branch has."""
        return super().sizes(parameters) | {
            "patch_size": [parameters["patch_size"]],
            "patch_filters": [int(parameters["patch_filters"])],
            "patch_bands": [int(parameters.get("patch_bands", 0))],
        }

    def inferred(self, shapes: Shapes) -> dict[str, Any]:
        """Nothing: the files of older programs have no such model."""
        return {}

    def reach(self, parameters: Mapping[str, Any]) -> int:
        """Half of the largest patch without its middle."""
        return max(_every(parameters)) // 2

    def farthest(self, choices: Mapping[str, Any]) -> int:
        """That of the largest patch."""
        return max(self.reach({"patch_size": size}) for size in choices["patch_size"])


def _every(parameters: Mapping[str, Any]) -> tuple[int, ...]:
    """All sizes of patches that a network sees."""
    size = parameters["patch_size"]
    return tuple(map(int, size)) if isinstance(size, tuple) else (int(size),)


def _depth(bands: int, parameters: Mapping[str, Any]) -> int:
    """How many bands a filter of the first convolution spans; 0 for all, in two dimensions.

    Raises:
        ValueError: if the parameter is no integer >= 0.
    """
    value = parameters.get("patch_bands", 0)
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 0:
        raise ValueError(f"patch_bands is {value!r:.80}; expected an integer >= 0")
    return min(int(value), bands)


def _places(bands: int, depth: int) -> range:
    """The first bands that filters of so many bands start from."""
    return range(0, bands - depth + 1, (depth + 1) // 2)


def _spectral(x: Any, filters: int, depth: int, name: str) -> Any:
    """A 3-D convolution over pixels and bands, and a projection of what it gives along the spectrum, both relu.

    As 2-D convolutions of one kernel over parts of the spectrum, which is the same: `Conv3D` of TensorFlow with oneDNN
    gives random numbers where one place along the bands is left (2.21, images of 66 × 66 × 3).
    """
    from hscd.system.backend import keras

    layer = keras.layers.Conv2D(filters, _KERNEL, activation="relu", name=name)
    found = [layer(x[..., first : first + depth]) for first in _places(x.shape[-1], depth)]
    joined = found[0] if len(found) == 1 else keras.ops.concatenate(found, axis=-1)
    return keras.layers.Conv2D(filters, 1, activation="relu", name="projection")(joined)


BRANCHES.add(
    "patch",
    Patch(),
    *BRANCHES.options("dense"),
    Option(
        "patch_size",
        _sizes,
        f"an odd integer from 1 to {_LARGEST}, or a Python list of them, for example [3, 5]; a list in it is for "
        "several sizes at once, for example [5, [3, 5]]",
        [5],
        "choices of how many pixels the side of a patch has, 1 for the dense network (network = patch)",
    ),
    Option(
        "patch_filters",
        parsing.integers,
        "a Python list of integers >= 1, for example [32, 64]",
        [32],
        "choices of how many filters each 3 × 3 convolution has (network = patch)",
    ),
    Option(
        "patch_bands",
        partial(parsing.integers, low=0),
        "a Python list of integers >= 0, for example [0, 7]",
        [0],
        "choices of how many bands each filter of the first convolution spans, which then is 3-D, 0 for 2-D "
        "(network = patch)",
    ),
)
