"""Models of another branch: batch normalisation, weights that do not tell the bands, parameters of its own."""

import numpy as np
import pytest

from hscd.models import saved as models
from hscd.models import weights
from hscd.networks.siamese import build_net
from hscd.system.backend import keras
from hscd.system.errors import InputError
from toy_branch import PARAMETERS, random_weights
from toy_branch import filtered as filtered  # a fixture

pytestmark = pytest.mark.usefixtures("filtered")
BANDS = 5


@pytest.fixture
def model():
    network = build_net((BANDS,), PARAMETERS, seed=0)
    random_weights(network)
    return network


def save(path, model, parameters=PARAMETERS, **options):
    models.save_model(path, parameters, models.named_weights(model), **{"bands": BANDS} | options)


def test_a_model_with_batch_normalisation_loads_by_itself_and_by_keras(tmp_path, model):
    save(tmp_path / "M", model)
    assert models.trained_bands(tmp_path / "M") == BANDS
    assert models.read_parameters(tmp_path / "M") == PARAMETERS
    pairs = np.random.default_rng(0).random((9, 2, BANDS), np.float32)
    by_keras = build_net((BANDS,), PARAMETERS)
    by_keras.load_weights(tmp_path / "M.h5")
    for loaded in (models.load_model(tmp_path / "M"), by_keras):
        np.testing.assert_array_equal(loaded(pairs), model(pairs))


# Filters of three values: kernel 9, bias, scale and shift 3 each, 6 + 2 of the mix; moving mean and variance 3 each.
def test_counts_of_weights(model):
    assert models.weight_counts(model) == {"trainable": 9 + 3 * 3 + 6 + 2, "frozen": 6}
    model.get_layer("branch").get_layer("filter").trainable = False
    assert models.weight_counts(model) == {"trainable": 2 * 3 + 6 + 2, "frozen": 6 + 9 + 3}


# The order in the file says which is which.
def test_layers_that_are_frozen_are_saved_in_the_same_place(tmp_path, model):
    before = models.named_weights(model)
    for layer in model.get_layer("branch").layers:
        layer.trainable = False
    after = models.named_weights(model)
    assert list(after) == list(before)
    save(tmp_path / "M", model)
    pairs = np.random.default_rng(0).random((9, 2, BANDS), np.float32)
    np.testing.assert_array_equal(models.load_model(tmp_path / "M")(pairs), model(pairs))


def test_weights_that_do_not_tell_the_bands_are_not_saved_without(tmp_path, model):
    with pytest.raises(ValueError, match="number of bands is missing"):
        save(tmp_path / "M", model, bands=None)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_does_not_tell_the_bands_is_refused(tmp_path, model):
    save(tmp_path / "M", model)
    arrays = models.named_weights(model)
    (tmp_path / "M.h5").write_bytes(weights.packed(arrays, models._digest(PARAMETERS)))
    with pytest.raises(InputError, match=r"M\.h5: does not say its number of bands"):
        models.read_parameters(tmp_path / "M")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"filters": 0}, "filters is 0; expected an integer >= 1"),
        ({"filters": 4}, "do not fit the parameters"),
        ({"filters": None}, "filters is NoneType"),
        ({"dropout_rate": 1.0}, r"dropout_rate is 1.0; expected a number in \[0, 1\["),
        ({"network": "absent"}, "unknown network 'absent'; known: convolutional, dense, filtered"),
        ({"network": "dense"}, "lacks the parameters layer, layer_1"),
    ],
)
def test_parameters_of_its_own_are_checked_before_weights_are_read(tmp_path, model, monkeypatch, change, message):
    save(tmp_path / "M", model)
    models.write_parameter_file(tmp_path / "M_param.pickle", PARAMETERS | change)
    monkeypatch.setattr(weights.WeightFile, "read", lambda self: pytest.fail("weights are read"))
    with pytest.raises(InputError, match=message):
        models.load_model(tmp_path / "M")


def test_what_only_training_needs_may_be_missing_here_too(tmp_path, model):
    save(tmp_path / "M", model)
    models.write_parameter_file(
        tmp_path / "M_param.pickle", {key: value for key, value in PARAMETERS.items() if key != "dropout_rate"}
    )
    with pytest.raises(InputError, match="lacks dropout_rate, without which"):
        models.require_trainable(models.load_model(tmp_path / "M"))


# Weights of the same shapes under another branch would mean something else.
def test_the_network_is_part_of_what_distances_mean(tmp_path, model, monkeypatch):
    from hscd.branches import BRANCHES

    save(tmp_path / "M", model)
    monkeypatch.setitem(BRANCHES._members, "alike", BRANCHES["filtered"])
    models.write_parameter_file(tmp_path / "M_param.pickle", PARAMETERS | {"network": "alike"})
    with pytest.raises(InputError, match="do not belong to one model"):
        models.read_parameters(tmp_path / "M")


def test_layers_of_one_name_within_others_are_all_saved():
    def block(name):
        inputs = keras.Input((BANDS,))
        return keras.Model(inputs, keras.layers.Dense(BANDS, name="dense")(inputs), name=name)

    inputs = keras.Input((BANDS,))
    branch = keras.Model(inputs, block("second")(block("first")(inputs)), name="branch")
    network = keras.Model(inputs, branch(inputs))
    random_weights(network)
    named = models.named_weights(network)
    assert [array.shape for array in named.values()] == [(BANDS, BANDS), (BANDS,)] * 2
    for array, expected in zip(named.values(), branch.get_weights(), strict=True):
        np.testing.assert_array_equal(array, expected)
