"""Files are whole or untouched; pickles are data, never programs; old programs can read what is written."""

import csv
import os
import pickle
import pickletools
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from conftest import PROJECT, run_apart
from hscd.heads.euclidean import euclidean_dist
from hscd.heads.spectral_angle import SAM
from hscd.system import storage
from hscd.system.errors import InputError
from hscd.system.messages import collected

# What the files may name here, and under which name.
FUNCTIONS = {"siamese.euclidean_dist": euclidean_dist, "siamese.SAM": SAM}
PARAMETERS = {
    "dropout_rate": 0.125,
    "dropout_rate_1": 0.25,
    "lr": 1e-3,
    "layer": 224,
    "layer_1": 128,
    "layer_2": 64,
    "score_function": euclidean_dist,
    "margin": 1.0,
    "fourth_layer": False,
    "batch_size": 32,
}


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


# --- atomic_file -----------------------------------------------------------------------------------------------------


def test_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "result.bin"
    with storage.atomic_file(path) as file:
        file.write(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert names_in(tmp_path) == ["result.bin"]


def test_old_file_stays_until_the_block_ends(tmp_path):
    path = tmp_path / "result.bin"
    path.write_bytes(b"old and longer")
    with storage.atomic_file(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old and longer"
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("error", [RuntimeError, OSError, KeyboardInterrupt])
def test_an_exception_leaves_the_old_file_and_no_other(tmp_path, error):
    path = tmp_path / "result.bin"
    path.write_bytes(b"old")

    def interrupted():
        with storage.atomic_file(path) as file:
            file.write(b"half of the new")
            raise error("in the middle")

    with pytest.raises(error, match="in the middle"):
        interrupted()
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["result.bin"]


def test_an_exception_without_an_old_file_leaves_nothing(tmp_path):
    def interrupted():
        with storage.atomic_file(tmp_path / "result.bin") as file:
            file.write(b"half")
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        interrupted()
    assert names_in(tmp_path) == []


def test_a_target_that_cannot_be_replaced_leaves_no_temporary_file(tmp_path):
    (tmp_path / "result.bin").mkdir()

    def onto_a_folder():
        with storage.atomic_file(tmp_path / "result.bin") as file:
            file.write(b"new")

    with pytest.raises(OSError, match=r"result\.bin"):
        onto_a_folder()
    assert names_in(tmp_path) == ["result.bin"]


def test_missing_folders_are_created(tmp_path):
    path = tmp_path / "stat" / "of today" / "result.bin"
    with storage.atomic_file(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"


# 0o666 without the bits of the umask: 022 -> 644, 027 -> 640, 077 -> 600.
@pytest.mark.skipif(os.name != "posix", reason="umask is a POSIX notion")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_access_rights_honour_the_umask(tmp_path, umask, mode):
    previous = os.umask(umask)
    try:
        with storage.atomic_file(tmp_path / "result.bin") as file:
            file.write(b"new")
        assert os.umask(umask) == umask  # it is left as it was
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "result.bin").stat().st_mode) == mode


# The temporary file must lie in the target's folder: a file cannot be moved whole from one disk to another.
def test_temporary_file_is_beside_its_target(tmp_path):
    with storage.atomic_file(tmp_path / "result.pickle"):
        (temporary,) = names_in(tmp_path)
    # Hidden and of another suffix, so that nobody who lists *.pickle at that moment takes it for a result.
    assert temporary.startswith(".")
    assert not temporary.endswith(".pickle")


# A limit of the size of files stands for a full disk: the operating system refuses to write on.
FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np
from hscd.system import storage
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    storage.write_pickle(Path(sys.argv[1]), {"distances": np.zeros(100_000)})
except OSError as error:
    print(error)
"""


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_a_full_disk_is_an_error_that_names_the_file_and_leaves_the_old_one(tmp_path):
    path = tmp_path / "p.pickle"
    storage.write_pickle(path, {"distances": np.zeros(3)})
    old = path.read_bytes()
    done = run_apart(FULL_DISK, path)
    assert (done.returncode, done.stderr) == (0, "")
    assert str(path) in done.stdout
    assert path.read_bytes() == old
    assert names_in(tmp_path) == ["p.pickle"]


WRITE_AND_DIE = """
import os, sys
from pathlib import Path
from hscd.system import storage
with storage.atomic_file(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    os._exit(9)
"""


def test_what_a_killed_program_left_half_written_is_swept(tmp_path):
    path = tmp_path / "result.bin"
    path.write_bytes(b"old")
    (tmp_path / ".someone else's.tmp").write_bytes(b"not ours")
    assert run_apart(WRITE_AND_DIE, path).returncode == 9
    assert len(names_in(tmp_path)) == 3
    assert path.read_bytes() == b"old"
    storage.write_bytes(tmp_path / "another.bin", b"new")
    assert names_in(tmp_path) == [".someone else's.tmp", "another.bin", "result.bin"]


@pytest.mark.skipif(os.name != "posix", reason="locks of POSIX")
def test_what_is_being_written_is_not_swept(tmp_path):
    with storage.atomic_file(tmp_path / "slow.bin") as file:
        file.write(b"slow")
        storage.write_bytes(tmp_path / "quick.bin", b"quick")
    assert (tmp_path / "slow.bin").read_bytes() == b"slow"
    assert names_in(tmp_path) == ["quick.bin", "slow.bin"]


# NFS without its lock service, for one: what cannot be known to be abandoned stays.
def test_without_locks_nothing_is_swept(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "_lock", lambda file: None)
    with storage.atomic_file(tmp_path / "slow.bin") as file:
        file.write(b"slow")
        storage.write_bytes(tmp_path / "quick.bin", b"quick")
    assert names_in(tmp_path) == ["quick.bin", "slow.bin"]


@pytest.fixture
def synced(monkeypatch):
    """What is flushed to the disk, moved and closed, in that order, by the numbers of files (inodes)."""
    steps = []
    fsync, replace = os.fsync, Path.replace

    def recorded_fsync(descriptor):
        steps.append(("fsync", os.fstat(descriptor).st_ino, os.fstat(descriptor).st_size))
        fsync(descriptor)

    def recorded_replace(source, target):
        steps.append(("move", source.stat().st_ino, str(target)))
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(Path, "replace", recorded_replace)
    return steps


def write_by_path(path):
    with storage.atomic_path(path) as temporary:
        temporary.write_bytes(b"content")


# A power cut just after the move must not leave an empty file under the name: the content is on the disk before, all of
# it, and then the folder with the new name.
@pytest.mark.skipif(os.name != "posix", reason="folders are flushed on POSIX only")
@pytest.mark.parametrize("write", [lambda path: storage.write_bytes(path, b"content"), write_by_path])
def test_the_content_is_on_the_disk_before_the_move_and_the_name_after_it(tmp_path, synced, write):
    path = tmp_path / "result.bin"
    path.write_bytes(b"old")
    write(path)
    file, folder = path.stat().st_ino, tmp_path.stat().st_ino
    assert [(what, inode) for what, inode, _ in synced] == [("fsync", file), ("move", file), ("fsync", folder)]
    assert synced[0][2] == len(b"content")
    assert synced[1][2] == str(path)


# --- exclusive -------------------------------------------------------------------------------------------------------

HOLD = """
import sys
from pathlib import Path
from hscd.system import storage
with storage.exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.skipif(os.name != "posix", reason="locks of POSIX")
def test_one_process_at_a_time(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(PROJECT / "Net")}
    command = [sys.executable, "-c", HOLD, str(tmp_path / "M")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(InputError, match="another run is using it"), storage.exclusive(tmp_path / "M"):
            pass
        with storage.exclusive(tmp_path / "N"):
            pass
        other.kill()
    # Killed, it holds nothing any more; and nothing is left behind.
    with storage.exclusive(tmp_path / "M"):
        pass
    assert names_in(tmp_path) == []


# --- CSV -------------------------------------------------------------------------------------------------------------


def test_csv_is_read_back_by_pandas(tmp_path):
    rows = [
        {"name": "a", "count": 3, "share": 0.1, "best": True},
        {"name": 'b, "quoted"', "count": 40_000_000_000, "share": 1 / 3, "best": False},
    ]
    storage.write_csv(tmp_path / "table.csv", rows)
    found = pd.read_csv(tmp_path / "table.csv")
    assert found.to_dict("records") == rows


def test_csv_header_is_written_once_and_in_order(tmp_path):
    storage.write_csv(tmp_path / "table.csv", [{"z": 1, "a": 2}, {"z": 3, "a": 4}])
    assert (tmp_path / "table.csv").read_bytes() == b"z,a\n1,2\n3,4\n"


def test_a_second_table_replaces_the_first(tmp_path):
    storage.write_csv(tmp_path / "table.csv", [{"z": 1}, {"z": 2}, {"z": 3}])
    storage.write_csv(tmp_path / "table.csv", [{"z": 4}])
    assert (tmp_path / "table.csv").read_bytes() == b"z\n4\n"


def test_none_and_nan_become_empty_cells_and_zero_does_not(tmp_path):
    rows = [{"a": None, "b": float("nan"), "c": np.float64("nan"), "d": np.float32("nan"), "e": 0, "f": False, "g": ""}]
    storage.write_csv(tmp_path / "table.csv", rows)
    assert (tmp_path / "table.csv").read_text(encoding="utf-8") == "a,b,c,d,e,f,g\n,,,,0,False,\n"
    assert pd.read_csv(tmp_path / "table.csv").isna().sum(axis=1).tolist() == [5]


# Not np.float64(0.1): numbers of NumPy look like those of Python.
def test_numpy_numbers_are_plain_numbers(tmp_path):
    storage.write_csv(
        tmp_path / "t.csv", [{"a": np.float64(0.1), "b": np.int64(7), "c": np.float32(0.5), "d": np.True_}]
    )
    assert (tmp_path / "t.csv").read_text(encoding="utf-8") == "a,b,c,d\n0.1,7,0.5,True\n"


@pytest.mark.parametrize("value", [0.1 + 0.2, 1e-300, 0.24991151306713982, 12345.678901234567])
def test_floats_keep_all_their_digits(tmp_path, value):
    storage.write_csv(tmp_path / "table.csv", [{"value": value}])
    with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as file:
        assert float(list(csv.reader(file))[1][0]) == value


def test_rows_of_different_columns_are_an_error_and_leave_the_old_table(tmp_path):
    storage.write_csv(tmp_path / "table.csv", [{"a": 1}])
    with pytest.raises(ValueError, match="'b'"):
        storage.write_csv(tmp_path / "table.csv", [{"a": 1}, {"b": 2}])
    assert (tmp_path / "table.csv").read_bytes() == b"a\n1\n"
    assert names_in(tmp_path) == ["table.csv"]


# --- pickles: round trip ---------------------------------------------------------------------------------------------


def globals_of(path):
    """Every "module name" that a pickle refers to, found without running it; protocols up to 3 spell them out."""
    found = set()
    for opcode, argument, _ in pickletools.genops(path.read_bytes()):
        assert opcode.name not in {"STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"}
        if opcode.name == "GLOBAL":
            found.add(argument)
    return found


@pytest.mark.parametrize("function", [euclidean_dist, SAM])
def test_parameters_come_back_with_their_distance_function(tmp_path, function):
    parameters = PARAMETERS | {"score_function": function}
    storage.write_pickle(tmp_path / "m_param.pickle", parameters, FUNCTIONS)
    found = storage.read_pickle(tmp_path / "m_param.pickle", FUNCTIONS)
    assert found == parameters
    assert found["score_function"] is function
    assert list(found) == list(parameters)


# The guide's program unpickles a function by importing it from its own module, `siamese`.
@pytest.mark.parametrize(("function", "name"), [(euclidean_dist, "euclidean_dist"), (SAM, "SAM")])
def test_distance_function_is_stored_as_a_global_of_siamese(tmp_path, function, name):
    storage.write_pickle(tmp_path / "m_param.pickle", PARAMETERS | {"score_function": function}, FUNCTIONS)
    assert globals_of(tmp_path / "m_param.pickle") == {f"siamese {name}"}


# Its TensorFlow 2.4 runs on Python 3.6 to 3.8, which read protocols up to 3 (3.6, 3.7: 4).
def test_protocol_is_one_that_old_programs_read(tmp_path):
    storage.write_pickle(tmp_path / "m_param.pickle", PARAMETERS, FUNCTIONS)
    assert (tmp_path / "m_param.pickle").read_bytes()[:2] == b"\x80\x03"


OLD_PROGRAM = """
import pickle, sys, types
siamese = types.ModuleType("siamese")
siamese.euclidean_dist = lambda x, y: "ED of the old program"
siamese.SAM = lambda x, y: "SAM of the old program"
sys.modules["siamese"] = siamese
with open(sys.argv[1], "rb") as file:
    content = pickle.load(file)
assert not any(module.startswith("hscd") for module in sys.modules)
print(content.pop("score_function")(1, 2), content["other"](1, 2), sorted(content), content["layer"])
"""


def test_a_program_with_its_own_siamese_module_reads_parameters(tmp_path):
    path = tmp_path / "m_param.pickle"
    storage.write_pickle(path, {"score_function": SAM, "other": euclidean_dist, "layer": 224}, FUNCTIONS)
    done = subprocess.run([sys.executable, "-c", OLD_PROGRAM, path], capture_output=True, text=True, check=False)
    assert done.stdout == "SAM of the old program ED of the old program ['layer', 'other'] 224\n", done.stderr


def test_one_function_under_several_keys(tmp_path):
    content = {"a": SAM, "b": "text", "c": SAM, "d": euclidean_dist, "e": SAM}
    storage.write_pickle(tmp_path / "f.pickle", content, FUNCTIONS)
    assert storage.read_pickle(tmp_path / "f.pickle", FUNCTIONS) == content


# A function that readers would not find under its name makes a file that nobody can read.
@pytest.mark.parametrize("functions", [None, {"siamese.SAM": SAM}])
def test_functions_that_are_not_named_are_neither_written_nor_read(tmp_path, functions):
    path = tmp_path / "f.pickle"
    with pytest.raises(TypeError, match=r"euclidean_dist.* is not among the functions"):
        storage.write_pickle(path, {"a": euclidean_dist}, functions)
    assert names_in(tmp_path) == []
    storage.write_pickle(path, {"a": euclidean_dist}, FUNCTIONS)
    with pytest.raises(InputError, match=r"refers to siamese\.euclidean_dist, which is not allowed"):
        storage.read_pickle(path, functions)


def test_names_of_functions_are_the_callers(tmp_path):
    storage.write_pickle(tmp_path / "f.pickle", {"a": SAM}, {"one.package.angle": SAM})
    assert globals_of(tmp_path / "f.pickle") == {"one.package angle"}
    assert storage.read_pickle(tmp_path / "f.pickle", {"one.package.angle": euclidean_dist}) == {"a": euclidean_dist}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pseudo_labels_come_back(tmp_path, dtype):
    distances = np.random.default_rng(0).random(12).astype(dtype)
    storage.write_pickle(tmp_path / "p.pickle", {"threshold": 0.5, "distances": distances, "shape": (3, 4)})
    found = storage.read_pickle(tmp_path / "p.pickle")
    assert list(found) == ["threshold", "distances", "shape"]
    assert found["threshold"] == 0.5
    assert found["shape"] == (3, 4)
    np.testing.assert_array_equal(found["distances"], distances, strict=True)


def test_numpy_scalars_and_arrays_of_several_kinds_come_back(tmp_path):
    content = {
        "a": np.float64(0.5),
        "b": np.int64(3),
        "c": np.bool_(True),
        "d": np.arange(6).reshape(2, 3),
        "e": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "f": np.array([1, 2], dtype=np.uint16),
        "g": np.zeros((0, 3)),
        "h": [1, 2.5, None],
        "i": (b"bytes", "text", True),
    }
    storage.write_pickle(tmp_path / "f.pickle", content)
    found = storage.read_pickle(tmp_path / "f.pickle")
    for key in "abcdefg":
        np.testing.assert_array_equal(found[key], content[key], strict=True)
    assert (found["h"], found["i"]) == (content["h"], content["i"])


# NumPy 1, which the guide's program runs on (TensorFlow 2.4: NumPy 1.19), has no module numpy._core.
def test_arrays_are_stored_under_names_that_numpy_1_has(tmp_path):
    content = {"threshold": np.float64(0.5), "distances": np.zeros(3, dtype=np.float32), "shape": (1, 3)}
    storage.write_pickle(tmp_path / "p.pickle", content)
    modules = {name.split()[0] for name in globals_of(tmp_path / "p.pickle")}
    assert modules <= {"numpy", "numpy.core.multiarray"}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_pickled_by_others_are_read_in_every_protocol(tmp_path, protocol):
    content = {"threshold": np.float64(0.5), "distances": np.arange(4.0), "shape": (2, 2)}
    (tmp_path / "p.pickle").write_bytes(pickle.dumps(content, protocol=protocol))
    found = storage.read_pickle(tmp_path / "p.pickle")
    assert found["threshold"] == 0.5
    np.testing.assert_array_equal(found["distances"], content["distances"], strict=True)


def test_a_failed_write_leaves_the_old_pickle(tmp_path):
    storage.write_pickle(tmp_path / "f.pickle", {"a": 1})
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        storage.write_pickle(tmp_path / "f.pickle", {"a": (value for value in [1])})
    assert storage.read_pickle(tmp_path / "f.pickle") == {"a": 1}
    assert names_in(tmp_path) == ["f.pickle"]


def test_writing_does_not_mutate_the_dict(tmp_path):
    parameters = dict(PARAMETERS)
    storage.write_pickle(tmp_path / "f.pickle", parameters, FUNCTIONS)
    assert parameters == PARAMETERS
    assert parameters["score_function"] is euclidean_dist


_NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats() | st.booleans()
_SCALARS = st.none() | st.text(max_size=20) | st.binary(max_size=20) | _NUMBERS
_ARRAYS = hnp.arrays(
    st.sampled_from([np.float32, np.float64, np.dtype(">i2"), np.uint8, np.int64, np.bool_]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
_CONTENTS = st.dictionaries(
    st.text(max_size=10),
    _SCALARS
    | st.lists(_SCALARS, max_size=4)
    | st.tuples(_SCALARS, _NUMBERS)
    | _ARRAYS
    | st.sampled_from([SAM, euclidean_dist]),
    max_size=6,
)


def the_same(found, expected):
    """Equal in type and value, NaN included."""
    if isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(found, expected, strict=True)
    else:
        assert type(found) is type(expected)
        assert found is expected if callable(expected) else repr(found) == repr(expected)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=_CONTENTS)
def test_any_content_that_can_be_written_comes_back(tmp_path, content):
    storage.write_pickle(tmp_path / "f.pickle", content, FUNCTIONS)
    found = storage.read_pickle(tmp_path / "f.pickle", FUNCTIONS)
    assert list(found) == list(content)
    for key, expected in content.items():
        the_same(found[key], expected)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "name": st.text(st.characters(exclude_characters="\r", codec="utf-8"), min_size=1),
                "value": st.floats(allow_nan=False),
                "count": st.integers(),
            }
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_table_comes_back(tmp_path, rows):
    storage.write_csv(tmp_path / "t.csv", rows)
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert [(row["name"], float(row["value"]), int(row["count"])) for row in found] == [
        (row["name"], row["value"], row["count"]) for row in rows
    ]


def test_a_named_pipe_is_no_pickle(tmp_path):
    os.mkfifo(tmp_path / "a.pickle")
    with pytest.raises(InputError, match="expected a file, found a named pipe"):
        storage.read_pickle(tmp_path / "a.pickle")


def test_a_file_in_the_place_of_a_folder_for_results(tmp_path):
    (tmp_path / "stat").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    for folder in ("stat", "stat/below", "dangling"):
        with pytest.raises(InputError, match=f"{folder}: expected a folder for results"):
            storage.require_folder(tmp_path / folder)


def test_only_a_file_is_removed_and_tidying_up_is_no_failure(tmp_path, monkeypatch):
    folder, file = tmp_path / "features.png", tmp_path / "file"
    folder.mkdir()
    file.touch()
    with collected() as warnings:
        found = [storage.remove(path) for path in (folder, file, file, tmp_path / ("x" * 999))]
    assert (found, warnings, folder.is_dir()) == ([False, True, False, False], [], True)
    file.touch()

    def in_use(path):
        raise PermissionError(13, "in use", str(path))

    monkeypatch.setattr(Path, "unlink", in_use)
    with collected() as warnings:
        assert not storage.remove(file)
    assert warnings == [f"{file}: is out of date and cannot be removed: in use"]
