"""Normalisations: the after image in the radiometry of the before image, band by band; one file each.

A normalisation is fitted to the pixels of a scene and gives a `Mapping` of the values of the after image:

    scene = normalised(scene, "histogram", np.random.default_rng(0))
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from hscd.registry import Functions, Registry
from hscd.scenes.scene import Scene

# From values of the after image, (…, bands), to those that it would have under the light of the before image. What
# happens to a value depends on its band only; NaN stays NaN.
Mapping = Callable[[np.ndarray], np.ndarray]
# From a scene of values as they are (without ranges), and what draws a sample of it, to its mapping; None to leave it.
Fit = Callable[..., Mapping | None]


class _Normalisations(Functions[Mapping | None]):
    def meant(self, name: str, given: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        """A scene, first of all."""
        if given and not isinstance(given[0], Scene):
            raise self.misuse(name, f"a scene expected, received {type(given[0]).__name__}")
        return given


NORMALISATIONS: Registry[Fit] = _Normalisations(
    "normalisation",
    __name__,
    'hscd.detect(before, after, normalisation="{name}") matches two images, and maps them',
)


def normalised(scene: Scene, name: str, rng: np.random.Generator, **options: Any) -> Scene:
    """The same scene, the values of its after image mapped as they are read.

    Bands are scaled by the scene's ranges afterwards, which stay what they are.

    Args:
        scene: the scene.
        name: of a normalisation.
        rng: draws the sample that it is fitted to.
        **options: of that normalisation.

    Raises:
        InputError: if no pixel is valid.
    """
    mapping = NORMALISATIONS.plain(name)(replace(scene, ranges=None), rng, **options)
    if mapping is None:
        return scene
    after = scene.after
    dtype = np.result_type(after.dtype, np.float32)

    def window(rows: slice, columns: slice) -> np.ndarray:
        return mapping(after.window(rows, columns).astype(dtype))

    return replace(scene, after=replace(after, dtype=dtype, window=window))


def linear_mapping(gain: np.ndarray, offset: np.ndarray) -> Mapping:
    """Value · gain + offset, both (bands,)."""

    def mapping(values: np.ndarray) -> np.ndarray:
        return values * gain.astype(values.dtype) + offset.astype(values.dtype)

    return mapping
