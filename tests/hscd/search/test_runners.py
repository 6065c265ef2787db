"""Trials in worker processes: the same search as in one process, whatever happens to a worker."""

import errno
import multiprocessing.context
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from hscd.search.engines import best_trial, local
from hscd.search.runners import InProcess, WorkerProcesses
from hscd.system.arrays import SharedArray
from hscd.system.errors import InputError
from in_workers import endless, full_disk, mortal, obedient, parabola, slow_in_turn, unmakeable, wordy

hp = pytest.importorskip("hyperopt").hp
SPACE = {"x": hp.uniform("x", -1, 1), "kind": hp.choice("kind", ["plain", "odd"])}


def search(
    make_objective, workers, max_evals, on_trial=lambda trial, model: None, on_epoch=lambda *_: None, recorded=None
):
    rest = SPACE, max_evals, 7, on_trial, recorded or {}
    if workers == 1:
        return local.run(InProcess(make_objective, on_epoch), *rest)
    with WorkerProcesses(make_objective, on_epoch, workers) as runner:
        return local.run(runner, *rest)


def test_one_worker_tries_what_hyperopt_tries():
    import hyperopt

    tried = []

    def record(choice):
        tried.append(choice)
        return choice["x"] ** 2

    hyperopt.fmin(
        record, SPACE, hyperopt.tpe.suggest, 25, rstate=np.random.default_rng(7), show_progressbar=False, verbose=False
    )
    trials = search(parabola, 1, 25)
    # Beyond 20 trials TPE uses the results of those before.
    assert [{name: trial.report[name] for name in SPACE} for trial in trials] == tried


def test_workers_run_the_trials_of_one_process():
    processes, epochs = set(), []
    trials = search(parabola, 2, 6, lambda _, model: processes.add(model), lambda *epoch: epochs.append(epoch))
    alone = search(parabola, 1, 6)
    # No trial of the start-up depends on another one.
    assert [trial.report for trial in trials] == [trial.report for trial in alone]
    assert [trial.trial_id for trial in trials] == list(range(6))
    assert os.getpid() not in {process for process, _ in processes}
    assert {lean for _, lean in processes} == {True}
    # Both are started before the first result is waited for.
    assert len(processes) == 2
    assert sorted(epochs) == [(trial.trial_id, 1, trial.report["x"]) for trial in alone]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_trial_ends_after_the_epoch_that_it_is_told_to_wherever_it_runs(workers):
    asked = []

    def answer(trial_id, epoch, _):
        asked.append((trial_id, epoch))
        return epoch == 2 * trial_id + 1 if trial_id < 4 else None  # trial 4 may go on

    trials = search(obedient, workers, 5, on_epoch=answer)
    assert [trial.report["stopped"] for trial in trials] == [1, 3, 5, 7, None]
    assert sorted(asked) == [
        (trial, epoch) for trial, last in enumerate([1, 3, 5, 7, 10]) for epoch in range(1, last + 1)
    ]


def test_the_order_in_which_trials_finish_does_not_matter():
    # 20 trials of start-up and those that do not know 20 results yet: 2 workers + 2
    first, second = (search(slow_in_turn, 2, 32) for _ in range(2))
    assert [trial.report for trial in first] == [trial.report for trial in second]
    assert len({trial.report["x"] for trial in first}) == 32


# Beyond 20 trials a proposal depends on the results of those before: on recorded ones just as on those just run.
@pytest.mark.parametrize(
    ("workers", "kept"),
    [(1, [*range(5)]), (1, [*range(24)]), (1, [*range(32)]), (2, [0, 1, 2, 4, 22]), (2, [*range(32)])],
)
def test_a_search_that_goes_on_is_the_search_that_was_not_interrupted(workers, kept):
    finished = {}
    whole = search(parabola, workers, 32, lambda entry, model: finished.setdefault(entry.trial.trial_id, entry))
    run = []
    rest = search(
        parabola,
        workers,
        32,
        lambda entry, _: run.append(entry.trial.trial_id),
        recorded={k: finished[k] for k in kept},
    )
    assert [trial.report for trial in rest] == [trial.report for trial in whole]
    assert sorted(run) == sorted({*range(32)} - {*kept})


def test_a_trial_lost_with_its_worker_is_marked_and_a_failed_one_is_not():
    lost = {}
    search(mortal, 2, 3, lambda entry, model: lost.setdefault(entry.trial.trial_id, entry.lost))
    assert lost == {0: True, 1: False, 2: False}


def test_a_worker_that_dies_costs_its_trial_only():
    trials = search(mortal, 2, 5)
    assert [trial.status for trial in trials] == ["fail", "fail", "ok", "ok", "ok"]
    assert trials[0].error == f"its process ended with exit status {-signal.SIGKILL}"
    assert trials[1].error == "ValueError: out of luck"


def test_workers_that_cannot_start_fail_their_trials(capfd):
    with pytest.raises(InputError, match="all 2 trials of the search failed; the last: its process ended with exit"):
        best_trial(search(unmakeable, 2, 2))
    assert "RuntimeError: no objective" in capfd.readouterr().err


@pytest.mark.parametrize("workers", [1, 2])
def test_why_a_trial_failed_is_one_line_and_its_worker_leaves_no_files(tmp_path, monkeypatch, workers):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    errors = []
    with pytest.raises(InputError, match=r"^all 2 trials of the search failed; the last: RuntimeError: Graph exec.*$"):
        best_trial(search(wordy, workers, 2, lambda entry, model: errors.append(entry.trial.error)))
    assert errors == ["RuntimeError: Graph execution error: Detected at node File x"] * 2
    assert len(list(tmp_path.iterdir())) == (2 if workers == 1 else 0)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_while_a_worker_starts_is_not_lost(monkeypatch):
    start = multiprocessing.context.SpawnProcess._Popen

    def interrupted(process):
        os.kill(os.getpid(), signal.SIGINT)
        return start(process)

    monkeypatch.setattr(multiprocessing.context.SpawnProcess, "_Popen", staticmethod(interrupted))
    with pytest.raises(KeyboardInterrupt):
        search(parabola, 2, 2)


# No trial is to blame, none is recorded as failed, and the next one would meet the same.
@pytest.mark.parametrize("workers", [1, 2])
def test_what_the_disk_refuses_ends_the_search(workers):
    ended = []
    with pytest.raises(OSError, match="logs") as caught:
        search(full_disk, workers, 3, lambda entry, model: ended.append(entry))
    assert (caught.value.errno, caught.value.filename, ended) == (errno.ENOSPC, "logs", [])


def test_an_idle_worker_that_died_is_replaced():
    with WorkerProcesses(parabola, lambda *_: None, 2) as runner:
        runner.start(0, {"x": 0.5})
        first = runner.wait()
        os.kill(first.result["model"][0], signal.SIGKILL)
        runner._pool[0].process.join()
        runner.start(1, {"x": 0.1})
        assert runner.wait().result["loss"] == pytest.approx(0.01)


def test_an_interrupted_search_leaves_no_worker():
    workers = []

    def interrupt(trial_id, epoch, process):
        workers.append(int(process))
        if len(workers) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(endless, 2, 4, on_epoch=interrupt)
    for process in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_shared_arrays_survive_pickling_and_are_not_written_to():
    import pickle

    values = np.arange(24, dtype=np.float32).reshape(4, 2, 3)
    shared = SharedArray(values)
    opened = pickle.loads(pickle.dumps(shared)).open()
    np.testing.assert_array_equal(opened, values)
    opened[:] = 0
    np.testing.assert_array_equal(shared.open(), values)
    assert SharedArray(np.empty((0, 2, 3), np.float32))._shape == (0, 2, 3)


ORPHANED = """
import os, signal, sys
import in_workers
from hscd.search.runners import WorkerProcesses

def kill_all(trial_id, epoch, pid):
    open(sys.argv[2], "a").write(f"{pid:.0f} ")
    if open(sys.argv[2]).read().count(" ") == 2:
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    with WorkerProcesses(getattr(in_workers, sys.argv[1]), kill_all, 2) as runner:
        runner.start(0, {})
        runner.start(1, {})
        runner.wait()
"""


@pytest.mark.parametrize("objective", ["endless", "sleeping_while_it_is_made"])
def test_a_killed_search_leaves_no_workers(tmp_path, objective):
    script, pids = tmp_path / "orphaned.py", tmp_path / "pids"
    script.write_text(ORPHANED, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    done = subprocess.run([sys.executable, script, objective, pids], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    workers = [int(pid) for pid in pids.read_text(encoding="utf-8").split()]
    assert len(set(workers)) == 2
    until = time.monotonic() + 5
    while any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in workers):
        assert time.monotonic() < until, "workers go on"
        time.sleep(0.05)
