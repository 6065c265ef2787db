"""Output that cannot be shown or that nobody reads."""

import ast
import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import PROJECT

SCRIPT = """
import sys
from hscd.system.streams import patient_streams
with patient_streams() as refused:
    for number in range(3):
        print("× … line", number)
        print("warning: ×", file=sys.stderr)
        sys.stderr.write("")
    import os
    first = os.open(os.path.dirname(sys.argv[1]) + "/first", os.O_WRONLY | os.O_CREAT)
    os.write(first, b"%d " % min(first, 3))
open(sys.argv[1], "w").write(repr({name: error.errno for name, error in refused.of.items()}))
open(sys.argv[1] + ".told", "w").write(repr([name for name, _ in refused.but_closed()]))
"""


def run(tmp_path, redirection, *options, stdout=subprocess.PIPE, **variables):
    """What the streams refused and what of that is an error, exit status, standard output and error."""
    environment = os.environ | {"PYTHONPATH": str(PROJECT / "Net"), "PYTHONUNBUFFERED": "", **variables}
    python = [sys.executable, *options, "-c", SCRIPT, tmp_path / "out"]
    done = subprocess.run(
        ["bash", "-c", f'"$@" {redirection}', "bash", *python],
        stdout=stdout, stderr=subprocess.PIPE, env=environment, check=False,
    )  # fmt: skip
    said, told = (ast.literal_eval((tmp_path / name).read_text()) for name in ("out", "out.told"))
    return said, told, done


@contextlib.contextmanager
def closed_pipe():
    """The end for writing of a pipe whose other end is closed."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        yield writing
    finally:
        os.close(writing)


@pytest.mark.parametrize("encoding", ["ascii", "cp437:strict", "utf-8", "latin-1"])
def test_what_an_encoding_lacks_is_escaped(tmp_path, encoding):
    said, told, done = run(tmp_path, "", PYTHONIOENCODING=encoding)
    assert (said, told, done.returncode) == ({}, [], 0)
    name = encoding.partition(":")[0]
    assert done.stdout.startswith("× … line 0\n".encode(name, "backslashreplace"))
    assert done.stderr == 3 * "warning: ×\n".encode(name, "backslashreplace")


@pytest.mark.parametrize("options", [(), ("-u",)])
def test_a_closed_pipe_ends_nothing(tmp_path, options):
    with closed_pipe() as pipe:
        said, told, done = run(tmp_path, "", *options, stdout=pipe)
    assert (said, told, done.returncode) == ({"standard output": 32}, [], 0)
    assert done.stderr == 3 * "warning: ×\n".encode()
    with closed_pipe() as pipe:
        said, told, done = run(tmp_path, "2>&1", *options, stdout=pipe)
    assert (said, told, done.returncode) == ({"standard output": 32, "standard error": 32}, [], 0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
def test_a_full_disk_is_told_in_the_end(tmp_path):
    said, told, done = run(tmp_path, "> /dev/full")
    assert (said, told, done.returncode) == ({"standard output": 28}, ["standard output"], 0)


def test_streams_that_are_not_there(tmp_path):
    said, told, done = run(tmp_path, "<&- >&- 2>&-")
    assert (said, told, done.returncode) == ({}, [], 0)
    assert (tmp_path / "first").read_text() == "3 "  # not one of theirs, which libraries write to
