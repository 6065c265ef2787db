"""Stage: the pseudo-labels of a pair: scores, threshold, correction, and what is told and written of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hscd.evaluation.result import MapResult
from hscd.reports import maps
from hscd.reports.furniture import aspect_of
from hscd.reports.page.view import Shown
from hscd.reports.tables import Row
from hscd.scenes.inspection import named
from hscd.scenes.scene import Scene
from hscd.scores import Cut, ScoreMap, pseudo_labels_of
from hscd.system import storage
from hscd.system.errors import InputError
from hscd.system.messages import progress
from hscd.system.progress import TRAININGS, ItemsLeft
from image_pairs import Alone
from pipeline import kinds, objects, pages, report
from pipeline.ensemble import ensembled
from pipeline.plan import Plan, classes_file
from pipeline.report import ResultFiles
from pipeline.run_record import RunRecord
from settings import DataSet, Settings

# Seconds that a member is expected to take to be fitted, and for each pixel, until a pair is done.
_FIT, _SCORE = 1, 7e-6


class _Made(NamedTuple):
    """A scene, its scores, their threshold, the votes of an ensemble, the channels that a detector alone looked at."""

    scene: Scene
    score_map: ScoreMap
    cut: Cut
    votes: np.ndarray | None = None
    channels: np.ndarray | None = None


def pseudo_file(section: DataSet, pair_name: str) -> Path:
    """File of the pseudo-labels of a pair."""
    return section.pseudo_folder() / f"{pair_name}.pickle"


def make_all(settings: Settings, section: str, record: RunRecord) -> None:
    """Make the pseudo-labels of all pairs of a data set; only when all have a threshold is anything written."""
    from dataprocessing import scenes

    plan = Plan(settings)
    with record.stage("reading"):
        read = scenes(section, settings)
    with record.stage("scores and thresholds"):
        made = _cut_scenes(plan, read, section)
    for of_pair in made:
        _keep(settings, plan, of_pair, record)


def make_alone(settings: Settings, section: str, alone: Alone, record: RunRecord) -> None:
    """Make those of one pair."""
    from dataprocessing import scenes

    plan = Plan(settings)
    with record.stage("reading"):
        (scene,) = scenes(section, settings, alone=alone)
    with record.stage("scores and thresholds"):
        made = _cut_scene(plan, scene, f"[{section}] {scene.name}")
    _keep(settings, plan, made, record)


def reads(settings: Settings, pair_name: str) -> list[Path]:
    """What is read for a pair beside its images and labels."""
    return [classes_file(settings)] if settings.kinds == "classes" else []


def writes(settings: Settings, pair_name: str) -> list[Path]:
    """All files that are written for a pair, styles beside maps left out."""
    results = _files(settings, pair_name)
    more = [results.features, *kinds.files(settings, results.kinds), *objects.files(settings, results.objects)]
    return [pseudo_file(settings[settings.train_set], pair_name), *results.all, *more]


def _keep(settings: Settings, plan: Plan, made: _Made, record: RunRecord) -> None:
    """Write and tell the pseudo-labels of a pair."""
    section, scene, results = settings[settings.train_set], made.scene, _files(settings, made.scene.name)
    pseudo = pseudo_labels_of(made.score_map, made.cut, made.votes)
    storage.write_pickle(pseudo_file(section, scene.name), pseudo)
    with record.stage("correction, maps and tables"):
        result = plan.map(made.score_map, made.cut, scene)
        figures = _report(settings, scene, result, record)
    figures |= plan.registration(scene, f"[{settings.train_set}] {scene.name}", settings.train_set)
    if made.channels is not None:
        aspect = aspect_of(results.features, scene.grid, scene.truth.shape)
        maps.write_channels(results.features, made.channels, aspect)
    record.add_written(scene.name, "map", [] if made.channels is None else [results.features])
    pages.keep(settings, record, scene, Shown.of(result), results.view)
    figures |= kinds.report(settings, plan, section, scene, result, results.kinds, record)
    record.add_result(scene.name, figures)


def _cut_scenes(plan: Plan, scenes: Sequence[Scene], section_name: str) -> list[_Made]:
    """Scores of all scenes, and their thresholds; of ensembles also the members' votes, of a network channels."""
    found: list[_Made] = []
    left = ItemsLeft([len(plan.members) * (_FIT + _SCORE * scene.truth.size) for scene in scenes])
    with progress(total=len(scenes), desc="pseudo-labels", unit=str(left), bar_format=TRAININGS) as bar:
        for scene in scenes:
            found.append(_cut_scene(plan, scene, f"[{section_name}] {scene.name}"))
            left.end()
            bar.unit = str(left)
            bar.update()
    return found


def _cut_scene(plan: Plan, scene: Scene, where: str) -> _Made:
    """One of `_cut_scenes`."""
    try:
        scene = plan.normalised(scene)
        if len(plan.members) > 1:
            ensemble = ensembled(plan, scene, where)
            return _Made(scene, ensemble.score_map, ensemble.cut, ensemble.sums.votes)
        detector = plan.detector(plan.members[0][0])
        score_map = plan.score(detector, scene)
        cut = plan.cut(score_map, scene, where)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    plan.doubt(detector, score_map, cut, scene, where)
    return _Made(scene, score_map, cut, channels=plan.channels(detector, scene))


def _report(settings: Settings, scene: Scene, result: MapResult, record: RunRecord) -> Row:
    """Write and tell what the pseudo-labels of a pair are like, before and after spatial correction; the figures."""
    files, time_column = _files(settings, scene.name), "generation_time"
    row = report.figures(result, time_column)
    tags = {"DISTANCE": result.score_map.source}
    of_objects = objects.found(settings, result)
    report.write(
        files, result, row, time_column=time_column, min_area=settings.min_area, tags=tags,
        objects=None if of_objects is None else of_objects.objects,
    )  # fmt: skip
    row |= report.tell(files, named(scene.before), result)
    return row | objects.report(settings, of_objects, result, files.objects, record)


def kind(settings: Settings) -> str:
    """How file names call pseudo-labels of these settings."""
    return f"{settings.detector_name}_pseudo_rescaling_{settings.apply_rescaling}"


def _files(settings: Settings, pair_name: str) -> ResultFiles:
    """Files of the results of a pair."""
    prefix = settings.stat_path / f"{settings.train_set}_{pair_name}_{kind(settings)}"
    return ResultFiles(prefix, corrected_table=True)
