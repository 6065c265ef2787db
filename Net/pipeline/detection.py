"""Stage: the change map of two images, without labels or a model, with all that is said about it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hscd.corrections.spatial import spatial_correction
from hscd.evaluation.confusion import changed_share
from hscd.evaluation.probability import probability_of_change
from hscd.evaluation.result import MapResult
from hscd.labels import CHANGED, UNKNOWN
from hscd.reports import gis, maps, tables
from hscd.scenes.scene import Scene
from hscd.system import messages, progress
from hscd.system.errors import InputError
from hscd.system.paths import require_names
from pair_finding import pair_files
from pipeline import kinds, report
from pipeline.plan import Plan
from pipeline.run_record import recorded
from settings import Settings

_FILES = ("change.tif", "score.tif", "changes.gpkg", "change.png", "score.png", "run.json")
# Seconds until something better is known: of the slow fits, which are to samples of one size; of a pixel that is
# scored, cut and written.
_FIT, _SCORE, _MAP = 10, 4e-6, 3e-6
# Regions that the summary names.
_LARGEST = 3
# Probability from which on a changed pixel is called sure.
_SURE = 0.9


def detect(settings: Settings) -> None:
    """Detect what changed in the one pair of `test_set`; write the maps, and tell a summary."""
    from dataprocessing import scenes

    folder, section = settings.stat_path, settings[settings.test_set]
    require_names([*(folder / name for name in _FILES), *kinds.files(settings, "kinds")])
    pairs = pair_files(section)
    if len(pairs) != 1:
        raise InputError(f"found {len(pairs)} pairs of images; name one image of each date")
    with recorded("detect", settings, [settings.test_set], folder / "run.json") as record:
        record.add_inputs(pairs)
        with messages.whole(reading=1, fitting=_FIT, scoring=1, mapping=1) as whole:
            (scene,) = scenes(settings.test_set, settings)
            whole.expect(scoring=scene.truth.size * _SCORE, mapping=scene.truth.size * _MAP)
            plan = Plan(settings)
            result, probability = _mapped(plan, scene)
            _write(settings, result, probability)
        figures = _summarise(result, probability, scene, folder / "changes.gpkg")
        record.add_result(result.name, figures | kinds.report(settings, plan, section, scene, result, "kinds"))


def _mapped(plan: Plan, scene: Scene) -> tuple[MapResult, np.ndarray]:
    """The change map of a scene and its probability of change; what makes it doubtful is told."""
    detector = plan.detector()
    try:
        scene = plan.normalised(scene)
        score_map = plan.score(detector, scene)
        progress.begin("mapping")
        cut = plan.cut(score_map, scene, scene.name)
    except InputError as error:
        raise InputError(f"{scene.name}: {error}") from error
    result = plan.map(score_map, cut, scene)
    plan.doubt(detector, score_map, cut, scene, scene.name)
    report.doubt(scene.name, result)
    # Votes of 3 × 3 pixels: more would call thin changes improbable.
    return result, probability_of_change(score_map.scores, spatial_correction(result.labels, 2))


def _write(settings: Settings, result: MapResult, probability: np.ndarray) -> None:
    folder, scores, grid = settings.stat_path, result.score_map.scores, result.score_map.grid
    tags = {"DETECTOR": result.score_map.source, "THRESHOLD_BY": settings.threshold}
    gis.write_change_map(folder / "change.tif", result.corrected, grid, tags)
    gis.write_scores(folder / "score.tif", scores, probability, grid, result.cut.value, tags)
    gis.write_polygons(folder / "changes.gpkg", result.corrected, scores, grid, settings.min_area, probability)
    maps.write_classes(folder / "change.png", maps.prediction_panels(result.corrected, result.truth))
    title = f"Scores of {result.name} by {result.score_map.source}"
    maps.write_heatmap(folder / "score.png", scores, result.cut.value, title, "score")


def _summarise(result: MapResult, probability: np.ndarray, scene: Scene, path: Path) -> tables.Row:
    """Print how much changed, where most, and how sure that is; the figures for the record."""
    labels = result.corrected
    changed = labels == CHANGED
    pixels, share = int(np.count_nonzero(labels != UNKNOWN)), changed_share(labels)
    areas, unit = gis.changed_areas(path, labels, scene.grid)
    shown = [tables.area(area, unit) for area in areas[:_LARGEST]]
    lines = [f"changed: {100 * share:.2f} % of {pixels:,} pixels, {tables.total(areas, unit)}"]
    if shown:
        sure = float(np.mean(probability[changed] >= _SURE))
        lines.append(f"largest areas: {', '.join(shown)}")
        lines.append(f"sure: {100 * sure:.0f} % of the changed pixels have a probability of {_SURE:g} and more")
    if result.counts.total:
        lines.append(f"against the labels{_of(result, pixels)}: {_right(result)}")
    messages.result("\n".join(lines))
    return report.figures(result, "detection_time", report.extent(result, areas, unit))


def _right(result: MapResult) -> str:
    """How right the map is, and how sure that is."""
    return tables.summary(result.corrected_counts, result.intervals[1])


def _of(result: MapResult, pixels: int) -> str:
    """Which labels those are, where they are a part of the pixels: nobody drew that part by lot."""
    known = result.corrected_counts.total
    return "" if known == pixels else f" ({known:,} pixels, no probability sample: sample.py draws one)"
