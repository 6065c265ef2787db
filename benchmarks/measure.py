"""What the benchmarks share: timing, peak memory, the machine's speed, processes of their own, rows of the table."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).resolve().parent
NET = FOLDER.parent / "Net"
sys.path.insert(0, str(NET))


def seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """Shortest wall time of a few runs."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def peak_memory() -> float:
    """Largest resident size of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def matrix_product_rate(size: int = 4096) -> float:
    """Float32 matrix-product rate of the machine, GFLOP/s."""
    matrix = np.random.default_rng(0).random((size, size), dtype=np.float32)
    return 2 * size**3 / seconds(lambda: matrix @ matrix) / 1e9


def apart(module: str, function: str, *arguments: Any, **environment: str) -> Any:
    """Call a function of a benchmark in a fresh process, for a peak memory or a Keras backend of its own.

    Arguments and result have to be JSON.
    """
    code = (
        f"import json, sys; sys.path.insert(0, {str(FOLDER)!r}); import measure, {module}; "
        f"print('\\n' + json.dumps({module}.{function}(*json.loads(sys.argv[1]))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(arguments)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.rstrip().rsplit("\n", 1)[-1])


def row(work: str, plain: str, ours: str, ratio: float | None = None) -> None:
    """Print one row of the table."""
    print(f"| {work} | {plain} | {ours} | {'' if ratio is None else f'{ratio:.1f} ×'} |", flush=True)


def header() -> None:
    """Name the machine and begin the table."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    print(f"{model}, {len(os.sched_getaffinity(0))} cores; ratios are against the plain way in the same run\n")
    print("| work | plain way | this program | ratio |\n|---|---|---|---|", flush=True)
