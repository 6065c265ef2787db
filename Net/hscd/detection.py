"""What changed between two images, in one call.

>>> before = np.ones((4, 4, 2))  # rows, columns, bands
>>> after = before.copy()
>>> after[0, 1:3] = 3
>>> found = detect(before, after, detector="cva", threshold="otsu")
>>> found.labels[0].tolist()  # 0 changed, 1 unchanged
[1, 0, 0, 1]
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from inspect import isclass, isfunction, unwrap
from pathlib import Path
from typing import Any

import numpy as np

from hscd import arguments
from hscd.corrections import CORRECTIONS, corrector
from hscd.detectors import DETECTORS, Detector, scored
from hscd.detectors.network import TrainedNetwork
from hscd.detectors.shifts import NONE, require_tolerance, tolerant
from hscd.evaluation import map_doubts
from hscd.evaluation.doubts import RESCALES, RESCALES_SCENE
from hscd.evaluation.ensemble import OTHER_THRESHOLD, ensembled, seed_of
from hscd.evaluation.pair_doubts import of_likeness, of_registration
from hscd.evaluation.result import MapResult, mapped
from hscd.labels import ARGUMENTS, CHANGED, OTHER, UNCHANGED, UNKNOWN, Assumed, doubt_of, is_other, remap
from hscd.normalisation import NORMALISATIONS, normalised
from hscd.opening import LabelValues, label_values, of_arrays, open_pair
from hscd.scenes.registration import registration
from hscd.scenes.scene import Scene
from hscd.scores import Cut, ScoreMap
from hscd.system.arrays import array_of, held
from hscd.system.errors import InputError, listing, shown
from hscd.system.messages import collected, is_set_up, warn
from hscd.thresholds import THRESHOLDS, NoDistributionError, cut_scores

# The methods for two images without labels: the best of one setting for all scenes of `benchmarks/accuracy.py`. The
# threshold is that of this detector; another one has its own, see `natural_threshold`.
UNSUPERVISED = {"detector": "context_regression", "threshold": "empirical_null", "correction": "none"}

_RADIUS = 3
_REMEDY = (
    "hscd.open_pair(…, register=True), if that was not done, moves the after image of two files back; shift_tolerance "
    "allows for it"
)
# What a detector has before it is fitted.
_PARTS = ("name", "unit", "halo", "scale", "fit")


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


@arguments.guided
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
    rescale: bool | None = None,
    truth: np.ndarray | None = None,
    changed_label: float | Sequence[float] = Assumed(CHANGED),
    unchanged_label: float | Sequence[float] = Assumed(UNCHANGED),
    unknown_label: float | Sequence[float] | str | None = OTHER,
    seed: int = 0,
    ensemble: int = 1,
    ensemble_detectors: Sequence[str] | str = (),
    options: Mapping[str, Any] | None = None,
) -> MapResult:
    """Map what changed between two images.

    Args:
        before: (rows, columns, bands), an image file, or both images opened as a scene by `hscd.open_pair`.
        after: array of the same shape, or an image file; None where `before` is a scene.
        detector: a name of `DETECTORS`, or a detector such as a `TrainedNetwork`.
        threshold: a name of `hscd.thresholds.THRESHOLDS`; None for the `natural_threshold` of the (first) detector.
        correction: a name of `hscd.corrections.CORRECTIONS`.
        normalisation: a name of `hscd.normalisation.NORMALISATIONS`, which first matches the radiometry of both images.
        shift_tolerance: "none", or "one_way" or "both_ways" for images that are misregistered.
        nodata: value of pixels without data; NaN and infinite pixels are masked in any case.
        rescale: scale each band to [0, 1], as `hscd.open_pair` does; None: only if a trained network was trained so.
        truth: (rows, columns) labels to count against, numbers or booleans; None for those of the scene, which others
            replace.
        changed_label: value of `truth` for changed, or several; `unchanged_label`, `unknown_label` likewise. That is
            "other" for every other value (of the program's own labels, only 2), and None where no pixel is unknown. No
            value may stand for two of them. A warning tells what is assumed where neither of both is given.
        seed: of the samples that detectors are fitted to.
        ensemble: number of maps by each detector, with different seeds; several maps are combined by majority vote.
        ensemble_detectors: names of the detectors that make these maps, in place of `detector`: a list, or
            "cva, irmad".
        options: values of the methods' options, by name.

    Returns:
        Labels (`labels`, and `corrected`), scores (`score_map.scores`), threshold (`cut.value`), counts, `warnings` of
        what is doubtful; of an ensemble also `members`: mean `probability` of change, its `spread`, `uncertain` pixels.

    Raises:
        InputError: if there is no such method or option, the shapes are not those of one pair, label values are given
            without `truth` or stand for two classes, no pixel is valid, or no threshold can be found, as all pixels are
            the same.
    """
    chosen = correction, normalisation, shift_tolerance
    methods = _Methods(detector, ensemble_detectors, ensemble, threshold, *chosen, options, seed)
    values = label_values((changed_label, unchanged_label, unknown_label), "truth", truth)
    with collected(shown=is_set_up()) as told, arguments.told_by_arguments():
        scene = _scene(before, after, nodata, rescale, methods.trained_rescaled)
        scene = _judged(scene, truth, values)
        found, doubts = methods.map(scene, RESCALES_SCENE if isinstance(before, Scene) else RESCALES)
    return replace(found, warnings=(*told, *doubts))


class _Methods:
    """What is asked for, checked before anything is read."""

    def __init__(
        self,
        detector: str | Detector,
        several: Sequence[str] | str,
        ensemble: int,
        threshold: str | None,
        correction: str,
        normalisation: str,
        shift_tolerance: str,
        options: Mapping[str, Any] | None,
        seed: int,
    ) -> None:
        self._given, names = _named(detector, several)
        self._passed_over = several and detector not in (*names, UNSUPERVISED["detector"])
        self._members = [
            (name, number) for name in names for number in range(arguments.integer("ensemble", ensemble, 1))
        ]
        wanted = natural_threshold(self._given or names[0]) if threshold is None else threshold
        self._threshold = arguments.member(THRESHOLDS, "threshold", wanted)
        self._correction = arguments.member(CORRECTIONS, "correction", correction)
        self._normalisation = arguments.member(NORMALISATIONS, "normalisation", normalisation)
        self._tolerance = shift_tolerance
        require_tolerance(shift_tolerance)
        chosen = (THRESHOLDS, self._threshold), (CORRECTIONS, correction), (NORMALISATIONS, normalisation)
        self._made = _Makers([*((DETECTORS, name) for name in names if self._given is None), *chosen], options)
        self._alone, self._seed = len(names) == 1, arguments.integer("seed", seed, 0)

    @property
    def trained_rescaled(self) -> bool:
        """Whether the detector is a network that is known to be trained on rescaled bands."""
        return isinstance(self._given, TrainedNetwork) and bool(self._given.rescaled)

    def map(self, scene: Scene, rescales: str) -> tuple[MapResult, list[str]]:
        """The map of a scene, whose bands `rescales` would rescale; what makes it doubtful beside what is told."""
        rng, doubts = np.random.default_rng(self._seed), list[str]()
        if self._passed_over:
            doubts.append("detector: passed over, as ensemble_detectors make the maps; name it among them")
        seen = self._made(NORMALISATIONS, self._normalisation, normalised)(scene, self._normalisation, rng)
        correct = self._made(CORRECTIONS, self._correction, corrector)(self._correction, _RADIUS, seen)
        self._doubt_network(seen, rescales)
        member = partial(self._member, seen, doubts)
        if len(self._members) == 1:
            result = mapped(seen.name, *member(*self._members[0]), correct, seen.truth)
        else:
            found = ensembled(seen, self._members, member)
            result = mapped(seen.name, found.score_map, found.cut, correct, seen.truth)
            result = replace(result, members=found.sums, first=(found.first, found.first_cut))
            doubts += found.doubts if self._alone else []
        doubts += map_doubts.of_result(result) + of_likeness(scene, np.random.default_rng(self._seed))
        return result, doubts + of_registration(registration(scene), _REMEDY)

    def _member(self, scene: Scene, doubts: list[str], name: str, number: int) -> tuple[ScoreMap, Cut]:
        """Scores and threshold of a member; what makes the first one of a detector doubtful is added to `doubts`."""
        detector = self._given or self._made(DETECTORS, name)()
        score_map = scored(tolerant(detector, self._tolerance), scene, _rng(self._seed, number))
        cut = _cut(score_map, self._made(THRESHOLDS, self._threshold), scene, alone=self._alone)
        if not number:
            of_scores = map_doubts.of_scores(detector, score_map, cut, scene, np.random.default_rng(self._seed))
            which = "" if len(self._members) == 1 else f"{name}: "
            doubts += [which + doubt for doubt in (*cut.warnings, *of_scores)]
        return score_map, cut

    def _doubt_network(self, scene: Scene, rescales: str) -> None:
        if isinstance(self._given, TrainedNetwork):
            for doubt in self._given.doubts(scene, np.random.default_rng(self._seed), rescales):
                warn(f"{scene.name}, model {self._given.name}: {doubt}")


def _named(detector: str | Detector, several: Sequence[str] | str) -> tuple[Detector | None, tuple[str, ...]]:
    """The detector that is given as such, None if none is; the names of all."""
    if names := arguments.names("ensemble_detectors", several):
        return None, tuple(dict.fromkeys(arguments.member(DETECTORS, "ensemble_detectors", name) for name in names))
    if isinstance(detector, str | os.PathLike) and Path(detector).suffix == ".h5":
        raise InputError(
            f"detector: a name or an instance expected, received the file {shown(detector)}; a model becomes one by "
            "hscd.TrainedNetwork(name, hscd.load_model(path))"
        )
    if isinstance(detector, str):
        return None, (arguments.member(DETECTORS, "detector", detector),)
    maker = unwrap(detector) if callable(detector) else None
    if isclass(maker) or isfunction(maker):
        kind = "class" if isclass(maker) else "function"
        raise InputError(
            f"detector: a name or an instance expected, received the {kind} {maker.__name__}; call it to make one"
        )
    if missing := [part for part in _PARTS if not hasattr(detector, part)]:
        raise InputError(
            f"detector: a name or an instance expected, received {type(detector).__name__}, which has no "
            f"{', '.join(missing)}; a network of hscd.load_model becomes one by hscd.TrainedNetwork(name, model)"
        )
    return detector, (detector.name,)


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

    def __init__(self, chosen: Sequence[tuple[Any, str]], options: Mapping[str, Any] | None) -> None:
        self._options = arguments.options_of(chosen, options)

    def __call__(self, family: Any, name: str, what: Callable[..., Any] | None = None) -> Callable[..., Any]:
        """A member, or `what` takes its options, with them."""
        found = {option.name: option.default for option in family.options(name)}
        found |= {key: value for key, value in self._options.items() if key in found}
        return partial(what or family.plain(name), **found)


def _scene(
    before: Any, after: Any, nodata: float | None, rescale: bool | None = None, as_trained: bool = False
) -> Scene:
    """The scene of two arrays or files, or the one that is given; where `rescale` is None, `as_trained` counts."""
    if isinstance(before, Scene):
        if after is not None or nodata is not None or rescale is not None:
            raise InputError(
                "after, nodata and rescale go with two images, received a scene; "
                "hscd.open_pair(…) takes nodata and rescale when it opens that"
            )
        return before
    if after is None:
        raise InputError("after: missing; expected hscd.detect(before, after), or a scene of hscd.open_pair alone")
    rescale = as_trained if rescale is None else rescale
    files = [isinstance(image, str | Path) for image in (before, after)]
    if all(files):
        return open_pair(before, after, nodata=nodata, rescale=rescale)
    if any(files) or isinstance(after, Scene):
        kinds = " and ".join(type(image).__name__ for image in (before, after))
        raise InputError(f"two files, two arrays or one scene expected, received {kinds}")
    return of_arrays(before, after, nodata, rescale)


def _judged(scene: Scene, truth: np.ndarray | None, values: LabelValues) -> Scene:
    """The scene with labels to count against, whose values stand for changed, unchanged and unknown."""
    if truth is None:
        return scene
    if isinstance(truth, str | os.PathLike):
        raise InputError(
            f"truth: an array expected, received the path {str(truth)!r}; hscd.open_pair reads images with their labels"
        )
    given, shape = array_of("truth", truth), scene.truth.shape
    wanted = ["any other" if is_other(own) else listing(own, str) for own in values]
    expected = (
        f"truth: expected shape {shape} with the labels {wanted[0]} (changed), {wanted[1]} (unchanged) and {wanted[2]} "
        "(unknown)"
    )
    if given.dtype.kind not in "biuf":
        what = held(given.dtype) if given.shape else type(truth).__name__
        raise InputError(f"{expected}, received {what}; labels are numbers or booleans")
    if given.shape != shape:
        raise InputError(f"{expected}, received shape {given.shape}")
    if given.dtype.kind == "b" and not all(isinstance(value, bool | np.bool_) for value in values[0]):
        raise InputError(
            f"{expected}, received True and False; if True is changed: changed_label=True, unchanged_label=False"
        )
    try:
        known = remap(given, *values, names=ARGUMENTS)
    except InputError as error:
        raise InputError(f"{expected}; {error}") from error
    if doubt := doubt_of(given, known, values, names=ARGUMENTS):
        warn(f"truth: {doubt}")
    known = known if scene.valid is None else np.where(scene.valid, known, np.uint8(UNKNOWN))
    if (scene.truth != UNKNOWN).any() and (known != scene.truth).any():
        warn("truth: these labels count, not those of the scene, which differ")
    return replace(scene, truth=known)
