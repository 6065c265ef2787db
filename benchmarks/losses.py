"""Losses over one architecture, trained on the demo's place A and tested on place B: `python benchmarks losses`.

Layers, rates and batch size are the same for all, and every loss has its default options: a search may find others for
each of them. `python benchmarks/losses.py --seeds 1 --epochs 3` runs a part.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import measure
from hscd.heads import HEADS
from hscd.losses import LOSSES
from settings import read_settings

NETWORK = {
    "layer": 224, "layer_1": 128, "layer_2": 64, "dropout_rate": 0.2, "dropout_rate_1": 0.2, "fourth_layer": False,
    "lr": 1e-3, "batch_size": 128,
}  # fmt: skip
SEEDS, EPOCHS = 3, 8
CHOICES: list[tuple[str, dict[str, Any]]] = [
    (name, more) for name in LOSSES for more in ([{}, {"triplet_negatives": "spectra"}] if name == "triplet" else [{}])
]


def measured(loss: dict[str, Any], head: str, learned: Any, judged: Any, seed: int, epochs: int) -> tuple[float, float]:
    """Kappa by Otsu's threshold, and area under the ROC curve, on the pixels judged."""
    import siamese
    from hscd.evaluation.curves import curves
    from hscd.learn import training
    from hscd.networks.siamese import build_net

    chosen = NETWORK | loss | {"score_function": head, "margin": HEADS[head].margin}
    model = build_net(learned.pairs.shape[2:], chosen, seed=seed)
    rules = replace(siamese.training_rules(), max_epochs=epochs)
    parts = training.stratified_split(learned.labels, seed, rules.validation_share)
    training.fit(model, *learned[:2], *parts, rules=rules, batch_size=NETWORK["batch_size"], seed=seed)
    counts, _ = siamese.judge(model, *judged[:2])
    found = curves(training.predict(model, judged.pairs), judged.labels)
    assert found is not None
    return counts.kappa, found.auroc


def main(arguments: Sequence[str] = ()) -> None:
    import dataprocessing

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--heads", default=",".join(HEADS))
    options = parser.parse_args(arguments)
    settings = read_settings(measure.NET / "net.conf", ["settings.apply_rescaling=True"])
    learned, judged = (dataprocessing.labelled_pixels(name, settings) for name in ("DEMO A", "DEMO B"))
    found: defaultdict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for head in options.heads.split(","):
        for name, more in CHOICES:
            title = ", ".join([name, *(f"{key} = {value}" for key, value in more.items())])
            for seed in range(options.seeds):
                figures = measured({"loss": name} | more, head, learned, judged, seed, options.epochs)
                found[title, head].append(figures)
                print(f"{title}, {head}, seed {seed}: {figures}", file=sys.stderr, flush=True)
    print(f"\n| loss, {options.seeds} seeds, {options.epochs} epochs | distance | kappa | area under the ROC curve |")
    print("|---|---|---|---|")
    for (title, head), rows in found.items():
        cells = (f"{np.mean(values):.3f} ± {np.std(values):.3f}" for values in zip(*rows, strict=True))
        print(f"| {title} | {head} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main(sys.argv[1:])
