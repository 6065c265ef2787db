"""Heads: differentiable spectral distances that end the Siamese network; one file each.

A head is one formula that runs on NumPy arrays and on Keras tensors alike. On raw spectra it is a detector too
(`hscd.detectors.spectral`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hscd.registry import Registry


@dataclass(frozen=True)
class Head:
    """A distance and what the contrastive loss needs to know about its range.

    Attributes:
        name: how net.conf spells it.
        function: two (…, bands) arrays or tensors -> (…), >= 0.
        margin: distance beyond which a changed pair adds nothing to the loss.
        same_below: distance below which the training accuracy calls a pair unchanged.
    """

    name: str
    function: Callable[[Any, Any], Any]
    margin: float
    same_below: float


HEADS: Registry[Head] = Registry("head", __name__)


def register(name: str, *, margin: float, same_below: float) -> Callable[[Callable], Callable]:
    """Make a distance function known under `name`."""

    def add(function: Callable) -> Callable:
        HEADS.add(name, Head(name, function, margin, same_below))
        return function

    return add


def by_function(function: Callable | str) -> Head:
    """The head of a distance function, of a function's name or of a configured name.

    Raises:
        ValueError: if there is none.
    """
    for head in HEADS.values():
        if function in (head.function, head.function.__name__, head.name):
            return head
    raise ValueError(f"unknown distance {function!r}; known: {', '.join(HEADS)}")
