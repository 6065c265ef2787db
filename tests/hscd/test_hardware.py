"""Threads and backends."""

import os

import pytest

from hscd import hardware
from hscd.errors import InputError


@pytest.mark.parametrize(("variable", "expected"), [("3", 3), ("1", 1), ("0", 1), ("", None), ("4,2", None)])
def test_threads_are_those_asked_for_or_the_cores(monkeypatch, variable, expected):
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    assert hardware.threads() == (expected or hardware.cores())


def test_cores_are_those_this_process_may_run_on():
    assert 1 <= hardware.cores() <= (os.cpu_count() or 1)
    if hasattr(os, "sched_setaffinity"):
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(allowed)})
        try:
            assert hardware.cores() == 1
        finally:
            os.sched_setaffinity(0, allowed)


def test_a_backend_is_chosen_by_the_environment_keras_reads(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    hardware.choose_backend("tensorflow")
    assert os.environ["KERAS_BACKEND"] == "tensorflow"
    monkeypatch.setattr(hardware, "is_installed", lambda name: name == "tensorflow")
    with pytest.raises(
        InputError, match=r"backend jax is not installed; `pip install -r requirements-jax\.txt` does it"
    ):
        hardware.choose_backend("jax")
    assert os.environ["KERAS_BACKEND"] == "tensorflow"
