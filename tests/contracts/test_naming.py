"""What the library advises goes by the words of whoever calls it: `naming.given`, not a key as a file has it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import PROJECT
from settings.two_images import places

LIBRARY = sorted((PROJECT / "Net/hscd").rglob("*.py"))
KEY = re.compile(rf"\b({'|'.join(places())}) = ")
# What --help and pages say: these are of configuration files.
OF_FILES = {"Option", "Advice"}


def said(source: str) -> Iterator[str]:
    """The texts of a module that give a key a value, but for docstrings and those that are of configuration files."""
    tree = ast.parse(source)
    left_out = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in OF_FILES:
            left_out |= {id(part) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left_out:
            yield from (found[0] for found in KEY.finditer(node.value))


def test_keys_that_are_written_out_are_found() -> None:
    source = '"""nodata = 1"""\nwarn(f"odd; nodata = {value}")\nOption("bands = 1")\nwarn("distance = 1")\n'
    assert list(said(source)) == ["nodata = "]
    assert len(LIBRARY) > 100


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_no_message_of_the_library_writes_a_key_out(path: Path) -> None:
    assert list(said(path.read_text(encoding="utf-8"))) == []
