"""Script and stage: distances of two images -> pseudo-labels -> selection -> spatial correction.

Run as a script, it saves the pseudo-labels of every pair of `train_set`, with their maps and metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import config
from commandline import run
from hscd.corrections.spatial import spatial_correction
from hscd.detectors.spectral import pixel_distances
from hscd.evaluation.result import MapResult
from hscd.records import PseudoLabels
from hscd.reports import maps
from hscd.reports.page.view import Shown
from hscd.reports.tables import Row
from hscd.scenes.inspection import named
from hscd.scenes.scene import Scene, same_and_varied
from hscd.scores import Cut, ScoreMap, classify, pseudo_labels_of
from hscd.selections.neighborhood import labels_by_neighborhood
from hscd.selections.percentage import labels_by_percentage
from hscd.system import storage
from hscd.system.errors import InputError
from hscd.system.messages import progress
from hscd.system.paths import require_names, require_regular
from hscd.system.progress import TRAININGS, ItemsLeft
from hscd.thresholds import cut_scores
from hscd.thresholds.otsu import otsu_cut
from pipeline import kinds, objects, pages, report
from pipeline.ensemble import ensembled
from pipeline.plan import Plan
from pipeline.report import ResultFiles
from pipeline.run_record import recorded
from settings import DataSet, Settings

__all__ = [
    "labels_by_neighborhood",
    "labels_by_percentage",
    "load_pseudo_labels",
    "pseudo_labels",
    "spatial_correction",
]


# What makes pseudo-labels, in messages.
_COMMAND = "hscd pseudo-labels" if config.INSTALLED else "python predutils.py"


def pseudo_labels(
    first_img: np.ndarray,
    second_img: np.ndarray,
    dist_function: Callable[[Any, Any], Any],
    return_distances: bool = False,
    valid: np.ndarray | None = None,
) -> tuple[np.ndarray, float]:
    """Label the pixels of a pair by Otsu's threshold on their spectral distance.

    Args:
        first_img: (pixels, bands) before image.
        second_img: (pixels, bands) after image.
        dist_function: a distance of `hscd.heads`.
        return_distances: return the distances instead of the labels.
        valid: where pixels are not masked, as many boolean values in any shape; None where none is.

    Returns:
        (pixels,) uint8 labels, 0 changed, 1 unchanged, 2 masked, or (pixels,) float32 distances, NaN where masked; and
        the threshold.

    Raises:
        InputError: if all distances are equal, unless the two images are the same and not constant: nothing changed.
    """
    distances = pixel_distances(first_img, second_img, dist_function)
    kept: Any = slice(None)
    if valid is not None:
        kept = np.flatnonzero(valid.ravel())
        distances[~valid.ravel()] = np.nan
    cut = cut_scores(distances, otsu_cut, lambda: same_and_varied([(first_img[kept], second_img[kept])]))
    return (distances if return_distances else classify(distances, cut.value)), cut.value


def pseudo_file(section: DataSet, pair_name: str) -> Path:
    """File of the pseudo-labels of a pair."""
    return section.pseudo_path / f"{pair_name}.pickle"


def load_pseudo_labels(section: DataSet, pair_name: str, shape: tuple[int, int] | None = None) -> PseudoLabels:
    """Read the saved pseudo-labels of a pair.

    Args:
        section: the data set's section.
        pair_name: the pair.
        shape: (rows, columns) of the pair's images, to be checked; None where they are not at hand.

    Raises:
        InputError: if the file is missing or damaged, or was made for an image of another shape.
    """
    file = pseudo_file(section, pair_name)
    if not require_regular(file).is_file():
        raise InputError(f"{file}: no such file; make it with `{_COMMAND} --set 'settings.train_set={section.name}'`")
    content = storage.read_pickle(file)
    try:
        rows, columns = (int(length) for length in content["shape"])
        loaded = PseudoLabels(
            threshold=float(content["threshold"]),
            distances=np.asarray(content["distances"]),
            shape=(rows, columns),
        )
        if "votes" in content:
            loaded["votes"] = np.asarray(content["votes"], np.float32)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{file}: not a file of pseudo-labels: {error!r}") from error
    distances = loaded["distances"]
    if distances.shape == (rows * columns, 1):  # the guide's program saved a column
        distances = loaded["distances"] = distances[:, 0]
    if min(rows, columns) < 1 or distances.shape != (rows * columns,) or distances.dtype.kind != "f":
        raise InputError(
            f"{file}: expected distances of {rows} × {columns} pixels, found {distances.size} values "
            f"of type {distances.dtype}"
        )
    if not np.isfinite(loaded["threshold"]) or np.isinf(distances).any() or np.isnan(distances).all():
        raise InputError(f"{file}: the threshold is NaN or infinite, or a distance is infinite, or all are NaN")
    votes = loaded.get("votes")
    if votes is not None and (votes.shape != distances.shape or not ((votes >= 0) & (votes <= 1)).all()):
        raise InputError(f"{file}: expected votes in [0, 1], one for each of the {distances.size} distances")
    if shape is not None and loaded["shape"] != tuple(shape):
        raise InputError(
            f"{file}: made for an image of shape {loaded['shape']}, the pair has {tuple(shape)}; "
            f"run `{_COMMAND} --set 'settings.train_set={section.name}'` again"
        )
    return loaded


def saved_pairs(section: DataSet) -> list[str]:
    """Names of the pairs of a data set, sorted; where its images are not at hand, of those with pseudo-labels.

    Raises:
        InputError: if there are none.
    """
    from pair_finding import is_there, pair_files

    if is_there(section):
        return [files.name for files in pair_files(section)]
    names = sorted(file.stem for file in section.pseudo_path.glob("*.pickle") if not file.name.startswith("."))
    if not names:
        raise InputError(
            f"{section.pseudo_path}: no pseudo-labels; make them with "
            f"`{_COMMAND} --set 'settings.train_set={section.name}'`"
        )
    return names


def generate(settings: Settings) -> None:
    """Make and save the pseudo-labels of every pair of `train_set`, with maps and metrics."""
    from dataprocessing import scenes
    from image_pairs import pair_files

    section = settings[settings.train_set]
    storage.require_folder(section.pseudo_path)  # where that fails, no work should be lost
    run_file = settings.stat_path / f"{section.name}_{_kind(settings)}_run.json"
    pairs = pair_files(section)
    for files in pairs:
        results = _files(settings, files.name)
        more = [results.features, *kinds.files(settings, results.kinds), *objects.files(settings, results.objects)]
        require_names([pseudo_file(section, files.name), *results.all, *more, run_file])
    plan = Plan(settings)
    with recorded("pseudo-labels", settings, [section.name], run_file) as record:
        record.add_inputs(pairs)
        # Only when all pairs have a threshold is anything written.
        with record.stage("reading"):
            read = scenes(section.name, settings)
        with record.stage("scores and thresholds"):
            made = _cut_scenes(plan, read, section.name)
        for scene, score_map, cut, votes, channels in made:
            storage.write_pickle(pseudo_file(section, scene.name), pseudo_labels_of(score_map, cut, votes))
            with record.stage("correction, maps and tables"):
                result = plan.map(score_map, cut, scene)
                figures = report_pseudo_labels(settings, scene, result)
            figures |= plan.registration(scene, f"[{settings.train_set}] {scene.name}")
            results = _files(settings, scene.name)
            if channels is not None:
                maps.write_channels(results.features, channels)
            pages.keep(settings, record, scene, Shown.of(result), results.view)
            record.add_result(scene.name, figures | kinds.report(settings, plan, section, scene, result, results.kinds))


# Seconds that a member is expected to take to be fitted, and for each pixel, until a pair is done.
_FIT, _SCORE = 1, 7e-6
# A scene, its scores, their threshold, the votes of an ensemble, and the channels that a detector alone looked at.
_Made = tuple[Scene, ScoreMap, Cut, np.ndarray | None, np.ndarray | None]


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
            return scene, ensemble.score_map, ensemble.cut, ensemble.sums.votes, None
        detector = plan.detector(plan.members[0][0])
        score_map = plan.score(detector, scene)
        cut = plan.cut(score_map, scene, where)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    plan.doubt(detector, score_map, cut, scene, where)
    return scene, score_map, cut, None, plan.channels(detector, scene)


def report_pseudo_labels(settings: Settings, scene: Scene, result: MapResult) -> Row:
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
    return row | objects.report(settings, of_objects, result, files.objects)


def _kind(settings: Settings) -> str:
    """How file names call pseudo-labels of these settings."""
    return f"{settings.detector_name}_pseudo_rescaling_{settings.apply_rescaling}"


def _files(settings: Settings, pair_name: str) -> ResultFiles:
    """Files of the results of a pair."""
    prefix = settings.stat_path / f"{settings.train_set}_{pair_name}_{_kind(settings)}"
    return ResultFiles(prefix, corrected_table=True)


_KEPT = "files that were written are kept; the same command makes all of them again"


def main(arguments: Sequence[str] | None = None) -> int:
    return run("Make the pseudo-labels of every pair of train_set.", generate, arguments, kept=_KEPT)


if __name__ == "__main__":
    raise SystemExit(main())
