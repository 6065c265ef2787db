"""How often the interval of a stratified sample holds the true share of change, on scenes of which all is known.

`python benchmarks sampling` maps each scene by context regression with the floor, and draws 3,000 samples from the map,
of the size that a standard error of 0.01 takes and of two larger ones, which the ground truth labels.
"""

from __future__ import annotations

import numpy as np

import scenes
from hscd.detectors import DETECTORS, scored
from hscd.evaluation import sampling, stratified
from hscd.labels import CHANGED, UNCHANGED
from hscd.scenes.scene import Scene
from hscd.scores import classify
from hscd.thresholds import THRESHOLDS

SCENES = ("rennes", "bercy", "nantes", "pisa", "cupertino")
SAMPLES, MINIMUM, SIZES = 3000, 75, (None, 1500, 4000)
ACCURACIES = np.array([0.7, 0.95])


def agreement(scene: Scene) -> np.ndarray:
    """Pixels by class of the map and true class, (2, 2), changed first."""
    detector = DETECTORS["context_regression"]()
    scores = scored(detector, scene, np.random.default_rng(0)).scores
    cut = THRESHOLDS["floor"](scores, scale=detector.scale, degrees=detector.degrees)
    labels = classify(scores, cut.value)
    classes = (CHANGED, UNCHANGED)
    return np.array([[np.count_nonzero((labels == i) & (scene.truth == j)) for j in classes] for i in classes])


def row(name: str, pixels: np.ndarray, size: int | None) -> str:
    """Mean of the estimates, mean half of the interval and how often it holds the truth, of many samples."""
    strata, rng = pixels.sum(axis=1), np.random.default_rng(0)
    weights, truth = strata / strata.sum(), pixels[:, 0].sum() / pixels.sum()
    points = sampling.allocation(strata, size or sampling.sample_size(weights, ACCURACIES, 0.01), MINIMUM)
    shares, margins = [], []
    for _ in range(SAMPLES):
        found = rng.hypergeometric(pixels[:, 0], pixels[:, 1], points)
        area = stratified.estimated(np.column_stack([found, points - found]), strata).area
        shares.append(area.value[0])
        margins.append(area.margin[0])
    covered = np.mean(np.abs(np.array(shares) - truth) <= margins)
    cells = (f"{100 * value:.2f} %" for value in (truth, weights[0], np.mean(shares), np.mean(margins)))
    return f"| {name} | {points[0]} + {points[1]} | {' | '.join(cells)} | {100 * covered:.1f} % |"


def main() -> None:
    makers = scenes.available()
    print("| scene | points on changed + unchanged | truly changed | mapped | estimated (mean) | ± (mean) | holds |")
    print("|---" * 7 + "|")
    for name in SCENES:
        if name in makers:
            pixels = agreement(makers[name](0))
            for size in SIZES:
                print(row(name, pixels, size), flush=True)


if __name__ == "__main__":
    main()
