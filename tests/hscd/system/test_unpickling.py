"""Pickles are data, never programs: hostile and damaged ones are refused; those of the first programs are read."""

import contextlib
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from conftest import PROJECT, SHARED, needs_shared, run_apart
from hscd.heads.euclidean import euclidean_dist
from hscd.heads.spectral_angle import SAM
from hscd.models import saved as models
from hscd.system import storage
from hscd.system.errors import InputError

# What the files may name here: what hostile ones name besides is refused all the same.
FUNCTIONS = {"siamese.euclidean_dist": euclidean_dist, "siamese.SAM": SAM}


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
            storage.read_pickle(path, FUNCTIONS)
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
from hscd.system import storage
from hscd.system.errors import InputError
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
        ("hscd.heads.euclidean.SAM", b"chscd.heads.euclidean\nSAM\n."),
        ("hscd.system.storage.os", b"chscd.system.storage\nos\n."),
    ],
)
def test_globals_other_than_the_allowed_ones_are_refused(tmp_path, name, data):
    path = tmp_path / "hostile.pickle"
    path.write_bytes(data)
    with pytest.raises(InputError, match="not allowed") as caught:
        storage.read_pickle(path, FUNCTIONS)
    assert str(path) in str(caught.value)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


# The instruction BUILD sets attributes of whatever is on the stack, with a pair (None, {name: value}) by setattr.
def test_a_pickle_cannot_change_a_distance_of_this_program(tmp_path, monkeypatch):
    monkeypatch.setattr(SAM, "__name__", "SAM")  # put back at the end, whatever happens
    path = tmp_path / "hostile.pickle"
    path.write_bytes(b"csiamese\nSAM\n(N(S'__name__'\nS'renamed'\ndtb0(d.")
    with contextlib.suppress(InputError):
        storage.read_pickle(path, FUNCTIONS)
    assert SAM.__name__ == "SAM"


@pytest.mark.parametrize(
    ("content", "kind"), [([1, 2], "list"), ("text", "str"), (None, "NoneType"), (SAM, "function")]
)
def test_a_pickle_of_something_else_than_a_dict_is_an_error(tmp_path, content, kind):
    path = tmp_path / "other.pickle"
    path.write_bytes(b"csiamese\nSAM\n." if content is SAM else pickle.dumps(content))
    with pytest.raises(InputError, match=f"expected a dict, found {kind}") as caught:
        storage.read_pickle(path, FUNCTIONS)
    assert str(path) in str(caught.value)


def test_every_truncation_of_a_pickle_is_an_input_error(tmp_path):
    path = tmp_path / "p.pickle"
    storage.write_pickle(path, {"threshold": 0.5, "distances": np.arange(5.0), "score_function": SAM}, FUNCTIONS)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match="not a usable pickle file") as caught:
            storage.read_pickle(path, FUNCTIONS)
        assert str(path) in str(caught.value)


# Reads damaged copies of a file, in a process of its own: NumPy's part of unpickling is C, and what it is told about a
# number type it believes, up to a crash.
READ_DAMAGED = """
import sys
from pathlib import Path
from hscd.system import storage
from hscd.system.errors import InputError
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
from hscd.system import storage
from hscd.system.errors import InputError
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
    found = models.read_parameter_file(SHARED / "legacy" / f"{name}_param.pickle")
    assert set(found) == set(models.PARAMETERS)
    assert found["score_function"] is euclidean_dist
    assert (found["layer"], found["layer_1"], found["layer_2"], found["batch_size"]) == (224, 128, 64, 32)


@needs_shared
def test_legacy_pseudo_labels_load():
    found = storage.read_pickle(SHARED / "legacy" / "bayarea.pickle")
    assert set(found) == {"threshold", "distances", "shape"}
    assert found["distances"].dtype == np.float64
    assert np.isfinite(found["distances"]).all()
