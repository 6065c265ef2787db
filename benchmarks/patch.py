"""What neighbours bring a network: `python benchmarks patch` writes res/patch.md.

The dense network and networks of patches, of the same layers, learn

- from pseudo-labels of context regression of the scene that they then map, the surest part of them: no label is used;
- from the labels of one city and its surroundings, and map others.

Kappa, F1, IoU and the share of the true objects of each size that keep half of their pixels, of maps that nothing
corrects. Then the seconds that whole images take in one pass, and patch by patch. To run a part, which writes nothing:

    python benchmarks/patch.py --scenes taizhou --seeds 1
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

import measure
import scenes
from hscd.detection import UNSUPERVISED
from hscd.detectors import DETECTORS, scored
from hscd.detectors.network import TrainedNetwork
from hscd.evaluation.confusion import confusion
from hscd.evaluation.objects import SIZES, Kept, kept_by_size
from hscd.heads.euclidean import euclidean_dist
from hscd.labels import CHANGED, UNCHANGED
from hscd.scenes.scene import Scene, survey, windows_of
from hscd.scores import classify, pseudo_labels_of
from hscd.selections.percentage import labels_by_percentage
from hscd.thresholds import THRESHOLDS

import config  # isort: skip  (found where `measure` looks)

RESULTS = measure.FOLDER.parent / "res" / "patch.md"
# What is mapped without labels, and from which city to which others.
SCENES = "taizhou", "rennes"
FROM, TO = "rennes", ("cupertino", "bercy")
# Share of the pseudo-labels of each class that is learned from; pixels that are, and epochs, at most.
SUREST, MOST, MOST_EPOCHS = 0.5, 4_000, 20
NETWORK = {
    "dropout_rate": 0.2, "dropout_rate_1": 0.2, "lr": 1e-3, "layer": 128, "layer_1": 64, "layer_2": 32,
    "score_function": euclidean_dist, "margin": config.MARGINS["ED"], "fourth_layer": False, "batch_size": 128,
    "sampling": "balanced",
}  # fmt: skip
NETWORKS: dict[str, dict[str, Any]] = {
    "dense": {},
    "patch 3": {"network": "patch", "patch_size": 3, "patch_filters": 16},
    "patch 5": {"network": "patch", "patch_size": 5, "patch_filters": 16},
    "patch 5, turned": {"network": "patch", "patch_size": 5, "patch_filters": 32, "augment_flips": True},
}
# Threshold of the networks' distances: Otsu's own lies among the largest ones where a few are far away.
CUT = "otsu_clipped"
# Rows and columns, bands and sizes of patches of what is timed.
TIMED, BANDS, SIDES = 128, (12, 100), (3, 5, 9, 13)
# Patches that are timed one batch of 32 after the other, as `Keras.Model.predict` takes them: the rest takes as long.
FEW = 1024


class Figures(NamedTuple):
    """Those of a map."""

    kappa: float
    f1: float
    iou: float
    kept: list[Kept]


def judged(labels: np.ndarray, scene: Scene) -> Figures:
    """Figures of a map."""
    counts = confusion(labels, scene.truth)
    return Figures(counts.kappa, counts.f1, counts.iou, kept_by_size(labels, scene.truth))


def rescaled(name: str, seed: int) -> Scene:
    """A scene, rescaled."""
    found = scenes.available()[name](seed)
    return replace(found, ranges=survey(found.before, found.after, windows_of(found.before, found.after)).ranges)


def trained(scene: Scene, positions: np.ndarray, labels: np.ndarray, name: str, seed: int) -> TrainedNetwork:
    """One of `NETWORKS` that learned from some pixels of a scene."""
    import siamese
    from hscd.learn import training
    from hscd.learn.regime import Regime
    from hscd.learn.samples import Samples
    from hscd.networks.siamese import reach

    chosen = np.sort(np.random.default_rng(seed).permutation(len(positions))[:MOST])
    positions, labels = positions[chosen], labels[chosen]
    parameters = NETWORK | NETWORKS[name]
    model = siamese.build_net((scene.bands,), parameters, seed=seed)
    pairs = Samples([scene], [positions], reach=reach(model)).within(2**31)
    split = training.stratified_split(labels, seed, config.VALIDATION_SPLIT)
    rules = replace(siamese.training_rules(), max_epochs=MOST_EPOCHS)
    training.fit(
        model, pairs, labels, *split, rules=rules, batch_size=int(NETWORK["batch_size"]), seed=seed,
        regime=Regime.of(parameters),
    )  # fmt: skip
    return TrainedNetwork(name, model)


def mapped(network: TrainedNetwork, scene: Scene) -> Figures:
    """Figures of the map of a network, cut by Otsu's threshold without the few largest distances."""
    score_map = scored(network, scene, np.random.default_rng(0))
    return judged(classify(score_map.scores, THRESHOLDS[CUT](score_map.scores, **score_map.said).value), scene)


def without_labels(name: str, seed: int) -> Iterator[tuple[str, Figures]]:
    """Figures of what the pseudo-labels are, and of networks that learned from them."""
    raw = scenes.available()[name](seed)
    score_map = scored(DETECTORS[UNSUPERVISED["detector"]](), raw, np.random.default_rng(seed))
    cut = THRESHOLDS[UNSUPERVISED["threshold"]](score_map.scores, **score_map.said)
    yield "pseudo-labels", judged(classify(score_map.scores, cut.value), raw)
    positions, labels = labels_by_percentage(pseudo_labels_of(score_map, cut), SUREST)
    scene = rescaled(name, seed)
    for network in NETWORKS:
        yield network, mapped(trained(scene, positions, labels, network, seed), scene)


def elsewhere(to: Sequence[str], seed: int) -> Iterator[tuple[str, str, Figures]]:
    """Place, network and figures of maps of places that no label of was learned from."""
    scene = rescaled(FROM, seed)
    positions = np.flatnonzero(np.isin(scene.truth, (CHANGED, UNCHANGED)))
    for name in NETWORKS:
        network = trained(scene, positions, scene.truth.ravel()[positions], name, seed)
        for place in to:
            yield place, name, mapped(network, rescaled(place, seed))


def table(found: dict[tuple[str, str], list[Figures]]) -> str:
    """Means over seeds as Markdown, with the standard deviation of kappa."""
    sizes = [f"{least}+" for least in SIZES]
    lines = [
        f"| scene | network | kappa | F1 | IoU | {' | '.join(f'kept, {size} pixels' for size in sizes)} |",
        "|---" * (5 + len(sizes)) + "|",
    ]
    for (scene, network), figures in found.items():
        kappa, f1, iou = (np.array([getattr(of, name) for of in figures]) for name in ("kappa", "f1", "iou"))
        counts = [
            (sum(of.kept for of in size), sum(of.objects for of in size))
            for size in zip(*(of.kept for of in figures), strict=True)
        ]
        kept = [f"{100 * some / every:.0f} % of {every}" if every else "–" for some, every in counts]
        lines.append(
            f"| {scene} | {network} | {kappa.mean():.3f} ± {kappa.std():.3f} | {f1.mean():.3f} | {iou.mean():.3f} | "
            f"{' | '.join(kept)} |"
        )
    return "\n".join(lines) + "\n"


def speed(bands: int, side: int) -> str:
    """Pixels a second of a whole image in one pass, of compiled batches of patches, and of those that Keras takes."""
    import siamese
    from hscd.learn import training
    from hscd.learn.images import predict_image
    from hscd.scenes import patches

    pairs, reach = np.random.default_rng(0).random((TIMED**2, 2, bands), np.float32), side // 2
    parameters = NETWORK | {"network": "patch", "patch_size": side, "patch_filters": 16}
    model = siamese.build_net((bands,), parameters, seed=0)
    every = patches.of_images(pairs, [(TIMED, TIMED)], [None], np.ones(TIMED**2, bool), reach)
    few, image = every[:FEW], every.pixels.reshape(TIMED + 2 * reach, TIMED + 2 * reach, 2, bands)
    # All is compiled before it is timed.
    different = np.abs(predict_image(model, image).ravel()[:FEW] - training.predict(model, few)).max()
    model.predict(few[:64].array, verbose=0)
    once = measure.seconds(lambda: predict_image(model, image)) / TIMED**2
    batched = measure.seconds(lambda: training.predict(model, few)) / FEW
    by_keras = measure.seconds(lambda: model.predict(few.array, verbose=0)) / FEW
    return (
        f"| {bands} | {side} × {side} | {1 / once:,.0f} | {1 / batched:,.0f} | {1 / by_keras:,.0f} | "
        f"{batched / once:.1f} × | {by_keras / once:.1f} × | {different:.1g} |"
    )


def speeds() -> str:
    """A row for each number of bands and size of patches."""
    lines = [
        "| bands | patch | one pass, pixels a second | compiled batches of patches | `Model.predict` on patches | "
        "one pass against the first | against the second | largest difference |",
        "|---" * 8 + "|",
        *(speed(bands, side) for bands in BANDS for side in SIDES),
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", default=",".join(SCENES))
    parser.add_argument("--to", default=",".join(TO))
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args(arguments)
    alone: defaultdict[tuple[str, str], list[Figures]] = defaultdict(list)
    others: defaultdict[tuple[str, str], list[Figures]] = defaultdict(list)
    timed, text = speeds(), ""
    for seed in range(options.seeds):
        for name in filter(None, options.scenes.split(",")):
            for network, figures in without_labels(name, seed):
                alone[name, network].append(figures)
                print(seed, name, network, f"{figures.kappa:.3f}", file=sys.stderr)
        places = [place for place in options.to.split(",") if place]
        for place, network, figures in elsewhere(places, seed) if places else ():
            others[place, network].append(figures)
            print(seed, place, network, f"{figures.kappa:.3f}", file=sys.stderr)
        text = report(alone, others, timed, seed + 1)
        if not arguments:  # after each seed, as each takes long
            RESULTS.write_text(text, encoding="utf-8")
    print(text)


def report(
    alone: dict[tuple[str, str], list[Figures]], others: dict[tuple[str, str], list[Figures]], timed: str, seeds: int
) -> str:
    """All tables."""
    by_place = dict(sorted(others.items(), key=lambda of: TO.index(of[0][0])))
    return (
        "# What neighbours bring a network\n\n"
        f"Made by `python benchmarks patch`; means over {seeds} seeds, and the deviation of kappa. All networks have "
        f"the dense layers {NETWORK['layer']}, {NETWORK['layer_1']}, {NETWORK['layer_2']} and learn from "
        f"{MOST:,} pixels, as many of each class in a batch, for at most {MOST_EPOCHS} epochs. Maps are cut by "
        f"`{CUT}`, and nothing corrects them. Objects are counted over all seeds.\n\n"
        f"## From pseudo-labels of context regression, without labels\n\nThe surest {SUREST:.0%} of each class.\n\n"
        f"{table(alone)}\n## From the labels of {FROM}\n\n{table(by_place)}\n"
        f"## A whole image in one pass against its patches\n\n{timed}"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
