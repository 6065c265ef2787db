"""Stage: build, search, train, fine-tune and apply the Siamese network."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from configparser import SectionProxy
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

import config
from hscd import branches
from hscd.evaluation.confusion import Confusion, confusion
from hscd.heads import by_function
from hscd.heads.euclidean import euclidean_dist
from hscd.heads.spectral_angle import SAM
from hscd.learn import training
from hscd.learn.embedding_log import EmbeddingLog
from hscd.learn.regime import Regime
from hscd.learn.samples import Pairs
from hscd.learn.training import predict
from hscd.learn.transfer import LIKE_THE_FIRST, Transfer, continued, train_further
from hscd.models.saved import (
    load_model,
    named_weights,
    read_parameters,
    read_weights,
    require_trainable,
    save_model,
)
from hscd.networks.siamese import build_net, reach
from hscd.records import Trial
from hscd.scenes.patches import Patches
from hscd.scores import classify
from hscd.search import engines, session
from hscd.search.trials import AT_RANDOM, Start, Trials
from hscd.system import messages
from hscd.system.backend import keras, tensorboard
from hscd.system.errors import InputError
from hscd.system.progress import EPOCHS, TrainingsLeft
from hscd.thresholds.otsu import otsu
from settings import SearchSettings, search_of

__all__ = [
    "SAM",
    "Start",
    "build_net",
    "euclidean_dist",
    "fine_tune",
    "fine_tuning",
    "hyperparam_search",
    "load_model",
    "named_weights",
    "predict",
    "read_parameters",
    "save_model",
    "siamese_model",
]


def siamese_model(
    train_set: np.ndarray,
    train_labels: np.ndarray,
    test_set: np.ndarray,
    test_labels: np.ndarray,
    score_function: Callable[[Any, Any], Any],
) -> dict[str, Any]:
    """One trial of the search: build, train and test a network of chosen parameters.

    This is a Hyperas template: the expressions in double braces become the search space, and `search`, a `Handover` of
    `hscd.search.trials`, and Hyperopt's `STATUS_OK` are put among its globals. A parameter that the branch lacks is
    None, and those that it has beside them are in `search.further`.

    Args:
        train_set: (pixels, 2, bands) float32 pixel pairs; a part of them is held out for validation.
        train_labels: (pixels,) labels, 0 changed, 1 unchanged.
        test_set: pixel pairs of the test set.
        test_labels: their labels.
        score_function: distance that heads the network.

    Returns:
        Hyperopt result: `loss` (the validation loss, minimised), `status`, `model` (parameters, weights by name, and
        those of the pre-training alone, None without one) and what goes into the report.
    """
    dropout_rate = {{uniform(0, search.max_dropout)}}  # type: ignore  # noqa: F821
    dropout_rate_1 = {{uniform(0, search.max_dropout)}}  # type: ignore  # noqa: F821
    lr = {{uniform(1e-4, 1e-2)}}  # type: ignore  # noqa: F821
    layer = {{choice(search.neurons)}}  # type: ignore  # noqa: F821
    layer_1 = {{choice(search.neurons_1)}}  # type: ignore  # noqa: F821
    layer_2 = {{choice(search.neurons_2)}}  # type: ignore  # noqa: F821
    batch_size = {{choice(search.batch_size)}}  # type: ignore  # noqa: F821
    parameters = {
        "dropout_rate": dropout_rate, "dropout_rate_1": dropout_rate_1, "lr": lr,
        "layer": layer, "layer_1": layer_1, "layer_2": layer_2, "score_function": score_function,
        "margin": search.margin, "fourth_layer": search.fourth_layer,  # type: ignore  # noqa: F821
        "batch_size": batch_size, **search.further,  # type: ignore  # noqa: F821
    }  # fmt: skip
    rules, seed = search.rules, search.seed  # type: ignore  # noqa: F821
    keras.backend.clear_session()
    # Every trial starts from the seed of the search, whatever ran before it.
    model = build_net(train_set.shape[2:], parameters, seed=seed)
    pretrained, encoder = search.pretrain(model, parameters)  # type: ignore  # noqa: F821
    train, validation = search.split(train_labels)  # type: ignore  # noqa: F821
    best = training.fit(
        model, train_set, train_labels, train, validation, rules=rules, seed=seed, regime=Regime.of(parameters),
        batch_size=batch_size, callbacks=search.callbacks(),  # type: ignore  # noqa: F821
    )  # fmt: skip
    return {
        "loss": best.val_loss,
        "status": STATUS_OK,  # type: ignore  # noqa: F821
        "model": ({**parameters, **model.loss.learned}, named_weights(model), encoder),
        "epochs": best.epochs,
        "best_epoch": best.best_epoch,
        "stopped": best.reason,
        "train_loss": best.loss,
        "curve": [list(losses) for losses in best.curve],
        "test": judge(model, test_set, test_labels),
        "val": judge(model, train_set[validation], train_labels[validation]),
        **pretrained,
    }


def training_rules() -> training.Rules:
    """The rules of every training, as the constants of `config` have them now."""
    return training.Rules(config.MAX_EPOCHS, config.MIN_DELTA, config.PATIENCE, config.VALIDATION_SPLIT)


def judge(model: keras.Model, pairs: np.ndarray | Patches, labels: np.ndarray) -> tuple[Confusion, float]:
    """Confusion counts of a model on labelled pairs, and the Otsu threshold they were made with."""
    distances = predict(model, pairs)
    threshold = otsu(distances)
    return confusion(classify(distances, threshold), labels), threshold


def hyperparam_search(
    train_set: np.ndarray | Patches,
    train_labels: np.ndarray,
    test_set: np.ndarray | Patches,
    test_labels: np.ndarray,
    distance_function: Callable[[Any, Any], Any],
    name: str,
    hyperas_sett: SearchSettings | SectionProxy | None = None,
    *,
    hyperas_search: SearchSettings | SectionProxy | None = None,
    model_path: Path = config.MODEL_PATH,
    stat_path: Path = config.STAT_PATH,
    seed: int = config.SEED,
    workers: int | None = None,
    rescaled: bool | None = None,
    trained_on: Sequence[str] = (),
    fixed: Mapping[str, Any] | None = None,
    margin: float | None = None,
    engine: str = engines.DEFAULT,
    engine_options: Mapping[str, Any] | None = None,
    held_out: np.ndarray | None = None,
    start: Start = AT_RANDOM,
    log_embeddings: bool = False,
) -> list[Trial]:
    """Search for the network of the lowest validation loss; save it when found, and the report of all trials last.

    Args:
        train_set: (pixels, 2, bands) float32 pixel pairs to learn from, or `hscd.scenes.patches.Patches`.
        train_labels: (pixels,) labels, 0 changed, 1 unchanged.
        test_set, test_labels: pixel pairs each trial is tested on, for the report only, and their labels.
        distance_function, margin: distance that heads the network; that of the loss, None for `config.MARGINS`.
        name: of the model.
        hyperas_sett, hyperas_search: choices of the search, by one of the two names: a section of settings or a parser.
        model_path, stat_path: folders of the saved model; of the report and, under `logs`, of TensorBoard's records.
        seed, workers: of choices, split and training; processes that run trials, None for what is faster here.
        rescaled: whether the bands are rescaled, which the saved model tells; None where that is not known.
        trained_on: `hscd.scenes.fingerprint` of the pairs that `train_set` is of, which the saved model tells.
        fixed: parameters that are not searched for and that `siamese_model` does not name (`Trials.fixed`).
        engine, engine_options: what runs the trials, of `hscd.search.engines`, and its options by name.
        held_out: (pixels,) boolean, those of `train_set` to validate on; None for a random part of each class.
        start: what networks start from, before they learn from `train_set`.
        log_embeddings: whether TensorBoard's records have the embeddings of some pairs after each epoch.

    Returns:
        The trials. A search that was interrupted goes on where it stopped (`hscd.search.record`).

    Raises:
        TypeError: if the choices of the search are not given once.
        InputError: if a choice or a class is missing, every trial failed, another process searches for this model, or
            the saved model to start from cannot be read or is of another number of bands.
    """
    chosen = _choices(hyperas_sett, hyperas_search, (fixed or {}).get("network", branches.DEFAULT))
    training.check_classes(train_labels)
    sets, rest = (train_set, train_labels, test_set, test_labels), (margin, fixed, held_out, start, log_embeddings)
    trials = _trials(sets, distance_function, chosen.choices, seed, stat_path / "logs" / name, *rest)
    run_trials, of_engine = engines.chosen(engine, engine_options or {})
    return session.run(
        trials, trials.depends_on | of_engine, chosen.max_evals, model_path / name, stat_path / f"{name}_stats.csv",
        run_trials, workers=workers, rescaled=rescaled, trained_on=trained_on, seen_before=start.seen,
    )  # fmt: skip


def _trials(
    sets: Sequence[np.ndarray | Patches],
    distance: Callable[[Any, Any], Any],
    choices: Mapping[str, Any],
    seed: int,
    logs: Path,
    margin: float | None,
    fixed: Mapping[str, Any] | None,
    held_out: np.ndarray | None,
    start: Start,
    log_embeddings: bool,
) -> Trials:
    """What the trials of a search share, by the constants of `config` as they are now."""
    data = dict(zip(("train_set", "train_labels", "test_set", "test_labels"), sets, strict=True))
    saved = None
    if start.saved is not None:
        saved = branches.branch_of(fixed or {}).carried_over(
            read_weights(start.saved, data["train_set"].shape[-1]), read_parameters(start.saved), choices
        )
    data |= {} if start.unlabelled is None else {"unlabelled": start.unlabelled}
    log_folder = logs / f"{datetime.now():%Y%m%d-%H%M%S}"
    if margin is None:
        margin = config.MARGINS[by_function(distance).name]
    rest = training_rules(), margin, dict(fixed or {}), held_out, saved, log_embeddings
    return Trials(siamese_model, data, distance, choices, seed, log_folder, *rest)


def _choices(
    sett: SearchSettings | SectionProxy | None, search: SearchSettings | SectionProxy | None, network: str
) -> SearchSettings:
    """The checked choices of a search for a branch network, that are given by one of two names; else a TypeError."""
    given = [section for section in (sett, search) if section is not None]
    if len(given) != 1:
        raise TypeError("expected the choices of the search once, as hyperas_sett or as hyperas_search")
    return search_of(given[0], network)


@dataclasses.dataclass(frozen=True)
class FineTuning:
    """A model that was fine-tuned, how its last phase went, and the seconds and the epochs that all took."""

    model: keras.Model
    fit: training.FitResult
    seconds: float
    epochs: int


def fine_tune(
    model: keras.Model,
    batch_size: int,
    x_retrain: Pairs,
    pseudo_labels: np.ndarray,
    *,
    seed: int = config.SEED,
    log_folder: Path | None = None,
    log_embeddings: bool = False,
    how: Transfer = LIKE_THE_FIRST,
) -> FineTuning:
    """Continue the training of a model on pseudo-labelled pairs, by the rules of the first training.

    Args:
        model: compiled model; its weights are changed in place.
        batch_size: pairs a step.
        x_retrain: (pairs, 2, bands) float32 array, or patches, or samples.
        pseudo_labels: (pairs,) labels, 0 changed, 1 unchanged.
        seed: of the split and the order of the batches; that of the dropout is the model's.
        log_folder: of TensorBoard's records; None for none.
        log_embeddings: whether those have the embeddings of some pairs after each epoch.
        how: what is trained, at which rate and under which head; with another head the model is another one too.

    Raises:
        InputError: if the bands do not fit the model, a class has fewer than two pairs, the model's file lacks what a
            training needs, no layer is left to train, the training diverges, or there are no patches to be turned.
        OSError: if the disk does not take the records.
    """
    require_trainable(model)
    training.check_bands(model, x_retrain)
    if how.regime.augment_flips and not reach(model):
        raise InputError("augment_flips: has no effect on a model that sees single pixels; expected one of patches")
    started = time.perf_counter()
    model = continued(model, how.objective)
    callbacks = [] if log_folder is None else [tensorboard(log_folder)]
    if log_folder is not None and log_embeddings:
        callbacks.append(EmbeddingLog(log_folder / "train", x_retrain, pseudo_labels, seed))
    left = TrainingsLeft(1, len(x_retrain))
    with messages.progress(desc="fine-tuning", unit=str(left), bar_format=EPOCHS) as bar:

        def tell(_: int, logs: Mapping[str, float]) -> None:
            left.epoch(1, bar.n + 1)
            bar.unit = str(left)
            bar.set_postfix_str(f"val_loss {logs['val_loss']:.5f}", refresh=False)
            bar.update()

        try:
            phases = train_further(
                model, x_retrain, pseudo_labels, how,
                rules=training_rules(), batch_size=batch_size, seed=seed,
                callbacks=[*callbacks, training.TellEpochs(tell)],
            )  # fmt: skip
        except training.TrainingDivergedError as error:
            raise InputError(f"fine-tuning diverged ({error}); its learning rate is too high") from error
    seconds = time.perf_counter() - started
    return FineTuning(model, phases[-1], seconds, sum(fit.epochs for fit in phases))


def fine_tuning(
    model: keras.Model,
    batch_size: int,
    x_retrain: Pairs,
    pseudo_labels: np.ndarray,
    *,
    seed: int = config.SEED,
    log_folder: Path | None = None,
) -> tuple[keras.Model, float, float, float, int, float]:
    """`fine_tune` with the answer of the guide's function.

    Returns:
        model; loss, val_loss and val_acc of the best epoch; the number of epochs that were run; the seconds of all.
    """
    tuned = fine_tune(model, batch_size, x_retrain, pseudo_labels, seed=seed, log_folder=log_folder)
    fit = tuned.fit
    return model, fit.loss, fit.val_loss, fit.val_accuracy, fit.epochs, tuned.seconds
