"""What a labelled sample says of a map, in tables and lines; figures of the published example (test_stratified.py)."""

import numpy as np
import pytest

from hscd.evaluation.stratified import estimated
from hscd.reports.sample_tables import accuracy_rows, lines, matrix_rows, rounded
from hscd.reports.tables import area
from hscd.system.errors import counted

COUNTS, PIXELS = np.array([[66, 9], [3, 487]]), np.array([200_000, 9_800_000])
NAMES = ("changed", "unchanged")
FOUND = estimated(COUNTS, PIXELS)


def test_lines_for_the_terminal():
    # 0.02·66/75 = 0.0176, 0.98·3/490 = 0.006; together 0.0236 of 9,000 km².
    # ± 1.96·√(0.02²·0.88·0.12/74 + 0.98²·(3/490)(487/490)/489) = 1.96·0.0035386 = 0.0069356, of 9,000 km² 62.4.
    # Of what is unchanged in the map .99388 ± 1.96·√(.00612·.99388/489) = .00691 is right, which would end at 1.0008.
    assert lines(NAMES, COUNTS, PIXELS, FOUND, 9e9, "m²").splitlines() == [
        "shares of the area    really changed  really unchanged  points",
        "changed in the map            0.0176            0.0024      75",
        "unchanged in the map          0.0060            0.9740     490",
        "overall accuracy: 0.992 ± 0.007",
        "                 user's accuracy  producer's accuracy              area  area in the map",
        "changed            0.880 ± 0.074        0.746 ± 0.215    212 ± 62.4 km²          180 km²",
        "unchanged  0.994 (0.987 … 1.000)        0.998 ± 0.002  8,788 ± 62.4 km²        8,820 km²",
        "± is half of the 95 % interval; (a … b) is all of it, where ± would leave 0 to 1",
    ]


def test_where_all_points_agree_the_interval_is_no_nothing():
    # By the rule of three up to 3/30 = .1 of the 5 % changed and 3/60 = .05 of the others may be wrong: together .0525.
    counts, pixels = np.array([[30, 0], [0, 60]]), np.array([500, 9500])
    found = estimated(counts, pixels)
    # Of 10,000 pixels 500 less 50, or more by 475; of the changed ones .045 / (.045 + .0475) = .486 are found at least;
    # of the others .9025 / (.9025 + .005) = .994.
    told = [line.split("  ") for line in lines(NAMES, counts, pixels, found, 10_000, "pixels").splitlines()[3:]]
    assert [[cell.strip() for cell in line if cell] for line in told] == [
        ["overall accuracy: 1.000 (0.948 … 1.000)"],
        ["user's accuracy", "producer's accuracy", "area", "area in the map"],
        ["changed", "1.000 (0.900 … 1.000)", "1.000 (0.486 … 1.000)", "500 (450 … 975) pixels",
         "500 pixels"],
        ["unchanged", "1.000 (0.950 … 1.000)", "1.000 (0.994 … 1.000)", "9,500 (9,025 … 9,550) pixels",
         "9,500 pixels"],
        ["± is half of the 95 % interval"],
        ["all 30 points on changed pixels and all 60 points on unchanged pixels agree, which does not prove that all "
         "pixels do: (a … b) is the 95 % interval by the rule of three: up to 3/n may be what n points did not show"],
    ]  # fmt: skip
    wrong = np.array([[0, 30], [0, 60]])
    assert (
        "\nall 60 points on unchanged pixels agree, all 30 points on changed pixels disagree with the map, which"
        in (lines(NAMES, wrong, pixels, estimated(wrong, pixels), 10_000, "pixels"))
    )
    overall = accuracy_rows(NAMES, found, 10_000, "pixels")[0]
    assert (overall["standard_error"], overall["lower"], overall["upper"]) == (0, pytest.approx(0.9475), 1)


def test_an_interval_does_not_leave_0_to_1():
    # Of 9 points on changed pixels 8 are right: .889 ± 1.96·√(8/9·1/9/8) = .218, beyond 1; of 3 on unchanged ones 1 is,
    # .333 ± 1.96·√(1/3·2/3/2) = .653, below 0. Of 120 pixels 90·8/9 + 30·2/3 = 100 really changed,
    # ± 1.96·√(90²·.0123457 + 30²·.1111111) = 27.7, beyond 120; of the 20 others, below 0.
    counts, pixels = np.array([[8, 1], [2, 1]]), np.array([90, 30])
    told = lines(NAMES, counts, pixels, estimated(counts, pixels), 120, "pixels").splitlines()
    assert told[5].startswith("changed    0.889 (0.671 … 1.000)  ")
    assert told[6].startswith("unchanged  0.333 (0.000 … 0.987)  ")
    assert "  100 (72 … 120) pixels  " in told[5]
    assert "     20 (0 … 48) pixels  " in told[6]
    assert told[7:] == ["± is half of the 95 % interval; (a … b) is all of it, where ± would leave 0 to 1"]


def test_rows_of_estimates():
    rows = accuracy_rows(NAMES, FOUND, 9e9, "m²")
    assert [(row["measure"], row["class"], row["unit"]) for row in rows] == [
        ("overall_accuracy", "all", "share"),
        *[(measure, name, unit) for measure, unit in (
            ("users_accuracy", "share"), ("producers_accuracy", "share"), ("area_share", "share"), ("area", "m²")
        ) for name in NAMES],
    ]  # fmt: skip
    area = rows[-2]
    assert area["estimate"] == pytest.approx(0.0236 * 9e9)
    assert area["upper"] - area["estimate"] == pytest.approx(1.96 * area["standard_error"])
    assert area["estimate"] - area["lower"] == pytest.approx(0.0069356 * 9e9, rel=1e-4)
    assert rows[1]["upper"] == pytest.approx(0.954, abs=1e-3)


def test_rows_of_the_matrix():
    assert matrix_rows(NAMES, COUNTS, PIXELS, FOUND)[1] == pytest.approx({
        "map_class": "unchanged", "pixels": 9_800_000, "points": 490, "changed_num": 3, "unchanged_num": 487,
        "changed": 0.006, "unchanged": 0.974,
    })  # fmt: skip


def test_both_ends_of_an_interval_have_the_unit_of_what_they_are_of():
    # Of 2,500,000 m², 2.5 km², the end 40,000 m² would be 4 ha alone.
    assert [area(value, "m²", 2_500_000) for value in (40_000, 2_500_000)] == ["0.04 km²", "2.5 km²"]
    assert [area(value, "m²") for value in (40_000, 999.4e6, 999.6e6, 500)] == [
        "4 ha",
        "999 km²",
        "1,000 km²",
        "500 m²",
    ]
    # 5 % (4.5 % to 9.75 %, as above) of 21 km².
    counts, pixels = np.array([[30, 0], [0, 60]]), np.array([500, 9500])
    told = lines(NAMES, counts, pixels, estimated(counts, pixels), 21e6, "m²")
    assert "1.05 (0.945 … 2.05) km²" in told
    assert [counted(count, "point") for count in (0, 1, 2000)] == ["0 points", "1 point", "2,000 points"]


def test_rows_of_a_file_have_eight_digits():
    assert rounded([{"a": 0.028702233375576713, "b": 18363980.281690143, "c": 3, "d": "x"}]) == [
        {"a": 0.028702233, "b": 18363980.0, "c": 3, "d": "x"}
    ]
