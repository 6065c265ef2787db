"""Stage: a saved model tested on a pair: fine-tuned if that is asked for, mapped, judged, told and written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

import dataprocessing as dp
import predutils as pu
from hscd.detectors.network import TrainedNetwork
from hscd.evaluation import doubts
from hscd.evaluation.confusion import confusion
from hscd.labels import UNKNOWN
from hscd.models import saved as models
from hscd.records import PseudoLabels
from hscd.reports import tables
from hscd.reports.page.view import Shown
from hscd.scenes.fingerprint import PART, YES, fingerprint_of, part_of, seen_in_training
from hscd.scenes.inspection import named
from hscd.scenes.scene import Scene
from hscd.selections import corrected_labels
from hscd.system.messages import tell, warn
from image_pairs import Alone
from pipeline import explaining, kinds, objects, pages, parts, replaced, report, tuning
from pipeline.explaining import Seen
from pipeline.plan import Plan, classes_file
from pipeline.pseudo_source import described, recorded_source
from pipeline.report import ResultFiles
from pipeline.run_record import RunRecord
from settings import Settings

# What a table says of what a fine-tuning gave: agreement with the corrected pseudo-labels before and after correction,
# kappa with the map of the model as it was.
AGREEMENT_COLUMNS = ("pseudo_acc", "pseudo_acc_corrected", "agreement_before_after")


def test_scene(
    settings: Settings, plan: Plan, scene: Scene, pseudo: PseudoLabels | None, record: RunRecord
) -> tables.Row:
    """Test the model on a pair, and note what came out; its figures.

    Args:
        settings: the run's settings.
        plan: what they ask for.
        scene: the pair.
        pseudo: its pseudo-labels; None for no fine-tuning.
        record: of the run.

    Raises:
        InputError: if the pair cannot be mapped.
    """
    prefix, seen = settings.model_path / settings.model_name, None
    if (scene.truth != UNKNOWN).any():
        scene, place = _to_judge(settings, scene, record)
        seen = seen_in_training(place, models.trained_on(prefix))
        for doubt in doubts.of_shared_pairs(int(seen in (PART, YES)), 1):
            warn(f"[{settings.test_set}] {scene.name}, model {settings.model_name}: {doubt}")
    shift = plan.domain_shift(scene, f"[{settings.test_set}] {scene.name}")
    source = {}
    if pseudo is not None:
        source["pseudo_source"] = made_by = _tell_source(settings, scene, pseudo)
        where = f"[{settings.test_set}] {scene.name}, model {settings.model_name}"
        replaced.warn_of_test(where, run_file(settings, plan), scene.name, made_by)
    row = _test_pair(settings, plan, scene, pseudo, record, seen)
    record.add_result(scene.name, row | {"domain_shift": shift} | source)
    return row


def _tell_source(settings: Settings, scene: Scene, pseudo: PseudoLabels) -> str:
    """Tell which pseudo-labels a model is fine-tuned on; what made them."""
    section = settings[settings.test_set]
    file = pu.pseudo_file(section, scene.name)
    source = described(recorded_source(settings, section, scene.name, pseudo["threshold"]))
    tell(f"{scene.name}: fine-tuning on {file}, made by {source}, threshold {pseudo['threshold']:.5g}")
    return source


def test_alone(settings: Settings, section: str, alone: Alone, record: RunRecord) -> None:
    """`test_scene` on a pair whose images and pseudo-labels are still to be read."""
    plan = Plan(settings)
    with record.stage("reading"):
        bands = models.trained_bands(settings.model_path / settings.model_name)
        (scene,) = dp.scenes(section, settings, bands, alone)
        pseudo = pseudo_labels(settings, plan, scene, record)
    test_scene(settings, plan, scene, pseudo, record)


def pseudo_labels(settings: Settings, plan: Plan, scene: Scene, record: RunRecord) -> PseudoLabels | None:
    """The pseudo-labels of a pair; None for no fine-tuning."""
    if plan.selection is None:
        return None
    section = settings[settings.test_set]
    pseudo = pu.load_pseudo_labels(section, scene.name, scene.truth.shape, settings=settings)
    record.add_files(scene.name, pseudo_labels=pu.pseudo_file(section, scene.name))
    return pseudo


def reads(settings: Settings, pair_name: str) -> list[Path]:
    """What the test of a pair reads beside its images and labels."""
    prefix = settings.model_path / settings.model_name
    return [*models.model_files(prefix), classes_file(settings), pu.pseudo_file(settings[settings.test_set], pair_name)]


def writes(settings: Settings, plan: Plan, pair_name: str) -> list[Path]:
    """All files that the test of a pair may write, TensorBoard's records and styles beside maps left out."""
    results, section = files(settings, plan, pair_name), settings[settings.test_set]
    more = kinds.files(settings, results.kinds) + objects.files(settings, results.objects)
    more += [] if section.parts is None else [parts.parts_file(section, settings, pair_name)]
    return [*results.all, *more, *explaining.files(settings, results.prefix.name)]


def _to_judge(settings: Settings, scene: Scene, record: RunRecord) -> tuple[Scene, str]:
    """A scene with the labels that a model is judged by, those of the test part if there are parts; its fingerprint."""
    section = settings[settings.test_set]
    place = fingerprint_of(scene.before, scene.after)
    if section.parts is None:
        return scene, place
    truth, of = parts.test_part(section, settings, scene.name, scene.truth, scene.grid)
    record.add_files(scene.name, parts=parts.parts_file(section, settings, scene.name))
    return replace(scene, truth=truth), part_of(place, of)


def _test_pair(
    settings: Settings, plan: Plan, scene: Scene, pseudo: PseudoLabels | None, record: RunRecord, seen: str | None
) -> tables.Row:
    """Load the model afresh, fine-tune it if there are pseudo-labels, and map, judge and report one pair; its figures.

    Args:
        settings: the run's settings.
        plan: what they ask for.
        scene: the pair.
        pseudo: the pair's pseudo-labels; None for no fine-tuning.
        record: of the run.
        seen: whether the model was trained on it, as `hscd.scenes.fingerprint` has it.
    """
    if pseudo is not None and scene.valid is not None:  # they may be older than `nodata` in the configuration
        pseudo = {**pseudo, "distances": np.where(scene.valid.ravel(), pseudo["distances"], np.nan)}
    with record.stage("loading of the model"):
        import siamese  # slow

        model = siamese.load_model(settings.model_path / settings.model_name, seed=settings.seed)
    record.add_model(**models.weight_counts(model))
    untuned = None if pseudo is None else tuning.Untuned(plan, model, scene, settings.seed)
    where, rounds = f"[{settings.test_set}] {scene.name}", tuning.Rounds(model, [])
    if pseudo is not None:
        with record.stage("fine-tuning"):
            rounds = tuning.fine_tuned(settings, plan, model, scene, pseudo, log_folder(settings, plan, scene.name))
    network = TrainedNetwork(settings.model_name, rounds.model)
    with record.stage("prediction"):
        score_map = plan.score(network, scene)
    cut = plan.cut(score_map, scene, where)
    plan.doubt(network, score_map, cut, scene, where)
    shifted = plan.registration(scene, where)
    result = plan.map(score_map, cut, scene)
    agreement: list[float | None] = [None, None]
    reference = None
    if pseudo is not None:
        reference = corrected_labels(pseudo, plan.correct(scene))
        agreement = [confusion(labels, reference).overall_accuracy for labels in (result.labels, result.corrected)]
    kept, effect = (None, {}) if untuned is None else untuned.compared(result.labels, scene.truth)
    for doubt in doubts.of_fine_tuning(kept):
        warn(f"{where}: {doubt}")
    results, time_column = files(settings, plan, scene.name), "prediction_time"
    agreements = zip(AGREEMENT_COLUMNS, (*agreement, kept), strict=True)
    row = report.figures(result, time_column, rounds.row | dict(agreements) | {report.SEEN: seen})
    of_objects = objects.found(settings, result)
    with record.stage("maps and tables"):
        report.write(
            results, result, row, time_column=time_column, min_area=settings.min_area,
            tags={"MODEL": settings.model_name, "FINE_TUNING": plan.selection_label},
            objects=None if of_objects is None else of_objects.objects,
        )  # fmt: skip
    row |= report.tell(results, named(scene.before), result, plan.other_scale) | rounds.more | shifted | effect
    row |= objects.report(settings, of_objects, result, results.objects, record)
    if pseudo is not None and settings.learning.ft_rival is not None:
        row |= tuning.rival(settings, plan, scene, pseudo, results.prefix.name)
    row |= kinds.report(settings, plan, settings[settings.test_set], scene, result, results.kinds, record)
    pages.keep(settings, record, scene, Shown.of(result), results.view)
    prefix, logs = results.prefix.name, log_folder(settings, plan, scene.name)
    return row | explaining.report(Seen(settings, rounds.model, scene, result, reference, prefix, logs), record)


def run_file(settings: Settings, plan: Plan) -> Path:
    """File of the record of a test."""
    return settings.stat_path / f"{settings.test_set}_on_{settings.model_name}_{plan.selection_label}_run.json"


def log_folder(settings: Settings, plan: Plan, pair_name: str) -> Path:
    """Folder of TensorBoard's records of the fine-tunings of a pair."""
    return settings.stat_path / "logs" / settings.model_name / f"{pair_name}_{plan.selection_label}"


def files(settings: Settings, plan: Plan, pair_name: str) -> ResultFiles:
    """Files of the results of a pair."""
    name = f"{settings.test_set}_{pair_name}_on_{settings.model_name}_{plan.selection_label}"
    return ResultFiles(settings.stat_path / name, heat_map=True)
