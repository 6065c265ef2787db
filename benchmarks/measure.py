"""What the benchmarks share: timing, peak memory, the machine's speed, and one way to print a row."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Net"))


def seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """Shortest wall time of a few runs."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def peak_memory() -> float:
    """Largest resident size of this process so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def matrix_product_rate(size: int = 4096) -> float:
    """Float32 matrix-product rate of the machine, GFLOP/s."""
    matrix = np.random.default_rng(0).random((size, size), dtype=np.float32)
    return 2 * size**3 / seconds(lambda: matrix @ matrix) / 1e9


def row(work: str, plain: str, ours: str, ratio: float) -> None:
    """Print one row of the table."""
    print(f"| {work} | {plain} | {ours} | {ratio:.1f} × |", flush=True)


def header() -> None:
    print("| work | plain way | this program | ratio |\n|---|---|---|---|", flush=True)
