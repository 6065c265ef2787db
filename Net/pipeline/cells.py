"""Stage: the cells of a comparison, one a method, pair and seed: what each depends on, its run, its record on the disk.

A cell runs in a process of its own, so that its time and its memory are its own. Its record and its map are written
when it is done; a record that depends on the same things is taken instead of running the cell again.
"""

from __future__ import annotations

import dataclasses
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from hscd.evaluation import doubts
from hscd.evaluation.comparison import agreement
from hscd.evaluation.confusion import changed_share
from hscd.evaluation.curves import curves
from hscd.evaluation.result import MapResult
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.reports.furniture import Furniture
from hscd.reports.tables import metrics
from hscd.scenes.scene import Scene, Window
from hscd.scores import Cut, ScoreMap, pseudo_labels_of
from hscd.search.record import digest
from hscd.system import storage
from hscd.system.hardware import peak_memory
from image_pairs import Alone
from pair_finding import PairFiles
from pipeline.commands import told_by_options
from pipeline.ensemble import ensembled
from pipeline.methods import Method, model_prefix
from pipeline.plan import Plan
from pipeline.spread import program, record_of
from settings import Settings

if TYPE_CHECKING:
    from hscd.detectors.network import TrainedNetwork

# Of the layout of a record.
_VERSION = 1
# Side of the part of a scene that a method runs on before it is timed: imports and compiling are no part of it.
_WARM_UP = 48
_MEBIBYTE = 2**20
# Digits of the points of curves.
_DIGITS = 4


@dataclass(frozen=True)
class Pair:
    """A pair of the data set `section`: what tables call it, its images, and what tells it from others (`depends`).

    `place` is its `hscd.scenes.fingerprint`, with its parts where these say which labels judge; `together` are those of
    all pairs of its data set; `truth` are the labels that judge, (rows, columns); `beside` is what its maps have beside
    them.
    """

    section: str
    name: str
    alone: Alone
    bands: int
    place: str
    together: tuple[str, ...]
    truth: np.ndarray
    depends: dict[str, Any]
    beside: Furniture | None = None

    @property
    def files(self) -> PairFiles:
        return self.alone.files

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
        return record_of(self)

    @property
    def map(self) -> Path:
        return self.record.with_suffix(".npz")

    nothing: ClassVar[dict[str, Any]] = {"figures": {}, "curves": {}, "doubts": []}
    ends_alike: ClassVar[bool] = True

    def run(self) -> dict[str, Any]:
        """Map the pair and write the map; what the record says of it."""
        with told_by_options(self.settings):
            content, labels = _run(self)
        with storage.atomic_file(self.map) as file:
            np.savez_compressed(file, labels=labels)
        return content

    def is_there(self, content: dict[str, Any]) -> bool:
        """Whether the map is."""
        return read_map(self) is not None


class Outcome(NamedTuple):
    """A cell and its record."""

    cell: Cell
    record: dict[str, Any]


def cell_of(method: Method, pair: Pair, seed: int, base: Settings, folder: Path, halves: bool) -> Cell:
    """The cell of a method, pair and seed, with all that its record depends on."""
    depends = {
        "layout": _VERSION,
        "program": program(),
        "pair": pair.depends,
        "together": pair.together if method.sees_ranges else (),
        "ranges": digest(pair.alone.ranges) if method.sees_ranges and pair.alone.ranges is not None else None,
        "method": method.depends(base),
        "seed": seed,
        "halves": halves,
    }
    return Cell(method, pair, seed, method.settings(base, seed), halves, folder, depends)


def read_map(cell: Cell) -> np.ndarray | None:
    """The labels of a cell, (rows, columns); None where they are not there."""
    try:
        with cell.map.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            labels = stored["labels"]
    except Exception:  # a damaged archive raises whatever its broken part leads to
        return None
    return labels if labels.shape == cell.pair.truth.shape and labels.dtype == np.uint8 else None


def _run(cell: Cell) -> tuple[dict[str, Any], np.ndarray]:
    """The record of a cell that ends well, and its map."""
    scene, method = _judged(_scene(cell), cell.pair.truth), _Run(cell)
    _warm_up(method, scene)
    started = time.perf_counter()
    result, doubted = method.mapped(scene)
    seconds = time.perf_counter() - started
    memory = peak_memory() / _MEBIBYTE
    method.doubt_place(scene)
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
    modes = doubted.score_map.degrees is None and not doubted.cut.warnings
    found = [*doubted.cut.warnings, *doubts.of_threshold(doubted.score_map.scores, doubted.cut.value, modes)]
    points = {} if ranking is None else {
        name: np.round(value, _DIGITS).tolist()
        for name, value in dataclasses.asdict(ranking).items() if isinstance(value, np.ndarray)
    }  # fmt: skip
    plain = {name: None if value is None or not np.isfinite(value) else float(value) for name, value in figures.items()}
    return {"figures": plain, "curves": points, "doubts": found}, result.corrected


def _scene(cell: Cell) -> Scene:
    """The pair, as the method is to see it: without the others of its data set, unless it is rescaled with them."""
    from dataprocessing import scenes

    bands = None
    if cell.method.model is not None:
        from hscd.models.saved import trained_bands

        bands = trained_bands(model_prefix(cell.settings, cell.method.model))
    alone = cell.pair.alone
    if not cell.method.sees_ranges:
        # A model may know the bands in the order of the first pair.
        alone = Alone(alone.files, alone.files if cell.method.model is None else alone.first)
    (scene,) = scenes(cell.pair.section, cell.settings, bands, alone)
    return scene


def _judged(scene: Scene, truth: np.ndarray) -> Scene:
    """The scene with the labels that judge, which may be those of a part of it."""
    return dataclasses.replace(scene, truth=np.where(truth == UNKNOWN, truth, scene.truth))


class _Scored(NamedTuple):
    """Scores of a scene and their threshold; of an ensemble those of its votes."""

    score_map: ScoreMap
    cut: Cut


class _Run:
    """A method that is ready to map scenes."""

    def __init__(self, cell: Cell) -> None:
        self._cell, self._plan = cell, Plan(cell.settings)
        self._network = None if cell.method.model is None or cell.method.pseudo is not None else self._loaded()

    def mapped(self, scene: Scene) -> tuple[MapResult, _Scored]:
        """The map of a scene, and the scores and threshold that make it doubtful or not."""
        method, seen = self._cell.method, self._seen(scene)
        if method.model is None:
            scored, first = _scored(self._plan, seen)
        else:
            score_map = self._plan.score(self._network or self._tuned(scene, seen), seen)
            scored = first = _Scored(score_map, self._plan.cut(score_map, seen, None))
        return self._plan.map(*scored, seen), first

    def doubt_place(self, scene: Scene) -> None:
        """Warn where a scene is far from those that a model learned from."""
        if self._cell.method.model is not None:
            self._plan.domain_shift(self._seen(scene), self._cell.pair.name)

    def _seen(self, scene: Scene) -> Scene:
        """The scene with the values that the method gets."""
        return scene if self._cell.method.rescaled else dataclasses.replace(scene, ranges=None)

    def _loaded(self) -> TrainedNetwork:
        import siamese
        from hscd.detectors.network import TrainedNetwork

        name = self._cell.settings.model_name
        return TrainedNetwork(name, siamese.load_model(self._prefix, seed=self._cell.seed))

    def _tuned(self, scene: Scene, seen: Scene) -> TrainedNetwork:
        """The model, fine-tuned on pseudo-labels of a scene, which it is `seen` as."""
        import siamese
        from dataprocessing import pairs_to_learn
        from hscd.detectors.network import TrainedNetwork
        from hscd.networks.siamese import reach

        settings, method, seed = self._cell.settings, self._cell.method, self._cell.seed
        assert method.pseudo is not None
        plan = Plan(method.pseudo_settings(settings, seed))
        scored, _ = _scored(plan, scene if method.pseudo.rescaled else dataclasses.replace(scene, ranges=None))
        positions, labels = plan.select(pseudo_labels_of(*scored), seen)
        network = self._loaded()
        batch_size = int(siamese.read_parameters(self._prefix)["batch_size"])
        tuned = siamese.fine_tune(
            network.model, batch_size, pairs_to_learn(seen, positions, settings, reach(network.model)), labels,
            seed=seed, how=self._plan.transfer,
        )  # fmt: skip
        return TrainedNetwork(network.name, tuned.model)

    @property
    def _prefix(self) -> Path:
        return model_prefix(self._cell.settings, self._cell.settings.model_name)


def _scored(plan: Plan, scene: Scene) -> tuple[_Scored, _Scored]:
    """Scores of a scene by one detector or an ensemble, and those of the first member of that."""
    scene = plan.normalised(scene)
    if len(plan.members) > 1:
        found = ensembled(plan, scene, None)
        return _Scored(found.score_map, found.cut), _Scored(found.first, found.first_cut)
    score_map = plan.score(plan.detector(), scene)
    scored = _Scored(score_map, plan.cut(score_map, scene, None))
    return scored, scored


def _warm_up(method: _Run, scene: Scene) -> None:
    """Run a method on the middle of a scene, whatever comes of it."""
    middle = [
        slice(max(0, (length - _WARM_UP) // 2), min(length, (length + _WARM_UP) // 2)) for length in scene.truth.shape
    ]
    with suppress(ValueError):  # it may be masked, or all the same
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
            joined[window] = method.mapped(scene.crop(window))[0].corrected
    except ValueError:
        return None
    return agreement(joined, labels)
