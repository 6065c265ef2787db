"""Losses: their values, and how the parameters of a model choose one with its options."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from conftest import PROJECT
from hscd.heads import HEADS
from hscd.learn.objective import Objective
from hscd.losses import LOSSES, Loss, chosen, register
from hscd.losses.contrastive import contrastive
from hscd.registry import Option
from hscd.system.backend import keras

TEMPERATURE = Option("temperature", float, "a number > 0", 0.5)
NEEDED = Option("needed", float, "a number", ...)


@pytest.fixture
def toys(monkeypatch):
    """A loss with an option that has a default, and one with an option that has none."""
    len(LOSSES)  # its files come first
    for name in ("_members", "_options"):
        monkeypatch.setattr(LOSSES, name, dict(getattr(LOSSES, name)))
    register("warm", TEMPERATURE, of="batch")(lambda labels, distances, embeddings, head, temperature: distances)
    register("needy", NEEDED, of="pairs")(lambda labels, distances, embeddings, head, needed: needed * distances)


def test_contrastive_pulls_unchanged_pairs_together_and_pushes_changed_ones_to_the_margin():
    labels = np.array([1, 0, 0, 0], np.uint8)
    distances = keras.ops.convert_to_tensor([0.5, 0.4, 2.0, 2.5])
    head = replace(HEADS["ED"], margin=2.0)
    # y = 1: 0.5² = 0.25; y = 0, margin 2: (2 − 0.4)² = 2.56, at the margin and beyond it 0
    found = np.asarray(contrastive(labels, distances, None, head))
    np.testing.assert_allclose(found, [0.25, 2.56, 0, 0], rtol=1e-6)


def test_a_model_that_names_no_loss_has_the_contrastive_one():
    assert chosen({"lr": 0.1}) == (Loss("contrastive", "pairs", contrastive), {})
    assert chosen({"loss": "contrastive"}) == chosen({})


@pytest.mark.usefixtures("toys")
def test_options_come_from_the_parameters_or_are_their_defaults():
    assert chosen({"loss": "warm"})[1] == {"temperature": 0.5}
    assert chosen({"loss": "warm", "temperature": 0.1, "lr": 3})[1] == {"temperature": 0.1}
    with pytest.raises(ValueError, match="loss 'needy' lacks its option needed; expected a number"):
        chosen({"loss": "needy"})
    with pytest.raises(ValueError, match="unknown loss 'cold'; known: binary_crossentropy, contrastive, needy, "):
        chosen({"loss": "cold"})


@pytest.mark.usefixtures("toys")
def test_an_objective_hands_its_options_and_the_margin_of_the_model_to_the_loss():
    parameters = {"loss": "needy", "needed": 3.0, "score_function": "SAM", "margin": 1.0}
    # 3 · (0.5 + 0.7) / 2
    assert float(Objective.of(parameters)(np.zeros(2), np.array([0.5, 0.7]))) == pytest.approx(1.8)
    # changed, margin 1 of the parameters, not π/2 of the head: (1 − 0.4)²
    found = Objective.of({"score_function": "SAM", "margin": 1.0})
    assert float(found(np.zeros(1), np.array([0.4]))) == pytest.approx(0.36)
    assert not found.needs_whole_batches
    assert Objective("warm", "ED", 1.0).needs_whole_batches is True


@pytest.mark.usefixtures("toys")
def test_an_objective_survives_its_configuration():
    objective = Objective("needy", "SAM", 1.5, {"needed": 2.0})
    restored = keras.losses.deserialize(keras.losses.serialize(objective))
    assert restored.get_config() == objective.get_config()
    assert float(restored(np.zeros(1), np.array([0.5]))) == 1.0


def test_the_list_of_losses_is_read_without_keras():
    code = "import sys; from hscd.losses import LOSSES; print(*LOSSES, 'keras' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT / "Net", capture_output=True, text=True, check=True)
    assert done.stdout.split() == [
        "binary_crossentropy", "contrastive", "sigmoid_contrastive", "soft_nearest_neighbour", "triplet", "False",
    ]  # fmt: skip
