"""Models of the guide's program whose files lack parameters: some follow from others, some only a training needs."""

import math
import shutil

import numpy as np
import pytest

import siamese
from hscd.heads.spectral_angle import SAM
from hscd.models import saved as models
from hscd.system.errors import InputError
from small_search import labelled_pairs
from tiny_model import DISTANCES, FOLDER, PAIRS, PARAMETERS

SIZES = {"layer", "layer_1", "layer_2", "fourth_layer"}
TRAINED = ("dropout_rate", "dropout_rate_1", "lr", "batch_size")


@pytest.fixture
def warnings(monkeypatch):
    told = []
    monkeypatch.setattr(models, "warn", told.append)
    return told


def model_without(folder, *names, **others):
    """A model in the layout of the guide's program whose parameters lack some."""
    shutil.copy(FOLDER / "guide.h5", folder / "M.h5")
    parameters = {name: value for name, value in PARAMETERS.items() if name not in names}
    models.write_parameter_file(folder / "M_param.pickle", parameters | others)
    return folder / "M"


@pytest.mark.parametrize(
    ("names", "told"),
    [
        # The kernels are 2 × 2, 2 × 2 and 2 × 3, and there is no fourth one.
        ({"layer"}, "layer = 2"),
        ({"layer_1", "layer_2"}, "layer_1 = 2, layer_2 = 3"),
        ({"fourth_layer"}, "fourth_layer = False"),
        ({"margin"}, "margin = 1"),
        (SIZES | {"margin"}, "layer = 2, layer_1 = 2, layer_2 = 3, fourth_layer = False, margin = 1"),
    ],
)
def test_what_follows_from_the_weights_and_the_distance_is_taken_and_told_once(tmp_path, warnings, names, told):
    path = model_without(tmp_path, *names)
    model = models.load_model(path)
    assert models.read_parameters(path) == PARAMETERS
    np.testing.assert_allclose(model(PAIRS), DISTANCES, rtol=2e-7)
    models.require_trainable(model)
    file = tmp_path / "M_param.pickle"
    assert warnings == [f"{file}: lacks parameters that follow from the weights or the distance, {told}"]


def test_the_margin_is_that_of_the_distance(tmp_path, warnings):
    path = model_without(tmp_path, "margin", score_function=SAM)
    assert models.read_parameters(path)["margin"] == math.pi / 2
    assert warnings[0].endswith("the distance, margin = 1.5708")


def test_a_fourth_layer_follows_from_the_weights(tmp_path, warnings):
    parameters = PARAMETERS | {"fourth_layer": True}
    model = siamese.build_net((2,), parameters)
    models.save_model(tmp_path / "M", parameters, models.named_weights(model))
    models.write_parameter_file(
        tmp_path / "M_param.pickle", {name: value for name, value in parameters.items() if name not in SIZES}
    )
    assert models.read_parameters(tmp_path / "M") == parameters
    for path in (tmp_path / "M", tmp_path / "M.h5"):
        np.testing.assert_array_equal(models.load_model(path)(PAIRS), model(PAIRS))
    assert len(warnings) == 1


@pytest.mark.parametrize("names", [*[(name,) for name in TRAINED], TRAINED])
def test_without_what_only_training_needs_a_model_predicts_and_is_not_fine_tuned(tmp_path, warnings, names):
    path = model_without(tmp_path, *names)
    model, parameters = models.load_model(path), models.read_parameters(path)
    np.testing.assert_allclose(siamese.predict(model, PAIRS), DISTANCES, rtol=2e-7)
    lacks = ", ".join(names)
    file = tmp_path / "M_param.pickle"
    assert warnings == [f"{file}: lacks {lacks}: the model can predict, but not be fine-tuned"]
    refusal = f"^{file}: lacks {lacks}, without which a model can predict, but not be fine-tuned; use [^\\n]*$"
    pairs, labels = labelled_pairs(bands=2)
    with pytest.raises(InputError, match=refusal):
        siamese.fine_tuning(model, 32, pairs, labels)
    with pytest.raises(InputError, match=refusal):
        models.require_trainable(parameters)
    # No value is made up: who asks for one is told that it is not there.
    for name in names:
        assert name not in parameters
        with pytest.raises(InputError, match=refusal):
            parameters[name]
    with pytest.raises(KeyError):
        parameters["another"]


def test_all_at_once_is_one_warning(tmp_path, warnings):
    path = model_without(tmp_path, *SIZES, "margin", *TRAINED)
    np.testing.assert_allclose(models.load_model(path)(PAIRS), DISTANCES, rtol=2e-7)
    assert len(warnings) == 1
    assert all(name in warnings[0] for name in (*SIZES, "margin", *TRAINED))


def test_the_distance_cannot_be_told(tmp_path, warnings):
    path = model_without(tmp_path, "score_function", "lr")
    with pytest.raises(
        InputError, match=r"M_param\.pickle: lacks the parameters [^\n]*; of these a prediction needs"
    ) as caught:
        models.load_model(path)
    assert "needs score_function, margin" not in str(caught.value)
    assert "needs score_function, which" in str(caught.value)
    assert warnings == []


def test_layers_of_other_weights_cannot_be_told(tmp_path):
    parameters = {name: value for name, value in PARAMETERS.items() if name not in SIZES}
    named = {f"w{number}": np.ones((2, 2) if number % 2 == 0 else 2, np.float32) for number in range(4)}
    models.save_model(tmp_path / "M", PARAMETERS, named)
    models.write_parameter_file(tmp_path / "M_param.pickle", parameters)
    with pytest.raises(InputError, match=r"needs layer, layer_1, layer_2, fourth_layer, which weights of shapes"):
        models.load_model(tmp_path / "M")


def test_what_is_there_is_not_corrected(tmp_path, warnings):
    path = model_without(tmp_path, "layer", layer_1=5)
    with pytest.raises(InputError, match=r"M\.h5: weights of shapes .* do not fit the parameters"):
        models.load_model(path)
    assert warnings == []
