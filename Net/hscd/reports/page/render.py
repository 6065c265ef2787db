"""Pages of HTML, by the templates beside this file; what comes from users and files is escaped."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hscd.evaluation.probability import HIGH
from hscd.reports import tables as words
from hscd.reports.maps import COLOURS
from hscd.reports.page import numbers, probability, sections, tuning
from hscd.reports.page.advice import Advice, advice
from hscd.reports.page.charts import Chart, text
from hscd.reports.page.found import Run
from hscd.reports.page.images import AGREEMENT
from hscd.reports.page.recommended import recommendation
from hscd.reports.page.told import Told
from hscd.reports.page.tuning import Tuning
from hscd.scenes.registration import Registration, placed

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).with_name("templates")
# A page takes 5 MB at most; the views of pairs that would be beyond are left out.
_MOST = 4_700_000
# Where a server puts the link to TensorBoard, and what a page has to send with labels.
SERVED, TOKEN = "<!--served-->", 'data-token=""'
# The folders of a path from the root, which a page that is sent to others does not tell.
_PLACE = re.compile(r"(?<![\w.:/\\])(?:[A-Za-z]:)?[/\\](?:[^\s/\\:;,]+[/\\])+")
_TITLES = {
    "test": "Test of a model", "training": "Training", "pseudo-labels": "Pseudo-labels", "detect": "Change detection",
    "compare": "Comparison of methods", "sample": "Sample of points", "maps by radii": "Maps by neighbourhood",
    "maps by percentages": "Maps of the best pseudo-labels",
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """What a page tells of a result: the `key` of its view in the page, and `facts` of it in words."""

    name: str
    key: str
    facts: list[tuple[str, str, str]]
    metrics: list[numbers.Metric]
    confusions: list[tuple[str, tuple[int, int, int, int]]]
    view: dict[str, Any] | None
    charts: list[Chart]
    importance: list[tuple[str, float]]
    trials: int
    tuned: Tuning | None


def run_page(run: Run) -> str:
    """The page of a run."""
    record, left = run.record, _MOST
    of_parts = record["command"] not in ("compare", *sections.SELECTIONS)
    pictures, missing = ([], 0) if of_parts else sections.pictures(run)
    parts = []
    for position, (name, row) in enumerate(record["results"].items() if of_parts else ()):
        part = _part(run, name, row, f"view{position}")
        size = 0 if part.view is None else sum(len(layer["image"]) for layer in part.view["layers"])
        left -= size
        parts.append(part if left > 0 else Part(**{**vars(part), "view": None}))
    settings = numbers.without(numbers.flat(record["settings"]), record.get("unused_settings"))
    overrides = [str(of) for of in record["settings"].get("overrides") or []]
    return _template("run.html").render(
        title=run.name, command=_TITLES.get(record["command"], record["command"]), record=record, parts=parts,
        advised=_advised(record),
        settings=numbers.grouped({key: value for key, value in settings.items() if key != "overrides"}),
        overrides=overrides, overridden=_overridden(overrides, settings),
        stages=sections.stage_bars(run), recommended=recommendation(run), tables=_tables(run),
        doubted=sections.doubted(run),
        pictures=pictures, missing=missing, started=_date(record["started"]), served=SERVED,
    )  # fmt: skip


def sample_page(run: Run, sample: str, labels: Mapping[str, str], commands: tuple[str, str, str]) -> str | None:
    """The page to label the points of a sample on; None of other runs, and without what it shows.

    Args:
        run: that drew the sample.
        sample: name of its GeoPackage.
        labels: those that it has, "1", "0" or "unsure" by the points' ids.
        commands: that judge the map by the sample, by the sample and labels of this page, and that serve the page.
    """
    name = next(iter(run.record["results"]), "")
    view = run.json(name, "view")
    if view is None or not sections.is_of_points(view):
        return None
    of_map = next((str(of["map"].get("path")) for of in run.record.get("inputs") or [] if "map" in of), name)
    points, record = len(view["places"]), run.record
    csv = f"{Path(sample).stem}.csv"
    data = {
        "view": view, "ids": list(range(1, points + 1)), "labels": dict(labels), "csv": csv,
        "key": f"{sample} {record['started']}", "metres": view.get("metres"),
    }  # fmt: skip
    return _template("sample.html").render(
        title=run.name, started=_date(record["started"]), points=points, map=Path(of_map).name, sample=sample, csv=csv,
        advised=[(_without_folders(line, run), told) for line, told in _advised(record)],
        data=data, served=SERVED, token=TOKEN, commands=commands,
    )  # fmt: skip


def _without_folders(line: str, run: Run) -> str:
    """A line with the names of files instead of their paths; those that the record knows may have blanks in folders."""
    files = [of for inputs in run.record.get("inputs") or [] for of in inputs.values() if isinstance(of, Mapping)]
    known = {Path(str(of["path"])) for of in files if "path" in of}
    folders = {path.parent for path in known} | {run.path.parent, run.path.parent.resolve()}
    # The longest first: folders in others.
    for folder in sorted({str(of) for of in folders} - {"", ".", os.sep}, key=len, reverse=True):
        before = rf"(?<![\w.:/\\]){re.escape(folder)}"
        line = re.sub(rf"{before}[/\\]", "", line)
        line = re.sub(rf"{before}(?![\w.-])", Path(folder).name.replace("\\", r"\\"), line)
    return _PLACE.sub("", line)


def index_page(folder: Path, runs: Sequence[Run], problems: Sequence[str]) -> str:
    """The index of the runs of a folder.

    Args:
        folder: that the index lies in.
        runs: those in it and below.
        problems: what is wrong with records that could not be read.
    """
    rows = numbers.rows([(run.name, run.record) for run in runs])
    settings = [numbers.flat(run.record["settings"]) for run in runs]
    common, differing = numbers.differing(settings)
    links = [quote(os.fsencode(run.page.relative_to(folder).as_posix())) for run in runs]
    places = [run.path.parent.relative_to(folder).as_posix() for run in runs]
    shown = [
        {"name": run.name, "command": run.record["command"], "settings": own, "warnings": run.record["warnings"],
         "started": _date(run.record["started"])}
        for run, own in zip(runs, differing, strict=True)
    ]  # fmt: skip
    data = [
        {"run": row.run, "data": row.data, "share": row.share, "seconds": row.seconds}
        | {name: None if value is None else list(value) for name, value in row.metrics.items()}
        for row in rows
    ]
    return _template("index.html").render(
        title=folder.resolve().name, rows=rows, pictured=any(row.thumbnail for row in rows), links=links,
        places=["" if at == "." else at for at in places], problems=problems,
        data={"common": common, "runs": shown, "rows": data}, commands=_TITLES, served=SERVED,
    )  # fmt: skip


def _tables(run: Run) -> list[Told]:
    found = sections.tables(run)
    for row in run.record["results"].values() if run.record["command"] == "sample" else ():
        found += sections.strata(row) + sections.estimates(row)
    return found


def _part(run: Run, name: str, row: Mapping[str, Any], key: str) -> Part:
    view = sections.view(run, name)
    searched, importance, trials = sections.search_charts(run, name)
    single = [
        sections.score_chart(view), probability.chart(run, name), tuning.chart(row),
        sections.embedding_chart(run, name), sections.band_chart(run, name), sections.ideal_chart(run, name),
    ]  # fmt: skip
    title = numbers.titled(run.record, name)
    title = title.capitalize() if run.record["command"] == "training" else title  # "best trial"
    before, after = (numbers.confusion(row, suffix) for suffix in ("", "_correction"))
    counts = (
        [("", before)] if after in (before, None) else [(", before correction", before), (", after correction", after)]
    )
    return Part(
        title, key, _facts(row), [] if "estimates" in row else numbers.metrics(row),
        [(title, of) for title, of in counts if of is not None], view,
        searched + [chart for chart in single if chart is not None], importance, trials,
        tuning.tuning(row),
    )  # fmt: skip


def _advised(record: Mapping[str, Any]) -> list[tuple[str, Advice]]:
    return [(line, advice(line)) for line in map(str, record["warnings"])]


def _facts(row: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The figures that come first: each with its title and a line below it."""
    found = []
    if numbers.number(row.get("trials")):
        found.append(("Best trial", str(row.get("trial_id")), f"of {row['trials']}"))
        found.append(("Validation loss", text(numbers.number(row.get("val_loss")) or 0), ""))
    found += _of_map(row)
    found += _of_sample(row)
    shown = {"kappa": "Kappa", "f1": "F1 of change"}
    if isinstance(row.get("estimates"), list):
        shown["overall_accuracy"] = "Overall accuracy"
    for name, title in shown.items():
        value = numbers.best_figure(row, name)
        if value is not None:
            known = value.low is not None and value.high is not None
            below = f"95 %: {value.low:z.3f} to {value.high:z.3f}" if known else ""
            found.append((title, f"{value.value:z.3f}", below))
    points, error = numbers.number(row.get("points")), numbers.number(row.get("expected_standard_error"))
    if points is not None:
        below = "" if error is None else f"expected standard error {error:.3f}"
        found.append(("Points", f"{points:,.0f}", below))
    pixels, labelled = numbers.number(row.get("total_pixels")), numbers.number(row.get("total_examples"))
    if pixels is not None:
        found.append(("Pixels", f"{pixels:,.0f}", f"{labelled:,.0f} of known label" if labelled else ""))
    distance = numbers.number(row.get("domain_shift"))
    if distance is not None:
        found.append(("Domain shift", f"{distance:.2f}", "of 2: how unlike the training place"))
    if row.get("seen_in_training") in ("part", "yes"):
        found.append(("Seen in training", str(row["seen_in_training"]), "the figures are too good"))
    return found


def _of_map(row: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """How much changed, as `_facts`, how sure that is, and how far the images are shifted."""
    found, unit = [], str(row.get("unit"))
    share, area = numbers.number(row.get("changed_share")), numbers.number(row.get("changed_area"))
    if share is not None:
        areas = row.get("areas")
        below = "" if area is None else f"{words.area(area, unit)} in {areas} {'area' if areas == 1 else 'areas'}"
        found.append(("Changed", f"{100 * share:.2f} %", below))
    largest = row.get("largest_areas")
    if isinstance(largest, list) and largest and None not in map(numbers.number, largest):
        first, *others = (words.area(value, unit, largest[0]) for value in largest)
        if others:
            found.append(("Largest area", first, f"then {', '.join(others)}"))
    sure = numbers.number(row.get("sure_share"))
    if sure is not None:
        below = f"of the changed pixels have a probability of {HIGH:g} or more; no measure of accuracy"
        found.append(("High probability", f"{100 * sure:.0f} %", below))
    shift = [numbers.number(row.get(f"shift_{name}")) for name in Registration._fields]
    if None not in shift:
        down, right, spread, blocks = (value or 0.0 for value in shift)
        of = Registration(down, right, spread, int(blocks))
        moved = [numbers.number(row.get(f"shift_moved_{way}")) or 0.0 for way in ("down", "right")]
        verdict = row.get("shift_verdict")
        placed_as = placed(of, (moved[0], moved[1]), verdict if isinstance(verdict, str) else "")
        found.append(("Shift", f"{of.far:.2f} pixels", f"the after image {placed_as}"))
    return found


def _of_sample(row: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """How much changed by a labelled sample, as `_facts`, beside what its map calls changed."""
    area, rest = (numbers.estimated(row, "area", name) for name in ("changed", "unchanged"))
    mapped = numbers.mapped_share(row)
    if area is None:
        return []
    value, unit = area
    ends = [words.size(end, unit, value.value) for end in (value.low, value.high) if end is not None]
    below = f"95 %: {ends[0][0]} to {' '.join(ends[1])}" if len(ends) > 1 else ""
    found = [("Changed area", words.area(value.value, unit), below)]
    if rest is not None and mapped is not None:
        on_map = mapped * (value.value + rest[0].value)  # both classes together are the whole map
        found.append(("On the map", words.area(on_map, unit), "called changed, rightly or not"))
    return found


def _overridden(overrides: Sequence[str], settings: Mapping[str, str]) -> set[str]:
    """The names in a record of the settings that --set gave, which say SECTION.KEY=VALUE or KEY=VALUE."""
    given = {tuple(_plain(part) for part in text.partition("=")[0].rpartition(".")[::2]) for text in overrides}
    found = set()
    for name in settings:
        *within, key = name.removeprefix("options.").replace(".options.", ".").split(".")
        sections = {".".join(within[1:]), f"hyperas settings {within[-1]}"} if within else {"settings", "setting"}
        if given & {(_plain(section), _plain(key)) for section in (*sections, "")}:
            found.add(name)
    return found


def _plain(name: str) -> str:
    return name.strip().lower().replace("_", "")


def _date(started: str) -> str:
    """When a run started, to the minute, as its record has it."""
    try:
        return f"{datetime.fromisoformat(started):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return started


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= {
        "short": text, "figure": numbers.written, "decimals": "{:z.3f}".format, "signed": "{:+z.2f}".format,
    }  # fmt: skip
    made.globals |= {"colours": COLOURS, "agreement": AGREEMENT}
    return made


def _template(name: str) -> Any:
    return _environment().get_template(name)
