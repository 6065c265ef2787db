"""Stage: what a network sees of a pair, beside the map that it makes: embeddings, bands, what turns a label."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hscd.branches import branch_of
from hscd.detectors import shifts
from hscd.detectors.tools.samples import positions
from hscd.evaluation.confusion import as_text, confusion
from hscd.evaluation.neighbours import NEIGHBOURS, neighbour_labels
from hscd.evaluation.result import MapResult
from hscd.explanation import embeddings
from hscd.explanation.projection import available, dimensions, projected
from hscd.labels import CHANGED, UNCHANGED
from hscd.reports import embeddings as reports
from hscd.reports import gis
from hscd.reports.embeddings import OF_MAP, Sampled
from hscd.reports.tables import Row
from hscd.scenes.scene import Scene
from hscd.scenes.title import title_of
from hscd.system import messages, storage
from hscd.system.errors import InputError
from pipeline import explaining_bands
from settings import Settings
from settings.explaining import NONE

if TYPE_CHECKING:
    from hscd.system.backend import keras
    from pipeline.run_record import RunRecord


class Seen(NamedTuple):
    """A network and what it made of a pair.

    `prefix` is how the names of the files start, `logs` the folder of TensorBoard's records of the pair. `pseudo` are
    its corrected pseudo-labels, (rows, columns), None where there are none.
    """

    settings: Settings
    model: keras.Model
    scene: Scene
    result: MapResult
    pseudo: np.ndarray | None
    prefix: str
    logs: Path

    @property
    def threshold(self) -> float:
        return self.result.cut.value


def files(settings: Settings, prefix: str) -> list[Path]:
    """All files that a test of a pair writes for what it is asked to explain.

    Args:
        settings: the run's settings.
        prefix: how their names start.
    """
    return [path for step in _STEPS for path in _files(settings, prefix, step)]


def shown(settings: Settings, prefix: str) -> dict[str, Path]:
    """The tables of `files` that the page of a run draws."""
    places = {"embedding": ("embedding", 1), "bands": ("band_importance", 1), "ideal": ("ideal_spectrum", 1)}
    found = {what: _files(settings, prefix, step)[at:] for what, (step, at) in places.items()}
    return {what: paths[0] for what, paths in found.items() if paths}


def require(settings: Settings, parameters: Mapping[str, Any]) -> None:
    """Raise `InputError` where a model of these parameters cannot be explained, and is to be."""
    asked = [step for step in _STEPS if _files(settings, "", step)]
    if asked and settings.shift_tolerance != shifts.NONE:
        raise InputError(
            f"{settings.file}: {', '.join(asked)}: the least score over shifts (shift_tolerance = "
            f"{settings.shift_tolerance}) is not a network's; expected shift_tolerance = {shifts.NONE}"
        )
    if asked and branch_of(parameters).reach(parameters):
        raise InputError(
            f"{settings.file}: {', '.join(asked)}: {settings.model_name} sees patches; expected a model that sees "
            "single pixels"
        )


def report(seen: Seen, record: RunRecord) -> Row:
    """Tell and write what the settings ask for; what the run's record says of it.

    Args:
        seen: the network and the map of a pair.
        record: of the run, which notes the files.
    """
    asked = files(seen.settings, seen.prefix)
    if not asked:
        record.add_written(seen.scene.name, "explanation", [])
        return {}
    record.add_outputs(seen.scene.name, shown(seen.settings, seen.prefix))
    found: Row = {}
    with record.stage("explanation"):
        sampled = _sample(seen)
        for step, (_, explain) in _STEPS.items():
            paths = _files(seen.settings, seen.prefix, step)
            if paths:
                found |= explain(seen, sampled, *paths)
    record.add_written(seen.scene.name, "explanation", asked)
    return found


def _files(settings: Settings, prefix: str, step: str) -> list[Path]:
    """The files of a step; none where it is not asked for."""
    return [] if getattr(settings.explain, step) in (False, NONE) else _places(settings, prefix, step)


def _places(settings: Settings, prefix: str, step: str) -> list[Path]:
    return [settings.stat_path / f"{prefix}{ending}" for ending in _STEPS[step][0]]


def _reference(seen: Seen) -> tuple[np.ndarray, str]:
    """Which pixels changed, (rows, columns): by labels, or else pseudo-labels, or else the map; and by which."""
    choices = [(seen.scene.truth, "labels"), *([] if seen.pseudo is None else [(seen.pseudo, "pseudo-labels")])]
    for labels, name in choices:
        if (labels == CHANGED).any() and (labels == UNCHANGED).any():
            return labels, name
    return seen.result.corrected, OF_MAP


def _sample(seen: Seen) -> Sampled:
    """A sample of the pixels that are known to have changed or not, up to half of them changed."""
    labels, given = _reference(seen)
    rng, wanted = np.random.default_rng(seen.settings.seed), seen.settings.explain.explain_pixels

    def drawn(label: int, most: int) -> np.ndarray:
        of = labels == label
        return positions(replace(seen.scene, valid=of), rng, most) if of.any() else np.empty(0, np.int64)

    changed = drawn(CHANGED, wanted // 2)
    chosen = np.sort(np.concatenate([changed, drawn(UNCHANGED, wanted - len(changed))]))
    pairs = seen.scene.take(chosen)
    return Sampled(
        chosen, labels.shape[1], pairs, embeddings.embedded(seen.model, pairs),
        seen.result.score_map.scores.ravel()[chosen], seen.result.labels.ravel()[chosen], labels.ravel()[chosen], given,
    )  # fmt: skip


def _embedding(seen: Seen, sampled: Sampled, picture: Path, table: Path, spread: Path, bins: Path) -> Row:
    """Embeddings of the sample in two dimensions; distances of all pixels; labels of nearest neighbours."""
    from hscd.system.backend import tensorboard_figure

    title, threshold = f"{seen.settings.model_name} on {title_of(seen.scene)}", seen.threshold
    vectors = sampled.embeddings.reshape(-1, sampled.embeddings.shape[-1])
    method = available(seen.settings.explain.embedding)
    points = projected(vectors, method, seen.settings.seed)
    storage.write_csv(table, reports.table(sampled, points))
    drawn = {"pca": "principal components", "tsne": "t-SNE", "umap": "UMAP"}[method]
    figure, dpi = reports.figure_of(sampled, points, f"{title}: embeddings, {drawn}")
    storage.write_figure(picture, figure, dpi)
    # Among TensorBoard's records, as the projector looks for its files where there are some.
    tensorboard_figure(seen.logs / "embedding", "embedding", figure, dpi)
    reports.write_projector(seen.logs / "embedding", sampled)
    labels, given = _reference(seen)
    counted = reports.histogram(seen.result.score_map.scores, labels, threshold)
    storage.write_csv(bins, counted)
    reports.write_histogram(spread, counted, threshold, f"{title}: distances", given)
    used = dimensions(vectors)
    messages.result(
        f"{seen.scene.name}: embeddings of {vectors.shape[1]} units, of which {used} principal "
        f"component{'s have' if used != 1 else ' has'} 99 % of the variance: {picture.name}"
    )
    return _neighbours(seen, sampled) | {"embedding_units": vectors.shape[1], "embedding_dimensions": used}


def _neighbours(seen: Seen, sampled: Sampled) -> Row:
    """How often the nearest neighbours of a pixel have its label, among embeddings and among spectra."""
    head = seen.model.loss.head
    points = [embeddings.differences(of, head) for of in (sampled.embeddings, sampled.pairs)]
    kappas = [confusion(neighbour_labels(of, sampled.labels), sampled.labels).kappa for of in points]
    messages.result(
        f"{seen.scene.name}: {NEIGHBOURS} nearest neighbours of {len(sampled.labels):,} pixels against "
        f"{sampled.given}: kappa {as_text(kappas[0])} among the embeddings, {as_text(kappas[1])} among the spectra"
    )
    names = ("neighbours_kappa", "neighbours_kappa_of_spectra")
    return {"neighbours_labels": sampled.given, **dict(zip(names, kappas, strict=True))}


def _embedding_map(seen: Seen, sampled: Sampled, raster: Path) -> Row:
    """The embeddings of all pixels, before and after, as the bands of a GeoTIFF."""
    count = embeddings.units(seen.model)
    names = [f"{date} {unit}" for date in ("before", "after") for unit in range(1, count + 1)]
    parts = embeddings.parts(seen.model, seen.scene)
    tags = {"MODEL": seen.settings.model_name}
    gis.write_streamed(raster, seen.scene.truth.shape, parts, seen.result.score_map.grid, names, tags)
    messages.result(f"{seen.scene.name}: embeddings of {count} units, before and after: {raster.name}")
    return {"embedding_units": count}


# By key: the ends of the names of its files, and what writes them.
_STEPS: dict[str, tuple[tuple[str, ...], Callable[..., Row]]] = {
    "embedding": (
        ("_embedding.png", "_embedding.csv", "_distance_histogram.png", "_distance_histogram.csv"), _embedding,
    ),
    "embedding_map": (("_embeddings.tif",), _embedding_map),
    "band_importance": (("_band_importance.png", "_band_importance.csv"), explaining_bands.band_importance),
    "ideal_spectrum": (("_ideal_spectrum.png", "_ideal_spectrum.csv"), explaining_bands.ideal),
    "adversarial": (("_adversarial.png", "_adversarial.csv"), explaining_bands.adversarial),
}  # fmt: skip
