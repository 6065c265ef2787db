"""Matrix products of which a pixel's result does not depend on how many pixels there are.

BLAS adds up in another order for another number of rows, so a pixel would have another score in another window. Pixels
are therefore multiplied in chunks of one size, the last one filled up with zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hscd.detectors.tools.scaling import BandScaling
from hscd.detectors.tools.threads import on_threads

# Pixels a chunk: those of some hundred values each stay in the cache.
CHUNK = 1024


def linear(scaling: BandScaling, spectra: np.ndarray, matrix: np.ndarray, dtype: Any = np.float32) -> np.ndarray:
    """`matrix` @ scaled spectrum of each spectrum, (results, pixels).

    Args:
        scaling: of the bands.
        spectra: (pixels, bands) float32.
        matrix: (results, bands).
        dtype: of the product, and of the result.
    """
    pixels, bands = spectra.shape
    matrix = np.ascontiguousarray(matrix, dtype)
    found = np.empty((len(matrix), pixels), dtype)

    def one(part: slice) -> None:
        scaled = scaling.apply(spectra[part])
        chunk = np.zeros((CHUNK, bands), dtype)
        chunk[: len(scaled)] = scaled
        found[:, part] = (matrix @ chunk.T)[:, : len(scaled)]

    on_threads(one, pixels, CHUNK)
    return found
