"""Loading, scaling and pairing of a large .mat scene against lists of pixel pairs."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.io import loadmat, savemat

import measure
from dataprocessing import preprocessing
from hscd import readers
from settings import DataSet

ROWS, COLUMNS, BANDS = 730, 1000, 224
# The plain way runs on a part of the rows and is scaled up: it is linear in the pixels.
PLAIN_ROWS = 73


def write(folder: str) -> None:
    rng = np.random.default_rng(0)
    for name in ("before", "after"):
        image = np.empty((ROWS, COLUMNS, BANDS), dtype=np.float32)
        for line in image:
            line[:] = rng.random((COLUMNS, BANDS), dtype=np.float32)
        savemat(Path(folder) / f"{name}.mat", {"cube": image})
    savemat(Path(folder) / "label.mat", {"cube": rng.integers(0, 3, (ROWS, COLUMNS)).astype(np.uint8)})


def plain(folder: str) -> float:
    """Seconds for a tenth of the rows: min-max by band, then a Python list of pixel pairs and labels."""
    before, after, labels = (
        loadmat(Path(folder) / f"{name}.mat")["cube"][:PLAIN_ROWS] for name in ("before", "after", "label")
    )
    started = time.perf_counter()
    low, high = np.minimum(before.min((0, 1)), after.min((0, 1))), np.maximum(before.max((0, 1)), after.max((0, 1)))
    pairs, flat = [], []
    for row in range(PLAIN_ROWS):
        for column in range(COLUMNS):
            first = (before[row, column] - low) / (high - low)
            second = (after[row, column] - low) / (high - low)
            pairs.append([first, second])
            flat.append({1: 0, 2: 1, 0: 2}[int(labels[row, column])])
    np.array(pairs, dtype=np.float32)
    return time.perf_counter() - started


def ours(folder: str) -> list[float]:
    """Seconds to read, seconds to scale and pair, peak memory as a multiple of the pair array."""
    path = Path(folder)
    readers.read_label_map(path / "label.mat", "cube")  # imports what it needs
    idle = measure.peak_memory()
    started = time.perf_counter()
    before, after = (readers.read_image(path / f"{name}.mat", "cube") for name in ("before", "after"))
    labels = readers.read_label_map(path / "label.mat", "cube")
    read = time.perf_counter() - started
    section = DataSet("bench", *[Path()] * 4, None, (1,), (2,), (0,))
    started = time.perf_counter()
    pairs, _ = preprocessing([before], [after], [labels], section, keep_unlabeled=True, apply_rescaling=True)
    return [read, time.perf_counter() - started, (measure.peak_memory() - idle) / pairs.nbytes]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        measure.apart("preprocessing", "write", folder)
        slow = ROWS / PLAIN_ROWS * measure.apart("preprocessing", "plain", folder)
        read, fast, memory = measure.apart("preprocessing", "ours", folder)
    measure.row(
        f"scaling and pairing, {ROWS * COLUMNS:,} pixels × {BANDS} bands of .mat files",
        f"{slow:.0f} s",
        f"{fast:.1f} s, after {read:.1f} s of reading; peak memory {memory:.2f} × the pair array",
        slow / fast,
    )
