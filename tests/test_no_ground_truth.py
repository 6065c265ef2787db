"""Data sets without label maps: everything but training works, and metrics stay empty."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import config
from conftest import CONFIGURATION, Workspace, without_times
from earlier_runs import leave
from settings import read_settings

TEST = ("settings.training=False", "settings.test_set=PLACE A")
LABELS = "labelPath = data/a/label\n"
EMPTY = ("overall_accuracy", "false_positives_num", "true_positives_num", "kappa", "f1", "iou", "kappa_correction")


@pytest.fixture(scope="module")
def spaces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, Workspace]]:
    """The same place with and without ground truth, with the model of the first, after the same commands."""
    known, unknown = (Workspace(tmp_path_factory.mktemp(name)) for name in ("known", "unknown"))
    known.write_data()
    shutil.copytree(known.folder / "data", unknown.folder / "data")
    shutil.rmtree(unknown.folder / "data/a/label")
    unknown.text = CONFIGURATION.replace(LABELS + "pseudoPath = data/a", "pseudoPath = data/a").replace(
        "changedLabel = 1\nunchangedLabel = 2\nunknownLabel = 0\n", ""
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "MAX_EPOCHS", 3)
        assert known.call("main", "hyperas settings ED.max_evals=1").returncode == 0
        shutil.copytree(known.folder / "model", unknown.folder / "model")
        other = read_settings(known.file, ["settings.correction=none"])
        names = ["PLACE A_town_radius4.png", "PLACE A_town_radius3.png"]
        leave(known.folder / "stat/PLACE A_radii_run.json", "maps by radii", other, "town", {"map": names})
        (known.folder / "stat/PLACE A_town_radius3_radius7.png").touch()  # of a pair "town_radius3"
        for space in (known, unknown):
            for script, *overrides in (
                ("predutils",),
                ("labelbyperc_generation",),
                ("labelbyneigh_generation",),
                ("main", *TEST, "settings.fine_tuning=-1"),
                ("main", *TEST, "settings.fine_tuning=2"),
            ):
                done = space.call(script, *overrides)
                assert done.returncode == 0, done.stderr
        yield known, unknown


def test_what_needs_no_ground_truth_is_the_same(spaces: tuple[Workspace, Workspace]) -> None:
    known, unknown = spaces
    assert (known.folder / "data/a/pseudo/town.pickle").read_bytes() == (
        unknown.folder / "data/a/pseudo/town.pickle"
    ).read_bytes()
    for name in ("PLACE A_town_on_M_no fine tuning", "PLACE A_town_on_M_r=3"):
        heat_maps = [(space.folder / f"stat/{name}_heatmap.png").read_bytes() for space in spaces]
        assert heat_maps[0] == heat_maps[1]
        (first,), (second,) = (without_times(space.folder / f"stat/{name}.csv") for space in spaces)
        for column in ("threshold", "pseudo_qty", "ft_val_loss", "pseudo_acc", "pseudo_acc_corrected"):
            assert first[column] == second[column]
    for name in ("10%", "90%", "radius2", "radius3"):
        maps = [(space.folder / f"stat/PLACE A_town_{name}.png").read_bytes() for space in spaces]
        assert maps[0] == maps[1]
    record = json.loads((known.folder / "stat/PLACE A_radii_run.json").read_text(encoding="utf-8"))
    assert list(record["written"]["town"]["map"]) == ["PLACE A_town_radius2.png", "PLACE A_town_radius3.png"]
    assert not (known.folder / "stat/PLACE A_town_radius4.png").exists()
    assert (known.folder / "stat/PLACE A_town_radius3_radius7.png").exists()


def test_metrics_stay_empty(spaces: tuple[Workspace, Workspace]) -> None:
    _, unknown = spaces
    tables = list((unknown.folder / "stat").glob("*.csv"))
    assert len(tables) == 4
    for table in tables:
        (row,) = without_times(table)
        assert row["total_examples"] == "0"
        assert float(row["threshold"]) > 0
        assert {row[column] for column in EMPTY if column in row} == {""}


def test_maps_have_one_panel(spaces: tuple[Workspace, Workspace]) -> None:
    widths = []
    for space in spaces:
        with Image.open(space.folder / "stat/PLACE A_town_on_M_no fine tuning.png") as picture:
            widths.append(picture.width)
    # Of three panels and of one.
    assert widths[1] < widths[0] / 2


def test_training_needs_labels_and_says_so(spaces: tuple[Workspace, Workspace]) -> None:
    line = spaces[1].fails("main")
    assert "[PLACE A] labelPath: missing" in line
    assert "training need labels" in line


def test_a_label_folder_that_is_named_has_to_be_there(workspace: Workspace, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "data/a/label")
    assert "data/a/label: no such file or folder" in workspace.fails("predutils")
