"""Branch networks: the part of a Siamese network that both images go through with the same weights; one file each.

A member's module is imported when the configuration is read, so it imports Keras, TensorFlow and Hyperopt inside its
functions only. What a branch must satisfy is in `tests/contracts/test_branches_contract.py`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hscd.registry import Registry

if TYPE_CHECKING:
    from hscd.system.backend import keras

# The branch of a model whose parameters name none: that of the guide's program.
DEFAULT = "dense"
# What named weights are stored as: a shape each, in the order of the file.
Shapes = list[tuple[int, ...]]


@dataclass(frozen=True)
class Parameter:
    """One value that a saved model holds.

    Attributes:
        name: its key in the parameter file.
        is_allowed: whether a value, of any type, can be used.
        allowed: what is allowed, for errors: "an integer >= 1".
        example: a value that makes a small network, for tests.
        only_trained: whether it is needed to train a model further, but not to predict with it.
    """

    name: str
    is_allowed: Callable[[Any], bool]
    allowed: str
    example: Any
    only_trained: bool = False


def whole(name: str, high: float = math.inf, *, example: int = 4, only_trained: bool = False) -> Parameter:
    """A parameter that is an integer in [1, high]."""
    allowed = "an integer >= 1" if math.isinf(high) else f"an integer from 1 to {high}"
    return Parameter(
        name, lambda value: _is_number(value, int | np.integer) and 1 <= value <= high, allowed, example, only_trained
    )


def positive(name: str, *, example: float = 1.0, only_trained: bool = False) -> Parameter:
    """A parameter that is a finite number > 0."""
    return Parameter(
        name,
        lambda value: _is_number(value) and math.isfinite(value) and value > 0,
        "a number > 0",
        example,
        only_trained,
    )


def rate(name: str, *, example: float = 0.1, only_trained: bool = True) -> Parameter:
    """A parameter that is a share of values to drop."""
    return Parameter(
        name, lambda value: _is_number(value) and 0 <= value < 1, "a number in [0, 1[", example, only_trained
    )


def flag(name: str, *, example: bool = True) -> Parameter:
    """A parameter that is True or False; 0 and 1 are as good."""
    return Parameter(
        name,
        lambda value: isinstance(value, bool | np.bool_ | int | np.integer) and value in (0, 1),
        "True or False",
        example,
    )


def _is_number(value: Any, kind: Any = int | float | np.number) -> bool:
    return isinstance(value, kind)


class Branch(ABC):
    """A network from spectra to embeddings.

    Attributes:
        parameters: what a saved model must hold for it. `lr`, `batch_size`, `score_function` and `margin` are those of
            every model.
        sees_neighbours: whether it is for networks that see more than the pixel itself (`reach`).
        untold: those of its own in `space` that are too long for the table of the trials.
        rescaled: whether it is made for bands in [0, 1].
        of_start: options that a model to start from decides; other values than its own and the default are refused.
    """

    parameters: Sequence[Parameter]
    sees_neighbours = False
    untold: Sequence[str] = ()
    rescaled = False
    of_start: Sequence[str] = ()

    @abstractmethod
    def build(self, bands: int, parameters: Mapping[str, Any]) -> keras.Model:
        """Build the network.

        Args:
            bands: number of bands of a spectrum.
            parameters: the values of `self.parameters`, among others.

        Returns:
            Model named "branch" from (batch, bands) to (batch, units); of a network that sees neighbours, without
            padding, from (batch, rows, columns, bands) to (pixels, units), of the pixels around which it sees all.
        """

    @abstractmethod
    def shapes(self, bands: int, parameters: Mapping[str, Any]) -> Shapes:
        """Shapes of all its weights in the order in which they are saved, told without Keras.

        That is the order of Keras' own files: the weights that training changes, layer by layer, then the others,
        such as the moving means of a batch normalisation. Saved models are checked against it before they are read.
        """

    def space(self, choices: Mapping[str, Any]) -> dict[str, Any]:
        """What a search may choose for those parameters that the template `siamese_model` does not name.

        Args:
            choices: values of the options that the branch is registered with.

        Returns:
            For each of them a Hyperopt expression labelled with its name, or a value that is not searched for.
        """
        return {}

    def initial(self, choices: Mapping[str, Any]) -> dict[str, list[np.ndarray]]:
        """Weights that the networks of a search begin with in place of random ones, by layer, in the layer's order.

        Args:
            choices: as of `space`.
        """
        return {}

    def settled(self, choices: Mapping[str, Any]) -> dict[str, Any]:
        """The options that are not given and follow from others, with the values that they come to.

        Args:
            choices: as of `space`.
        """
        return {}

    def described(self, choices: Mapping[str, Any], start: str | None = None) -> str:
        """The network that choices name, to be told before a search; "" where they say all of it themselves.

        Args:
            choices: as of `space`.
            start: name of a saved model whose weights it starts with; None for none.
        """
        return ""

    def carried_over(
        self, arrays: Sequence[np.ndarray], parameters: Mapping[str, Any], choices: Mapping[str, Any]
    ) -> list[np.ndarray]:
        """Weights of a saved model in the order in which those of a model of these choices are saved.

        Args:
            arrays: in the order in which they are saved.
            parameters: of the saved model.
            choices: as of `space`.
        """
        return list(arrays)

    def sizes(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The choices, as of `space`, that leave a search nothing but networks whose weights are of the same shapes.

        They may be in another order (`carried_over`).

        Args:
            parameters: of a model.
        """
        return {}

    def reach(self, parameters: Mapping[str, Any]) -> int:
        """How many pixels around its own the network of these parameters sees."""
        return 0

    def farthest(self, choices: Mapping[str, Any]) -> int:
        """The largest `reach` among the networks that a search may choose; `choices` as of `space`."""
        return 0

    def inferred(self, shapes: Shapes) -> dict[str, Any]:
        """Those parameters that follow from the shapes of the weights; none where it cannot be told."""
        return {}


BRANCHES: Registry[Branch] = Registry("branch", __name__)


def branch_of(parameters: Mapping[str, Any]) -> Branch:
    """The branch that the parameters of a model name under "network".

    Raises:
        ValueError: if there is none of that name.
    """
    name = parameters.get("network", DEFAULT)
    if not (isinstance(name, str) and name in BRANCHES):
        raise ValueError(f"unknown network {name!r:.80}; known: {', '.join(BRANCHES)}")
    return BRANCHES[name]
