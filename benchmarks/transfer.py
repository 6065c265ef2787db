"""Accuracy of the demo over seeds and over kernels: the table of results in docs/tutorial.md (a quarter of an hour).

Every seed is run with TensorFlow's oneDNN kernels and without them, as processors with and without AVX-512 do by
default: their sums differ in the last digits, and trainings part from there on.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict

import numpy as np

from measure import NET

SEEDS = range(5)
KERNELS = ("1", "0")  # of TF_ENABLE_ONEDNN_OPTS
_LINE = re.compile(r"  (\S.*?)  +([\d.]+) / (-?[\d.]+) / ([\d.]+)   ")


def main() -> None:
    found: defaultdict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for kernels in KERNELS:
        for seed in SEEDS:
            for title, figures in _demo(seed, kernels):
                found[title].append(figures)
                print(f"oneDNN {kernels}, seed {seed}: {title}: {figures}", file=sys.stderr, flush=True)
    print(f"\n| on place B, {len(SEEDS)} seeds × {len(KERNELS)} kernels | overall accuracy | kappa | F1 |")
    print("|---|---|---|---|")
    for title, figures in found.items():
        cells = (
            f"{np.mean(values):.3f} ({min(values):.3f} … {max(values):.3f})" for values in zip(*figures, strict=True)
        )
        print(f"| {title} | {' | '.join(cells)} |")


def _demo(seed: int, kernels: str) -> list[tuple[str, tuple[float, float, float]]]:
    """Title and figures (overall accuracy, kappa, F1, before correction) of each map of a run of the demo."""
    with tempfile.TemporaryDirectory() as folder:
        places = {
            "settings.seed": seed,
            "settings.model_path": f"{folder}/model",
            "settings.stat_path": f"{folder}/stat",
        }
        places["DEMO B.pseudoPath"] = f"{folder}/pseudo"
        overrides = [word for key, value in places.items() for word in ("--set", f"{key}={value}")]
        done = subprocess.run(
            [sys.executable, str(NET / "run_demo.py"), *overrides], capture_output=True, text=True, check=True,
            env=os.environ | {"TF_ENABLE_ONEDNN_OPTS": kernels},
        )  # fmt: skip
    rows = [match for line in done.stdout.splitlines() if (match := _LINE.match(line))]
    return [(row[1], (float(row[2]), float(row[3]), float(row[4]))) for row in rows]
