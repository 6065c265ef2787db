"""What a comparison of methods comes to: tables for files and terminal, a report in Markdown, curves as a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hscd.evaluation.comparison import Difference
from hscd.evaluation.ranking import METRICS, Ranked
from hscd.reports.tables import Row
from hscd.system import storage

_TITLES = {
    "kappa": "kappa", "f1": "F1", "iou": "IoU", "overall_accuracy": "accuracy", "average_precision": "AP",
    "auroc": "AUROC",
}  # fmt: skip
Table = tuple[list[str], list[list[str]]]
# Columns of all runs on a page, most wanted first; those that are left out if all runs are alike in them.
_RUNS = {
    "method": "method", "data_set": "data set", "pair": "pair", "seed": "seed", "kappa": "kappa", "f1": "F1",
    "overall_accuracy": "overall accuracy", "share": "changed", "halves": "halves", "seconds": "seconds",
    "threshold": "threshold",
    "error": "no map, because",
}  # fmt: skip
_ALIKE = ("data_set", "seed")

_COLUMNS = """\
*share* is that of pixels called changed, *agreement* the mean kappa with the maps of the methods that have another
detector, *seeds* that between maps of different seeds, *halves*, of pairs without labels, that between the map and the
one that both halves of the pair give by themselves. Seconds are those of normalisation, scores, threshold and
correction on one core; memory is the most that the process took, the program and the images included."""

UNJUDGED = f"""\
No label judges here, so this is no ranking by accuracy. Methods whose maps are implausible or unstable come last; the
others are in the order of the mean of *agreement*, *seeds* and *halves*, which tells how alike maps are: all may be
wrong. Figures are means over pairs. *seen* is what the method was told of change. {_COLUMNS}"""

READING = f"""\
Figures are means over pairs; ± is the standard deviation over seeds of that mean, left out where it rounds to 0.
*seen* is what the method was told of change; figures of labels that it was trained on are given, but not ranked.
*AP* is the average precision, the area below the precision–recall curve of the scores, *AUROC* the area below their
ROC curve. {_COLUMNS}"""

BY_PAIR = """\
Kappa, or where there are no labels the share called changed. *trained on* marks pairs that the model was trained on:
these figures say nothing about other places."""

CHANCE = """\
Each method is compared with the best one. The interval is that of a block bootstrap: square blocks of pixels, as
neighbours are alike, and seeds are drawn with replacement, the same for both methods; it holds for this ground. The
p values are corrected for their number (Holm), the intervals are not: one may leave out 0 where a difference is not
called larger than chance. A test over pairs of images, Wilcoxon's signed-rank test, is given
from six pairs on, as fewer cannot show anything; only this test says anything about other scenes."""


def csv_rows(rows: Sequence[Ranked], recommended: str | None, of_labels: bool) -> list[Row]:
    """A row a method, in full precision; `against` is what speaks against it where no label judges."""
    return [
        {"rank": row.rank, "method": row.method, "seen": row.seen, "recommended": row.method == recommended}
        | {
            name + ending: values[name]
            for name in (*METRICS, "share", "seconds")
            for ending, values in (("", row.means), ("_sd", row.deviations))
        }
        | {
            "memory_mib": row.memory, "agreement": row.agreement, "stability_seeds": row.seeds,
            "stability_halves": row.halves, "failed": row.failed, "runs": row.runs, "reason": row.reason,
            "against": None if of_labels or row.against is None else "".join(row.against),
        }
        for row in rows
    ]  # fmt: skip


def ranking(rows: Sequence[Ranked], of_labels: bool) -> Table:
    """The ranking as people read it: head and cells; metrics only where there are labels."""
    metrics = METRICS if of_labels else ()
    halves = any(np.isfinite(row.halves) for row in rows)
    head = [
        *([""] if of_labels else []),
        "method",
        "seen",
        *(_TITLES[name] for name in metrics),
        "share",
        "agreement",
        "seeds",
    ]
    head += [*(["halves"] if halves else []), "seconds", "MiB"]
    cells = []
    for row in rows:
        line = ["–" if row.rank is None else str(row.rank)] if of_labels else []
        line += [row.method, row.seen]
        line += [_with_deviation(row, name) for name in metrics]
        line += [_percent(row.means["share"]), _number(row.agreement), _number(row.seeds)]
        line += [_number(row.halves)] if halves else []
        cells.append([*line, _number(row.means["seconds"], 1), _number(row.memory, 0)])
    return head, cells


def by_pair(rows: Sequence[Ranked]) -> Table:
    """Kappa, or without labels the share of change, of each method on each pair; those trained on are marked."""
    return ["method", *rows[0].kappas], [
        [row.method]
        + [
            (_number(kappa) or _percent(row.shares[pair])) + (" (trained on)" if pair in row.unfair else "")
            for pair, kappa in row.kappas.items()
        ]
        for row in rows
    ]


def chance(best: str, found: Mapping[str, Difference], level: float) -> Table:
    """The differences to the best method; one is larger than chance where the corrected p is less than a level."""
    head = [f"kappa minus that of {best}", "mean", "95 % interval", "p", "signed-rank p", "larger than chance"]
    return head, [
        [
            name, f"{of.mean:+z.3f}", f"{of.low:+z.3f} … {of.high:+z.3f}", _p(of.p),
            "" if of.rank_p is None else _p(of.rank_p), "yes" if of.p < level else "no",
        ]
        for name, of in found.items()
    ]  # fmt: skip


def agreements(methods: Sequence[str], matrix: np.ndarray) -> Table:
    """Kappa between the maps of each pair of methods."""
    return ["", *methods], [
        [name, *("" if one == other else _number(value) for other, value in enumerate(values))]
        for one, (name, values) in enumerate(zip(methods, matrix, strict=True))
    ]


def failures(rows: Sequence[Ranked]) -> Table:
    """The methods that failed, how often and why."""
    return ["method", "failed", "reason"], [
        [row.method, f"{row.failed} of {row.runs}", row.reason] for row in rows if row.failed
    ]


def runs(rows: Sequence[Mapping[str, str]]) -> Table:
    """All runs as people read them, from the rows of their CSV file: the methods in the order of their mean kappa.

    A column without a value is left out, and one that tells no run from another.
    """
    kappas: dict[str, list[float]] = {}
    for row in rows:
        kappas.setdefault(row.get("method") or "", []).append(_float(row.get("kappa")))
    means = {method: float(np.mean(values)) for method, values in kappas.items()}
    # Stable: methods without a kappa come last, seeds and pairs stay in their order.
    best = sorted(means, key=lambda method: (np.isnan(means[method]), -means[method]))
    ordered = sorted(rows, key=lambda row: best.index(row.get("method") or ""))
    names = [name for name in _RUNS if any(row.get(name) for row in rows)]
    names = [name for name in names if name not in _ALIKE or len({row.get(name) for row in rows}) > 1]

    def cell(row: Mapping[str, str], name: str) -> str:
        value = row.get(name) or ""
        known = name in _FORMATS and np.isfinite(_float(value))  # else empty, or somebody's remark
        return _FORMATS[name](_float(value)) if known else value

    return [_RUNS[name] for name in names], [[cell(row, name) for name in names] for row in ordered]


def _float(text: str | None) -> float:
    """A number of a CSV file; NaN for what is none."""
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")


def doubts(rows: Sequence[Mapping[str, str]]) -> Table:
    """What was doubted of the maps of all runs, from the rows of their CSV file, once for all runs of one doubt."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.get("doubts"):
            of_run = (row.get("pair"), row.get("method"), f"seed {row['seed']}" if row.get("seed") else "")
            found.setdefault(row["doubts"], []).append(" ".join(filter(None, of_run)))
    return ["doubt", "maps"], [[doubt, ", ".join(names)] for doubt, names in found.items()]


def markdown(table: Table) -> str:
    """A table in Markdown."""
    head, cells = table
    lines = [head, ["---"] * len(head), *cells]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines) + "\n"


def aligned(table: Table) -> str:
    """A table for the terminal: columns of one width, numbers to the right."""
    head, cells = table
    widths = [max(len(line[column]) for line in (head, *cells)) for column in range(len(head))]
    texts = {column for column, title in enumerate(head) if title in ("method", "seen", "reason")}

    def line(of: list[str]) -> str:
        return "  ".join(
            cell.ljust(width) if column in texts else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(of, widths, strict=True))
        ).rstrip()

    return "\n".join(line(of) for of in (head, *cells))


def write_curves(path: Path, curves: Mapping[str, Mapping[str, Any]], chance: float) -> None:
    """Draw precision–recall and ROC curves of scores, and the points that thresholds choose on them.

    Args:
        path: PNG file.
        curves: by what the scores are called: `recall`, `precision`, `false_positives` and `true_positives` of the
            curves, `average_precision`, `auroc`, and `points`, a recall, precision (None where nothing is called
            changed) and rate of false positives each.
        chance: share of changed pixels among those of known label, the precision of scores drawn by lot.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 5.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    # Each second colour of the map is the pale one of its pair: these come last.
    colours = mpl.colormaps["tab20"]([*range(0, 20, 2), *range(1, 20, 2)])
    ordered = sorted(curves.items(), key=lambda item: -item[1]["average_precision"])
    for number, (name, curve) in enumerate(ordered):
        colour, style = colours[number % len(colours)], ("-", "--", ":")[number // len(colours) % 3]
        label = f"{name} (AP {curve['average_precision']:.3f}, AUROC {curve['auroc']:.3f})"
        left.plot(curve["recall"], curve["precision"], style, color=colour, drawstyle="steps-pre", label=label)
        right.plot(curve["false_positives"], curve["true_positives"], style, color=colour)
        for recall, precision, false in curve["points"]:
            right.plot(false, recall, "o", color=colour, markeredgecolor="black")
            if precision is not None:
                left.plot(recall, precision, "o", color=colour, markeredgecolor="black")
    left.axhline(chance, color="0.6", linewidth=1, linestyle="--")
    right.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle="--")
    for axes, title, across, up in (
        (left, "Precision and recall", "recall", "precision"),
        (right, "ROC", "false positive rate", "true positive rate"),
    ):
        axes.set(title=title, xlabel=across, ylabel=up, xlim=(0, 1), ylim=(0, 1.02))
        axes.grid(color="0.92")
        axes.set_axisbelow(True)
    figure.legend(loc="outside right center", frameon=False, title="points: the thresholds; dashed: chance")
    storage.write_figure(path, figure, 110)


def _with_deviation(row: Ranked, name: str) -> str:
    deviation = _number(row.deviations[name])
    return _number(row.means[name]) + (f" ± {deviation}" if deviation.strip("0.") else "")


def _number(value: float, digits: int = 3) -> str:
    return f"{value:z,.{digits}f}" if np.isfinite(value) else ""


def _percent(value: float) -> str:
    return f"{100 * value:.2f} %" if np.isfinite(value) else ""


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


_FORMATS: dict[str, Callable[[float], str]] = {
    "kappa": _number, "f1": _number, "overall_accuracy": _number, "halves": _number, "share": _percent,
    "seconds": partial(_number, digits=1),
    "threshold": lambda value: f"{value:,.0f}" if 1e3 <= abs(value) < 1e6 else f"{value:.4g}",
}  # fmt: skip
