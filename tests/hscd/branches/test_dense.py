"""The dense branch; what every branch must satisfy is in tests/contracts."""

import pytest

from hscd.branches import BRANCHES, branch_of

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
    ],
)
def test_options_are_those_of_the_search_section(option, text, value):
    options = {known.name: known for known in BRANCHES.options("dense")}
    assert list(options) == ["neurons", "neurons_1", "neurons_2", "max_dropout", "fourth_layer"]
    assert options[option].parse(text) == value


@pytest.mark.parametrize("text", ["0", "1", "1.5", "nan", "much"])
def test_a_share_to_drop_is_between_0_and_1(text):
    option = next(known for known in BRANCHES.options("dense") if known.name == "max_dropout")
    with pytest.raises(ValueError):  # noqa: PT011 - it is the contract of `Option.parse`
        option.parse(text)
