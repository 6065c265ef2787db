"""Detectors: what gives each pixel of a scene a score that grows with change; one file each.

`hscd.detect` takes one by its name, and what it gives has the scores:

    >>> from hscd import detect
    >>> before, after = np.ones((2, 2, 3)), np.array([[[1, 1, 1], [2, 2, 2]], [[1, 1, 1], [1, 0, 0]]])
    >>> found = detect(before, after, detector="SAM")
    >>> np.degrees(found.score_map.scores).round().tolist()  # of twice as bright a pixel 0, of the fourth arccos 1/√3
    [[0.0, 0.0], [0.0, 55.0]]

`help(hscd.DETECTORS["irmad"])`, as that of any detector, ends with such an example.

By itself, a detector is made with its options, fitted to a scene of `hscd.open_pair`, and then scores it by windows:

    from hscd.detectors import scored

    detector = hscd.DETECTORS["SAM"]()
    score_map = scored(detector, scene, np.random.default_rng(0))

`fit` may go through the windows of the scene, several times, or take a sample of its pixels (`Scene.take`); most
detectors have nothing to fit. The scorer it returns gets `Block`s, which reach `halo` pixels beyond the window whose
scores are wanted, where the image does; a pixel's score must not depend on the windows. A trained network is a
detector like any other (`detectors.network`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from hscd.detectors.tools.threads import single_blas
from hscd.registry import Functions, Member, Registry
from hscd.scenes.scene import Block, Scene
from hscd.scores import ScoreMap
from hscd.system import progress
from hscd.system.errors import InputError, shown

# From a block to the scores of its inner pixels, (rows, columns) or flat.
Scorer = Callable[[Block], np.ndarray]


class Detector(Protocol):
    """What scores the pixels of a scene.

    One that works on tiles of a fixed place has a `step`, too, known after `fit`: windows begin at multiples of it, and
    end there or where the scene does.
    """

    name: str
    # What a score is called, in messages.
    unit: str
    # How far around a window the scorer looks.
    halo: int
    # How a threshold should look at the scores: "linear", "root" or "log".
    scale: str
    # Degrees of freedom of the chi-square distribution that the scores have where nothing changed, None where they have
    # none; known after `fit`.
    degrees: float | None

    def fit(self, scene: Scene, rng: np.random.Generator) -> Scorer:
        """Look at the scene as far as that is needed, and return what scores it."""


class _Detectors(Functions[Detector]):
    """What makes detectors of their options."""

    def meant(self, name: str, given: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        """Options, and no images."""
        if any(isinstance(value, np.ndarray | Scene | list) for value in given):
            raise self.misuse(name, "takes no images")
        return given


# One that any detector finds.
_EXAMPLE = """\
>>> import numpy as np
>>> import hscd
>>> rng = np.random.default_rng(0)
>>> before = rng.random((16, 16, 4))  # rows, columns, bands
>>> after = before + rng.normal(0, 0.01, before.shape)
>>> after[5:9, 5:9, :2] += 2
>>> found = hscd.detect(before, after, detector="{name}")
>>> bool(found.score_map.scores[6, 6] > np.median(found.score_map.scores))
True
"""
DETECTORS: Registry[Callable[..., Detector]] = _Detectors(
    "detector", __name__, 'hscd.detect(before, after, detector="{name}").score_map has the scores of two images',
    _EXAMPLE,
)  # fmt: skip


def step_of(detector: Detector) -> int:
    """What the windows of a detector begin at multiples of."""
    return getattr(detector, "step", 1)


def scored(detector: Detector, scene: Scene, rng: np.random.Generator) -> ScoreMap:
    """Fit a detector to a scene and score all of it.

    Raises:
        InputError: if the score of a valid pixel is NaN or infinite, or there is no detector or no scene.
    """
    if not hasattr(detector, "fit") or isinstance(detector, Member):
        raise InputError(f'detector: hscd.DETECTORS["cva"]() expected, for example, received {shown(detector)}')
    if not hasattr(scene, "score"):
        raise InputError(f"scene: a scene of hscd.open_pair expected, received {type(scene).__name__}")
    started = time.perf_counter()
    with single_blas():
        progress.begin("fitting")
        scorer = detector.fit(scene, rng)
        progress.begin("scoring")
        scores = scene.score(scorer, detector.halo, detector.unit, step_of(detector))
    seconds = time.perf_counter() - started
    return ScoreMap(scores, scene.grid, detector.name, seconds, detector.scale, detector.degrees)
