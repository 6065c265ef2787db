"""The layers of a network as a text, which a saved model holds: it needs neither their file nor Keras' own network.

A step takes what earlier ones gave. Whatever the text is, reading it ends in a plan that can be built, or in an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache, cached_property
from typing import Any

from hscd.networks.steps import ACTIVATIONS, JOINED, KINDS, MERGES, Axes, Merge, Step, Weights, cut, require

_NAME = re.compile(r"[\w.-]{1,80}")
# Beyond, patches of pixels would not fit into any memory.
FARTHEST = 64
_MOST_STEPS, _MOST_UNITS = 500, 4096


@dataclass(frozen=True)
class Plan:
    """The layers of a network up to one of them, from three channels in [0, 1] on.

    Attributes:
        network: its name in `keras.applications`.
        layer: the name of the last one.
        steps: in the order in which they are taken; the last one gives the features.
    """

    network: str
    layer: str
    steps: tuple[Step, ...]

    @property
    def text(self) -> str:
        """All of it, as `plan_of` reads it."""
        steps = [[step.kind, *asdict(step).values()] for step in self.steps]
        return json.dumps([self.network, self.layer, *steps], separators=(",", ":"))

    def checked(self) -> Plan:
        """The plan itself.

        Raises:
            ValueError: if its steps do not fit together, or what they give cannot be features of a pixel.
        """
        require(0 < len(self.steps) <= _MOST_STEPS, f"{len(self.steps)} steps")
        require(bool(self.weights), "it has no weights")
        require(self.reach > 0, "it sees single pixels")
        return self

    @cached_property
    def _through(self) -> tuple[list[int], list[Axes]]:
        """Channels of the image and of what each step gives, and by how much that is smaller than the image."""
        channels, lost = [3], [(0, 0)]
        for step in self.steps:
            cuts = step.cuts if isinstance(step, Merge) else [(0, 0, 0, 0)]
            require(len(cuts) == len(step.of), f"{step.kind} of {len(step.of)} values")
            require(all(0 <= number < len(channels) for number in step.of), f"there are no values {step.of}")
            found = [
                (down + step.lost[0] + top + bottom, across + step.lost[1] + left + right)
                for (down, across), (top, bottom, left, right) in zip([lost[of] for of in step.of], cuts, strict=True)
            ]
            require(len(set(found)) == 1, f"values of {len(set(found))} sizes are put together")
            lost.append(found[0])
            channels.append(step.channels([channels[number] for number in step.of]))
            require(0 < channels[-1] <= _MOST_UNITS, f"{channels[-1]} channels")
            require(max(lost[-1]) <= 2 * FARTHEST, f"it sees more than {FARTHEST} pixels around")
        return channels, lost

    @property
    def channels(self) -> int:
        """Of the features."""
        return self._through[0][-1]

    @property
    def reach(self) -> int:
        """How many pixels around its own a feature sees."""
        return -(-max(self._through[1][-1]) // 2)

    @property
    def weights(self) -> Weights:
        """Shapes of all weights by name, in their order."""
        found: Weights = {}
        for own in self.named:
            require(not own.keys() & found.keys(), f"two weights are named {', '.join(own)}")
            found |= own
        return found

    @property
    def named(self) -> list[Weights]:
        """The same, step by step."""
        channels = self._through[0]
        return [step.weights(channels[step.of[0]]) for step in self.steps]

    @property
    def cuts(self) -> list[Axes]:
        """Rows, and columns, that are cut off the features before and behind, so that both sides lost as much."""
        # Of an even number of pixels the middle is what lies behind it.
        beyond = [2 * self.reach - lost for lost in self._through[1][-1]]
        return [(of // 2, of - of // 2) for of in beyond]

    def apply(self, image: Any, weights: Sequence[Any]) -> Any:
        """Features of the pixels around which all is seen: `reach` rows and columns less on each side.

        Args:
            image: (images, rows, columns, 3) tensor in [0, 1].
            weights: tensors, as of `weights`.
        """
        values, left = [image], iter(weights)
        for step, names in zip(self.steps, self.named, strict=True):
            own = [next(left) for _ in names]
            values.append(step.apply([values[number] for number in step.of], own))
        return cut(values[-1], tuple(side for sides in self.cuts for side in sides))


@cache
def plan_of(text: str) -> Plan:
    """The plan of a text, checked.

    Raises:
        ValueError: if it is none.
    """
    try:
        network, layer, *steps = json.loads(text)
        require(all(isinstance(name, str) and _NAME.fullmatch(name) for name in (network, layer)), "a name is none")
        return Plan(network, layer, tuple(_step(*given) for given in steps)).checked()
    except (TypeError, KeyError, RecursionError, ValueError) as error:
        raise ValueError(f"no layers of a network: {error}") from error


def is_plan(value: Any) -> bool:
    """Whether it is the text of a plan."""
    try:
        return isinstance(value, str) and bool(plan_of(value))
    except ValueError:
        return False


def _step(kind: str, *values: Any) -> Step:
    """The step of what JSON makes of it."""
    step = KINDS[kind](*(_tuple(value) if isinstance(value, list) else value for value in values))
    for field in fields(step):
        allowed = _ALLOWED[field.name]
        require(allowed(getattr(step, field.name)), f"{field.name} of a {kind} step is {getattr(step, field.name)!r}")
    return step


def _tuple(values: list[Any]) -> tuple[Any, ...]:
    return tuple(tuple(value) if isinstance(value, list) else value for value in values)


def _integers(low: int, high: int, count: int | None = None) -> Any:
    """What tells whether a value is a tuple of so many integers in [low, high]; of any number but 0 for None."""
    return lambda value: (
        isinstance(value, tuple)
        and (len(value) > 0 if count is None else len(value) == count)
        and all(type(one) is int and low <= one <= high for one in value)
    )


def _finite(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e9  # not NaN either


_ALLOWED: dict[str, Any] = {
    "of": _integers(0, _MOST_STEPS),
    "order": _integers(0, _MOST_UNITS),
    "factor": lambda value: isinstance(value, tuple) and all(map(_finite, value)),
    "addend": lambda value: isinstance(value, tuple) and all(map(_finite, value)),
    "name": lambda value: isinstance(value, str) and _NAME.fullmatch(value),
    "size": _integers(1, 2 * FARTHEST, 2),
    "dilation": _integers(1, 2 * FARTHEST, 2),
    "units": lambda value: type(value) is int and 0 < value <= _MOST_UNITS,
    "bias": lambda value: type(value) is bool,
    "apart": lambda value: type(value) is bool,
    "largest": lambda value: type(value) is bool,
    "function": lambda value: value in ACTIVATIONS,
    "numbers": lambda value: isinstance(value, dict) and all(map(_finite, value.values())),
    "how": lambda value: value in (*MERGES.values(), JOINED),
    "cuts": lambda value: isinstance(value, tuple) and all(map(_integers(0, 2 * FARTHEST, 4), value)),
}
