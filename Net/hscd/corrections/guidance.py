"""What the images say of pixels and their neighbours, for corrections that look at more than scores.

All is scaled band by band and date by date, and read by strips of rows, so that no more spectra are held than a window
has. What is said of a pixel does not depend on the part that is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from hscd.corrections import SCORES
from hscd.detectors.tools.samples import positions
from hscd.detectors.tools.scaling import standard
from hscd.labels import UNKNOWN
from hscd.scenes.scene import Scene, Window, pair_bytes

# Pixels that scalings are taken from; bytes of the spectra of a strip; share of the values on each side that are
# clipped; components, and how many deviations of the first one they are clipped at.
_PIXELS, _STRIP_BYTES, _CLIP, _COMPONENTS, _FAR = 20_000, 2**27, 0.02, 3, 3.0
# Of pixels that have a neighbour in one direction, and of these neighbours, the rows and columns.
Parts = tuple[tuple[slice, slice], tuple[slice, slice]]


def neighbours(shape: tuple[int, ...], down: int, right: int) -> Parts:
    """Where pixels lie that have a neighbour so far down, >= 0, and right, and where these lie."""
    rows, columns = shape
    here = slice(0, max(rows - down, 0)), slice(max(-right, 0), columns - max(right, 0))
    there = slice(down, rows), slice(max(right, 0), columns + min(right, 0))
    return here, there


class Guidance:
    """The spectra of both images as a guide.

    Args:
        scene: the pair; it has valid pixels.
        labels: (rows, columns) of its pixels, unknown where masked.
    """

    def __init__(self, scene: Scene, labels: np.ndarray) -> None:
        self._scene, self._known = scene, labels != UNKNOWN
        at = positions(scene, np.random.default_rng(0), _PIXELS)
        self._at, self._sample = at, scene.take(at)
        self._scalings = [standard(self._sample[:, date], _CLIP) for date in (0, 1)]

    @classmethod
    def of(cls, scene: Scene | None, labels: np.ndarray, guide: str) -> Guidance | None:
        """What the images say where they are a guide; None where they are none, or all pixels are masked.

        Raises:
            ValueError: if they are a guide and there is no scene.
        """
        if guide == SCORES or (labels == UNKNOWN).all():
            return None
        if scene is None:
            raise ValueError(f"a correction that is guided by {guide} needs the scene, received none")
        return cls(scene, labels)

    def alike(self, part: tuple[slice, slice], steps: Sequence[tuple[int, int]]) -> list[np.ndarray]:
        """How alike the spectra of neighbours are, in ]0, 1].

        exp(−d² / 2 m), where d² is the mean squared difference of the scaled bands of both dates and m its mean over
        all neighbours: the contrast-sensitive weight of [1] with the scale of [2].

        Args:
            part: rows and columns.
            steps: how far down, 0 or 1, and right a neighbour lies.

        Returns:
            For each step an array of the pixels of the part that have such a neighbour in it, float32, as `neighbours`
            has them; what masked pixels get means nothing.

        References:
            [1] Boykov, Jolly (2001), "Interactive graph cuts for optimal boundary and region segmentation", ICCV.
            [2] Rother, Kolmogorov, Blake (2004), "GrabCut: interactive foreground extraction using iterated graph
                cuts", ACM Trans. Graphics 23(3).
        """
        shape = tuple(of.stop - of.start for of in part)
        found = [np.empty([of.stop - of.start for of in neighbours(shape, *step)[0]], np.float32) for step in steps]
        for row, spectra in self._strips(part, below=1):
            for alike, step in zip(found, steps, strict=True):
                here, there = neighbours(spectra.shape[:2], *step)
                squares = np.square(spectra[here] - spectra[there]).mean(axis=2)
                alike[row : row + len(squares)] = np.exp(squares / np.float32(-2 * self._contrast))
        return found

    def channels(self, part: tuple[slice, slice]) -> np.ndarray:
        """The leading principal components of both dates together, (rows, columns, components) float32 in [−3, 3].

        In units of the deviation of the first one; 0 where masked.
        """
        vectors, unit = self._axes
        shape = tuple(of.stop - of.start for of in part)
        found = np.empty((*shape, vectors.shape[1]), np.float32)
        for row, spectra in self._strips(part):
            found[row : row + len(spectra)] = np.clip(spectra @ vectors / unit, -_FAR, _FAR)
        found[~self._known[part]] = 0
        return found

    def _strips(self, part: tuple[slice, slice], below: int = 0) -> Iterator[tuple[int, np.ndarray]]:
        """Strips of a part, each with so many rows below as there are: its first row, and scaled spectra."""
        rows, columns = part
        high = max(1, _STRIP_BYTES // (pair_bytes(self._scene.bands) * (columns.stop - columns.start)))
        for start in range(rows.start, rows.stop, high):
            window = Window(slice(start, min(start + high + below, rows.stop)), columns)
            yield start - rows.start, self._scaled(self._scene.block(window).pairs)

    def _scaled(self, pairs: np.ndarray) -> np.ndarray:
        """(…, 2 · bands) float32 of pixel pairs (…, 2, bands)."""
        return np.concatenate([scaling.apply(pairs[..., date, :]) for date, scaling in enumerate(self._scalings)], -1)

    @cached_property
    def _contrast(self) -> float:
        """Mean squared difference of neighbours, of those of the sample."""
        columns, size = self._known.shape[1], self._known.size
        squares = []
        for step, has in ((1, self._at % columns < columns - 1), (columns, self._at + columns < size)):
            has = has & self._known.ravel()[np.where(has, self._at + step, 0)]
            other = self._scaled(self._scene.take(self._at[has] + step))
            squares.append(np.square(self._scaled(self._sample[has]) - other).mean(axis=1))
        every = np.concatenate(squares)
        return float(every.mean(dtype=np.float64) if every.size else 0) or 1.0

    @cached_property
    def _axes(self) -> tuple[np.ndarray, np.float32]:
        """Principal axes, (2 · bands, components) float32, and the deviation along the first one."""
        scaled = self._scaled(self._sample).astype(np.float64)
        values, axes = np.linalg.eigh(scaled.T @ scaled / len(scaled))
        unit = np.float32(np.sqrt(max(values[-1], 0))) or np.float32(1)
        return axes[:, ::-1][:, :_COMPONENTS].astype(np.float32), unit
