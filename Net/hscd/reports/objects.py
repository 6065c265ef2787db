"""Changed objects as a table, a picture and lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hscd.evaluation.objects import FOUND, Agreement, Kept, Objects
from hscd.evaluation.result import MapResult
from hscd.reports import maps
from hscd.reports.tables import Row
from hscd.system import storage

_SIDES = ("top", "left", "bottom", "right")
COLUMNS = ("object", "confidence", "pixels", *_SIDES)
# Boxes that a picture shows, the most confident ones.
_SHOWN = 2000


def rows(objects: Objects) -> list[Row]:
    """The table, `COLUMNS`: a row an object. `bottom` and `right` are the row and column after the last ones."""
    return [
        {"object": number, "confidence": round(confidence, 3), "pixels": pixels} | dict(zip(_SIDES, box, strict=True))
        for number, (box, pixels, confidence) in enumerate(
            zip(objects.boxes.tolist(), objects.pixels.tolist(), objects.confidences.tolist(), strict=True), start=1
        )
    ]


def line(objects: Objects) -> str:
    """How many there are, and how sure."""
    count = len(objects.boxes)
    if not count:
        return "no changed objects"
    merged = f", {objects.merged:,} more are covered by more certain ones" if objects.merged else ""
    return f"{count:,} changed objects, median confidence {np.median(objects.confidences):.2f}{merged}"


def agreement_line(agreement: Agreement, kept: Sequence[Row]) -> str:
    """How the objects agree with true ones."""
    sizes = ", ".join(
        f"{100 * row['kept_corrected'] / row['objects']:.0f} % of {row['objects']:,} {row['size']}"
        for row in kept
        if row["objects"]
    )
    return (
        f"against {agreement.true_objects:,} true objects: precision {agreement.precision:.3f}, recall "
        f"{agreement.recall:.3f} at an overlap of {FOUND:g}, average precision {agreement.average_precision:.3f} "
        f"({agreement.mean_average_precision:.3f} over .5 to .95); kept: {sizes} pixels"
    )


def kept_rows(before: Sequence[Kept], after: Sequence[Kept]) -> list[Row]:
    """True objects by size, and how many of them keep half of their pixels, before and after correction."""
    ends = [of.least for of in before[1:]]
    return [
        {
            "size": f"of {first.least} to {end - 1}" if end else f"of {first.least} and more",
            "objects": first.objects, "kept": first.kept, "kept_corrected": second.kept,
        }
        for first, second, end in zip(before, after, [*ends, None], strict=True)
    ]  # fmt: skip


def write_picture(path: Path, objects: Objects, result: MapResult, title: str, aspect: float = 1.0) -> None:
    """Draw the boxes on the change map, the sure ones darker; `aspect` is the height of a pixel by its width."""
    from matplotlib.collections import PatchCollection
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Rectangle

    labels = maps.thinned(result.corrected)
    step = -(-result.corrected.shape[0] // labels.shape[0])
    figure, dpi = maps.new_figure(labels.shape, 1, aspect=aspect)
    axes = figure.subplots()
    axes.imshow(labels, cmap=ListedColormap(maps.PALE), vmin=0, vmax=2, aspect=aspect, **maps.PIXELS)
    boxes = objects.boxes[:_SHOWN] / step - 0.5
    drawn = [Rectangle((left, top), right - left, bottom - top) for top, left, bottom, right in boxes]
    collection = PatchCollection(drawn, facecolor="none", edgecolor="black", linewidth=0.8)
    collection.set_alpha(list(np.clip(objects.confidences[:_SHOWN], 0.25, 1)) if drawn else None)
    axes.add_collection(collection)
    maps.fit(axes.set_title(title, parse_math=False), figure)
    axes.set_xticks([])
    axes.set_yticks([])
    maps.add_legend(figure, ("changed", "unchanged", "unknown or masked"), maps.PALE, np.unique(labels))
    storage.write_figure(path, figure, dpi)
