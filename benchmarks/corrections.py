"""What each correction does to the map of `detect.py`: `python benchmarks corrections` writes res/corrections.md.

Kappa of the map, the share of the true objects of each size that keep half of their pixels, and average precision of
the objects; corrections as they are by default, the same for all scenes, those that images may guide with each guide.
No label is used but to judge.

    python benchmarks/corrections.py --scenes taizhou --seeds 1    # a part, which writes nothing
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

import measure
import scenes
from hscd.corrections import CORRECTIONS, GUIDES, Guide, corrector
from hscd.detection import UNSUPERVISED
from hscd.detectors import DETECTORS, scored
from hscd.evaluation.confusion import confusion
from hscd.evaluation.ensemble import member_probability
from hscd.evaluation.objects import SIZES, Kept, agreement, kept_by_size, objects_of
from hscd.labels import UNKNOWN
from hscd.scenes.scene import Scene
from hscd.scores import classify
from hscd.thresholds import THRESHOLDS

RESULTS = measure.FOLDER.parent / "res" / "corrections.md"
_RADIUS = 3
# Kappa, average precision of objects, and how many are kept.
Figures = tuple[float, float, list[Kept]]


def variants() -> dict[str, tuple[str, dict[str, Any]]]:
    """Each correction with its default options, or one that has a guide with each guide: row, name and options."""
    found = {}
    for name in CORRECTIONS:
        options = {option.name: option.default for option in CORRECTIONS.options(name)}
        found[name] = name, options
        for key in [option.name for option in CORRECTIONS.options(name) if isinstance(option, Guide)]:
            del found[name]
            found |= {f"{name}, by {guide}": (name, options | {key: guide}) for guide in GUIDES}
    return found


def measured(scene: Scene, seed: int) -> dict[str, Figures]:
    """Figures of the map by each correction."""
    score_map = scored(DETECTORS[UNSUPERVISED["detector"]](), scene, np.random.default_rng(seed))
    scores = score_map.scores
    labels = classify(scores, THRESHOLDS[UNSUPERVISED["threshold"]](scores, **score_map.for_threshold).value)
    probability = member_probability(score_map, labels)
    found = {}
    for row, (name, options) in variants().items():
        corrected = corrector(name, _RADIUS, scene, **options)(labels, scores)
        known = np.where(scene.truth == UNKNOWN, np.uint8(UNKNOWN), corrected)
        objects = agreement(objects_of(known, probability), scene.truth)
        precision = float("nan") if objects is None else objects.average_precision
        found[row] = confusion(corrected, scene.truth).kappa, precision, kept_by_size(corrected, scene.truth)
    return found


def table(found: dict[str, dict[str, list[Figures]]]) -> str:
    """Means over seeds as a Markdown table, and over all scenes the shares of objects that are kept."""
    names = list(found)
    sizes = [f"{least}+" for least in SIZES]
    head = [*names, "mean", "objects' AP", *(f"kept, {size} pixels" for size in sizes)]
    lines = [f"| correction | {' | '.join(head)} |", "|---" * (len(head) + 1) + "|"]
    for correction in variants():
        kappas = [float(np.mean([kappa for kappa, *_ in found[name][correction]])) for name in names]
        precisions = [precision for name in names for _, precision, _ in found[name][correction]]
        kept = [kept for name in names for *_, kept in found[name][correction]]
        counts = [(sum(of.kept for of in size), sum(of.objects for of in size)) for size in zip(*kept, strict=True)]
        cells = [*kappas, np.mean(kappas), np.nanmean(precisions)]
        shares = [f"{100 * some / max(1, all_of):.0f} % of {all_of}" for some, all_of in counts]
        lines.append(f"| {correction} | {' | '.join(f'{cell:.3f}' for cell in cells)} | {' | '.join(shares)} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] = ()) -> None:
    makers = {name: make for name, make in scenes.available().items() if not name.endswith("_unchanged")}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", default=",".join(makers))
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args(arguments)
    found: dict[str, dict[str, list[Figures]]] = {}
    for name in options.scenes.split(","):
        found[name] = defaultdict(list)
        for seed in range(options.seeds):
            for correction, figures in measured(makers[name](seed), seed).items():
                found[name][correction].append(figures)
        print(name, file=sys.stderr)
    text = table(found)
    print(text)
    if not arguments:
        RESULTS.write_text(
            "# What corrections do to the map of `detect.py`\n\n"
            f"Made by `python benchmarks corrections`; kappa, means over {options.seeds} seeds; one setting for all "
            "scenes. `enmap…` are one date twice with changes put in, `demo…` are simulated. Objects are counted over "
            f"all scenes and seeds.\n\n{text}",
            encoding="utf-8",
        )


if __name__ == "__main__":
    main(sys.argv[1:])
