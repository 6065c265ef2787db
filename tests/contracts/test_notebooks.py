"""The notebooks of docs/notebooks: they run, and what is stored of their outputs is small and of no machine."""

import json
import re
from pathlib import Path

import pytest

from notebooks import NOTEBOOKS, cells, run_cells

LARGEST = 400_000


def test_two_images_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other notebook, which trains networks, is run by test_transfer_notebook.py."""
    transfer, two_images = NOTEBOOKS
    assert (transfer.stem, two_images.stem) == ("transfer", "two_images")
    found = run_cells(two_images, tmp_path, monkeypatch)["found"]
    assert found.corrected.shape == (32, 38)
    assert (tmp_path / "hillside_changes.gpkg").is_file()


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_there_and_of_no_machine(notebook: Path) -> None:
    numbers = [cell["execution_count"] for cell in cells(notebook)]
    assert numbers == list(range(1, len(numbers) + 1)), "run `make notebooks`"
    outputs = [output for cell in cells(notebook) for output in cell["outputs"]]
    assert {output["output_type"] for output in outputs} <= {"stream", "display_data", "execute_result"}
    assert [output for output in outputs if output.get("name") == "stderr"] == []
    texts = [json.dumps({**output, "data": {**output.get("data", {}), "image/png": ""}}) for output in outputs]
    assert [text for text in texts if re.search(r"(^|[\s\"'(])(/|[A-Z]:\\)\w", text)] == []
    assert notebook.stat().st_size < LARGEST
