"""Tasks in processes of their own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import PROJECT, run_apart
from hscd.system.hardware import peak_memory
from hscd.system.processes import each_apart

SCRIPT = """
import os, signal, sys, time
from pathlib import Path
sys.path.insert(0, {here!r})
from apart_tasks import work
from hscd.system.processes import each_apart
if __name__ == "__main__":
    folder = Path(sys.argv[1])
    ended = dict(each_apart(work, [(folder, kind) for kind in sys.argv[3:]], int(sys.argv[2])))
    print(*[ended[position] for position in sorted(ended)])
"""
TASKS = """
import os, signal, time
from hscd.system import lean

def work(task):
    folder, kind = task
    if kind == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "fail":
        raise SystemExit(3)
    if kind == "wait":
        (folder / "waits").write_text(str(os.getpid()))
        time.sleep(60)
    (folder / kind).write_text(f"{os.getpid()} {os.environ['OMP_NUM_THREADS']} {lean._own}")
"""


@pytest.fixture
def script(tmp_path):
    (tmp_path / "apart_tasks.py").write_text(TASKS)
    file = tmp_path / "run.py"
    file.write_text(SCRIPT.format(here=str(tmp_path)))
    return file


def start(script, folder, workers, *kinds, **options):
    environment = os.environ | {"PYTHONPATH": str(PROJECT / "Net"), "OMP_NUM_THREADS": "4"}
    command = [sys.executable, str(script), str(folder), str(workers), *kinds]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def test_each_task_has_a_process_and_one_thread_and_a_death_costs_that_task_alone(script, tmp_path):
    done = start(script, tmp_path, 2, "a", "die", "b", "fail", "c")
    out, err = done.communicate(timeout=60)
    assert out == f"0 -{signal.SIGKILL:d} 0 3 0\n", err
    told = [(tmp_path / name).read_text().split() for name in "abc"]
    assert len({process for process, *_ in told}) == 3
    assert {threads for _, threads, _ in told} == {"1"}
    assert {lean for *_, lean in told} == {"True"}


@pytest.mark.skipif(sys.platform != "linux", reason="a process ends with its parent at once on Linux alone")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_tasks_end_with_the_main_process(script, tmp_path, how):
    running = start(script, tmp_path, 1, "wait")
    deadline = time.monotonic() + 30
    while not (tmp_path / "waits").is_file() or not (tmp_path / "waits").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process = Path("/proc") / (tmp_path / "waits").read_text()
    running.send_signal(how)
    running.communicate(timeout=30)
    while process.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_who_stops_asking_ends_what_runs():
    started = time.monotonic()
    ended = each_apart(time.sleep, [0, 120], 2)
    assert next(ended) == (0, 0)
    ended.close()
    assert time.monotonic() - started < 60


def test_nothing_to_do_ends_at_once():
    assert list(each_apart(print, [], 2)) == []


def test_the_peak_is_that_of_this_process_not_of_what_started_it():
    code = "from hscd.system.hardware import peak_memory; print(peak_memory())"
    large = bytearray(300 * 2**20)
    found = int(run_apart(code).stdout)
    assert peak_memory() > len(large)
    assert 2**20 < found < len(large)
    grown = run_apart(code.replace("; print", "; b = bytearray(300 * 2**20); del b; print"))
    assert int(grown.stdout) > 300 * 2**20
