"""A task in a process of its own tells nothing: its warnings are in its record, for the main process to tell."""

import json
import logging
from pathlib import Path

from hscd.system import messages
from pipeline import spread


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
