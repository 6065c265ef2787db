"""Tables with the columns of section 10, and maps whose pixels have the right colour at the right place."""

import math

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from hscd.evaluation.confusion import Confusion
from hscd.records import Trial
from hscd.reports import tables
from hscd.reports.furniture import Furniture
from hscd.reports.maps import fit, new_figure, prediction_panels, selection_panels, write_classes, write_heatmap
from hscd.system import storage

CHANGED, UNCHANGED, UNKNOWN = 0, 1, 2
COUNTS = Confusion(true_positives=5, true_negatives=80, false_positives=3, false_negatives=12)

METRIC_COLUMNS = [
    *["overall_accuracy", "false_positives_num", "false_negatives_num", "true_negatives_num", "true_positives_num"],
    *["kappa", "f1", "precision", "recall", "iou"],
]
SIX = ["overall_acc", "true_positives", "true_negatives", "false_positives", "false_negatives", "thresh"]
TRIAL_COLUMNS = [
    *["trial_id", "status", "time", "epochs", "best_epoch", "stopped", "score", "loss", "val_loss"],
    *["learning_rate", "batch_size", "dropout_1", "dropout_2", "layer_1", "layer_2", "layer_3"],
    *(f"test_{name}" for name in SIX),
    *(f"val_{name}" for name in SIX),
    "best",
]

REPORT = {
    "epochs": 17,
    "best_epoch": 7,
    "stopped": "no progress",
    "train_loss": 0.25,
    "loss": 0.5,
    "lr": 0.002,
    "batch_size": 64,
    "dropout_rate": 0.1,
    "dropout_rate_1": 0.2,
    "layer": 224,
    "layer_1": 128,
    "layer_2": 96,
    "test": (COUNTS, 0.75),
    "val": (Confusion(1, 2, 3, 4), 0.625),
}


# --- panels ----------------------------------------------------------------------------------------------------------


# Truth     0 1 2   prediction  0 0 1   comparable  0 0 2
#           2 1 0               0 1 1               2 1 1
def test_prediction_panels_by_hand():
    truth = np.array([[0, 1, 2], [2, 1, 0]], dtype=np.uint8)
    prediction = np.array([[0, 0, 1], [0, 1, 1]], dtype=np.uint8)
    originals = truth.copy(), prediction.copy()
    panels = prediction_panels(prediction, truth)
    assert list(panels) == ["Change map", "Change map where labels are known", "Labels"]
    # Where all of the map is labelled, the second would be the first.
    masked = np.where(truth == UNKNOWN, UNKNOWN, prediction)
    assert list(prediction_panels(masked, truth)) == ["Change map", "Labels"]
    assert panels["Change map"].tolist() == [[0, 0, 1], [0, 1, 1]]
    assert panels["Change map where labels are known"].tolist() == [[0, 0, 2], [2, 1, 1]]
    assert panels["Labels"].tolist() == [[0, 1, 2], [2, 1, 0]]
    np.testing.assert_array_equal(truth, originals[0])
    np.testing.assert_array_equal(prediction, originals[1])


# 2 × 3 pixels; selected are 5 (changed), 0 (unchanged), 1 (changed), in this order. Position 5 is row 1, column 2.
def test_selection_panels_by_hand():
    panels = selection_panels(np.array([5, 0, 1]), np.array([0, 1, 0], dtype=np.uint8), (2, 3))
    assert list(panels) == ["Changed", "Unchanged", "Both"]
    assert panels["Changed"].tolist() == [[2, 0, 2], [2, 2, 0]]
    assert panels["Unchanged"].tolist() == [[1, 2, 2], [2, 2, 2]]
    assert panels["Both"].tolist() == [[1, 0, 2], [2, 2, 0]]


def test_selection_panels_of_nothing_are_all_excluded():
    empty = np.array([], dtype=np.int64)
    panels = selection_panels(empty, empty.astype(np.uint8), (2, 2))
    assert all((panel == UNKNOWN).all() for panel in panels.values())


# --- tables ----------------------------------------------------------------------------------------------------------


def test_metrics_columns_and_values():
    row = tables.metrics(COUNTS)
    assert list(row) == METRIC_COLUMNS
    # 85 of 100 are right; the ratios are derived in test_evaluation.
    assert [row[name] for name in METRIC_COLUMNS[:5]] == [0.85, 3, 12, 80, 5]
    assert [row[name] for name in METRIC_COLUMNS[5:]] == [
        pytest.approx(value) for value in (728 / 2228, 0.4, 5 / 8, 5 / 17, 0.25)
    ]


def test_metrics_with_suffix():
    row = tables.metrics(COUNTS, "_correction")
    assert list(row) == [f"{name}_correction" for name in METRIC_COLUMNS]
    assert list(row.values()) == list(tables.metrics(COUNTS).values())


def test_zero_counts_are_zeros_and_undefined_ratios_nan():
    row = tables.metrics(Confusion(0, 7, 0, 0))
    assert [row[name] for name in METRIC_COLUMNS[:5]] == [1.0, 0, 0, 7, 0]
    assert all(math.isnan(row[name]) for name in ("kappa", "f1", "precision", "recall", "iou"))


def test_summary_is_one_line_with_the_main_figures():
    # Kappa 728/2228 = 0.3268.
    assert tables.summary(COUNTS) == "overall accuracy 0.850, kappa 0.327, F1 0.400"
    # Kappa is 2·(1·2499 − 50·51) / (51·2550 + 52·2549) = −0.0004: not -0.000.
    chance = Confusion(1, 2499, 50, 51)
    assert -0.0005 < chance.kappa < 0
    assert "kappa 0.000," in tables.summary(chance)
    assert tables.summary(Confusion(0, 0, 0, 0)) == "no labels to judge it by"


def test_summary_says_where_a_figure_is_undefined():
    # Labels of one class tell nothing of telling both apart.
    assert tables.summary(Confusion(9, 0, 0, 0)) == "overall accuracy 1.000, kappa undefined, F1 undefined"
    assert tables.summary(Confusion(0, 9, 0, 0)) == "overall accuracy 1.000, kappa undefined, F1 undefined"


def test_outcome_says_how_much_of_the_unmasked_pixels_is_changed():
    # 2 of 5 pixels that are not masked, then 1.
    raw, corrected = np.array([[0, 0, 1], [1, 1, 2]], np.uint8), np.array([[0, 1, 1], [1, 1, 2]], np.uint8)
    none, some = Confusion(0, 0, 0, 0), Confusion(1, 3, 1, 0)
    assert tables.outcome((raw, corrected), (none, none), np.ones(1), "pixels") == (
        "changed 40.0 % of 5 pixels; corrected: changed 20.0 %, 1 pixel in 1 area; no labels to judge it by"
    )
    # Kappa: (4·5 − (2·1 + 3·4)) / (25 − 14) = 6/11; F1 2/3.
    assert tables.outcome((raw, corrected), (some, Confusion(1, 4, 0, 0)), np.array([300.0, 100]), "m²") == (
        "changed 40.0 % of 5 pixels, overall accuracy 0.800, kappa 0.545, F1 0.667; "
        "corrected: changed 20.0 %, 400 m² in 2 areas, overall accuracy 1.000, kappa 1.000, F1 1.000"
    )


def test_outcome_is_told_once_where_the_correction_changed_nothing():
    labels, some = np.array([[0, 0, 1], [1, 1, 2]], np.uint8), Confusion(1, 3, 1, 0)
    assert tables.outcome((labels, labels.copy()), (some, some), np.ones(2), "pixels") == (
        "changed 40.0 % of 5 pixels, 2 pixels in 2 areas, overall accuracy 0.800, kappa 0.545, F1 0.667"
    )
    none = Confusion(0, 0, 0, 0)
    assert tables.outcome((labels, labels), (none, none), np.ones(2), "pixels") == (
        "changed 40.0 % of 5 pixels, 2 pixels in 2 areas; no labels to judge it by"
    )


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (1234, "pixels", "1,234 pixels"), (0, "m²", "0 m²"), (999, "m²", "999 m²"), (9_990, "m²", "9,990 m²"),
        (10_000, "m²", "1 ha"), (990_000, "m²", "99 ha"), (1_000_000, "m²", "1 km²"), (1, "pixels", "1 pixel"),
        (12_345_678, "m²", "12.3 km²"),
    ],
)  # fmt: skip
def test_areas_are_told_in_the_unit_that_reads_best(value, unit, said):
    assert tables.area(value, unit) == said


def test_trial_rows_have_the_columns_of_the_specification_in_order():
    rows = tables.trial_rows([Trial(0, "ok", 12.5, REPORT), Trial(1, "fail", 0.5, {}, "NaN")], best=0)
    assert [list(row) for row in rows] == [TRIAL_COLUMNS] * 2
    assert len(TRIAL_COLUMNS) == 29


def test_trial_row_by_hand():
    (row,) = tables.trial_rows([Trial(4, "ok", 12.5, REPORT)], best=4)
    # The trials are compared by their validation loss. In val, 1 + 2 of 10 are right.
    assert list(row.values()) == [
        *(4, "ok", 12.5, 17, 7, "no progress", 0.5, 0.25, 0.5, 0.002, 64),
        *(0.1, 0.2, 224, 128, 96),
        *(0.85, 5, 80, 3, 12, 0.75),
        *(0.3, 1, 2, 3, 4, 0.625),
        True,
    ]


def test_parameters_that_not_every_branch_has_are_columns_before_the_last():
    trials = [Trial(0, "ok", 1.0, REPORT | {"filters": 3}), Trial(1, "fail", 1.0, {})]
    first, second = tables.trial_rows(trials, best=0, further=["filters"])
    assert list(first) == list(second) == [*TRIAL_COLUMNS[:-1], "filters", "best"]
    assert (first["filters"], second["filters"]) == (3, None)


def test_only_the_best_trial_is_marked():
    trials = [Trial(number, "ok", 1.0, REPORT) for number in (3, 5, 8)]
    assert [row["best"] for row in tables.trial_rows(trials, best=5)] == [False, True, False]


def test_failed_trial_has_empty_cells_in_the_file(tmp_path):
    trials = [Trial(0, "fail", 0.5, {"lr": 0.002, "batch_size": 64}, "loss is NaN"), Trial(1, "ok", 12.5, REPORT)]
    storage.write_csv(tmp_path / "m_stats.csv", tables.trial_rows(trials, best=1))
    found = pd.read_csv(tmp_path / "m_stats.csv")
    assert list(found) == TRIAL_COLUMNS
    failed, finished = found.iloc[0], found.iloc[1]
    # What it did reach is there, all the rest empty.
    filled = ["trial_id", "status", "time", "learning_rate", "batch_size", "best"]
    assert failed.dropna().to_dict() == dict(zip(filled, [0, "fail", 0.5, 0.002, 64, False], strict=True))
    assert finished.notna().all()


# --- maps ------------------------------------------------------------------------------------------------------------


def is_red(pixels):
    return (pixels[..., 0] > 180) & (pixels[..., 1] < 90) & (pixels[..., 2] < 90)


def is_blue(pixels):
    return (np.abs(pixels - [0xC9, 0xD7, 0xEF]) < 12).all(axis=-1)


def is_yellow(pixels):
    return (pixels[..., 0] > 220) & (pixels[..., 1] > 200) & (pixels[..., 2] < 130)


def picture(path):
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")).astype(int)


def runs(flags):
    """(start, stop) of each run of set flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def panel_boxes(pixels):
    """The maps in a picture from left to right, as arrays of 0, 1, 2 by colour.

    A map is where the three colours fill most of a line; the patches of the legend are far smaller.
    """
    labels = np.select([is_red(pixels), is_blue(pixels), is_yellow(pixels)], [CHANGED, UNCHANGED, UNKNOWN], -1)
    coloured = labels >= 0
    # Frames and the lines where two pixels meet are mixed, so gaps of a few pixels are allowed.
    rows = np.flatnonzero(coloured.sum(axis=1) > 0.5 * coloured.sum(axis=1).max())
    top, bottom = rows[0], rows[-1] + 1
    columns = coloured[top:bottom].mean(axis=0) > 0.5
    return [labels[top:bottom, left:right] for left, right in runs(columns) if right - left > 10]


def sample(box, shape):
    """The label in the middle of each of rows × columns cells of a box."""
    rows = ((np.arange(shape[0]) + 0.5) / shape[0] * box.shape[0]).astype(int)
    columns = ((np.arange(shape[1]) + 0.5) / shape[1] * box.shape[1]).astype(int)
    return box[np.ix_(rows, columns)]


# Coloured first, as Matplotlib does by itself, a map of 2,000 × 2,000 takes 300 MiB more.
def test_maps_are_thinned_before_they_are_coloured(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(storage, "write_figure", lambda path, figure, dpi: drawn.append(figure.axes[0].images[0]))
    write_classes(tmp_path / "map.png", {"Map": np.zeros((3, 4), np.uint8)})
    write_heatmap(tmp_path / "heat.png", np.arange(12, dtype=np.float32).reshape(3, 4), 5, "Scores")
    assert [image.get_interpolation_stage() for image in drawn] == ["data", "data"]
    assert {image.get_interpolation() for image in drawn} == {"nearest"}


# No two corners of this map are alike under any flip or rotation: red top left, blue top right, yellow bottom left.
LABELS = np.array([[0, 0, 1, 1, 1], [0, 2, 1, 0, 1], [2, 2, 1, 1, 0]], dtype=np.uint8)


def test_panels_are_drawn_from_left_to_right_and_the_right_way_up(tmp_path):
    panels = {"First": LABELS, "Second": LABELS[::-1], "Third": LABELS[:, ::-1]}
    write_classes(tmp_path / "map.png", panels)
    boxes = panel_boxes(picture(tmp_path / "map.png"))
    assert len(boxes) == 3
    for box, labels in zip(boxes, panels.values(), strict=True):
        np.testing.assert_array_equal(sample(box, LABELS.shape), labels)
        # Pixels are square.
        assert box.shape[1] / box.shape[0] == pytest.approx(5 / 3, rel=0.03)


# Pixels twice as high as wide, as degrees are at 60° north.
def test_pixels_of_degrees_are_drawn_as_they_are_on_the_ground(tmp_path):
    beside = Furniture(None, (0.0, 1.0), 2.0)
    for across in (None, 2):
        write_classes(tmp_path / "map.png", {"First": LABELS, "Second": LABELS}, across=across, beside=beside)
        for box in panel_boxes(picture(tmp_path / "map.png")):
            assert box.shape[1] / box.shape[0] == pytest.approx(5 / 6, rel=0.03)
            np.testing.assert_array_equal(sample(box, LABELS.shape), LABELS)
    write_heatmap(tmp_path / "heat.png", np.zeros((30, 40)), 0.5, "Scores", beside=beside)
    rows, columns, _ = heat_box(picture(tmp_path / "heat.png")).shape
    assert columns / rows == pytest.approx(40 / 60, rel=0.03)


# What did not change is most of a map, so it is pale; what changed is as red as ever.
def test_what_did_not_change_is_pale(tmp_path):
    write_classes(tmp_path / "map.png", {"Map": LABELS})
    pixels = picture(tmp_path / "map.png")
    # 7 of 15 pixels did not change, 5 changed.
    assert is_blue(pixels).sum() / is_red(pixels).sum() == pytest.approx(7 / 5, rel=0.1)


# The colours must not be stretched to the labels that happen to be there.
def test_maps_of_one_or_two_classes_have_the_colours_of_those(tmp_path):
    maps = [[[0, 0]], [[1, 1]], [[2, 2]], [[0, 1]], [[0, 2]], [[1, 2]]]
    panels = {str(number): np.array(labels, dtype=np.uint8) for number, labels in enumerate(maps)}
    write_classes(tmp_path / "map.png", panels)
    boxes = panel_boxes(picture(tmp_path / "map.png"))
    assert [sample(box, (1, 2)).tolist() for box in boxes] == maps


# Maps as large as real ones: every single pixel must be seen, so none may share a pixel of the picture with another.
@pytest.mark.parametrize("shape", [(600, 500), (160, 700)])
def test_single_pixels_of_a_large_map_are_visible(tmp_path, shape):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, shape).astype(np.uint8)
    write_classes(tmp_path / "map.png", {"Map": labels})
    (box,) = panel_boxes(picture(tmp_path / "map.png"))
    assert box.shape[0] >= shape[0]
    assert box.shape[1] >= shape[1]


# Red and blue alone: no yellow, so no entry for it. What stands around the maps takes nothing from them.
def test_the_legend_has_what_is_there_and_a_heading_takes_nothing_from_the_maps(tmp_path):
    labels = np.tile(np.array([[0, 1]], np.uint8), (100, 60))
    beside = Furniture(10.0, (0.0, 1.0))
    write_classes(tmp_path / "plain.png", {"Map": labels})
    write_classes(tmp_path / "with.png", {"Map": labels}, heading="Two\nlines", beside=beside)
    plain, full = (picture(tmp_path / f"{name}.png") for name in ("plain", "with"))
    assert not is_yellow(full).any()
    assert full.shape[0] > plain.shape[0]
    (first,), (second,) = panel_boxes(plain), panel_boxes(full)
    assert second.shape[1] >= 0.97 * first.shape[1]


PRODUCT = "S2A_MSIL1C_20190101T100001_N0207_R122_T32UPU_20190101T120000"


@pytest.mark.parametrize("beside", [0, 2])
@pytest.mark.parametrize(("title", "broken"), [
    ("Change of a → b by sam\n6.6 % changed", "Change of a → b by sam\n6.6 % changed"),
    # Only the line that is too long is broken, and what is too long without an arrow is smaller.
    (f"Change of {PRODUCT} → {PRODUCT} by sam\na by b", f"Change of {PRODUCT}\n→ {PRODUCT}\nby sam\na by b"),
    ("M" * 40, "M" * 40),
    ("n" * 250, None),  # no letters that can be read are small enough
])  # fmt: skip
def test_titles_are_no_wider_than_what_they_stand_on(title, broken, beside):
    figure, _ = new_figure((50, 50), 2 if beside else 1)
    height, text = figure.get_figheight(), figure.suptitle(title)
    given = text.get_fontsize()
    fit(text, figure, beside)
    assert text.get_text() == (broken or text.get_text())
    assert text.get_text().replace("\n", "") == (broken or title).replace("\n", "")
    assert text.get_fontsize() >= 6
    width = text.get_window_extent(figure.canvas.get_renderer()).width / figure.dpi
    most = figure.get_figwidth() - beside
    assert width <= most
    assert text.get_fontsize() == given or width > 0.85 * most  # letters have widths of whole pixels
    assert figure.get_figheight() == pytest.approx(height + 0.2 * (text.get_text().count("\n") - title.count("\n")))


@pytest.mark.parametrize("shape", [(1, 40), (300, 3)])
def test_maps_of_extreme_shape_can_be_drawn(tmp_path, shape):
    labels = np.zeros(shape, dtype=np.uint8)
    write_classes(tmp_path / "map.png", {"Map": labels, "Other": labels + 1})
    pixels = picture(tmp_path / "map.png")
    # More than the patches of the legend, which have about 300 pixels each.
    assert is_red(pixels).sum() > 1000
    assert is_blue(pixels).sum() > 1000
    write_heatmap(tmp_path / "heat.png", np.linspace(0, 1, labels.size).reshape(shape), 0.5, "Distances")
    assert picture(tmp_path / "heat.png").size > 0


def heat_box(pixels):
    """The map of a heat map: the largest block of pixels that are not white, cut off at the space before the bar."""
    inked = pixels.sum(axis=2) < 700
    left, right = max(runs(inked.mean(axis=0) > 0.3), key=lambda run: run[1] - run[0])
    top, bottom = max(runs(inked[:, left:right].mean(axis=1) > 0.5), key=lambda run: run[1] - run[0])
    return pixels[top:bottom, left:right]


# Brightness grows with distance: 0, 1, 2 in the first row, 3, 4, 5 in the second. Nothing near white, which would look
# like the paper, is reached with a threshold above all of them.
def test_heat_map_is_the_right_way_up_and_brighter_for_more_change(tmp_path):
    distances = np.arange(6.0).reshape(2, 3)
    write_heatmap(tmp_path / "heat.png", distances, 7.0, "Distances")
    box = heat_box(picture(tmp_path / "heat.png"))
    assert box.shape[1] / box.shape[0] == pytest.approx(1.5, rel=0.03)
    assert np.argsort(sample(box.sum(axis=2), (2, 3)).ravel()).tolist() == [0, 1, 2, 3, 4, 5]


def test_heat_map_of_a_few_extreme_pixels_still_shows_the_others(tmp_path):
    distances = np.tile([0.0, 1.0], (40, 20))
    distances[0, 0] = 1000
    write_heatmap(tmp_path / "heat.png", distances, 0.5, "Distances")
    box = heat_box(picture(tmp_path / "heat.png")).sum(axis=2)
    low, high = sample(box, (40, 40))[20, :2]
    assert high - low > 200


# The same six distances with two of them masked: those are yellow, in both corners; the four others run from 1 to 4.
def test_heat_map_of_masked_pixels_is_yellow_there_and_nowhere_else(tmp_path):
    distances = np.array([[np.nan, 1, 2], [3, 4, np.nan]], dtype=np.float32)
    write_heatmap(tmp_path / "heat.png", distances, 2.5, "Distances")
    pixels = picture(tmp_path / "heat.png")
    box = heat_box(pixels)
    np.testing.assert_array_equal(sample(is_yellow(box), (2, 3)), np.isnan(distances))
    # A third of the map, less the frame, and one small patch of the legend; nothing of the colour bar.
    share = is_yellow(box).mean()
    assert 0.31 < share < 0.35
    assert is_yellow(pixels).sum() - is_yellow(box).sum() < 0.02 * box[..., 0].size
    brightness = sample(box.sum(axis=2), (2, 3)).ravel()
    assert np.argsort(brightness[1:5]).tolist() == [0, 1, 2, 3]


# Masked pixels have no part in the scale: of the highest and of the lowest distance.
def test_heat_map_of_masked_pixels_has_the_scale_of_the_others(tmp_path):
    distances = np.linspace(1, 2, 400, dtype=np.float32).reshape(20, 20)
    framed = np.pad(distances, 1, constant_values=np.nan)
    write_heatmap(tmp_path / "heat.png", framed, 1.5, "Distances")
    box = heat_box(picture(tmp_path / "heat.png")).sum(axis=2)
    found = sample(box, (22, 22))
    assert found[20, 20] - found[1, 1] > 300


# A map of 2050 rows is drawn with every second one; valid pixels lie in the others.
def test_heat_map_whose_valid_pixels_are_all_left_out_of_the_picture(tmp_path):
    distances = np.full((2050, 300), np.nan, np.float32)
    distances[101:200:2] = 1
    write_heatmap(tmp_path / "heat.png", distances, 0.5, "Distances")
    assert is_yellow(picture(tmp_path / "heat.png")).any()


# Scores 1, 4 and 9 of up to 9: their roots are evenly apart, so are the colours of 1, 2 and 3 without a scale.
def test_heat_map_of_roots(tmp_path):
    for name, values, scale in (("root", [[0, 1, 4, 9]], "root"), ("plain", [[0, 1, 2, 3]], "linear")):
        write_heatmap(tmp_path / f"{name}.png", np.array(values, float), values[0][2], "Scores", scale=scale)
    boxes = [heat_box(picture(tmp_path / f"{name}.png")) for name in ("root", "plain")]
    np.testing.assert_array_equal(*(sample(box, (1, 4)) for box in boxes))


# 0 has no logarithm: it is drawn as the smallest score, not as a masked pixel.
def test_heat_map_of_logarithms(tmp_path):
    write_heatmap(tmp_path / "heat.png", np.array([[0.0, 0.1, 1, 10]]), 1.0, "Scores", scale="log")
    pixels = picture(tmp_path / "heat.png")
    assert not is_yellow(pixels).any()
    assert np.diff(sample(heat_box(pixels).sum(axis=2), (1, 4)).ravel()).min() > 50


# Signs that would be formulas, and letters that the font lacks.
@pytest.mark.parametrize("title", ["t$_$x", "$\\frac{$", "北京"])
def test_heat_map_of_any_name(tmp_path, title):
    write_heatmap(tmp_path / "heat.png", np.arange(6.0).reshape(2, 3), 2.5, title)
    assert picture(tmp_path / "heat.png").size > 0


def test_a_map_replaces_an_older_one_and_is_the_same_bytes_each_time(tmp_path):
    path = tmp_path / "stat" / "map.png"
    contents = []
    for labels in (LABELS, LABELS[::-1], LABELS):
        write_classes(path, {"Map": labels})
        contents.append(path.read_bytes())
    assert contents[0] == contents[2] != contents[1]
    assert [file.name for file in path.parent.iterdir()] == ["map.png"]
