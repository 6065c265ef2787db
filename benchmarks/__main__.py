"""All benchmarks in one table, or those named: `python benchmarks [startup windows distances …]`."""

from __future__ import annotations

import importlib
import sys

import measure

# Beside them, by name (minutes on two cores):
#   accuracy      all detectors and thresholds without labels (30)
#   classes       learned classes of change told on another place (5)
#   corrections   what corrections keep (10)
#   correction_network  whether a network that corrects embeddings helps a classifier (30)
#   detection     detect.py against plain NumPy (1)
#   domain_shift  kappa of transfers against the distance of the places (15)
#   fine_tuning   keys of fine-tuning (30)
#   guides        reading for corrections that images guide (2)
#   kinds         kinds of change told apart without labels (5)
#   large         scenes larger than memory; writes 20 GB (60)
#   learning      losses, pre-training and fine-tuning together, against the label-free map (60)
#   losses        over one architecture (6)
#   nulls         what is marked where nothing changed (10)
#   patch         networks of patches beside the dense one (90)
#   pretraining   pre-trainings, and widths of codes (30)
#   recipe        the prototype's figures by compare.py (30)
#   registration  misregistered images (10)
#   sampling      intervals of the area of change (2)
#   scale         clusters against one machine; needs `make scale` (10)
#   sources       what a model gains from whose pseudo-labels (10)
#   transfer      accuracies over seeds (15)
#   uncertainty   ensembles (30)
#   unlabelled    what is recommended without labels (10)
#   validation    how much random pixels flatter (10)
BENCHMARKS = ("startup", "windows", "distances", "preprocessing", "training", "search", "pipeline", "growth", "gis")


def main() -> None:
    measure.header()
    for name in sys.argv[1:] or BENCHMARKS:
        importlib.import_module(name).main()


if __name__ == "__main__":
    main()
