"""Where scales of scores end: the threshold lies well inside, whatever the largest scores are."""

import numpy as np
import pytest

from hscd.reports.maps import _norm
from hscd.reports.score_range import score_range

# 1,000 scores from 0, whose 99.5th percentile is their largest, as a hundred of them have it.
SCORES = {largest: np.append(np.zeros(900), np.full(100, largest)) for largest in (1.0, 20.0, 1e5)}


@pytest.mark.parametrize(
    ("largest", "threshold", "end"),
    [
        # A quarter beyond the threshold at least, ten times as far as it at most, and the percentile in between.
        (1.0, 4.0, 5.0), (1e5, 4.0, 40.0), (20.0, 4.0, 20.0),
        # Of a threshold below all scores nothing is known: all of them are shown.
        (20.0, -1.0, 20.0),
    ],
)  # fmt: skip
def test_the_threshold_lies_well_inside(largest, threshold, end):
    assert score_range(SCORES[largest], threshold) == (min(0.0, threshold), end)


# Ten times as far in the picture: by roots, 100 times as far in scores; by logarithms all of them are shown.
@pytest.mark.parametrize(("scale", "end"), [("linear", 40.0), ("root", 400.0), ("log", 1e5)])
def test_heat_maps_end_as_their_scale_looks_at_scores(scale, end):
    assert _norm(SCORES[1e5], 4.0, scale).vmax == end
