"""What a pixel's neighbours say about its label; one file each.

A correction is a function from a label map (rows, columns), the scores it was cut from, (rows, columns), the radius of
the program's constants, and its options to a label map. A pixel that is unknown stays so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np

from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.registry import Functions, Option, Registry
from hscd.scenes.scene import Scene
from hscd.system import parsing
from hscd.system.arrays import array_of, filled, held
from hscd.system.errors import shown

# What each correction takes first.
_ARGUMENTS = "labels", "scores", "radius"


class _Corrections(Functions[np.ndarray]):
    def meant(self, name: str, given: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        """Labels and scores of one map, unknown and NaN where they are masked, and a radius."""
        first = dict(zip(_ARGUMENTS, given, strict=False))
        told = first | {key: named[key] for key in _ARGUMENTS if key in named}
        if "radius" in told and not _is_radius(told["radius"]):
            raise self.misuse(name, f"radius: an integer >= 1 expected, received {shown(told['radius'])}")
        if not isinstance(named.get("scene"), Scene | None):
            raise self.misuse(name, f"scene: a scene or None expected, received {type(named['scene']).__name__}")
        if "labels" in told and "scores" in told:
            told |= self._map(name, told["labels"], told["scores"])
        named |= {key: value for key, value in told.items() if key in named}
        return (*(told[key] for key in first), *given[len(first) :])

    def _map(self, name: str, labels: object, scores: object) -> dict[str, np.ndarray]:
        """Labels and scores as arrays."""
        arrays = {"labels": array_of("labels", labels), "scores": array_of("scores", scores)}
        for key, given, kinds, what in (("labels", labels, "iu", "integers"), ("scores", scores, "iuf", "numbers")):
            if arrays[key].dtype.kind not in kinds:
                found = held(arrays[key].dtype) if arrays[key].shape else type(given).__name__
                raise self.misuse(name, f"{key}: an array of {what} expected, received {found}")
        shapes = [array.shape for array in arrays.values()]
        if len(shapes[0]) != 2 or shapes[0] != shapes[1] or 0 in shapes[0]:
            received = " and ".join(map(str, shapes))
            raise self.misuse(name, f"labels and scores of one shape (rows, columns) expected, received {received}")
        known = np.ma.filled(arrays["labels"], UNKNOWN)
        if (low := known.min()) < 0 or (high := known.max()) > UNKNOWN:
            values = f"{CHANGED} (changed), {UNCHANGED} (unchanged) and {UNKNOWN} (unknown)"
            raise self.misuse(name, f"labels: {values} expected, received {low if low < 0 else high}")
        return {"labels": known, "scores": filled(arrays["scores"])}


def _is_radius(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1


CORRECTIONS: Registry[Callable[..., np.ndarray]] = _Corrections(
    "correction",
    __name__,
    'hscd.CORRECTIONS["{name}"](labels, scores, radius=3) takes two arrays (rows, columns) of one map',
)
# A correction with its options: labels, scores -> labels.
Correct = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Guide(Option):
    """The option of a correction that may look at the images: that is told the scene as well."""


# What guides one: which pixels it takes to belong together.
GUIDES = SCORES, IMAGES, BOTH = "scores", "images", "both"


def guide(name: str, default: str) -> Guide:
    """The option of a correction `name` for what guides it."""
    return Guide(
        f"{name}_guide", parsing.one_of(GUIDES), "scores, images or both", default,
        f"which pixels {name} takes to belong together: those of like scores, of like spectra in both images, or both",
    )  # fmt: skip


def is_guided(name: str, options: Mapping[str, Any]) -> bool:
    """Whether a correction with these options, among others, looks at the images."""
    return any(isinstance(of, Guide) and options[of.name] != SCORES for of in CORRECTIONS.options(name))


def corrector(name: str, radius: int, scene: Scene | None, **options: Any) -> Correct:
    """A correction of the labels of a scene.

    Args:
        name: of `CORRECTIONS`.
        radius: of the program's constants.
        scene: that the labels are of; may be None where the images are no guide.
        options: of the correction.
    """
    told = {"scene": scene} if any(isinstance(of, Guide) for of in CORRECTIONS.options(name)) else {}
    return partial(CORRECTIONS.plain(name), radius=radius, **options, **told)
