"""What a pixel's neighbours say about its label; one file each.

A correction is a function from a label map (rows, columns), the scores it was cut from, (rows, columns), the radius of
the program's constants, and its options to a label map. A pixel that is unknown stays so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from hscd.registry import Functions, Option, Registry
from hscd.scenes.scene import Scene
from hscd.system import parsing


class _Corrections(Functions[np.ndarray]):
    def meant(self, name: str, given: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        """Labels and scores of one map."""
        shapes = [array.shape for array in given[:2] if isinstance(array, np.ndarray)]
        if len(shapes) == 2 and (len(shapes[0]) != 2 or shapes[0] != shapes[1]):
            raise self.misuse(name, f"labels and scores of one shape expected, received {shapes[0]} and {shapes[1]}")
        return given


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
