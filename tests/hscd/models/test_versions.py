"""Saved models of every version load and predict what they always did.

tests/data/models holds a model of each layout: `guide`, as Keras 2.4 and the guide's program write it; `version_1`, as
this program did before there was a number; and `version_N` for each number since. All are the network of tiny_model.py.

When the number is raised: keep the older files, which must go on to load, and have
`PYTHONPATH=Net:tests python tests/tiny_model.py` write those of the new version. `hscd.models.schema` says what else.
"""

from pathlib import Path

import h5py
import numpy as np
import pytest

from hscd.models import saved as models
from hscd.models import weights
from hscd.scenes.domain_shift import from_text, statistics
from hscd.system.errors import InputError
from tiny_model import DISTANCES, FOLDER, PAIRS, PARAMETERS, VERSIONS, WEIGHTS


@pytest.mark.parametrize("name", ["guide", *VERSIONS])
def test_models_of_every_version_predict_what_they_always_did(name):
    assert models.read_parameters(FOLDER / name) == PARAMETERS
    assert models.trained_bands(FOLDER / name) == 2
    model = models.load_model(FOLDER / name)
    # Sums of small halves are exact in float32, the root is off by half a unit of 6e-8 of its value.
    np.testing.assert_allclose(model(PAIRS), DISTANCES, rtol=2e-7)
    models.require_trainable(model)
    assert (model.rescaled, model.spectra) == (models.trained_rescaled(FOLDER / name), "")


def test_a_loaded_model_knows_what_it_was_trained_on(tmp_path):
    learned = statistics(PAIRS)
    models.save_model(tmp_path / "M", PARAMETERS, WEIGHTS, rescaled=False, spectra=learned)
    model = models.load_model(tmp_path / "M")
    assert model.rescaled is False
    np.testing.assert_array_equal(from_text(model.spectra), learned)


@pytest.mark.parametrize(("name", "rescaled"), [("guide", None), *[(name, True) for name in VERSIONS]])
def test_what_else_they_tell(name, rescaled):
    assert models.trained_rescaled(FOLDER / name) is rescaled
    with weights.open_file(FOLDER / f"{name}.h5") as stored:
        assert stored.version == (1 if name == "guide" else int(name.removeprefix("version_")))


def test_files_of_the_present_version_are_written_as_ever(tmp_path):
    models.save_model(tmp_path / "M", PARAMETERS, WEIGHTS, rescaled=True)
    name = FOLDER / VERSIONS[-1]
    expected = name.with_name(f"{name.name}_param.pickle").read_bytes()
    assert (tmp_path / "M_param.pickle").read_bytes() == expected
    with h5py.File(tmp_path / "M.h5") as ours, h5py.File(name.with_suffix(".h5")) as theirs:
        assert {key: str(value) for key, value in ours.attrs.items()} == {
            key: str(value) for key, value in theirs.attrs.items()
        }


def with_attribute(folder: Path, name: str, value: str) -> Path:
    models.save_model(folder / "M", PARAMETERS, WEIGHTS)
    with h5py.File(folder / "M.h5", "a") as h5:
        h5.attrs[name] = value
    return folder / "M"


def test_a_later_version_is_refused_in_one_line(tmp_path):
    later = weights.VERSION + 1
    path = with_attribute(tmp_path, "hscd_version", str(later))
    with h5py.File(path.with_suffix(".h5"), "a") as h5:
        del h5.attrs["layer_names"]  # whatever else is otherwise there
    for read in (models.read_parameters, models.trained_rescaled, models.load_model):
        with pytest.raises(InputError, match=rf"M\.h5: a model of version {later}, [^\n]* up to {later - 1}$"):
            read(path)


@pytest.mark.parametrize("value", ["0", "-1", "2.0", "two", "9" * 400])
@pytest.mark.parametrize("name", ["hscd_version", "hscd_bands"])
def test_numbers_that_are_none_are_errors_of_one_line(tmp_path, name, value):
    path = with_attribute(tmp_path, name, value)
    with pytest.raises(
        InputError, match=rf"M\.h5: not a readable file of Keras weights: its {name} is [^\n]*$"
    ) as caught:
        models.read_parameters(path)
    assert len(str(caught.value)) < 500


def test_another_number_of_bands_than_that_of_the_weights_is_refused(tmp_path):
    path = with_attribute(tmp_path, "hscd_bands", "3")
    with pytest.raises(InputError, match=r"weights of shapes \[\(2, 2\), .* do not fit the parameters"):
        models.read_parameters(path)
