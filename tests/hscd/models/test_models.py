"""The two files of a model are always of one model, wherever the program that saves them is killed."""

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from conftest import PROJECT
from hscd.heads.euclidean import euclidean_dist
from hscd.heads.spectral_angle import SAM
from hscd.models import saved as models
from hscd.system import storage
from hscd.system.errors import InputError

OLD = {
    "dropout_rate": 0.125, "dropout_rate_1": 0.25, "lr": 1e-3, "layer": 5, "layer_1": 4, "layer_2": 3,
    "score_function": euclidean_dist, "margin": 1.0, "fourth_layer": False, "batch_size": 32,
}  # fmt: skip
# As large as the old one: that weights and parameters do not belong together shows in no shape.
NEW = OLD | {"score_function": SAM, "margin": 1.5, "lr": 2e-3}


def some_weights(value, bands=6):
    """Weights of a branch of layers of 5, 4 and 3 units."""
    return {
        f"dense_{index}/{part}": np.full(shape, value, np.float32)
        for index, (inputs, units) in enumerate([(bands, 5), (5, 4), (4, 3)])
        for part, shape in (("kernel", (inputs, units)), ("bias", (units,)))
    }


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())


def saved(path):
    """Which of the two models lies on the disk, read as this program does."""
    parameters = models.read_parameters(path)
    model = models.load_model(path)
    value = float(model.get_weights()[0][0, 0])
    assert (parameters["lr"], value) in ((1e-3, 1.0), (2e-3, 2.0))
    return "old" if value == 1.0 else "new"


def test_a_saved_model_is_two_files_and_no_more(tmp_path):
    models.save_model(tmp_path / "M", OLD, some_weights(1))
    models.save_model(tmp_path / "M", NEW, some_weights(2))
    assert files_in(tmp_path) == ["M.h5", "M_param.pickle"]
    assert saved(tmp_path / "M") == "new"


# Ends the process, as a kill does, before or after the n-th time that a file is moved into place or removed.
SAVE_AND_DIE = """
import os, sys
from pathlib import Path
sys.path[:0] = sys.argv[1:3]
from test_models import NEW, OLD, some_weights
from hscd.models import saved as models
from hscd.system import storage
path, existing = Path(sys.argv[3]), sys.argv[4] == "True"
for step in range(20):
    if os.fork() == 0:
        folder = path / str(step)
        if existing:
            models.save_model(folder / "M", OLD, some_weights(1))
        left = step
        def dying(call):
            def replacement(*arguments, **options):
                global left
                if left == 0:
                    os._exit(9)
                left -= 1
                result = call(*arguments, **options)
                if left == 0:
                    os._exit(9)
                left -= 1
                return result
            return replacement
        Path.replace, Path.unlink, os.fsync = dying(Path.replace), dying(Path.unlink), dying(os.fsync)
        models.save_model(folder / "M", NEW, some_weights(2))
        os._exit(0)
    _, status = os.wait()
    print(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a process made by fork")
@pytest.mark.parametrize("existing", [True, False])
def test_killed_at_any_step_the_two_files_are_of_one_model(tmp_path, existing):
    command = [
        sys.executable,
        "-c",
        SAVE_AND_DIE,
        PROJECT / "Net",
        PROJECT / "tests/hscd/models",
        tmp_path,
        str(existing),
    ]
    environment = os.environ | {"PYTHONPATH": f"{PROJECT / 'Net'}{os.pathsep}{PROJECT / 'tests'}"}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment, check=False)
    statuses = [int(line) for line in done.stdout.split()]
    assert len(statuses) == 20, done.stderr
    assert statuses[0] == 9
    assert statuses[-1] == 0  # the kills covered all steps
    found = []
    for step in range(len(statuses)):
        folder = tmp_path / str(step)
        if existing or (folder / "M.h5").is_file():
            found.append(saved(folder / "M"))
            models.save_model(folder / "M", NEW, some_weights(2))
            assert saved(folder / "M") == "new"
            assert [name for name in files_in(folder) if not name.endswith("hscd-tmp")] == ["M.h5", "M_param.pickle"]
        else:
            found.append("none")
    # First what was there, from some step on the new model, and never again the other.
    assert found == sorted(found, key=["none", "old", "new"].index)
    assert {found[0], found[-1]} == {"old" if existing else "none", "new"}


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="access rights of POSIX")
def test_a_half_moved_model_in_a_folder_that_cannot_be_written_is_read_all_the_same(tmp_path, monkeypatch):
    models.save_model(tmp_path / "M", OLD, some_weights(1))
    old_parameters = (tmp_path / "M_param.pickle").read_bytes()
    models.save_model(tmp_path / "M", NEW, some_weights(2))
    waiting = models._pending(tmp_path / "M_param.pickle", models._digest(NEW))
    (tmp_path / "M_param.pickle").replace(waiting)
    (tmp_path / "M_param.pickle").write_bytes(old_parameters)

    def refused(source, target):
        raise PermissionError(13, "Permission denied", str(target))

    monkeypatch.setattr(storage, "move", refused)
    assert saved(tmp_path / "M") == "new"
    assert waiting.is_file()
    monkeypatch.undo()
    assert saved(tmp_path / "M") == "new"
    assert files_in(tmp_path) == ["M.h5", "M_param.pickle"]


@pytest.mark.parametrize("places", [(), ("0123456789abcdef",), tuple(f"{number:016x}" for number in range(9000))])
def test_a_model_tells_which_pairs_it_was_trained_on(tmp_path, places):
    models.save_model(tmp_path / "M", OLD, some_weights(1), trained_on=places)
    assert models.trained_on(tmp_path / "M") == set(places)


@pytest.mark.parametrize("rescaled", [True, False, None])
def test_a_model_tells_whether_it_was_trained_on_rescaled_bands(tmp_path, rescaled):
    models.save_model(tmp_path / "M", OLD, some_weights(1), rescaled)
    assert models.trained_rescaled(tmp_path / "M") is rescaled
    assert saved(tmp_path / "M") == "old"


# A disk mounted read-only refuses to move even what is not there.
def test_a_model_on_a_read_only_disk_is_read(tmp_path, monkeypatch):
    models.save_model(tmp_path / "M", OLD, some_weights(1))

    def refused(source, target):
        raise OSError(30, "Read-only file system", str(target))

    monkeypatch.setattr(Path, "replace", refused)
    assert saved(tmp_path / "M") == "old"


def test_a_model_that_is_replaced_while_it_is_read_is_read_whole(tmp_path, monkeypatch):
    models.save_model(tmp_path / "M", OLD, some_weights(1))
    read, layers = models._parameters, NEW | {"layer": 5}

    def replaced(file, stored):
        monkeypatch.setattr(models, "_parameters", read)
        models.save_model(tmp_path / "M", layers, some_weights(2))
        return read(file, stored)

    monkeypatch.setattr(models, "_parameters", replaced)
    found = models._read(tmp_path / "M")
    assert (found.parameters["lr"], found.arrays[0][0, 0]) == (2e-3, 2)


def test_files_of_two_models_are_an_error(tmp_path):
    models.save_model(tmp_path / "A", OLD, some_weights(1))
    models.save_model(tmp_path / "B", NEW, some_weights(2))
    (tmp_path / "A.h5").replace(tmp_path / "B.h5")
    with pytest.raises(InputError, match=r"B\.h5 and .*B_param\.pickle do not belong to one model"):
        models.read_parameters(tmp_path / "B")


# Whatever program wrote the parameters anew, with NumPy's numbers or another protocol, it is the same model.
def test_parameters_of_the_same_values_belong_to_the_weights(tmp_path):
    models.save_model(tmp_path / "M", OLD, some_weights(1))
    parameters = models.read_parameter_file(tmp_path / "M_param.pickle") | {
        "lr": np.float64(1e-3),
        "batch_size": np.int64(32),
    }
    models.write_parameter_file(tmp_path / "M_param.pickle", parameters)
    assert saved(tmp_path / "M") == "old"


# A user may set another learning rate for the fine-tuning of a saved model.
def test_parameters_that_do_not_change_the_distances_may_be_edited(tmp_path):
    models.save_model(tmp_path / "M", OLD, some_weights(1))
    models.write_parameter_file(tmp_path / "M_param.pickle", OLD | {"lr": 0.5, "batch_size": 7})
    assert models.read_parameters(tmp_path / "M")["lr"] == 0.5


# Files of the guide's program and of earlier versions say nothing of their parameters.
def test_weights_without_a_digest_are_read(tmp_path):
    models.save_model(tmp_path / "M", OLD, some_weights(1))
    with h5py.File(tmp_path / "M.h5", "a") as h5:
        del h5.attrs["hscd_parameters"]
    assert saved(tmp_path / "M") == "old"


# 10¹² units would be a network of terabytes. Nothing of that size may be made, nor any weight be read.
@pytest.mark.parametrize("layer", [10**12, 2**62, 6])
def test_sizes_are_checked_before_weights_are_read(tmp_path, monkeypatch, layer):
    models.save_model(tmp_path / "M", OLD | {"layer": layer}, some_weights(1))
    monkeypatch.setattr(models.weights.WeightFile, "read", lambda self: pytest.fail("weights are read"))
    with pytest.raises(InputError, match=r"M\.h5: weights of shapes .* do not fit the parameters"):
        models.load_model(tmp_path / "M")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer": 0}, "layer is 0; expected an integer >= 1"),
        ({"layer_1": 2.5}, "layer_1 is 2.5"),
        ({"layer_2": "x" * 100_000}, "layer_2 is str"),
        ({"batch_size": None}, "batch_size is NoneType"),
        ({"batch_size": 2**62}, "batch_size is 4611686018427387904; expected an integer from 1 to 1048576"),
        ({"lr": -1.0}, "lr is -1.0; expected a number > 0"),
        ({"margin": float("nan")}, "margin is nan"),
        ({"fourth_layer": "no"}, "fourth_layer is str; expected True or False"),
        ({"network": "x" * 100_000}, "unknown network 'xxx"),
        ({"loss": "x" * 100_000}, "unknown loss 'xxx"),
        ({"loss": [1]}, "unknown loss"),
    ],
)
def test_unusable_parameters_are_errors_of_one_line(tmp_path, change, message):
    models.save_model(tmp_path / "M", OLD | change, some_weights(1))
    with pytest.raises(InputError, match=message) as caught:
        models.load_model(tmp_path / "M")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


# The digest becomes part of a file's name. One bit makes a slash of the dash in it, or a letter.
@pytest.mark.parametrize("digest", ["0123456789abcdef/0123456789abcdef", "../../x", "a" * 5000, "no digest"])
def test_a_digest_that_is_none_is_refused(tmp_path, digest):
    models.save_model(tmp_path / "M", OLD, some_weights(1))
    with h5py.File(tmp_path / "M.h5", "a") as h5:
        h5.attrs["hscd_parameters"] = digest
    with pytest.raises(InputError, match=r"which is not a digest") as caught:
        models.read_parameters(tmp_path / "M")
    assert len(str(caught.value)) < 500
    models.save_model(tmp_path / "M", OLD, some_weights(1))
    assert saved(tmp_path / "M") == "old"


@pytest.mark.parametrize(
    "change", [{"score_function": SAM}, {"margin": 2.0}, {"network": "other"}, {"layer": 6}, {"loss": "x"}, {"more": 1}]
)
def test_the_digest_tells_parameters_apart_and_first_of_all_what_distances_mean(change):
    first, second = (models._digest(parameters).split("-") for parameters in (OLD, OLD | change))
    assert first[1] != second[1]
    assert (first[0] != second[0]) == bool({"score_function", "margin", "network"} & set(change))
