"""All benchmarks in one table, or those named: `python benchmarks [startup windows distances …]`."""

from __future__ import annotations

import importlib
import sys

import measure

# Beside them: large, which writes 20 GB, transfer, accuracies over seeds (a quarter of an hour), sources, what a model
# gains from whose pseudo-labels (ten minutes), unlabelled, what is recommended without labels (ten minutes), accuracy,
# of all detectors and thresholds (half an hour), sampling, of intervals of the area of change (two minutes), kinds,
# how well kinds of change are told apart (five minutes), validation, how much random pixels flatter (ten minutes),
# classes, how well learned ones are told (five minutes), uncertainty, of ensembles (half an hour), losses, over one
# architecture (six minutes), corrections (ten minutes), and recipe, the prototype's figures by compare.py (half an
# hour).
BENCHMARKS = ("startup", "windows", "distances", "preprocessing", "training", "search", "pipeline", "growth", "gis")


def main() -> None:
    measure.header()
    for name in sys.argv[1:] or BENCHMARKS:
        importlib.import_module(name).main()


if __name__ == "__main__":
    main()
