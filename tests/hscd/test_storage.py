"""Files are whole or untouched; pickles are data, never programs; old programs can read what is written."""

import contextlib
import csv
import os
import pickle
import pickletools
import stat
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from conftest import PROJECT, SHARED, needs_shared
from hscd import storage
from hscd.distances import SAM, euclidean_dist
from hscd.errors import InputError

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
from hscd import storage
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
from hscd import storage
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


# --- exclusive -------------------------------------------------------------------------------------------------------

HOLD = """
import sys
from pathlib import Path
from hscd import storage
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
        with pytest.raises(InputError, match="another run is at work"), storage.exclusive(tmp_path / "M"):
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
    storage.write_pickle(tmp_path / "m_param.pickle", parameters)
    found = storage.read_pickle(tmp_path / "m_param.pickle")
    assert found == parameters
    assert found["score_function"] is function
    assert list(found) == list(parameters)


# The guide's program unpickles a function by importing it from its own module, `siamese`.
@pytest.mark.parametrize(("function", "name"), [(euclidean_dist, "euclidean_dist"), (SAM, "SAM")])
def test_distance_function_is_stored_as_a_global_of_siamese(tmp_path, function, name):
    storage.write_pickle(tmp_path / "m_param.pickle", PARAMETERS | {"score_function": function})
    assert globals_of(tmp_path / "m_param.pickle") == {f"siamese {name}"}


# Its TensorFlow 2.4 runs on Python 3.6 to 3.8, which read protocols up to 3 (3.6, 3.7: 4).
def test_protocol_is_one_that_old_programs_read(tmp_path):
    storage.write_pickle(tmp_path / "m_param.pickle", PARAMETERS)
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
    storage.write_pickle(path, {"score_function": SAM, "other": euclidean_dist, "layer": 224})
    done = subprocess.run([sys.executable, "-c", OLD_PROGRAM, path], capture_output=True, text=True, check=False)
    assert done.stdout == "SAM of the old program ED of the old program ['layer', 'other'] 224\n", done.stderr


def test_one_function_under_several_keys(tmp_path):
    content = {"a": SAM, "b": "text", "c": SAM, "d": euclidean_dist, "e": SAM}
    storage.write_pickle(tmp_path / "f.pickle", content)
    assert storage.read_pickle(tmp_path / "f.pickle") == content


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
    storage.write_pickle(tmp_path / "f.pickle", parameters)
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
    storage.write_pickle(tmp_path / "f.pickle", content)
    found = storage.read_pickle(tmp_path / "f.pickle")
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


# --- pickles: hostile and damaged ------------------------------------------------------------------------------------


class _Runs:
    """Pickles as a call of `function` with `arguments`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def _nested(payload):
    return {"threshold": 0.5, "distances": [1, {"deep": ("inside", payload)}], "shape": (1, 1)}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("wrap", [lambda payload: payload, lambda payload: {"layer": payload}, _nested])
def test_hostile_pickles_are_refused_and_nothing_is_run(tmp_path, protocol, wrap):
    sentinel = tmp_path / "sentinel"
    path = tmp_path / "hostile.pickle"
    for function, arguments, name in (
        (os.system, (f"echo > '{sentinel}'",), f"{os.system.__module__}.system"),
        (eval, (f"open({str(sentinel)!r}, 'w').close()",), "eval"),
        (os.mkdir, (str(sentinel),), "mkdir"),
    ):
        path.write_bytes(pickle.dumps(wrap(_Runs(function, *arguments)), protocol=protocol))
        with pytest.raises(InputError) as caught:
            storage.read_pickle(path)
        assert str(path) in str(caught.value)
        assert name in str(caught.value)
        assert not sentinel.exists()
    # The same file does its work where pickles are trusted, so the test can fail.
    pickle.loads(path.read_bytes())
    assert sentinel.exists()


# Files that would exhaust stack, memory or time of a program that builds what they describe.
BOMBS = {
    # Each list holds the one before twice: 2^50 elements to print or to compare.
    "lists of lists": b"}S'a'\n(lp1\n" + b"".join(b"(g%d\ng%d\nlp%d\n" % (i, i, i + 1) for i in range(1, 50)) + b"s.",
    "tuples of tuples": b"\x80\x02}X\x01\0\0\0a)" + b"\x85" * 1_000_000 + b"s.",
    "a deep tuple as key": b"\x80\x02})" + b"\x85" * 1_000_000 + b"K\x01s.",
    "a dict in itself": b"\x80\x02}q\0X\x01\0\0\0ah\0s.",
    "a list in itself": b"\x80\x02}X\x01\0\0\0a]q\0h\0as.",
    "a place in the memo far away": b"\x80\x02}r\xff\xff\xff\x7fX\x01\0\0\0ar\xfe\xff\xff\xff]]as.",
    "bytes of 2^62": b"\x80\x04}\x8c\x01a\x8e" + (2**62).to_bytes(8, "little") + b"short",
    "a byte array of 2^40": b"\x80\x05}\x8c\x01a\x96" + (2**40).to_bytes(8, "little") + b"short",
    "a text of 2^40": b"\x80\x04}\x8c\x01a\x8d" + (2**40).to_bytes(8, "little") + b"short",
    "a frame of 2^60": b"\x80\x04\x95" + (2**60).to_bytes(8, "little") + b"}\x8c\x01a]]as.",
    "an integer of a million digits": b"}S'a'\nL" + b"9" * 1_000_000 + b"L\ns.",
    "an integer of a million bytes": b"\x80\x02}X\x01\0\0\0a\x8b"
    + (10**6).to_bytes(4, "little")
    + b"\x7f" * 10**6
    + b"s.",
    "an array of 2^40 from eight bytes": pickle.dumps({"a": np.arange(1.0)}, 3).replace(
        b"K\x01\x85q", b"\x8a\x06\0\0\0\0\0\x01\x85q"
    ),
    "an unknown extension": b"}S'a'\n\x82\x01s.",
    "a persistent name": b"}S'a'\nPsomewhere\ns.",
    # A text is encoded again and again; a list is looked at again and again.
    "copies of a text": b"\x80\x02}X\x01\0\0\0a(c_codecs\nencode\nq\0X\x00\x80\0\0"
    + b"x" * 2**15
    + b"q\x01X\x06\0\0\0latin1q\x02"
    + b"h\0h\x01h\x02\x86R" * 30_000
    + b"ts.",
    "looks at a list": b"\x80\x02}X\x01\0\0\0a(](" + b"K\x01" * 20_000 + b"eq\1" + b"h\1\x85" * 20_000 + b"ts.",
    "a list under many names": b"\x80\x02}(X\x01\0\0\0a]("
    + b"K\x01" * 20_000
    + b"eq\1"
    + b"".join(b"X\x05\0\0\0%05dh\1" % number for number in range(5_000))
    + b"u.",
    "no end": b"\x80\x02}",
}

READ_LIMITED = """
import resource, sys
from pathlib import Path
from hscd import storage
from hscd.errors import InputError
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        storage.read_pickle(path)
        print(f"{path.name}: read")
    except InputError as error:
        text = str(error)
        in_one_line = "\\n" not in text and str(path) in text and len(text) < 500
        print(path.name if in_one_line else f"{path.name}: {text[:500]}")
"""


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_bombs_are_refused_in_one_line_within_a_gigabyte_and_soon(tmp_path):
    for name, data in BOMBS.items():
        (tmp_path / name).write_bytes(data)
    environment = os.environ | {"PYTHONPATH": str(PROJECT / "Net"), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", READ_LIMITED, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=60)
    assert (done.stdout.splitlines(), done.stderr) == (sorted(BOMBS), "")


# Written by hand, because a pickler would not. Each line: what the refused name is, and the bytes.
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("builtins.eval", b"cbuiltins\neval\n(S'1+1'\ntR."),
        ("os.system", b"(S'true'\nios\nsystem\n."),  # INST
        ("builtins.getattr", b"(cbuiltins\ngetattr\ncnumpy\nndarray\nS'tofile'\no."),  # OBJ
        ("subprocess.Popen", b"\x80\x04\x8c\nsubprocess\x8c\x05Popen\x93."),  # STACK_GLOBAL
        ("numpy.ndarray.tofile", b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93."),  # a dotted name
        ("numpy.load", b"cnumpy\nload\n."),
        ("numpy.save", b"cnumpy\nsave\n."),
        ("siamese.keras", b"csiamese\nkeras\n."),
        ("siamese.load_model", b"csiamese\nload_model\n."),
        ("hscd.distances.SAM", b"chscd.distances\nSAM\n."),
        ("hscd.storage.os", b"chscd.storage\nos\n."),
    ],
)
def test_globals_other_than_the_allowed_ones_are_refused(tmp_path, name, data):
    path = tmp_path / "hostile.pickle"
    path.write_bytes(data)
    with pytest.raises(InputError, match="not allowed") as caught:
        storage.read_pickle(path)
    assert str(path) in str(caught.value)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


# The instruction BUILD sets attributes of whatever is on the stack, with a pair (None, {name: value}) by setattr.
def test_a_pickle_cannot_change_a_distance_of_this_program(tmp_path, monkeypatch):
    monkeypatch.setattr(SAM, "__name__", "SAM")  # put back at the end, whatever happens
    path = tmp_path / "hostile.pickle"
    path.write_bytes(b"csiamese\nSAM\n(N(S'__name__'\nS'renamed'\ndtb0(d.")
    with contextlib.suppress(InputError):
        storage.read_pickle(path)
    assert SAM.__name__ == "SAM"


@pytest.mark.parametrize(
    ("content", "kind"), [([1, 2], "list"), ("text", "str"), (None, "NoneType"), (SAM, "function")]
)
def test_a_pickle_of_something_else_than_a_dict_is_an_error(tmp_path, content, kind):
    path = tmp_path / "other.pickle"
    path.write_bytes(b"csiamese\nSAM\n." if content is SAM else pickle.dumps(content))
    with pytest.raises(InputError, match=f"expected a dict, found {kind}") as caught:
        storage.read_pickle(path)
    assert str(path) in str(caught.value)


def test_every_truncation_of_a_pickle_is_an_input_error(tmp_path):
    path = tmp_path / "p.pickle"
    storage.write_pickle(path, {"threshold": 0.5, "distances": np.arange(5.0), "score_function": SAM})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match="not a usable pickle file") as caught:
            storage.read_pickle(path)
        assert str(path) in str(caught.value)


# Reads damaged copies of a file, in a process of its own: NumPy's part of unpickling is C, and what it is told about a
# number type it believes, up to a crash.
READ_DAMAGED = """
import sys
from pathlib import Path
from hscd import storage
from hscd.errors import InputError
path = Path(sys.argv[1])
whole = path.read_bytes()
refused = 0
for flip in (0x15, 0xFF):
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ flip]) + whole[position + 1 :])
        try:
            assert isinstance(storage.read_pickle(path), dict)
        except InputError as error:
            assert str(path) in str(error)
            refused += 1
print(refused)
"""


def run_apart(script, *arguments):
    """Run a script that imports from Net in another process, warnings being errors."""
    environment = os.environ | {"PYTHONPATH": str(PROJECT / "Net")}
    command = [sys.executable, "-W", "error", "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_damaged_bytes_give_an_input_error_or_a_dict(tmp_path):
    path = tmp_path / "p.pickle"
    storage.write_pickle(path, {"threshold": 0.5, "distances": np.arange(5.0), "shape": (1, 5)})
    done = run_apart(READ_DAMAGED, path)
    assert (done.returncode, done.stderr) == (0, "")
    # Of two flips a byte, many are noticed; a changed digit of a distance cannot be.
    assert int(done.stdout) > path.stat().st_size / 2


READ_ONE = """
import sys
from pathlib import Path
from hscd import storage
from hscd.errors import InputError
try:
    storage.read_pickle(Path(sys.argv[1]))
except InputError:
    print("refused")
"""


# An array of one "object" whose type claims, in its state's last number, the flags, that it is plain bytes: NumPy would
# take the eight bytes 41 … 41 for the address of a Python object and use it.
def test_a_pickle_cannot_make_objects_out_of_bytes(tmp_path):
    path = tmp_path / "hostile.pickle"
    path.write_bytes(
        b"\x80\x03}X\x09\0\0\0distances"
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85C\x01b\x87R"  # called
        b"(K\x01K\x01\x85"  # its state: version 1, shape (1,),
        b"cnumpy\ndtype\nX\x02\0\0\0O8\x89\x88\x87R"  # dtype("O8", False, True)
        b"(K\x03X\x01\0\0\0|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"  # of state (3, "|", …, −1, −1, 0),
        b"\x89C\x08AAAAAAAAtbs."  # C order, eight bytes
    )
    done = run_apart(READ_ONE, path)
    assert (done.returncode, done.stdout) == (0, "refused\n"), done.stderr


def test_missing_file_and_folder_are_input_errors(tmp_path):
    for path in (tmp_path / "absent.pickle", tmp_path):
        with pytest.raises(InputError, match="cannot be read") as caught:
            storage.read_pickle(path)
        assert str(path) in str(caught.value)


@needs_shared
@pytest.mark.parametrize("name", ["BAEDotsu", "SBEDotsu"])
def test_legacy_parameters_load(name):
    found = storage.read_pickle(SHARED / "legacy" / f"{name}_param.pickle")
    assert set(found) == set(PARAMETERS)
    assert found["score_function"] is euclidean_dist
    assert (found["layer"], found["layer_1"], found["layer_2"], found["batch_size"]) == (224, 128, 64, 32)


@needs_shared
def test_legacy_pseudo_labels_load():
    found = storage.read_pickle(SHARED / "legacy" / "bayarea.pickle")
    assert set(found) == {"threshold", "distances", "shape"}
    assert found["distances"].dtype == np.float64
    assert np.isfinite(found["distances"]).all()
