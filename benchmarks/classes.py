"""Classes of change learned on one place of the demo and told on the other (five minutes).

The change map is that of `detect.py`, so no label of the second place is used but to judge.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

import kinds
import scenes
from hscd.demo import PLACES
from hscd.evaluation.matching import matched
from hscd.kinds import kinds_of
from hscd.kinds.classes import learned, write_head
from hscd.labels import CHANGED, UNKNOWN
from hscd.scenes.scene import Scene

CLASSES = ("built", "cleared", "planted", "burned")
SEEDS = 3


def place(name: str, seed: int) -> Scene:
    """A place of the demo with the classes numbered as above; changed pixels without a class are unknown."""
    scene = scenes.demo(name, seed)
    numbers = np.array([0, *(CLASSES.index(kind) + 1 for kind in PLACES[name].changes)], np.uint8)
    assert scene.classes is not None
    classes = numbers[scene.classes]
    unclear = (scene.truth == CHANGED) & (classes == 0)
    return replace(scene, classes=classes, truth=np.where(unclear, np.uint8(UNKNOWN), scene.truth))


def measured(source: str, target: str, seed: int) -> tuple[float, float]:
    """Kappa of the map of unchanged and all classes, and of the pixels that are changed in map and labels."""
    head = learned([place(source, seed)], dict(enumerate(CLASSES, start=1)), np.random.default_rng(seed))
    assert head is not None
    scene = place(target, seed)
    assert scene.classes is not None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "classes.npz")
        write_head(file, head)
        labels = kinds.detected(scene, seed)
        found = kinds_of(scene, labels, "classes", np.random.default_rng(seed), kinds_classes=file)
    assert found is not None
    matching = matched(found.values, scene.classes, scene.truth, [CLASSES.index(name) + 1 for name in found.names])
    return matching.kappa, matching.kappa_of_changed


def main() -> None:
    print("| classes learned on, told on | kappa of the map, by seed | kappa of the changed pixels, by seed |")
    print("|---|---|---|")
    for source, target in (("demo_a", "demo_b"), ("demo_b", "demo_a")):
        columns = zip(*(measured(source, target, seed) for seed in range(SEEDS)), strict=True)
        cells = (f"{np.mean(values):.3f} ({', '.join(f'{value:.3f}' for value in values)})" for values in columns)
        print(f"| {source}, {target} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
