"""The parts of a run's page, computed of its record and of the files that it noted."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from hscd.reports import comparison
from hscd.reports import tables as words
from hscd.reports.page import charts, images, numbers, searches
from hscd.reports.page.charts import Chart
from hscd.reports.page.found import Run

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
    "error_matrix": ("Error matrix", "A row a class of the map; *num* are labelled points by what they really are, "
                     "*changed* and *unchanged* shares of the area."),
}  # fmt: skip
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
    return found if all(isinstance(found.get(name), int) for name in ("rows", "columns", "step")) else None


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
        counts |= {"unchanged (ground truth)": (bins["unchanged"], "unchanged"),
                   "changed (ground truth)": (bins["changed"], "changed")}  # fmt: skip
    above = sum(count for low, count in zip(bins["edges"], bins["all"], strict=False) if low >= threshold)
    told = (
        f"Scores from {charts.text(bins['edges'][0])} to {charts.text(bins['edges'][-1])}; about {above:,} of "
        f"{sum(bins['all']):,} pixels shown are above the threshold {charts.text(threshold)}. "
        "What is beyond the last bar counts in it."
    )
    return charts.histogram("How the scores are spread", told, "score", bins["edges"], counts, threshold)


def stage_bars(run: Run) -> list[tuple[str, float, float]]:
    """Each stage of a run, its seconds, and its share of the longest one in percent."""
    found = numbers.stages(run.record)
    longest = max((seconds for _, seconds in found), default=1.0)
    return [(name, seconds, 100 * seconds / longest) for name, seconds in found]


def tuning_chart(row: dict[str, Any]) -> Chart | None:
    """The curves of a fine-tuning."""
    curve = row.get("ft_curve")
    if not isinstance(curve, dict) or not curve.get("loss") or len(curve["loss"]) != len(curve.get("val_loss", [])):
        return None
    epochs = list(range(1, len(curve["loss"]) + 1))
    best = min(curve["val_loss"])
    told = f"{len(epochs)} epochs; the validation loss falls to {charts.text(best)}."
    series = {
        "training loss": (epochs, curve["loss"], "before"), "validation loss": (epochs, curve["val_loss"], "after"),
    }  # fmt: skip
    return charts.lines("Fine-tuning", told, ("epoch", "loss"), series)


def search_charts(run: Run, result: str) -> tuple[list[Chart], list[tuple[str, float]], int]:
    """Training curves, history and parallel coordinates of a search; importance of parameters; the number of trials."""
    found = searches.trials(run.table(result, "trials"))
    curves = searches.curves(run.table(result, "curves"))
    if not found:
        return [], [], 0
    best = min(found, key=lambda trial: (not trial.best, trial.loss))
    made = []
    if best.number in curves:
        made.append(_training(curves, best.number))
    made.append(_history(found, best))
    axes = searches.varied(found)
    if len(found) > 1 and axes:
        rows = [[trial.chosen[name] for name in axes] + [trial.loss] for trial in found]
        told = "Best trial: " + ", ".join(f"{name} {charts.text(best.chosen[name])}" for name in axes) + "."
        made.append(charts.parallel("What was tried", told, [*axes, "validation loss"], rows,
                                    [trial.loss for trial in found], found.index(best)))  # fmt: skip
    return made, searches.importance(found), len(found)


def _training(curves: dict[int, list[tuple[float, float]]], best: int) -> Chart:
    """Losses by epoch: of the best trial both, of the others that of validation."""
    series = {}
    for number in [other for other in curves if other != best][:_CURVES]:
        series[f" {number}"] = (list(range(1, len(curves[number]) + 1)), [two for _, two in curves[number]], "other")
    epochs = list(range(1, len(curves[best]) + 1))
    series["training loss"] = (epochs, [one for one, _ in curves[best]], "before")
    series["validation loss"] = (epochs, [two for _, two in curves[best]], "after")
    told = (
        f"Best trial {best}: {len(epochs)} epochs, validation loss falls to "
        f"{charts.text(min(two for _, two in curves[best]))}. Pale: validation loss of the other trials."
    )
    return charts.lines("Training of the best trial", told, ("epoch", "loss"), series)


def _history(found: list[searches.Trial], best: searches.Trial) -> Chart:
    """Validation loss by trial, and the lowest so far."""
    ordered = sorted(found, key=lambda trial: trial.number)
    xs = [trial.number for trial in ordered]
    lowest = [min(trial.loss for trial in ordered[: end + 1]) for end in range(len(ordered))]
    told = f"{len(found)} trials; trial {best.number} has the lowest validation loss, {charts.text(best.loss)}."
    series = {
        "lowest so far": (xs, lowest, "after"), "a trial": (xs, [trial.loss for trial in ordered], charts.DOTS),
    }  # fmt: skip
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
    told = ", ".join(f"{len(of)} points {name}" for name, of in groups.items()) + "; two points a pixel, one a date."
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


def pictures(run: Run) -> list[tuple[str, str]]:
    """Pictures of a comparison as data URIs with their names."""
    found, left = [], _BYTES
    for result in run.record.get("files", {}):
        for what in ("maps", "curves"):
            path = run.output(result, what)
            if path is None or path.suffix != ".png":
                continue
            try:
                uri = images.of_file(path.read_bytes(), _WIDTH)
            except (OSError, ValueError, SyntaxError):  # Pillow's for a damaged PNG
                continue
            left -= len(uri)
            if left > 0:
                found.append((f"{numbers.titled(run.record, result)}: {_TITLES[what]}", uri))
    return found


_TITLES = {"maps": "maps", "curves": "precision–recall and ROC curves"}


class Told(NamedTuple):
    """A table with its title and what is said of it, in which words between asterisks are those of its head."""

    title: str
    about: str
    rows: list[dict[str, str]]


def estimates(row: dict[str, Any]) -> list[Told]:
    """The tables of what a labelled sample says of its map."""
    found = [Told(title, about, [_estimate(of) for of in row[name]])
             for name, (title, about) in _ESTIMATES.items() if _are_rows(row.get(name))]  # fmt: skip
    return [table for table in found if table.rows]


def _are_rows(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(of, dict) for of in found)


def _estimate(of: dict[str, Any]) -> dict[str, str]:
    """A row of a sample's table as people read it: areas in the unit that reads best."""
    is_area = of.get("unit") in ("m²", "pixels")

    def cell(value: Any) -> str:
        if isinstance(value, float):
            return words.area(value, of["unit"]) if is_area else charts.text(value)
        return f"{value:,}" if isinstance(value, int) else str(value).replace("_", " ")

    return {key.replace("_", " "): cell(value) for key, value in of.items()} | ({"unit": ""} if is_area else {})


def tables(run: Run) -> list[Told]:
    """The tables of a comparison: those of its text, and one of all runs."""
    found = [_told(part) for part in _text(run).split("\n## ")[1:]]
    rows = run.table("comparison", "runs")
    if rows:
        head, cells = comparison.runs(rows)
        found.append(Told("All runs", "", [dict(zip(head, line, strict=True)) for line in cells]))
    return [table for table in found if table.rows]


def _told(part: str) -> Told:
    """A part of a text in Markdown below its title: a paragraph, then a table."""
    title, *lines = part.splitlines()
    cells = [
        [cell.strip().replace("\\|", "|") for cell in _BAR.split(line)[1:-1]] for line in lines if line.startswith("|")
    ]
    about = " ".join(line for line in lines if not line.startswith("|")).strip()
    return Told(title, about, [dict(zip(cells[0], row, strict=False)) for row in cells[2:]])


def recommendation(run: Run) -> str:
    """What a comparison recommends: the paragraph below the title of its text."""
    return next((line for line in _text(run).splitlines() if line and not line.startswith("#")), "")


def _text(run: Run) -> str:
    path = run.output("comparison", "text")
    return "" if path is None else path.read_text(encoding="utf-8", errors="replace")
