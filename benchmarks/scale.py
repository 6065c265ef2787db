"""A search and a comparison on clusters of one, two and three nodes of this machine, a core each (ten minutes).

`python benchmarks scale` needs `make scale`. It shows that trials and maps are those of one machine, also where a node
is killed or the head restarted, and measures what a cluster costs. It writes res/scale.md.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import measure

os.environ |= {"OMP_NUM_THREADS": "1", "NPROC": "1", "RAY_AUTH_MODE": "token"}
os.environ.setdefault("RAY_AUTH_TOKEN", os.urandom(32).hex())  # a search in a process of its own has ours

RESULTS = measure.FOLDER.parent / "res" / "scale.md"
PAIRS, BANDS, TRIALS, SCENES, SIDE, LARGE = 4_000, 100, 8, 12, 400, 1500
# A search in a process of its own, which the loss of the head ends.
SEARCH = f"""
import sys; sys.path[:0] = [{str(measure.FOLDER)!r}]
import json, scale
if __name__ == "__main__":
    print(json.dumps(scale.search(*json.loads(sys.argv[1]))))
"""


def search(folder: str, address: str | None, workers: int) -> dict[str, Any]:
    """Seconds of a search on a cluster, or with the local engine; what its trials came to, and its weights' digest."""
    import config
    import siamese
    from hscd.heads.euclidean import euclidean_dist
    from hscd.search.record import digest
    from hscd.system import messages
    from search import data, layers
    from settings import SearchSettings

    config.MAX_EPOCHS = 20
    messages.show_messages(messages.QUIET)
    pairs, labels = data(PAIRS, BANDS)
    choices = SearchSettings([32, 64], TRIALS, layers([96, 128], [64], [32]))
    engine = {"engine": "local"} if address is None else {"engine": "ray", "engine_options": {"ray_address": address}}
    started = time.perf_counter()
    trials = siamese.hyperparam_search(
        pairs, labels, pairs, labels, euclidean_dist, "M", choices,
        model_path=Path(folder), stat_path=Path(folder), workers=workers, **engine,
    )  # fmt: skip
    seconds = time.perf_counter() - started
    weights = [np.frombuffer(Path(folder, "M.h5").read_bytes(), np.uint8)]
    return {
        "seconds": seconds,
        "trials": [trial.report["loss"] for trial in trials],
        "of trials": [trial.seconds for trial in trials],
        "weights": digest(weights),
        "sent": pairs.nbytes + labels.nbytes,
        "returned": Path(folder, "M.h5").stat().st_size,
    }


@contextmanager
def cluster(nodes: int) -> Iterator[Any]:
    """A head that computes nothing, and nodes of a core each."""
    from ray.cluster_utils import Cluster

    rest = {"object_store_memory": 200 * 2**20, "include_dashboard": False, "include_log_monitor": False}
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **rest})
    try:
        for _ in range(nodes):
            found.add_node(num_cpus=1, **rest)
        yield found
    finally:
        found.shutdown()


def in_process(folder: Path, address: str | None, workers: int) -> subprocess.Popen[str]:
    """`search` in a process of its own."""
    script = folder.parent / "search_apart.py"
    script.write_text(SEARCH, encoding="utf-8")
    command = [sys.executable, str(script), json.dumps([str(folder), address, workers])]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def result(process: subprocess.Popen[str]) -> dict[str, Any]:
    output, errors = process.communicate(timeout=600)
    if process.returncode:
        raise RuntimeError(errors[-2000:])
    return json.loads(output.rstrip().rsplit("\n", 1)[-1])


def wait_for_trials(folder: Path, number: int, process: subprocess.Popen[str]) -> None:
    """Wait until a search has recorded so many trials."""
    record = folder / "M_search.json"
    while process.poll() is None:
        if record.is_file() and len(json.loads(record.read_text())["trials"]) >= number:
            return
        time.sleep(0.1)
    raise RuntimeError(process.communicate()[1][-2000:])


def searches(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Searches by what is done to them."""
    yield "local engine, one at a time", result(in_process(folder / "local", None, 1))
    with cluster(1) as nodes:
        yield "1 node, one at a time", result(in_process(folder / "one", nodes.address, 1))
    with cluster(2) as nodes:
        yield "2 nodes, two at a time", result(in_process(folder / "two", nodes.address, 2))
    with cluster(3) as nodes:
        running = in_process(folder / "three", nodes.address, 2)
        wait_for_trials(folder / "three", 2, running)
        for node in list(nodes.worker_nodes)[:2]:  # one of them runs a trial at the least
            nodes.remove_node(node, allow_graceful=False)
        yield "3 nodes, two killed after 2 trials", result(running)
    with cluster(1) as nodes:
        running = in_process(folder / "head", nodes.address, 1)
        wait_for_trials(folder / "head", 3, running)
        nodes.shutdown()
        running.communicate(timeout=120)
        if running.returncode == 0:
            raise RuntimeError("a search that lost its cluster ended well")
    with cluster(1) as nodes:
        yield (
            "head and node killed after 3 trials, started again; the rest",
            result(in_process(folder / "head", nodes.address, 1)),
        )


def write_scenes(folder: Path) -> Path:
    """Scenes of their own, and a configuration that names them."""
    rng = np.random.default_rng(0)
    for part in ("before", "after"):
        (folder / part).mkdir(parents=True)
    for scene in range(SCENES):
        before = rng.normal(1000, 300, (SIDE, SIDE, 20)).astype(np.float32)
        after = before + rng.normal(0, 30, before.shape).astype(np.float32)
        after[100:200, 100:200] += 800
        for part, image in (("before", before), ("after", after)):
            np.save(folder / part / f"s{scene:02}.npy", image)
    text = (
        "[settings]\ntrain_set = S\ntest_set = S\ndistance = ED\nmodel_name = M\nfine_tuning = -1\ntraining = False\n"
        "apply_rescaling = False\npseudo_radius = 2\npseudo_percentage = 0.5\n"
        "[S]\nimgAPath = before\nimgBPath = after\npseudoPath = pseudo\n"
    )
    (folder / "net.conf").write_text(text, encoding="utf-8")
    return folder / "net.conf"


def compare(configuration: Path, out: Path, address: str | None) -> float:
    """Seconds of compare.py on all scenes."""
    command = [sys.executable, measure.NET / "compare.py", "--quiet", "--methods", "isfa", "--seeds", "1"]
    command += ["--config", configuration, "--out", out]
    if address is None:
        command += ["--workers", "1"]
    else:
        command += ["--set", "settings.engine=ray", "--set", f"settings.ray_address={address}"]
    started = time.perf_counter()
    # Ray lets workers import from the folder of the command, where `pipeline` must not be a benchmark.
    subprocess.run(list(map(str, command)), check=True, capture_output=True, cwd=configuration.parent)
    return time.perf_counter() - started


def comparisons(folder: Path) -> Iterator[tuple[str, float, int]]:
    """Comparisons by where they run: seconds, and how many of their maps are the local ones."""
    configuration = write_scenes(folder / "scenes")
    local = folder / "on_local"
    yield "local engine, one at a time", compare(configuration, local, None), SCENES
    for count in (1, 2):
        out = folder / f"on_{count}"
        with cluster(count) as nodes:
            for run in ("", "; again"):
                seconds = compare(configuration, out, nodes.address)
                maps = [np.load(path)["labels"] for path in sorted((local / "cells").glob("*.npz"))]
                found = [np.load(path)["labels"] for path in sorted((out / "cells").glob("*.npz"))]
                same = sum(np.array_equal(*both) for both in zip(maps, found, strict=True))
                yield f"{count} node{'s' * (count > 1)}{run}", seconds, same


def windows() -> Iterator[str]:
    """What a large scene takes on one core, rows of a table: detectors are fitted to all of it and score windows."""
    from hscd.detectors import DETECTORS
    from hscd.scenes.pairing import Reading, open_images
    from hscd.scenes.scene import Scene

    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        files = [Path(name, f"{date}.npy") for date in ("before", "after")]
        image = rng.normal(1000, 300, (LARGE, LARGE, 20)).astype(np.float32)
        np.save(files[0], image)
        np.save(files[1], image + rng.normal(0, 30, image.shape).astype(np.float32))
        before, after = open_images(*files, Reading(), 2**33)
        scene = Scene("large", before, after, np.full((LARGE, LARGE), 2, np.uint8), None, None)
        started = time.process_time()
        for window in scene.windows:
            scene.pairs(window)
        reading = time.process_time() - started
        for method in ("ED", "pca_cva", "irmad", "context_regression"):
            detector = DETECTORS[method](**{option.name: option.default for option in DETECTORS.options(method)})
            started = time.process_time()
            scorer = detector.fit(scene, np.random.default_rng(0))
            fitted = time.process_time() - started
            scene.score(scorer, detector.halo)
            scored = time.process_time() - started - fitted
            yield f"| {method} | {reading:.1f} | {fitted:.1f} | {scored:.1f} |"


def main() -> None:
    lines = [
        "# A cluster against one machine\n",
        "Made by `python benchmarks scale`: nodes of one core each, all on one machine of two cores, so that what is",
        "measured is the engine, not a network. Times on cores that others use as well vary by a third.\n",
        f"Search of {TRIALS} trials, {PAIRS:,} pixel pairs of {BANDS} bands.\n",
        "| search | seconds | of its trials | trials that are those of the local engine | its best model |",
        "|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as name:
        folder, local = Path(name), None
        for what, found in searches(folder):
            local = local or found
            same = sum(a == b for a, b in zip(found["trials"], local["trials"], strict=True))
            model = "the same bytes" if found["weights"] == local["weights"] else "another"
            line = f"| {what} | {found['seconds']:.0f} | {sum(found['of trials']):.0f} | {same} of {TRIALS} | {model} |"
            print(line, flush=True)
            lines.append(line)
        assert local is not None
        lines += [
            f"\nBytes to a node, once: {local['sent']:,}; from a trial: {local['returned']:,} (its weights).\n",
            f"`compare.py`, iterated slow features on {SCENES} scenes of {SIDE} × {SIDE} pixels and 20 bands.\n",
            "| comparison | seconds | maps that are those of the local engine |",
            "|---|---|---|",
        ]
        for what, seconds, same in comparisons(folder):
            line = f"| {what} | {seconds:.0f} | {same} of {SCENES} |"
            print(line, flush=True)
            lines.append(line)
        sizes = [path.stat().st_size for path in (folder / "on_1/cells").iterdir()]
        lines.append(
            f"\nBytes written a scene: {sum(sizes) // SCENES:,} (map and record); sent with its task: "
            f"{len(pickle.dumps(np.zeros((SIDE, SIDE), np.uint8))):,} (its labels)."
        )
    lines += [
        f"\nA scene of {LARGE:,} × {LARGE:,} pixels and 20 bands on one core, seconds of that core:\n",
        "| method | reading it once | fitting, which takes all of it | scores, by windows, which are read again |",
        "|---|---|---|---|",
    ]
    for line in windows():
        print(line, flush=True)
        lines.append(line)
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
