"""Stage: the change map of two images, without labels or a model, with all that is said about it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hscd.evaluation.calibration import Calibration, calibrated
from hscd.evaluation.confusion import changed_share
from hscd.evaluation.ensemble import SURELY_CHANGED, SURELY_UNCHANGED, Ensemble, member_probability, turns
from hscd.evaluation.pair_doubts import worth_registering
from hscd.evaluation.probability import HIGH
from hscd.evaluation.result import MapResult
from hscd.labels import CHANGED, UNKNOWN
from hscd.reports import furniture, gis, maps, reliability, tables
from hscd.reports.page.view import Shown
from hscd.scenes.registration import Registration
from hscd.scenes.scene import Scene
from hscd.scores import ScoreMap
from hscd.system import messages, naming, progress, storage
from hscd.system.errors import InputError, counted
from hscd.system.paths import require_names
from pair_finding import pair_files
from pipeline import kinds, objects, pages, replaced, report
from pipeline.commands import shown, suggested, tell_next
from pipeline.ensemble import ensembled
from pipeline.plan import SHIFT, Plan
from pipeline.run_record import recorded
from settings import Settings
from settings.two_images import IMAGES

_PAGE = "run.html"
_FILES = (
    "change.tif", "score.tif", "changes.gpkg", "change.png", "score.png", "view.json", "run.json", _PAGE,
    pages.INDEX,
)  # fmt: skip
# Beside them: of a detector that looks at channels; of an ensemble; where there are labels.
_FEATURES = "features.png"
_UNCERTAIN, _CALIBRATION = "uncertain.png", ("calibration.csv", "calibration.png")
# Seconds until something better is known: of the slow fits, which are to samples of one size; of a pixel that is
# scored, cut and written.
_FIT, _SCORE, _MAP = 10, 4e-6, 3e-6
# Regions that the summary names.
_LARGEST = 3


@dataclass(frozen=True)
class _Outcome:
    """The change map of a scene, (rows, columns) `probability` of change, and the scores and threshold that are shown.

    These are of the detector, or the first of those of an `ensemble`; None without one. `choices` settle a doubt about
    the threshold (`Cut`). `channels`, (channels, 2, rows, columns), are those that a detector alone looked at, if it
    does.
    """

    result: MapResult
    scores: ScoreMap
    threshold: float
    probability: np.ndarray
    choices: tuple[str, ...] = ()
    ensemble: Ensemble | None = None
    channels: np.ndarray | None = None


def detect(settings: Settings) -> None:
    """Detect what changed in the one pair of `test_set`; write the maps, and tell a summary."""
    from dataprocessing import scenes

    folder, section, plan = settings.stat_path, settings[settings.test_set], Plan(settings)
    names = [folder / name for name in (*_FILES, _FEATURES, _UNCERTAIN, *_CALIBRATION)]
    require_names([*names, *kinds.files(settings, "kinds"), *objects.files(settings, "objects")])
    pairs = pair_files(section)
    if len(pairs) != 1:
        raise InputError(f"found {counted(len(pairs), 'pair')} of images; name one image of each date")
    with recorded("detect", settings, [settings.test_set], folder / "run.json") as record:
        record.add_inputs(pairs)
        parts = {
            part + turn: seconds
            for turn in turns(len(plan.members))
            for part, seconds in (("fitting", _FIT), ("scoring", 1))
        }
        with messages.whole(reading=1, **parts, mapping=1) as whole:
            with record.stage("reading"):
                (scene,) = scenes(settings.test_set, settings)
            others = replaced.warn_of_map(settings, pairs[0])  # where nothing can be mapped, nothing is replaced
            pixels = scene.truth.size
            whole.expect(
                mapping=pixels * _MAP, **{f"scoring{turn}": pixels * _SCORE for turn in turns(len(plan.members))}
            )
            with record.stage("detection"):
                outcome = _mapped(plan, scene)
            calibration = _calibration(outcome, scene.truth)
            result = outcome.result
            with record.stage("maps and tables"):
                of_objects = objects.found(settings, result, outcome.probability)
                record.add_written(result.name, "map", _write(settings, outcome, calibration, of_objects))
            view = Shown(result.labels, result.corrected, result.truth, outcome.scores.scores, outcome.threshold)
            if calibration is not None:
                record.add_outputs(result.name, {"calibration": folder / _CALIBRATION[0]})
            pages.keep(settings, record, scene, view, folder / "view.json")
        figures = _summarise(outcome, calibration, scene, folder / "changes.gpkg")
        figures |= kinds.report(settings, plan, section, scene, result, "kinds", record)
        shift = plan.registration(scene, scene.name)
        figures |= shift
        record.add_result(result.name, figures | objects.report(settings, of_objects, result, "objects", record))
        replaced.remove_unwritten(record, folder / "run.json", others)
    if section.name == IMAGES:
        _tell_other_choices(settings, outcome)
        _tell_registered(settings, shift)
    if (page := folder / _PAGE).is_file():
        messages.tell(f"to look at it, open {shown(page)}")
    if calibration is None and (result.corrected == CHANGED).any():
        tell_next("to learn how right the map is", _drawing(folder / "change.tif"))


def _calibration(outcome: _Outcome, truth: np.ndarray) -> Calibration | None:
    """The probability against labels; None where these are not of both classes."""
    return calibrated(outcome.probability, truth) if outcome.result.corrected_counts.of_both else None


def _tell_other_choices(settings: Settings, outcome: _Outcome) -> None:
    """Tell the commands of the maps that settle a doubt about the threshold otherwise."""
    if not outcome.choices:
        return
    taken, *others = outcome.choices
    what = f"this map is that of {naming.given(*taken.split('=', 1))}; for the other one, in a folder of its own"
    if outcome.ensemble is not None:  # each member settled it for itself
        others, what = [taken, *others], "for the maps of both, in folders of their own"
    commands = [f"\n  {_with_choice(settings, choice, choice.partition('=')[2])}" for choice in others]
    messages.tell(f"{what}, run{''.join(commands)}")


def _tell_registered(settings: Settings, shift: Mapping[str, Any]) -> None:
    """Tell the command of the map with the `shift` between the images removed, where that is worth it."""
    found = Registration(*(shift[f"{SHIFT}{name}"] for name in Registration._fields)) if shift else None
    if found is not None and not settings[IMAGES].register and worth_registering(found):
        command = _with_choice(settings, "register=True", "registered")
        messages.tell(f"for a map with the after image moved back, in a folder of its own, run\n  {command}")


def _with_choice(settings: Settings, choice: str, name: str) -> str:
    """The command of this run with one more setting, into a folder of that name beside this one."""
    section, out = settings[IMAGES], settings.stat_path
    labels = () if section.label_path is None else ("--labels", section.label_path)
    images = [path for path in (section.img_a_path, section.img_b_path) if path is not None]
    beside = out.with_name(f"{out.name}_{name}")
    return suggested("detect", *images, *labels, "--out", beside, sets=(*settings.overrides, choice))


def _mapped(plan: Plan, scene: Scene) -> _Outcome:
    """The change map of a scene and its probability of change; what makes it doubtful is told."""
    try:
        scene = plan.normalised(scene)
        outcome = _of_one(plan, scene) if len(plan.members) == 1 else _of_ensemble(plan, scene)
    except InputError as error:
        raise InputError(f"{scene.name}: {error}") from error
    report.doubt(scene.name, outcome.result)
    return outcome


def _of_one(plan: Plan, scene: Scene) -> _Outcome:
    detector = plan.detector(plan.members[0][0])
    score_map = plan.score(detector, scene)
    progress.begin("mapping")
    cut = plan.cut(score_map, scene, scene.name)
    result = plan.map(score_map, cut, scene)
    plan.doubt(detector, score_map, cut, scene, scene.name)
    probability = member_probability(score_map, result.labels)
    return _Outcome(result, score_map, cut.value, probability, cut.choices, channels=plan.channels(detector, scene))


def _of_ensemble(plan: Plan, scene: Scene) -> _Outcome:
    found = ensembled(plan, scene, scene.name)
    progress.begin("mapping")
    result = plan.map(found.score_map, found.cut, scene)
    cut = found.first_cut
    return _Outcome(result, found.first, cut.value, found.sums.probability, cut.choices, found)


def _write(
    settings: Settings, outcome: _Outcome, calibration: Calibration | None, of_objects: objects.Found | None
) -> list[Path]:
    """Write the maps and tables; those of them that other runs need not write."""
    folder, result, grid = settings.stat_path, outcome.result, outcome.scores.grid
    scores, threshold, probability = outcome.scores.scores, outcome.threshold, outcome.probability
    tags = {"DETECTOR": result.score_map.source, "THRESHOLD_BY": settings.threshold}
    spread = None if outcome.ensemble is None else outcome.ensemble.sums.spread
    gis.write_change_map(folder / "change.tif", result.corrected, grid, tags)
    gis.write_scores(folder / "score.tif", scores, probability, grid, threshold, tags, spread)
    boxes = None if of_objects is None else of_objects.objects
    gis.write_polygons(folder / "changes.gpkg", result.corrected, scores, grid, settings.min_area, probability, boxes)
    beside = furniture.of_grid(folder / "change.png", grid, scores.shape)
    of_what = f"{result.title} by {result.score_map.source}"
    title = report.heading(f"Change of {of_what}", result.corrected, result.corrected_counts)
    panels = maps.prediction_panels(result.corrected, result.truth)
    maps.write_classes(folder / "change.png", panels, heading=title, beside=beside)
    title, scale = f"Scores of {result.title} by {outcome.scores.source}", outcome.scores.scale
    maps.write_heatmap(folder / "score.png", scores, threshold, title, "score", scale, beside)
    written: list[str] = []
    if outcome.channels is not None:
        maps.write_channels(folder / _FEATURES, outcome.channels, 1.0 if beside is None else beside.aspect)
        written.append(_FEATURES)
    if outcome.ensemble is not None:
        sure = np.where(outcome.ensemble.sums.uncertain, np.uint8(UNKNOWN), result.corrected)
        masked = " or masked" if (result.corrected == UNKNOWN).any() else ""
        maps.write_classes(
            folder / _UNCERTAIN,
            {"Where the members are certain": sure},
            f"uncertain{masked}",
            heading=f"Change of {of_what}",
            beside=beside,
        )
        written.append(_UNCERTAIN)
    if calibration is not None:
        storage.write_csv(folder / _CALIBRATION[0], reliability.rows(calibration))
        reliability.write_diagram(folder / _CALIBRATION[1], calibration, f"Probability of change of {result.title}")
        written += _CALIBRATION
    return [folder / name for name in written]


def _summarise(outcome: _Outcome, calibration: Calibration | None, scene: Scene, path: Path) -> tables.Row:
    """Print how much changed, where most, and how sure that is; the figures for the record."""
    result = outcome.result
    labels = result.corrected
    changed = labels == CHANGED
    pixels, share = int(np.count_nonzero(labels != UNKNOWN)), changed_share(labels)
    areas, unit = gis.changed_areas(path, labels, scene.grid)
    largest = [tables.area(area, unit, areas[0]) for area in areas[:_LARGEST]]
    lines = [f"changed: {100 * share:.2f} % of {pixels:,} pixels, {tables.total(areas, unit)}"]
    figures = report.extent(result, areas, unit)
    if largest:
        sure = float(np.mean(outcome.probability[changed] >= HIGH))
        if len(areas) > 1:
            lines.append(f"largest areas: {', '.join(largest)}")
        lines.append(
            f"{100 * sure:.0f} % of the changed pixels have a probability of change of {HIGH:g} or more; "
            "that is no measure of accuracy"
        )
        figures |= {"largest_areas": areas[:_LARGEST].tolist(), "sure_share": sure}
    if outcome.ensemble is not None:
        certainty, more = _certainty(outcome.ensemble, pixels)
        lines.append(certainty)
        figures |= more
    if result.counts.total:
        lines.append(f"against the labels{_of(result, pixels)}: {_right(result)}")
    if calibration is not None:
        called = calibrated(outcome.probability, np.where(changed, result.truth, np.uint8(UNKNOWN)))
        lines.append(f"the probability against the labels: {reliability.line(calibration, called)}")
        figures |= {"calibration_error": calibration.error, "brier_score": calibration.brier}
    if result.corrected_counts.of_both and result.corrected_counts.total < pixels:  # else a command is told at the end
        lines.append(f"a random sample tells how right the whole map is: {_drawing(path.with_name('change.tif'))}")
    messages.result("\n".join(lines))
    return report.figures(result, "detection_time", figures)


def _drawing(path: Path) -> str:
    """The command that draws a sample of a change map, elsewhere if one of an earlier map lies beside it."""
    folders = itertools.chain([path.parent], (path.with_name(f"sample_{number}") for number in itertools.count(2)))
    folder = next(folder for folder in folders if not (folder / replaced.SAMPLE).exists())
    return suggested("sample", path, *(() if folder == path.parent else ("--out", folder)))


def _certainty(ensemble: Ensemble, pixels: int) -> tuple[str, tables.Row]:
    """How much is uncertain, of so many pixels that are not masked: a line, and figures for the record."""
    sums = ensemble.sums
    uncertain, disagree = (int(np.count_nonzero(where)) / pixels for where in (sums.uncertain, sums.disagree))
    spread = float(np.nanmean(sums.spread))
    certainty = (
        f"uncertain: {100 * uncertain:.2f} % of the pixels have a probability between {SURELY_UNCHANGED:g} and "
        f"{SURELY_CHANGED:g}, or the {sums.count} maps disagree ({100 * disagree:.2f} %)"
    )
    return certainty, {
        "uncertain_share": uncertain, "disagreement_share": disagree, "mean_spread": spread,
        "members": ensemble.members,
    }  # fmt: skip


def _right(result: MapResult) -> str:
    """How right the map is, and how sure that is."""
    if not result.corrected_counts.of_both:
        return "all are of one class, so nothing can be judged"
    return tables.summary(result.corrected_counts, result.intervals[1])


def _of(result: MapResult, pixels: int) -> str:
    """Which labels those are, where they are a part of the pixels: nobody drew that part by lot."""
    known = result.corrected_counts.total
    return "" if known == pixels else f" ({known:,} pixels, not drawn at random)"
