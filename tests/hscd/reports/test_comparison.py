"""Tables and curves of a comparison."""

import numpy as np
import pytest
from PIL import Image

from hscd.evaluation.comparison import Difference
from hscd.evaluation.ranking import Run, ranked
from hscd.reports import comparison as tables
from hscd.reports.maps import across, write_classes

RUNS = [
    Run("a+x", "a", "no labels", True, "p", 0, {"kappa": 0.5, "share": 0.25, "seconds": 1.25, "memory": 1234.4}),
    Run("a+x", "a", "no labels", True, "p", 1, {"kappa": 0.7, "share": 0.25, "seconds": 1.75, "memory": 1000}),
    Run("M|+x", "M|", "labels of this scene", False, "p", 0, {"kappa": -0.0001, "share": 0.0}),
    Run("c+x", "c", "no labels", True, "p", 0, error="why | not"),
]


def test_the_ranking_as_people_read_it():
    head, cells = tables.ranking(ranked(RUNS, {"a+x": 0.8}, {"a+x": 1.0}, True), True)
    assert head[:4] == ["", "method", "seen", "kappa"]
    assert head[-5:] == ["share", "agreement", "seeds", "seconds", "MiB"]
    # Sample deviation of .5 and .7: .1 · √2 = .141.
    assert cells[0][:4] == ["1", "a+x", "no labels", "0.600 ± 0.141"]
    assert cells[0][-5:] == ["25.00 %", "0.800", "1.000", "1.5", "1,234"]
    assert cells[1][:4] == ["–", "c+x", "no labels", ""]
    assert cells[2][:4] == ["–", "M|+x", "labels of this scene", "0.000"]
    assert cells[2][-5:] == ["0.00 %", "", "", "", ""]


def test_without_labels_there_are_no_metrics_and_halves_where_they_are_known():
    runs = [Run("a+x", "a", "no labels", True, "p", 0, {"share": 0.25, "halves": 0.5})]
    head, cells = tables.ranking(ranked(runs, {}, {}, False), False)
    assert head == ["method", "seen", "share", "agreement", "seeds", "halves", "seconds", "MiB"]
    assert cells == [["a+x", "no labels", "25.00 %", "", "", "0.500", "", ""]]


def test_kappa_by_pair_or_the_share_where_there_are_no_labels():
    rows = ranked([*RUNS, Run("a+x", "a", "no labels", True, "q", 0, {"share": 0.5})], {}, {}, True)
    head, cells = tables.by_pair(rows[:1])
    assert (head, cells) == (["method", "p", "q"], [["a+x", "0.600", "50.00 %"]])
    head, cells = tables.by_pair(ranked(RUNS, {}, {}, True)[2:])
    assert cells == [["M|+x", "0.000 (trained on)"]]  # no -0.000


def test_differences_say_whether_they_are_larger_than_chance():
    found = {"b": Difference(-0.1, -0.2, 0.05, 0.05, None), "c": Difference(0.1, 0.05, 0.2, 0.0004, 0.0312)}
    _, cells = tables.chance("a", found, 0.05)
    assert cells == [
        ["b", "-0.100", "-0.200 … +0.050", "0.050", "", "no"],
        ["c", "+0.100", "+0.050 … +0.200", "< 0.001", "0.031", "yes"],
    ]


def test_tables_in_markdown_and_on_the_terminal():
    table = ["", "method", "kappa"], [["1", "a|b", "0.5"], ["10", "c", "-0.25"]]
    assert tables.markdown(table) == (
        "|  | method | kappa |\n| --- | --- | --- |\n| 1 | a\\|b | 0.5 |\n| 10 | c | -0.25 |\n"
    )
    assert tables.aligned(table) == "    method  kappa\n 1  a|b       0.5\n10  c       -0.25"


def test_what_failed_is_told_with_its_reason():
    assert tables.failures(ranked(RUNS, {}, {}, True))[1] == [["c+x", "1 of 1", "why | not"]]


def test_runs_as_people_read_them():
    row = {"data_set": "images", "pair": "p", "method": "a+x", "seed": "0", "kappa": "0.8742128", "share": "0.0666812",
           "threshold": "110.35962", "seconds": "2.4104", "memory": "138.16", "halves": "", "doubts": "", "error": "",
           "map": "cells/1.npz"}  # fmt: skip
    failed = row | {"method": "c", "seed": "1", "kappa": "", "share": "remark", "threshold": "none", "error": "why"}
    better = row | {"method": "b", "kappa": "0.9"}
    # By mean kappa; what is the same in all runs, here the data set, tells none from another.
    assert tables.runs([failed, row, better, row | {"seed": "1", "kappa": "0.5"}]) == (
        ["method", "pair", "seed", "kappa", "changed", "seconds", "threshold", "no map, because"],
        [["b", "p", "0", "0.900", "6.67 %", "2.4", "110.4", ""],
         ["a+x", "p", "0", "0.874", "6.67 %", "2.4", "110.4", ""],
         ["a+x", "p", "1", "0.500", "6.67 %", "2.4", "110.4", ""],
         ["c", "p", "1", "", "remark", "2.4", "none", "why"]],
    )  # fmt: skip


# A deviation of 0.0004 rounds to 0, and would only widen the table; 0.0006 does not.
def test_a_deviation_that_rounds_to_nothing_is_left_out():
    def kappa(second):
        runs = [Run("a", "a", "no labels", True, "p", seed, {"kappa": of}) for seed, of in enumerate((0.5, second))]
        return tables.ranking(ranked(runs, {}, {}, True), True)[1][0][3]

    # The deviation of two values is their difference over √2.
    assert kappa(0.5 + 0.0004 * 2**0.5) == "0.500"
    assert kappa(0.5 + 0.0006 * 2**0.5) == "0.500 ± 0.001"


def test_agreements_have_no_diagonal():
    matrix = np.array([[np.nan, 0.5], [0.5, np.nan]])
    assert tables.agreements(["a", "b"], matrix) == (["", "a", "b"], [["a", "", "0.500"], ["b", "0.500", ""]])


def test_curves_are_drawn_best_first_and_their_points_upon_them(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(tables.storage, "write_figure", lambda path, figure, dpi: drawn.append(figure))
    curve = {
        "recall": [0.5, 1],
        "precision": [1, 0.5],
        "false_positives": [0, 1],
        "true_positives": [0.5, 1],
        "auroc": 0.75,
    }
    curves = {
        "low": curve | {"average_precision": 0.5, "points": [(0.0, None, 0.0)]},
        "high$": curve | {"average_precision": 0.75, "points": [(0.5, 1.0, 0.0), (1.0, 0.5, 1.0)]},
    }
    tables.write_curves(tmp_path / "c.png", curves, 0.25)
    left, right = drawn[0].axes
    labels = [line.get_label() for line in left.lines if not line.get_label().startswith("_")]
    assert labels == ["high$ (AP 0.750, AUROC 0.750)", "low (AP 0.500, AUROC 0.750)"]
    dots = [[tuple(line.get_xydata()[0]) for line in axes.lines if line.get_marker() == "o"] for axes in (left, right)]
    assert dots == [[(0.5, 1.0), (1.0, 0.5)], [(0.0, 0.5), (1.0, 1.0), (0.0, 0.0)]]
    assert [line.get_ydata()[0] for line in left.lines if line.get_linestyle() == "--"] == [0.25]


def test_maps_in_several_rows(tmp_path):
    labels = np.zeros((20, 30), np.uint8)
    write_classes(tmp_path / "one.png", {str(number): labels for number in range(4)}, across=4)
    write_classes(tmp_path / "two.png", {str(number): labels for number in range(5)}, across=4)
    sizes = []
    for name in ("one.png", "two.png"):
        with Image.open(tmp_path / name) as picture:
            sizes.append(picture.size)
    assert sizes[0][0] == sizes[1][0]
    assert sizes[1][1] > 1.5 * sizes[0][1]


# Of 7 panels, 4 a row leave one place empty, 3 or 5 more; of 9, 3 leave none; 4 where two are as good.
@pytest.mark.parametrize(("panels", "columns"), [(1, 1), (3, 3), (4, 4), (6, 3), (7, 4), (9, 3), (10, 5), (12, 4)])
def test_few_places_of_the_last_row_stay_empty(panels, columns):
    assert across(panels) == columns


def test_images_are_drawn_beside_maps_in_their_own_colours(tmp_path):
    green = np.zeros((20, 30, 3))
    green[:, :, 1] = 1
    write_classes(tmp_path / "m.png", {"Before": green, "Map": np.zeros((20, 30), np.uint8)}, across=2)
    with Image.open(tmp_path / "m.png") as picture:
        pixels = np.asarray(picture.convert("RGB"))
    assert (pixels[:, : pixels.shape[1] // 2] == [0, 255, 0]).all(axis=2).sum() > 10_000
    assert (pixels[:, pixels.shape[1] // 2 :] == [0xD7, 0x19, 0x1C]).all(axis=2).sum() > 10_000
