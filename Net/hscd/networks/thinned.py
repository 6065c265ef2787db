"""The layers of a plan on patches of which they give a single pixel: what that one does not need is not computed.

At full resolution the layers behind strides look at pixels that lie apart. Around one pixel these are few, and the ones
that they come of again are: on them the dilated network is the strided one that it was made of.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from hscd.networks.plan import Plan
from hscd.networks.steps import Axes, Merge, Step


class _Places(NamedTuple):
    """Places along an axis of what a step gives of a whole image: `step` apart, which is 0 for a single one."""

    first: int
    last: int
    step: int

    def seen(self, size: int, dilation: int, cut: int) -> _Places:
        """Those that a window of each place sees, of what is cut by so many places before it is looked at."""
        between = math.gcd(self.step, dilation if size > 1 else 0)
        return _Places(self.first + cut, self.last + cut + (size - 1) * dilation, between)

    def together(self, other: _Places) -> _Places:
        """Evenly spaced places that hold both."""
        between = math.gcd(self.step, other.step, self.first - other.first)
        return _Places(min(self.first, other.first), max(self.last, other.last), between)

    def among(self, others: _Places) -> slice:
        """Where they are where only the others are computed."""
        between = others.step or 1
        first, last = ((of - others.first) // between for of in (self.first, self.last))
        return slice(first, last + 1, max(1, self.step // between))


_Area = tuple[_Places, _Places]


def apply_to_patches(plan: Plan, patches: Any, weights: Sequence[Any]) -> Any:
    """The features of the middle of patches, as `Plan.apply` gives them.

    Args:
        plan: the layers.
        patches: (images, side, side, 3) tensor in [0, 1], whose sides are `plan.reach` on both sides of the middle.
        weights: tensors, as of `plan.weights`.
    """
    needed = _needed(plan)
    values: dict[int, Any] = {0: _picked(patches, needed[0], (_Places(0, 2 * plan.reach, 1),) * 2)}
    left = iter(weights)
    for number, (step, names) in enumerate(zip(plan.steps, plan.named, strict=True), start=1):
        own = [next(left) for _ in names]
        if number not in needed:
            continue
        seen = _seen(step, needed[number])
        given = [_picked(values[of], area, needed[of]) for of, area in zip(step.of, seen, strict=True)]
        # Cuts of a merging have chosen the places already.
        whole = replace(step, cuts=((0, 0, 0, 0),) * len(step.of)) if isinstance(step, Merge) else step
        dilation, strides = _times(step.window[1], _steps(seen[0])), _times(_steps(needed[number]), _steps(seen[0]))
        values[number] = whole.thinned(given, own, dilation, strides)
    return values[len(plan.steps)]


def _needed(plan: Plan) -> Mapping[int, _Area]:
    """Of the image and of each step that counts, the places that the middle comes of."""
    rows, columns = (_Places(before, before, 0) for before, _ in plan.cuts)
    found: dict[int, _Area] = {len(plan.steps): (rows, columns)}
    for number in range(len(plan.steps), 0, -1):
        if number not in found:
            continue
        step = plan.steps[number - 1]
        for of, area in zip(step.of, _seen(step, found[number]), strict=True):
            earlier = found.get(of, area)
            found[of] = area[0].together(earlier[0]), area[1].together(earlier[1])
    return found


def _seen(step: Step, area: _Area) -> list[_Area]:
    """What a step looks at of each value that it takes, for some places of what it gives."""
    cuts = [(sides[0], sides[2]) for sides in step.cuts] if isinstance(step, Merge) else [(0, 0)]
    sizes, dilations = step.window
    return [
        (area[0].seen(sizes[0], dilations[0], top), area[1].seen(sizes[1], dilations[1], left)) for top, left in cuts
    ]


def _steps(area: _Area) -> Axes:
    return area[0].step or 1, area[1].step or 1


def _times(steps: Axes, of: Axes) -> Axes:
    """How many of other steps each of these is, at least one."""
    return max(1, steps[0] // of[0]), max(1, steps[1] // of[1])


def _picked(value: Any, area: _Area, there: _Area) -> Any:
    """Some of the places that were computed of a value."""
    return value if area == there else value[:, area[0].among(there[0]), area[1].among(there[1])]
