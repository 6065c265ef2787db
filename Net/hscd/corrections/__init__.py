"""What a pixel's neighbours say about its label; one file each.

A correction is a function from a label map (rows, columns), the scores it was cut from, (rows, columns), the radius of
the program's constants, and its options to a label map. A pixel that is unknown stays so.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hscd.registry import Registry

CORRECTIONS: Registry[Callable[..., np.ndarray]] = Registry("correction", __name__)
# A correction with its options: labels, scores -> labels.
Correct = Callable[[np.ndarray, np.ndarray], np.ndarray]
