"""Tasks in processes of their own: they tell nothing, their warnings are in records for the main process to tell."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from hscd.system import messages, naming
from pipeline import cells, spread
from settings.two_images import IMAGES, settings_for


class _Warning:
    """A task that warns."""

    depends, nothing, ends_alike = {"of": "itself"}, {}, True

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def record(self):
        return spread.record_of(self)

    def run(self):
        messages.warn("half of it is cloud")
        return {"figures": 1}

    def is_there(self, content):
        return True


def test_warnings_of_a_task_are_in_its_record_and_not_on_the_console(tmp_path, monkeypatch, capsys):
    for name in ("hscd", "root"):  # where logging is not set up, Python shows warnings itself
        monkeypatch.setattr(logging.getLogger(name), "handlers", [])
    monkeypatch.setattr(logging.getLogger("hscd"), "propagate", True)
    task = _Warning(tmp_path)
    spread.run(task)
    content = json.loads(task.record.read_text(encoding="utf-8"))
    assert (content["warnings"], content["figures"]) == (["half of it is cloud"], 1)
    assert capsys.readouterr().err == ""


def test_a_cell_of_two_images_names_options_whatever_process_it_runs_in(tmp_path, monkeypatch):
    def doubting(cell):
        return {"doubts": [naming.given("register", True)]}, np.zeros((1, 1), np.uint8)

    monkeypatch.setattr(cells, "_run", doubting)
    settings = settings_for(tmp_path / "a.tif", tmp_path / "b.tif", None, tmp_path)
    cell = cells.Cell(None, None, 0, settings, False, tmp_path, {})
    assert cell.run() == {"doubts": ["--set register=True"]}
    own = {"town": settings[IMAGES]}
    assert replace(cell, settings=replace(settings, data_sets=own)).run() == {"doubts": ["register = True"]}
