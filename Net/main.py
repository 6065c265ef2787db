"""Script: search and train a model (`training = True`), or test a saved one (`training = False`)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np

import config
import dataprocessing as dp
from commandline import run
from hscd.evaluation import doubts
from hscd.heads import HEADS, by_function
from hscd.models import saved as models
from hscd.models import schema, weights
from hscd.reports import tables
from hscd.scenes.fingerprint import NO, seen_in_training
from hscd.search.engines import ENGINES
from hscd.system import storage
from hscd.system.errors import InputError, counted
from hscd.system.messages import result, warn
from hscd.system.paths import require_names
from image_pairs import require_labels
from pair_finding import PairFiles, pair_files
from pipeline import explaining, kinds, network, parts, pretraining, replaced, report, testing
from pipeline.commands import suggested, tell_next
from pipeline.pair_tasks import Job, spread_pairs
from pipeline.plan import Plan
from pipeline.run_record import BEST, RunRecord, recorded
from predutils import tell_tuning
from settings import Settings
from settings.explaining import NONE


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
    settings = network.settled(pretraining.started(settings))
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
        for doubt in doubts.of_shared_pairs(len(seen) - seen.count(NO), len(seen), is_trained=False):
            warn(f"train_set [{settings.train_set}], test_set [{settings.test_set}]: {doubt}")
        replaced.warn_of_model(settings, every, record.part["inputs"], run_file)  # by a training that can begin
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
        f"{settings.model_name}: best trial {best.trial_id} (of {len(trials)}, counted from 0), validation loss "
        f"{best.report['loss']:.5f}; on {where}: {tables.summary(counts)} "
        "(with a threshold found on the labelled pixels alone; a test finds its own on all pixels)"
    )
    new = seen == NO
    if new.any() and not new.all():
        pixels = np.repeat(new, judged.sizes)
        with suppress(InputError):  # where all their distances are equal, which no threshold cuts
            counts = siamese.judge(model, judged.pairs[pixels], judged.labels[pixels])[0]
            record.add_apart({"unseen": {"pairs": int(new.sum())} | tables.metrics(counts)})
            result(f"{where}, the {new.sum()} of {len(new)} pairs not seen in training: {tables.summary(counts)}")


def test(settings: Settings) -> bool:
    """Test a saved model on every pair of `test_set`, with or without fine-tuning.

    Returns:
        Whether it was told that the spectra of one are far from those that the model learned from.
    """
    plan = Plan(settings)
    if plan.selection is not None:
        settings[settings.test_set].pseudo_folder()  # said before anything is read
    run_file = testing.run_file(settings, plan)
    pairs = pair_files(settings[settings.test_set])
    for files in pairs:
        results, logs = testing.writes(settings, plan, files.name), testing.log_folder(settings, plan, files.name)
        require_names([*results, run_file, logs])
    with recorded("test", settings, [settings.test_set], run_file) as record:
        record.add_inputs(pairs)
        others = replaced.warn_of_settings(settings, "test", settings.test_set, run_file)
        failed = _test_all(settings, plan, pairs, record)
        replaced.remove_unwritten(record, run_file, others)
    if failed:  # only now, so that there is a record of the others
        raise InputError(f"{failed[0]} (of {counted(len(pairs), 'pair')}, {len(pairs) - len(failed)} mapped)")
    shifts = [] if plan.other_scale else [row["domain_shift"] for row in record.results.values()]
    return any(doubts.of_domain_shift(shift) for shift in shifts)


def _test_all(settings: Settings, plan: Plan, pairs: Sequence[PairFiles], record: RunRecord) -> list[str]:
    """Test all pairs; what went wrong with those that could not be mapped, if others could."""
    section = settings[settings.test_set]
    if plan.selection is None and settings.learning.of_fine_tuning:
        warn(f"{', '.join(settings.learning.of_fine_tuning)}: no effect without a fine-tuning (fine_tuning)")
    # All that can be refused is, before the slow import of TensorFlow.
    prefix = settings.model_path / settings.model_name
    parameters = _parameters(settings, prefix)
    explaining.require(settings, parameters)
    trained_distance = by_function(parameters["score_function"]).name
    if trained_distance != settings.distance:
        warn(
            f"{settings.model_name}: trained with the distance {trained_distance}, which the test uses, "
            f"distance = {settings.distance} is not used"
        )
    if plan.other_scale:
        trained = not settings.apply_rescaling
        warn(
            f"{settings.model_name}: trained with apply_rescaling = {trained}, tested with {settings.apply_rescaling}; "
            f"set apply_rescaling = {trained}"
        )
    if plan.selection is not None:
        models.require_trainable(parameters)
    if ENGINES[settings.engine].spreads:
        job = Job(testing.test_alone, partial(testing.reads, settings), partial(testing.writes, settings, plan))
        failures = spread_pairs(settings, section, pairs, job, record)
        rows = [record.results[files.name] for files in pairs if files.name not in failures]
    else:
        rows, failures = _test_in_turn(settings, plan, record)
    failed = [f"[{section.name}] {name}, model {settings.model_name}: {error}" for name, error in failures.items()]
    if len(failed) == len(pairs):
        raise InputError(failed[0])
    for failure in failed:
        warn(f"{failure}; this pair has no map")
    record.add_apart(report.tell_apart(f"[{section.name}] model {settings.model_name}", rows))
    return failed


def _parameters(settings: Settings, prefix: Path) -> schema.Parameters:
    """Those of the model that is tested."""
    try:
        return models.read_parameters(prefix)
    except weights.MissingModelError as error:
        trains = suggested("train", settings=settings)
        raise InputError(f"{error}; name a saved model (model_name), or train one: {trains}") from error


def _test_in_turn(settings: Settings, plan: Plan, record: RunRecord) -> tuple[list[tables.Row], dict[str, str]]:
    """Test one pair after the other; figures of each, and what went wrong by the names of the others."""
    with record.stage("reading"):
        scenes = dp.scenes(settings.test_set, settings, models.trained_bands(settings.model_path / settings.model_name))
    pseudo = {scene.name: testing.pseudo_labels(settings, plan, scene, record) for scene in scenes}
    rows, failures = [], {}
    for scene in scenes:
        try:
            rows.append(testing.test_scene(settings, plan, scene, pseudo[scene.name], record))
        except InputError as error:  # which is no reason to leave out the pairs after it
            failures[scene.name] = str(error)
    return rows, failures


def dispatch(settings: Settings) -> None:
    """Train or test, as the settings say."""
    _tell_next(settings, bool((train if settings.training else test)(settings)))


def _tell_next(settings: Settings, far: bool = False) -> None:
    """Tell what to do after a training or a test, one that told that its place is `far` from what was learned."""
    section, tuned = settings[settings.test_set], settings.fine_tuning != config.NO_FINE_TUNING
    if not settings.training:
        if settings.report:
            tell_next("to look at the maps", suggested("report", settings.stat_path, "--serve"))
        if far and not tuned:
            tell_tuning(settings, config.ALL_PSEUDO_LABELS)
    elif tuned and section.pseudo_path is None:
        warn(f"[{section.name}] pseudoPath: missing; a test with fine_tuning = {settings.fine_tuning} needs it")
    elif tuned:
        tell_tuning(settings, settings.fine_tuning)
    else:
        tell_next(f"to test the model on {section.name}", suggested("test", settings=settings))


_KEPT = (
    "finished trials and maps are kept; run the same command again to resume the search, or to test all pairs again "
    "(with engine = ray, only those that are missing)"
)


def main(arguments: Sequence[str] | None = None) -> int:
    return run("Search and train a model, or test a saved one, as net.conf says.", dispatch, arguments, kept=_KEPT)


if __name__ == "__main__":
    raise SystemExit(main())
