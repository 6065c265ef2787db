"""The figures of the prototype that the default method comes from, by compare.py, on all scenes that are there.

`python benchmarks recipe` compares the methods below with two seeds and writes the tables to res/recipe.md. Its data
and results are in Net/stat/recipe: what is finished there is not run again. To run a part, which writes no tables:

    python benchmarks/recipe.py --scenes taizhou,enmap --seeds 1
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

import data_sets
import measure
import scenes
from hscd.detection import UNSUPERVISED

RESULTS = measure.FOLDER.parent / "res" / "recipe.md"
# The columns of its table, each of which is the best of some methods by kappa.
GROUPS = {
    "best of ED and SAM": ("ED+otsu:apply_rescaling=True", "SAM+otsu"),
    "best of eight baselines": (
        "cva+kmeans", "cva+kittler_illingworth", "mad+kmeans", "mad+kittler_illingworth", "irmad+kmeans", "sfa+kmeans",
        "isfa+kmeans", "pca_kmeans+kmeans",
    ),
    "context regression + floor": ("context_regression+floor",),
    "context regression + empirical null": ("context_regression+empirical_null",),
}  # fmt: skip
# Kappa that the prototype reached, of the first three columns; its semi-synthetic scenes were others.
REACHED = {
    "taizhou": (0.412, 0.937, 0.930),
    "rennes": (0.253, 0.482, 0.488),
    "bercy": (0.013, 0.195, 0.206),
    "nantes": (0.039, 0.346, 0.262),
    "pisa": (0.010, 0.145, 0.254),
}

# Of scene and method: mean and standard deviation of kappa over seeds, mean average precision.
Figures = Mapping[tuple[str, str], tuple[float, float, float]]


def compared(names: Sequence[str], seeds: int, folder: Path) -> Figures:
    """Compare all methods on scenes by the program's script."""
    import compare

    folder.mkdir(parents=True, exist_ok=True)
    file, out = folder / "recipe.conf", folder / "comparison"
    file.write_text(data_sets.configuration(names, folder / "data"), encoding="utf-8")
    methods = [method for group in GROUPS.values() for method in group]
    with contextlib.redirect_stdout(sys.stderr):
        status = compare.main(
            ["--config", str(file), "--data", *names, "--methods", *methods, "--seeds", str(seeds), "--out", str(out)]
        )
    if status:
        raise SystemExit(status)
    found: defaultdict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    with (out / "runs.csv").open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            if not row["error"]:
                figures = float(row["kappa"]), float(row["average_precision"])
                found[row["data_set"], row["method"]].append(figures)
    return {key: (*np.mean(values, axis=0), np.std(values, axis=0)[0]) for key, values in found.items()}


def table(names: Sequence[str], figures: Figures) -> str:
    """Kappa of each scene and group of methods, beside what the prototype reached; average precision."""
    heads = [head for name in GROUPS for head in ([name, "AP"])]
    lines = [f"| scene | {' | '.join(heads)} | prototype: ED/SAM, baselines, recipe |", "|---" * (len(heads) + 2) + "|"]
    for name in names:
        cells = [name]
        for methods in GROUPS.values():
            known = [(method, figures[name, method]) for method in methods if (name, method) in figures]
            if not known:
                cells += ["–", "–"]
                continue
            method, (kappa, precision, deviation) = max(known, key=lambda of: of[1][0])
            taken = f" ({method.split(':')[0]})" if len(methods) > 1 else ""
            cells += [f"{kappa:.3f} ± {deviation:.3f}{taken}", f"{precision:.3f}"]
        reached = REACHED.get(name)
        lines.append(f"| {' | '.join(cells)} | {' / '.join(f'{value:.3f}' for value in reached) if reached else ''} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] = ()) -> None:
    known = [name for name in scenes.available() if not name.endswith("unchanged")]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", default=",".join(known))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=measure.NET / "stat" / "recipe")
    options = parser.parse_args(arguments)
    names = options.scenes.split(",")
    text = table(names, compared(names, options.seeds, options.folder))
    print(text)
    if not arguments:
        head = (
            f"# The default method and the prototype it comes from\n\nMade by `python benchmarks recipe`, which calls "
            f"`compare.py`: kappa as mean ± standard deviation over {options.seeds} seeds, no labels used. Where a "
            "column has several methods, it is the best of them *by the labels*, which nobody has in advance. The last "
            "column is what the prototype reached. The real scenes are the ones that both were developed on; `enmap…` "
            f"are one date twice with changes put in, `demo…` are simulated. `{UNSUPERVISED['threshold']}` is the "
            "default threshold.\n\n"
        )
        RESULTS.write_text(head + text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
