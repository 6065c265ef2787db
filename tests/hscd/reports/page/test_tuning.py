"""What a page says of a fine-tuning."""

from hscd.reports.page.tuning import chart, tuning

ROW = {
    "ft_epochs": 26, "ft_best_epoch": 16, "ft_stopped": "patience", "pseudo_qty": 30720, "pseudo_acc": 0.95322265625,
    "pseudo_acc_corrected": None,
    "ft_effect": {"pixels": 19046, "before": {"kappa": 0.7605, "f1": None}, "after": {"kappa": 0.8594, "f1": 0.8947}},
}  # fmt: skip


def test_accuracy_before_and_after_and_what_was_learned_from() -> None:
    found = tuning(ROW)
    assert found is not None
    assert found.effect == [("Cohen's kappa", "0.760", "0.859"), ("F1 of change", "–", "0.895")]
    assert found.judged == 19046
    assert found.facts == [
        ("Pseudo-labels learned from", "30,720"), ("Agreement with the corrected pseudo-labels", "0.953"),
        ("Epochs", "26"), ("Epoch whose weights were kept", "16"),
        ("It ended because", "validation loss fell no more"),
    ]  # fmt: skip
    # The agreement with corrected pseudo-labels is another figure only where the correction changed any.
    title = "The same after spatial correction"
    for corrected, told in ((0.95322265625, []), (0.75, [(title, "0.750")])):
        found = tuning(ROW | {"pseudo_acc_corrected": corrected})
        assert found is not None
        assert [fact for fact in found.facts if fact[0] == title] == told


def test_without_fine_tuning_or_labels_there_is_nothing() -> None:
    assert tuning({"ft_epochs": None, "kappa": 0.5}) is None
    for damaged in (None, 3, {"before": 1}):
        found = tuning(ROW | {"ft_effect": damaged})
        assert found is not None
        assert (found.effect, found.judged) == ([], 0)


def test_curves_of_one_epoch() -> None:
    drawn = chart({"ft_curve": {"loss": [0.5], "val_loss": [0.25]}})
    assert drawn is not None
    assert drawn.told == "1 epoch; the validation loss falls to 0.25."
