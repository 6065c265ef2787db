"""How much a validation on random pixels flatters, on scenes of which a part is held out far away (ten minutes).

`python benchmarks validation` trains one network on the train part of each scene, once validated on a random fifth of
it and once on a fifth in blocks, as `validation` has it, and judges it on its validation pixels, on the test part and,
where there is one, on another place. It writes res/validation.md. To run a part, which writes nothing:

    python benchmarks/validation.py --scenes demo_a --seeds 1
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

import measure
import scenes
from hscd.evaluation.blocks import block_side, drawn_parts
from hscd.heads.euclidean import euclidean_dist
from hscd.labels import CHANGED, UNCHANGED
from hscd.scenes.scene import Scene, survey, windows_of

import config  # isort: skip  (found where `measure` looks)

RESULTS = measure.FOLDER.parent / "res" / "validation.md"
# Scenes, and the other place that a model of each is judged on.
PLACES = {"taizhou": None, "demo_a": "demo_b", "rennes": "cupertino", "cupertino": "rennes"}
# Shares of the train and the test part; pixels that a training learns from and is validated on, at most.
SHARES, MOST = (70, 30), 40_000
TRAIN, TEST = 1, 2
NETWORK = {
    "dropout_rate": 0.2, "dropout_rate_1": 0.2, "lr": 1e-3, "layer": 224, "layer_1": 128, "layer_2": 64,
    "score_function": euclidean_dist, "margin": config.MARGINS["ED"], "fourth_layer": False, "batch_size": 128,
}  # fmt: skip


class Figures(NamedTuple):
    """Those of a model on some pixels: the loss, and what their own Otsu threshold gives."""

    loss: float
    kappa: float
    accuracy: float


class Judged(NamedTuple):
    """What a validation says of a model, what the test part does and, if there is one, another place."""

    validation: Figures
    test: Figures
    elsewhere: Figures | None


def rescaled(name: str, seed: int) -> Scene:
    """A scene, rescaled."""
    found = scenes.available()[name](seed)
    return replace(found, ranges=survey(found.before, found.after, windows_of(found.before, found.after)).ranges)


def labelled(scene: Scene, among: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Positions and labels of the pixels of known label of a part of a scene, at most so many."""
    positions = np.flatnonzero(among & np.isin(scene.truth, (CHANGED, UNCHANGED)))
    if len(positions) > MOST:
        positions = np.sort(rng.choice(positions, MOST, replace=False))
    return positions, scene.truth.ravel()[positions]


def divided(scene: Scene, within: np.ndarray, shares: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    """Parts of the labelled pixels of a part of a scene, as the program draws them."""
    classes = np.select([within & (scene.truth == label) for label in (CHANGED, UNCHANGED)], [0, 1], -1)
    return drawn_parts(classes.shape, block_side(classes.shape), config.PARTS_GUARD, shares, rng, classes)


def judged(name: str, seed: int) -> Iterator[tuple[str, Judged]]:
    """Validation and figures of the model of one scene and seed."""
    import siamese
    from hscd.learn import training

    scene, rng = rescaled(name, seed), np.random.default_rng(seed)
    parts = divided(scene, np.ones(scene.truth.shape, bool), SHARES, rng)
    positions, labels = labelled(scene, parts == TRAIN, rng)
    share, rules = config.VALIDATION_SPLIT, siamese.training_rules()
    blocks = divided(scene, parts == TRAIN, (1 - share, share), rng).ravel()[positions]
    splits = {
        "random": training.stratified_split(labels, seed, share),
        "blocks": (np.flatnonzero(blocks == 1), np.flatnonzero(blocks == 2)),
    }
    other = PLACES[name]
    places = [(scene, parts == TEST)]
    if other:
        there = rescaled(other, seed)
        places.append((there, np.ones(there.truth.shape, bool)))
    pixels = scene.take(positions)
    for validation, (train, held_out) in splits.items():
        model = siamese.build_net(pixels.shape[2:], NETWORK, seed=seed)
        batch = int(NETWORK["batch_size"])
        training.fit(model, pixels, labels, train, held_out, rules=rules, batch_size=batch, seed=seed)
        found = [_figures(model, pixels[held_out], labels[held_out])]
        for place, among in places:
            at, truth = labelled(place, among, np.random.default_rng(seed))
            found.append(_figures(model, place.take(at), truth))
        yield validation, Judged(found[0], found[1], found[2] if other else None)


def _figures(model: Any, pixels: np.ndarray, labels: np.ndarray) -> Figures:
    import siamese

    counts, _ = siamese.judge(model, pixels, labels)
    distances, margin = siamese.predict(model, pixels).astype(float), NETWORK["margin"]
    losses = np.where(labels == UNCHANGED, distances**2, np.maximum(margin - distances, 0) ** 2)
    return Figures(float(losses.mean()), counts.kappa, counts.overall_accuracy)


def table(found: dict[tuple[str, str], list[Judged]]) -> str:
    """Means over seeds, smallest and largest in brackets, as Markdown."""
    lines = [
        "| scene | validation | loss of the validation | of the test part | kappa of the validation "
        "| of the test part | of another place | accuracy of the validation | of the test part |",
        "|---" * 9 + "|",
    ]
    for (name, validation), rows in found.items():
        both = [[row.validation for row in rows], [row.test for row in rows]]
        cells = [_cell([of.loss for of in figures], digits=4) for figures in both]
        cells += [_cell([of.kappa for of in figures]) for figures in both]
        cells.append(_cell([row.elsewhere.kappa for row in rows if row.elsewhere]))
        cells += [_cell([of.accuracy for of in figures]) for figures in both]
        at = f"{name}{f' → {PLACES[name]}' if PLACES[name] else ''}"
        lines.append(f"| {at} | {validation} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(values: Sequence[float], digits: int = 3) -> str:
    if not values:
        return "–"
    mean, low, high = (f"{of(values):.{digits}f}" for of in (np.mean, min, max))
    return f"{mean} ({low} … {high})"


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", default=",".join(name for name in PLACES if name in scenes.available()))
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args(arguments)
    found: dict[tuple[str, str], list[Judged]] = {}
    for name in options.scenes.split(","):
        for seed in range(options.seeds):
            for validation, of in judged(name, seed):
                found.setdefault((name, validation), []).append(of)
                shown = (f"{figures.loss:.4f} / {figures.kappa:.3f}" for figures in of if figures)
                print(name, seed, validation, *shown, file=sys.stderr, flush=True)
    text = table(found)
    print(text)
    if not arguments:
        head = (
            "# How much a validation on random pixels flatters\n\nMade by `python benchmarks validation`: one network "
            f"({NETWORK['layer']}, {NETWORK['layer_1']}, {NETWORK['layer_2']} units, Euclidean distance), trained by "
            f"the rules of every search, {options.seeds} seeds, mean (smallest … largest). A scene's labelled pixels "
            f"are divided in blocks, {SHARES[0]} % to learn from and {SHARES[1]} % to test on; of the first, a fifth "
            "is to validate on: at random, or in blocks with a guard band (`validation = blocks`). The loss is what a "
            "search minimises; kappa and accuracy are those of its report, each set cut by its own Otsu threshold, "
            f"which varies more. At most {MOST:,} pixels are learned from and validated on, and as many judged, drawn "
            "at random: in the Sentinel-2 scenes, which have more, fewer neighbours leak than could. Blocks of the "
            "test part lie among those learned from, with a band of two pixels left out on each side.\n\n"
        )
        RESULTS.write_text(head + text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
