"""Pre-trainings, and widths of the code, from the demo's place A to place B: `python benchmarks pretraining`.

Layers, rates and batch size are the same for all (as in `benchmarks/losses.py`), the convolutional branch has its
default options. A network is trained on all labels of place A, and on a hundred of each class, where a pre-training has
more to give. `python benchmarks/pretraining.py --seeds 1 --only 224` runs a part.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

import measure
from hscd.heads import HEADS
from hscd.labels import CHANGED, UNCHANGED
from hscd.pretraining import CONVOLUTIONAL, NONE, PRETRAININGS
from losses import EPOCHS, NETWORK, SEEDS
from settings import read_settings

CONVOLUTIONS = {"network": "convolutional", "filters": 16, "filters_1": 8, "kernel": 5, "units": 64}
CODES = (4, 16, 64, 128, 224)
# Labels of a class, where there are few; and epochs, as each has few steps.
FEW, EPOCHS_OF_FEW = 100, 60
PIXELS = 10_000


class Found(NamedTuple):
    """Kappa by Otsu's threshold, and area under the ROC curve, on the pixels judged; of the pre-training the share of
    the variance that is not reconstructed, and its seconds."""

    kappa: float
    auroc: float
    unexplained: float
    seconds: float


def measured(
    chosen: Mapping[str, Any], unlabelled: np.ndarray, learned: Any, judged: Any, seed: int, epochs: int
) -> Found:
    """Pre-train as chosen, train on labelled pixels, and judge."""
    import siamese
    from hscd.evaluation.curves import curves
    from hscd.learn import pretraining, training
    from hscd.networks.siamese import build_net

    parameters = {**NETWORK, "score_function": "ED", "margin": HEADS["ED"].margin, **chosen}
    model = build_net(unlabelled.shape[2:], parameters, seed=seed)
    started = time.perf_counter()
    told = pretraining.start(model, parameters, unlabelled, seed=seed).get("pretraining")
    seconds = time.perf_counter() - started
    rules = replace(siamese.training_rules(), max_epochs=epochs)
    parts = training.stratified_split(learned[1], seed, rules.validation_share)
    training.fit(model, *learned, *parts, rules=rules, batch_size=NETWORK["batch_size"], seed=seed)
    counts, _ = siamese.judge(model, *judged[:2])
    found = curves(training.predict(model, judged.pairs), judged.labels)
    assert found is not None
    left = np.nan if told is None else np.sum(np.square(told["error"])) / np.sum(np.square(told["deviation"]))
    return Found(counts.kappa, found.auroc, left, seconds)


def few(learned: Any, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """So many labelled pixel pairs of each class."""
    rng = np.random.default_rng(seed)
    chosen = np.concatenate(
        [rng.choice(np.flatnonzero(learned.labels == label), FEW, replace=False) for label in (CHANGED, UNCHANGED)]
    )
    return learned.pairs[chosen], learned.labels[chosen]


def choices() -> list[tuple[str, dict[str, Any]]]:
    """What is compared, by its title: every pre-training on each branch, then codes of several widths."""

    def options(name: str, **more: Any) -> dict[str, Any]:
        return {option.name: option.default for option in PRETRAININGS.options(name)} | {"pretraining": name} | more

    found = [(f"{name}, dense", options(name)) for name in PRETRAININGS if name != CONVOLUTIONAL]
    found += [(f"{name}, convolutional", options(name) | CONVOLUTIONS) for name in (NONE, CONVOLUTIONAL)]
    # An embedding that is narrower is the code: here it is as wide as a spectrum.
    wide = {"layer_2": max(CODES)}
    found += [("none, embedding of 224 units", options(NONE) | wide)]
    return found + [
        (f"autoencoder, embedding of 224 units, code of {code}", options("autoencoder", pretraining_code=code) | wide)
        for code in CODES
    ]


def main(arguments: Sequence[str] = ()) -> None:
    import dataprocessing
    from pipeline.pretraining import drawn

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--only", default="", help="a part of the titles of those to measure")
    options = parser.parse_args(arguments)
    settings = read_settings(measure.NET / "net.conf", ["settings.apply_rescaling=True"])
    learned, judged = (dataprocessing.labelled_pixels(name, settings) for name in ("DEMO A", "DEMO B"))
    scenes = dataprocessing.scenes("DEMO A", settings)
    print(
        f"| pre-training, {options.seeds} seeds, {options.epochs} epochs, {PIXELS} pixels | not reconstructed "
        f"| seconds | kappa | area under the ROC curve | kappa, {FEW} labels a class | area, {FEW} labels a class |"
    )
    print("|---|---|---|---|---|---|---|", flush=True)
    for title, chosen in (choice for choice in choices() if options.only in choice[0]):
        every, with_few = [], []
        for seed in range(options.seeds):
            unlabelled = drawn(scenes, PIXELS, seed)
            every.append(measured(chosen, unlabelled, learned[:2], judged, seed, options.epochs))
            epochs = EPOCHS_OF_FEW if options.epochs == EPOCHS else options.epochs
            with_few.append(measured(chosen, unlabelled, few(learned, seed), judged, seed, epochs))
        left, seconds = (float(np.mean([getattr(one, name) for one in every])) for name in ("unexplained", "seconds"))
        before = "– | –" if np.isnan(left) else f"{left:.2%} | {seconds:.0f}"
        cells = [
            f"{np.mean(values):.3f} ± {np.std(values):.3f}"
            for rows in (every, with_few)
            for values in ([row.kappa for row in rows], [row.auroc for row in rows])
        ]
        print(f"| {title} | {before} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
