"""Rows of the CSV reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hscd.evaluation import Confusion
from hscd.records import Trial

Row = dict[str, Any]


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


def summary(counts: Confusion) -> str:
    """One line for the terminal."""
    if counts.total == 0:
        return "no pixel of known label, no metrics"
    return f"overall accuracy {counts.overall_accuracy:.2%}, kappa {counts.kappa:.3f}, F1 {counts.f1:.3f}"


def trial_rows(trials: Sequence[Trial], best: int) -> list[Row]:
    """One row a trial of a search; what a failed trial did not reach is empty.

    Args:
        trials: the trials; their reports hold the chosen parameters by their names in saved models, `epochs`,
            `train_loss`, `loss` (of validation, minimised), and (counts, threshold) under `test` and `val`.
        best: number of the trial whose model was saved.
    """
    return [_trial_row(trial, best) for trial in trials]


def _trial_row(trial: Trial, best: int) -> Row:
    report = trial.report
    row: Row = {
        "trial_id": trial.trial_id,
        "status": trial.status,
        "time": trial.seconds,
        "epochs": report.get("epochs"),
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
    return row | {"best": trial.trial_id == best}
