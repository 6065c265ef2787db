"""Rows and tables of `benchmarks/learning.py`."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, get_type_hints

import numpy as np

# What stands for the loss of the label-free map.
LABEL_FREE = "label-free"
# What comes after this line of the file is written anew, what stands before it is not.
FIGURES = "## Figures\n\n"


class Row(NamedTuple):
    """Figures of one map.

    `settings` tells it from one of other settings. `kappa` and `f1` are before a correction; of kappa, `otsu` is by the
    default threshold, `border` by half the margin, `corrected` after the majority of neighbours. `area` is that under
    the ROC curve.
    """

    settings: str
    place: str
    loss: str
    pretraining: str
    fine_tuning: str
    seed: int
    kappa: float
    f1: float
    otsu: float
    border: float
    corrected: float
    area: float
    seconds: float


def read(file: Path) -> list[Row]:
    """The rows of a file; none where there is no file."""
    if not file.exists():
        return []
    kinds = get_type_hints(Row)
    with file.open(encoding="utf-8", newline="") as lines:
        return [Row(**{name: kinds[name](text) for name, text in row.items()}) for row in csv.DictReader(lines)]


Seeds = Sequence[Row]


def by_cell(done: Sequence[Row], place: str) -> dict[tuple[str, str, str], Seeds]:
    """Rows of all seeds of a place, by loss, pre-training and fine-tuning."""
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in done:
        if row.place == place:
            found.setdefault((row.loss, row.pretraining, row.fine_tuning), []).append(row)
    return found


def of(seeds: Seeds, figure: str) -> np.ndarray:
    return np.array([getattr(row, figure) for row in seeds])


def cell(seeds: Seeds) -> str:
    """Kappa and F1, each with its deviation over seeds, and how many these are."""
    values = (f"{np.mean(found):.3f} ± {np.std(found):.3f}" for found in (of(seeds, "kappa"), of(seeds, "f1")))
    return f"{', '.join(values)} ({len(seeds)})"


def table(done: Sequence[Row], place: str) -> str:
    """Every loss and pre-training of a place, a column a fine-tuning."""
    cells = by_cell(done, place)
    ways = list(dict.fromkeys(way for *_, way in cells if way))
    lines = [f"| {place}: loss | pre-training | {' | '.join(ways)} |", "|---" * (2 + len(ways)) + "|"]
    lines.append(f"| **label-free map** |  | {cell(cells[LABEL_FREE, '', ''])} |" + "  |" * (len(ways) - 1))
    for both in dict.fromkeys((loss, first) for loss, first, way in cells if way):
        found = (cell(cells[*both, way]) if (*both, way) in cells else "–" for way in ways)
        lines.append(f"| {' | '.join(both)} | {' | '.join(found)} |")
    return "\n".join(lines) + "\n"


def summary(done: Sequence[Row]) -> str:
    """Of each place and fine-tuning, over all losses and pre-trainings."""
    lines = [
        "| place | fine-tuning | kappa | by Otsu's threshold | at half the margin | corrected "
        "| area under the ROC curve | deviation over seeds, median | of them ≤ .02 | above the label-free map "
        "| seconds a map |",
        "|---" * 11 + "|",
    ]
    for place in dict.fromkeys(row.place for row in done):
        cells = by_cell(done, place)
        free = cells.pop((LABEL_FREE, "", ""))
        means = [float(np.mean(of(free, name))) for name in ("kappa", "otsu", "corrected", "area")]
        kappa, otsu, corrected, area = (f"{mean:.3f}" for mean in means)
        spread_of_free = f"{np.std(of(free, 'kappa')):.3f}"
        row = [place, "label-free map", kappa, otsu, "", corrected, area, spread_of_free, "", "", ""]
        lines.append(f"| {' | '.join(row)} |")
        best = means[0]
        for way in dict.fromkeys(way for *_, way in cells):
            groups = [seeds for (*_, one), seeds in cells.items() if one == way]
            every = [row for seeds in groups for row in seeds]
            told = [f"{np.mean(of(every, name)):.3f}" for name in ("kappa", "otsu", "border", "corrected", "area")]
            spread = [float(np.std(of(seeds, "kappa"))) for seeds in groups if len(seeds) > 1]
            above = sum(float(np.mean(of(seeds, "kappa"))) > best for seeds in groups)
            narrow = sum(value <= 0.02 for value in spread)
            typical = f"{np.median(spread):.3f}" if spread else "–"
            ends = typical, f"{narrow} of {len(spread)}", f"{above} of {len(groups)}"
            lines.append(f"| {place} | {' | '.join([way, *told, *ends])} | {np.mean(of(every, 'seconds')):.1f} |")
    return "\n".join(lines) + "\n"


def write(file: Path, text: str) -> None:
    """Put the tables in their place; what is told before them stays."""
    told, _, _ = (file.read_text(encoding="utf-8") if file.exists() else "").partition(FIGURES)
    file.write_text(told + FIGURES + text, encoding="utf-8")
