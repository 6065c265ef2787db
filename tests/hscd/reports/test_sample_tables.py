"""What a labelled sample says of a map, in tables and lines; figures of the published example (test_stratified.py)."""

import numpy as np
import pytest

from hscd.evaluation.stratified import estimated
from hscd.reports.sample_tables import accuracy_rows, lines, matrix_rows

COUNTS, PIXELS = np.array([[66, 9], [3, 487]]), np.array([200_000, 9_800_000])
NAMES = ("changed", "unchanged")
FOUND = estimated(COUNTS, PIXELS)


def test_lines_for_the_terminal():
    # 0.02·66/75 = 0.0176, 0.98·3/490 = 0.006; together 0.0236 of 9,000 km².
    # ± 1.96·√(0.02²·0.88·0.12/74 + 0.98²·(3/490)(487/490)/489) = 1.96·0.0035386 = 0.0069356, of 9,000 km² 62.4.
    assert lines(NAMES, COUNTS, PIXELS, FOUND, 9e9, "m²").splitlines() == [
        "shares of the area    really changed  really unchanged  points",
        "changed in the map            0.0176            0.0024      75",
        "unchanged in the map          0.0060            0.9740     490",
        "overall accuracy: 0.992 ± 0.007",
        "           user's accuracy  producer's accuracy                  area  area in the map",
        "changed      0.880 ± 0.074        0.746 ± 0.215    212 km² ± 62.4 km²          180 km²",
        "unchanged    0.994 ± 0.007        0.998 ± 0.002  8,788 km² ± 62.4 km²        8,820 km²",
        "± is half of the 95 % interval",
    ]


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
