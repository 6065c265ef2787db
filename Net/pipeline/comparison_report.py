"""Stage: what a comparison came to, as tables, pictures and lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hscd.detection import UNSUPERVISED
from hscd.evaluation import recommendation
from hscd.evaluation.comparison import Difference, agreement, block_counts, differences
from hscd.evaluation.ranking import METRICS, Ranked, Run, ranked
from hscd.labels import CHANGED, UNKNOWN
from hscd.reports import comparison as tables
from hscd.reports import maps, quicklook
from hscd.scenes.image import Image, with_bands
from hscd.scenes.inspection import picture_bands
from hscd.scenes.nodata import valid_pixels
from hscd.scenes.scene import thinned, windows_of
from hscd.scenes.title import pair_title
from hscd.system import messages, storage
from pipeline.cells import Outcome, Pair, read_map
from pipeline.methods import THESE_LABELS
from pipeline.model_commands import command_of_model
from pipeline.run_record import RunRecord
from settings.two_images import IMAGES

_TABLES = ("ranking.csv", "ranking.md", "runs.csv", "agreement.csv", "differences.csv", "run.json")
_PICTURES = ("maps", "curves")
_Pictures = Mapping[str, np.ndarray]


def files(pairs: Sequence[Pair]) -> list[str]:
    """Names of all files of a report."""
    return [*_TABLES, *(f"{pair.name}_{what}.png" for pair in pairs for what in _PICTURES)]


class _Maps(NamedTuple):
    """What is told from the maps: kappa between each pair of methods and between seeds, and counts by blocks."""

    between: np.ndarray
    seeds: dict[str, float]
    counts: dict[str, list[np.ndarray]]


def report(folder: Path, outcomes: Sequence[Outcome], record: RunRecord, images: Mapping[str, _Pictures]) -> None:
    """Write and tell what a comparison came to.

    Args:
        folder: of the results.
        outcomes: all runs.
        record: of the comparison.
        images: the `pictures` of each pair, by its name.
    """
    cells = {(cell.method.name, cell.pair.name): cell for cell, _ in outcomes}
    seen = {names: cell.method.seen(cell.settings, cell.pair.place) for names, cell in cells.items()}
    runs = [_run(outcome, seen[outcome.cell.method.name, outcome.cell.pair.name]) for outcome in outcomes]
    of_labels = any(outcome.cell.pair.labelled for outcome in outcomes)
    found = _of_maps(outcomes)
    sources = {run.method: run.source for run in runs}
    rows = ranked(runs, _with_others(found.between, sources), found.seeds, of_labels)
    against = _differences(rows, found.counts)
    if of_labels:
        pairs = {outcome.cell.pair.name for outcome in outcomes if outcome.cell.pair.of_both}
        advice = recommendation.by_labels(rows, against, len(pairs))
    else:
        mapped = dict.fromkeys(cell.pair.name for cell, record in outcomes if not record["error"])
        pictures = [f"{name}_maps.png" for name in mapped]
        advice = recommendation.without_labels(rows, UNSUPERVISED["detector"], pictures)
    sentences = advice.sentences
    # In a file as it works in every folder, and on the console as other commands tell theirs.
    (lead, kept), (_, told) = (_to_make(advice.method, outcomes, anywhere) for anywhere in (True, False))
    storage.write_csv(folder / "ranking.csv", tables.csv_rows(rows, advice.method, of_labels))
    written = _write_tables(folder, outcomes, list(sources), found.between, against)
    record.add_written("comparison", "map", written)
    parts = _parts(rows, of_labels, list(sources), found.between, against)
    storage.write_bytes(folder / "ranking.md", _text(parts, sentences, lead, kept).encode())
    for pair in {outcome.cell.pair.name: outcome.cell.pair for outcome in outcomes}.values():
        ours = [outcome for outcome in outcomes if outcome.cell.pair.name == pair.name]
        record.add_written(pair.name, "map", _draw(folder, ours, rows, images[pair.name]))
        record.add_outputs(pair.name, {what: folder / f"{pair.name}_{what}.png" for what in _PICTURES})
    outputs = {"text" if name.endswith(".md") else Path(name).stem: folder / name for name in _TABLES[:-1]}
    record.add_outputs("comparison", outputs)
    for row in rows:
        record.add_result(row.method, {"rank": row.rank, "seen": row.seen} | dict(row.means))
    lines = [*sentences, *([f"{lead} {told}"] if told else [])]
    messages.result(tables.aligned(tables.ranking(rows, of_labels)) + "\n\n" + "\n".join(lines))


def _to_make(method: str | None, outcomes: Sequence[Outcome], anywhere: bool) -> tuple[str, str]:
    """What introduces the command that makes the map of the recommended method, and the command; "" if none does."""
    cell = next((cell for cell, _ in outcomes if cell.method.name == method), None)
    if cell is None:
        return "", ""
    known = IMAGES in cell.settings.data_sets
    if cell.method.model is not None:
        command = "" if known else command_of_model(cell.method, cell.settings, cell.pair.section, anywhere=anywhere)
        return f"To make its maps of {cell.pair.section}:", command
    only = None
    if not known and len({(cell.pair.section, cell.pair.files.name) for cell, _ in outcomes}) == 1:
        only = cell.settings[cell.pair.section], cell.pair.files
    command = cell.method.command(cell.settings, pair=only, anywhere=anywhere) or ""
    what = "two images" if only is None else cell.pair.section
    return f"To make its map of {'these images' if known else what}:", command


def _run(outcome: Outcome, seen: str) -> Run:
    cell, record = outcome
    return Run(
        cell.method.name, cell.method.source, seen, seen != THESE_LABELS, cell.pair.name, cell.seed, record["figures"],
        tuple(record["doubts"]), record["error"],
    )  # fmt: skip


def _of_maps(outcomes: Sequence[Outcome]) -> _Maps:
    """Look at the maps, those of one pair at a time."""
    names = list(dict.fromkeys(outcome.cell.method.name for outcome in outcomes))
    between: list[np.ndarray] = []
    seeds: dict[str, list[float]] = {name: [] for name in names}
    counts: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for pair in {outcome.cell.pair.name: outcome.cell.pair for outcome in outcomes}.values():
        # Maps may be large: at a time those of all methods with one seed, then those of one method.
        ours = [outcome for outcome in outcomes if outcome.cell.pair.name == pair.name]
        for seed in dict.fromkeys(outcome.cell.seed for outcome in ours):
            between.append(_matrix([_map(outcome) for outcome in ours if outcome.cell.seed == seed]))
        for name in names:
            of_method = [outcome for outcome in ours if outcome.cell.method.name == name]
            known = [labels for outcome in of_method if (labels := _map(outcome)) is not None]
            seeds[name] += [agreement(known[0], labels) for labels in known[1:]]
            if pair.of_both and len(known) == len(of_method):
                counts[name].append(np.stack([block_counts(labels, pair.truth) for labels in known]))
    known_seeds = {name: float(np.mean(values)) for name, values in seeds.items() if values}
    return _Maps(_mean_of(between), known_seeds, counts)


def _map(outcome: Outcome) -> np.ndarray | None:
    return None if outcome.record["error"] else read_map(outcome.cell)


def _matrix(of_methods: Sequence[np.ndarray | None]) -> np.ndarray:
    """Kappa between each two maps, NaN where one is missing."""
    matrix = np.full((len(of_methods),) * 2, np.nan)
    for one, first in enumerate(of_methods):
        for other, second in enumerate(of_methods[:one]):
            if first is not None and second is not None:
                matrix[one, other] = matrix[other, one] = agreement(first, second)
    return matrix


def _mean_of(matrices: Sequence[np.ndarray]) -> np.ndarray:
    """Mean of each entry over those that are not NaN."""
    stacked = np.array(matrices)
    known = np.isfinite(stacked)
    total = np.where(known, stacked, 0).sum(axis=0)
    return total / np.where(known.any(axis=0), known.sum(axis=0), np.nan)


def _with_others(between: np.ndarray, sources: Mapping[str, str]) -> dict[str, float]:
    """Mean kappa of each method's maps with those of others; not with those of its own scores, which are alike."""
    found = {}
    for (name, source), values in zip(sources.items(), between, strict=True):
        others = np.array([other != source for other in sources.values()]) & np.isfinite(values)
        if others.any():
            found[name] = float(values[others].mean())
    return found


def _differences(rows: Sequence[Ranked], counts: Mapping[str, list[np.ndarray]]) -> dict[str, Difference]:
    """The differences to the best method, of those that can be compared."""
    compared = {row.method: counts[row.method] for row in rows if row.comparable and counts[row.method]}
    return differences(next(iter(compared)), compared) if len(compared) > 1 else {}


def _write_tables(
    folder: Path, outcomes: Sequence[Outcome], names: Sequence[str], between: np.ndarray,
    against: Mapping[str, Difference],
) -> list[Path]:  # fmt: skip
    """Write the tables of runs, agreement and differences; those of them that other comparisons need not write."""
    figures = (*METRICS, "share", "threshold", "seconds", "memory", "halves")
    storage.write_csv(
        folder / "runs.csv",
        [
            {"data_set": cell.pair.section, "pair": cell.pair.files.name, "method": cell.method.name, "seed": cell.seed}
            | {name: record["figures"].get(name) for name in figures}
            | {"doubts": "; ".join(record["doubts"]), "error": record["error"], "map": f"cells/{cell.map.name}"}
            for cell, record in outcomes
        ],
    )
    matrix = [
        {"method": name} | dict(zip(names, values, strict=True)) for name, values in zip(names, between, strict=True)
    ]
    storage.write_csv(folder / "agreement.csv", matrix)
    found = [
        {"method": name, "difference": of.mean, "low": of.low, "high": of.high, "p": of.p,
         "signed_rank_p": of.rank_p, "larger_than_chance": of.p < recommendation.LEVEL}
        for name, of in against.items()
    ]  # fmt: skip
    if not found:
        return []
    table = folder / "differences.csv"
    storage.write_csv(table, found)
    return [table]


def _parts(
    rows: Sequence[Ranked], of_labels: bool, names: Sequence[str], between: np.ndarray,
    against: Mapping[str, Difference],
) -> dict[str, tuple[str, tables.Table]]:  # fmt: skip
    """The parts of the text by title, each with what is said of it and its table."""
    title, reading = ("Ranking", tables.READING) if of_labels else ("Methods", tables.UNJUDGED)
    parts = {title: (reading, tables.ranking(rows, of_labels))}
    if against:
        best = next(row.method for row in rows if row.method not in against and row.comparable)
        parts["Which differences are larger than chance"] = (
            tables.CHANCE,
            tables.chance(best, against, recommendation.LEVEL),
        )
    if of_labels or len(rows[0].shares) > 1:  # else the first table says the same
        parts["By pair"] = (tables.BY_PAIR, tables.by_pair(rows))
    if len(names) > 1:
        parts["Agreement"] = ("Kappa between the maps of each pair of methods.", tables.agreements(names, between))
    if any(row.failed for row in rows):
        parts["Without a map"] = ("", tables.failures(rows))
    return parts


def _text(parts: Mapping[str, tuple[str, tables.Table]], sentences: Sequence[str], lead: str, command: str) -> str:
    """The whole report in Markdown."""
    lines = ["# Comparison of methods", "", *(f"- {sentence}" for sentence in sentences), ""]
    lines += [lead, "", "```sh", command, "```", ""] if command else []
    for title, (about, table) in parts.items():
        lines += [f"## {title}", "", *([about, ""] if about else []), tables.markdown(table)]
    return "\n".join(lines)


def _draw(folder: Path, outcomes: Sequence[Outcome], rows: Sequence[Ranked], images: _Pictures) -> list[Path]:
    """Draw the images of a pair, its labels and its maps side by side, and its curves, with the first seed."""
    first = min(outcome.cell.seed for outcome in outcomes)
    of_method = {
        cell.method.name: (cell, record) for cell, record in outcomes if cell.seed == first and not record["error"]
    }
    shown = [of_method[row.method] for row in rows if row.method in of_method]
    pair = outcomes[0].cell.pair
    panels = {"Labels": maps.thinned(pair.truth)} if pair.labelled else {}
    curves: dict[str, dict[str, Any]] = {}
    for cell, record in shown:
        labels, figures, name = read_map(cell), record["figures"], cell.method.name
        assert labels is not None  # its record is there
        kappa = figures["kappa"]
        told = f"{100 * figures['share']:.1f} % changed" if kappa is None else f"kappa {kappa:.3f}"
        panels[f"{name}\n{told}"] = maps.thinned(labels)
        if record["curves"]:
            curve = curves.setdefault(cell.method.scores, record["curves"] | {"points": []})
            curve |= {what: figures[what] for what in ("average_precision", "auroc")}
            false = figures["false_positives_num"], figures["true_negatives_num"]
            curve["points"].append((figures["recall"], figures["precision"], false[0] / sum(false)))
    map_picture, curve_picture = [folder / f"{pair.name}_{what}.png" for what in _PICTURES]
    if panels:
        panels = {**images, **panels}
        step, beside = maps.step_of(pair.truth.shape), pair.beside
        if beside is not None and beside.metres is not None:  # the panels are of every so manieth pixel
            beside = beside._replace(metres=step * beside.metres)
        heading = f"{pair_title(pair.name, pair.files.before, pair.files.after)}: change maps"
        heading += (", best first" if pair.labelled else "") + f", seed {first}"
        maps.write_classes(map_picture, panels, across=maps.across(len(panels)), heading=heading, beside=beside)
    if curves:
        chance = float((pair.truth[pair.truth != UNKNOWN] == CHANGED).mean())
        tables.write_curves(curve_picture, curves, chance)
    return [*([map_picture] if panels else ()), *([curve_picture] if curves else ())]


def pictures(before: Image, after: Image) -> dict[str, np.ndarray]:
    """Both images of a pair in colours, (rows, columns, 3), as its pages show them; none of one without any data."""
    bands, windows, step = picture_bands(before), windows_of(before, after), maps.step_of(before.shape[:2])
    shown = [thinned(with_bands(image, bands), windows, step) for image in (before, after)]
    valid = valid_pixels(shown, [None, None])
    if valid is not None and not valid.any():
        return {}
    return dict(zip(("Before", "After"), quicklook.stretched((shown[0], shown[1]), valid), strict=True))
