"""A sample of what `make soak` does to files, and that it can see what is wrong."""

import json
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import fuzz
from conftest import PROJECT
from hscd.system.errors import InputError


@pytest.fixture(scope="module")
def rows() -> list[fuzz.Row]:
    return fuzz.report(16, 24, 0)


def test_damaged_files_are_read_or_refused_clearly(rows: list[fuzz.Row]) -> None:
    assert [failure for row in rows for failure in row.failures] == []
    assert sum(row.memory for row in rows) == 0


# 16 cuts and 24 flips a format.
def test_every_format_is_damaged_and_noticed(rows: list[fuzz.Row]) -> None:
    assert {"mat 5", "mat 4", "tiff", "folder of bands", "weights", "pseudo-labels", "net.conf"} <= {
        row.format for row in rows
    }
    for row in rows:
        assert row.cases == row.valid + row.clear == 40
        assert row.clear > 0


def refuse(message: str) -> bool:
    raise InputError(message)


# What reading may do, and what must be seen of it. Not in this process, where pytest looks after stderr and signals.
READ = {
    "valid": (lambda path: True, "valid", ""),
    "senseless": (lambda path: False, "failure", "no sense"),
    "clear": (lambda path: refuse(f"{path}: bad"), "clear", "bad"),
    "two lines": (lambda path: refuse(f"{path}: bad\nvery"), "failure", "unclear"),
    "long": (lambda path: refuse(f"{path}: {'bad' * 400}"), "failure", "unclear"),
    "no file": (lambda path: refuse("bad"), "failure", "unclear"),
    "other error": (lambda path: {}["bad"], "failure", "KeyError"),
    "memory": (lambda path: len(bytes(2**30)) > 0, "failure", "MemoryError"),
    "memory as an error": (lambda path: refuse(f"{path}: Unable to allocate"), "memory", "allocate"),
    "crash": (lambda path: os.kill(os.getpid(), signal.SIGSEGV), "failure", "SIGSEGV"),
    "hang": (lambda path: os.kill(os.getpid(), signal.SIGALRM), "failure", "hangs"),
    "stderr": (lambda path: os.write(2, b"bad") == 3, "failure", "on stderr: bad"),
    "warning": (lambda path: warnings.warn("bad", stacklevel=2) is None, "failure", "on stderr"),
    "exit": (lambda path: sys.exit(0), "failure", "SystemExit"),
}


def outcomes(folder: str) -> None:
    samples = {name: fuzz.Format("a.bin", b"", read) for name, (read, _, _) in READ.items()}
    print(json.dumps({name: fuzz.outcome(sample, Path(folder)) for name, sample in samples.items()}))


def test_what_is_wrong_is_seen(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys, test_fuzz; test_fuzz.outcomes(sys.argv[1])", str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(str(PROJECT / folder) for folder in ("Net", "tests"))},
    )
    for name, (found, message) in json.loads(done.stdout).items():
        _, kind, part = READ[name]
        assert (found, part in message) == (kind, True), (name, found, message)


def test_the_damage_is_that_of_its_seed() -> None:
    content = bytes(range(256))
    first, again, other = (list(fuzz.damaged(content, 64, 20, seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert [len(cut) for _, cut in first[:64]] == list(range(0, 256, 4))
    assert all(len(flipped) == 256 and flipped != content for _, flipped in first[64:])
