"""Losses that a network is trained with; one file each.

A loss is one formula in `keras.ops`, so that it runs on every backend. It is told the labels, the distances and the
embeddings of the pairs that are trained together, and gives one value a pair; their mean is what is minimised. What it
may rely on is said in `hscd.learn.epochs`.

A member's module is imported when the configuration is read: it imports Keras inside its functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hscd.registry import Option, Registry

# What a saved model without a loss among its parameters was trained with.
DEFAULT = "contrastive"


@dataclass(frozen=True)
class Loss:
    """A loss, and what the training needs to know about it.

    Attributes:
        name: how parameters spell it.
        of: "pairs" if the value of a pair depends on that pair alone, so that a batch may be split; "batch" if it
            depends on the others too, so that it may not.
        function: (labels, distances, embeddings, head, **options) -> (pairs,) values. Labels (pairs,) are 0 changed,
            1 unchanged; distances (pairs,), embeddings (pairs, 2, units). The head is the network's `Head`; its margin
            is that of the model's parameters. The options are those that the loss is registered with.
    """

    name: str
    of: Literal["pairs", "batch"]
    function: Callable[..., Any]


LOSSES: Registry[Loss] = Registry("loss", __name__)


def register(name: str, *options: Option, of: Literal["pairs", "batch"]) -> Callable[[Callable], Callable]:
    """Make a loss function known under `name`, with the options that it brings."""

    def add(function: Callable) -> Callable:
        LOSSES.add(name, Loss(name, of, function), *options)
        return function

    return add


def chosen(parameters: Mapping[str, Any]) -> tuple[Loss, dict[str, Any]]:
    """The loss that the parameters of a model name, and its options among them.

    Raises:
        ValueError: if there is no such loss, or an option without a default is missing.
    """
    name = parameters.get("loss", DEFAULT)
    if name not in LOSSES:
        raise ValueError(f"unknown loss {name!r}; known: {', '.join(LOSSES)}")
    options = {option.name: parameters.get(option.name, option.default) for option in LOSSES.options(name)}
    for option in LOSSES.options(name):
        if options[option.name] is ...:
            raise ValueError(f"loss {name!r} lacks its option {option.name}; expected {option.allowed}")
    return LOSSES[name], options
