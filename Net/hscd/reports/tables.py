"""Rows of the CSV reports."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hscd.evaluation.bootstrap import Interval
from hscd.evaluation.confusion import Confusion, as_text, changed_share
from hscd.labels import UNKNOWN
from hscd.records import Trial
from hscd.system.errors import counted

Row = dict[str, Any]
CURVES = ("trial_id", "epoch", "loss", "val_loss")


def metrics(counts: Confusion, suffix: str = "") -> Row:
    """Metrics against pixels of known label, in the order of the reports; empty where there are none."""
    row: Row = {
        "overall_accuracy": counts.overall_accuracy,
        "false_positives_num": counts.false_positives,
        "false_negatives_num": counts.false_negatives,
        "true_negatives_num": counts.true_negatives,
        "true_positives_num": counts.true_positives,
        "kappa": counts.kappa,
        "f1": counts.f1,
        "precision": counts.precision,
        "recall": counts.recall,
        "iou": counts.iou,
    }
    return {name + suffix: value if counts.total else None for name, value in row.items()}


def bounds(found: Mapping[str, Interval], suffix: str = "") -> Row:
    """Intervals of metrics, in the order of the reports; empty where they are not known."""
    return {
        f"{name}_{end}{suffix}": None if math.isnan(value) else value
        for name, interval in found.items()
        for end, value in zip(("low", "high"), interval, strict=True)
    }


def summary(counts: Confusion, found: Mapping[str, Interval] | None = None) -> str:
    """A part of a line for the terminal, with intervals of kappa and F1 where they are given and known."""
    if counts.total == 0:
        return "no labels to judge it by"

    def with_interval(name: str, value: float) -> str:
        interval = (found or {}).get(name)
        if math.isnan(value) or interval is None or math.isnan(interval.low):
            return as_text(value)
        return f"{value:z.3f} ({interval.low:z.3f} … {interval.high:z.3f})"

    kappa, f1 = with_interval("kappa", counts.kappa), with_interval("f1", counts.f1)
    return f"overall accuracy {counts.overall_accuracy:.3f}, kappa {kappa}, F1 {f1}"


def area(value: float, unit: str, like: float | None = None) -> str:
    """An area, in "m²" or "pixels", with three digits in the unit that reads best, or reads best of one `like` it."""
    return " ".join(size(value, unit, like))


def size(value: float, unit: str, like: float | None = None) -> tuple[str, str]:
    """The number and the unit of `area`."""
    if unit == "pixels":
        shown = f"{value:,.0f}"
        return shown, "pixel" if shown == "1" else "pixels"
    about = value if like is None else like
    factor, name = (1e6, "km²") if about >= 1e6 else (1e4, "ha") if about >= 1e4 else (1.0, "m²")
    shown = f"{value / factor:,.0f}" if value / factor >= 999.5 else f"{value / factor:,.3g}"
    return shown, name


def total(areas: np.ndarray, unit: str) -> str:
    """How large changed regions are together, and how many they are."""
    return f"{area(areas.sum(), unit)} in {counted(len(areas), 'area')}"


def outcome(
    maps: Sequence[np.ndarray],
    counts: Sequence[Confusion],
    areas: np.ndarray,
    unit: str,
    found: Sequence[Mapping[str, Interval] | None] = (None, None),
) -> str:
    """What came out for a pair, in one line for the terminal: how much of it is changed, and how right that is.

    Args:
        maps: labels before and after spatial correction; where that changed nothing, the pair is told of once.
        counts: of both.
        found: intervals of both.
        areas: those of the changed regions after correction.
        unit: of them, "m²" or "pixels".
    """
    pixels = int(np.count_nonzero(maps[0] != UNKNOWN))
    different = maps[:1] if np.array_equal(maps[0], maps[1]) else maps
    changed = [f"changed {100 * changed_share(labels):.1f} %" for labels in different]
    changed[0] += f" of {pixels:,} pixels"
    changed[-1] += f", {total(areas, unit)}"
    if counts[0].total == 0:
        return f"{'; corrected: '.join(changed)}; {summary(counts[0])}"
    parts = [f"{share}, {summary(of, sure)}" for share, of, sure in zip(changed, counts, found, strict=False)]
    return "; corrected: ".join(parts)


def trial_rows(trials: Sequence[Trial], best: int, further: Sequence[str] = ()) -> list[Row]:
    """One row a trial of a search; what a failed trial did not reach is empty.

    Args:
        trials: the trials; their reports hold the chosen parameters by their names in saved models, `epochs` (that
            were run), `best_epoch` (whose weights were kept, from 1), `stopped` (why), `train_loss`, `loss` (of
            validation, minimised), and (counts, threshold) under `test` and `val`.
        best: number of the trial whose model was saved.
        further: names of chosen parameters that not every branch has; a column each, before that of the best.
    """
    return [_trial_row(trial, best, further) for trial in trials]


def curve_rows(trials: Sequence[Trial]) -> list[Row]:
    """One row an epoch of the trials of a search whose reports hold their `curve`, (loss, validation loss) by epoch."""
    return [
        {"trial_id": trial.trial_id, "epoch": epoch, "loss": loss, "val_loss": val_loss}
        for trial in trials
        for epoch, (loss, val_loss) in enumerate(trial.report.get("curve", ()), start=1)
    ]


def _trial_row(trial: Trial, best: int, further: Sequence[str]) -> Row:
    report = trial.report
    row: Row = {
        "trial_id": trial.trial_id,
        "status": trial.status,
        "time": trial.seconds,
        "epochs": report.get("epochs"),
        "best_epoch": report.get("best_epoch"),
        "stopped": report.get("stopped"),
        "score": report.get("loss"),
        "loss": report.get("train_loss"),
        "val_loss": report.get("loss"),
        "learning_rate": report.get("lr"),
        "batch_size": report.get("batch_size"),
        "dropout_1": report.get("dropout_rate"),
        "dropout_2": report.get("dropout_rate_1"),
        "layer_1": report.get("layer"),
        "layer_2": report.get("layer_1"),
        "layer_3": report.get("layer_2"),
    }
    for split in ("test", "val"):
        counts, threshold = report.get(split, (None, None))
        row |= {
            f"{split}_overall_acc": counts and counts.overall_accuracy,
            f"{split}_true_positives": counts and counts.true_positives,
            f"{split}_true_negatives": counts and counts.true_negatives,
            f"{split}_false_positives": counts and counts.false_positives,
            f"{split}_false_negatives": counts and counts.false_negatives,
            f"{split}_thresh": threshold,
        }
    return row | {name: report.get(name) for name in further} | {"best": trial.trial_id == best}
