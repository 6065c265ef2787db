"""The notebook of a transfer runs from top to bottom."""

from pathlib import Path

import pytest

from notebooks import NOTEBOOKS, run_cells


def test_transfer_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = run_cells(NOTEBOOKS[0], tmp_path, monkeypatch)
    assert found["after_tuning"].shape == found["before_tuning"].labels.shape == (32, 38)
    assert (tmp_path / "model/OF_A.h5").is_file()
