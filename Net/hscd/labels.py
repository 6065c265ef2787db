"""The three label values of the program, and the way from a file's values to them.

Positive class = changed. Every score or distance grows with change.
"""

from __future__ import annotations

import numpy as np

from hscd.errors import InputError

CHANGED = 0
UNCHANGED = 1
UNKNOWN = 2

_UNMAPPED = 255


def remap(labels: np.ndarray, changed: float, unchanged: float, unknown: float | None = None) -> np.ndarray:
    """Translate a label map from the values of its file to 0 changed, 1 unchanged, 2 unknown.

    Args:
        labels: label map of any shape, in the values of its file; not modified.
        changed: value of changed pixels.
        unchanged: value of unchanged pixels.
        unknown: value of pixels without ground truth; None where every pixel has one.

    Returns:
        uint8 array of the same shape.

    Raises:
        InputError: if a value that is none of the given ones occurs.
    """
    remapped = np.full(labels.shape, _UNMAPPED, dtype=np.uint8)
    # Each test reads the untouched input, so a value that is both a source and a target is never translated twice.
    for value, label in ((unknown, UNKNOWN), (changed, CHANGED), (unchanged, UNCHANGED)):
        if value is not None:
            remapped[labels == value] = label
    if (remapped == _UNMAPPED).any():
        found = ", ".join(f"{value:.15g}" for value in np.unique(labels)[:10])
        expected = f"changedLabel={changed:.15g}, unchangedLabel={unchanged:.15g}" + (
            "" if unknown is None else f", unknownLabel={unknown:.15g}"
        )
        raise InputError(f"label map holds values that are not configured: found {found}; configured {expected}")
    return remapped
