"""Pairing and scaling of a large scene: time, and peak memory beyond the images that are read."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

import measure
from config import DataSet
from dataprocessing import preprocessing

ROWS, COLUMNS, BANDS = 700, 1000, 224


def main() -> None:
    rng = np.random.default_rng(0)
    images = [np.empty((ROWS, COLUMNS, BANDS), dtype=np.float32) for _ in range(2)]
    for image in images:
        for line in image:
            line[:] = rng.random((COLUMNS, BANDS), dtype=np.float32)
    labels = rng.integers(0, 3, (ROWS, COLUMNS)).astype(np.uint8)
    section = DataSet("bench", *[Path()] * 4, None, 1, 2, 0)
    before = measure.peak_memory()
    started = time.perf_counter()
    pairs, _ = preprocessing(images[:1], images[1:], [labels], section, keep_unlabeled=True, apply_rescaling=True)
    seconds = time.perf_counter() - started
    added = measure.peak_memory() - before
    print(
        f"pairing and scaling of {ROWS * COLUMNS:,} pixels x {BANDS} bands: {seconds:.1f} s; "
        f"peak memory beyond the images {added:.2f} GB, the pair array has {pairs.nbytes / 1e9:.2f} GB "
        f"({added * 1e9 / pairs.nbytes:.2f} x)"
    )


if __name__ == "__main__":
    main()
