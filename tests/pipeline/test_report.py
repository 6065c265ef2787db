"""What is told of a map."""

import numpy as np
import pytest

from hscd.evaluation.result import mapped
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.records import PIXEL_GRID
from hscd.scores import Cut, ScoreMap
from hscd.system.messages import collected
from pipeline import report


# Of 100 changed pixels a correction leaves or makes so many: more than half have to go or come, and more than 25.
@pytest.mark.parametrize(
    ("changed", "kept", "said"),
    [
        (100, 40, "removes 60 % of the changed pixels: compare both maps; correction = none keeps them"),
        (100, 50, None),
        (100, 150, None),
        (100, 160, "adds 60 % of the changed pixels: compare both maps; correction = none leaves them out"),
        (0, 26, "adds 26 pixels: compare both maps; correction = none leaves them out"),
        (0, 25, None),
    ],
)
def test_a_correction_that_changes_much_is_told(changed, kept, said):
    def correct(labels, _):
        return np.where(np.arange(labels.size).reshape(labels.shape) < kept, CHANGED, UNCHANGED).astype(np.uint8)

    scores = np.where(np.arange(10_000).reshape(100, 100) < changed, 2.0, 0.5)
    truth = np.full(scores.shape, UNKNOWN, np.uint8)
    result = mapped("pair", ScoreMap(scores, PIXEL_GRID, "source"), Cut(1.0), correct, truth)
    with collected() as warnings:
        report.doubt("pair", result)
    assert list(warnings) == ([] if said is None else [f"pair: the spatial correction {said}"])


@pytest.mark.parametrize(("title", "below"), [("", ""), ("town_2000 → 2003", "\ntown_2000 → 2003")])
def test_pictures_name_both_images(title, below, tmp_path, monkeypatch):
    headings = []
    monkeypatch.setattr(report.maps, "write_classes", lambda *_, heading, **__: headings.append(heading))
    monkeypatch.setattr(report.maps, "write_heatmap", lambda *given, **_: headings.append(given[3]))
    monkeypatch.setattr(report.gis, "write_results", lambda *_: None)
    scores, truth = np.array([[2.0, 0.5]]), np.full((1, 2), UNKNOWN, np.uint8)
    result = mapped("town_2000", ScoreMap(scores, PIXEL_GRID, "s"), Cut(1.0), lambda labels, _: labels, truth, title)
    files = report.ResultFiles(tmp_path / "DATA_town_2000", heat_map=True)
    report.write(files, result, {"kappa": 1}, time_column="t", min_area=0, tags={})
    assert headings == [
        f"DATA_town_2000{below}\n50.0 % changed",
        f"DATA_town_2000{below}, after spatial correction\n50.0 % changed",
        f"Distances of DATA_town_2000{below}",
    ]
