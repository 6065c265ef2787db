"""What changed between two arrays, in one call."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hscd.corrections import CORRECTIONS
from hscd.detectors import DETECTORS, scored
from hscd.evaluation.result import MapResult, mapped
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.normalisation import NORMALISATIONS, normalised
from hscd.scenes.image import Image
from hscd.scenes.nodata import valid_pixels
from hscd.scenes.scene import Scene
from hscd.thresholds import THRESHOLDS, cut_scores

# The methods for two images without labels: the best of one setting for all scenes of `benchmarks/accuracy.py`.
UNSUPERVISED = {"detector": "context_regression", "threshold": "empirical_null", "correction": "none"}

_RADIUS = 3


def natural_threshold(detector: str) -> str:
    """The threshold that goes with a detector where none is chosen.

    That of `UNSUPERVISED` for its detector. Else what the papers of the detectors take: Otsu's of distances, and two
    means of the root of a statistic, as is usual of MAD and SFA (Wu et al. 2014, "Slow feature analysis for change
    detection in multispectral imagery", IEEE TGRS 52(5)).

    Args:
        detector: a name of `hscd.detectors.DETECTORS`.
    """
    if detector == UNSUPERVISED["detector"]:
        return UNSUPERVISED["threshold"]
    return "otsu" if DETECTORS[detector]().scale == "linear" else "kmeans"


def detect(
    before: np.ndarray,
    after: np.ndarray,
    *,
    detector: str = UNSUPERVISED["detector"],
    threshold: str = UNSUPERVISED["threshold"],
    correction: str = UNSUPERVISED["correction"],
    normalisation: str = "none",
    nodata: float | None = None,
    truth: np.ndarray | None = None,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
) -> MapResult:
    """Map what changed between two images, without labels.

    Args:
        before: (rows, columns, bands).
        after: array of the same shape.
        detector: a name of `hscd.detectors.DETECTORS`.
        threshold: a name of `hscd.thresholds.THRESHOLDS`.
        correction: a name of `hscd.corrections.CORRECTIONS`.
        normalisation: a name of `hscd.normalisation.NORMALISATIONS`, what puts the after image into the radiometry of
            the before image first.
        nodata: value of pixels without data; NaN and infinite pixels are masked in any case.
        truth: (rows, columns) labels to count against, 0 changed, 1 unchanged, 2 unknown; None for none.
        seed: of the samples that detectors are fitted to.
        options: of the methods, by name.

    Returns:
        Labels (`labels`, and `corrected`), scores (`score_map.scores`), threshold and its doubts (`cut`), and counts.

    Raises:
        ValueError: if the shapes are not those of one pair, or an option or a label is none.
        KeyError: if there is no such method.
        InputError: if no threshold can be found, as all pixels are the same.
    """
    chosen: list[tuple[Any, str]] = [
        (DETECTORS, detector), (THRESHOLDS, threshold), (CORRECTIONS, correction), (NORMALISATIONS, normalisation),
    ]  # fmt: skip
    known = {option.name for family, name in chosen for option in family.options(name)}
    if unknown := set(options or {}) - known:
        raise ValueError(f"unknown options {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")

    def given(registry: Any, name: str) -> dict[str, Any]:
        found = {option.name: option.default for option in registry.options(name)}
        return found | {key: value for key, value in (options or {}).items() if key in found}

    def made(registry: Any, name: str) -> Any:
        return partial(registry[name], **given(registry, name))

    scene = _scene(before, after, nodata, truth)
    scene = normalised(scene, normalisation, np.random.default_rng(seed), **given(NORMALISATIONS, normalisation))
    score_map = scored(made(DETECTORS, detector)(), scene, np.random.default_rng(seed))
    cut = cut_scores(score_map.scores, partial(made(THRESHOLDS, threshold), **score_map.said), scene.nothing_changed)
    return mapped(scene.name, score_map, cut, partial(made(CORRECTIONS, correction), radius=_RADIUS), scene.truth)


def _scene(before: np.ndarray, after: np.ndarray, nodata: float | None, truth: np.ndarray | None) -> Scene:
    """The scene of two arrays, of unknown labels where there is no truth or a pixel is masked."""
    if before.ndim != 3 or before.shape != after.shape:
        raise ValueError(
            f"two arrays of one (rows, columns, bands) expected, received {before.shape} and {after.shape}"
        )
    known = np.full(before.shape[:2], UNKNOWN) if truth is None else np.array(truth)
    if known.shape != before.shape[:2] or not np.isin(known, (CHANGED, UNCHANGED, UNKNOWN)).all():
        raise ValueError(f"truth of shape {before.shape[:2]} with the labels 0, 1 and 2 expected")
    known = known.astype(np.uint8)
    valid = valid_pixels([before, after], [nodata, nodata])
    if valid is not None:
        known[~valid] = UNKNOWN
    return Scene("arrays", _image(before), _image(after), known, valid, None)


def _image(pixels: np.ndarray) -> Image:
    rows, columns, bands = pixels.shape
    return Image(
        Path("array"), "array", (rows, columns, bands), pixels.dtype, (1, columns),
        lambda part, across: pixels[part, across],
    )  # fmt: skip
