"""Output that cannot be shown or that nobody reads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import PROJECT

SCRIPT = """
import sys
from hscd.streams import patient_streams
with patient_streams() as refused:
    for number in range(3):
        print("× … line", number)
        print("warning: ×", file=sys.stderr)
    print("x" * 100_000, flush=True)
open(sys.argv[1], "w").write(repr({name: error.errno for name, error in refused.of.items()}))
open(sys.argv[1] + ".told", "w").write(repr([name for name, _ in refused.but_closed()]))
"""


def run(tmp_path, redirection, *options, **variables):
    """What the streams refused and what of that is an error, exit status, standard output and error."""
    environment = os.environ | {"PYTHONPATH": str(PROJECT / "Net"), **variables}
    python = [sys.executable, *options, "-c", SCRIPT, tmp_path / "out"]
    done = subprocess.run(
        ["bash", "-c", f'set -o pipefail; "$@" {redirection}', "bash", *python],
        capture_output=True, env=environment, check=False,
    )  # fmt: skip
    said = eval((tmp_path / "out").read_text())
    return said, eval((tmp_path / "out.told").read_text()), done


@pytest.mark.parametrize("encoding", ["ascii", "cp437:strict", "utf-8", "latin-1"])
def test_what_an_encoding_lacks_is_escaped(tmp_path, encoding):
    said, told, done = run(tmp_path, "", PYTHONIOENCODING=encoding)
    assert (said, told, done.returncode) == ({}, [], 0)
    name = encoding.partition(":")[0]
    assert done.stdout.startswith("× … line 0\n".encode(name, "backslashreplace"))
    assert done.stderr == 3 * "warning: ×\n".encode(name, "backslashreplace")


@pytest.mark.parametrize("options", [(), ("-u",)])
def test_a_closed_pipe_ends_nothing(tmp_path, options):
    said, told, done = run(tmp_path, "| true", *options)
    assert (said, told, done.returncode) == ({"standard output": 32}, [], 0)
    assert done.stderr == 3 * "warning: ×\n".encode()
    said, told, done = run(tmp_path, "2>&1 | true", *options)
    assert (said, told, done.returncode) == ({"standard output": 32, "standard error": 32}, [], 0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
def test_a_full_disk_is_told_in_the_end(tmp_path):
    said, told, done = run(tmp_path, "> /dev/full")
    assert (said, told, done.returncode) == ({"standard output": 28}, ["standard output"], 0)


def test_streams_that_are_not_there(tmp_path):
    said, told, done = run(tmp_path, ">&- 2>&-")
    assert (said, told, done.returncode) == ({}, [], 0)
