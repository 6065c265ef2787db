"""A search of eight trials against the plain way, one after the other; and what a hundred trials leave in memory."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import measure
import plain as plain_way

PAIRS, BANDS, TRIALS = 40_000, 224, 8
# The choices of the eight trials, for both ways.
CHOICES = [
    {"layer": 160 + 32 * (trial % 3), "layer_1": 128, "layer_2": 96, "batch_size": (64, 128, 256)[trial % 3],
     "lr": 0.0005 * (1 + trial), "dropout_rate": 0.05 * trial, "dropout_rate_1": 0.1}
    for trial in range(TRIALS)
]  # fmt: skip


def data(pairs: int = PAIRS, bands: int = BANDS) -> tuple[np.ndarray, np.ndarray]:
    """Pixel pairs of a few noisy spectra, a third of them changed."""
    from hscd.system.arrays import aligned_empty

    rng = np.random.default_rng(0)
    spectra = rng.random((6, bands), dtype=np.float32)
    cover = rng.integers(0, 6, pairs)
    labels = (rng.random(pairs) > 1 / 3).astype(np.uint8)
    after = np.where(labels == 1, cover, (cover + rng.integers(1, 6, pairs)) % 6)
    both = aligned_empty((pairs, 2, bands))
    for date, classes in enumerate((cover, after)):
        both[:, date] = spectra[classes] + rng.normal(0, 0.25, (pairs, bands))
    return both, labels


def plain() -> list[float]:
    """Seconds of the whole, seconds of the fits, and epochs: two-input `fit` with early stopping, trial after trial."""
    import keras
    from sklearn.model_selection import train_test_split

    pairs, labels = data()
    started, fitting, epochs = time.perf_counter(), 0.0, 0
    train, validation = train_test_split(np.arange(PAIRS), test_size=0.2, stratify=labels, random_state=0)
    targets = labels.astype(np.float32)
    for choice in CHOICES:
        keras.backend.clear_session()
        model = plain_way.model(BANDS, choice)
        stopping = keras.callbacks.EarlyStopping(min_delta=1e-4, patience=10, restore_best_weights=True)
        fit_started = time.perf_counter()
        history = model.fit(
            plain_way.halves(pairs[train]), targets[train], batch_size=choice["batch_size"], epochs=150,
            validation_data=(plain_way.halves(pairs[validation]), targets[validation]), callbacks=[stopping], verbose=0,
        )  # fmt: skip
        fitting += time.perf_counter() - fit_started
        epochs += len(history.history["loss"])
        for judged in (validation, slice(None)):
            model.predict(plain_way.halves(pairs[judged]), verbose=0)
    return [time.perf_counter() - started, fitting, epochs]


def ours(workers: int) -> list[float]:
    """Seconds of the whole, start of the workers included, and epochs of the program's own search."""
    import siamese
    from hscd.heads.euclidean import euclidean_dist
    from settings import SearchSettings

    pairs, labels = data()
    # As wide as the plain one: the sizes of the layers are those that CHOICES has.
    choices = SearchSettings([64, 128, 256], TRIALS, layers([160, 192, 224], [128], [96]))
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        trials = siamese.hyperparam_search(
            pairs, labels, pairs, labels, euclidean_dist, "M", choices,
            model_path=Path(folder), stat_path=Path(folder), workers=workers,
        )  # fmt: skip
    return [time.perf_counter() - started, sum(trial.report["epochs"] for trial in trials)]


def layers(*sizes: list[int]) -> dict[str, Any]:
    """The options of a dense network of three layers of these sizes to choose from."""
    names = ("neurons", "neurons_1", "neurons_2")
    return dict(zip(names, sizes, strict=True)) | {"max_dropout": 0.4, "fourth_layer": False}


def growth_of_memory(trials: int) -> list[float]:
    """Resident memory in bytes after each trial of a search in this process."""
    import config
    import siamese
    from hscd.heads.euclidean import euclidean_dist
    from settings import SearchSettings

    config.MAX_EPOCHS = 2
    pairs, labels = data(5000, 100)
    choices = SearchSettings([64, 128], trials, layers([64, 96], [48], [32]))
    resident: list[float] = []
    judge = siamese.judge

    def judge_and_note(*arguments: object) -> object:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        resident.append(pages * 4096)
        return judge(*arguments)

    siamese.judge = judge_and_note
    with tempfile.TemporaryDirectory() as folder:
        siamese.hyperparam_search(
            pairs, labels, pairs, labels, euclidean_dist, "M", choices,
            model_path=Path(folder), stat_path=Path(folder), workers=1,
        )  # fmt: skip
    return resident[::2]


def main() -> None:
    slow, _, slow_epochs = measure.apart("search", "plain")
    for workers in (1, 2):
        fast, epochs = measure.apart("search", "ours", workers)
        measure.row(
            f"search of {TRIALS} trials, {PAIRS:,} pairs × {BANDS} bands, {workers} process{'es' * (workers > 1)}",
            f"{slow:.0f} s, {slow_epochs} epochs",
            f"{fast:.0f} s, {epochs:.0f} epochs; an epoch {slow / slow_epochs * epochs / fast:.1f} × faster",
            slow / fast,
        )
    resident = [size / 1e6 for size in measure.apart("search", "growth_of_memory", 100)]
    measure.row(
        "memory of a search of 100 trials, one process",
        "",
        f"{resident[20]:.0f} MB after 20 trials, {resident[60]:.0f} after 60, {resident[-1]:.0f} after all",
    )
