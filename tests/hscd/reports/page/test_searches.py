"""What the trials of a search tell."""

import pytest

from hscd.reports.page import searches


def table(count: int) -> list[dict[str, str]]:
    """Trials whose loss falls with the learning rate; layers at random, a failed trial last."""
    found = [
        {"trial_id": str(number), "status": "ok", "val_loss": str(1 - 0.1 * number), "time": "1", "epochs": "3",
         "learning_rate": str(number), "batch_size": "64", "layer_1": str((number * 7) % 5), "dropout_1": "",
         "stopped": "patience", "kernel": str(number), "test_overall_acc": "0.9", "best": str(number == count - 1)}
        for number in range(count)
    ]  # fmt: skip
    return [*found, {"trial_id": "9", "status": "fail", "val_loss": "", "best": "False"}]


def test_trials_and_their_choices() -> None:
    found = searches.trials(table(6))
    assert [trial.number for trial in found] == [0, 1, 2, 3, 4, 5]
    assert [trial.best for trial in found] == [False] * 5 + [True]
    # What is empty is no choice, nor are figures; the branch's own parameters are.
    assert found[2].chosen == {"kernel": 2, "learning rate": 2, "batch size": 64, "layer 1": 4}
    assert searches.varied(found) == ["learning rate", "layer 1", "kernel"]
    assert searches.trials([]) == []


def test_importance_is_the_correlation_of_ranks() -> None:
    found = dict(searches.importance(searches.trials(table(5))))
    # Losses fall as learning rates rise: -1. Layers are 0, 2, 4, 1, 3; ranks of the losses 5, 4, 3, 2, 1, of the layers
    # 1, 3, 5, 2, 4: 1 - 6 (16 + 1 + 4 + 0 + 9) / (5 · 24) = -0.5.
    assert found == pytest.approx({"kernel": -1, "learning rate": -1, "layer 1": -0.5})
    assert searches.importance(searches.trials(table(4))) == []


def test_curves_by_trial() -> None:
    rows = [{"trial_id": "1", "epoch": "1", "loss": "0.5", "val_loss": "0.4"},
            {"trial_id": "1", "epoch": "2", "loss": "0.3", "val_loss": "nan"},
            {"trial_id": "0", "epoch": "1", "loss": "0.2", "val_loss": "0.1"}]  # fmt: skip
    assert searches.curves(rows) == {1: [(0.5, 0.4)], 0: [(0.2, 0.1)]}
