"""Kinds of change against simulated ones: `python benchmarks kinds` writes res/kinds.md; no labels are used.

Scenes: the demo's two places, whose changes are built, cleared, planted and burned ground, and the EnMAP tiles twice
with changes to one of four materials. Kinds are told apart in the true change map, and in that of `detect.py`; the
adjusted Rand index, 0 for chance and 1 for the same, counts pixels that are changed in both.

    python benchmarks/kinds.py --scenes demo_a --seeds 1    # a part, which writes nothing
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

import measure
import scenes
from hscd.detection import UNSUPERVISED
from hscd.detectors import DETECTORS, scored
from hscd.evaluation.matching import matched
from hscd.kinds import kinds_of
from hscd.labels import CHANGED, UNKNOWN
from hscd.scenes.scene import Scene
from hscd.scores import classify
from hscd.thresholds import THRESHOLDS

RESULTS = measure.FOLDER.parent / "res" / "kinds.md"
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "clusters": ("clusters", {}),
    "clusters, number given": ("clusters", {"kinds_count": ...}),
    "compressed_cva": ("compressed_cva", {}),
    "compressed_cva, number given": ("compressed_cva", {"kinds_count": ...}),
    "compressed_cva, uniform reference": ("compressed_cva", {"kinds_reference": "uniform"}),
}
ENMAP_KINDS = 4


def available() -> dict[str, Any]:
    """What makes each scene that has kinds of change, from a seed."""
    found = {name: make for name, make in scenes.available().items() if name.startswith("demo")}
    if (scenes.DATA / "enmap_tile").is_dir():
        for name, shift in (("enmap_kinds", (0, 0)), ("enmap_kinds_shifted", scenes.SHIFT)):
            found[name] = partial(
                scenes.twice, name, scenes.enmap_tiles, scenes.CHANGED_SHARE, shift, kinds=ENMAP_KINDS
            )
    return found


def detected(scene: Scene, seed: int) -> np.ndarray:
    """The change map that `detect.py` makes of a scene."""
    score_map = scored(DETECTORS[UNSUPERVISED["detector"]](), scene, np.random.default_rng(seed))
    return classify(
        score_map.scores, THRESHOLDS[UNSUPERVISED["threshold"]](score_map.scores, **score_map.for_threshold).value
    )


def measured(name: str, seed: int) -> list[tuple[str, str, float, int, int]]:
    """Change map, method, adjusted Rand index, kinds found and simulated, of a scene."""
    scene = available()[name](seed)
    classes = scene.classes
    assert classes is not None
    truth = np.where(classes > 0, CHANGED, np.where(scene.truth == CHANGED, UNKNOWN, scene.truth)).astype(np.uint8)
    simulated = int(np.count_nonzero(np.bincount(classes.ravel())[1:]))
    rows = []
    for source, labels in (("true", truth), ("detected", detected(scene, seed))):
        for method, (member, given) in METHODS.items():
            options = {key: simulated if value is ... else value for key, value in given.items()}
            found = kinds_of(scene, labels, member, np.random.default_rng(seed), **options)
            assert found is not None
            index = matched(found.values, classes, truth).rand_index
            rows.append((source, method, index, len(found.pixels), simulated))
    return rows


def table(names: Sequence[str], seeds: int) -> str:
    """Mean index over seeds by scene, and the numbers of kinds found and simulated, as Markdown."""
    rows = {(name, seed): measured(name, seed) for name in names for seed in range(seeds)}
    heads = [f"{name} ({', '.join(str(rows[name, seed][0][4]) for seed in range(seeds))})" for name in names]
    lines = [f"| change map | method | {' | '.join(heads)} | mean |", "|---" * (len(names) + 3) + "|"]
    for number, (source, method, *_) in enumerate(rows[names[0], 0]):
        cells, means = [], []
        for name in names:
            ours = [rows[name, seed][number] for seed in range(seeds)]
            means.append(float(np.mean([row[2] for row in ours])))
            cells.append(f"{means[-1]:.3f} ({', '.join(str(row[3]) for row in ours)})")
        lines.append(f"| {source} | {method} | {' | '.join(cells)} | {np.mean(means):.3f} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", default=",".join(available()))
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args(arguments)
    text = table(options.scenes.split(","), options.seeds)
    print(text)
    if not arguments:
        head = (
            "# Kinds of change without labels\n\nMade by `python benchmarks kinds`: mean adjusted Rand index over "
            f"{options.seeds} seeds against the simulated kinds, over the pixels that are changed in both; in brackets "
            "the numbers of kinds, simulated and found, by seed. The demo's kinds are built, cleared, planted and "
            "burned ground, before which anything may have been; `enmap_kinds` are changes to one of four materials, "
            "put into the EnMAP tiles.\n\n"
        )
        RESULTS.write_text(head + text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
