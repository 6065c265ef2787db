"""The command that looks at the data first."""

import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.io import loadmat

import inspect_data
from conftest import Workspace, make_pair, write_mat
from hscd.labels import UNKNOWN
from raster_scenes import DEGREES, UTM, WAVES, moved, write_labels, write_pair, write_raster


def told_alone(workspace: Workspace, *overrides: str) -> subprocess.CompletedProcess[str]:
    """What the command tells of data that it draws in another test: drawing is most of its time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inspect_data.quicklook, "write", lambda *_: None)
        patch.setattr(inspect_data, "_draw_examples", lambda *_: None)
        return workspace.call("inspect_data", *overrides)


def test_every_data_set_is_told_and_drawn(workspace: Workspace) -> None:
    done = workspace.run("inspect_data")
    assert done.returncode == 0, done.stderr
    assert "[PLACE A] 1 pair in" in done.stdout
    assert "  town: 20 × 30 pixels, 5 bands" in done.stdout
    # The rectangle is 7 × 9; the last 4 of 20 rows are unknown.
    assert "labels: changed 63 (10.5 %), unchanged 417 (69.5 %), unknown 120 (20.0 %)" in done.stdout
    assert "[PLACE B] 2 pairs in" in done.stdout
    assert {path.name for path in (workspace.folder / "stat").glob("*.png")} == {
        "PLACE A_town_examples.png",
        "PLACE A_town_quicklook.png",
        "PLACE B_east_examples.png",
        "PLACE B_east_quicklook.png",
        "PLACE B_west_examples.png",
        "PLACE B_west_quicklook.png",
    }


def test_without_labels_no_examples_are_drawn_and_a_file_of_that_name_stays(tmp_path: Path) -> None:
    settings, section = SimpleNamespace(stat_path=tmp_path), SimpleNamespace(name="PLACE")
    picture = tmp_path / "PLACE_town_examples.png"
    picture.touch()
    unknown = np.full((2, 3), UNKNOWN, np.uint8)
    files, pixels = SimpleNamespace(name="town"), (None, None)
    assert inspect_data._draw_examples(files, section, settings, None, pixels, unknown, np.zeros(5, bool)) is None
    assert picture.exists()


def test_what_is_not_there_is_told_and_what_is_broken_is_an_error(workspace: Workspace) -> None:
    workspace.text = workspace.text.replace("data/b/before", "data/nowhere")
    done = workspace.call("inspect_data", "settings.test_set=PLACE A")
    assert done.returncode == 0
    assert "[PLACE B] not found:" in done.stdout
    # A data set that is to be used has to be there.
    assert "data/nowhere: no such file or folder" in workspace.fails("inspect_data")
    (workspace.folder / "data/a/after/town.mat").write_bytes(b"broken")
    assert "data/a/after/town.mat: unreadable" in workspace.fails("inspect_data", "settings.test_set=PLACE A")
    told = told_alone(workspace, "settings.test_set=PLACE A").stdout.splitlines()
    assert told[0].startswith("[PLACE A] 1 pair in")
    said = "cannot be used, as the error at the end says"
    assert told[1] == f"  town: {said}"
    assert told[-1] == "not found: PLACE B"
    done = told_alone(workspace)
    assert done.stdout.splitlines()[2] == f"[PLACE B] {said}"
    assert done.stderr.count("data/nowhere: no such file or folder") == 1


def test_nodata_is_suggested_and_masked_once_it_is_configured(workspace: Workspace) -> None:
    file = workspace.folder / "data/a/before/town.mat"
    image = loadmat(file)["cube"].astype(np.int16)
    image[:, :6] = -9999
    write_mat(file, image)
    done = told_alone(workspace, "settings.test_set=PLACE A")
    assert "look at: the before image: -9999 in every band of 20.0 % of the pixels" in done.stdout
    done = workspace.call("inspect_data", "settings.test_set=PLACE A", "PLACE A.nodata=-9999")
    assert "masked: 120 pixels (20.0 %)" in done.stdout
    assert "look at" not in done.stdout


def test_without_labels(workspace: Workspace) -> None:
    workspace.text = workspace.text.replace("labelPath = data/a/label\n", "")
    assert "labels: none, no labelPath" in workspace.call("inspect_data").stdout
    assert sorted(path.name for path in (workspace.folder / "stat").glob("PLACE A*")) == ["PLACE A_town_quicklook.png"]


def test_data_is_looked_at_without_a_search(workspace: Workspace) -> None:
    workspace.text = workspace.text.partition("[hyperas settings ED]")[0]
    assert "labels: changed 63" in told_alone(workspace).stdout


def test_values_of_labels_that_no_pixel_has_are_told(workspace: Workspace) -> None:
    done = told_alone(workspace, "PLACE A.changedLabel=1, 7", "PLACE A.unknownLabel=0")
    assert "    look at: no pixel has changedLabel = 7; the label map holds 0, 1, 2\n" in done.stdout
    # 63 of 63 + 417 are labelled as changed, the other way round 87 %.
    done = told_alone(workspace, "PLACE A.changedLabel=2", "PLACE A.unchangedLabel=1")
    assert "look at: 86.9 % of the labelled pixels are changed: are the values of changed and " in done.stdout
    assert "no pixel" not in done.stdout


def test_two_images_are_looked_at_without_a_configuration(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(inspect_data.quicklook, "write", lambda *_: None)
    monkeypatch.setattr(inspect_data, "_draw_examples", lambda *_: None)
    monkeypatch.chdir(workspace.folder / "data/a")
    pair = ["before/town.mat", "after/town.mat"]
    assert inspect_data.main([*pair, "--set", "matLabel=cube"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("  town: 20 × 30 pixels, 5 bands\n")
    assert "    labels: none, no --labels\n" in told.out
    assert "pictures: town_inspection/town_quicklook.png\n" in told.out
    assert "next, to map what changed: " in told.err
    assert told.err.endswith("detect.py before/town.mat after/town.mat --set matLabel=cube\n")
    # Values of labels mean nothing without any.
    alone = "--set changedLabel=1: has no effect without --labels"
    assert inspect_data.main([*pair, "--set", "matLabel=cube", "--set", "changedLabel=1"]) == 0
    told = capsys.readouterr()
    assert f"warning: {alone}\n" in told.err
    assert told.err.endswith("after/town.mat --set matLabel=cube\n")
    # No pixel is 7: the labels are of one class, and the command with these values would be of no use.
    labels = np.where(np.arange(600).reshape(20, 30) < 63, 1, 2).astype(np.uint8)
    write_mat(workspace.folder / "truth.mat", labels)
    for value, suggests in ((2, True), (7, False)):
        keys = [f"--set={key}" for key in ("matLabel=cube", "changedLabel=1", f"unchangedLabel={value}")]
        assert inspect_data.main([*pair, "--labels", str(workspace.folder / "truth.mat"), *keys]) == 0
        assert ("next, to map what changed: " in capsys.readouterr().err) == suggests
    # What is to be found out by a look is no reason to refuse one.
    assert inspect_data.main([*pair, "--labels", str(workspace.folder / "truth.mat"), "--set=matLabel=cube"]) == 0
    told = capsys.readouterr()
    assert "truth.mat holds 1 (63 pixels), 2 (537 pixels); say what they mean by --set changedLabel=VALUE" in told.out
    assert "pictures: town_inspection/town_quicklook.png\n" in told.out
    assert "next" not in told.err
    for words, said in (
        (pair[:1], "found 1 image; expected two, BEFORE AFTER, or none"),
        ([pair[0], "no.mat"], "no.mat: no such file or folder"),
        (["--out", "x"], "--labels, --out: go with two images; net.conf has labelPath and stat_path"),
    ):
        assert inspect_data.main(words) == 2
        assert capsys.readouterr().err == f"error: {said}\n"


def test_inspection_says_what_files_say(space: Workspace) -> None:
    before, after, changed = make_pair(6, bands=8)
    before[:5] = 0
    tags = {"wavelength": WAVES, "bbl": [1, 0, *[1] * 6]}
    write_pair(space, before, after, **UTM, nodata=0, scale=(1e-4, 0), tags=tags)
    write_labels(space, changed)
    done = space.call("inspect_data")
    assert done.returncode == 0, done.stderr
    for line in (
        "  town: 20 × 30 pixels, 8 bands",
        "before: before/town.tif, 20 × 30 × 8, TIFF, float32, 0.",
        "wavelengths: 450 … 2200 nm",
        "grid: EPSG:32633 (metre), pixels of 30 × 30, upper left corner at x = 366975, y = 5808045",
        "masked: 150 pixels (25.0 %)",  # 5 of 20 rows
        "the before file says: nodata 0, scale 0.0001, 1 of 8 bands on the file's list of bad bands (2; "
        "bad_bands = file drops them)\n",
        "by the wavelengths of both files: 2 of 8 bands in water vapour (5, 7; bad_bands = water drops them)",
        "the after file says: nodata 0",
    ):
        assert done.stdout.count(line) == 1
    told = told_alone(space, "PLACE A.bad_bands=file", "PLACE A.nodata=nan", "PLACE A.scale=1").stdout
    assert "  town: 20 × 30 pixels, 7 bands" in told
    assert "nodata 0 (not used, nan is configured), scale 0.0001 (not used, 1 is configured)" in told
    assert "bad bands (2; dropped)" in told
    assert "masked" not in told
    # Bands that are not chosen need not be dropped.
    told = told_alone(space, "PLACE A.bands=2, 4-6").stdout
    assert "1 of 4 chosen bands on the file's list of bad bands (2;" in told
    assert "of both files: 1 of 4 chosen bands in water vapour (5; bad_bands = water drops them)" in told
    assert "water" not in told_alone(space, "PLACE A.bands=1-4, 6").stdout


def test_inspection_of_two_formats_and_grids(space: Workspace) -> None:
    before, after, changed = make_pair(6)
    write_raster(space.folder / "data/a/before/town.dat", before, "ENVI", interleave="bil", **DEGREES)
    write_raster(
        space.folder / "data/a/after/town.tif", after, crs="EPSG:4326", transform=moved(DEGREES["transform"], 2, 0)
    )
    write_labels(space, changed)
    told = space.call("inspect_data").stdout
    assert "before: before/town.hdr, 20 × 30 × 5, ENVI, uint16" in told
    assert "after: after/town.tif, 20 × 30 × 5, TIFF, resampled, float32" in told
    corner = "upper left corner at longitude 11.1, latitude 48.2"
    assert f"grid: EPSG:4326 (degrees), pixels of 0.000277778 × 0.000138889, {corner}" in told
    assert "masked: 60 pixels (10.0 %)" in told  # 2 of 20 rows


def test_inspection_of_a_scene_larger_than_memory(space: Workspace) -> None:
    before, after, changed = make_pair(7, rows=150, columns=200)
    write_pair(space, before, after)
    write_labels(space, changed)
    # Two images of 150 · 200 · 5 values of 2 bytes are 0.572 MiB, thrice that a 1.717-fold of the memory: √1.717 < 2.
    told = space.call("inspect_data", "settings.memory_limit=1").stdout
    assert "  town: 150 × 200 pixels, 5 bands" in told
    assert "images larger than memory: every 2 rows and columns looked at" in told
    # All of the labels are looked at: a rectangle of rows 37 to 76 and columns 40 to 99.
    assert "labels: changed 2,400 (8.0 %), unchanged 27,600 (92.0 %)" in told
    assert "every" not in told_alone(space).stdout
