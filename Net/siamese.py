"""Stage: build, search, train, fine-tune and apply the Siamese network."""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from hyperopt import STATUS_OK
from tqdm import tqdm

import config
from hscd.evaluation.confusion import Confusion, confusion
from hscd.heads import by_function
from hscd.heads.euclidean import euclidean_dist
from hscd.heads.spectral_angle import SAM
from hscd.learn import training
from hscd.learn.samples import Samples
from hscd.learn.training import predict
from hscd.models import weights
from hscd.models.saved import load_model, model_files, named_weights, read_parameters, save_model
from hscd.networks.siamese import build_net
from hscd.records import Trial
from hscd.reports import tables
from hscd.search import engine
from hscd.search.record import Finished, SearchRecord, digest
from hscd.search.runners import InProcess, Objective, Progress, Runner, WorkerProcesses
from hscd.search.template import objective_and_space
from hscd.selections.selection import classify
from hscd.system import hardware, storage
from hscd.system.arrays import SharedArray
from hscd.system.backend import keras, tensorboard
from hscd.system.errors import InputError
from hscd.system.paths import require_regular
from hscd.thresholds.otsu import otsu

__all__ = [
    "SAM",
    "build_net",
    "euclidean_dist",
    "fine_tune",
    "fine_tuning",
    "hyperparam_search",
    "load_model",
    "predict",
    "read_parameters",
    "siamese_model",
]

# When a search runs in worker processes. A rough account of a trial on one core: building and compiling, and some
# twenty-five epochs; two workers save about a third of it and take four seconds to start (benchmarks/search.py).
_SECONDS_A_TRIAL = 1.5
_PAIRS_A_SECOND = 2000
_WORTH_WORKERS = 12.0
# Each has TensorFlow in its memory, some 600 MB.
_MOST_WORKERS = 8


def siamese_model(
    train_set: np.ndarray,
    train_labels: np.ndarray,
    test_set: np.ndarray,
    test_labels: np.ndarray,
    score_function: Callable[[Any, Any], Any],
) -> dict[str, Any]:
    """One trial of the search: build, train and test a network of chosen parameters.

    This is a Hyperas template: `search`, the settings and hand-overs of the search, is put among its globals by
    `hyperparam_search`, and the expressions in double braces become the search space.

    Args:
        train_set: (pixels, 2, bands) float32 pixel pairs; a part of them is held out for validation.
        train_labels: (pixels,) labels, 0 changed, 1 unchanged.
        test_set: pixel pairs of the test set.
        test_labels: their labels.
        score_function: distance that heads the network.

    Returns:
        Hyperopt result: `loss` (the validation loss, minimised), `status`, `model` (parameters, weights by name) and
        what goes into the report.
    """
    dropout_rate = {{uniform(0, search.max_dropout)}}  # type: ignore  # noqa: F821
    dropout_rate_1 = {{uniform(0, search.max_dropout)}}  # type: ignore  # noqa: F821
    lr = {{uniform(1e-4, 1e-2)}}  # type: ignore  # noqa: F821
    layer = {{choice(search.neurons)}}  # type: ignore  # noqa: F821
    layer_1 = {{choice(search.neurons_1)}}  # type: ignore  # noqa: F821
    layer_2 = {{choice(search.neurons_2)}}  # type: ignore  # noqa: F821
    batch_size = {{choice(search.batch_size)}}  # type: ignore  # noqa: F821
    parameters = {
        "dropout_rate": dropout_rate,
        "dropout_rate_1": dropout_rate_1,
        "lr": lr,
        "layer": layer,
        "layer_1": layer_1,
        "layer_2": layer_2,
        "score_function": score_function,
        "margin": by_function(score_function).margin,
        "fourth_layer": search.fourth_layer,  # type: ignore  # noqa: F821
        "batch_size": batch_size,
    }
    keras.backend.clear_session()
    # Every trial starts from the seed of the search, whatever ran before it.
    model = build_net(train_set.shape[2:], parameters, seed=search.seed)  # type: ignore  # noqa: F821
    rules = training_rules()
    train, validation = training.stratified_split(
        train_labels,
        search.seed,  # type: ignore  # noqa: F821
        rules.validation_share,
    )
    best = training.fit(
        model,
        train_set,
        train_labels,
        train,
        validation,
        rules=rules,
        batch_size=batch_size,  # type: ignore
        seed=search.seed,  # type: ignore  # noqa: F821
        callbacks=search.callbacks(),  # type: ignore  # noqa: F821
    )
    return {
        "loss": best.val_loss,
        "status": STATUS_OK,
        "model": (parameters, named_weights(model)),
        "epochs": best.epochs,
        "best_epoch": best.best_epoch,
        "stopped": best.reason,
        "train_loss": best.loss,
        "test": judge(model, test_set, test_labels),
        "val": judge(model, train_set[validation], train_labels[validation]),
    }


def training_rules() -> training.Rules:
    """The rules of every training, as the constants of `config` have them now."""
    return training.Rules(config.MAX_EPOCHS, config.MIN_DELTA, config.PATIENCE, config.VALIDATION_SPLIT)


def judge(model: keras.Model, pairs: np.ndarray, labels: np.ndarray) -> tuple[Confusion, float]:
    """Confusion counts of a model on labelled pairs, and the Otsu threshold they were made with."""
    distances = predict(model, pairs)
    threshold = otsu(distances)
    return confusion(classify(distances, threshold), labels), threshold


class _Search:
    """What a trial needs beyond its data: the configured choices, the seed, and where to log."""

    def __init__(self, choices: config.SearchSettings, seed: int, log_folder: Path, on_epoch: Progress) -> None:
        self.neurons, self.neurons_1, self.neurons_2 = choices.neurons, choices.neurons_1, choices.neurons_2
        self.batch_size, self.max_dropout = choices.batch_size, choices.max_dropout
        self.fourth_layer = choices.fourth_layer
        self.seed = seed
        self.trial_id = 0
        self._log_folder = log_folder
        self._on_epoch = on_epoch

    def callbacks(self) -> list[keras.callbacks.Callback]:
        return [
            tensorboard(self._log_folder / f"trial_{self.trial_id}"),
            training.TellEpochs(lambda epoch, logs: self._on_epoch(self.trial_id, epoch, logs["val_loss"])),
        ]


@dataclass(frozen=True)
class _Trials:
    """What all trials of a search share; in a worker process it becomes the objective."""

    data: Mapping[str, np.ndarray | SharedArray]
    score_function: Callable[[Any, Any], Any]
    choices: config.SearchSettings
    seed: int
    log_folder: Path

    def __call__(self, on_epoch: Progress) -> Objective:
        search, objective, _ = self.translated(on_epoch)

        def run_trial(trial_id: int, choice: dict[str, Any]) -> dict[str, Any]:
            search.trial_id = trial_id
            return objective(choice)

        return run_trial

    def translated(self, on_epoch: Progress) -> tuple[_Search, Callable, dict[str, Any]]:
        """The settings of the search, and the objective and the space that `siamese_model` makes of them."""
        search = _Search(self.choices, self.seed, self.log_folder, on_epoch)
        data = {name: part.open() if isinstance(part, SharedArray) else part for name, part in self.data.items()}
        names = {"search": search, "score_function": self.score_function, **data}
        return search, *objective_and_space(siamese_model, names)


def hyperparam_search(
    train_set: np.ndarray,
    train_labels: np.ndarray,
    test_set: np.ndarray,
    test_labels: np.ndarray,
    distance_function: Callable[[Any, Any], Any],
    name: str,
    hyperas_sett: config.SearchSettings,
    *,
    model_path: Path = config.MODEL_PATH,
    stat_path: Path = config.STAT_PATH,
    seed: int = config.SEED,
    workers: int | None = None,
    rescaled: bool | None = None,
) -> list[Trial]:
    """Search for the network of the lowest validation loss; save it when found, and the report of all trials last.

    A search that was interrupted goes on where it stopped when it is asked for again; see `hscd.search.record`.

    Args:
        train_set: (pixels, 2, bands) float32 pixel pairs to learn from.
        train_labels: (pixels,) labels, 0 changed, 1 unchanged.
        test_set: pixel pairs each trial is tested on, for the report only.
        test_labels: their labels.
        distance_function: distance that heads the network.
        name: of the model.
        hyperas_sett: choices of the search.
        model_path: folder of the saved model.
        stat_path: folder of the report and, under `logs`, of TensorBoard's records.
        seed: of the choices, the split and the training.
        workers: processes that run trials, 1 for this one alone; None for what is faster here.
        rescaled: whether the bands are rescaled, which the saved model tells; None where that is not known.

    Returns:
        The trials.

    Raises:
        InputError: if a class is missing, every trial failed, or another process is searching for this model.
    """
    training.check_classes(train_labels)
    log_folder = stat_path / "logs" / name / f"{datetime.now():%Y%m%d-%H%M%S}"
    data = {"train_set": train_set, "train_labels": train_labels, "test_set": test_set, "test_labels": test_labels}
    prefix = model_path / name
    question = {
        "data": digest(list({id(part): part for part in data.values()}.values())),
        "distance": by_function(distance_function).name,
        "seed": seed,
        "backend": keras.backend.backend(),
        **dataclasses.asdict(training_rules()),
        **{key: value for key, value in dataclasses.asdict(hyperas_sett).items() if key != "max_evals"},
    }
    with storage.exclusive(prefix):
        record = SearchRecord(prefix.with_name(f"{name}_search.json"), question, hyperas_sett.max_evals)
        if record.discarded:
            what = f"the search of {record.found.name} goes on" if record.found else "a new search starts"
            print(f"{record.kept}: this record {record.discarded}; {what}", file=sys.stderr)
        elif record.found:
            print(f"resuming the search recorded in {record.found}", file=sys.stderr)
        record.workers = workers or record.workers or _workers(hyperas_sett.max_evals, len(train_set))
        shared = _shared(data) if record.workers > 1 else data
        trials_of_search = _Trials(shared, distance_function, hyperas_sett, seed, log_folder)
        try:
            trials = _run_trials(trials_of_search, record, prefix, record.workers, rescaled)
        except KeyboardInterrupt:
            after = "the same command goes on from here" if record.finished else "the search starts again"
            print(
                f"{name}: {len(record.finished)} of {hyperas_sett.max_evals} trials are recorded; {after}",
                file=sys.stderr,
            )
            raise
        except InputError:  # all trials failed: whatever the cause was, the next search should try again
            record.remove()
            raise
        rows = tables.trial_rows(trials, engine.best_trial(trials).trial_id)
        storage.write_csv(stat_path / f"{name}_stats.csv", rows)
        record.remove()
    return trials


def _run_trials(
    search: _Trials, record: SearchRecord, prefix: Path, workers: int, rescaled: bool | None
) -> list[Trial]:
    """Run the trials that are not recorded yet; record each, and save its model where it is the best of those at hand.

    A recorded trial that is the best, but whose model is not the saved one, is repeated. Should it come out worse than
    it was recorded, so may be the next best, until the saved model is that of the best trial.
    """
    finished = dict(record.finished)
    saved = _saved_trial(finished, prefix)
    max_evals = search.choices.max_evals
    with tqdm(total=max_evals, desc="search", unit="trial", dynamic_ncols=True) as bar:

        def on_epoch(trial_id: int, epoch: int, val_loss: float) -> None:
            bar.set_postfix_str(f"trial {trial_id}, epoch {epoch}, val_loss {val_loss:.5f}")

        def on_trial(ended: Finished, trained: tuple[dict[str, Any], dict[str, np.ndarray]] | None) -> None:
            nonlocal saved
            trial = ended.trial
            to_save = None
            if trained is None:
                tqdm.write(f"trial {trial.trial_id} failed: {trial.error}")
            elif saved is None or _best([ended, finished[saved]]) is trial:
                to_save, ended = trained, dataclasses.replace(ended, model=digest(list(trained[1].values())))
            finished[trial.trial_id] = ended
            # Recorded first: a model that is not on the disk is noticed, a trial that is not recorded could turn out
            # otherwise on another machine.
            record.add(ended)
            if to_save is not None:
                save_model(prefix, *to_save, rescaled)
                saved = trial.trial_id
            bar.update()
            describe()

        def describe() -> None:
            best = _best(finished.values())
            if best is not None:
                bar.set_description_str(f"search, best val_loss {best.report['loss']:.5f}")

        *_, space = search.translated(on_epoch)
        with ExitStack() as stack:
            runner: Runner = (
                InProcess(search, on_epoch)
                if workers == 1
                else stack.enter_context(WorkerProcesses(search, on_epoch, workers))
            )
            while True:
                best = _best(finished.values())
                if best is not None and best.trial_id != saved:
                    del finished[best.trial_id]
                bar.n = len(finished)
                describe()
                trials = engine.run(runner, space, max_evals, search.seed, on_trial, finished.copy())
                if engine.best_trial(trials).trial_id == saved:
                    return trials


def _best(finished: Iterable[Finished]) -> Trial | None:
    """The best of some trials; None if none succeeded."""
    succeeded = [entry.trial for entry in finished if not entry.trial.error]
    return engine.best_trial(succeeded) if succeeded else None


def _saved_trial(finished: Mapping[int, Finished], prefix: Path) -> int | None:
    """Number of the recorded trial whose model is the saved one; None if there is none."""
    with suppress(InputError), weights.open_file(require_regular(model_files(prefix)[0])) as stored:
        saved = digest(stored.read())
        return next((number for number, entry in finished.items() if entry.model == saved), None)
    return None


def _shared(data: Mapping[str, np.ndarray]) -> dict[str, SharedArray]:
    """Arrays for worker processes; train and test set may be one array, which is shared once."""
    shared = {id(part): SharedArray(part) for part in data.values()}
    return {name: shared[id(part)] for name, part in data.items()}


def _workers(trials: int, pairs: int) -> int:
    """How many processes make a search fastest; one where a GPU does the work.

    A core of its own for each trial is worth more than all cores for one trial, but workers have to start first.
    """
    # Windows cannot map a file that is open elsewhere, which is how workers share the data.
    if os.name == "nt" or training.on_gpu() or trials * (_SECONDS_A_TRIAL + pairs / _PAIRS_A_SECOND) < _WORTH_WORKERS:
        return 1
    return min(hardware.threads(), trials, _MOST_WORKERS)


@dataclass(frozen=True)
class FineTuning:
    """A model that was fine-tuned, how it went, and the seconds that it took."""

    model: keras.Model
    fit: training.FitResult
    seconds: float


def fine_tune(
    model: keras.Model,
    batch_size: int,
    x_retrain: np.ndarray | Samples,
    pseudo_labels: np.ndarray,
    *,
    seed: int = config.SEED,
    progress: bool = True,
    log_folder: Path | None = None,
) -> FineTuning:
    """Continue the training of a model on pseudo-labelled pairs, by the rules of the first training.

    Args:
        model: compiled model; changed in place.
        batch_size: pairs a step.
        x_retrain: (pairs, 2, bands) float32 array, or samples.
        pseudo_labels: (pairs,) labels, 0 changed, 1 unchanged.
        seed: of the split and the order of the batches; that of the dropout is the model's.
        progress: show a progress bar.
        log_folder: of TensorBoard's records; None for none.

    Raises:
        InputError: if the bands do not fit the model, a class has fewer than two pairs, or the training diverges.
        OSError: if the disk does not take the records.
    """
    training.check_bands(model, x_retrain)
    started = time.perf_counter()
    rules = training_rules()
    train, validation = training.stratified_split(pseudo_labels, seed, rules.validation_share)
    callbacks = [] if log_folder is None else [tensorboard(log_folder)]
    with tqdm(total=None, desc="fine-tuning", unit="epoch", disable=not progress, dynamic_ncols=True) as bar:

        def tell(_: int, logs: Mapping[str, float]) -> None:
            bar.update()
            bar.set_postfix_str(f"val_loss {logs['val_loss']:.5f}")

        try:
            result = training.fit(
                model, x_retrain, pseudo_labels, train, validation,
                rules=rules, batch_size=batch_size, seed=seed, callbacks=[*callbacks, training.TellEpochs(tell)],
            )  # fmt: skip
        except training.TrainingDivergedError as error:
            raise InputError(f"fine-tuning diverged ({error}); the model's learning rate is too high") from error
    return FineTuning(model, result, time.perf_counter() - started)


def fine_tuning(
    model: keras.Model,
    batch_size: int,
    x_retrain: np.ndarray | Samples,
    pseudo_labels: np.ndarray,
    *,
    seed: int = config.SEED,
    progress: bool = True,
    log_folder: Path | None = None,
) -> tuple[keras.Model, float, float, float, int, float]:
    """`fine_tune` with the answer of the guide's function.

    Returns:
        model; loss, val_loss and val_acc of the best epoch; the number of epochs that were run; the seconds of all.
    """
    tuned = fine_tune(model, batch_size, x_retrain, pseudo_labels, seed=seed, progress=progress, log_folder=log_folder)
    fit = tuned.fit
    return model, fit.loss, fit.val_loss, fit.val_accuracy, fit.epochs, tuned.seconds
