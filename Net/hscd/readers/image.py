"""What a reader hands over: an image that is read window by window, and what its file says about it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hscd.records import Grid


@dataclass(frozen=True)
class Image:
    """An image file, or folder of bands, whose pixels are read when they are asked for.

    `window` takes a slice of rows and one of columns, both with ends inside the image, and returns (rows, columns,
    bands) in `dtype`; the memory order is as the file has it. Reading whole `block`s (rows, columns) is cheapest.
    What a file does not say is None or empty: `grid`, `wavelengths` (nm, NaN where a band has none), `bad_bands`
    (boolean), `names` of the bands, `scale` and `offset` (a physical value is the stored one · scale + offset, by
    band), `nodata` (the stored value of pixels without data).
    """

    path: Path
    format: str
    shape: tuple[int, int, int]
    dtype: np.dtype
    block: tuple[int, int]
    window: Callable[[slice, slice], np.ndarray]
    grid: Grid | None = None
    wavelengths: np.ndarray | None = None
    bad_bands: np.ndarray | None = None
    names: tuple[str, ...] = ()
    scale: np.ndarray | None = None
    offset: np.ndarray | None = None
    nodata: float | None = None

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def read(self) -> np.ndarray:
        """The whole image."""
        rows, columns, _ = self.shape
        return self.window(slice(0, rows), slice(0, columns))
