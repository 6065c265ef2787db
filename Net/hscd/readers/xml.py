"""Numbers in the XML files that come with satellite products."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree

from hscd.system.errors import InputError, brief
from hscd.system.paths import require_regular

_LARGEST_BYTES = 2**26


def root_of(path: Path) -> ElementTree.Element:
    """The root of a metadata file.

    Raises:
        InputError: if it is missing or unreadable, or larger than any such file is.
    """
    try:
        if require_regular(path).stat().st_size > _LARGEST_BYTES:
            raise InputError(f"{path}: too large to be a metadata file")
        return ElementTree.parse(path).getroot()
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise InputError(f"{path}: unreadable or truncated metadata: {brief(error)}") from error


def elements(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    """The elements of a name in whatever namespace and depth, in their order."""
    return [element for element in root.iter() if element.tag.rpartition("}")[2] == name]


def numbers(path: Path, root: ElementTree.Element, name: str) -> list[float]:
    """The numbers in the elements of a name.

    Raises:
        InputError: if one holds no number.
    """
    texts = [element.text or "" for element in elements(root, name)]
    try:
        values = [float(text) for text in texts]
    except ValueError as error:
        raise InputError(f"{path}: {name} is not a number: {brief(error)}") from error
    if not all(map(math.isfinite, values)):
        raise InputError(f"{path}: {name} is not a number: {brief(', '.join(texts))}")
    return values
