"""The command that looks at the data first."""

import numpy as np
from scipy.io import loadmat

from conftest import Workspace, write_mat


def test_every_data_set_is_told_and_drawn(workspace: Workspace) -> None:
    done = workspace.run("inspect_data")
    assert done.returncode == 0, done.stderr
    assert "[PLACE A] 1 pair in" in done.stdout
    assert "town.mat: 20 × 30 pixels, 5 bands" in done.stdout
    # The rectangle is 7 × 9; the last 4 of 20 rows are unknown.
    assert "labels: changed 63 (10.5%), unchanged 417 (69.5%), unknown 120 (20.0%)" in done.stdout
    assert "[PLACE B] 2 pairs in" in done.stdout
    assert {path.name for path in (workspace.folder / "stat").glob("*.png")} == {
        "PLACE A_town_quicklook.png",
        "PLACE B_east_quicklook.png",
        "PLACE B_west_quicklook.png",
    }


def test_what_is_not_there_is_told_and_what_is_broken_is_an_error(workspace: Workspace) -> None:
    workspace.text = workspace.text.replace("data/b/before", "data/nowhere")
    done = workspace.call("inspect_data", "settings.test_set=PLACE A")
    assert done.returncode == 0
    assert "[PLACE B] not there:" in done.stdout
    # A data set that is to be used has to be there.
    assert "data/nowhere: no such folder" in workspace.fails("inspect_data")
    (workspace.folder / "data/a/after/town.mat").write_bytes(b"broken")
    assert "data/a/after/town.mat: unreadable" in workspace.fails("inspect_data", "settings.test_set=PLACE A")


def test_nodata_is_suggested_and_masked_once_it_is_configured(workspace: Workspace) -> None:
    file = workspace.folder / "data/a/before/town.mat"
    image = loadmat(file)["cube"].astype(np.int16)
    image[:, :6] = -9999
    write_mat(file, image)
    done = workspace.call("inspect_data", "settings.test_set=PLACE A")
    assert "look at: the before image is -9999 in every band of 20.0% of its pixels: nodata = -9999?" in done.stdout
    done = workspace.call("inspect_data", "settings.test_set=PLACE A", "PLACE A.nodata=-9999")
    assert "masked: 120 pixels (20.0%)" in done.stdout
    assert "look at" not in done.stdout


def test_without_labels(workspace: Workspace) -> None:
    workspace.text = workspace.text.replace("labelPath = data/a/label\n", "")
    assert "labels: none, no labelPath" in workspace.call("inspect_data").stdout
