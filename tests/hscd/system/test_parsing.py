"""Values of the configuration."""

import pytest

from hscd.system import parsing


@pytest.mark.parametrize(
    ("text", "names"),
    [("a", ("a",)), ("a, b c ,d", ("a", "b c", "d")), ("\na\nb,\n", ("a", "b")), ("a, b, a", ("a", "b"))],
)
def test_names_are_separated_by_commas_or_lines(text, names):
    assert parsing.names(text) == names


@pytest.mark.parametrize("text", ["", " , ", "a\0b"])
def test_no_names_are_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 - it has no text
        parsing.names(text)
