"""What the keys of a network come to is told and recorded before a search, and what is wrong with them."""

import logging

import numpy as np
import pytest

from conftest import CONFIGURATION
from hscd.branches import BRANCHES, imagenet
from hscd.heads.euclidean import euclidean_dist
from hscd.models.saved import save_model
from hscd.networks.dilated import Features
from hscd.networks.plan import plan_of
from hscd.system.errors import InputError
from hscd.system.messages import collected
from pipeline import pretraining
from pipeline.network import settled
from pipeline.run_record import plain, resolved
from settings import read_settings
from tiny_plan import TEXT

OF_SEARCH = "hyperas settings ED"
BANDS = 5
PARAMETERS = {parameter.name: parameter.example for parameter in BRANCHES["imagenet"].parameters} | {
    "score_function": euclidean_dist, "margin": 1.0, "lr": 0.005, "batch_size": 32, "network": "imagenet",
    "imagenet_plan": TEXT,
}  # fmt: skip


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Reads settings of a training of network = imagenet, whose layers are those of a small plan, up to "last"."""
    monkeypatch.setattr(imagenet, "_features", lambda _: Features(plan_of(TEXT), []))
    file = tmp_path / "net.conf"
    file.write_text(CONFIGURATION, encoding="utf-8")
    return lambda *overrides: read_settings(
        file, ["settings.distance=ED", "settings.training=True", "settings.network=imagenet", *overrides]
    )


def test_the_network_is_told_and_its_layer_recorded(settings, caplog):
    with caplog.at_level(logging.INFO, "hscd"):
        found = settled(settings())
    assert caplog.messages == [
        "network = imagenet: Net up to last, 4 channels that see 5 × 5 pixels, random weights, frozen"
    ]
    options = plain(resolved(found, []))["searches"]["ED"]["options"]
    assert options["imagenet_layer"] == "last"
    assert found.search("ED").choices["imagenet_layer"] == "last"


def test_other_networks_are_what_their_keys_say(settings, caplog):
    asked = settings("settings.network=patch", "settings.apply_rescaling=False", "settings.imagenet_layer=b")
    with caplog.at_level(logging.INFO, "hscd"):
        assert settled(asked) == asked
    assert caplog.messages == []


@pytest.mark.parametrize("rescaled", [True, False])
def test_bands_that_are_not_rescaled_are_doubted(settings, rescaled):
    with collected() as told:
        settled(settings(f"settings.apply_rescaling={rescaled}"))
    said = [line.partition(" is made for bands in [0, 1]")[0] for line in told]
    assert said == ([] if rescaled else ["network = imagenet"])


@pytest.mark.parametrize(
    ("overrides", "refused"),
    [
        (["settings.imagenet_weights=imagenet"], "imagenet_weights"),
        (["settings.imagenet_network=VGG19"], "imagenet_network"),
        (["settings.imagenet_layer=b", f"{OF_SEARCH}.imagenet_layer=a"], "imagenet_layer"),
        (["settings.imagenet_weights=imagenet", "settings.detector=deep_features"], None),
        (["settings.imagenet_weights=imagenet", f"{OF_SEARCH}.imagenet_weights=imagenet"], None),
        (["settings.imagenet_weights=none", f"{OF_SEARCH}.imagenet_weights=imagenet"], None),
        (["settings.imagenet_weights=imagenet", "settings.ensemble_detectors=cva, deep_features"], None),
    ],
)
def test_keys_of_the_network_where_detectors_have_theirs_are_refused(settings, overrides, refused):
    asked = settings(*overrides)
    if refused is None:
        settled(asked)
        return
    with pytest.raises(InputError) as caught:
        settled(asked)
    assert str(caught.value) == (
        f"{asked.file}: [settings] {refused}: is for detector = deep_features, which is not chosen; that of network = "
        "imagenet stands in [hyperas settings ED]"
    )


def test_a_key_that_the_section_lacks_is_told_with_the_one_that_has_it(settings):
    with pytest.raises(
        InputError, match=r"\[settings\] has no key imagenet_trainable; it is a key of \[hyperas settings …"
    ):
        settings("settings.imagenet_trainable=True")


# --- a model to start from -------------------------------------------------------------------------------------------


@pytest.fixture
def started(settings, tmp_path):
    """Settings of a training that starts from a saved model, whose layers are those of the plan."""
    shapes = BRANCHES["imagenet"].shapes(BANDS, PARAMETERS)
    arrays = {f"w{number}": np.zeros(shape, np.float32) for number, shape in enumerate(shapes)}
    save_model(settings().model_path / "S", PARAMETERS, arrays, rescaled=True, bands=BANDS)
    return lambda *overrides: pretraining.started(settings("settings.start_from=S", *overrides))


@pytest.mark.parametrize("trainable", [True, False])
def test_whether_layers_are_trained_is_what_the_key_says_and_not_the_model(started, trainable, caplog):
    with caplog.at_level(logging.INFO, "hscd"):
        found = settled(started(f"{OF_SEARCH}.imagenet_trainable={trainable}")).search("ED")
    assert found.options["imagenet_trainable"] is trainable
    assert (found.options["imagenet_network"], found.options["imagenet_layer"]) == ("Net", "last")
    assert caplog.messages[-1].endswith(f"weights of S, {'trained' if trainable else 'frozen'}")


@pytest.mark.parametrize(
    ("key", "value", "of_model"),
    [("imagenet_network", "VGG19", ", Net"), ("imagenet_layer", "b", ", last"), ("imagenet_weights", "imagenet", "")],
)
def test_other_layers_and_weights_than_those_of_the_model_are_refused(started, key, value, of_model):
    with pytest.raises(InputError) as caught:
        started(f"{OF_SEARCH}.{key}={value}")
    said = f"layers and their weights are those of start_from = S{of_model}; remove one of the two"
    assert str(caught.value).partition("net.conf: ")[2] == f"{key}: found {value}, but {said}"
    started(f"{OF_SEARCH}.imagenet_network=Net", f"{OF_SEARCH}.imagenet_layer=last")
