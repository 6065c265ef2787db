"""Runs the notebooks of docs/notebooks on small scenes, in this process."""

import io
import json
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

import console
from conftest import PROJECT

NOTEBOOKS = sorted((PROJECT / "docs" / "notebooks").glob("*.ipynb"))
# What makes them quick.
QUICK = {"SIZE = 160": "SIZE = 32", "TRIALS = 3": "TRIALS = 1"}
RUN = subprocess.run


def cells(notebook: Path) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(notebook.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]


def here(words: Any, **options: Any) -> Any:
    """What `python -m hscd …` does, in this process, as the import of TensorFlow takes seconds; others run as ever."""
    if "hscd" not in words:
        return RUN(words, **options)
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()) as errors:
        assert console.main(words[words.index("hscd") + 1 :]) == 0, errors.getvalue()
    return None


def run_cells(notebook: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names that the cells of a notebook leave behind, run one after the other."""
    import matplotlib

    matplotlib.use("Agg")
    monkeypatch.chdir(folder)
    monkeypatch.setattr("tempfile.mkdtemp", lambda: str(folder))
    monkeypatch.setattr(subprocess, "run", here)
    monkeypatch.setattr("config.MAX_EPOCHS", 2)
    found: dict[str, Any] = {}
    for cell in cells(notebook):
        source = "".join(cell["source"])
        for shown, quick in QUICK.items():
            source = source.replace(shown, quick)
        exec(source, found)
    assert found["SIZE"] == 32
    assert found["scene"].truth.shape == (32, 38)
    return found
