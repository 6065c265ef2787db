"""The demo run, on small data in the place of the demo's."""

import shutil

import pytest

import config
import run_demo
from conftest import CONFIGURATION, Workspace


def test_every_step_runs_and_is_reported(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(config, "MAX_EPOCHS", 2)
    monkeypatch.setattr(run_demo, "TRIALS", 1)
    workspace.text = CONFIGURATION.replace("PLACE", "DEMO")
    # As the demo, place B is one pair.
    for part in ("before", "after"):
        shutil.rmtree(workspace.folder / f"data/b/{part}/west.tif")
    (workspace.folder / "data/b/label/west.tif").unlink()
    assert run_demo.main(["--config", str(workspace.file)]) == 0
    said, told = capsys.readouterr()
    # The second step replaces what the first one made.
    assert "warning: [DEMO B]: the pseudo-labels of east by ED (otsu, rescaled) are replaced; another pseudoP" in told
    for number, (title, _, _) in enumerate(run_demo.STEPS, start=1):
        assert f"[{number}/{len(run_demo.STEPS)}] {title}" in said
    table = said[said.index("after correction") :].splitlines()[1:]
    # Two kinds of pseudo-labels, the map without labels, and four tests.
    rows = [line for line in table if line.count(" / ") == 4]
    assert len(rows) == 7
    assert any(row.startswith("  Map of place B without labels (detect.py)  ") for row in rows)
    listed = {line.strip().rsplit("/", 1)[-1] for line in said.splitlines() if line.startswith("  ")}
    expected = {
        "DEMO_ED_stats.csv",
        "DEMO_ED.h5",
        "DEMO_ED_param.pickle",
        "east.pickle",
        "DEMO B_east_on_DEMO_ED_r=3.png",
        "change.tif",
        "change.png",
    }
    assert expected <= listed
