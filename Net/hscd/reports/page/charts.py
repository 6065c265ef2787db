"""Charts as numbers: axes, ticks and paths in the units of an SVG image, which templates only have to write down."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

WIDTH, HEIGHT = 640, 300
DOTS = "dots"
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 16, 14, 46


class Tick(NamedTuple):
    """A mark of an axis: where it is in the image, and its text."""

    at: float
    text: str


class Mark(NamedTuple):
    """A path of a chart, its class in the style sheet, and its name in the legend, "" for none."""

    path: str
    style: str
    name: str = ""

    @property
    def is_dots(self) -> bool:
        """Whether points are all that is drawn."""
        return self.path.endswith("h0")


@dataclass(frozen=True)
class Chart:
    """All that is drawn; `told` says it in words, `rules` are vertical lines with a text.

    `table` has the figures, if any, below a row of heads.
    """

    title: str
    told: str
    across: str
    up: str
    x: list[Tick]
    y: list[Tick]
    marks: list[Mark]
    rules: list[Tick] = field(default_factory=list)
    width: int = WIDTH
    height: int = HEIGHT
    table: Sequence[Sequence[str]] = ()

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the area of the data."""
        return _LEFT, _TOP, self.width - _RIGHT, self.height - _BOTTOM


class Scale(NamedTuple):
    """From values between `low` and `high` to places between `first` and `last`."""

    low: float
    high: float
    first: float
    last: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = math.log10(low), math.log10(high), math.log10(max(value, self.low))
        share = (value - low) / ((high - low) or 1.0)
        return round(self.first + share * (self.last - self.first), 1)


def across(low: float, high: float, width: int = WIDTH) -> Scale:
    """A horizontal axis."""
    return Scale(low, high, _LEFT, width - _RIGHT)


def upward(low: float, high: float, logarithmic: bool = False) -> Scale:
    """A vertical axis."""
    return Scale(low, high, HEIGHT - _BOTTOM, _TOP, logarithmic)


def ticks(scale: Scale, about: int = 6, whole: bool = False) -> list[Tick]:
    """Round values along an axis: of 1, 2 or 5 times a power of ten, of a logarithmic one powers of ten.

    Args:
        scale: of the axis.
        about: how many.
        whole: only whole numbers, for what is counted.
    """
    if scale.logarithmic:
        first, last = math.ceil(math.log10(scale.low) - 1e-9), math.floor(math.log10(scale.high) + 1e-9)
        powers = range(first, last + 1, max(1, math.ceil((last - first + 1) / about)))
        return [Tick(scale(10.0**power), text(10.0**power)) for power in powers]
    span = scale.high - scale.low
    if not span > 0:
        return [Tick(scale(scale.low), text(scale.low))]
    rough = span / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    step = max(1.0, step) if whole else step
    numbers = range(math.ceil(scale.low / step - 1e-9), math.floor(scale.high / step + 1e-9) + 1)
    return [Tick(scale(number * step), text(number * step)) for number in numbers]


def text(value: float) -> str:
    """A number with four digits, or without decimals."""
    if 1e3 <= abs(value) < 1e6:
        return f"{value:,.0f}"
    if value and not 1e-3 <= abs(value) < 1e6:
        mantissa, power = f"{value:.2e}".split("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(power)}"
    return f"{value:.4g}"


def plain(value: float, largest: float) -> str:
    """A number with as many decimals as give the `largest` of its kind four digits."""
    if not 1e-4 <= abs(largest) < 1e9:
        return text(value)
    decimals = max(0, 3 - math.floor(math.log10(abs(largest))))
    return f"{value:,.{decimals}f}"


def polyline(xs: Sequence[float], ys: Sequence[float], x: Scale, y: Scale) -> str:
    """A path through points."""
    return "M" + "L".join(f"{x(one):g} {y(other):g}" for one, other in zip(xs, ys, strict=True))


def points(xs: Sequence[float], ys: Sequence[float], x: Scale, y: Scale) -> str:
    """A path of no length at each point, which a round pen draws as dots."""
    return "".join(f"M{x(one):g} {y(other):g}h0" for one, other in zip(xs, ys, strict=True))


def lines(
    title: str, told: str, labels: tuple[str, str], series: Mapping[str, tuple[Sequence[float], Sequence[float], str]]
) -> Chart:
    """A chart of curves.

    Args:
        title: of the chart.
        told: the same in words.
        labels: of the horizontal and the vertical axis.
        series: x, y and style of each curve by name; names that start with a blank are not in the legend, and those of
            the style `DOTS` are points.
    """
    xs = [value for of in series.values() for value in of[0]]
    ys = [value for of in series.values() for value in of[1]]
    x, y = across(min(xs), max(xs)), upward(*_padded(min(ys), max(ys)))
    marks = [
        Mark(
            points(*of[:2], x, y) if of[2] == DOTS or len(of[0]) == 1 else polyline(*of[:2], x, y),
            of[2],
            "" if name[0] == " " else name,
        )
        for name, of in series.items()
    ]
    whole = all(float(value).is_integer() for value in xs)
    return Chart(title, told, *labels, ticks(x, whole=whole), ticks(y, 5), marks)


def scatter(
    title: str, told: str, labels: tuple[str, str], groups: Mapping[str, tuple[Sequence[float], Sequence[float], str]]
) -> Chart:
    """A chart of points, by group; as `lines`."""
    xs = [value for of in groups.values() for value in of[0]]
    ys = [value for of in groups.values() for value in of[1]]
    x, y = across(*_padded(min(xs), max(xs))), upward(*_padded(min(ys), max(ys)))
    marks = [Mark(points(*of[:2], x, y), of[2], name) for name, of in groups.items()]
    return Chart(title, told, *labels, ticks(x), ticks(y, 5), marks)


def histogram(
    title: str, told: str, label: str, edges: Sequence[float], counts: Mapping[str, tuple[Sequence[float], str]],
    threshold: float,
) -> Chart:  # fmt: skip
    """Steps of counts on a logarithmic axis, from one pixel on, with a line at the threshold."""
    most = max(max(of[0]) for of in counts.values())
    x, y = across(edges[0], edges[-1]), upward(0.7, max(10.0, 1.3 * most), logarithmic=True)
    marks = []
    for name, (of, style) in counts.items():
        path = f"M{x(edges[0]):g} {y.first:g}"
        for low, high, count in zip(edges, edges[1:], of, strict=False):
            height = y(count) if count else y.first
            path += f"L{x(low):g} {height:g}H{x(high):g}"
        marks.append(Mark(f"{path}V{y.first:g}Z", style, name))
    rules = [Tick(x(threshold), f"threshold {text(threshold)}")] if edges[0] <= threshold <= edges[-1] else []
    return Chart(title, told, label, "pixels (log)", ticks(x), ticks(y, 5), marks, rules)


def parallel(
    title: str, told: str, axes: Sequence[str], rows: Sequence[Sequence[float]], order: Sequence[float], best: int
) -> Chart:
    """Parallel coordinates: an axis a column, a line a row, the paler the later it comes in `order`.

    Args:
        title: of the chart.
        told: the same in words.
        axes: names of the columns.
        rows: their values.
        order: what a row is worth, less being better.
        best: position of the best row.
    """
    width = max(WIDTH, 110 * len(axes))
    bottom, top = HEIGHT - _BOTTOM, _TOP + 14
    step = (width - _LEFT - _RIGHT - 40) / max(1, len(axes) - 1)
    places = [round(_LEFT + step * number, 1) for number in range(len(axes))]
    scales = [Scale(min(column), max(column), bottom, top) for column in zip(*rows, strict=True)]
    ranks = sorted(range(len(rows)), key=lambda position: order[position])
    third = {position: min(2, 3 * rank // max(1, len(rows))) for rank, position in enumerate(ranks)}
    marks = []
    for position in reversed(ranks):
        path = "M" + "L".join(
            f"{at:g} {scale(value):g}" for at, scale, value in zip(places, scales, rows[position], strict=True)
        )
        marks.append(Mark(path, "best" if position == best else f"third{third[position]}"))
    ends = [Tick(at, f"{text(scale.low)}|{text(scale.high)}") for at, scale in zip(places, scales, strict=True)]
    names = [Tick(at, name) for at, name in zip(places, axes, strict=True)]
    return Chart(title, told, "", "", names, [], marks, ends, width=width)


def _padded(low: float, high: float) -> tuple[float, float]:
    """Ends of an axis with a little room around the values; none below 0 where no value is."""
    room = 0.04 * (high - low) or 0.5 * abs(high) or 0.5  # half of a single value
    return low - room if low < 0 else max(0.0, low - room), high + room
