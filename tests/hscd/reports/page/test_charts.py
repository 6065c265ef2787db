"""Charts as numbers: where ticks, curves and bars stand."""

import pytest

from hscd.reports.page import charts
from hscd.reports.page.charts import Scale, Tick, plain


def test_values_to_places() -> None:
    scale = Scale(0, 10, 100, 200)
    assert [scale(value) for value in (0, 2.5, 10)] == [100, 125, 200]
    upside = Scale(1, 100, 200, 0, logarithmic=True)
    assert [upside(value) for value in (1, 10, 100, 0.001)] == [200, 100, 0, 200]  # below the axis is on it
    assert Scale(3, 3, 0, 10)(3) == 0


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, ["0", "0.2", "0.4", "0.6", "0.8", "1"]), (-3, 22, ["0", "5", "10", "15", "20"]), (7, 7, ["7"])],
)
def test_ticks_are_round(low, high, expected) -> None:
    assert [tick.text for tick in charts.ticks(Scale(low, high, 0, 100))] == expected


def test_ticks_of_a_logarithmic_axis() -> None:
    assert charts.ticks(Scale(1, 1000, 0, 30, logarithmic=True)) == [
        Tick(0, "1"), Tick(10, "10"), Tick(20, "100"), Tick(30, "1,000")
    ]  # fmt: skip
    assert len(charts.ticks(Scale(1, 1e12, 0, 30, logarithmic=True))) <= 7


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0"), (0.123456, "0.1235"), (1234.5, "1,234"), (1e6, "1e6"), (0.00012, "1.2e-4"), (-2.5e7, "-2.5e7")],
)
def test_numbers_as_text(value, expected) -> None:
    assert charts.text(value) == expected


def test_numbers_of_one_kind_have_the_same_decimals() -> None:
    assert [plain(value, 0.6664) for value in (3.16e-4, 0.6664)] == ["0.0003", "0.6664"]
    assert [plain(value, 18540.3) for value in (0.2, 18540.3)] == ["0", "18,540"]
    assert plain(2e-7, 3e-7) == "2e-7"


def test_curves_and_dots() -> None:
    x, y = Scale(0, 1, 0, 10), Scale(0, 1, 10, 0)
    assert charts.polyline([0, 1], [0, 0.5], x, y) == "M0 10L10 5"
    assert charts.points([0, 1], [0, 0.5], x, y) == "M0 10h0M10 5h0"
    chart = charts.lines("t", "told", ("x", "y"), {"one": ([0, 1], [0, 1], "before"), " other": ([0], [1], "other")})
    assert [(mark.name, mark.path.count("h0")) for mark in chart.marks] == [("one", 0), ("", 1)]
    left, top, right, bottom = chart.box
    assert chart.marks[0].path.startswith(f"M{left} ")
    assert all(top <= tick.at <= bottom for tick in chart.y)
    assert all(left <= tick.at <= right for tick in chart.x)


def test_a_histogram_on_a_logarithmic_axis() -> None:
    chart = charts.histogram("t", "told", "score", [0, 1, 2], {"all": ([100, 0], "all")}, 1.0)
    left, top, right, bottom = chart.box
    middle = (left + right) / 2
    assert chart.rules == [Tick(middle, "threshold 1")]
    # From 0.7 to 130: 100 lies log(100 / 0.7) / log(130 / 0.7) of the way up; an empty bar on the axis.
    high = round(bottom - (bottom - top) * 0.94978, 1)
    assert chart.marks[0].path == f"M{left} {bottom}L{left} {high:g}H{middle:g}L{middle:g} {bottom}H{right}V{bottom}Z"
    assert charts.histogram("t", "", "score", [0, 1], {"all": ([1], "all")}, 5.0).rules == []


def test_parallel_coordinates_have_the_best_on_top() -> None:
    rows = [[0.0, 5.0, 0.3], [1.0, 5.0, 0.1], [0.5, 5.0, 0.2]]
    chart = charts.parallel("t", "told", ["a", "b", "loss"], rows, [row[-1] for row in rows], best=1)
    assert [mark.style for mark in chart.marks] == ["third2", "third1", "best"]
    assert [tick.text for tick in chart.rules] == ["0|1", "5|5", "0.1|0.3"]
    # The best row has the highest value of the first axis and the lowest of the last one.
    first, last = chart.marks[2].path[1:].split("L")[0], chart.marks[2].path[1:].split("L")[-1]
    assert float(first.split()[1]) < float(last.split()[1])
    wide = charts.parallel("t", "", [str(n) for n in range(9)], [[0.0] * 9, [1.0] * 9], [0, 1], 0)
    assert wide.width == 990
