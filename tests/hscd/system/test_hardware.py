"""Threads and backends."""

import os
import subprocess
import sys

import psutil
import pytest

from conftest import PROJECT
from hscd.system import hardware
from hscd.system.errors import InputError


@pytest.mark.parametrize(("variable", "expected"), [("3", 3), ("1", 1), ("0", 1), ("", None), ("4,2", None)])
def test_threads_are_those_asked_for_or_the_cores(monkeypatch, variable, expected):
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    assert hardware.threads() == (expected or hardware.cores())


def test_cores_are_those_this_process_may_run_on():
    assert 1 <= hardware.cores() <= (os.cpu_count() or 1)
    if hasattr(os, "sched_setaffinity"):
        allowed = os.sched_getaffinity(0)
        assert hardware.cores() == len(allowed)
        os.sched_setaffinity(0, {min(allowed)})
        try:
            assert hardware.cores() == 1
        finally:
            os.sched_setaffinity(0, allowed)


def test_available_memory_is_at_most_that_of_the_machine():
    assert 0 < hardware.available_memory() <= psutil.virtual_memory().total


LIMITED = """
import resource
import psutil
from hscd.system.hardware import available_memory
allowed = psutil.Process().memory_info().vms + 100 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (allowed, allowed))
print(available_memory())
"""


# 100 MB were left when the limit was set; asking takes some of it.
@pytest.mark.skipif(hardware.resource is None, reason="no such limits on this system")
def test_available_memory_is_within_the_address_space_allowed():
    environment = os.environ | {"PYTHONPATH": str(PROJECT / "Net")}
    done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, check=True, env=environment)
    assert 80 * 2**20 < int(done.stdout) <= 100 * 2**20


# 1000 allowed, 700 used, 200 of these for files that can be dropped: 1000 − (700 − 200) = 500.
@pytest.mark.parametrize(
    ("folder", "limit", "usage", "cache"),
    [
        ("", "memory.max", "memory.current", "inactive_file"),
        ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ],
)
def test_memory_left_to_a_container(tmp_path, folder, limit, usage, cache):
    assert hardware._free_of_control_group(tmp_path) == []
    group = tmp_path / folder
    group.mkdir(exist_ok=True)
    for name, content in ((limit, "1000\n"), (usage, "700\n"), ("memory.stat", f"anon 500\n{cache} 200\n")):
        (group / name).write_text(content, encoding="ascii")
    assert hardware._free_of_control_group(tmp_path) == [500]
    (group / limit).write_text("max\n", encoding="ascii")
    assert hardware._free_of_control_group(tmp_path) == []


def test_a_backend_is_chosen_by_the_environment_keras_reads(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    hardware.choose_backend("tensorflow")
    assert os.environ["KERAS_BACKEND"] == "tensorflow"
    monkeypatch.setattr(hardware, "is_installed", lambda name: name == "tensorflow")
    with pytest.raises(
        InputError, match=r"backend jax is not installed; install it with `pip install -r requirements-jax\.txt`"
    ):
        hardware.choose_backend("jax")
    assert os.environ["KERAS_BACKEND"] == "tensorflow"
