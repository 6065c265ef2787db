"""Script: search and train a model (`training = True`), or test a saved one (`training = False`)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

import dataprocessing as dp
import predutils as pu
from commandline import run
from hscd.detectors.network import TrainedNetwork
from hscd.detectors.tools.samples import sampled_pairs
from hscd.evaluation import doubts
from hscd.evaluation.confusion import confusion
from hscd.heads import HEADS, by_function
from hscd.labels import UNKNOWN
from hscd.models import saved as models
from hscd.records import PseudoLabels
from hscd.reports import tables
from hscd.reports.page.view import Shown
from hscd.scenes.domain_shift import PIXELS, Statistics, domain_shift, statistics
from hscd.scenes.fingerprint import NO, PART, YES, fingerprint, part_of, seen_in_training
from hscd.scenes.inspection import named
from hscd.scenes.scene import Scene
from hscd.selections import corrected_labels
from hscd.system import storage
from hscd.system.errors import InputError
from hscd.system.messages import result, tell, warn
from hscd.system.paths import require_names
from image_pairs import require_labels
from pair_finding import pair_files
from pipeline import explaining, kinds, objects, pages, parts, pretraining, report, tuning
from pipeline.explaining import Seen
from pipeline.plan import Plan
from pipeline.report import ResultFiles
from pipeline.run_record import RunRecord, recorded
from settings import Settings
from settings.explaining import NONE

# What a table says of what a fine-tuning gave: agreement with the corrected pseudo-labels before and after correction,
# kappa with the map of the model as it was.
AGREEMENT_COLUMNS = ("pseudo_acc", "pseudo_acc_corrected", "agreement_before_after")

# How a record calls what came out of a search.
BEST = "best trial"


def train(settings: Settings) -> None:
    """Search for a model on `train_set` and save it with the report of all trials."""
    prefix = settings.model_path / settings.model_name
    run_file = settings.stat_path / f"{settings.model_name}_run.json"
    stats, curves = (settings.stat_path / f"{settings.model_name}_{what}.csv" for what in ("stats", "curves"))
    saved = map(models.longest_file, pretraining.saved(settings))
    require_names([*saved, stats, curves, run_file, *pretraining.files(settings)])
    with storage.exclusive(prefix):
        pass  # said now rather than after all that is slow
    settings.search(settings.distance)  # so is this: the demo trains whatever its configuration was checked for
    data_sets = (settings.train_set, settings.test_set)
    for name in data_sets:
        pair_files(settings[name])
        require_labels(settings[name], settings)
    pretraining.require(settings)
    settings = pretraining.started(settings)
    every = list(dict.fromkeys((*data_sets, *pretraining.sections(settings))))
    with recorded("training", settings, every, run_file) as record:
        for name in every:
            record.add_inputs(pair_files(settings[name]))
        with record.stage("reading"):
            learned = dp.labelled_pixels(settings.train_set, settings)
            divided = settings[settings.train_set].parts is not None or settings.validation != parts.RANDOM
            same = settings.test_set == settings.train_set and not divided
            judged = learned if same else dp.labelled_pixels(settings.test_set, settings, judged=True)
        if learned.pairs.shape[-1] != judged.pairs.shape[-1]:
            raise InputError(
                f"train_set [{settings.train_set}] has {learned.pairs.shape[-1]} bands, test_set [{settings.test_set}] "
                f"has {judged.pairs.shape[-1]}; both need the same number of bands"
            )
        known = {*learned.places, *pretraining.seen(settings)}
        seen = [seen_in_training(place, known) for place in judged.places]
        for doubt in doubts.of_shared_pairs(len(seen) - seen.count(NO), len(seen)):
            warn(f"train_set [{settings.train_set}], test_set [{settings.test_set}]: {doubt}")
        with record.stage("search"):
            _search(settings, learned, judged, np.array(seen), record)
        record.add_model(**kinds.learn(settings))


def _search(settings: Settings, learned: dp.Labelled, judged: dp.Labelled, seen: np.ndarray, record: RunRecord) -> None:
    """Search for a model, and tell what came out, apart for pairs that were not `seen` in training."""
    import siamese
    from hscd.search.engines import best_trial

    plan = Plan(settings)
    unlabelled = pretraining.unlabelled(settings, learned.pairs.shape[-1])
    trials = siamese.hyperparam_search(
        learned.pairs,
        learned.labels,
        judged.pairs,
        judged.labels,
        HEADS[settings.distance].function,
        settings.model_name,
        settings.search(settings.distance),
        model_path=settings.model_path,
        stat_path=settings.stat_path,
        seed=settings.seed,
        workers=settings.workers,
        rescaled=settings.apply_rescaling,
        trained_on=learned.places,
        fixed=plan.fixed,
        margin=settings.margin,
        engine=settings.engine,
        engine_options=plan.engine_options,
        held_out=learned.held_out,
        start=siamese.Start(pretraining.start_from(settings), unlabelled.pairs),
        log_embeddings=settings.explain.embedding != NONE and not settings.reach,
    )
    curves = settings.stat_path / f"{settings.model_name}_curves.csv"
    storage.write_csv(curves, tables.curve_rows(trials), tables.CURVES)
    record.add_outputs(BEST, {"trials": settings.stat_path / f"{settings.model_name}_stats.csv", "curves": curves})
    model = siamese.load_model(settings.model_path / settings.model_name)
    record.add_model(**models.weight_counts(model))
    best = best_trial(trials)
    counts = best.report["test"][0]
    where = f"{'' if settings[settings.test_set].parts is None else 'the test part of '}{settings.test_set}"
    record.add_result(
        BEST,
        {"trial_id": best.trial_id, "trials": len(trials), "val_loss": best.report["loss"]}
        | tables.metrics(counts)
        | pretraining.report(settings, best.report.get("pretraining"), unlabelled.wavelengths)
        | {report.SEEN: dict(zip(judged.names, seen.tolist(), strict=True))},
    )
    result(
        f"{settings.model_name}: best trial {best.trial_id} of {len(trials)}, validation loss "
        f"{best.report['loss']:.5f}; on {where}: {tables.summary(counts)} "
        "(thresholded on the labelled pixels alone; a test may differ)"
    )
    new = seen == NO
    if new.any() and not new.all():
        pixels = np.repeat(new, judged.sizes)
        with suppress(InputError):  # where all their distances are equal, which no threshold cuts
            counts = siamese.judge(model, judged.pairs[pixels], judged.labels[pixels])[0]
            record.add_apart({"unseen": {"pairs": int(new.sum())} | tables.metrics(counts)})
            result(f"{where}, the {new.sum()} of {len(new)} pairs not seen in training: {tables.summary(counts)}")


def test(settings: Settings) -> None:
    """Test a saved model on every pair of `test_set`, with or without fine-tuning."""
    plan = Plan(settings)
    name = f"{settings.test_set}_on_{settings.model_name}_{plan.selection_label}_run.json"
    run_file = settings.stat_path / name
    pairs = pair_files(settings[settings.test_set])
    for files in pairs:
        results = _files(settings, plan, files.name)
        more = kinds.files(settings, results.kinds) + objects.files(settings, results.objects)
        more += explaining.files(settings, results.prefix.name)
        require_names([*results.all, *more, run_file, _log_folder(settings, plan, files.name)])
    with recorded("test", settings, [settings.test_set], run_file) as record:
        record.add_inputs(pairs)
        failed = _test_all(settings, plan, record)
    if failed:  # only now, so that there is a record of the others
        raise InputError(f"{failed[0]} (of {len(pairs)} pairs, {len(pairs) - len(failed)} were mapped)")


def _test_all(settings: Settings, plan: Plan, record: RunRecord) -> list[str]:
    """Test all pairs; what went wrong with those that could not be mapped, if others could."""
    section = settings[settings.test_set]
    if plan.selection is None and settings.learning.of_fine_tuning:
        warn(f"{', '.join(settings.learning.of_fine_tuning)}: no effect without a fine-tuning (fine_tuning)")
    # All that can be refused is, before the slow import of TensorFlow.
    prefix = settings.model_path / settings.model_name
    parameters = models.read_parameters(prefix)
    explaining.require(settings, parameters)
    trained_distance = by_function(parameters["score_function"]).name
    if trained_distance != settings.distance:
        warn(
            f"{settings.model_name}: trained with the distance {trained_distance}, which the test uses, "
            f"distance = {settings.distance} is not used"
        )
    if models.trained_rescaled(prefix) not in (None, settings.apply_rescaling):
        warn(
            f"{settings.model_name}: trained with apply_rescaling = {not settings.apply_rescaling}, tested with "
            f"{settings.apply_rescaling}"
        )
    if plan.selection is not None:
        models.require_trainable(parameters)
    with record.stage("reading"):
        scenes = dp.scenes(settings.test_set, settings, models.trained_bands(prefix))
    pseudo: dict[str, PseudoLabels] = {}
    if plan.selection is not None:
        pseudo = {scene.name: pu.load_pseudo_labels(section, scene.name, scene.truth.shape) for scene in scenes}
        for name in pseudo:
            record.add_files(name, pseudo_labels=pu.pseudo_file(section, name))
    trained_on, spectra = models.trained_on(prefix), models.trained_spectra(prefix)
    rows, failed = [], []
    for scene in scenes:
        seen = None
        if (scene.truth != UNKNOWN).any():
            scene, place = _to_judge(settings, scene, record)
            seen = seen_in_training(place, trained_on)
            for doubt in doubts.of_shared_pairs(int(seen in (PART, YES)), 1):
                warn(f"[{section.name}] {scene.name}, model {settings.model_name}: {doubt}")
        shift = _domain_shift(settings, scene, spectra)
        try:
            row = test_pair(settings, plan, scene, pseudo.get(scene.name), record, seen)
        except InputError as error:  # which is no reason to leave out the pairs after it
            failed.append(f"[{section.name}] {scene.name}, model {settings.model_name}: {error}")
            if len(failed) == len(scenes):
                raise InputError(failed[0]) from error
            warn(f"{failed[-1]}; this pair has no map")
            continue
        record.add_result(scene.name, row | {"domain_shift": shift})
        rows.append(row)
    record.add_apart(report.tell_apart(f"[{section.name}] model {settings.model_name}", rows))
    return failed


def _domain_shift(settings: Settings, scene: Scene, trained_on: Statistics | None) -> float | None:
    """How far a scene is from the spectra that a model was trained on, where these are known; told where it is far."""
    if trained_on is None:
        return None
    pairs = sampled_pairs(scene, np.random.default_rng(settings.seed), PIXELS)
    shift = domain_shift(trained_on, statistics(pairs))
    for doubt in doubts.of_domain_shift(shift):
        warn(f"[{settings.test_set}] {scene.name}, model {settings.model_name}: {doubt}")
    return shift


def _to_judge(settings: Settings, scene: Scene, record: RunRecord) -> tuple[Scene, str]:
    """A scene with the labels that a model is judged by, those of the test part if there are parts; its fingerprint."""
    section = settings[settings.test_set]
    place = fingerprint(scene.before.window, scene.after.window, scene.truth.shape)
    if section.parts is None:
        return scene, place
    truth, of = parts.test_part(section, settings, scene.name, scene.truth, scene.grid)
    record.add_files(scene.name, parts=parts.parts_file(section, settings, scene.name))
    return replace(scene, truth=truth), part_of(place, of)


def test_pair(
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
        tell(f"{scene.name}: fine-tuning on {pu.pseudo_file(settings[settings.test_set], scene.name)}, threshold "
             f"{pseudo['threshold']:.5g}")  # fmt: skip
        with record.stage("fine-tuning"):
            rounds = tuning.fine_tuned(settings, plan, model, scene, pseudo, _log_folder(settings, plan, scene.name))
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
    kept = None if untuned is None else untuned.agreement(result.labels)
    for doubt in doubts.of_fine_tuning(kept):
        warn(f"{where}: {doubt}")
    files, time_column = _files(settings, plan, scene.name), "prediction_time"
    agreements = zip(AGREEMENT_COLUMNS, (*agreement, kept), strict=True)
    row = report.figures(result, time_column, rounds.row | dict(agreements) | {report.SEEN: seen})
    of_objects = objects.found(settings, result)
    with record.stage("maps and tables"):
        report.write(
            files, result, row, time_column=time_column, min_area=settings.min_area,
            tags={"MODEL": settings.model_name, "FINE_TUNING": plan.selection_label},
            objects=None if of_objects is None else of_objects.objects,
        )  # fmt: skip
    row |= report.tell(files, named(scene.before), result) | rounds.more | shifted
    row |= objects.report(settings, of_objects, result, files.objects)
    if pseudo is not None and settings.learning.ft_rival is not None:
        row |= tuning.rival(settings, plan, scene, pseudo, files.prefix.name)
    row |= kinds.report(settings, plan, settings[settings.test_set], scene, result, files.kinds)
    pages.keep(settings, record, scene, Shown.of(result), files.view)
    prefix, logs = files.prefix.name, _log_folder(settings, plan, scene.name)
    return row | explaining.report(Seen(settings, rounds.model, scene, result, reference, prefix, logs), record)


def _log_folder(settings: Settings, plan: Plan, pair_name: str) -> Path:
    """Folder of TensorBoard's records of the fine-tunings of a pair."""
    return settings.stat_path / "logs" / settings.model_name / f"{pair_name}_{plan.selection_label}"


def _files(settings: Settings, plan: Plan, pair_name: str) -> ResultFiles:
    """Files of the results of a pair."""
    name = f"{settings.test_set}_{pair_name}_on_{settings.model_name}_{plan.selection_label}"
    return ResultFiles(settings.stat_path / name, heat_map=True)


def dispatch(settings: Settings) -> None:
    """Train or test, as the settings say."""
    (train if settings.training else test)(settings)


_KEPT = "finished trials and maps are kept; the same command resumes the search, or tests all pairs again"


def main(arguments: Sequence[str] | None = None) -> int:
    return run("Search and train a model, or test a saved one, as net.conf says.", dispatch, arguments, kept=_KEPT)


if __name__ == "__main__":
    raise SystemExit(main())
