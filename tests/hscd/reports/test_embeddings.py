"""Numbers of the pictures of embeddings, and files for TensorBoard's projector."""

import numpy as np
import pytest
from PIL import Image

from hscd.labels import UNKNOWN
from hscd.reports import embeddings as reports
from hscd.reports import explanation


@pytest.fixture
def sampled():
    """Pixels 0 and 7 of an image of 5 columns: a change that was found, and a false alarm."""
    pairs = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    distances = np.array([2.5, 1.25], np.float32)
    labels = np.array([0, 1], np.uint8)
    return reports.Sampled(np.array([0, 7]), 5, pairs, pairs + 0.5, distances, labels * 0, labels, "labels")


def test_a_table_has_a_row_a_date(sampled):
    points = np.array([[1, 2], [3, 4], [5, 6], [7, 8]])
    assert reports.table(sampled, points)[0] == {
        "row": 0, "column": 0, "date": "before", "label": "changed", "map": "changed", "error": "right",
        "distance": 2.5, "x": 1, "y": 2,
    }  # fmt: skip
    assert reports.table(sampled, points)[3] == {
        "row": 1, "column": 2, "date": "after", "label": "unchanged", "map": "changed", "error": "false alarm",
        "distance": 1.25, "x": 7, "y": 8,
    }  # fmt: skip


def test_errors_are_named():
    labels, called = np.array([0, 0, 1, 1], np.uint8), np.array([0, 1, 0, 1], np.uint8)
    values = np.zeros((4, 2, 1), np.float32)
    found = reports.Sampled(np.arange(4), 2, values, values, np.zeros(4), called, labels, "labels").errors
    assert found.tolist() == ["right", "missed", "false alarm", "right"]


def test_the_projector_has_a_line_a_point(tmp_path, sampled):
    reports.write_projector(tmp_path / "logs", sampled)
    vectors = (tmp_path / "logs/vectors.tsv").read_text(encoding="utf-8").splitlines()
    assert vectors == ["0.5\t1.5", "2.5\t3.5", "4.5\t5.5", "6.5\t7.5"]
    told = (tmp_path / "logs/metadata.tsv").read_text(encoding="utf-8").splitlines()
    assert told[0] == "row\tcolumn\tdate\tlabel\tmap\terror\tdistance"
    assert told[4] == "1\t2\tafter\tunchanged\tchanged\tfalse alarm\t1.25"


def test_panels_are_those_that_say_something(sampled):
    points = np.arange(8.0).reshape(4, 2)
    axes = reports.figure_of(sampled, points, "t")[0].axes
    assert [of.get_title() for of in axes] == ["by label", "by date", "by error of the map"]
    axes = reports.figure_of(sampled._replace(given="the map"), points, "t")[0].axes
    assert [of.get_title() for of in axes] == ["by the map", "by date"]


def test_the_threshold_lies_between_two_bins():
    # 0 to 7 by eighths: the threshold 2 is at 2/7 of 80 bins, which makes 23 below it.
    distances = np.append(np.arange(0, 7.125, 0.125), np.nan).astype(np.float32)
    labels = np.where(distances > 3, 0, 1).astype(np.uint8)
    labels[:2] = UNKNOWN
    bins = reports.histogram(distances, labels, 2.0)
    assert bins[22]["high"] == bins[23]["low"] == pytest.approx(2)
    # 25 values are up to 3, of which the first two are unknown, and 32 above; 16 are below 2, and 2 is in the next bin.
    assert sum(row["unchanged"] for row in bins) == 25 - 2
    assert sum(row["changed"] for row in bins) == 32
    assert sum(row["unchanged"] for row in bins if row["high"] <= 2.001) == 16 - 2
    assert bins[-1]["high"] <= 7.2


def test_the_last_bin_has_what_is_beyond_it():
    distances = np.append(np.linspace(0, 1, 5000), 50)
    bins = reports.histogram(distances, np.zeros(5001, np.uint8), 0.5)
    assert sum(row["changed"] for row in bins) == 5001
    assert bins[-1]["high"] < 1.1


@pytest.mark.parametrize("threshold", [0.0, 5.0])
def test_all_distances_alike_are_a_histogram(tmp_path, threshold):
    bins = reports.histogram(np.zeros((3, 4)), np.ones((3, 4), np.uint8), threshold)
    assert sum(row["unchanged"] for row in bins) == 12
    reports.write_histogram(tmp_path / "h.png", bins, threshold, "t", "labels")
    assert np.asarray(Image.open(tmp_path / "h.png")).std() > 0


def test_importance_is_a_share_of_the_sum():
    rows = explanation.importance_rows(np.array([[1.0, 0], [2, 1]]), np.array([3, 7]), None)
    assert rows == [
        {"band": 3, "wavelength": None, "before": 1, "after": 2, "both": 3, "share": 0.75},
        {"band": 7, "wavelength": None, "before": 0, "after": 1, "both": 1, "share": 0.25},
    ]
    assert explanation.importance_rows(np.zeros((2, 1)), np.array([1]), None)[0]["share"] is None


@pytest.mark.parametrize("relative", [[0.1, np.nan, 0.3], [np.nan] * 3, [0.2] * 3])
def test_changes_that_turn_labels_are_drawn(tmp_path, relative):
    wrong = np.array([True, False, False])
    explanation.write_turning(tmp_path / "a.png", np.array(relative), np.array([0, 1, 1]), wrong, "t")
    assert np.asarray(Image.open(tmp_path / "a.png")).std() > 0
