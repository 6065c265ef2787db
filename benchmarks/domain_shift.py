"""Kappa of transferred models against how far the place is from the one they were trained on (a quarter of an hour).

`python benchmarks domain_shift` trains one network on each place and judges it on every other one with the same bands,
without fine-tuning; `domain_shift` is the distance that a test warns of. It writes res/domain_shift.md and .png. To run
a part, which writes nothing:

    python benchmarks/domain_shift.py --places demo_a demo_b --seeds 1
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

import measure
import scenes
from hscd.detectors.tools.samples import sampled_pairs
from hscd.evaluation import doubts
from hscd.labels import CHANGED, UNCHANGED
from hscd.scenes.domain_shift import PIXELS, domain_shift, statistics
from hscd.scenes.scene import Scene, survey, windows_of
from validation import NETWORK

RESULTS = measure.FOLDER.parent / "res" / "domain_shift.md"
# Of Sentinel-2, those nearest to the six of Landsat ETM+.
LIKE_LANDSAT = (1, 2, 3, 7, 11, 12)
SIX = " (6 bands)"
PLACES = ("demo_a", "demo_b", *scenes.CITIES, "taizhou", *(f"{city}{SIX}" for city in ("rennes", "cupertino")))
# Pixels that a training learns from and a judgement looks at, at most; epochs, at most.
MOST, EPOCHS = 20_000, 40


class Transfer(NamedTuple):
    """How far a place is from the one a model was trained on, and its kappa: on held-out pixels at home, and there."""

    shift: float
    at_home: float
    there: float


@cache
def _scene(name: str, seed: int) -> Scene:
    """A scene, rescaled."""
    found = scenes.available()[name.removesuffix(SIX)](seed)
    if name.endswith(SIX):
        found = found.with_bands(np.array(LIKE_LANDSAT))
    return replace(found, ranges=survey(found.before, found.after, windows_of(found.before, found.after)).ranges)


def _labelled(scene: Scene, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixel pairs of known label, at most so many, and their labels."""
    positions = np.flatnonzero(np.isin(scene.truth, (CHANGED, UNCHANGED)))
    if len(positions) > MOST:
        positions = np.sort(np.random.default_rng(seed).choice(positions, MOST, replace=False))
    return scene.take(positions), scene.truth.ravel()[positions]


def transfers(places: Sequence[str], seed: int) -> Iterator[tuple[str, str, Transfer]]:
    """Each two places of the same bands: the first one's model, of a seed, on the second one."""
    import siamese
    from hscd.learn import training

    rules = replace(siamese.training_rules(), max_epochs=EPOCHS)
    for home in places:
        pairs, labels = _labelled(_scene(home, seed), seed)
        train, held_out = training.stratified_split(labels, seed, rules.validation_share)
        model = siamese.build_net(pairs.shape[2:], NETWORK, seed=seed)
        batch = int(NETWORK["batch_size"])
        training.fit(model, pairs, labels, train, held_out, rules=rules, batch_size=batch, seed=seed)
        at_home = siamese.judge(model, pairs[held_out], labels[held_out])[0].kappa
        trained_on = statistics(pairs)
        for place in places:
            scene = _scene(place, seed)
            if place == home or scene.bands != pairs.shape[2]:
                continue
            shift = domain_shift(trained_on, statistics(sampled_pairs(scene, np.random.default_rng(seed), PIXELS)))
            yield home, place, Transfer(shift, at_home, siamese.judge(model, *_labelled(scene, seed))[0].kappa)


def means(found: dict[tuple[str, str], list[Transfer]]) -> dict[tuple[str, str], Transfer]:
    """Means over seeds, the nearest places first."""
    rows = {of: Transfer(*np.mean(transfers, axis=0).tolist()) for of, transfers in found.items()}
    return dict(sorted(rows.items(), key=lambda row: row[1].shift))


def table(rows: dict[tuple[str, str], Transfer]) -> str:
    """As Markdown, with Spearman's rank correlation of distance and kappa."""
    from scipy.stats import spearmanr

    lines = ["| trained on | tested on | distance | kappa at home | kappa there |", "|---|---|---|---|---|"]
    for (home, place), row in rows.items():
        lines.append(f"| {home} | {place} | {row.shift:.2f} | {row.at_home:.3f} | {row.there:.3f} |")
    if len(rows) > 2:
        found = spearmanr([row.shift for row in rows.values()], [row.there for row in rows.values()])
        lines += ["", f"Rank correlation of distance and kappa there: {found.statistic:.2f} (p = {found.pvalue:.2g})."]
    return "\n".join(lines) + "\n"


def draw(rows: dict[tuple[str, str], Transfer], file: Path) -> None:
    """Kappa at the other place against the distance of both."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    by_home = defaultdict(list)
    for (home, _), row in rows.items():
        by_home[home].append((row.shift, row.there))
    for number, (home, points) in enumerate(sorted(by_home.items())):
        axes.plot(*zip(*points, strict=True), "os^vDP*X<>"[number % 10], label=f"trained on {home}", alpha=0.8)
    axes.set(xlabel="Jeffries–Matusita distance of the places", ylabel="kappa, no fine-tuning", xlim=(0, None))
    axes.legend(fontsize=7)
    figure.savefig(file, dpi=150)


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--places", nargs="+", default=[])
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args(arguments)
    there = scenes.available()
    places = options.places or [name for name in PLACES if name.removesuffix(SIX) in there]
    found: defaultdict[tuple[str, str], list[Transfer]] = defaultdict(list)
    for seed in range(options.seeds):
        for home, place, row in transfers(places, seed):
            found[home, place].append(row)
            print(f"seed {seed}: {home} -> {place}: {row}", file=sys.stderr, flush=True)
    rows = means(found)
    print(table(rows))
    if not options.places:
        head = INTRODUCTION.format(seeds=options.seeds, most=MOST, epochs=EPOCHS, bound=doubts.DOMAIN_SHIFT)
        RESULTS.write_text(head + table(rows), encoding="utf-8")
        draw(rows, RESULTS.with_suffix(".png"))


INTRODUCTION = """# Kappa of a transfer against the distance of the places

Made by `python benchmarks domain_shift`. One dense network was trained on up to {most:,} labelled pixels of each place,
for {epochs} epochs at most, rescaled, Euclidean distance, and judged on labelled pixels of every other place with the
same bands, without fine-tuning; means of {seeds} seeds. The distance is the one that tests warn of
(`hscd/scenes/domain_shift.py`), beyond {bound:g}; the labelled pixels of a scene and all of it are 0.00 to 0.07 apart.
That bound was read off these same transfers: a model within it may still err, and one beyond it may do.

![kappa against distance](domain_shift.png)

"""


if __name__ == "__main__":
    main(sys.argv[1:])
