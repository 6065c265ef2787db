"""What pages say of runs, computed of their records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from hscd.scenes.title import pair_title

METRICS = {
    "kappa": "Cohen's kappa", "f1": "F1 of change", "overall_accuracy": "Overall accuracy", "precision": "Precision",
    "recall": "Recall", "iou": "IoU of change",
}  # fmt: skip
_COUNTS = ("true_positives_num", "false_negatives_num", "false_positives_num", "true_negatives_num")
# Where a result says whether the model learned from its pair.
_SEEN = "seen_in_training"
# Commands whose figures are those of a map; that of a training has a threshold of labelled pixels alone.
_OF_MAPS = ("test", "pseudo-labels", "detect")
# Files of a pair that a map is of and judged by.
_JUDGED = ("before", "after", "label", "changed_mask", "unchanged_mask")
# Seconds of a result by the stage that they were spent in.
_SECONDS = {
    "extraction_time": "selection of pseudo-labels", "ft_time": "fine-tuning", "generation_time": "scores",
    "detection_time": "scores", "prediction_time": "scores", "correction_time": "spatial correction",
}  # fmt: skip


# Groups of settings, what pages call them, and yes and no.
_GROUPS = {"data_sets": "Data set", "searches": "Search with the distance"}
_YES = {"True": "yes", "False": "no"}
# How a picture begins that can be trusted to be a data URI.
URI = ("data:image/png;base64,", "data:image/webp;base64,")


class Value(NamedTuple):
    """A figure with its 95 % interval; None where it is not known."""

    value: float
    low: float | None = None
    high: float | None = None


class Metric(NamedTuple):
    """A metric of a map before and after spatial correction."""

    title: str
    before: Value | None
    after: Value | None


def number(value: Any) -> float | None:
    """A value of a record, if it is a number."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def value_of(row: Mapping[str, Any], name: str, suffix: str = "") -> Value | None:
    """A figure of a result; `suffix` is "_correction" after spatial correction."""
    found = number(row.get(name + suffix))
    if found is None:
        return None
    return Value(found, *(number(row.get(f"{name}_{end}{suffix}")) for end in ("low", "high")))


def metrics(row: Mapping[str, Any]) -> list[Metric]:
    """The metrics of a result that has any; none after correction where that changed none."""
    found = [Metric(title, value_of(row, name), value_of(row, name, "_correction")) for name, title in METRICS.items()]
    if all(metric.after == metric.before for metric in found):
        found = [metric._replace(after=None) for metric in found]
    return [metric for metric in found if metric.before or metric.after]


def confusion(row: Mapping[str, Any], suffix: str = "") -> tuple[int, int, int, int] | None:
    """Pixels found, missed, false alarms and rightly unchanged; None where they were not counted."""
    counts = [number(row.get(name + suffix)) for name in _COUNTS]
    if None in counts or not sum(count or 0 for count in counts):
        return None
    found, missed, false, unchanged = (int(count or 0) for count in counts)
    return found, missed, false, unchanged


def best_figure(row: Mapping[str, Any], name: str) -> Value | None:
    """A metric of the final map: after correction where there is one."""
    return value_of(row, name, "_correction") or value_of(row, name)


def estimated(row: Mapping[str, Any], measure: str, name: str = "changed") -> tuple[Value, str] | None:
    """What a labelled sample says of a true class, "area" or "area_share", with its unit; None of other results."""
    rows: Any = row.get("estimates")
    for of in rows if _are_mappings(rows) else ():
        if (of.get("measure"), of.get("class")) == (measure, name):
            value, low, high = (number(of.get(end)) for end in ("estimate", "lower", "upper"))
            return None if value is None else (Value(value, low, high), str(of.get("unit")))
    return None


def mapped_share(row: Mapping[str, Any]) -> float | None:
    """Share of the pixels that the map of a labelled sample calls changed; None of other results."""
    rows: Any = row.get("error_matrix")
    found = {of.get("map_class"): number(of.get("pixels")) for of in rows} if _are_mappings(rows) else {}
    changed, unchanged = (found.get(name) for name in ("changed", "unchanged"))
    return changed / (changed + unchanged) if changed is not None and unchanged else None


def _are_mappings(rows: Any) -> bool:
    return isinstance(rows, list) and all(isinstance(of, Mapping) for of in rows)


def _changed_share(row: Mapping[str, Any]) -> float | None:
    """Share of change in [0, 1]: of a labelled sample, what it estimates."""
    share = estimated(row, "area_share")
    return number(row.get("changed_share")) if share is None else share[0].value


def flat(value: Any, name: str = "") -> dict[str, str]:
    """Nested settings as texts by dotted names; what is empty or None is left out."""
    if isinstance(value, Mapping):
        found: dict[str, str] = {}
        for key, item in value.items():
            found |= flat(item, f"{name}.{key}" if name else str(key))
        return found
    if isinstance(value, list):
        value = ", ".join(map(_written, value))
    return {} if value is None or value == "" else {name: _written(value)}


def without(settings: Mapping[str, str], names: Any) -> dict[str, str]:
    """Settings as `flat` has them without those of some names and all below these; of earlier runs nothing is known."""
    left_out = tuple(f"{name}." for name in names) if isinstance(names, list) else ()
    return {key: value for key, value in settings.items() if not f"{key}.".startswith(left_out)}


def _written(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def written(value: Any) -> str:
    """A value of a record as people read it: numbers rounded, thousands apart; lists as their items."""
    if isinstance(value, list):
        return ", ".join(map(written, value))
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return _YES.get(str(value), _written(value))


class Group(NamedTuple):
    """Settings that belong together, under a title: the name in words, the value, and the dotted name of each."""

    title: str
    rows: list[tuple[str, str, str]]


def grouped(settings: Mapping[str, str]) -> list[Group]:
    """Settings, by dotted names as `flat` has them, in words: those of all first, then of each data set and search."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for key, value in settings.items():
        parts, title = key.split("."), ""
        if parts[0] in _GROUPS and len(parts) > 2:
            title = f"{_GROUPS[parts[0]]} {'.'.join(parts[1:-1]).removesuffix('.options')}"
        # Values stay as net.conf takes them, yes and no apart.
        found.setdefault(title, []).append((parts[-1].replace("_", " "), _YES.get(value, value), key))
    return [Group(title, rows) for title, rows in found.items()]


def stages(record: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Seconds of each stage: those that the record times, else those that its results tell; and the rest."""
    found: Counter[str] = Counter()
    timed = record.get("stages")
    if isinstance(timed, Mapping) and timed:
        found.update({str(name): number(seconds) or 0 for name, seconds in timed.items()})
    else:
        for row in record["results"].values():
            found.update({stage: number(row.get(name)) or 0 for name, stage in _SECONDS.items()})
    shown = [(name, float(seconds)) for name, seconds in found.items() if seconds > 0]
    rest = (number(record.get("seconds")) or 0) - sum(seconds for _, seconds in shown)
    return [*shown, ("all else", rest)] if rest > 0 and shown else shown


class Row(NamedTuple):
    """A result of a run for the index.

    `run` is the run's number in the list. Maps that have one of `places` in common are of one pair and judged by the
    same labels; `best_of` is how many of these there are, for the best of them, else 0.
    """

    run: int
    command: str
    name: str
    data: str
    started: str
    seconds: float | None
    share: float | None
    metrics: dict[str, Value | None]
    warnings: int
    seen: bool
    judges: bool
    places: frozenset[tuple[Any, ...]] = frozenset()
    thumbnail: str = ""
    best_of: int = 0


def rows(records: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Row]:
    """The rows of the index, one a result; of comparisons, one of their best method. The best ones are marked.

    Args:
        records: the name of each run, and its record.
    """
    found = []
    for position, (name, record) in enumerate(records):
        results = record["results"]
        if record["command"] == "compare":
            first = min(results, key=lambda method: number(results[method].get("rank")) or 1e9, default=None)
            results = {} if first is None else {f"best of {len(results)}: {first}": results[first]}
        data = ", ".join(map(str, record["settings"].get("data_sets", {})))
        for result, figures in (results or {"": {}}).items():
            found.append(
                Row(
                    position, record["command"], name, titled(record, result, data),
                    record["started"], number(record.get("seconds")), _changed_share(figures),
                    {key: best_figure(figures, key) for key in ("kappa", "f1", "overall_accuracy")},
                    len(record["warnings"]), figures.get(_SEEN) in ("part", "yes"), record["command"] in _OF_MAPS,
                    _places(record, data, result), _thumbnail(record, result),
                )
            )  # fmt: skip
    return _marked(found)


def titled(record: Mapping[str, Any], result: str, data: str = "") -> str:
    """What pages call a result: by both images of its pair, after the name of the `data` that has one."""
    of_pair = (of for of in record.get("inputs") or [] if isinstance(of, Mapping) and of.get("pair") == result)
    dates = [
        of[date].get("path") for of in of_pair for date in ("before", "after") if isinstance(of.get(date), Mapping)
    ]
    if len(dates) == 2 and all(isinstance(path, str) for path in dates):
        before, after = (PurePosixPath(path.replace("\\", "/")) for path in dates)
        result = pair_title(result, before, after)
    return result if data in ("", "images") else f"{data} · {result}"


def _thumbnail(record: Mapping[str, Any], result: str) -> str:
    found = record.get("thumbnails")
    picture = found.get(result) if isinstance(found, Mapping) else None
    return picture if isinstance(picture, str) and picture.startswith(URI) else ""


def _places(record: Mapping[str, Any], data: str, result: str) -> frozenset[tuple[Any, ...]]:
    """What tells the pair that a result is of, and the labels that judge it, from others of the same name.

    Files are the same where their path and size are, of labels, which may be edited in place, their digest too; or, for
    folders that were moved, where name, size and time are.
    """
    of_pair = [of for of in record.get("inputs") or [] if isinstance(of, Mapping) and of.get("pair") == result]
    # Not those that only some runs read, such as pseudo-labels.
    files = [of[what] for of in of_pair for what in _JUDGED if isinstance(of.get(what), Mapping)]
    named = data, result, str(record["settings"].get("parts", ""))
    states = (tuple(str(of.get(name)) for name in ("path", "bytes", "digest")) for of in files)
    found: set[tuple[Any, ...]] = {(*named, *states)}
    if files and all(of.get("changed") for of in files):
        moved = [(str(of.get("path")).replace("\\", "/").rpartition("/")[2], of) for of in files]
        found.add((*named, *((name, str(of.get("bytes")), str(of["changed"])) for name, of in moved)))
    return frozenset(found)


def _marked(found: list[Row]) -> list[Row]:
    """The row of the highest kappa of each data that several maps are judged on, those of seen pairs left out."""
    kappas: dict[int, float] = {}
    groups: list[tuple[set[Any], list[int]]] = []
    for position, row in enumerate(found):
        kappa = row.metrics["kappa"]
        if not row.judges or row.seen or kappa is None:
            continue
        kappas[position] = kappa.value
        places, members, others = set(row.places), [position], []
        for group in groups:
            if group[0] & places:
                places, members = group[0] | places, group[1] + members
            else:
                others.append(group)
        groups = [*others, (places, members)]
    best = {max(sorted(members), key=kappas.__getitem__): len(members) for _, members in groups if len(members) > 1}
    return [row._replace(best_of=best.get(position, 0)) for position, row in enumerate(found)]


def differing(settings: Sequence[Mapping[str, str]]) -> tuple[dict[str, str], list[dict[str, str | None]]]:
    """Settings of many runs in little space: the most frequent value of each key, and by run what differs from it."""
    keys = sorted({key for of_run in settings for key in of_run})
    common = {}
    for key in keys:
        value, _ = Counter(of_run.get(key) for of_run in settings).most_common(1)[0]
        if value is not None:
            common[key] = value
    return common, [{key: of_run.get(key) for key in keys if of_run.get(key) != common.get(key)} for of_run in settings]
