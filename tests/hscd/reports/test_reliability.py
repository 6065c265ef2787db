"""Calibration in tables, lines and pictures."""

import numpy as np

from hscd.evaluation.calibration import Calibration
from hscd.reports import reliability
from hscd.reports.reliability import line, rows, tenths, write_diagram

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
        "calibration error 0.156, Brier score 0.062; 50 % of the pixels called changed are changed according "
        "to the labels; their probabilities promised 82 %"
    )


# Bins of 200 pixels at 0.01 and 0.05, both in the first tenth: mean probability 0.03, (0 + 0.5)/2 changed; 100 at
# 1.0, in the last tenth.
def test_the_diagram_is_of_tenths_of_the_probability():
    found = tenths(Calibration(np.array([200, 200, 100]), np.array([0.01, 0.05, 1.0]), np.array([0.0, 0.5, 1.0]), 0.2))
    assert found.pixels.tolist() == [400, 100]
    np.testing.assert_allclose(found.predicted, [0.03, 1])
    np.testing.assert_allclose(found.observed, [0.25, 1])
    assert found.brier == 0.2


def test_the_diagram_has_points_on_both_sides_of_the_diagonal_and_the_shares_of_pixels(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(reliability.storage, "write_figure", lambda path, figure, dpi: drawn.append(figure))
    write_diagram(tmp_path / "a.png", FOUND, "Town $x")
    above, below = drawn[0].axes
    assert above.collections[-1].get_offsets().tolist() == [[0.125, 0.25], [0.75, 0.5]]
    assert [bar.get_height() for bar in below.patches] == [75, 25]
    # Bars stand in the second and the eighth tenth.
    assert [round(bar.get_x() + bar.get_width() / 2, 9) for bar in below.patches] == [0.15, 0.75]
    assert above.get_title() == (
        "Town $x\n400 labelled pixels, 31.2 % of them changed\ncalibration error 0.156, Brier score 0.062"
    )
