"""Kills the real commands at random moments and looks at what they leave; `make soak` does so for long, and then reads
damaged files (`fuzz.py`).

A search is killed again and again until it is through, and must end in the files of the search that was not. Whatever
else is killed must leave whole files, and end in the same files when it is run again.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pyogrio
from PIL import Image

import fuzz
from conftest import PROJECT, Workspace, without_times
from hscd import readers
from hscd.models import saved as models
from hscd.models import weights

SEARCH = ("hyperas settings ED.max_evals=4", "hyperas settings ED.neurons=[8, 12, 16]", "settings.test_set=PLACE A")
TEST = ("settings.training=False", "settings.test_set=PLACE A")
_KILLS_A_SEARCH = 5
_PATIENCE = 120.0

# Writes a model, a table and pseudo-labels over and over, as fast as it can.
WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import numpy as np
from hscd.system import storage
from hscd.models import weights
from hscd.system.interrupts import ctrl_c_heeded
folder = Path(sys.argv[2])
print("writing", flush=True)
for version in range(100_000):
    with ctrl_c_heeded():
        values = np.full(20_000, float(version))
        pseudo = {"threshold": 0.5, "distances": values, "shape": (100, 200)}
        storage.write_pickle(folder / "data/a/pseudo/town.pickle", pseudo)
        named = {"dense/kernel": values.reshape(100, 200).astype("f4")}
        storage.write_bytes(folder / "model/M.h5", weights.packed(named))
        storage.write_csv(folder / "stat/table.csv", [{"version": version, "row": row} for row in range(100)])
"""


@dataclass(frozen=True)
class Work:
    """A command, and how to see that it has begun the work it is to be killed in.

    Attributes:
        name: for the table.
        arguments: command line after the interpreter, from the folder of the workspace.
        begun: whether the work has begun, from the folder and what was printed so far.
        kills: that have to land in it in a soak.
        resumes: whether it is killed again and again until it is through, instead of once.
    """

    name: str
    arguments: Callable[[Workspace], list[str]]
    begun: Callable[[Path, str], bool]
    kills: int
    resumes: bool = False


def _script(script: str, *overrides: str) -> Callable[[Workspace], list[str]]:
    def arguments(space: Workspace) -> list[str]:
        options = [part for override in overrides for part in ("--set", override)]
        # Without --verbose a log has no line of a search before its first trial is through.
        return [str(PROJECT / f"Net/{script}.py"), "--config", str(space.file), "--verbose", *options]

    return arguments


def _printed(text: str) -> Callable[[Path, str], bool]:
    return lambda folder, printed: text in printed


WORKS = {
    work.name: work
    for work in (
        Work("search", _script("main", *SEARCH, "settings.workers=1"), _printed("search: "), 25, resumes=True),
        Work(
            "search, 2 workers", _script("main", *SEARCH, "settings.workers=2"), _printed("search: "), 15, resumes=True
        ),
        Work("fine-tuning", _script("main", *TEST, "settings.fine_tuning=0"), _printed("fine-tuning on"), 15),
        Work("pseudo-labels", _script("predutils"), lambda folder, _: (folder / "data/a/pseudo").is_dir(), 25),
        Work(
            "writing", lambda space: ["-c", WRITER, str(PROJECT / "Net"), str(space.folder)], _printed("writing"), 120
        ),
    )
}


# --- what lies on the disk -------------------------------------------------------------------------------------------


def broken(folder: Path) -> list[str]:
    """Result files that are not whole, with what is wrong with them; those of the start are taken for whole."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_dir() or path.name.startswith(".") or "logs" in path.parts:
            continue
        try:
            _read(path)
        except Exception as error:  # whatever it is, the file is not what it should be
            found.append(f"{path}: {error!r}")
    return found


def _read(path: Path) -> None:
    match path.suffix:
        case ".csv":
            text = path.read_text(encoding="utf-8")
            assert text.endswith("\n"), "no end of line"
            assert len({len(row) for row in csv.reader(text.splitlines())}) == 1, "rows of different length"
        case ".png":
            with Image.open(path) as picture:
                picture.load()
        case ".tif":
            readers.read_image(path)
        case ".gpkg":
            _polygons(path)
        case ".qml":
            ElementTree.parse(path)
        case ".pickle":
            models.read_parameter_file(path)
        case ".h5":
            with weights.open_file(path) as stored:
                stored.read()
            if stored.parameters:
                models.load_model(path.with_suffix(""))
        case ".json":
            json.loads(path.read_text(encoding="utf-8"))


def results(folder: Path) -> dict[str, object]:
    """Every result file with its content, the times in tables aside."""
    found: dict[str, object] = {}
    for path in sorted(
        [*(folder / "stat").rglob("*"), *(folder / "model").rglob("*"), *folder.glob("data/*/pseudo/*")]
    ):
        if path.is_file() and "logs" not in path.parts:
            read = {".csv": without_times, ".gpkg": _polygons, ".json": _record}.get(path.suffix, Path.read_bytes)
            found[path.relative_to(folder).as_posix()] = read(path)
    return found


def _record(path: Path) -> object:
    """What a run says of itself, times and folders aside."""
    content = json.loads(path.read_text(encoding="utf-8"))
    if not path.name.endswith("_run.json"):
        return content
    results = {
        pair: {name: value for name, value in row.items() if not name.endswith("_time")}
        for pair, row in content["results"].items()
    }
    return results, content["warnings"], content["command"], sorted(content)


def _polygons(path: Path) -> tuple[list[bytes], ...]:
    """Geometries and fields; the file itself tells when it was written."""
    _, _, geometries, fields = pyogrio.raw.read(path)
    return list(geometries), *([values.tobytes()] for values in fields)


# --- killing ---------------------------------------------------------------------------------------------------------


@dataclass
class Run:
    """How a command ended: killed in its work, or through."""

    killed: bool
    seconds_of_work: float
    status: int
    printed: str


def run(work: Work, space: Workspace, kill_with: signal.Signals | None = None, after: float = 0.0) -> Run:
    """Run a command, and kill it some seconds after it has begun its work, if it still runs.

    Ctrl-C goes to all processes of a terminal; SIGKILL to the main one alone.
    """
    output = space.folder / "output.txt"
    with output.open("w") as stdout:
        process = subprocess.Popen(
            [sys.executable, *work.arguments(space)],
            stdout=stdout,
            stderr=subprocess.STDOUT,
            cwd=space.folder,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
    try:
        started = time.monotonic()
        while not work.begun(space.folder, output.read_text(errors="replace")):
            if process.poll() is not None or time.monotonic() - started > _PATIENCE:
                break
            time.sleep(0.002)
        begun = time.monotonic()
        if kill_with is None:
            process.wait(_PATIENCE)
        else:
            try:
                process.wait(after)
            except subprocess.TimeoutExpired:
                (os.killpg if kill_with == signal.SIGINT else os.kill)(process.pid, kill_with)
                with suppress(subprocess.TimeoutExpired):  # a Ctrl-C that does not end it: shows in the status
                    process.wait(_PATIENCE)
        seconds = time.monotonic() - begun
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # workers of a killed search
        process.wait()
    expected = (-signal.SIGINT, 130) if kill_with == signal.SIGINT else (-signal.SIGKILL,)
    return Run(process.returncode in expected, seconds, process.returncode, output.read_text(errors="replace"))


@dataclass
class Tally:
    """What came of the kills of one work."""

    kills: int = 0
    landed: int = 0
    failures: tuple[str, ...] = ()

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.kills + other.kills, self.landed + other.landed, self.failures + other.failures)


def _prepare_fine_tuning(space: Workspace) -> None:
    """Pseudo-labels, and a model that is as good as any other for being fine-tuned."""
    import siamese

    parameters = {
        "dropout_rate": 0.1, "dropout_rate_1": 0.1, "lr": 1e-3, "layer": 8, "layer_1": 6, "layer_2": 4,
        "score_function": siamese.euclidean_dist, "margin": 1.0, "fourth_layer": False, "batch_size": 64,
    }  # fmt: skip
    model = siamese.build_net((5,), parameters, seed=0)
    siamese.save_model(space.folder / "model/M", parameters, siamese.named_weights(model))
    assert space.call("predutils").returncode == 0


class Campaign:
    """Kills of one kind of work, from a common start, against a common outcome."""

    def __init__(self, work: Work, folder: Path, seed: int) -> None:
        self._work, self._folder = work, folder
        self._random = random.Random(f"{work.name} {seed}")
        self._start = Workspace(folder / "start")
        self._start.folder.mkdir(parents=True)
        self._start.write_data()
        if work.name == "fine-tuning":
            _prepare_fine_tuning(self._start)
        whole = self._copy("whole")
        if work.name == "writing":
            self._seconds, self._outcome = 0.3, None
        else:
            done = run(work, whole)
            assert done.status == 0, done.printed
            self._seconds, self._outcome = done.seconds_of_work, results(whole.folder)

    def _copy(self, name: str) -> Workspace:
        shutil.copytree(self._start.folder, self._folder / name)
        return Workspace(self._folder / name)

    def attempt(self, number: int, kills: int) -> Tally:
        """One start that is killed, a search up to so many times, then run to its end and compared."""
        space = self._copy(f"attempt {number}")
        tally, failures = Tally(), []
        # As often as not before the first trial is done.
        span = self._seconds * (0.5 if self._work.resumes else 1.0)
        for _ in range(kills if self._work.resumes else 1):
            kill_with = self._random.choice([signal.SIGKILL, signal.SIGINT])
            done = run(self._work, space, kill_with, self._random.uniform(0, span))
            tally += Tally(1, int(done.killed))
            failures += broken(space.folder)
            if not done.killed:
                if done.status != 0:
                    failures.append(f"{space.folder}: exit status {done.status}: {done.printed[-2000:]}")
                break
        if self._outcome is not None:
            last = run(self._work, space)
            if last.status != 0:
                failures.append(f"{space.folder}: exit status {last.status}: {last.printed[-2000:]}")
            failures += [f"{space.folder}: {line}" for line in _differences(results(space.folder), self._outcome)]
        if not failures:
            shutil.rmtree(space.folder)
        return tally + Tally(failures=tuple(failures))


def _differences(found: dict[str, object], expected: dict[str, object]) -> Iterator[str]:
    for name in sorted({*found, *expected}):
        if found.get(name) != expected.get(name):
            yield f"{name} " + (
                "is left over" if name not in expected else "is missing" if name not in found else "differs"
            )


def soak(name: str, kills: int, seed: int, folder: Path, parallel: int = 1) -> Tally:
    """Kill one kind of work until so many kills have landed in it.

    Args:
        name: key of `WORKS`.
        kills: that have to land.
        seed: of the moments and the signals.
        folder: for the workspaces; those of failures stay.
        parallel: attempts at a time.
    """
    campaign = Campaign(WORKS[name], folder / name, seed)
    tally, number = Tally(), 0
    with ThreadPoolExecutor(parallel) as pool:
        while tally.landed < kills and number < 4 * kills:
            most = min(_KILLS_A_SEARCH, kills - tally.landed)
            for part in pool.map(campaign.attempt, range(number, number + parallel), [most] * parallel):
                tally += part
            number += parallel
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=1, help="so many times the 200 kills (default: 1)")
    parser.add_argument("--flips", type=int, default=1000, help="bits flipped in a file of each format (default: 1000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--parallel", type=int, default=2, help="kills at a time (default: 2)")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    print(f"seed {options.seed}; workspaces of failures stay in {folder}\n\n| work | kills | in the work | failures |")
    print("|---|---|---|---|")
    failures: list[str] = []
    for name, work in WORKS.items():
        kills = options.times * work.kills
        tally = soak(name, kills, options.seed, folder, options.parallel)
        found = list(tally.failures)
        if tally.landed < kills:
            found.append(f"{name}: of {tally.kills} kills only {tally.landed} landed in the work")
        print(f"| {name} | {tally.kills} | {tally.landed} | {len(found)} |", *found, sep="\n", flush=True)
        failures += found
    print("\n| format | damaged files | valid | clear errors | failures |\n|---|---|---|---|---|")
    for row in fuzz.report(64, options.flips, options.seed):
        line = f"| {row.format} | {row.cases} | {row.valid} | {row.clear} | {len(row.failures)} |"
        print(line, *row.failures, sep="\n", flush=True)
        failures += row.failures
    return int(bool(failures))


if __name__ == "__main__":
    raise SystemExit(main())
