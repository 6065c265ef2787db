"""The dense branch with what a network made for photographs sees around a pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hscd.branches import BRANCHES, Parameter, Shapes, flag
from hscd.branches.dense import Dense
from hscd.networks.plan import is_plan, plan_of
from hscd.networks.pretrained import IMAGENET, LAYER, NETWORK, UNTRAINED, WEIGHTS
from hscd.registry import Option
from hscd.system import parsing

if TYPE_CHECKING:
    from hscd.networks.dilated import Features
    from hscd.system.backend import keras

TRAINABLE = Option(
    "imagenet_trainable", parsing.boolean, "True or False", False,
    "whether the layers of the network for photographs are trained, too (network = imagenet)",
)  # fmt: skip
# Statistics of features are those of the last dozens of batches: a training may have no more.
_MOMENTUM = 0.9
# Deviation that features start with: about that of bands in [0, 1], which ten times as many channels would drown.
_DEVIATION = 0.1
# The first layer of VGG16.
_EXAMPLE = (
    '["VGG16","block1_conv1",["affine",[0],[2,1,0],[255.0,255.0,255.0],[-103.0,-116.0,-123.0]],'
    '["convolution",[1],[3,3],[1,1],"block1_conv1",64,true,false],["activation",[2],"relu",{}]]'
)


class ImageNet(Dense):
    """A network of `keras.applications` up to a layer, and the dense branch on what that gives and the pixel itself.

    A projection brings the spectrum of each pixel to the three channels that the network is made for. It starts with
    the means of three groups of neighbouring bands, the last of which, where wavelengths rise, is red; like all else it
    is trained. The layers of the network come at full resolution and without padding (`networks.dilated`), so that of a
    whole image it gives what it gives of each patch. Their channels differ in size by orders of magnitude and go
    through a batch normalisation, which starts with a deviation like that of bands. The dense layers see the spectrum
    of the pixel, too.

    Unless the parameter `imagenet_trainable` is true, the layers of the network stay as they are in training and in
    fine-tuning. Their batch normalisation goes by stored statistics in any case, as a factor and an addend that are
    trained where the layers are.

    `imagenet_plan` is the text of a `networks.plan.Plan`: a saved model needs neither the file of the weights nor
    the network of Keras that it was made of.

    References:
        Nogueira, Penatti, dos Santos (2017), "Towards better exploiting convolutional neural networks for remote
            sensing scene classification", Pattern Recognition 61, of features as they are, or trained further.
        Hariharan, Arbeláez, Girshick, Malik (2015), "Hypercolumns for object segmentation and fine-grained
            localization", CVPR, of features of pixels.
    """

    sees_neighbours = True
    untold = ("imagenet_plan",)
    rescaled = True
    of_start = (NETWORK.name, WEIGHTS.name, LAYER.name)
    parameters = (
        *Dense.parameters,
        Parameter("imagenet_plan", is_plan, "layers of a network for photographs", _EXAMPLE),
        flag(TRAINABLE.name, example=False),
    )

    def build(self, bands: int, parameters: Mapping[str, Any]) -> keras.Model:
        """Build the network.

        Returns:
            Model named "branch" from (batch, rows, columns, bands) to (pixels, units), of the pixels around which the
            network for photographs sees all, row-major.
        """
        from hscd.networks.dilated import Dilated
        from hscd.system.backend import keras

        plan = plan_of(parameters["imagenet_plan"])
        inputs = keras.Input((None, None, bands), name="patches")
        start = keras.initializers.Constant(_colours(bands).tolist())
        x = keras.layers.Conv2D(3, 1, kernel_initializer=start, name="projection")(inputs)
        x = Dilated(plan.text, trainable=bool(parameters[TRAINABLE.name]), name="features")(x)
        deviation = keras.initializers.Constant(_DEVIATION)
        normalisation = keras.layers.BatchNormalization(
            momentum=_MOMENTUM, gamma_initializer=deviation, name="features_normalisation"
        )
        found = [keras.layers.Cropping2D(plan.reach, name="pixel")(inputs), normalisation(x)]
        x = keras.ops.reshape(keras.ops.concatenate(found, axis=-1), (-1, bands + plan.channels))
        return keras.Model(inputs, self.layers(x, parameters), name="branch")

    def shapes(self, bands: int, parameters: Mapping[str, Any]) -> Shapes:
        """A projection, features, their normalisation and the dense layers; features that stay are among the others."""
        plan = plan_of(parameters["imagenet_plan"])
        features, channels = list(plan.weights.values()), (plan.channels,)
        trained, others = self.shapes_of_layers(bands + plan.channels, parameters)
        released = bool(parameters[TRAINABLE.name])
        return [
            (1, 1, bands, 3), (3,), *(features if released else []), channels, channels, *trained,
            *([] if released else features), channels, channels, *others,
        ]  # fmt: skip

    def space(self, choices: Mapping[str, Any]) -> dict[str, Any]:
        """The layers that are asked for; nothing is chosen among them.

        Raises:
            InputError: as `dilated.features_of`.
        """
        own = {"imagenet_plan": _features(choices).plan.text, TRAINABLE.name: bool(choices.get(TRAINABLE.name))}
        return super().space(choices) | own

    def initial(self, choices: Mapping[str, Any]) -> dict[str, list[np.ndarray]]:
        """The weights that are asked for; none where the seed of each network draws them."""
        untrained = choices.get(WEIGHTS.name, UNTRAINED) == UNTRAINED
        return {} if untrained else {"features": _features(choices).arrays}

    def settled(self, choices: Mapping[str, Any]) -> dict[str, Any]:
        """The layer."""
        return {LAYER.name: _features(choices).plan.layer}

    def described(self, choices: Mapping[str, Any], start: str | None = None) -> str:
        """Network, layer, channels and how far they see, weights, and whether these are trained."""
        plan, weights = _features(choices).plan, choices.get(WEIGHTS.name, UNTRAINED)
        side = 2 * plan.reach + 1
        origin = {UNTRAINED: "random weights", IMAGENET: "weights of ImageNet"}.get(weights, f"weights of {weights}")
        return (
            f"{plan.network} up to {plan.layer}, {plan.channels} channels that see {side} × {side} pixels, "
            f"{origin if start is None else f'weights of {start}'}, "
            f"{'trained' if choices.get(TRAINABLE.name) else 'frozen'}"
        )

    def carried_over(
        self, arrays: Sequence[np.ndarray], parameters: Mapping[str, Any], choices: Mapping[str, Any]
    ) -> list[np.ndarray]:
        """The layers of the network are elsewhere where one of both trains them, and the other does not."""
        released, then = (bool(of.get(TRAINABLE.name)) for of in (parameters, choices))
        if released == then or "imagenet_plan" not in parameters:
            return list(arrays)
        plan = plan_of(parameters["imagenet_plan"])
        trained, _ = self.shapes_of_layers(arrays[0].shape[2] + plan.channels, parameters)
        # Behind kernel and bias of the projection, or also behind all else that is trained: two of the normalisation.
        first, to = (2 if trains else 2 + 2 + len(trained) for trains in (released, then))
        count = len(plan.weights)
        others = [*arrays[:first], *arrays[first + count :]]
        return [*others[:to], *arrays[first : first + count], *others[to:]]

    def sizes(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The network and its layer, and what the dense branch has."""
        plan = plan_of(parameters["imagenet_plan"])
        return super().sizes(parameters) | {NETWORK.name: plan.network, LAYER.name: plan.layer}

    def inferred(self, shapes: Shapes) -> dict[str, Any]:
        """Nothing: the files of older programs have no such model."""
        return {}

    def reach(self, parameters: Mapping[str, Any]) -> int:
        """How many pixels around its own the last layer sees."""
        return plan_of(parameters["imagenet_plan"]).reach

    def farthest(self, choices: Mapping[str, Any]) -> int:
        """The same: there is one network."""
        return _features(choices).plan.reach


def _features(choices: Mapping[str, Any]) -> Features:
    """The layers and their weights that the options name."""
    from hscd.networks.dilated import features_of

    name, weights, layer = (choices.get(option.name, option.default) for option in (NETWORK, WEIGHTS, LAYER))
    return features_of(name, weights, layer)


def _colours(bands: int) -> np.ndarray:
    """A (1, 1, bands, 3) kernel: means of three groups of bands, the last one first; of fewer bands, of some twice."""
    kernel = np.zeros((1, 1, bands, 3), np.float32)
    for group in range(3):
        first = group * bands // 3
        members = slice(first, max((group + 1) * bands // 3, first + 1))
        kernel[..., members, 2 - group] = 1 / (members.stop - members.start)
    return kernel


BRANCHES.add("imagenet", ImageNet(), *BRANCHES.options("dense"), NETWORK, WEIGHTS, LAYER, TRAINABLE)
