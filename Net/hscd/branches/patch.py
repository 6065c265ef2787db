"""The dense branch with convolutions over the neighbours of a pixel."""

from __future__ import annotations

from collections.abc import Mapping
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


def _is_size(value: Any) -> bool:
    return isinstance(value, int | np.integer) and int(value) in range(1, _LARGEST + 1, 2)


def _sizes(text: str) -> list[int]:
    """Odd numbers; one may stand by itself."""
    found = parsing.integers(f"[{text}]" if text.strip().isdigit() else text, _LARGEST)
    if not all(map(_is_size, found)):
        raise ValueError
    return found


class Patch(Dense):
    """3 × 3 convolutions(relu) until one pixel is left, and the dense branch on what they give and the pixel itself.

    Before them comes a projection(relu) of the spectrum of each pixel, the same for all, so they see few channels
    however many bands there are. A patch of 3 × 3 pixels has one convolution, one of 5 × 5 two. No layer pads, so the
    network is fully convolutional: of a whole image it gives what it gives of each patch, and computes what
    neighbouring patches share once. The dense layers see the spectrum of the pixel, too: what they learn without
    neighbours they can learn with them. A patch of 1 × 1 is the dense branch, which brings all other parameters.

    References:
        Daudt, Le Saux, Boulch (2018), "Fully convolutional siamese networks for change detection", ICIP.
        Lee, Kwon (2017), "Going deeper with contextual CNN for hyperspectral image classification", IEEE TIP 26(10),
            of projections of spectra before and behind convolutions, and of mirrored patches.
    """

    sees_neighbours = True
    parameters = (
        *Dense.parameters,
        Parameter("patch_size", _is_size, f"an odd integer from 1 to {_LARGEST}", _KERNEL),
        whole("patch_filters"),
    )

    def build(self, bands: int, parameters: Mapping[str, Any]) -> keras.Model:
        """Build the network.

        Returns:
            Model named "branch" from (batch, rows, columns, bands) to (pixels, units), of the pixels around which a
            patch fits, row-major: one of each patch. Of 1 × 1 that of the dense branch.
        """
        if parameters["patch_size"] == 1:
            return super().build(bands, parameters)
        from hscd.system.backend import keras

        filters, reach = int(parameters["patch_filters"]), self.reach(parameters)
        inputs = keras.Input((None, None, bands), name="patches")
        x = keras.layers.Conv2D(filters, 1, activation="relu", name="projection")(inputs)
        for number in range(reach):
            name = f"convolution_{number}" if number else "convolution"
            x = keras.layers.Conv2D(filters, _KERNEL, activation="relu", name=name)(x)
        pixels = keras.layers.Cropping2D(reach, name="pixel")(inputs)
        x = keras.ops.reshape(keras.ops.concatenate([pixels, x], axis=-1), (-1, bands + filters))
        return keras.Model(inputs, self.layers(x, parameters), name="branch")

    def shapes(self, bands: int, parameters: Mapping[str, Any]) -> Shapes:
        """A kernel and a bias a convolution, and what the dense branch has."""
        if parameters["patch_size"] == 1:
            return super().shapes(bands, parameters)
        filters = int(parameters["patch_filters"])
        convolution: Shapes = [(_KERNEL, _KERNEL, filters, filters), (filters,)]
        return [
            (1, 1, bands, filters), (filters,), *convolution * self.reach(parameters),
            *super().shapes(bands + filters, parameters),
        ]  # fmt: skip

    def space(self, choices: Mapping[str, Any]) -> dict[str, Any]:
        """Size and filters; where there is one to choose from, the draws of all others stay what they are without."""
        from hyperopt import hp

        return super().space(choices) | {
            name: hp.choice(name, choices[name]) if len(choices[name]) > 1 else choices[name][0]
            for name in ("patch_size", "patch_filters")
        }

    def inferred(self, shapes: Shapes) -> dict[str, Any]:
        """Nothing: the files of older programs have no such model."""
        return {}

    def reach(self, parameters: Mapping[str, Any]) -> int:
        """Half of the patch without its middle."""
        return int(parameters["patch_size"]) // 2

    def farthest(self, choices: Mapping[str, Any]) -> int:
        """That of the largest patch."""
        return max(choices["patch_size"]) // 2


BRANCHES.add(
    "patch",
    Patch(),
    *BRANCHES.options("dense"),
    Option(
        "patch_size",
        _sizes,
        f"an odd integer from 1 to {_LARGEST}, or a Python list of them, for example [3, 5]",
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
)
