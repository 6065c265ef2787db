"""Losses × pre-training × fine-tuning, against the label-free map of `detect.py`: `python benchmarks learning`.

On Taizhou a network learns from a hundred labels of each class in the western half, and is judged on the eastern one;
on rennes it comes from cupertino. With one loss there are three other cities, too, and the demo's place B from place A.
It is fine-tuned on pseudo-labels that the label-free map gives, and no label of the pixels that judge has a part in
anything. It writes res/learning.csv, a row a map, and res/learning.md (an hour). A run
that was cut goes on where it was: what res/learning.csv holds of these settings is not made again, and `--seeds 0`
writes the tables of what there is. To run a part:

    python benchmarks/learning.py --places taizhou --losses contrastive --seeds 1 --out /tmp/learning
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import measure
import scenes
from data_sets import configuration
from hscd.corrections import CORRECTIONS
from hscd.detectors.network import TrainedNetwork
from hscd.evaluation.confusion import confusion
from hscd.evaluation.curves import curves
from hscd.evaluation.result import MapResult
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.losses import DEFAULT, LOSSES
from hscd.pretraining import CONVOLUTIONAL, NONE, PRETRAININGS
from hscd.records import PseudoLabels
from hscd.scenes.scene import Scene
from hscd.scores import ScoreMap, classify, pseudo_labels_of
from hscd.system import storage
from hscd.thresholds import THRESHOLDS
from learning_tables import LABEL_FREE, Row, read, summary, table, write
from settings import Settings, read_settings

RESULTS = measure.FOLDER.parent / "res" / "learning.md"
SEEDS = 5


@dataclass(frozen=True)
class Place:
    """A scene that is mapped, the one whose labels are learned from, and how many of these at most.

    Attributes:
        home: learned from; the western half of the scene itself where it is the same.
        labels: of each class at most, (changed, unchanged).
        batch: pairs a step, at home.
        epochs: at home at most.
    """

    home: str
    labels: tuple[int, int]
    batch: int
    epochs: int


PLACES = {
    "taizhou": Place("taizhou", (100, 100), 32, 40),
    "rennes": Place("cupertino", (2500, 7500), 128, 10),
    "bercy": Place("cupertino", (2500, 7500), 128, 10),
    "nantes": Place("cupertino", (2500, 7500), 128, 10),
    "pisa": Place("cupertino", (2500, 7500), 128, 10),
    "demo_b": Place("demo_a", (2500, 7500), 128, 10),
}
# Places that have all losses and pre-trainings; the others have the default loss, without a pre-training.
WHOLE = ("taizhou", "rennes")
FEW_WAYS = ("none", "all", "all balanced")
# Columns between both halves that are neither learned from nor judged by.
GUARD = 20
NETWORK = {
    "layer": 64, "layer_1": 32, "layer_2": 32, "dropout_rate": 0.1, "dropout_rate_1": 0.1, "fourth_layer": False,
    "lr": 1e-3, "score_function": "ED", "margin": 1.0,
}  # fmt: skip
CONVOLUTIONS = {"network": "convolutional", "filters": 16, "filters_1": 8, "kernel": 3, "units": 32}
PRETRAINED_ON = 20_000
# Ways to fine-tune: keys of `Settings`, and of those the ones of `LearningSettings`.
EPOCHS = {"ft_epochs": 8}
WAYS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "none": ({"fine_tuning": -1}, {}),
    "all": ({"fine_tuning": 0}, EPOCHS),
    "all balanced": ({"fine_tuning": 0}, EPOCHS | {"sampling": "balanced"}),
    "co-teaching": ({"fine_tuning": 0}, EPOCHS | {"ft_co_teaching": 0.2}),
    "agreement balanced": ({"fine_tuning": 3}, EPOCHS | {"sampling": "balanced"}),
}
PSEUDO_LIMIT = 6000
# Of the ensemble whose members have to agree: how many, and the share of the bands that each sees.
MEMBERS, BANDS = 5, 0.5
# What cuts the distances of networks: Otsu's threshold is lost where a few distances lie far out.
THRESHOLD, DEFAULT_THRESHOLD = "otsu_clipped", "otsu"


def digest(place: str, way: str) -> str:
    """What tells a row of these settings from one of others."""
    chosen = PLACES[place], GUARD, NETWORK, CONVOLUTIONS, PRETRAINED_ON, PSEUDO_LIMIT, MEMBERS, BANDS, THRESHOLD
    return hashlib.blake2b(repr((chosen, WAYS.get(way))).encode(), digest_size=4).hexdigest()


# --- what is learned from, and judged --------------------------------------------------------------------------------


class Ground(NamedTuple):
    """A place of a seed: `settings` of its runs, the `scene` with the truth that judges, what is learned from at home
    (`pairs`, `labels`), `unlabelled` spectra of home, pseudo-labels of one map, those of an ensemble when
    they are asked for, and that map."""

    settings: Settings
    scene: Scene
    pairs: np.ndarray
    labels: np.ndarray
    unlabelled: np.ndarray
    pseudo: PseudoLabels
    voted: Callable[[], PseudoLabels]
    label_free: MapResult


def ground(name: str, seed: int, folder: Path) -> Ground:
    """All that the cells of a place and seed share."""
    from pipeline.pretraining import drawn

    settings = replace(
        _configured(folder, name), seed=seed, model_path=folder, stat_path=folder, apply_rescaling=True,
        correction="none", threshold=THRESHOLD, pseudo_limit=PSEUDO_LIMIT,
    )  # fmt: skip
    of, home = PLACES[name], _scene(PLACES[name].home, settings)
    scene, truth = _scene(name, settings), home.truth
    if of.home == name:
        columns, half = np.arange(truth.shape[1]), truth.shape[1] / 2
        west, east = columns < half - GUARD / 2, columns >= half + GUARD / 2
        truth, judging = (np.where(part, truth, np.uint8(UNKNOWN)) for part in (west, east))
        scene = replace(scene, truth=judging)
    rng = np.random.default_rng(seed)
    known = [np.flatnonzero(truth == label) for label in (CHANGED, UNCHANGED)]
    chosen = [np.sort(rng.permutation(positions)[:most]) for positions, most in zip(known, of.labels, strict=True)]
    positions = np.concatenate(chosen)
    pseudo, label_free = _label_free(settings, scene)
    return Ground(
        settings, scene, home.take(positions), home.truth.ravel()[positions], drawn([home], PRETRAINED_ON, seed),
        pseudo, cache(partial(_voted, settings, scene)), label_free,
    )  # fmt: skip


@cache
def _configured(folder: Path, name: str) -> Settings:
    file = folder / "net.conf"
    file.write_text(configuration(list(dict.fromkeys((name, PLACES[name].home))), folder), encoding="utf-8")
    return read_settings(file)


@cache
def _opened(name: str, file: Path) -> Scene:
    import dataprocessing

    (scene,) = dataprocessing.scenes(name, replace(read_settings(file), apply_rescaling=True))
    return scene


def _scene(name: str, settings: Settings) -> Scene:
    return _opened(name, settings.file)


def _label_free(settings: Settings, scene: Scene) -> tuple[PseudoLabels, MapResult]:
    """Pseudo-labels of the map of `detect.py`, which has the spectra as the files have them; and that map."""
    from pipeline.plan import Plan

    plan, scene = Plan(replace(settings, **_unsupervised(settings))), replace(scene, ranges=None)
    score_map = plan.score(plan.detector(), scene)
    cut = plan.cut(score_map, scene, None)
    return pseudo_labels_of(score_map, cut), plan.map(score_map, cut, scene)


def _voted(settings: Settings, scene: Scene) -> PseudoLabels:
    """Those of an ensemble, with the votes of its members."""
    from pipeline.ensemble import ensembled
    from pipeline.plan import Plan

    several = replace(settings, **_unsupervised(settings), ensemble=MEMBERS, ensemble_bands=BANDS)
    found = ensembled(Plan(several), replace(scene, ranges=None), None)
    return pseudo_labels_of(found.score_map, found.cut, found.sums.votes)


def _unsupervised(settings: Settings) -> dict[str, Any]:
    """What `preset = unsupervised` sets."""
    from settings.presets import PRESETS

    return {name: value for name, value in PRESETS["unsupervised"].items() if hasattr(settings, name)}


# --- cells -----------------------------------------------------------------------------------------------------------


def trained(at: Ground, place: Place, loss: str, pretraining: str, starts: dict[str, Any]) -> Path:
    """Train a network at home and save it; `starts` keeps the branches that were pre-trained, by the pre-training."""
    import siamese
    from hscd.learn import training

    parameters = {**NETWORK, "loss": loss, "batch_size": place.batch, **_options(LOSSES, loss)}
    if pretraining != NONE:
        parameters |= {"pretraining": pretraining, **_options(PRETRAININGS, pretraining)}
    parameters |= CONVOLUTIONS if pretraining == CONVOLUTIONAL else {}
    seed, bands = at.settings.seed, at.pairs.shape[2]
    model = siamese.build_net((bands,), parameters, seed=seed)
    branch = model.get_layer("branch")
    if pretraining not in starts:
        from hscd.learn import pretraining as learn

        learn.start(model, parameters, at.unlabelled, seed=seed)
        starts[pretraining] = branch.get_weights()
    branch.set_weights(starts[pretraining])
    rules = replace(siamese.training_rules(), max_epochs=place.epochs)
    parts = training.stratified_split(at.labels, seed, rules.validation_share)
    training.fit(model, at.pairs, at.labels, *parts, rules=rules, batch_size=place.batch, seed=seed)
    path = at.settings.model_path / at.settings.model_name
    parameters["score_function"] = model.loss.head.function
    siamese.save_model(path, parameters, siamese.named_weights(model), True, bands=bands)
    return path


def _options(family: Any, name: str) -> dict[str, Any]:
    return {option.name: option.default for option in family.options(name)}


def scores_of(at: Ground, path: Path, way: str) -> ScoreMap:
    """The distances that a saved model gives after one way of fine-tuning, as `main.py` comes to them."""
    import siamese
    from pipeline import tuning
    from pipeline.plan import Plan
    from settings.learning import LearningSettings

    keys, learning = WAYS[way]
    settings = replace(at.settings, **keys, learning=LearningSettings(**learning))
    plan, model = Plan(settings), siamese.load_model(path, seed=settings.seed)
    if plan.selection is not None:
        pseudo = at.voted() if keys["fine_tuning"] == 3 else at.pseudo
        model = tuning.fine_tuned(settings, plan, model, at.scene, pseudo, settings.stat_path / "logs").model
    return plan.score(TrainedNetwork(settings.model_name, model), at.scene)


def rows(name: str, seed: int, wanted: Mapping[tuple[str, str], Sequence[str]], folder: Path) -> Iterator[Row]:
    """Of a place and seed: that of the label-free map, and those of the ways wanted of each loss and pre-training."""
    at = ground(name, seed, folder)
    free = at.label_free
    yield row_of(at, (name, LABEL_FREE, "", "", seed), free.score_map, free.cut.value, free.score_map.seconds)
    starts: dict[str, Any] = {}
    for (loss, pretraining), ways in wanted.items():
        started = time.perf_counter()
        path = trained(at, PLACES[name], loss, pretraining, starts)
        for way in ways:
            score_map = scores_of(at, path, way)
            took = time.perf_counter() - started
            cut = threshold(THRESHOLD, score_map)
            yield row_of(at, (name, loss, pretraining, way, seed), score_map, cut, took)
            started = time.perf_counter()


def threshold(name: str, score_map: ScoreMap) -> float:
    return THRESHOLDS[name](score_map.scores, scale=score_map.scale, degrees=score_map.degrees).value


def row_of(at: Ground, of: tuple[str, str, str, str, int], score_map: ScoreMap, cut: float, took: float) -> Row:
    """The figures of scores and a threshold for them."""
    scores, truth = score_map.scores, at.scene.truth
    labels = classify(scores, cut)
    counts, corrected = confusion(labels, truth), confusion(CORRECTIONS["majority"](labels, scores, radius=3), truth)
    others = (threshold(DEFAULT_THRESHOLD, score_map), float(NETWORK["margin"]) / 2)
    otsu, border = (confusion(classify(scores, value), truth).kappa for value in others)
    curve = curves(scores, truth)
    assert curve is not None
    figures = (counts.kappa, counts.f1, otsu, border, corrected.kappa, curve.auroc)
    return Row(digest(of[0], of[3]), *of, *(round(float(value), 4) for value in figures), seconds=round(took, 1))


def missing(done: Sequence[Row], name: str, seed: int, options: argparse.Namespace) -> dict[tuple[str, str], list[str]]:
    """The ways that are not done of each loss and pre-training, of a place and seed."""
    have = {(row.loss, row.pretraining, row.fine_tuning) for row in done if (row.place, row.seed) == (name, seed)}
    both = [(loss, first) for loss in options.losses.split(",") for first in options.pretraining.split(",")]
    ways = options.ways.split(",")
    if name not in WHOLE:
        both = [of for of in both if of == (DEFAULT, NONE)]
        ways = [way for way in ways if way in FEW_WAYS]
    left = {of: [way for way in ways if (*of, way) not in have] for of in both}
    return {of: ways for of, ways in left.items() if ways}


def _place_in_tables(row: Row) -> tuple[int, ...]:
    orders = list(PLACES), [LABEL_FREE, *LOSSES], ["", *PRETRAININGS], ["", *WAYS]
    return *(order.index(name) for order, name in zip(orders, row[1:5], strict=True)), row.seed


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--places", default=",".join(name for name in PLACES if name in scenes.available()))
    parser.add_argument("--losses", default=",".join(LOSSES))
    parser.add_argument("--pretraining", default=",".join(PRETRAININGS))
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--out", type=Path, default=RESULTS.with_suffix(""), help="common prefix of .csv and .md")
    options = parser.parse_args(arguments)
    file = options.out.with_suffix(".csv")
    done = [row for row in read(file) if row.place in PLACES and row.settings == digest(row.place, row.fine_tuning)]
    for seed in range(options.seeds):
        for name in options.places.split(","):
            wanted = missing(done, name, seed, options)
            if not wanted:
                continue
            with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
                for row in rows(name, seed, wanted, Path(folder)):
                    done = [one for one in done if one[:6] != row[:6]] + [row]
                    storage.write_csv(file, [one._asdict() for one in done])
                    print(*row[1:], file=sys.stderr, flush=True)
    done.sort(key=_place_in_tables)
    places = dict.fromkeys(row.place for row in done)
    text = "\n".join([summary(done), *(table(done, place) for place in places)])
    print(text)
    write(options.out.with_suffix(".md"), text)


if __name__ == "__main__":
    main(sys.argv[1:])
