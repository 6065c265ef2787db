"""The four scripts run as a user runs them, on two small data sets; every file they write is looked at.

Scripts that reach TensorFlow are run once in a process of their own each and else in this one.
"""

import json
import math
import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from skimage.filters import threshold_otsu

from conftest import PROJECT, Workspace, all_pairs, make_pair, warnings_of
from settings import read_settings

SCRIPTS = ["main", "predutils", "labelbyperc_generation", "labelbyneigh_generation", "inspect_data"]
METRICS = [
    "overall_accuracy", "false_positives_num", "false_negatives_num", "true_negatives_num", "true_positives_num",
    "kappa", "f1", "precision", "recall", "iou",
]  # fmt: skip
CORRECTED = [f"{name}_correction" for name in METRICS]
BOUNDS = ["kappa_low", "kappa_high", "f1_low", "f1_high"]
HEAD = ["total_examples", "total_pixels", "threshold"]
PSEUDO_COLUMNS = [
    *HEAD,
    *METRICS,
    "generation_time",
    *CORRECTED,
    "correction_time",
    *BOUNDS,
    *(f"{name}_correction" for name in BOUNDS),
]
PSEUDO_CORRECTED_COLUMNS = [
    *HEAD,
    *METRICS,
    "generation_time",
    "correction_time",
    *BOUNDS,
]
TUNING_COLUMNS = [
    "pseudo_qty", "extraction_time", "ft_epochs", "ft_best_epoch", "ft_stopped", "ft_time", "ft_loss", "ft_val_loss",
    "ft_val_acc", "pseudo_acc", "pseudo_acc_corrected", "agreement_before_after",
]  # fmt: skip
TEST_COLUMNS = [
    *HEAD, *METRICS, "prediction_time", *CORRECTED, "correction_time", *TUNING_COLUMNS, "seen_in_training",
    *BOUNDS, *(f"{name}_correction" for name in BOUNDS),
]  # fmt: skip
SPLIT_COLUMNS = [
    "overall_acc", "true_positives", "true_negatives", "false_positives", "false_negatives", "thresh",
]  # fmt: skip
TRIAL_COLUMNS = [
    "trial_id", "status", "time", "epochs", "best_epoch", "stopped", "score", "loss", "val_loss", "learning_rate",
    "batch_size", "dropout_1", "dropout_2", "layer_1", "layer_2", "layer_3",
    *(f"test_{name}" for name in SPLIT_COLUMNS), *(f"val_{name}" for name in SPLIT_COLUMNS), "best",
]  # fmt: skip
# Pixels of known label: PLACE A has 20 × 30 less four rows of unknown ones, a pair of PLACE B 18 × 24.
KNOWN = {"town": 16 * 30, "east": 18 * 24, "west": 18 * 24}
# `make_pair` changes the rectangle of rows // 4 : rows // 2 + 2 and columns // 5 : columns // 2.
CHANGED = {"town": 7 * 9, "east": 7 * 8, "west": 7 * 8}

# More than two: from the third on, TensorFlow has something to warn of if each trial makes functions of its own.
TRAIN = ("hyperas settings ED.max_evals=3",)
TEST = ("settings.training=False",)
FINE_TUNINGS = {"no fine tuning": "-1", "all": "0", "0.4": "1", "r=3": "2"}
# What every map is accompanied by.
FOR_GIS = (
    ".tif", ".qml", "_corrected.tif", "_corrected.qml", "_distances.tif", "_distances.qml", "_changes.gpkg",
)  # fmt: skip


@dataclass
class Runs:
    """A workspace, and what each command said and wrote there; a command runs when it is first asked for."""

    space: Workspace
    said: dict[tuple[str, ...], subprocess.CompletedProcess[str]] = field(default_factory=dict)
    written: dict[tuple[str, ...], list[str]] = field(default_factory=dict)
    # Weights before and after each fine-tuning in this process.
    tunings: list[tuple[list[np.ndarray], list[np.ndarray]]] = field(default_factory=list)

    def __call__(self, script: str, *overrides: str, alone: bool = False, cwd: Path | None = None) -> list[str]:
        """The files that the command made or changed, relative to the workspace, without TensorBoard's logs."""
        command = (script, *overrides)
        if command not in self.written:
            assert self.space.file.is_file()
            before = self.space.contents()
            done = self.space.run(script, *overrides, cwd=cwd) if alone else self.space.call(script, *overrides)
            assert done.returncode == 0, done.stderr
            after = self.space.contents()
            assert before.keys() <= after.keys()
            self.said[command] = done
            self.written[command] = [
                name
                for name, content in after.items()
                if before.get(name) != content and not name.startswith("stat/logs/")
            ]
        return self.written[command]

    def csv(self, name: str) -> pd.DataFrame:
        return pd.read_csv(self.space.folder / "stat" / name)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    space = Workspace(tmp_path_factory.mktemp("scripts"))
    space.write_data()
    return Runs(space)


@pytest.fixture(scope="module")
def trained(runs: Runs) -> Runs:
    """With a model of three trials, trained by the command in a process and from a folder of its own."""
    elsewhere = runs.space.folder.parent / "elsewhere_training"
    elsewhere.mkdir(exist_ok=True)
    runs("main", *TRAIN, alone=True, cwd=elsewhere)
    assert list(elsewhere.iterdir()) == []  # Hyperas by itself would leave temp_model.py here
    return runs


@pytest.fixture(scope="module")
def tuned(trained: Runs) -> Iterator[Runs]:
    """With the pseudo-labels that fine-tuning reads, of both data sets, and an eye on the weights it starts from."""
    import siamese

    fine_tune = siamese.fine_tune

    def watched(model: Any, *arguments: Any, **options: Any) -> Any:
        before = [array.copy() for array in model.get_weights()]
        result = fine_tune(model, *arguments, **options)
        trained.tunings.append((before, [array.copy() for array in result.model.get_weights()]))
        return result

    # Not through `trained`, which would not run a command again that another has overwritten the pickles of.
    place_b = ("settings.train_set=PLACE B", "settings.distance=SAM", "settings.apply_rescaling=False")
    for overrides in (place_b, ()):
        assert trained.space.call("predutils", *overrides).returncode == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(siamese, "fine_tune", watched)
        yield trained


# --- what is looked at in a file -------------------------------------------------------------------------------------


def check_metrics(row: pd.Series, suffix: str, pair: str) -> None:
    """Counts that add up, and the metrics computed once more from them."""
    tp, tn, fp, fn = (
        int(row[f"{name}_num{suffix}"])
        for name in ("true_positives", "true_negatives", "false_positives", "false_negatives")
    )
    total = tp + tn + fp + fn
    assert total == row["total_examples"] == KNOWN[pair]
    assert tp + fn == CHANGED[pair]
    accuracy = (tp + tn) / total
    chance = ((tp + fp) / total) * ((tp + fn) / total) + ((tn + fn) / total) * ((tn + fp) / total)
    precision = tp / (tp + fp) if tp + fp else math.nan
    recall = tp / (tp + fn)
    expected = {
        "overall_accuracy": accuracy,
        "kappa": (accuracy - chance) / (1 - chance),
        "f1": 2 * tp / (2 * tp + fp + fn),
        "precision": precision,
        "recall": recall,
        "iou": tp / (tp + fp + fn),
    }
    for name, value in expected.items():
        assert row[name + suffix] == pytest.approx(value, nan_ok=True), name


def only_row(table: pd.DataFrame, columns: list[str]) -> pd.Series:
    assert list(table.columns) == columns
    assert len(table) == 1
    return table.iloc[0]


def majority(changed: np.ndarray) -> np.ndarray:
    """Spatial correction of radius 3, pixel by pixel: the most frequent class of 5 × 5 pixels, a tie keeps its own."""
    corrected = changed.copy()
    rows, columns = changed.shape
    for row in range(rows):
        for column in range(columns):
            window = changed[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3]
            if 2 * window.sum() != window.size:
                corrected[row, column] = 2 * window.sum() > window.size
    return corrected


def check_counts(row: pd.Series, predicted: np.ndarray, changed: np.ndarray) -> None:
    """The counts of a table, before and after correction, are those of a map (True changed) against the truth."""
    for suffix, mask in (("", predicted), ("_correction", majority(predicted))):
        found = [row[f"{name}_num{suffix}"] for name in ("true_positives", "true_negatives", "false_positives")]
        assert found == [(mask & changed).sum(), (~mask & ~changed).sum(), (mask & ~changed).sum()]


def share_of(picture: np.ndarray, colour: Callable[[np.ndarray], np.ndarray]) -> float:
    return float(colour(picture.astype(int)).mean())


def red(p: np.ndarray) -> np.ndarray:
    return (p[..., 0] > 180) & (p[..., 1] < 80) & (p[..., 2] < 80)


def blue(p: np.ndarray) -> np.ndarray:
    return (p[..., 0] == 0xC9) & (p[..., 1] == 0xD7) & (p[..., 2] == 0xEF)


def yellow(p: np.ndarray) -> np.ndarray:
    return (p[..., 0] > 220) & (p[..., 1] > 190) & (p[..., 2] < 120)


def check_class_map(file: Path, *, unknown: bool) -> None:
    """Three panels side by side, in red and blue, and in yellow where there are unknown pixels."""
    picture = np.asarray(Image.open(file).convert("RGB"))
    height, width, _ = picture.shape
    # Three maps of 30 × 20 or 24 × 18 pixels in a row, with room for titles and a legend; a pixel is several wide.
    assert 1.8 < width / height < 5
    assert 3 * 30 * 3 < width < 6000
    assert share_of(picture, red) > 0.003
    assert share_of(picture, blue) > 0.01
    # The legend has a small yellow patch in any case.
    assert (share_of(picture, yellow) > 0.05) == unknown


def check_heatmap(file: Path) -> None:
    picture = np.asarray(Image.open(file).convert("RGB"))
    height, width, _ = picture.shape
    assert 0.5 < width / height < 3
    assert 200 < width < 4000
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 20


# --- predutils -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("distance", "rescaling"), [("ED", True), ("ED", False), ("SAM", True), ("SAM", False)])
@pytest.mark.parametrize(("data_set", "pairs"), [("PLACE A", ["town"]), ("PLACE B", ["east", "west"])])
def test_predutils_writes_pseudo_labels_tables_and_maps(
    runs: Runs, data_set: str, pairs: list[str], distance: str, rescaling: bool
) -> None:
    written = runs(
        "predutils",
        f"settings.train_set={data_set}",
        f"settings.distance={distance}",
        f"settings.apply_rescaling={rescaling}",
        alone=(distance, rescaling) == ("SAM", False),
    )
    folder = "data/a" if data_set == "PLACE A" else "data/b"
    expected = [f"{folder}/pseudo/{pair}.pickle" for pair in pairs]
    expected.append(f"stat/{data_set}_{distance}_pseudo_rescaling_{rescaling}_run.json")
    for pair in pairs:
        name = f"stat/{data_set}_{pair}_{distance}_pseudo_rescaling_{rescaling}"
        expected += [f"{name}{end}" for end in (".csv", ".png", "_corrected.csv", "_corrected.png", *FOR_GIS)]
    assert sorted(written) == sorted(expected)
    for pair in pairs:
        name = f"{data_set}_{pair}_{distance}_pseudo_rescaling_{rescaling}"
        row = only_row(runs.csv(f"{name}.csv"), PSEUDO_COLUMNS)
        corrected = only_row(runs.csv(f"{name}_corrected.csv"), PSEUDO_CORRECTED_COLUMNS)
        check_metrics(row, "", pair)
        check_metrics(row, "_correction", pair)
        for metric in METRICS:
            assert corrected[metric] == pytest.approx(row[f"{metric}_correction"], nan_ok=True)
        assert row["threshold"] == corrected["threshold"] > 0
        assert row["generation_time"] > 0
        assert row["correction_time"] > 0
        for file in (f"{name}.png", f"{name}_corrected.png"):
            check_class_map(runs.space.folder / "stat" / file, unknown=data_set == "PLACE A")


def test_the_table_agrees_with_the_saved_pseudo_labels(runs: Runs) -> None:
    command = ("settings.train_set=PLACE B", "settings.distance=SAM", "settings.apply_rescaling=False")
    # Once more: the pickles on disk may be of another distance by now.
    assert runs.space.call("predutils", *command).returncode == 0
    for pair, seed in (("east", 2), ("west", 3)):
        content = pickle.loads((runs.space.folder / f"data/b/pseudo/{pair}.pickle").read_bytes())
        row = runs.csv(f"PLACE B_{pair}_SAM_pseudo_rescaling_False.csv").iloc[0]
        assert row["threshold"] == content["threshold"]
        changed = make_pair(seed, rows=18, columns=24)[2]
        check_counts(row, content["distances"].reshape(18, 24) > content["threshold"], changed)


# --- labelby ---------------------------------------------------------------------------------------------------------


def pseudo_label_inputs(runs: Runs, record: str) -> list[str]:
    """The files of pseudo-labels that a run says it read."""
    inputs = json.loads((runs.space.folder / "stat" / record).read_text(encoding="utf-8"))["inputs"]
    return [Path(entry["pseudo_labels"]["path"]).name for entry in inputs if "pseudo_labels" in entry]


def test_labelbyperc_writes_nine_maps_a_pair(tuned: Runs) -> None:
    written = tuned("labelbyperc_generation", "settings.train_set=PLACE B", alone=True)
    pictures = [
        f"stat/PLACE B_{pair}_{percentage}%.png" for pair in ("east", "west") for percentage in range(10, 100, 10)
    ]
    assert sorted(written) == sorted([*pictures, "stat/PLACE B_percentages_run.json"])
    assert pseudo_label_inputs(tuned, "PLACE B_percentages_run.json") == ["east.pickle", "west.pickle"]
    for percentage in (10, 90):
        check_class_map(tuned.space.folder / f"stat/PLACE B_east_{percentage}%.png", unknown=True)
    # Of the share p kept, the three panels show the changed, the unchanged and both: 1 − 2p/3 of their area is
    # excluded, 93 % of it at 10 %, 40 % of it at 90 %.
    shares = [
        share_of(np.asarray(Image.open(tuned.space.folder / file).convert("RGB")), yellow)
        for file in sorted(written)
        if "east" in file
    ]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 2 * shares[-1]


def test_labelbyneigh_writes_a_map_for_each_radius(tuned: Runs) -> None:
    written = tuned("labelbyneigh_generation", "settings.pseudo_radius=4", alone=True)
    pictures = [f"stat/PLACE A_town_radius{radius}.png" for radius in (2, 3, 4)]
    assert sorted(written) == ["stat/PLACE A_radii_run.json", *pictures]
    assert pseudo_label_inputs(tuned, "PLACE A_radii_run.json") == ["town.pickle"]
    for radius in (2, 3):
        check_class_map(tuned.space.folder / f"stat/PLACE A_town_radius{radius}.png", unknown=True)


# --- main: training --------------------------------------------------------------------------------------------------


def test_training_writes_the_model_and_the_report(trained: Runs) -> None:
    assert sorted(trained("main", *TRAIN)) == [
        "model/M.h5", "model/M_param.pickle", "stat/M_curves.csv", "stat/M_run.json", "stat/M_stats.csv",
    ]  # fmt: skip
    (said,) = (line for line in trained.said["main", *TRAIN].stdout.splitlines() if "best trial" in line)
    best = r"M: best trial [012] \(of 3, counted from 0\), validation loss "
    assert re.match(best + r".*; on PLACE B: overall accuracy ", said)
    assert said.endswith(" (with a threshold found on the labelled pixels alone; a test finds its own on all pixels)")


def test_the_report_has_a_row_a_trial(trained: Runs) -> None:
    table = trained.csv("M_stats.csv")
    assert list(table.columns) == TRIAL_COLUMNS
    assert table["trial_id"].tolist() == [0, 1, 2]
    assert table["status"].tolist() == ["ok"] * 3
    assert table["best"].dtype == bool
    assert table["best"].sum() == 1
    assert table.loc[table["best"], "val_loss"].item() == table["val_loss"].min()
    assert (table["score"] == table["val_loss"]).all()
    assert table["learning_rate"].between(1e-4, 1e-2).all()
    assert table["dropout_1"].between(0, 0.2).all()
    assert table["dropout_2"].between(0, 0.2).all()
    for column, only_choice in (("batch_size", 64), ("layer_1", 8), ("layer_2", 6), ("layer_3", 4)):
        assert table[column].tolist() == [only_choice] * 3
    assert table["epochs"].between(1, 150).all()
    assert (table["time"] > 0).all()
    # Tested on all of PLACE B, 2 · 432 pixels; validated on 20 % of the 480 known pixels of PLACE A, stratified:
    # 0.2 · 63 = 12.6, so 12 or 13 of them changed.
    for split, total, changed in (("test", [864], [112]), ("val", [96], [12, 13])):
        counts = {name: table[f"{split}_{name}"] for name in SPLIT_COLUMNS}
        positives = counts["true_positives"] + counts["false_negatives"]
        everything = positives + counts["true_negatives"] + counts["false_positives"]
        assert everything.isin(total).all()
        assert positives.isin(changed).all()
        np.testing.assert_allclose(
            counts["overall_acc"], (counts["true_positives"] + counts["true_negatives"]) / everything
        )


def test_the_saved_parameters_are_those_of_the_best_trial(trained: Runs) -> None:
    import siamese

    parameters = siamese.read_parameters(trained.space.folder / "model/M")
    table = trained.csv("M_stats.csv")
    best = table[table["best"]].iloc[0]
    assert list(parameters) == [
        "dropout_rate", "dropout_rate_1", "lr", "layer", "layer_1", "layer_2", "score_function", "margin",
        "fourth_layer", "batch_size",
    ]  # fmt: skip
    for name, column in (("dropout_rate", "dropout_1"), ("dropout_rate_1", "dropout_2"), ("lr", "learning_rate")):
        assert parameters[name] == pytest.approx(best[column])
    assert [parameters[name] for name in ("layer", "layer_1", "layer_2", "batch_size")] == [8, 6, 4, 64]
    assert parameters["margin"] == 1
    assert parameters["fourth_layer"] is False


def test_training_with_the_spectral_angle_on_tif_data(runs: Runs) -> None:
    written = runs(
        "main",
        "settings.train_set=PLACE B",
        "settings.test_set=PLACE A",
        "settings.distance=SAM",
        "settings.model_name=SAM model",
        "hyperas settings SAM.max_evals=1",
        "hyperas settings SAM.fourth_layer=False",
        "hyperas settings SAM.batch_size=[256]",
    )
    assert sorted(written) == [
        "model/SAM model.h5", "model/SAM model_param.pickle", "stat/SAM model_curves.csv", "stat/SAM model_run.json",
        "stat/SAM model_stats.csv",
    ]  # fmt: skip
    table = runs.csv("SAM model_stats.csv")
    assert list(table.columns) == TRIAL_COLUMNS
    # Tested on the 480 known pixels of PLACE A.
    assert table.filter(regex="^test_(true|false)").sum(axis=1).tolist() == [480]


def test_a_network_that_collapses_does_not_end_the_search(workspace: Workspace) -> None:
    # Branches of single rectified units often give 0 for every pixel: all distances are equal, Otsu is undefined.
    # Such a trial has failed (spec, section 8), and only if all have is that an error.
    search = [f"hyperas settings ED.{key}=[1]" for key in ("neurons", "neurons_1", "neurons_2")]
    done = workspace.call("main", *search, "hyperas settings ED.batch_size=[512]", *TRAIN)
    if done.returncode == 0:
        table = pd.read_csv(workspace.folder / "stat/M_stats.csv")
        assert table["trial_id"].tolist() == [0, 1, 2]
        assert set(table["status"]) <= {"ok", "fail"}
        assert table.loc[table["status"] == "fail", ["test_overall_acc", "best"]].isin([math.nan, False]).all(axis=None)
    else:
        assert "all 3 trials of the search failed" in done.stderr


# --- main: testing ---------------------------------------------------------------------------------------------------


def on_a(selection: str) -> tuple[str, ...]:
    """Overrides for a test on PLACE A."""
    return (
        *TEST,
        "settings.test_set=PLACE A",
        f"settings.fine_tuning={FINE_TUNINGS[selection]}",
        "settings.pseudo_percentage=0.4",
    )


def check_test(runs: Runs, written: list[str], data_set: str, pairs: list[str], selection: str) -> None:
    names = [f"{data_set}_{pair}_on_M_{selection}" for pair in pairs]
    ends = (".csv", ".png", "_corrected.png", "_heatmap.png", *FOR_GIS)
    expected = [f"stat/{name}{end}" for name in names for end in ends]
    run_file = f"stat/{data_set}_on_M_{selection}_run.json"
    assert sorted(written) == sorted([*expected, run_file])
    record = json.loads((runs.space.folder / run_file).read_text(encoding="utf-8"))
    assert sorted(record["results"]) == sorted(pairs)
    read = [] if selection == "no fine tuning" else [f"{pair}.pickle" for pair in pairs]
    assert pseudo_label_inputs(runs, run_file.removeprefix("stat/")) == read
    for name, pair in zip(names, pairs, strict=True):
        row = only_row(runs.csv(f"{name}.csv"), TEST_COLUMNS)
        assert record["results"][pair]["threshold"] == row["threshold"]
        check_metrics(row, "", pair)
        check_metrics(row, "_correction", pair)
        assert row["threshold"] > 0
        assert row["prediction_time"] > 0
        assert row["correction_time"] > 0
        if selection == "no fine tuning":
            assert row[TUNING_COLUMNS].isna().all()
        else:
            # Where all are taken, nothing is selected.
            given = row[TUNING_COLUMNS].notna()
            assert given.drop("extraction_time").all()
            assert given["extraction_time"] == (selection != "all")
            assert row["ft_epochs"] >= 1
            assert row["ft_time"] > 0
            for column in ("ft_val_acc", "pseudo_acc", "pseudo_acc_corrected"):
                assert 0 <= row[column] <= 1
            assert -1 <= row["agreement_before_after"] <= 1
        check_heatmap(runs.space.folder / f"stat/{name}_heatmap.png")
        # The prediction itself may be of one colour; the ground truth beside it is not.
        for end in (".png", "_corrected.png"):
            check_class_map(runs.space.folder / f"stat/{name}{end}", unknown=data_set == "PLACE A")


@pytest.mark.parametrize("selection", ["no fine tuning", "all"])
def test_testing_on_tif_data(tuned: Runs, selection: str) -> None:
    written = tuned("main", *TEST, f"settings.fine_tuning={FINE_TUNINGS[selection]}")
    check_test(tuned, written, "PLACE B", ["east", "west"], selection)


@pytest.mark.parametrize("selection", ["no fine tuning", "0.4", "r=3"])
def test_testing_on_mat_data(tuned: Runs, selection: str) -> None:
    # In a process of its own where it does not fine-tune.
    written = tuned("main", *on_a(selection), alone=selection == "no fine tuning")
    check_test(tuned, written, "PLACE A", ["town"], selection)


def test_the_number_of_pseudo_labels_is_that_of_the_selection(tuned: Runs) -> None:
    tuned("main", *TEST, "settings.fine_tuning=0")
    for pair in ("east", "west"):
        assert tuned.csv(f"PLACE B_{pair}_on_M_all.csv")["pseudo_qty"].item() == 18 * 24
    for selection in ("0.4", "r=3"):
        tuned("main", *on_a(selection))
    content = pickle.loads((tuned.space.folder / "data/a/pseudo/town.pickle").read_bytes())
    changed = int((content["distances"] > content["threshold"]).sum())
    # 40 % of each class, rounded down.
    expected = 4 * changed // 10 + 4 * (600 - changed) // 10
    assert tuned.csv("PLACE A_town_on_M_0.4.csv")["pseudo_qty"].item() == expected
    assert 0 < tuned.csv("PLACE A_town_on_M_r=3.csv")["pseudo_qty"].item() < 600


def test_the_table_agrees_with_the_saved_model(tuned: Runs) -> None:
    import dataprocessing as dp
    import siamese

    tuned("main", *TEST, "settings.fine_tuning=-1")
    model = siamese.load_model(tuned.space.folder / "model/M")
    for scene, seed in zip(dp.scenes("PLACE B", read_settings(tuned.space.file)), (2, 3), strict=True):
        distances = siamese.predict(model, all_pairs(scene)).reshape(18, 24)
        threshold = threshold_otsu(distances)
        row = tuned.csv(f"PLACE B_{scene.name}_on_M_no fine tuning.csv").iloc[0]
        assert row["threshold"] == pytest.approx(threshold)
        check_counts(row, distances > threshold, make_pair(seed, rows=18, columns=24)[2])


def test_each_pair_is_fine_tuned_from_the_saved_weights(tuned: Runs) -> None:
    import siamese

    tuned("main", *TEST, "settings.fine_tuning=0")
    saved = siamese.load_model(tuned.space.folder / "model/M").get_weights()
    assert len(tuned.tunings) >= 2
    for before, after in tuned.tunings:
        for array, original in zip(before, saved, strict=True):
            np.testing.assert_array_equal(array, original)
        assert any((array != original).any() for array, original in zip(after, saved, strict=True))


def test_testing_leaves_the_saved_model_as_it_is(tuned: Runs) -> None:
    tuned("main", *TEST, "settings.fine_tuning=0")
    # What a command writes is what it made or changed.
    tests = [written for command, written in tuned.written.items() if "settings.training=False" in command]
    assert tests
    assert not [name for written in tests for name in written if name.startswith("model/")]


def test_a_test_with_another_rescaling_than_in_training_is_pointed_at(trained: Runs, tmp_path: Path) -> None:
    shutil.copytree(trained.space.folder, tmp_path, dirs_exist_ok=True)
    space = Workspace(tmp_path)
    said = "M: trained with apply_rescaling = True, tested with False; set apply_rescaling = True\n"
    far = "M: the spectra are far from those that the model learned from, Jeffries–Matusita distance "
    record = tmp_path / "stat/PLACE B_on_M_no fine tuning_run.json"
    unscaled = space.call("main", *TEST, "settings.apply_rescaling=False").stderr
    assert said in unscaled
    assert far not in unscaled  # any place is, on another scale
    assert all(row["domain_shift"] > 1 for row in json.loads(record.read_text())["results"].values())
    scaled = space.call("main", *TEST).stderr
    assert "[PLACE B]: the results made with apply_rescaling=False are replaced; another stat_path" in scaled
    assert "trained with apply_rescaling" not in scaled
    shifts = [row["domain_shift"] for row in json.loads(record.read_text())["results"].values()]
    assert all(0 < shift < 1 for shift in shifts)
    # Without pages, a next step is that of a model far from home; one on another scale has another remedy.
    assert ("next, to " in scaled) == (far in scaled) == (max(shifts) > 0.3)
    assert "next, to " not in unscaled


def test_a_test_on_what_was_trained_on_is_pointed_at(tuned: Runs) -> None:
    said = "PLACE A] town, model M: the model was trained on this pair; its accuracy here says nothing about places "
    for selection in ("no fine tuning", "0.4"):
        tuned("main", *on_a(selection))
        assert said in tuned.said["main", *on_a(selection)].stderr
        assert "the spectra are far from those" not in tuned.said["main", *on_a(selection)].stderr
    tuned("main", *TEST, "settings.fine_tuning=0")
    assert "was trained on" not in tuned.said["main", *TEST, "settings.fine_tuning=0"].stderr
    assert "was trained on" not in tuned.said["main", *TRAIN].stderr


def test_the_agreement_with_the_model_as_it_was_is_that_of_both_maps(tuned: Runs) -> None:
    from sklearn.metrics import cohen_kappa_score

    tuned("main", *TEST, "settings.fine_tuning=-1")
    tuned("main", *TEST, "settings.fine_tuning=0")
    for pair in ("east", "west"):
        before, after = (
            np.asarray(Image.open(tuned.space.folder / f"stat/PLACE B_{pair}_on_M_{selection}.tif")).ravel()
            for selection in ("no fine tuning", "all")
        )
        # Images this small are compared whole.
        row = tuned.csv(f"PLACE B_{pair}_on_M_all.csv").iloc[0]
        assert row["agreement_before_after"] == pytest.approx(cohen_kappa_score(before, after))
        record = json.loads((tuned.space.folder / "stat/PLACE B_on_M_all_run.json").read_text())
        effect, counts = record["results"][pair]["ft_effect"], row["total_examples"]
        assert (effect["pixels"], effect["after"]["kappa"]) == (counts, pytest.approx(row["kappa"]))
        untuned = tuned.csv(f"PLACE B_{pair}_on_M_no fine tuning.csv").iloc[0]
        assert effect["before"]["kappa"] == pytest.approx(untuned["kappa"])
        doubted = (
            f"{pair}: the fine-tuned model disagrees" in tuned.said["main", *TEST, "settings.fine_tuning=0"].stderr
        )
        assert doubted == (row["agreement_before_after"] < 0.5)


def test_a_test_after_fine_tuning_gives_what_it_gave_before(tuned: Runs) -> None:
    tuned("main", *TEST, "settings.fine_tuning=-1")
    name = "PLACE B_west_on_M_no fine tuning.csv"
    before = tuned.csv(name)
    tuned("main", *TEST, "settings.fine_tuning=0")
    again = tuned.space.call("main", *TEST, "settings.fine_tuning=-1", "settings.seed=3")
    assert again.returncode == 0
    same = ["total_examples", "threshold", *METRICS, *CORRECTED]
    pd.testing.assert_frame_equal(tuned.csv(name)[same], before[same])


def test_the_accuracy_against_pseudo_labels_is_counted_on_all_pixels(tuned: Runs) -> None:
    # Every pixel of PLACE B is known: with n pixels, of which the prediction differs from the truth in a, and the
    # corrected pseudo-labels in b, prediction and pseudo-labels differ in |a − b| to a + b.
    tuned("main", *TEST, "settings.fine_tuning=0")
    for pair in ("east", "west"):
        row = tuned.csv(f"PLACE B_{pair}_on_M_all.csv").iloc[0]
        pseudo = tuned.csv(f"PLACE B_{pair}_SAM_pseudo_rescaling_False.csv").iloc[0]
        b = 1 - pseudo["overall_accuracy_correction"]
        for accuracy, agreement in (
            ("overall_accuracy", "pseudo_acc"),
            ("overall_accuracy_correction", "pseudo_acc_corrected"),
        ):
            a = 1 - row[accuracy]
            assert abs(a - b) - 1e-9 <= 1 - row[agreement] <= a + b + 1e-9


# --- what holds for every script -------------------------------------------------------------------------------------


def test_no_command_warns(tuned: Runs) -> None:
    tuned("main", *TEST, "settings.fine_tuning=0")
    assert len(tuned.said) >= 4
    # Pseudo-labels of four kinds are made here, one after the other.
    replaced = "are replaced; another pseudoPath keeps both"
    for command, done in tuned.said.items():
        warned = warnings_of(done.stderr)
        assert [line for line in warned if command[0] != "predutils" or not line.endswith(replaced)] == [], command


def test_another_current_folder_gives_the_same_files(
    workspace: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert workspace.run("predutils").returncode == 0
    expected = workspace.contents()
    for name in expected:
        if name.startswith("stat/") or "/pseudo/" in name:
            (workspace.folder / name).unlink()
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    script = PROJECT / "Net" / "predutils.py"
    done = subprocess.run(
        [
            sys.executable,
            os.path.relpath(script, elsewhere),
            "--config",
            os.path.relpath(workspace.file, elsewhere),
        ],
        capture_output=True,
        text=True,
        cwd=elsewhere,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert list(elsewhere.iterdir()) == []
    found = workspace.contents()
    assert found.keys() == expected.keys()
    for name, content in expected.items():
        if name.endswith(".csv"):
            first, second = (line.split(",") for line in content.decode().splitlines())
            again = dict(zip(first, found[name].decode().splitlines()[1].split(","), strict=True))
            assert {key: value for key, value in again.items() if not key.endswith("_time")} == {
                key: value for key, value in zip(first, second, strict=True) if not key.endswith("_time")
            }
        elif not name.endswith((".gpkg", "_run.json")):  # tell when they were written
            assert found[name] == content, name


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_answers_at_once_without_tensorflow(script: str, tmp_path: Path) -> None:
    # Packages of these names that cannot be imported come first on the path.
    for package in ("tensorflow", "keras", "hyperopt", "hyperas"):
        (tmp_path / f"{package}.py").write_text("raise SystemExit('a heavy import')\n")
    done = subprocess.run(
        [sys.executable, str(PROJECT / "Net" / f"{script}.py"), "--help"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for option in ("--help", "--config", "--set", "SECTION.KEY=VALUE"):
        assert option in done.stdout
    for key in (r"  train_set +the name of a data set.s section", r"  seed +an integer from 0 to"):
        assert re.search(key, done.stdout)


def test_the_stand_ins_of_the_test_above_do_stop_an_import(tmp_path: Path) -> None:
    (tmp_path / "keras.py").write_text("raise SystemExit('a heavy import')\n")
    done = subprocess.run(
        [sys.executable, "-c", "import keras"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 1
    assert "a heavy import" in done.stderr


def test_an_unknown_option_is_an_error_in_one_line(workspace: Workspace) -> None:
    done = subprocess.run(
        [sys.executable, str(PROJECT / "Net" / "predutils.py"), "--conf", "x", "--frobnicate"],
        capture_output=True,
        text=True,
        cwd=workspace.folder,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "error: --frobnicate: unknown option; --help lists the options\n"
