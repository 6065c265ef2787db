"""Every other loss than the default goes through search, test and fine-tuning, with the margin that is configured."""

import json

import pytest

import config
import main
import predutils
from conftest import ONE_PLACE, Workspace
from hscd.losses import LOSSES
from hscd.models.saved import load_model, read_parameters

HEADED = {"binary_crossentropy": "ED", "sigmoid_contrastive": "SAM", "soft_nearest_neighbour": "ED", "triplet": "SAM"}


@pytest.mark.parametrize(("loss", "head"), [*HEADED.items()])
def test_search_test_and_fine_tuning(tmp_path, monkeypatch, loss, head):
    monkeypatch.setattr(config, "MAX_EPOCHS", 2)
    space = Workspace(tmp_path, ONE_PLACE)
    space.write_data()

    def run(script, *more):
        overrides = (f"distance={head}", "workers=1", f"loss={loss}", *more)
        sets = [word for override in overrides for word in ("--set", f"settings.{override}")]
        one_trial = ["--set", f"hyperas settings {head}.max_evals=1"]
        assert script.main(["--quiet", "--config", str(space.file), *sets, *one_trial]) == 0

    run(predutils)
    learned = LOSSES[loss].learned
    run(main, "margin=0.7", *(["loss_learned=True"] if learned else []))
    parameters = read_parameters(space.folder / "model" / "M")
    assert (parameters["margin"], parameters["loss"]) == (0.7, loss)
    objective = load_model(space.folder / "model" / "M").loss.get_config()
    assert (objective["loss"], objective["head"], objective["margin"]) == (loss, head, 0.7)
    options = {option.name: option.default for option in LOSSES.options(loss)}
    assert objective["options"].keys() == options.keys()
    for name, value in objective["options"].items():
        # What is learned, goes on from where it was, in a fine-tuning too.
        assert value == pytest.approx(parameters[name])
        assert (value == options[name]) == (name not in learned and name != "loss_learned")
    # The model's loss and margin count now, whatever is configured.
    run(main, "training=False", "fine_tuning=0", "loss=contrastive")
    record = json.loads((space.folder / "stat" / "PLACE A_on_M_all_run.json").read_text(encoding="utf-8"))
    assert record["results"]["town"]["ft_epochs"] >= 1
