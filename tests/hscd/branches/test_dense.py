"""The dense branch; what every branch must satisfy is in tests/contracts."""

import numpy as np
import pytest

from hscd.branches import BRANCHES, branch_of
from hscd.heads import HEADS
from hscd.models.saved import load_model, model_files, named_weights, save_model, write_parameter_file
from hscd.networks.siamese import build_net
from hscd.system.errors import InputError
from toy_branch import random_weights

DENSE = BRANCHES["dense"]
SIZES = {"layer": 5, "layer_1": 4, "layer_2": 3}


@pytest.mark.parametrize(
    ("fourth_layer", "more"),
    # The fourth layer of the guide's network has 512 units.
    [(False, []), (True, [(3, 512), (512,)])],
)
def test_shapes_are_a_kernel_and_a_bias_a_layer(fourth_layer, more):
    shapes = [(6, 5), (5,), (5, 4), (4,), (4, 3), (3,), *more]
    assert DENSE.shapes(6, SIZES | {"fourth_layer": fourth_layer}) == shapes
    assert DENSE.inferred(shapes) == SIZES | {"fourth_layer": fourth_layer}


def test_normalised_layers_have_a_scale_and_a_shift_and_last_their_moving_statistics(tmp_path):
    parameters = SIZES | {
        "fourth_layer": True, "batch_normalisation": True, "dropout_rate": 0.1, "dropout_rate_1": 0.1, "lr": 0.01,
        "batch_size": 32, "margin": 1.0, "score_function": HEADS["ED"].function,
    }  # fmt: skip
    trained = [(6, 5), (5,), (5,), (5,), (5, 4), (4,), (4,), (4,), (4, 3), (3,), (3,), (3,), (3, 512), (512,)]
    shapes = [*trained, (5,), (5,), (4,), (4,), (3,), (3,)]
    assert DENSE.shapes(6, parameters) == shapes
    model = build_net((6,), parameters)
    random_weights(model)
    assert [array.shape for array in named_weights(model).values()] == shapes
    save_model(tmp_path / "M", parameters, named_weights(model))
    pairs = np.random.default_rng(0).random((20, 2, 6), np.float32)
    np.testing.assert_array_equal(load_model(tmp_path / "M")(pairs), model(pairs))
    write_parameter_file(model_files(tmp_path / "M")[1], parameters | {"batch_normalisation": [1]})
    with pytest.raises(InputError, match="batch_normalisation is list; expected True or False"):
        load_model(tmp_path / "M")


def test_batch_normalisation_is_in_the_space_only_where_it_is_asked_for():
    assert DENSE.space({"neurons": [8]}) == DENSE.space({"batch_normalisation": False}) == {}
    assert DENSE.space({"batch_normalisation": True}) == {"batch_normalisation": True}


# Two layers, five, and layers that are not dense.
@pytest.mark.parametrize(
    "shapes", [[(6, 5), (5,), (5, 4), (4,)], [(6, 5), (5,)] * 5, [(3, 1, 5), (5,), (5, 4), (4,), (4, 3), (3,)]]
)
def test_nothing_is_inferred_from_other_layers(shapes):
    assert DENSE.inferred(shapes) == {}


def test_parameters_without_a_network_are_of_the_dense_branch():
    assert branch_of({}) is DENSE
    assert branch_of({"network": "dense"}) is DENSE


@pytest.mark.parametrize("network", ["other", "x" * 1000, 3, None, ["dense"]])
def test_an_unknown_network_is_an_error_of_one_line(network):
    with pytest.raises(ValueError, match=r"unknown network [^\n]*; known: convolutional, dense") as caught:
        branch_of({"network": network})
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        ("neurons", "[32, 64]", [32, 64]),
        ("neurons_1", "[1]", [1]),
        ("neurons_2", "[7, 7]", [7, 7]),
        ("max_dropout", "0.4", 0.4),
        ("fourth_layer", "True", True),
        ("batch_normalisation", "True", True),
    ],
)
def test_options_are_those_of_the_search_section(option, text, value):
    options = {known.name: known for known in BRANCHES.options("dense")}
    assert list(options) == ["neurons", "neurons_1", "neurons_2", "max_dropout", "fourth_layer", "batch_normalisation"]
    assert options[option].parse(text) == value


@pytest.mark.parametrize("text", ["0", "1", "1.5", "nan", "much"])
def test_a_share_to_drop_is_between_0_and_1(text):
    option = next(known for known in BRANCHES.options("dense") if known.name == "max_dropout")
    with pytest.raises(ValueError):  # noqa: PT011 - it is the contract of `Option.parse`
        option.parse(text)
