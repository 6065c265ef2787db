"""Calibration in tables, lines and pictures."""

import numpy as np
from PIL import Image

from hscd.evaluation.calibration import Calibration
from hscd.reports.reliability import line, rows, write_diagram

# |0.125 − 0.25|·300/400 + |0.75 − 0.5|·100/400 = 0.15625; means (37.5 + 75)/400 and (75 + 50)/400.
FOUND = Calibration(np.array([300, 100]), np.array([0.125, 0.75]), np.array([0.25, 0.5]), 0.0625)


def test_rows_of_bins():
    assert rows(FOUND) == [
        {"pixels": 300, "probability": 0.125, "changed": 0.25},
        {"pixels": 100, "probability": 0.75, "changed": 0.5},
    ]


def test_a_line_for_the_terminal():
    assert line(FOUND, None) == "calibration error 0.156, Brier score 0.062"
    called = Calibration(np.array([10, 30]), np.array([0.6, 0.9]), np.array([0.5, 0.5]), 0.0)
    assert line(FOUND, called) == (
        "calibration error 0.156, Brier score 0.062; of the pixels called changed, 50 % are changed by the labels, "
        "82 % would be by their probability"
    )


def test_the_diagram_has_the_curve_below_and_above_the_diagonal(tmp_path):
    write_diagram(tmp_path / "a.png", FOUND, "Town $x")
    with Image.open(tmp_path / "a.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    rows_, columns = np.nonzero((pixels[:, :, 2] - pixels[:, :, 0] > 100).astype(bool))
    height, width = pixels.shape[:2]
    # The two points of the curve: to the lower left, and further up to the right.
    assert columns.min() < width / 3 < 2 * width / 3 < columns.max()
    assert rows_.min() < height * 0.55 < height * 0.65 < rows_.max()
