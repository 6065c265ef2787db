"""What every branch must satisfy; the branches come from the registry."""

import numpy as np
import pytest

from hscd.branches import BRANCHES
from hscd.heads import HEADS
from hscd.models import saved as models
from hscd.models.schema import COMMON
from hscd.networks.siamese import build_net
from toy_branch import random_weights

pytestmark = pytest.mark.parametrize("name", BRANCHES)
BANDS = 7


def input_of(name):
    """Shape of what the network gets of a pixel and date: a spectrum, or the patch that it sees."""
    reach = BRANCHES[name].reach(parameters_of(name))
    return (*[2 * reach + 1] * (2 if reach else 0), BANDS)


def parameters_of(name):
    """Those of a small network."""
    examples = {parameter.name: parameter.example for parameter in (*COMMON, *BRANCHES[name].parameters)}
    return examples | {"network": name, "score_function": HEADS["ED"].function}


def test_it_makes_a_network_from_spectra_to_vectors(name):
    branch = BRANCHES[name].build(BANDS, parameters_of(name))
    assert branch.name == "branch"
    assert len(branch.input_shape) == 1 + len(input_of(name))
    assert branch.input_shape[-1] == BANDS
    assert branch.compute_output_shape((9, *input_of(name))) == (9, branch.output_shape[-1])


def test_its_shapes_are_those_of_its_weights_in_the_order_of_the_file(name):
    model = build_net((BANDS,), parameters_of(name))
    shapes = [array.shape for array in models.named_weights(model).values()]
    assert BRANCHES[name].shapes(BANDS, parameters_of(name)) == shapes
    assert sum(models.weight_counts(model).values()) == sum(np.prod(shape) for shape in shapes)


def test_a_saved_model_loads_by_itself_and_by_keras(name, tmp_path):
    parameters = parameters_of(name)
    model = build_net((BANDS,), parameters)
    random_weights(model)
    models.save_model(tmp_path / "M", parameters, models.named_weights(model), bands=BANDS)
    assert models.read_parameters(tmp_path / "M") == parameters
    pairs = np.random.default_rng(0).random((20, 2, *input_of(name)), np.float32)
    expected = model(pairs)
    by_keras = build_net((BANDS,), parameters)
    by_keras.load_weights(tmp_path / "M.h5")
    for loaded in (models.load_model(tmp_path / "M"), by_keras):
        np.testing.assert_array_equal(loaded(pairs), expected)


def test_its_parameters_allow_their_examples_and_not_everything(name):
    for parameter in BRANCHES[name].parameters:
        assert parameter.is_allowed(parameter.example)
        for value in (None, "text", [1], np.ones(3), float("nan")):
            assert not parameter.is_allowed(value), (parameter.name, value)


def test_what_it_infers_from_shapes_is_what_they_were_made_of(name):
    parameters = parameters_of(name)
    inferred = BRANCHES[name].inferred(BRANCHES[name].shapes(BANDS, parameters))
    assert inferred == {key: parameters[key] for key in inferred}
    assert BRANCHES[name].inferred([]) == {}


def test_its_options_refuse_what_they_do_not_allow(name):
    for option in BRANCHES.options(name):
        assert option.allowed
        with pytest.raises(ValueError):  # noqa: PT011 - it is the contract of `Option.parse`
            option.parse("no value of any option")
