"""Stage: the cells of a comparison, one a method, pair and seed: what each depends on, its run, its record on the disk.

A cell runs in a process of its own, so that its time and its memory are its own. Its record and its map are written
when it is done; a record that depends on the same things is taken instead of running the cell again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import config
from hscd.detectors import Detector
from hscd.evaluation import doubts
from hscd.evaluation.comparison import agreement
from hscd.evaluation.confusion import changed_share
from hscd.evaluation.curves import curves
from hscd.evaluation.result import MapResult
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.reports.tables import metrics
from hscd.scenes.scene import Scene, Window
from hscd.system import storage
from hscd.system.errors import InputError, brief
from hscd.system.hardware import peak_memory
from hscd.system.messages import collected, whole
from pair_finding import PairFiles
from pipeline.methods import Method, model_prefix
from pipeline.plan import Plan
from pipeline.run_record import versions
from settings import DataSet, Settings

# Of the layout of a record.
_VERSION = 1
# Side of the part of a scene that a method runs on before it is timed: imports and compiling are no part of it.
_WARM_UP = 48
_MEBIBYTE = 2**20
# Digits of the points of curves.
_DIGITS = 4


@dataclass(frozen=True)
class Pair:
    """A pair of the data set `section`: what tables call it, its files, and what tells it from others (`depends`).

    `place` is its `hscd.scenes.fingerprint`, with its parts where these say which labels judge; `together` are those of
    all pairs of its data set; `truth` are the labels that judge, (rows, columns).
    """

    section: str
    name: str
    files: PairFiles
    bands: int
    place: str
    together: tuple[str, ...]
    truth: np.ndarray
    depends: dict[str, Any]

    @property
    def labelled(self) -> bool:
        return bool((self.truth != UNKNOWN).any())

    @property
    def of_both(self) -> bool:
        """Whether pixels of both classes are known, without which kappa says nothing."""
        return bool((self.truth == CHANGED).any() and (self.truth == UNCHANGED).any())


@dataclass(frozen=True)
class Cell:
    """One run of a method with its `settings`; with `halves` it runs on both halves of the pair, too."""

    method: Method
    pair: Pair
    seed: int
    settings: Settings
    halves: bool
    folder: Path
    depends: dict[str, Any]

    @property
    def record(self) -> Path:
        """The file of the record; that of the map lies beside it."""
        text = json.dumps(self.depends, sort_keys=True)
        return self.folder / f"{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}.json"

    @property
    def map(self) -> Path:
        return self.record.with_suffix(".npz")


class Outcome(NamedTuple):
    """A cell and its record."""

    cell: Cell
    record: dict[str, Any]


def cell_of(method: Method, pair: Pair, seed: int, base: Settings, folder: Path, halves: bool) -> Cell:
    """The cell of a method, pair and seed, with all that its record depends on."""
    depends = {
        "layout": _VERSION,
        "program": _program(),
        "pair": pair.depends,
        "together": pair.together if method.rescaled else (),
        "method": method.depends(base),
        "seed": seed,
        "halves": halves,
    }
    return Cell(method, pair, seed, method.settings(base, seed), halves, folder, depends)


@lru_cache
def _program() -> dict[str, str]:
    """What tells this version of the program, and of what it is made with, from others."""
    total = hashlib.blake2b(digest_size=8)
    for file in sorted(config.NET_PATH.rglob("*.py")):
        total.update(f"{file.relative_to(config.NET_PATH)}\0".encode() + file.read_bytes())
    return {"files": total.hexdigest()} | versions()


def read_record(cell: Cell, lasting: bool = True) -> dict[str, Any] | None:
    """What a cell that was run came to; None if there is no record of it, or its map is not there.

    Args:
        cell: the cell.
        lasting: whether the next run would have to end alike, as one that was out of memory would not.
    """
    try:
        content = json.loads(cell.record.read_text(encoding="utf-8"))
        same = content["depends"] == json.loads(json.dumps(cell.depends)) and content["elapsed"] > 0
        complete = bool(content["error"]) or read_map(cell) is not None
        return content if same and complete and (content["lasts"] or not lasting) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_map(cell: Cell) -> np.ndarray | None:
    """The labels of a cell, (rows, columns); None where they are not there."""
    try:
        with cell.map.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            labels = stored["labels"]
    except Exception:  # a damaged archive raises whatever its broken part leads to
        return None
    return labels if labels.shape == cell.pair.truth.shape and labels.dtype == np.uint8 else None


def failed(reason: str, *, lasts: bool) -> dict[str, Any]:
    """The record of a cell without a map; it is tried again by the next run unless that would end alike."""
    return {"error": reason, "lasts": lasts, "elapsed": 0.0, "figures": {}, "curves": {}, "doubts": [], "warnings": []}


def run_cell(cell: Cell) -> None:
    """Run a cell and write its map and its record."""
    started = time.perf_counter()
    # Warnings are told once, by the main process; a bar of this one's own would leave a lock where it is killed.
    with collected() as warnings, whole(running=1):
        try:
            content, labels = _run(cell)
        except InputError as error:
            content, labels = failed(brief(error), lasts=True), None
        except MemoryError as error:
            content, labels = failed(f"out of memory: {brief(error)}", lasts=False), None
        except Exception as error:
            content, labels = failed(f"{type(error).__name__}: {brief(error)}", lasts=False), None
    if labels is not None:
        with storage.atomic_file(cell.map) as file:
            np.savez_compressed(file, labels=labels)
    content |= {"depends": cell.depends, "elapsed": time.perf_counter() - started, "warnings": warnings}
    storage.write_bytes(cell.record, json.dumps(content, indent=1).encode())


def _run(cell: Cell) -> tuple[dict[str, Any], np.ndarray]:
    """The record of a cell that ends well, and its map."""
    scene, method = _judged(_scene(cell), cell.pair.truth), _Run(cell)
    _warm_up(method, scene)
    started = time.perf_counter()
    result = method.mapped(scene)
    seconds = time.perf_counter() - started
    memory = peak_memory() / _MEBIBYTE
    score_map = result.score_map
    ranking = curves(score_map.scores, scene.truth)
    figures = metrics(result.corrected_counts) | {
        "average_precision": None if ranking is None else ranking.average_precision,
        "auroc": None if ranking is None else ranking.auroc,
        "share": changed_share(result.corrected),
        "threshold": result.cut.value,
        "seconds": seconds,
        "memory": memory,
        "halves": _halves(method, scene, result.corrected) if cell.halves else None,
    }
    modes = score_map.degrees is None and not result.cut.warnings
    found = [*result.cut.warnings, *doubts.of_threshold(score_map.scores, result.cut.value, modes)]
    points = {} if ranking is None else {
        name: np.round(value, _DIGITS).tolist()
        for name, value in dataclasses.asdict(ranking).items() if isinstance(value, np.ndarray)
    }  # fmt: skip
    plain = {name: None if value is None or not np.isfinite(value) else float(value) for name, value in figures.items()}
    return {"error": "", "lasts": True, "figures": plain, "curves": points, "doubts": found}, result.corrected


def _scene(cell: Cell) -> Scene:
    """The pair, as the method is to see it: without the others of its data set, unless it is rescaled with them."""
    from dataprocessing import scenes

    settings, name, files = cell.settings, cell.pair.section, cell.pair.files
    bands = None
    if cell.method.model is not None:
        from hscd.models.saved import trained_bands

        bands = trained_bands(model_prefix(settings, cell.method.model))
    if not cell.method.rescaled and cell.method.model is None:
        settings = dataclasses.replace(settings, data_sets=settings.data_sets | {name: _alone(settings[name], files)})
        (scene,) = scenes(name, settings, bands)
        return scene
    # A model may know the bands in the order of the first pair.
    return next(scene for scene in scenes(name, settings, bands) if scene.name == files.name)


def _judged(scene: Scene, truth: np.ndarray) -> Scene:
    """The scene with the labels that judge, which may be those of a part of it."""
    return dataclasses.replace(scene, truth=np.where(truth == UNKNOWN, truth, scene.truth))


def _alone(section: DataSet, files: PairFiles) -> DataSet:
    """A data set of one of its pairs."""
    return dataclasses.replace(
        section, pairs=None, split=None, img_a_path=files.before, img_b_path=files.after, label_path=files.label,
        changed_mask=files.changed_mask, unchanged_mask=files.unchanged_mask,
    )  # fmt: skip


class _Run:
    """A method that is ready to map scenes."""

    def __init__(self, cell: Cell) -> None:
        self._plan = Plan(cell.settings)
        self._network: Detector | None = None
        if cell.method.model is not None:
            import siamese
            from hscd.detectors.network import TrainedNetwork

            model = siamese.load_model(model_prefix(cell.settings, cell.method.model), seed=cell.seed)
            self._network = TrainedNetwork(cell.method.model, model)

    def mapped(self, scene: Scene) -> MapResult:
        """The map of a scene; networks get its images as they are."""
        detector = self._network or self._plan.detector()
        if self._network is None:
            scene = self._plan.normalised(scene)
        score_map = self._plan.score(detector, scene)
        return self._plan.map(score_map, self._plan.cut(score_map, scene, None), scene)


def _warm_up(method: _Run, scene: Scene) -> None:
    """Run a method on the middle of a scene, whatever comes of it."""
    middle = [
        slice(max(0, (length - _WARM_UP) // 2), min(length, (length + _WARM_UP) // 2)) for length in scene.truth.shape
    ]
    with suppress(InputError, ValueError):  # it may be masked, or all the same
        method.mapped(scene.crop(Window(*middle)))


def _halves(method: _Run, scene: Scene, labels: np.ndarray) -> float | None:
    """Kappa between a map and the one that is put together of those that each half gives by itself.

    None where a half gives no map.
    """
    rows, columns = labels.shape
    halves = [
        Window(slice(0, rows // 2), slice(0, columns)), Window(slice(rows // 2, rows), slice(0, columns)),
    ] if rows > columns else [
        Window(slice(0, rows), slice(0, columns // 2)), Window(slice(0, rows), slice(columns // 2, columns)),
    ]  # fmt: skip
    joined = np.empty_like(labels)
    try:
        for window in halves:
            joined[window] = method.mapped(scene.crop(window)).corrected
    except (InputError, ValueError):
        return None
    return agreement(joined, labels)
