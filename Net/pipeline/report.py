"""Stage: write and tell what came out for a pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hscd.evaluation import map_doubts
from hscd.evaluation.confusion import Confusion, as_text, changed_share
from hscd.evaluation.objects import Objects
from hscd.evaluation.result import MapResult
from hscd.labels import UNKNOWN
from hscd.reports import furniture, gis, maps, tables
from hscd.scenes.fingerprint import NO, PART, YES
from hscd.system import messages, storage
from hscd.system.errors import counted

# The column that says whether a model was trained on a pair.
SEEN = "seen_in_training"
# Figures whose mean over pairs is told.
_MEANS = ("overall_accuracy", "kappa", "f1", "precision", "recall", "iou")


@dataclass(frozen=True)
class ResultFiles:
    """The files of the results of a pair: `prefix` is their folder and the start of their names."""

    prefix: Path
    corrected_table: bool = False
    heat_map: bool = False

    def _named(self, ending: str) -> Path:
        return self.prefix.with_name(self.prefix.name + ending)

    @property
    def kinds(self) -> str:
        """How the names of the files of its kinds of change start."""
        return f"{self.prefix.name}_kinds"

    @property
    def objects(self) -> str:
        """How the names of the files of its changed objects start."""
        return f"{self.prefix.name}_objects"

    @property
    def features(self) -> Path:
        """Picture of the channels that a detector looked at."""
        return self._named("_features.png")

    @property
    def tables(self) -> list[Path]:
        return [self._named(ending) for ending in (".csv", *(["_corrected.csv"] if self.corrected_table else []))]

    @property
    def pictures(self) -> list[Path]:
        endings = (".png", "_corrected.png", *(["_heatmap.png"] if self.heat_map else []))
        return [self._named(ending) for ending in endings]

    @property
    def view(self) -> Path:
        """What a page shows of the pair."""
        return self._named("_view.json")

    @property
    def all(self) -> list[Path]:
        """All files that are written, styles beside maps left out."""
        return [*self.tables, *self.pictures, self.view, *gis.result_files(self.prefix)]


def figures(result: MapResult, time_column: str, more: Mapping[str, object] | None = None) -> tables.Row:
    """What the table of a pair says: `total_examples` are its pixels of known label, `total_pixels` all unmasked ones.

    Args:
        result: the map of the pair.
        time_column: how the table calls the seconds that the scores took.
        more: further columns.
    """
    return (
        {
            "total_examples": result.counts.total,
            "total_pixels": int(np.count_nonzero(result.labels != UNKNOWN)),
            "threshold": result.cut.value,
        }
        | tables.metrics(result.counts)
        | {time_column: result.score_map.seconds}
        | tables.metrics(result.corrected_counts, "_correction")
        | {"correction_time": result.seconds}
        | dict(more or {})
        | _bounds(result)
    )


def _bounds(result: MapResult) -> tables.Row:
    """The columns of intervals of a map's figures, before and after correction."""
    before, after = result.intervals
    return tables.bounds(before) | tables.bounds(after, "_correction")


def write(
    files: ResultFiles,
    result: MapResult,
    row: tables.Row,
    *,
    time_column: str,
    min_area: float,
    tags: Mapping[str, object],
    objects: Objects | None = None,
) -> None:
    """Write tables, pictures and maps of a pair.

    Args:
        files: where.
        result: the map of the pair.
        row: its `figures`.
        time_column: as of `figures`.
        min_area: smaller changed areas are no polygons; m², or pixels without coordinate system.
        tags: names and values to store in the maps.
        objects: changed objects, for the file of polygons; None where none are asked for.
    """
    storage.write_csv(files.tables[0], [row])
    if files.corrected_table:
        head = {name: row[name] for name in ("total_examples", "total_pixels", "threshold")}
        times = {name: row[name] for name in (time_column, "correction_time")}
        of_map = tables.metrics(result.corrected_counts) | times | tables.bounds(result.intervals[1])
        storage.write_csv(files.tables[1], [head | of_map])
    scores, threshold = result.score_map.scores, result.cut.value
    named = files.prefix.name + (f"\n{result.title}" if result.title != result.name else "")
    beside = furniture.of_grid(files.pictures[0], result.score_map.grid, scores.shape)
    after = "" if np.array_equal(result.labels, result.corrected) else ", after spatial correction"
    both = (result.labels, result.corrected)
    for picture, labels, counts, when in zip(files.pictures, both, _both(result), ("", after), strict=False):
        title = heading(f"{named}{when}", labels, counts)
        maps.write_classes(picture, maps.prediction_panels(labels, result.truth), heading=title, beside=beside)
    if files.heat_map:
        title = f"Distances of {named}"
        maps.write_heatmap(files.pictures[2], scores, threshold, title, scale=result.score_map.scale, beside=beside)
    gis.write_results(
        files.prefix,
        scores,
        threshold,
        result.labels,
        result.corrected,
        result.score_map.grid,
        min_area,
        tags,
        objects,
    )


def heading(what: str, labels: np.ndarray, counts: Confusion) -> str:
    """Above a change map: what it is of, and in a second line how much changed and how right that is."""
    told = f"{100 * changed_share(labels):.1f} % changed"
    known = [
        f"{name} {value:z.3f}" for name, value in (("kappa", counts.kappa), ("F1", counts.f1)) if np.isfinite(value)
    ]
    if counts.total and known:
        told += f"; against the labels {', '.join(known)}"
    return f"{what}\n{told}"


def extent(result: MapResult, areas: np.ndarray, unit: str) -> tables.Row:
    """What a run record says of how much changed, after correction: share in [0, 1], area and its unit, regions."""
    share = changed_share(result.corrected)
    return {"changed_share": share, "changed_area": float(areas.sum()), "unit": unit, "areas": len(areas)}


def tell(files: ResultFiles, read: str, result: MapResult, known_cause: bool = False) -> tables.Row:
    """Print what came out for a pair, before and after spatial correction; doubt what labels do not bear out.

    Args:
        files: whose name the pair goes by.
        read: what was read, a file and its shape.
        result: the map.
        known_cause: whether something was told already that makes it wrong.

    Returns:
        `extent`, for the record.
    """
    name = f"{files.prefix.name} ({read})"
    areas, unit = gis.changed_areas(files.all[-1], result.corrected, result.score_map.grid)
    both = result.labels, result.corrected
    messages.result(f"{name}: {tables.outcome(both, _both(result), areas, unit, result.intervals)}")
    doubt(name, result, known_cause)
    return extent(result, areas, unit)


def doubt(name: str, result: MapResult, known_cause: bool = False) -> None:
    """Tell what its labels, its correction and its share of change say against a map (`hscd.evaluation.map_doubts`)."""
    for found in map_doubts.of_result(result, known_cause):
        messages.warn(f"{name}: {found}")


def _both(result: MapResult) -> tuple[Confusion, Confusion]:
    return result.counts, result.corrected_counts


def tell_apart(where: str, rows: Sequence[tables.Row]) -> dict[str, tables.Row]:
    """Print the mean figures of the pairs that a model was not trained on apart from the others, where there are both.

    Args:
        where: what the figures are of.
        rows: `figures` of each pair, with the column `SEEN`.

    Returns:
        The number of `pairs` and the means of those that are "unseen" and of those that are "seen", of a part too.
    """
    groups = {
        "unseen": [row for row in rows if row[SEEN] == NO],
        "seen": [row for row in rows if row[SEEN] in (PART, YES)],
    }
    if not all(groups.values()):
        return {}
    found = {}
    for name, of in groups.items():
        columns = [column + suffix for suffix in ("", "_correction") for column in _MEANS]
        found[name] = {"pairs": len(of)} | {column: _mean([row[column] for row in of]) for column in columns}
        means = (
            f"kappa {as_text(found[name]['kappa' + suffix])}, F1 {as_text(found[name]['f1' + suffix])}"
            for suffix in ("", "_correction")
        )
        pairs = f"{counted(len(of), 'pair')} {'not ' if name == 'unseen' else ''}seen in training"
        messages.result(f"{where}: mean of the {pairs}: {'; corrected: '.join(dict.fromkeys(means))}")
    return found


def _mean(values: Sequence[float | None]) -> float:
    """Of those that are defined; NaN where none is."""
    defined = [value for value in values if value is not None and np.isfinite(value)]
    return float(np.mean(defined)) if defined else float("nan")
