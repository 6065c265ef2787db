"""What the trials of a search tell: their history, parallel coordinates, and how much each parameter matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

# Columns of a table of trials that were chosen, and how pages call them.
_CHOSEN = {
    "learning_rate": "learning rate", "batch_size": "batch size", "dropout_1": "dropout 1", "dropout_2": "dropout 2",
    "layer_1": "layer 1", "layer_2": "layer 2", "layer_3": "layer 3",
}  # fmt: skip
# The last columns before "best" are those of the branch.
_KNOWN = ("trial_id", "status", "time", "epochs", "best_epoch", "stopped", "score", "loss", "val_loss", "best")
# Fewer trials say nothing of parameters.
LEAST = 5


class Trial(NamedTuple):
    """A trial that gave a model: its number, its validation loss, its choices, and whether it is the best."""

    number: int
    loss: float
    chosen: dict[str, float]
    best: bool


def trials(table: Sequence[Mapping[str, str]]) -> list[Trial]:
    """The trials of a table that succeeded; what was chosen is a number, or left out."""
    found = []
    for row in table:
        loss = number_of(row.get("val_loss"))
        if loss is None or row.get("status") != "ok":
            continue
        own = {name: name for name in row if name not in _KNOWN and not name.startswith(("test_", "val_"))}
        values = {title: number_of(row.get(name)) for name, title in (own | _CHOSEN).items()}
        chosen = {title: value for title, value in values.items() if value is not None}
        found.append(Trial(int(number_of(row.get("trial_id")) or 0), loss, chosen, row.get("best") == "True"))
    return found


def importance(found: Sequence[Trial]) -> list[tuple[str, float]]:
    """Spearman's rank correlation of each parameter with the validation loss, the strongest first.

    It sees what only rises or only falls, says nothing of parameters that work together, and of few trials is mostly
    chance. None of parameters that do not vary, or of fewer than `LEAST` trials.

    References:
        Spearman (1904), "The proof and measurement of association between two things", American Journal of Psychology.
    """
    if len(found) < LEAST:
        return []
    from scipy.stats import spearmanr

    losses = [trial.loss for trial in found]
    told = []
    for name in varied(found):
        values = [trial.chosen[name] for trial in found]
        told.append((name, float(spearmanr(values, losses).statistic)))
    return sorted((pair for pair in told if np.isfinite(pair[1])), key=lambda pair: -abs(pair[1]))


def varied(found: Sequence[Trial]) -> list[str]:
    """The parameters that all trials have and that are not the same in all."""
    names = list(found[0].chosen) if found else []
    return [
        name
        for name in names
        if all(name in trial.chosen for trial in found) and len({trial.chosen[name] for trial in found}) > 1
    ]


def curves(table: Sequence[Mapping[str, str]]) -> dict[int, list[tuple[float, float]]]:
    """Loss and validation loss of each epoch by trial."""
    found: dict[int, list[tuple[float, float]]] = {}
    for row in table:
        values = [number_of(row.get(name)) for name in ("trial_id", "loss", "val_loss")]
        if None not in values:
            found.setdefault(int(values[0] or 0), []).append((values[1] or 0.0, values[2] or 0.0))
    return found


def number_of(text: Any) -> float | None:
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if np.isfinite(value) else None
