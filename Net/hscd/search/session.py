"""A search from its record to its report: it goes on where it was interrupted, and keeps the best model saved."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hscd.models import weights
from hscd.models.saved import model_files, pretrained, save_model
from hscd.records import Trial
from hscd.reports import tables
from hscd.scenes.domain_shift import statistics
from hscd.scenes.patches import Patches
from hscd.search.engines import Engine, Task, best_trial
from hscd.search.record import Finished, SearchRecord, digest, file_of
from hscd.search.trials import Trials
from hscd.system import messages, storage
from hscd.system.errors import InputError
from hscd.system.paths import require_regular
from hscd.system.progress import TRAININGS, TrainingsLeft

# By name, in the order in which they are saved.
_Weights = Mapping[str, np.ndarray]


def run(
    search: Trials,
    depends_on: Mapping[str, Any],
    max_evals: int,
    prefix: Path,
    report: Path,
    engine: Engine,
    *,
    workers: int | None = None,
    rescaled: bool | None = None,
    trained_on: Sequence[str] = (),
    seen_before: Sequence[str] = (),
) -> list[Trial]:
    """Run a search, or the rest of one that was interrupted.

    Args:
        search: its trials; `data` holds arrays, among them "train_set".
        depends_on: all that the result depends on, by name; plain values (`hscd.search.record`).
        max_evals: number of trials.
        prefix: common prefix of the files of the model, which is saved whenever a better one is found.
        report: CSV file of all trials, written last.
        engine: runs the trials.
        workers: trials that run at a time, 1 for those of this process alone; None for what is faster here.
        rescaled: whether the bands are rescaled, which the saved model tells; None where that is not known.
        trained_on: fingerprints of the pairs that the trials learn from, which the saved model tells.
        seen_before: those of the pairs that the model which the trials start from was trained on.

    Returns:
        The trials.

    Raises:
        InputError: if every trial failed, or another process is searching for this model.
    """
    name = prefix.name
    save = _saver(search, prefix, rescaled, trained_on, seen_before)
    earlier = model_files(pretrained(prefix))[0]
    if search.data.get("unlabelled") is None and earlier.exists():
        messages.warn(f"{earlier}: is of an earlier training, with a pre-training, and stays as it is")
    with storage.exclusive(prefix):
        record = SearchRecord(file_of(prefix), depends_on, max_evals)
        _tell(record, max_evals)
        record.workers = workers or record.workers or engine.worker_count(max_evals, search.pairs)
        try:
            trials = _run_trials(search, record, max_evals, _saved_trial(record, prefix), save, engine)
        except KeyboardInterrupt:
            after = "run the same command again to resume" if record.finished else "the next run starts a new search"
            messages.tell(f"{name}: {len(record.finished)} of {max_evals} trials are recorded; {after}")
            raise
        except InputError:  # all trials failed: whatever the cause was, the next search should try again
            record.remove()
            raise
        told = [name for name in search.own if name not in search.branch.untold]
        rows = tables.trial_rows(trials, best_trial(trials).trial_id, further=told)
        storage.write_csv(report, rows)
        record.remove()
    return trials


def _saver(
    search: Trials, prefix: Path, rescaled: bool | None, trained_on: Sequence[str], seen_before: Sequence[str]
) -> Callable[..., None]:
    """What saves what a trial gave, and before that its branch as it was pre-trained, without labels of this search."""
    save = partial(save_model, rescaled=rescaled, bands=search.bands)
    learned, unlabelled = search.data["train_set"], search.data.get("unlabelled")
    spectra = statistics(learned.spectra if isinstance(learned, Patches) else learned)
    of_pretraining = None if unlabelled is None else statistics(unlabelled)

    def save_both(parameters: dict[str, Any], named: _Weights, encoder: _Weights | None) -> None:
        if encoder is not None:
            save(pretrained(prefix), parameters, encoder, trained_on=seen_before, spectra=of_pretraining)
        save(prefix, parameters, named, trained_on=[*trained_on, *seen_before], spectra=spectra)

    return save_both


def _tell(record: SearchRecord, max_evals: int) -> None:
    """Say what became of the record that was found."""
    if record.discarded:
        what = f"resuming the search of {record.found.name}" if record.found else "starting a new search"
        messages.warn(f"{record.kept}: this search record {record.discarded}; {what}")
    if record.finished:
        messages.tell(
            f"resuming a search that was interrupted: {len(record.finished)} of {max_evals} trials are done; to start "
            f"anew, remove {record.path}"
        )


def _run_trials(
    search: Trials, record: SearchRecord, max_evals: int, saved: int | None, save: Callable[..., None], engine: Engine
) -> list[Trial]:
    """Run the trials that are not recorded yet; record each, and save its model where it is the best of those at hand.

    A recorded trial that is the best, but whose model is not the saved one, is repeated. Should it come out worse than
    it was recorded, so may be the next best, until the saved model is that of the best trial.

    Args:
        search: the trials.
        record: where they are recorded.
        max_evals: number of trials.
        saved: number of the trial whose model is the saved one; None if there is none.
        save: saves a model, from parameters, weights by name, and those of its pre-training (None without one).
        engine: runs them.
    """
    finished = dict(record.finished)
    left = TrainingsLeft(max_evals - len(finished), search.pairs, record.workers or 1)
    messages.detail(f"search: {max_evals - len(record.finished)} trials to run")
    with messages.progress(total=max_evals, desc="search", unit=str(left), bar_format=TRAININGS) as bar:
        on_epoch = partial(_show_epoch, bar, left)

        def on_trial(ended: Finished, trained: tuple[dict[str, Any], _Weights, _Weights | None] | None) -> None:
            nonlocal saved
            trial = ended.trial
            to_save = None
            messages.detail(f"trial {trial.trial_id}: {trial.status} after {trial.seconds:.1f} s")
            if trained is None:
                messages.warn(f"trial {trial.trial_id} failed: {trial.error}")
            elif saved is None or _best([ended, finished[saved]]) is trial:
                to_save, ended = trained, dataclasses.replace(ended, model=digest(list(trained[1].values())))
            finished[trial.trial_id] = ended
            # Recorded first: a model that is not on the disk is noticed, a trial that is not recorded could turn out
            # otherwise on another machine.
            record.add(ended)
            if to_save is not None:
                save(*to_save)
                saved = trial.trial_id
            left.end(trial.trial_id)
            bar.unit = str(left)
            bar.update()
            describe()

        def describe() -> None:
            best = _best(finished.values())
            if best is not None:
                bar.set_description_str(f"search, best val_loss {best.report['loss']:.5f}")

        *_, space = search.translated(on_epoch)
        while True:
            best = _best(finished.values())
            if best is not None and best.trial_id != saved:
                del finished[best.trial_id]
            bar.n = len(finished)
            describe()
            rest = max_evals, search.seed, record.workers or 1, on_epoch, on_trial, finished.copy()
            trials = engine.search(Task(search, space, *rest))
            if best_trial(trials).trial_id == saved:
                return trials


def _show_epoch(bar: Any, left: TrainingsLeft, trial_id: int, epoch: int, val_loss: float) -> None:
    """Show an epoch of a trial in the bar of the search."""
    left.epoch(trial_id, epoch)
    bar.unit = str(left)
    bar.set_postfix_str(f"trial {trial_id}, epoch {epoch}, val_loss {val_loss:.5f}", refresh=False)
    bar.update(0)


def _best(finished: Iterable[Finished]) -> Trial | None:
    """The best of some trials; None if none succeeded."""
    succeeded = [entry.trial for entry in finished if not entry.trial.error]
    return best_trial(succeeded) if succeeded else None


def _saved_trial(record: SearchRecord, prefix: Path) -> int | None:
    """Number of the recorded trial whose model is the saved one; None if there is none."""
    with suppress(InputError), weights.open_file(require_regular(model_files(prefix)[0])) as stored:
        saved = digest(stored.read())
        return next((number for number, entry in record.finished.items() if entry.model == saved), None)
    return None
