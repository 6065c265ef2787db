"""Maps as PNG: class maps in three panels, and heat maps of distances.

Colours: red changed, pale blue unchanged, as that is most of a map, yellow unknown, excluded or masked.
Panels are computed apart from the drawing.
"""

from __future__ import annotations

import math
import re
import textwrap
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.reports import furniture
from hscd.reports.furniture import Furniture
from hscd.reports.score_range import FARTHEST, TOP_PERCENTILE, score_range
from hscd.system import storage

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

# Indexed by label.
COLOURS = ("#d7191c", "#c9d7ef", "#ffe34d")
# The same, of points and curves and in styles for a GIS, where something lies below: pale blue would be lost.
STRONG = (COLOURS[0], "#2c5fbf", COLOURS[2])
# The same, for what something is drawn upon.
PALE = ("#f19a9b", COLOURS[1], "#fff3b0")
Panels = dict[str, np.ndarray]

_PANEL_INCHES, _HEAT_INCHES = 4.5, 6.5
_HEADING_INCHES, _BESIDE_INCHES, _BAR_INCHES = 0.75, 0.4, 1.1
# Of a colour bar: how wide it is, and what its tip for larger scores takes of its height.
_WIDTH_INCHES, _TIP = 0.3, 0.03
_MIN_DPI, _MAX_DPI = 110, 300
# Of maps in several rows.
_SMALL_INCHES, _SMALL_DPI = 3.2, 160
# Size of titles, and letters of it that fit above a small map; longer ones are smaller.
_FONT, _LETTERS = 12, 34
# A line that a title is broken into, the least width that a title has, inches; the share of its place that it may take;
# its smallest letters.
_LINE_INCHES, _LEAST_TITLE, _TITLE_SHARE, _LEAST_FONT = 0.2, 1.0, 0.96, 6.0
# Rows or columns that are drawn at most.
_LARGEST = 2048
# Part of the colours "magma" that a heat map takes: what follows is near the yellow of masked pixels.
_COLOURS_END = 0.86
# How pixels are drawn: by values, then coloured. By itself Matplotlib colours large images first, in double precision,
# which gives the same picture in three times the memory.
PIXELS: dict[str, Any] = {"interpolation": "nearest", "interpolation_stage": "data"}
# How scores are told apart: a heat map shows their roots or logarithms where a threshold looks at these.
_EXPONENTS = {"linear": 1.0, "root": 0.5}
_LEAST_OF_LOG = 1e-3


def prediction_panels(prediction: np.ndarray, truth: np.ndarray) -> Panels:
    """A predicted map, the same where the truth is known, and the truth; (rows, columns) labels each.

    Where the truth is known nowhere, the predicted map alone; where it is known for all of the map, that once.
    """
    if (truth == UNKNOWN).all():
        return {"Change map": prediction}
    known = np.where(truth == UNKNOWN, UNKNOWN, prediction)
    part = {} if np.array_equal(known, prediction) else {"Change map where labels are known": known}
    return {"Change map": prediction} | part | {"Labels": truth}


def selection_panels(positions: np.ndarray, labels: np.ndarray, shape: tuple[int, int]) -> Panels:
    """Selected pseudo-labels as maps: the changed ones, the unchanged ones, and both.

    Args:
        positions: row-major positions of the selected pixels.
        labels: their labels.
        shape: (rows, columns) of the map.
    """
    selected = np.full(shape[0] * shape[1], UNKNOWN, dtype=np.uint8)
    selected[positions] = labels
    selected = selected.reshape(shape)
    return {
        "Changed": np.where(selected == CHANGED, selected, UNKNOWN),
        "Unchanged": np.where(selected == UNCHANGED, selected, UNKNOWN),
        "Both": selected,
    }


def write_classes(
    path: Path,
    panels: Panels,
    unknown: str = "unknown",
    across: int | None = None,
    heading: str = "",
    beside: Furniture | None = None,
) -> None:
    """Draw class maps side by side.

    Args:
        path: PNG file.
        panels: label maps (rows, columns) by title, or pictures (rows, columns, 3) in [0, 1]; of one size.
        unknown: what yellow means.
        across: how many stand in a row, then as smaller maps; None for all of them.
        heading: of all of them.
        beside: scale bar and north arrow of the first one, and the aspect of pixels; None for none.
    """
    from matplotlib.colors import ListedColormap

    columns = next(iter(panels.values())).shape[1]
    panels = {title: thinned(labels) for title, labels in panels.items()}
    shape, aspect = next(iter(panels.values())).shape, 1.0 if beside is None else beside.aspect
    figure, dpi = (
        new_figure(shape, len(panels), aspect=aspect) if across is None else _grid(shape, len(panels), across, aspect)
    )
    # What stands above and below takes nothing from the maps.
    more = _HEADING_INCHES * bool(heading) + _BESIDE_INCHES * (beside is not None)
    figure.set_figheight(figure.get_figheight() + more)
    across = min(across or len(panels), len(panels))
    places = figure.subplots(-(-len(panels) // across), across, squeeze=False).ravel()
    for axes in places[len(panels) :]:
        axes.set_axis_off()
    for axes, (title, labels) in zip(places, panels.items(), strict=False):
        axes.imshow(labels, cmap=ListedColormap(COLOURS), vmin=0, vmax=len(COLOURS) - 1, aspect=aspect, **PIXELS)
        said = axes.set_title(title, parse_math=False)
        said.set_fontsize(_FONT * min(1, _LETTERS / max(map(len, said.get_text().split("\n")))))
        axes.set_xticks([])
        axes.set_yticks([])
    if beside is not None:
        furniture.draw(places[0], beside, columns, shape[1])
    if heading:
        fit(figure.suptitle(heading, parse_math=False), figure)
    present = np.unique(np.concatenate([np.unique(labels) for labels in panels.values() if labels.ndim == 2]))
    add_legend(figure, ("changed", "unchanged", unknown), present=present)
    storage.write_figure(path, figure, dpi)


def fit(title: Text, figure: Figure, beside: float = 0.0) -> None:
    """Break lines of a title that are wider than their figure at arrows and methods, shrink and break what still is.

    Args:
        title: as it is set.
        figure: becomes higher by the lines that are added.
        beside: inches of its width that the title may not take.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer = FigureCanvasAgg(figure).get_renderer()
    most = max(figure.get_figwidth() - beside, _LEAST_TITLE) * figure.dpi * _TITLE_SHARE

    def width(line: str) -> float:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
            return renderer.get_text_width_height_descent(line, title.get_fontproperties(), ismath=False)[0]

    given = title.get_text().split("\n")
    lines = "\n".join(re.sub(" (?=→ |by )", "\n", line) if width(line) > most else line for line in given).split("\n")
    title.set_fontsize(max(_LEAST_FONT, float(title.get_fontsize()) * min(1, most / max(1, *map(width, lines)))))
    # Smaller letters are not exactly as much narrower, so some are left over.
    lines = [
        part for line in lines
        for part in (textwrap.wrap(line, int(0.95 * len(line) * most / width(line))) if width(line) > most else [line])
    ]  # fmt: skip
    title.set_text("\n".join(lines))
    figure.set_figheight(figure.get_figheight() + _LINE_INCHES * (len(lines) - len(given)))


def add_legend(
    figure: Figure,
    names: tuple[str, str, str],
    colours: Sequence[str] = COLOURS,
    present: Iterable[int] = range(len(COLOURS)),
) -> None:
    """Say below a figure what the colours of class maps mean, of the labels that are present."""
    from matplotlib.patches import Patch

    handles = [Patch(facecolor=colours[label], edgecolor="0.3", label=names[label]) for label in present]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)


def write_heatmap(
    path: Path,
    distances: np.ndarray,
    threshold: float,
    title: str,
    what: str = "distance",
    scale: str = "linear",
    beside: Furniture | None = None,
) -> None:
    """Draw distances (rows, columns), or other scores, with a colour bar that marks the threshold; NaN is yellow.

    Args:
        path: PNG file.
        distances: of each pixel.
        threshold: what parts them.
        title: of the picture.
        what: what they are called.
        scale: "linear", "root" or "log": how a threshold looks at them.
        beside: scale bar, north arrow and the aspect of pixels; None for none.
    """
    import matplotlib as mpl
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    everything, distances = distances, thinned(distances)
    aspect = 1.0 if beside is None else beside.aspect
    figure, dpi = new_figure(distances.shape, 1, _HEAT_INCHES, aspect)
    width = _width(distances.shape, _HEAT_INCHES, aspect)
    figure.set_figheight(figure.get_figheight() + _BESIDE_INCHES * (beside is not None))
    figure.set_figwidth(figure.get_figwidth() + _BAR_INCHES)  # the colour bar takes nothing from the map
    axes, of_bar = figure.subplots(1, 2, width_ratios=(width, _WIDTH_INCHES))
    measured = distances[~np.isnan(distances)]
    if not measured.size:  # where valid pixels are few and far between
        measured = everything[~np.isnan(everything)]
    norm = _norm(measured, threshold, scale)
    colours = ListedColormap(mpl.colormaps["magma"](np.linspace(0, _COLOURS_END, 256)), name="scores")
    masked = colours.with_extremes(bad=COLOURS[UNKNOWN])
    image = axes.imshow(distances, cmap=masked, norm=norm, aspect=aspect, **PIXELS)
    fit(axes.set_title(title, parse_math=False), figure, 4 * _BAR_INCHES)
    axes.set_xticks([])
    axes.set_yticks([])
    if beside is not None:
        furniture.draw(axes, beside, everything.shape[1], distances.shape[1])
    height = width * distances.shape[0] * aspect / distances.shape[1]
    _draw_bar(of_bar, image, height, f"{what} (higher: more change)", threshold, float(measured.max()))
    if np.isnan(distances).any():
        figure.legend(
            handles=[Patch(facecolor=COLOURS[UNKNOWN], edgecolor="0.3", label="masked")],
            loc="outside lower center",
            frameon=False,
        )
    storage.write_figure(path, figure, dpi)


def _draw_bar(axes: Axes, image: Any, height: float, label: str, threshold: float, largest: float) -> None:
    """Draw the colour bar of a heat map, with a tip where scores go on, and mark the threshold on it.

    Args:
        axes: of the bar.
        image: the map, as it is drawn.
        height: of the map in inches, which the bar is as high as whatever room the layout leaves.
        label: of the bar.
        threshold: what is marked.
        largest: the largest score.
    """
    beyond = largest > image.norm.vmax
    bar = axes.figure.colorbar(
        image, cax=axes, label=label, extend="max" if beyond else "neither", extendfrac=_TIP
    )  # fmt: skip
    axes.set_box_aspect(height / (1 + _TIP * beyond) / _WIDTH_INCHES)
    axes.axhline(threshold, color="white", linewidth=2)
    axes.annotate(
        "threshold", (0, threshold), (-3, 0), xycoords=bar.ax.get_yaxis_transform(), textcoords="offset points",
        va="center", ha="right", fontsize=8,
    )  # fmt: skip


def _norm(measured: np.ndarray, threshold: float, scale: str) -> Any:
    """The colour scale of a heat map, which the threshold lies in: all pixels may be on one side of it."""
    from matplotlib.colors import LogNorm, PowerNorm

    # By roots, ten times as far in the picture is a hundred times as far in scores; logarithms have room for all.
    farthest = math.inf if scale == "log" else FARTHEST ** (1 / _EXPONENTS.get(scale, 1.0))
    low, top = score_range(measured, threshold, farthest)
    if scale == "log" and top > 0:
        return LogNorm(max(low, _LEAST_OF_LOG * top), top, clip=True)
    return PowerNorm(_EXPONENTS.get(scale, 1.0), low, top)


def write_channels(path: Path, channels: np.ndarray, aspect: float = 1.0) -> None:
    """Draw channels of a network, those of the before image above those of the after image.

    Args:
        path: PNG file.
        channels: (channels, 2, rows, columns); both dates of a channel have one grey scale.
        aspect: height of a pixel as a multiple of its width.
    """
    count = len(channels)
    figure, dpi = _grid(channels.shape[2:], 2 * count, count, aspect)
    places = figure.subplots(2, count, squeeze=False)
    for number, both in enumerate(channels):
        low, high = np.percentile(both, [100 - TOP_PERCENTILE, TOP_PERCENTILE])
        for axes, image, date in zip(places[:, number], both, ("before", "after"), strict=True):
            axes.imshow(image, cmap="gray", vmin=low, vmax=high, aspect=aspect, **PIXELS)
            axes.set_title(f"channel {number + 1}, {date}")
            axes.set_xticks([])
            axes.set_yticks([])
    storage.write_figure(path, figure, dpi)


def thinned(pixels: np.ndarray) -> np.ndarray:
    """Every so manieth row and column of a large map: more than a picture shows of it."""
    step = step_of(pixels.shape)
    return pixels[::step, ::step]


def step_of(shape: Sequence[int]) -> int:
    """Every how manieth row and column of a map of (rows, columns, …) a picture shows."""
    return math.ceil(max(shape[:2]) / _LARGEST)


def across(panels: int) -> int:
    """How many of so many panels stand in a row, so that few places in the last row stay empty: 3 to 5, 4 if it may."""
    return min(panels, min((4, 5, 3), key=lambda columns: -panels % columns))


def _grid(shape: tuple[int, ...], panels: int, across: int, aspect: float) -> tuple[Figure, int]:
    """A figure for rows of maps, `across` in each, and its resolution."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    rows, columns = shape[0] * aspect, shape[1]
    wide, down = min(across, panels), -(-panels // across)
    height = min(max(_SMALL_INCHES * rows / columns, 1.2), 2 * _SMALL_INCHES)
    size = (wide * (_SMALL_INCHES + 0.2), down * (height + 0.7) + 0.6)
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(h_pad=0.08))
    return figure, min(max(_MIN_DPI, math.ceil(columns / _SMALL_INCHES)), _SMALL_DPI)


def new_figure(
    shape: tuple[int, ...], panels: int, inches: float = _PANEL_INCHES, aspect: float = 1.0
) -> tuple[Figure, int]:
    """A figure without global state, and a resolution that shows every pixel of a map up to 1,350 columns.

    Args:
        shape: (rows, columns) of the map.
        panels: how many maps stand side by side.
        inches: width of a map.
        aspect: height of a pixel as a multiple of its width.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    height = min(max(inches * shape[0] * aspect / shape[1], 1.5), 3 * inches)
    width = _width(shape, inches, aspect)
    size = (panels * (width + 0.4) + (0.9 if panels == 1 else 0), height + 1.0)
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1))
    return figure, min(max(_MIN_DPI, math.ceil(shape[1] / width)), _MAX_DPI)


def _width(shape: tuple[int, ...], inches: float, aspect: float) -> float:
    """Width of a map in a figure, which is no higher than three times the `inches` that it may be wide."""
    return min(inches, 3 * inches * shape[1] / (shape[0] * aspect))
