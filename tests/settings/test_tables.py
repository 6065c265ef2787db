"""docs/keys.md and net.conf say of the keys what the keys say."""

import subprocess
import sys
from pathlib import Path

import pytest

import config
from conftest import PROJECT
from hscd.registry import Option
from settings import tables
from settings.keys import KINDS


def test_keys_page_and_net_conf_are_as_they_are_made() -> None:
    for file, text in tables.files().items():
        assert file.read_text(encoding="utf-8") == text, f"run `make tables`: {file} is older than the keys"


def test_tables_and_comments_have_every_key_and_what_it_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = (
        Option("must", str, "a text", help="what it is"),
        Option("may", int, "an integer", None, "how many"),
        Option("place", Path, "a folder", Path("a/b"), "where"),
        Option("part", float, "a number", 0.0, "how much " + "of it " * 20),
        Option("size", int, "an integer", None, "how large: in pixels", "what fits"),
    )
    monkeypatch.setitem(KINDS, "settings", lambda: keys)
    table = tables.markdown("settings")
    assert table[6] == "| `size` | how large: in pixels | an integer | what fits |"
    assert table[2:5] == [
        "| `must` | what it is | a text |  |",
        "| `may` | how many | an integer | – |",
        "| `place` | where | a folder | a/b |",
    ]
    lines = tables.comments("settings")
    assert lines[:3] == [
        "#   must   what it is: a text",
        "#   may    how many: an integer (optional)",
        "#   place  where: a folder (default: a/b)",
    ]
    assert len(lines) == 6
    assert lines[5] == "#   size   how large: in pixels; an integer (default: what fits)"
    assert all(len(line) <= 120 for line in lines)
    assert lines[4].startswith("#          ")
    assert lines[4].endswith(": a number (default: 0)")
    assert tables.short_lines("settings")[1] == "  may    an integer (optional)"


def test_a_file_without_its_marks_is_an_error() -> None:
    with pytest.raises(ValueError, match="expected one place that is marked # keys: settings, found 0"):
        tables.filled("nothing", "# keys: {}", "# end of keys: {}", tables.comments)


def test_the_command_prints_the_tables() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "settings.tables"], capture_output=True, text=True, cwd=PROJECT / "Net", check=True
    )
    for kind in KINDS:
        for made in (tables.markdown, tables.comments):
            assert "\n".join(made(kind)) in done.stdout


def test_the_command_writes_them_where_they_belong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The lines between the marks are lost, those around them stay.
    places = {}
    for name, file in (("KEYS_PAGE", tables.KEYS_PAGE), ("DATA_CONFIG_PATH", config.DATA_CONFIG_PATH)):
        text = file.read_text(encoding="utf-8")
        places[tmp_path / file.name] = text
        torn = "\n".join(line for line in text.splitlines() if "`seed`" not in line and "#   seed " not in line)
        (tmp_path / file.name).write_text(torn + "\n", encoding="utf-8")
        monkeypatch.setattr(tables if name == "KEYS_PAGE" else config, name, tmp_path / file.name)
    assert tables.main(["--write"]) == 0
    for file, text in places.items():
        assert file.read_text(encoding="utf-8") == text
