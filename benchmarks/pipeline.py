"""The whole run on the demo's two places: pseudo-labels, a search of eight trials, fine-tuning, test and maps."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import measure
import plain as plain_way
from search import CHOICES, TRIALS
from windows import plain_correction

# Trials of the plain way, one of each batch size; the others are scaled up from them.
PLAIN_TRIALS = 3
PARTS = {"imgAPath": "before", "imgBPath": "after", "labelPath": "label", "pseudoPath": "pseudo"}


def make_demo(folder: str) -> None:
    from hscd import demo

    demo.write_demo(Path(folder))


def _pairs(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pixel by pixel, as the guide puts them together: (rows, columns, 2, bands) scaled by band, and the label map."""
    from scipy.io import loadmat

    before, after, truth = (
        loadmat(next((folder / part).glob("*.mat")))["HypeRvieW"] for part in ("before", "after", "label")
    )
    low, high = np.minimum(before.min((0, 1)), after.min((0, 1))), np.maximum(before.max((0, 1)), after.max((0, 1)))
    pairs = [
        [(before[row, column] - low) / (high - low), (after[row, column] - low) / (high - low)]
        for row in range(truth.shape[0])
        for column in range(truth.shape[1])
    ]
    return np.array(pairs, dtype=np.float32), truth


def _fit(model: Any, pairs: np.ndarray, targets: np.ndarray, batch_size: int) -> None:
    """Train with early stopping."""
    import keras
    from sklearn.model_selection import train_test_split

    train, validation = train_test_split(np.arange(len(pairs)), test_size=0.2, stratify=targets, random_state=0)
    stopping = keras.callbacks.EarlyStopping(min_delta=1e-4, patience=10, restore_best_weights=True)
    model.fit(
        plain_way.halves(pairs[train]), targets[train], batch_size=batch_size, epochs=150, verbose=0,
        validation_data=(plain_way.halves(pairs[validation]), targets[validation]), callbacks=[stopping],
    )  # fmt: skip


def plain(folder: str) -> float:
    """Seconds of the guide's way, the trials scaled up to all of them."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from skimage.filters import threshold_otsu

    started = time.perf_counter()
    pairs_b, truth_b = _pairs(Path(folder) / "demo_b")
    distances = plain_way.spectral_angle(*plain_way.halves(pairs_b)).numpy()
    changed = (distances > threshold_otsu(distances)).reshape(truth_b.shape)
    pseudo = plain_correction(changed.astype(np.uint8), 3)

    pairs_a, truth_a = _pairs(Path(folder) / "demo_a")
    known = np.flatnonzero(truth_a.ravel() != 0)
    pairs, targets = pairs_a[known], (truth_a.ravel()[known] == 2).astype(np.float32)
    best, lowest = None, np.inf
    search_started = time.perf_counter()
    for choice in CHOICES[:PLAIN_TRIALS]:
        model = plain_way.model(pairs.shape[-1], choice)
        _fit(model, pairs, targets, choice["batch_size"])
        loss = model.evaluate(plain_way.halves(pairs), targets, verbose=0)
        model.predict(plain_way.halves(pairs_b), verbose=0)  # the test of a trial
        if loss < lowest:
            best, lowest = (model, choice), loss
    not_run = (time.perf_counter() - search_started) * (TRIALS / PLAIN_TRIALS - 1)
    assert best is not None
    model, choice = best
    _fit(model, pairs_b, 1 - pseudo.ravel().astype(np.float32), choice["batch_size"])
    distances = model.predict(plain_way.halves(pairs_b), verbose=0)
    changed = (distances > threshold_otsu(distances)).reshape(truth_b.shape).astype(np.uint8)
    corrected = plain_correction(changed, 3)
    for name, picture in (("raw", changed), ("corrected", corrected), ("heat", distances.reshape(truth_b.shape))):
        plt.imsave(Path(folder) / f"{name}.png", picture)
    return time.perf_counter() - started + not_run


def ours(folder: str) -> float:
    """Seconds of the three commands that do it, start-up included."""
    arguments = [
        *("settings.train_set=DEMO A", "settings.test_set=DEMO B", "settings.distance=ED"),
        *(f"settings.{name}_path={folder}/{name}" for name in ("stat", "model")),
        *(
            f"DEMO {place}.{key}={folder}/demo_{place.lower()}/{part}"
            for place in "AB"
            for key, part in PARTS.items()
        ),
        "hyperas settings ED.batch_size=[64, 128, 256]", "hyperas settings ED.neurons=[160, 192, 224]",
        "hyperas settings ED.neurons_1=[128]", "hyperas settings ED.neurons_2=[96]",
        f"hyperas settings ED.max_evals={TRIALS}",
    ]  # fmt: skip
    started = time.perf_counter()
    for script, changes in (
        ("predutils", ["settings.train_set=DEMO B", "settings.distance=SAM"]),
        ("main", ["settings.training=True"]),
        ("main", ["settings.training=False", "settings.fine_tuning=0"]),
    ):
        options = [option for value in arguments + changes for option in ("--set", value)]
        command = [sys.executable, str(measure.NET / f"{script}.py"), *options]
        subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        measure.apart("pipeline", "make_demo", folder)
        slow = measure.apart("pipeline", "plain", folder)
        fast = ours(folder)
    measure.row(
        f"whole run on the demo: pseudo-labels, {TRIALS} trials, fine-tuning, test, maps",
        f"{slow:.0f} s, scaled up from {PLAIN_TRIALS} trials",
        f"{fast:.0f} s",
        slow / fast,
    )
