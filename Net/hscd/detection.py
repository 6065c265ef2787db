"""What changed between two images, in one call.

>>> before = np.ones((4, 4, 2))  # rows, columns, bands
>>> after = before.copy()
>>> after[0, 1:3] = 3
>>> found = detect(before, after, detector="cva", threshold="otsu")
>>> found.labels[0].tolist()  # 0 changed, 1 unchanged
[1, 0, 0, 1]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hscd.corrections import CORRECTIONS, corrector
from hscd.detectors import DETECTORS, Detector, scored
from hscd.detectors.network import TrainedNetwork
from hscd.detectors.shifts import NONE, tolerant
from hscd.evaluation.ensemble import OTHER_THRESHOLD, ensembled, seed_of
from hscd.evaluation.result import MapResult, mapped
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.normalisation import NORMALISATIONS, normalised
from hscd.opening import open_pair
from hscd.scenes.image import Image
from hscd.scenes.nodata import valid_pixels
from hscd.scenes.scene import Scene
from hscd.scores import Cut, ScoreMap
from hscd.system.messages import warn
from hscd.thresholds import THRESHOLDS, NoDistributionError, cut_scores

# The methods for two images without labels: the best of one setting for all scenes of `benchmarks/accuracy.py`. The
# threshold is that of this detector; another one has its own, see `natural_threshold`.
UNSUPERVISED = {"detector": "context_regression", "threshold": "empirical_null", "correction": "none"}

_RADIUS = 3


def natural_threshold(detector: str | Detector) -> str:
    """The threshold that goes with a detector where none is chosen.

    That of `UNSUPERVISED` for its detector. Else what the papers of the detectors take: Otsu's of distances, and two
    means of the root of a statistic, as is usual of MAD and SFA (Wu et al. 2014, "Slow feature analysis for change
    detection in multispectral imagery", IEEE TGRS 52(5)).

    Args:
        detector: a name of `hscd.detectors.DETECTORS`, or a detector; of several the first one.
    """
    if detector == UNSUPERVISED["detector"]:
        return UNSUPERVISED["threshold"]
    made = DETECTORS[detector]() if isinstance(detector, str) else detector
    return "otsu" if made.scale == "linear" else "kmeans"


def detect(
    before: np.ndarray | str | Path | Scene,
    after: np.ndarray | str | Path | None = None,
    *,
    detector: str | Detector = UNSUPERVISED["detector"],
    threshold: str | None = None,
    correction: str = UNSUPERVISED["correction"],
    normalisation: str = "none",
    shift_tolerance: str = NONE,
    nodata: float | None = None,
    truth: np.ndarray | None = None,
    seed: int = 0,
    ensemble: int = 1,
    ensemble_detectors: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
) -> MapResult:
    """Map what changed between two images.

    Args:
        before: (rows, columns, bands), an image file, or both images opened as a scene by `hscd.open_pair`.
        after: array of the same shape, or an image file; None where `before` is a scene.
        detector: a name of `DETECTORS`, or a detector: a `TrainedNetwork` warns of spectra unlike its own ones.
        threshold: a name of `hscd.thresholds.THRESHOLDS`; None for the `natural_threshold` of the (first) detector.
        correction: a name of `hscd.corrections.CORRECTIONS`.
        normalisation: a name of `hscd.normalisation.NORMALISATIONS`, which gives both images the same light first.
        shift_tolerance: one of `hscd.detectors.shifts.TOLERANCES`, for images that are misregistered.
        nodata: value of pixels without data; NaN and infinite pixels are masked in any case.
        truth: (rows, columns) labels to count against, 0 changed, 1 unchanged, 2 unknown; None for those of the scene.
        seed: of the samples that detectors are fitted to.
        ensemble: maps by each detector, from other seeds; of several maps the majority counts.
        ensemble_detectors: names of detectors that make them, in place of `detector`.
        options: of the methods, by name.

    Returns:
        Labels (`labels`, and `corrected`), scores (`score_map.scores`), threshold and its doubts (`cut`), and counts;
        of an ensemble also `members`: mean `probability` of change, its `spread`, and what is `uncertain`.

    Raises:
        ValueError: if the shapes are not those of one pair, an option or a label is none, or no map is to be made.
        KeyError: if there is no such method.
        InputError: if no threshold can be found, as all pixels are the same.
    """
    given, names = _named(detector, ensemble_detectors)
    members = _members(names, ensemble)
    threshold = threshold or natural_threshold(given or names[0])
    chosen = [(THRESHOLDS, threshold), (CORRECTIONS, correction), (NORMALISATIONS, normalisation)]
    made = _Makers([*((DETECTORS, name) for name in names if given is None), *chosen], options or {})
    scene, rng = _scene(before, after, nodata, truth), np.random.default_rng(seed)
    scene = made(NORMALISATIONS, normalisation, normalised)(scene, normalisation, rng)
    correct = made(CORRECTIONS, correction, corrector)(correction, _RADIUS, scene)
    _doubt(given, scene, seed)

    def member(name: str, number: int) -> tuple[ScoreMap, Cut]:
        score_map = scored(tolerant(given or made(DETECTORS, name)(), shift_tolerance), scene, _rng(seed, number))
        return score_map, _cut(score_map, made(THRESHOLDS, threshold), scene, alone=len(names) == 1)

    if len(members) == 1:
        return mapped(scene.name, *member(*members[0]), correct, scene.truth)
    found = ensembled(scene, members, member)
    return replace(mapped(scene.name, found.score_map, found.cut, correct, scene.truth), members=found.sums)


def _doubt(given: Detector | None, scene: Scene, seed: int) -> None:
    if isinstance(given, TrainedNetwork):
        for doubt in given.doubts(scene, np.random.default_rng(seed)):
            warn(f"{scene.name}, model {given.name}: {doubt}")


def _named(detector: str | Detector, several: Sequence[str]) -> tuple[Detector | None, tuple[str, ...]]:
    """The detector that is given as such, None if none is; the names of all."""
    if several or isinstance(detector, str):
        return None, tuple(dict.fromkeys(several)) or (str(detector),)
    return detector, (detector.name,)


def _members(names: Sequence[str], ensemble: int) -> list[tuple[str, int]]:
    """A detector and the number of its seed for each map."""
    if ensemble < 1:
        raise ValueError(f"an ensemble of 1 or more expected, received {ensemble}")
    return [(name, number) for name in names for number in range(ensemble)]


def _rng(seed: int, number: int) -> np.random.Generator:
    return np.random.default_rng(seed_of(seed, number))


def _cut(score_map: ScoreMap, threshold: Callable[..., Cut], scene: Scene, *, alone: bool) -> Cut:
    """The cut of a member; one of several detectors that the threshold does not know is cut by another one."""
    try:
        return cut_scores(score_map.scores, partial(threshold, **score_map.for_threshold), scene.nothing_changed)
    except NoDistributionError:
        if alone:
            raise
        return cut_scores(
            score_map.scores, partial(THRESHOLDS[OTHER_THRESHOLD], **score_map.for_threshold), scene.nothing_changed
        )


class _Makers:
    """Members of families with those of some options that are theirs."""

    def __init__(self, chosen: Sequence[tuple[Any, str]], options: Mapping[str, Any]) -> None:
        known = {option.name for family, name in chosen for option in family.options(name)}
        if unknown := set(options) - known:
            raise ValueError(f"unknown options {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
        self._options = options

    def __call__(self, family: Any, name: str, what: Callable[..., Any] | None = None) -> Callable[..., Any]:
        """A member, or `what` takes its options, with them."""
        found = {option.name: option.default for option in family.options(name)}
        found |= {key: value for key, value in self._options.items() if key in found}
        return partial(what or family[name], **found)


def _scene(before: Any, after: Any, nodata: float | None, truth: np.ndarray | None) -> Scene:
    """The scene of two arrays or files, of unknown labels where there is no truth or a pixel is masked."""
    if isinstance(before, Scene):
        if after is not None or nodata is not None:
            raise ValueError("after and nodata go with two images, received a scene")
        return before if truth is None else replace(before, truth=_known(truth, before.truth.shape, before.valid))
    if isinstance(before, str | Path) and isinstance(after, str | Path):
        return _scene(open_pair(before, after, nodata=nodata), None, None, truth)
    before, after = np.asarray(before), np.asarray(after)
    if before.ndim != 3 or before.shape != after.shape:
        raise ValueError(
            f"two arrays of one (rows, columns, bands) expected, received {before.shape} and {after.shape}"
        )
    valid = valid_pixels([before, after], [nodata, nodata])
    return Scene("arrays", _image(before), _image(after), _known(truth, before.shape[:2], valid), valid, None)


def _known(truth: np.ndarray | None, shape: tuple[int, ...], valid: np.ndarray | None) -> np.ndarray:
    """Labels to count against, unknown where there are none or a pixel is masked."""
    known = np.full(shape, UNKNOWN) if truth is None else np.array(truth)
    if known.shape != shape or not np.isin(known, (CHANGED, UNCHANGED, UNKNOWN)).all():
        raise ValueError(f"truth of shape {shape} with the labels 0, 1 and 2 expected")
    known = known.astype(np.uint8)
    if valid is not None:
        known[~valid] = UNKNOWN
    return known


def _image(pixels: np.ndarray) -> Image:
    rows, columns, bands = pixels.shape
    return Image(
        Path("array"), "array", (rows, columns, bands), pixels.dtype, (1, columns),
        lambda part, across: pixels[part, across],
    )  # fmt: skip
