"""Losses that a network is trained with; one file each.

A loss is one formula in `keras.ops`, so that it runs on every backend. It is told the labels, the distances and the
embeddings of the pairs that are trained together, and gives one value a pair; their mean is what is minimised. What it
may rely on is said in `hscd.learn.epochs`.

A member's module is imported when the configuration is read: it imports Keras inside its functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hscd.registry import Option, Registry
from hscd.system import parsing

# What a saved model without a loss among its parameters was trained with.
DEFAULT = "contrastive"
# Of the losses that have scales which can be learned.
LEARNED = Option(
    "loss_learned",
    parsing.boolean,
    "True or False",
    False,
    "whether temperature and bias are learned with the network, from the values that are set "
    "(loss = sigmoid_contrastive or soft_nearest_neighbour)",
)


@dataclass(frozen=True)
class Loss:
    """A loss, and what the training needs to know about it.

    Attributes:
        name: how parameters spell it.
        of: "pairs" if the value of a pair depends on that pair alone, so that a batch may be split; "batch" if it
            depends on the others too, so that it may not.
        function: (labels, distances, embeddings, head, **options) -> (pairs,) values. Labels (pairs,) are 0 changed,
            1 unchanged; distances (pairs,), embeddings (pairs, 2, units). The head is the network's `Head`; its margin
            is that of the model's parameters. The options are those that the loss is registered with, but for
            `LEARNED`.
        learned: those of its options that `LEARNED` makes weights of the network, and whether each is > 0.
    """

    name: str
    of: Literal["pairs", "batch"]
    function: Callable[..., Any]
    learned: Mapping[str, bool] = field(default_factory=dict)


LOSSES: Registry[Loss] = Registry("loss", __name__)


def register(
    name: str, *options: Option, of: Literal["pairs", "batch"], learned: Mapping[str, bool] | None = None
) -> Callable[[Callable], Callable]:
    """Make a loss function known under `name`, with the options that it brings; `learned` is that of `Loss`."""

    def add(function: Callable) -> Callable:
        LOSSES.add(name, Loss(name, of, function, learned or {}), *options, *([LEARNED] if learned else []))
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
