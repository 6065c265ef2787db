"""Trials and other work on a cluster of three nodes on this machine: the same as on one, whatever is lost."""

import json
import os
import signal
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import compare
from hscd.search.engines import ENGINES, Task
from hscd.search.engines.ray import _address
from hscd.system import cluster
from hscd.system.errors import InputError
from on_nodes import Shared, falling, full_disk, parabola, slow, unlucky, work

hp = pytest.importorskip("hyperopt").hp
SPACE = {"x": hp.uniform("x", -1, 1), "kind": hp.choice("kind", ["plain", "odd"])}


def task(objective, trials, workers=1, folder=None, on_epoch=lambda *_: None, recorded=None, ended=None):
    ended = {} if ended is None else ended

    def on_trial(entry, model):
        ended[entry.trial.trial_id] = entry, model

    return Task(Shared(objective, folder), SPACE, trials, 7, workers, on_epoch, on_trial, recorded or {})


def reports(trials):
    return [(trial.status, trial.report) for trial in trials]


def test_ray_that_is_not_installed_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr(cluster.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"^engine ray is not installed; install it with `pip install -r req.*scale.t"):
        ENGINES["ray"].require()
    ENGINES["local"].require()


def test_an_address_is_a_host_and_a_port():
    assert [_address(text) for text in ("", "head.lab:6379", "[fe80::1]:6379")] == [
        None,
        "head.lab:6379",
        "[fe80::1]:6379",
    ]
    for text in ("head", "ray://head:10001", "head:", "head:63790000", "a b:1"):
        with pytest.raises(ValueError, match="host:port"):
            _address(text)


def test_a_head_that_is_not_there_is_one_line(monkeypatch):
    monkeypatch.setattr(cluster, "require_installed", lambda: None)
    # Port 1 is nobody's.
    with pytest.raises(InputError, match=r"^ray_address = 127\.0\.0\.1:1: .*; expected the head of a running Ray clu"):
        ENGINES["ray"](ray_address="127.0.0.1:1").worker_count(9, 9)


def test_trials_of_a_search_are_those_of_the_local_engine_where_the_record_goes():
    options = {"ray_address": "head:1", "ray_cores": 2, "pruning": False}
    assert ENGINES["ray"](**options).depends_on("ray", options) == ENGINES["local"]().depends_on("local", {}) == {}
    assert ENGINES["ray"](pruning=True).depends_on("ray", options) == {"pruning": True}


@pytest.fixture(scope="module")
def nodes():
    """A cluster of a head that runs no trial, and two nodes of a core each."""
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install -r requirements-scale.txt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", "0123456789abcdef" * 4)
        from ray.cluster_utils import Cluster  # only now: it asks for a token or not from its import on

        rest = {"object_store_memory": 100 * 2**20, "include_dashboard": False, "include_log_monitor": False}
        found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **rest})
        for _ in range(2):
            found.add_node(wait=False, num_cpus=1, **rest)
        found.wait_for_nodes()
        yield found
        found.shutdown()


@pytest.fixture
def engine(nodes):
    return ENGINES["ray"](ray_address=nodes.address)


# Beyond 20 trials a proposal depends on the results of those before.
def test_the_same_trials_as_the_local_engine(engine):
    epochs, ended = [], {}
    found = engine.search(task(parabola, 23, on_epoch=lambda *epoch: epochs.append(epoch), ended=ended))
    alone = {}
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    assert reports(found) == reports(ENGINES["local"]().search(task(parabola, 23, ended=alone)))
    assert epochs == [(trial.trial_id, 1, trial.report["x"]) for trial in found]
    assert {model for _, model in ended.values()} == {"1"}, "a core is a thread"
    # A search that the local engine began goes on here.
    rest = {}
    recorded = {number: alone[number][0] for number in range(22)}
    assert reports(engine.search(task(parabola, 23, recorded=recorded, ended=rest))) == reports(found)
    assert list(rest) == [22]
    assert engine.worker_count(9, 9) == 2


def test_a_trial_that_is_lost_is_run_again_and_one_that_fails_is_not(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "RETRIES", 1)
    ended = {}
    answer = lambda trial_id, epoch, _: trial_id == 3 and epoch == 2  # noqa: E731
    trials = engine.search(task(unlucky, 4, 2, str(tmp_path), on_epoch=answer, ended=ended))
    assert [trial.status for trial in trials] == ["ok", "fail", "fail", "ok"]
    assert [entry.lost for _, (entry, _) in sorted(ended.items())] == [False, True, False, False]
    assert trials[2].error == "ValueError: out of luck"
    assert [trials[number].report["stopped"] for number in (0, 3)] == [None, 2]


def test_what_the_disk_refuses_ends_the_search(engine):
    with pytest.raises(OSError, match="logs"):
        engine.search(task(full_disk, 2))


def test_losing_trials_are_stopped_and_a_search_that_goes_on_knows_of_those_before(nodes):
    engine, ended = ENGINES["ray"](ray_address=nodes.address, pruning=True), {}
    trials = engine.search(task(falling, 6, ended=ended))
    # After five epochs a trial ends if its loss is above the lowest third of those before it.
    reached: list[float] = []
    for trial in trials:
        loss = abs(trial.report["x"]) - 0.04
        expected = 5 if reached and loss > np.percentile(reached, 100 / 3) + 1e-12 else 6
        assert trial.report["epochs"] == expected
        reached.append(loss)
    assert {trial.report["epochs"] for trial in trials} == {5, 6}
    recorded = {number: ended[number][0] for number in range(4)}
    assert len(recorded[0].values["val_losses"]) == trials[0].report["epochs"]
    assert reports(engine.search(task(falling, 6, recorded=recorded))) == reports(trials)


def test_runs_of_a_comparison_are_those_of_the_local_engine(nodes, space, tmp_path):
    space.write_data()
    on = ["--set", "settings.engine=ray", "--set", f"settings.ray_address={nodes.address}"]
    common = ["--quiet", "--methods", "ED", "SAM", "--seeds", "1", "--config", str(space.file)]
    assert compare.main([*common, "--out", str(tmp_path / "cluster"), *on]) == 0
    assert compare.main([*common, "--out", str(tmp_path / "local")]) == 0
    names = sorted(path.name for path in (tmp_path / "local/cells").iterdir())
    assert sorted(path.name for path in (tmp_path / "cluster/cells").iterdir()) == names
    for name in names:
        cells = [tmp_path / where / "cells" / name for where in ("local", "cluster")]
        if name.endswith(".npz"):
            assert len({np.load(cell)["labels"].tobytes() for cell in cells}) == 1
        else:
            assert len({json.dumps(json.loads(cell.read_text())["curves"]) for cell in cells}) == 1
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "cluster/cells").iterdir()}
    assert compare.main([*common, "--out", str(tmp_path / "cluster"), *on]) == 0
    assert written == {path: path.stat().st_mtime_ns for path in (tmp_path / "cluster/cells").iterdir()}


def test_pairs_of_a_data_set_are_those_of_the_local_engine(nodes, workspace):
    on = ("settings.engine=ray", f"settings.ray_address={nodes.address}")
    command = ("predutils", "settings.train_set=PLACE B")
    done = workspace.run(*command, *on)  # as a script, whose own functions no worker could import
    assert done.returncode == 0, done.stderr
    files = [workspace.folder / f"data/b/pseudo/{name}.pickle" for name in ("east", "west")]
    found = [file.read_bytes() for file in files]
    assert sorted(workspace.call(*command).stdout.splitlines()) == sorted(done.stdout.splitlines())
    assert [file.read_bytes() for file in files] == found


# The last one: it leaves one node.
def test_a_node_that_is_lost_costs_what_it_did(nodes, engine, tmp_path):
    folders = [str(tmp_path / name) for name in "ab"]
    for folder in folders:
        Path(folder).mkdir()
    assert sorted(engine.each(work, folders, None)) == [(0, 0), (1, -signal.SIGKILL)]
    assert [path.name[:2] for folder in folders for path in Path(folder).iterdir()] == ["1 ", "1 "]
    victims = [nodes.worker_nodes.copy().pop()]

    def lose(*_):
        if victims:
            nodes.remove_node(victims.pop(), allow_graceful=False)

    ended = {}
    trials = engine.search(task(slow, 4, 2, on_epoch=lose, ended=ended))
    assert reports(trials) == reports(ENGINES["local"]().search(task(slow, 4)))
    assert not any(entry.lost for entry, _ in ended.values())
