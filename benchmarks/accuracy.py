"""Accuracy of detectors and thresholds, no labels used, on real, simulated and semi-synthetic scenes.

`python benchmarks accuracy` runs all detectors with the thresholds below and three seeds, and writes the rows to
res/accuracy.csv and their means over seeds to res/accuracy.md. To run a part, which writes nothing, or with `--write`
takes the place of the same rows in these files:

    python benchmarks/accuracy.py --scenes taizhou,rennes --detectors context_regression --thresholds floor --seeds 1

A seed draws the samples of a detector and, of scenes that are made, the scene.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import measure
import scenes
from hscd.detectors import DETECTORS, scored
from hscd.evaluation.confusion import changed_share, confusion
from hscd.evaluation.curves import curves
from hscd.scenes.scene import Scene
from hscd.scores import classify
from hscd.system.errors import InputError
from hscd.thresholds import THRESHOLDS

COLUMNS = ("scene", "detector", "threshold", "seed", "kappa", "f1", "average_precision", "share_flagged", "seconds")
RESULTS = measure.FOLDER.parent / "res"


def rows_of(scene: Scene, detector_name: str, thresholds: Sequence[str], seed: int) -> Iterator[dict[str, Any]]:
    """A row for each threshold; one whose threshold is undefined for these scores is left out."""
    detector = DETECTORS[detector_name]()
    score_map = scored(detector, scene, np.random.default_rng(seed))
    ranking = curves(score_map.scores, scene.truth)
    precision = float("nan") if ranking is None else ranking.average_precision
    for name in thresholds:
        try:
            cut = THRESHOLDS[name](score_map.scores, scale=detector.scale, degrees=detector.degrees)
        except InputError:
            continue
        labels = classify(score_map.scores, cut.value)
        counts = confusion(labels, scene.truth)
        values = (scene.name, detector_name, name, seed, counts.kappa, counts.f1, precision, changed_share(labels),
                  score_map.seconds)  # fmt: skip
        yield dict(zip(COLUMNS, values, strict=True))


def measured(
    scene_names: Sequence[str], detectors: Sequence[str], thresholds: Sequence[str], seeds: int
) -> Iterator[dict[str, Any]]:
    """All rows, as they come."""
    makers = scenes.available()
    for name in scene_names:
        for seed in range(seeds):
            scene = makers[name](seed)
            for detector in detectors:
                yield from rows_of(scene, detector, thresholds, seed)


def summary(rows: Sequence[dict[str, Any]]) -> str:
    """Mean kappa over seeds by scene; of scenes without change the share flagged, %; as a Markdown table."""
    names = list(dict.fromkeys(row["scene"] for row in rows))
    without = {name for name in names if np.isnan([row["kappa"] for row in rows if row["scene"] == name]).all()
               or name.endswith("_unchanged")}  # fmt: skip
    lines = [f"| detector + threshold | {' | '.join(names)} | mean kappa |", "|---" * (len(names) + 2) + "|"]
    for pair in dict.fromkeys((row["detector"], row["threshold"]) for row in rows):
        cells, kappas = [], []
        for name in names:
            found = [row for row in rows if (row["detector"], row["threshold"]) == pair and row["scene"] == name]
            if not found:
                cells.append("")
            elif name in without:
                cells.append(f"{100 * np.mean([row['share_flagged'] for row in found]):.1f} %")
            else:
                kappas.append(float(np.mean([row["kappa"] for row in found])))
                cells.append(f"{kappas[-1]:.3f}")
        mean = f"{np.mean(kappas):.3f}" if kappas else ""
        lines.append(f"| {pair[0]} + {pair[1]} | {' | '.join(cells)} | {mean} |")
    return "\n".join(lines) + "\n"


def ranking(rows: Sequence[dict[str, Any]]) -> str:
    """Mean average precision over seeds by scene, and seconds, as a Markdown table."""
    names = list(dict.fromkeys(row["scene"] for row in rows if np.isfinite(row["average_precision"])))
    lines = [f"| detector | {' | '.join(names)} | mean | seconds |", "|---" * (len(names) + 3) + "|"]
    for detector in dict.fromkeys(row["detector"] for row in rows):
        ours = [row for row in rows if row["detector"] == detector]
        values = [np.mean([row["average_precision"] for row in ours if row["scene"] == name]) for name in names]
        seconds = np.mean([row["seconds"] for row in ours])
        cells = " | ".join(f"{value:.3f}" for value in values)
        lines.append(f"| {detector} | {cells} | {np.mean(values):.3f} | {seconds:.1f} |")
    return "\n".join(lines) + "\n"


def merged(rows: Sequence[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """Rows, and those in the file that they do not take the place of, in the order of a whole run."""
    file, told = folder / "accuracy.csv", ("scene", "detector", "threshold")
    old: list[dict[str, Any]] = []
    if file.exists():
        with file.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                numbers = {name: float(row[name]) for name in COLUMNS if name not in (*told, "seed")}
                old.append({**row, **numbers, "seed": int(row["seed"])})
    found = {tuple(row[name] for name in (*told, "seed")): row for row in [*old, *rows]}
    orders = list(scenes.available()), list(DETECTORS), list(THRESHOLDS)

    def place(key: tuple[Any, ...]) -> tuple[int, ...]:
        scene, detector, threshold = (order.index(name) for order, name in zip(orders, key, strict=False))
        return scene, key[-1], detector, threshold

    return [found[key] for key in sorted(found, key=place)]


def report(rows: Sequence[dict[str, Any]], seeds: int, folder: Path) -> None:
    """Write the rows and their means."""
    with (folder / "accuracy.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            values = {name: f"{value:.4f}" if isinstance(value, float) else value for name, value in row.items()}
            writer.writerow(values)
    text = (
        f"# Detectors and thresholds without labels\n\nMade by `python benchmarks accuracy`; means over {seeds} seeds; "
        "fixed settings for all scenes. `enmap…` and `rennes_unchanged` are one date twice, with other light, noise "
        "and changes put in; `demo…` are simulated. Single rows are in `accuracy.csv`.\n\n"
        "## Kappa of the map (where nothing changed: share called changed)\n\n"
        f"{summary(rows)}\n## Average precision of the ranking, and seconds (the machine was shared)\n\n{ranking(rows)}"
    )
    (folder / "accuracy.md").write_text(text, encoding="utf-8")


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", default=",".join(scenes.available()))
    parser.add_argument("--detectors", default=",".join(DETECTORS))
    parser.add_argument("--thresholds", default=",".join(THRESHOLDS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="put the rows among those of res/accuracy.csv")
    options = parser.parse_args(arguments)
    rows = []
    parts = (part.split(",") for part in (options.scenes, options.detectors, options.thresholds))
    for row in measured(*parts, options.seeds):
        rows.append(row)
        print(*(f"{value:.3f}" if isinstance(value, float) else value for value in row.values()), file=sys.stderr)
    print(f"{summary(rows)}\n{ranking(rows)}")
    if options.write or not arguments:
        report(merged(rows, RESULTS) if options.write else rows, options.seeds, RESULTS)


if __name__ == "__main__":
    main(sys.argv[1:])
