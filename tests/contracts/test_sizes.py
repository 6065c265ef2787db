"""Functions and files that can be read at one go."""

import ast

import pytest

from conftest import PROJECT

PROGRAM = sorted([*(PROJECT / "Net").rglob("*.py"), *(PROJECT / "benchmarks").rglob("*.py")])
LINES_OF_FILE, LINES_OF_FUNCTION = 350, 60


def lengths(text: str) -> list[tuple[str, int]]:
    """The functions of a module, and how many lines each has, docstring included."""
    return [
        (node.name, (node.end_lineno or 0) - node.lineno + 1)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_lines_are_counted():
    text = 'class A:\n    def f(self,\n          x):\n        """One."""\n        def g():\n            pass\n'
    assert lengths(text) == [("f", 5), ("g", 2)]
    assert len(PROGRAM) > 150


@pytest.mark.parametrize("path", PROGRAM, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_no_function_and_no_file_is_too_long(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LINES_OF_FILE
    assert [found for found in lengths(text) if found[1] > LINES_OF_FUNCTION] == []
