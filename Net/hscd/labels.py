"""The three label values of the program, and the way from a file's values to them.

Positive class = changed. Every score or distance grows with change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from hscd.system.errors import InputError
from hscd.system.parsing import Colour as Colour

CHANGED = 0
UNCHANGED = 1
UNKNOWN = 2

_UNMAPPED = 255
_VALUES_SHOWN = 10
_LARGEST_GREY = 255


def remap(
    labels: np.ndarray,
    changed: float | Sequence[float],
    unchanged: float | Sequence[float],
    unknown: float | Sequence[float] | None = None,
    *,
    colours: bool = False,
    key: str = "unknownLabel",
) -> np.ndarray:
    """Translate a label map from the values of its file to 0 changed, 1 unchanged, 2 unknown.

    Args:
        labels: label map of any shape, in the values of its file; not modified. What is masked of a masked array is
            unknown.
        changed: value of changed pixels, or several.
        unchanged: value of unchanged pixels, or several.
        unknown: value of pixels without ground truth, or several, NaN among them; None where every pixel has one.
        colours: the values are colours, and an error writes them as such.
        key: what an error calls the key of `unknown`.

    Returns:
        uint8 array of the same shape.

    Raises:
        InputError: if a value that is none of the given ones occurs.
    """
    values = np.ma.getdata(labels)
    remapped = np.full(values.shape, _UNMAPPED, dtype=np.uint8)
    classes = {"unknown": listed(unknown), "changed": listed(changed), "unchanged": listed(unchanged)}
    # Each test reads the untouched input, so a value that is both a source and a target is never translated twice.
    for name, label in (("unknown", UNKNOWN), ("changed", CHANGED), ("unchanged", UNCHANGED)):
        for value in classes[name]:
            remapped[np.isnan(values) if math.isnan(value) else values == value] = label
    remapped[np.ma.getmaskarray(labels)] = UNKNOWN
    unmapped = remapped == _UNMAPPED
    if unmapped.any():
        _refuse(np.unique(values), np.unique(values[unmapped]), classes, colours, key)
    return remapped


def classes_of(labels: np.ndarray, changed: Sequence[float]) -> np.ndarray | None:
    """Which of the values that stand for changed each pixel of a label map has, uint8 from 1, and 0 elsewhere.

    None where fewer than two of them occur: then there are no classes of change to tell apart.
    """
    if len(changed) < 2:
        return None
    values = np.ma.getdata(labels)
    known = ~np.ma.getmaskarray(labels)
    classes, found = np.zeros(values.shape, np.uint8), 0
    for number, value in enumerate(changed[:_UNMAPPED], start=1):
        of_class = (values == value) & known
        classes[of_class] = number
        found += bool(of_class.any())
    return classes if found > 1 else None


def listed(values: float | Sequence[float] | None) -> Sequence[float]:
    """Label values as a sequence, be they one, several or None."""
    if values is None:
        return ()
    return values if isinstance(values, Sequence) else (values,)


def _refuse(
    found: np.ndarray, unmapped: np.ndarray, classes: dict[str, Sequence[float]], colours: bool, key: str
) -> None:
    """Raise the error of a label map that holds values of no class, `unmapped` of those that are `found`."""

    def is_colour(value: float) -> bool:
        return isinstance(value, Colour) or (colours and value > _LARGEST_GREY)

    as_colours = any(is_colour(value) for values in classes.values() for value in values)
    expected = ", ".join(
        f"{name}Label={', '.join(_text(value, is_colour(value)) for value in classes[name])}"
        for name in ("changed", "unchanged", "unknown")
        if classes[name]
    )
    advice = ""
    if np.isnan(unmapped).any():
        advice = f"; if NaN stands for pixels without ground truth: {key}=nan"
    elif unmapped.size == 1 and not classes["unknown"] and colours == as_colours:
        value = _text(unmapped[0], colours)
        advice = f"; if {value} stands for pixels without ground truth: {key}={value}"
    if colours and not as_colours:
        advice += "; the file holds colours (written 0xff0000), not class numbers"
    elif as_colours and not colours:
        advice += "; the file holds numbers (grey values or palette indices), not colours"
    shown = ", ".join(_text(value, colours) for value in found[:_VALUES_SHOWN])
    raise InputError(f"label map holds values that are not configured: found {shown}; configured {expected}{advice}")


def _text(value: float, colours: bool) -> str:
    return f"0x{int(value):06x}" if colours and not math.isnan(value) else f"{value:.15g}"
