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


@pytest.mark.parametrize(("known", "asked"), [(True, ""), (False, "; check the map, and which values of the labels")])
def test_labels_are_not_doubted_where_the_cause_is_known(known, asked):
    scores, truth = np.array([[2.0, 0.5]]), np.array([[UNCHANGED, CHANGED]], np.uint8)  # each the wrong way round
    result = mapped("pair", ScoreMap(scores, PIXEL_GRID, "s"), Cut(1.0), lambda labels, _: labels, truth)
    with collected() as warnings:
        report.doubt("pair", result, known)
    (said,) = warnings
    # Half is expected to agree by chance, none does: (0 − ½)/(1 − ½) = −1.
    assert said.startswith(f"pair: kappa -1.000: no better than chance{asked}")
    assert known == said.endswith("chance")


# Of 10,000 pixels, a map calls the first 1,000 changed, its correction the first few of them.
@pytest.mark.parametrize(
    ("truly", "kept", "fall"),
    [
        # 1,000 of 1,000 found, then 500: kappa 1, then (.95 − (.05·.1 + .95·.9)) / (1 − .86) = .6429.
        (1000, 500, "kappa 1.000 to 0.643"),
        # Then 620: (.962 − (.062·.1 + .938·.9)) / (1 − .8504) = .7460, but less than two fifths are gone.
        (1000, 620, None),
        # A correction that makes the map better.
        (550, 550, None),
    ],
)
def test_a_correction_that_makes_the_map_worse_by_its_labels_is_told(truly, kept, fall):
    numbers = np.arange(10_000).reshape(100, 100)
    scores, truth = np.where(numbers < 1000, 2.0, 0.5), np.where(numbers < truly, CHANGED, UNCHANGED).astype(np.uint8)

    def correct(labels, _):
        return np.where(numbers < kept, CHANGED, UNCHANGED).astype(np.uint8)

    result = mapped("pair", ScoreMap(scores, PIXEL_GRID, "source"), Cut(1.0), correct, truth)
    with collected() as warnings:
        report.doubt("pair", result)
    assert list(warnings) == (
        [] if fall is None else [
            "pair: the spatial correction removes 50 % of the changed pixels, and against the labels it takes "
            f"{fall}: compare both maps; correction = none keeps them"
        ]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("title", "below", "removed", "when"),
    [
        ("", "", 2, ", after spatial correction\n0.0 % changed"), ("", "", 0, "\n50.0 % changed"),
        ("town_2000 → 2003", "\ntown_2000 → 2003", 2, ", after spatial correction\n0.0 % changed"),
    ],
)  # fmt: skip
def test_pictures_name_both_images_and_a_correction_that_changed_some(
    title, below, removed, when, tmp_path, monkeypatch
):
    headings = []
    monkeypatch.setattr(report.maps, "write_classes", lambda *_, heading, **__: headings.append(heading))
    monkeypatch.setattr(report.maps, "write_heatmap", lambda *given, **_: headings.append(given[3]))
    monkeypatch.setattr(report.gis, "write_results", lambda *_: None)
    scores, truth = np.array([[2.0, 0.5]]), np.full((1, 2), UNKNOWN, np.uint8)

    def correct(labels, _):
        return np.ones_like(labels) if removed else labels

    result = mapped("town_2000", ScoreMap(scores, PIXEL_GRID, "s"), Cut(1.0), correct, truth, title)
    files = report.ResultFiles(tmp_path / "DATA_town_2000", heat_map=True)
    report.write(files, result, {"kappa": 1}, time_column="t", min_area=0, tags={})
    assert headings == [
        f"DATA_town_2000{below}\n50.0 % changed",
        f"DATA_town_2000{below}{when}",
        f"Distances of DATA_town_2000{below}",
    ]
