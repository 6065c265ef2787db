"""The parts of a run's page, computed of its record and of the files that it noted."""

from __future__ import annotations

import re
from typing import Any

from hscd.reports import comparison
from hscd.reports import tables as words
from hscd.reports.maps import STRONG
from hscd.reports.page import charts, images, numbers, recommended, searches
from hscd.reports.page.charts import Chart
from hscd.reports.page.found import Run
from hscd.reports.page.told import Told
from hscd.system.errors import counted

# Kinds of layers of a view.
_KINDS = ("picture", "labels", "scores", "errors")
# Curves of other trials that are drawn beside the best.
_CURVES = 30
# Points of a group of an embedding.
_POINTS = 1500
# Width of pictures that were files, and bytes of all of them.
_WIDTH, _BYTES = 1400, 1_500_000
# The tables of a labelled sample by their names in its record: title, and what is said of it.
_ESTIMATES = {
    "estimates": ("Accuracy and area, from the labelled points", "*lower* and *upper* are the ends of the 95 % "
                  "interval; where all points agree and the standard error is 0, by the rule of three."),
    "error_matrix": ("Error matrix", "A row a class of the map: what its labelled points really are, and the "
                     "shares of the whole area that this makes."),
}  # fmt: skip
# Commands that draw maps of selected pseudo-labels, and what these are selected by.
SELECTIONS = {"maps by radii": "radius", "maps by percentages": "best %"}
_COLOUR = re.compile(r"#[0-9a-f]{6}")
# What parts the cells of a table in Markdown.
_BAR = re.compile(r"(?<!\\)\|")
# Groups of an embedding: what the map makes of a pixel, its label, None for any, and the style of its points.
_EMBEDDED = {
    "rightly unchanged": ("right", "unchanged", "right"), "rightly changed": ("right", "changed", "hit"),
    "missed": ("missed", None, "missed"), "false alarm": ("false alarm", None, "false"),
}  # fmt: skip


def view(run: Run, result: str) -> dict[str, Any] | None:
    """The view of a pair, as its page needs it; None where there is none, or it is damaged."""
    found = run.json(result, "view")
    if found is None:
        return None
    layers = found.get("layers")
    if not isinstance(layers, list) or not all(map(_is_layer, layers)) or not layers:
        return None
    if not all(isinstance(found.get(name), int) for name in ("rows", "columns", "step")):
        return None
    colours = found.get("colours", STRONG)  # runs of earlier versions do not say
    usable = isinstance(colours, list) and len(colours) == len(STRONG)
    swipe = numbers.number(found.get("swipe"))
    return found | {
        "colours": colours if usable and all(map(_COLOUR.fullmatch, map(str, colours))) else STRONG,
        "swipe": 50 if swipe is None else swipe,  # as of earlier versions
    }


def is_of_points(found: dict[str, Any]) -> bool:
    """Whether a view has what a page to label points on needs, with pictures that can be trusted to be data URIs."""
    sheets, places = found.get("sheets"), found.get("places")
    numbered = all(isinstance(found.get(name), int) for name in ("side", "pitch", "across"))
    pictures = isinstance(sheets, dict) and all(of == "" or str(of).startswith(numbers.URI) for of in sheets.values())
    return numbered and pictures and isinstance(places, list) and bool(places)


def _is_layer(layer: Any) -> bool:
    return (
        isinstance(layer, dict)
        and layer.get("kind") in _KINDS
        and isinstance(layer.get("title"), str)
        and str(layer.get("image")).startswith(numbers.URI)
    )


def score_chart(found: dict[str, Any] | None) -> Chart | None:
    """The histogram of a view, with the threshold of the scores that it shows: those of an ensemble's first member."""
    bins = (found or {}).get("histogram")
    scores = [of for of in (found or {}).get("layers", []) if of.get("kind") == "scores"]
    threshold = numbers.number(scores[0].get("threshold")) if scores else None
    if not isinstance(bins, dict) or not bins.get("edges") or threshold is None:
        return None
    counts = {"all pixels": (bins["all"], "all")}
    if sum(bins["changed"]) + sum(bins["unchanged"]):
        counts |= {"unchanged (labels)": (bins["unchanged"], "unchanged"),
                   "changed (labels)": (bins["changed"], "changed")}  # fmt: skip
    first, last = bins["edges"][0], bins["edges"][-1]
    written = [charts.plain(value, max(abs(first), abs(last))) for value in (first, last)]
    above = f"{bins['above']:,}" if isinstance(bins.get("above"), int) else _above(bins, threshold)
    corrected = any(of.get("key") == "raw" for of in (found or {}).get("layers", []))
    told = (
        f"Scores from {written[0]} to {written[1]}; {above} of {sum(bins['all']):,} pixels shown are above the "
        f"threshold {charts.text(threshold)}{', before spatial correction' if corrected else ''}. What is beyond the "
        "last bar counts in it."
    )
    return charts.histogram("How the scores are spread", told, "score", bins["edges"], counts, threshold)


def _above(bins: dict[str, Any], threshold: float) -> str:
    """How many pixels are above a threshold by the bars alone, which is all that runs of earlier versions tell."""
    return f"about {sum(count for low, count in zip(bins['edges'], bins['all'], strict=False) if low >= threshold):,}"


def stage_bars(run: Run) -> list[tuple[str, float, float]]:
    """Each stage of a run, its seconds, and its share of the longest one in percent."""
    found = numbers.stages(run.record)
    longest = max((seconds for _, seconds in found), default=1.0)
    return [(name, seconds, 100 * seconds / longest) for name, seconds in found]


def search_charts(run: Run, result: str) -> tuple[list[Chart], list[tuple[str, float]], int]:
    """Training curves, history and parallel coordinates of a search; importance of parameters; the number of trials."""
    found = searches.trials(run.table(result, "trials"))
    curves = searches.curves(run.table(result, "curves"))
    if not found:
        return [], [], 0
    best = min(found, key=lambda trial: (not trial.best, trial.loss))
    made = []
    if best.number in curves:
        made.append(_training(curves, best))
    made.append(_history(found, best))
    axes = searches.varied(found)
    if len(found) > 1 and axes:
        rows = [[trial.chosen[name] for name in axes] + [trial.loss] for trial in found]
        told = "Best trial: " + ", ".join(f"{name} {charts.text(best.chosen[name])}" for name in axes) + "."
        made.append(charts.parallel("What was tried", told, [*axes, "validation loss"], rows,
                                    [trial.loss for trial in found], found.index(best)))  # fmt: skip
    return made, searches.importance(found), len(found)


def _training(curves: dict[int, list[tuple[float, float]]], trial: searches.Trial) -> Chart:
    """Losses by epoch: of the best trial both, of the others that of validation."""
    series, best = {}, trial.number
    for number in [other for other in curves if other != best][:_CURVES]:
        series[f" {number}"] = (list(range(1, len(curves[number]) + 1)), [two for _, two in curves[number]], "other")
    epochs = list(range(1, len(curves[best]) + 1))
    series["training loss"] = (epochs, [one for one, _ in curves[best]], "before")
    series["validation loss"] = (epochs, [two for _, two in curves[best]], "after")
    # Of the weights that are kept: a drop too small to count for the training may follow.
    told = f"Best trial {best}: {counted(len(epochs), 'epoch')}, validation loss falls to {charts.text(trial.loss)}."
    if len(curves) > 1:
        told += " Pale: validation loss of the other trials."
    return charts.lines("Training of the best trial", told, ("epoch", "loss"), series)


def _history(found: list[searches.Trial], best: searches.Trial) -> Chart:
    """Validation loss by trial, and the lowest so far."""
    ordered = sorted(found, key=lambda trial: trial.number)
    xs = [trial.number for trial in ordered]
    lowest = [min(trial.loss for trial in ordered[: end + 1]) for end in range(len(ordered))]
    count, loss = counted(len(found), "trial"), charts.text(best.loss)
    told = f"{count}; trial {best.number} has the lowest validation loss, {loss}."
    best_so_far = {"lowest so far": (xs, lowest, "after")} if len(found) > 1 else {}
    series = best_so_far | {"single trials": (xs, [trial.loss for trial in ordered], charts.DOTS)}
    return charts.lines("Search history", told, ("trial", "validation loss"), series)


def embedding_chart(run: Run, result: str) -> Chart | None:
    """Embeddings in two dimensions, by what the map makes of their pixels."""
    table = run.table(result, "embedding")
    try:
        groups = {
            name: [(float(row["x"]), float(row["y"])) for row in table
                   if row["error"] == error and label in (None, row["label"])][:_POINTS]
            for name, (error, label, _) in _EMBEDDED.items()
        }  # fmt: skip
    except (KeyError, ValueError):
        return None
    filled = {name: (*zip(*of, strict=True), _EMBEDDED[name][2]) for name, of in groups.items() if of}
    if not filled:
        return None
    told = (
        ", ".join(f"{counted(len(of), 'point')} {name}" for name, of in groups.items())
        + "; two points a pixel, one a date."
    )
    return charts.scatter("Embeddings", told, ("dimension 1", "dimension 2"), filled)  # type: ignore[arg-type]


def band_chart(run: Run, result: str) -> Chart | None:
    """What each band adds to the distance of changed pixels."""
    found = _by_band(run, result, "bands", {"before": "before", "after": "after", "both": "all"})
    if found is None:
        return None
    across, series = found
    xs, values, _ = series["both"]
    largest = charts.text(xs[values.index(max(values))])
    told = f"{across.capitalize()} {largest} adds most to the distance of changed pixels."
    return charts.lines("Band importance", told, (across, "part of the distance"), series)


def ideal_chart(run: Run, result: str) -> Chart | None:
    """The after spectrum that a network calls most changed, beside what unchanged and changed pixels are like."""
    styles = {"unchanged": "all", "ideal": "changed", "before": "before", "after": "after"}
    found = _by_band(run, result, "ideal", styles) or _by_band(run, result, "ideal", dict(list(styles.items())[:2]))
    if found is None:
        return None
    across, series = found
    names = {"unchanged": "mean unchanged", "ideal": "most changed, for the network", "before": "mean changed, before",
             "after": "mean changed, after"}  # fmt: skip
    told = "The after spectrum that the network calls most changed from the mean unchanged one, by gradient ascent."
    named = {names[name]: of for name, of in series.items()}
    return charts.lines("Ideal changed spectrum", told, (across, "value"), named)


_Series = dict[str, tuple[list[float], list[float], str]]


def _by_band(run: Run, result: str, what: str, styles: dict[str, str]) -> tuple[str, _Series] | None:
    """Columns of a table of bands as curves, and what the horizontal axis is; None where there is no such table."""
    table = run.table(result, what)
    try:
        name = "wavelength" if table[0].get("wavelength") else "band"
        table = sorted(table, key=lambda row: float(row[name]))
        xs = [float(row[name]) for row in table]
        series = {column: (xs, [float(row[column]) for row in table], style) for column, style in styles.items()}
    except (KeyError, ValueError, IndexError):
        return None
    return "wavelength (nm)" if name == "wavelength" else "band", series


def pictures(run: Run) -> tuple[list[tuple[str, str]], int]:
    """Pictures that a run noted, as data URIs with their names, and how many more a page has no room for."""
    found, left, missing = [], _BYTES, 0
    for result, files in run.record.get("files", {}).items():
        for what in files if isinstance(files, dict) else ():
            path = run.output(result, what)
            if path is None or path.suffix != ".png":
                continue
            try:
                uri = images.of_file(path.read_bytes(), _WIDTH)
            except (OSError, ValueError, SyntaxError):  # Pillow's for a damaged PNG
                continue
            if len(uri) > left:
                missing += 1
                continue
            left -= len(uri)
            found.append((f"{numbers.titled(run.record, result)}: {_TITLES.get(what, what)}", uri))
    return found, missing


_TITLES = {"curves": "precision–recall and ROC curves"}


_ALL_RUNS = "*changed* is the share of pixels called changed. More figures, and where each map is, are in runs.csv."


def selections(run: Run) -> list[Told]:
    """How many pseudo-labels of each pair were selected, by what the run selected by; none of other runs."""
    column = SELECTIONS.get(run.record.get("command", ""))
    if column is None:
        return []
    rows = []
    for result, row in run.record["results"].items():
        chosen, total = row.get("pixels"), numbers.number(row.get("total_pixels"))
        threshold = numbers.number(row.get("threshold"))
        cut = {} if threshold is None else {"threshold of the distances": charts.text(threshold)}
        for by, count in chosen.items() if isinstance(chosen, dict) else ():
            if (pixels := numbers.number(count)) is not None:
                share = {} if not total else {"share of all pixels": f"{100 * pixels / total:.1f} %"}
                rows.append(
                    {"pair": numbers.titled(run.record, result), column: by, "pixels": f"{pixels:,.0f}"} | share | cut
                )
    return [Told("Selected pseudo-labels", "Pixels that are kept.", rows)]


def strata(row: dict[str, Any]) -> list[Told]:
    """How many points of a sample were drawn of each class of its map."""
    found = row.get("strata")
    if not isinstance(found, dict) or not all(isinstance(of, dict) for of in found.values()):
        return []
    rows = [{"class of the map": name} | {what: numbers.written(value) for what, value in of.items()}
            for name, of in found.items()]  # fmt: skip
    return [Told("Points of each class", "", rows)]


def estimates(row: dict[str, Any]) -> list[Told]:
    """The tables of what a labelled sample says of its map."""
    found = [Told(title, about, [_estimate(of) for of in row[name]])
             for name, (title, about) in _ESTIMATES.items() if _are_rows(row.get(name))]  # fmt: skip
    return [table for table in found if table.rows]


def _are_rows(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(of, dict) for of in found)


def _estimate(of: dict[str, Any]) -> dict[str, str]:
    """A row of a sample's table as people read it: areas in one unit, accuracies in three decimals, shares in four."""
    is_area = of.get("unit") in ("m²", "pixels")
    # Shares of the whole area are small where change is rare.
    share = "{:.3f}" if "accuracy" in str(of.get("measure")) else "{:.4f}"

    def cell(value: Any) -> str:
        if isinstance(value, float):
            return words.area(value, of["unit"], numbers.number(of.get("estimate"))) if is_area else share.format(value)
        return f"{value:,}" if isinstance(value, int) else str(value).replace("_", " ")

    named = {_column(key, of): cell(value) for key, value in of.items()} | ({"unit": ""} if is_area else {})
    return named | ({"measure": _MEASURES.get(named["measure"], named["measure"])} if "measure" in named else {})


_MEASURES = {"users accuracy": "user's accuracy", "producers accuracy": "producer's accuracy"}


def _column(key: str, of: dict[str, Any]) -> str:
    """What the head of a column says; of an error matrix also whether its figures are points or shares of the area."""
    if key.endswith("_num"):
        return f"points really {key.removesuffix('_num')}"
    return f"share really {key}" if f"{key}_num" in of else key.replace("_", " ")


def tables(run: Run) -> list[Told]:
    """The tables of a comparison: those of its text, one of all runs, and what was doubted of their maps."""
    found = [_told(part) for part in recommended.text(run).split("\n## ")[1:]]
    rows = run.table("comparison", "runs")
    if rows:
        head, cells = comparison.runs(rows)
        found.append(Told("All runs", _ALL_RUNS, [dict(zip(head, line, strict=True)) for line in cells]))
        head, cells = comparison.doubts(rows)
        found.append(Told("Doubts about maps", "", [dict(zip(head, line, strict=True)) for line in cells]))
    return [table for table in found + selections(run) if table.rows]


def doubted(run: Run) -> str:
    """How many maps of a comparison were doubted, in words; "" for none, and of other runs."""
    rows = run.table("comparison", "runs")
    count = sum(bool(row.get("doubts")) for row in rows)
    return f"doubts about {count} of {counted(len(rows), 'map')}" if count else ""


def _told(part: str) -> Told:
    """A part of a text in Markdown below its title: a paragraph, then a table."""
    title, *lines = part.splitlines()
    cells = [
        [cell.strip().replace("\\|", "|") for cell in _BAR.split(line)[1:-1]] for line in lines if line.startswith("|")
    ]
    about = " ".join(line for line in lines if not line.startswith("|")).strip()
    rows = [dict(zip(cells[0], row, strict=False)) for row in cells[2:]]
    used = [column for column in (rows[0] if rows else ()) if any(row.get(column) for row in rows)]
    return Told(title, about, [{column: row.get(column, "") for column in used} for row in rows])
