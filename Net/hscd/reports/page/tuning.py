"""What a fine-tuning did, of the record of a test: accuracy before and after, what it learned from, and its curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from hscd.reports.page import charts, numbers
from hscd.reports.page.charts import Chart
from hscd.system.errors import counted

# Figures of a record, how pages call them, and how they are written.
_FACTS = (
    ("pseudo_qty", "Pseudo-labels learned from", "{:,.0f}"),
    ("pseudo_acc", "Agreement with the corrected pseudo-labels", "{:z.3f}"),
    ("pseudo_acc_corrected", "The same after spatial correction", "{:z.3f}"),
    ("agreement_before_after", "Kappa between the maps before and after", "{:z.3f}"),
    ("ft_val_acc", "Validation accuracy", "{:z.3f}"),
    ("ft_epochs", "Epochs", "{:.0f}"),
    ("ft_best_epoch", "Epoch whose weights were kept", "{:.0f}"),
)
# Why a fine-tuning ended, as its record has it.
_STOPPED = {
    "patience": "validation loss fell no more", "max_epochs": "all epochs were run", "stopped": "it was stopped",
}  # fmt: skip


class Tuning(NamedTuple):
    """What a page tells of a fine-tuning.

    `effect` has metrics against the labels, before and after it, of so many pixels (`judged`); `facts` what it learned
    from and how it ended. Both are in words.
    """

    effect: list[tuple[str, str, str]]
    judged: int
    facts: list[tuple[str, str]]


def chart(row: Mapping[str, Any]) -> Chart | None:
    """The curves of a fine-tuning."""
    curve = row.get("ft_curve")
    if not isinstance(curve, dict) or not curve.get("loss") or len(curve["loss"]) != len(curve.get("val_loss", [])):
        return None
    epochs = list(range(1, len(curve["loss"]) + 1))
    best = min(curve["val_loss"])
    told = f"{counted(len(epochs), 'epoch')}; the validation loss falls to {charts.text(best)}."
    series = {
        "training loss": (epochs, curve["loss"], "before"), "validation loss": (epochs, curve["val_loss"], "after"),
    }  # fmt: skip
    return charts.lines("Fine-tuning", told, ("epoch", "loss"), series)


def tuning(row: Mapping[str, Any]) -> Tuning | None:
    """What the row of a test tells; None where there was no fine-tuning."""
    found = [
        (title, written.format(value))
        for name, title, written in _FACTS
        if (value := numbers.number(row.get(name))) is not None
        and not (name == "pseudo_acc_corrected" and row.get(name) == row.get("pseudo_acc"))  # nothing was corrected
    ]
    if numbers.number(row.get("ft_epochs")) is None:
        return None
    if isinstance(row.get("pseudo_source"), str):
        found.insert(0, ("Pseudo-labels made by", row["pseudo_source"]))
    if isinstance(row.get("ft_stopped"), str):
        found.append(("It ended because", _STOPPED.get(row["ft_stopped"], row["ft_stopped"])))
    noted = row.get("ft_effect")
    noted = noted if isinstance(noted, Mapping) else {}
    before, after = (of if isinstance(of, Mapping) else {} for of in map(noted.get, ("before", "after")))
    effect = []
    for name, title in numbers.METRICS.items():
        first, second = numbers.number(before.get(name)), numbers.number(after.get(name))
        if first is not None or second is not None:
            effect.append((title, _figure(first), _figure(second)))
    return Tuning(effect, int(numbers.number(noted.get("pixels")) or 0), found)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:z.3f}"
