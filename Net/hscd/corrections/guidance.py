"""What the images say of pixels and their neighbours, for corrections that look at more than scores.

All is scaled band by band and date by date. The images are read by bands of whole rows, of whole blocks of a file where
these are small enough: once for the scaling, and once for what is said, however the parts that are asked for overlap.
What is said of a pixel does not depend on the part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from hscd.corrections import SCORES, tools
from hscd.detectors.tools.samples import positions
from hscd.detectors.tools.scaling import BandScaling, standard
from hscd.labels import UNKNOWN
from hscd.scenes.scene import Scene, Window, pair_bytes
from hscd.system.errors import InputError

# Pixels that scalings are taken from; bytes of pixel pairs that are read, and that are scaled, at a time; most rows of
# a band, where blocks of the file have fewer.
_PIXELS, _READ_BYTES, _SCALED_BYTES, _BAND_ROWS = 20_000, 2**27, 2**24, 512
# Share of the values on each side that are clipped; components, and how many deviations of the first one they are
# clipped at.
_CLIP, _COMPONENTS, _FAR = 0.02, 3, 3.0
# A part of an image, by its rows and columns.
Part = tuple[slice, slice]
# Of pixels that have a neighbour in one direction, and of these neighbours, the rows and columns.
Parts = tuple[Part, Part]


def neighbours(shape: tuple[int, ...], down: int, right: int) -> Parts:
    """Where pixels lie that have a neighbour so far down, >= 0, and right, and where these lie."""
    rows, columns = shape
    here = slice(0, max(rows - down, 0)), slice(max(-right, 0), columns - max(right, 0))
    there = slice(down, rows), slice(max(right, 0), columns + min(right, 0))
    return here, there


class Rows:
    """Values of all pixels, made of bands of whole rows from top to bottom, and kept while parts may need them.

    Whoever asks for parts in the order of `tools.tiles`, with any halo, has each band made once.

    Args:
        rows: of the image.
        high: rows of a band.
        make: (values, rows, columns) of a band; told whether the band above it is the one that was made last.
    """

    def __init__(self, rows: int, high: int, make: Callable[[slice, bool], np.ndarray]) -> None:
        self._rows, self._high, self._make = rows, high, make
        self._start, self._bands = 0, list[np.ndarray]()  # from this row on

    def __call__(self, part: Part) -> np.ndarray:
        """The values of a part, (values, rows, columns)."""
        rows, columns = part
        self._forget(rows.start)
        end = self._start + sum(band.shape[1] for band in self._bands)
        while end < rows.stop:
            below = slice(end, min(end + self._high, self._rows))
            self._bands.append(self._make(below, bool(self._bands)))
            end = below.stop
        found, first = [], self._start
        for band in self._bands:
            found.append(band[:, max(rows.start - first, 0) : max(rows.stop - first, 0), columns])
            first += band.shape[1]
        return np.concatenate(found, axis=1)

    def _forget(self, row: int) -> None:
        """Drop what is above a row that is never asked for again."""
        while self._bands and self._start + self._bands[0].shape[1] <= row:
            self._start += self._bands.pop(0).shape[1]
        if not self._bands or row < self._start:
            self._start, self._bands = row // self._high * self._high, []
        elif row > self._start:
            self._bands[0] = self._bands[0][:, row - self._start :].copy()
            self._start = row


class Guidance:
    """The spectra of both images as a guide.

    Args:
        scene: the pair; it has valid pixels.
        labels: (rows, columns) of its pixels, unknown where masked.
    """

    def __init__(self, scene: Scene, labels: np.ndarray) -> None:
        self._scene, self._known = scene, labels != UNKNOWN
        self._at = positions(scene, np.random.default_rng(0), _PIXELS)
        blocks = [image.block for image in (scene.before, scene.after)]
        narrow = [block for block in blocks if block[1] < labels.shape[1]]
        block_rows = max(rows for rows, _ in narrow or blocks)
        # Parts end where tiles do, and so do blocks of most sizes; rows of a file in strips are read whole.
        self._wide = min(tools.SIDE, labels.shape[1]) if narrow else labels.shape[1]
        high = min(max(1, _READ_BYTES // (pair_bytes(scene.bands) * self._wide)), max(_BAND_ROWS, block_rows))
        self._high = max(high // block_rows * block_rows, min(high, block_rows))

    @classmethod
    def of(cls, scene: Scene | None, labels: np.ndarray, guide: str) -> Guidance | None:
        """What the images say where they are a guide; None where they are none, or all pixels are masked.

        Raises:
            InputError: if they are a guide and there is no scene.
        """
        if guide == SCORES or (labels == UNKNOWN).all():
            return None
        if scene is None:
            raise InputError(
                f"a correction that is guided by {guide} needs the scene, received none; one by scores needs none"
            )
        return cls(scene, labels)

    def alike(self, steps: Sequence[tuple[int, int]]) -> Callable[[Part], list[np.ndarray]]:
        """How alike the spectra of neighbours are, in ]0, 1].

        exp(−d² / 2 m), where d² is the mean squared difference of the scaled bands of both dates and m its mean over
        all neighbours: the contrast-sensitive weight of [1] with the scale of [2].

        Args:
            steps: how far down, 0 or 1, and right, −1 to 1, a neighbour lies.

        Returns:
            What tells for a part, best from top to bottom, and for each step an array of the pixels of the part that
            have such a neighbour in it, float32, as `neighbours` has them; what masked pixels get means nothing.

        References:
            [1] Boykov, Jolly (2001), "Interactive graph cuts for optimal boundary and region segmentation", ICCV.
            [2] Rother, Kolmogorov, Blake (2004), "GrabCut: interactive foreground extraction using iterated graph
                cuts", ACM Trans. Graphics 23(3).
        """
        scalings, contrast = self._scaled_by()
        seams = _Seams(self._known.shape[1], 2 * self._scene.bands)

        def make(band: slice, goes_on: bool) -> np.ndarray:
            # Each at the lower pixel, or the right one.
            found = np.empty((len(steps), band.stop - band.start, self._known.shape[1]), np.float32)
            seams.start(band.stop - band.start, goes_on)
            for row, left, spectra in self._spectra(band, scalings):
                seen, up, back = seams.joined(row, left, spectra)
                for of, (down, right) in zip(found, steps, strict=True):
                    here, there = neighbours(seen.shape[:2], down, right)
                    squares = np.square(seen[here] - seen[there]).mean(axis=2)
                    squares = squares[0 if down else up :]
                    last, first = row + len(spectra), left - back + there[1].start
                    at = slice(last - len(squares), last), slice(first, first + squares.shape[1])
                    of[at] = np.exp(squares / np.float32(-2 * contrast))
            return found

        rows = Rows(self._known.shape[0], self._high, make)

        def of(part: Part) -> list[np.ndarray]:
            found, shape = rows(part), tuple(side.stop - side.start for side in part)
            return [values[neighbours(shape, *step)[1]] for values, step in zip(found, steps, strict=True)]

        return of

    def channels(self) -> Callable[[Part], np.ndarray]:
        """The leading principal components of both dates together, in units of the deviation of the first one.

        Returns:
            What tells them for a part, best from top to bottom: (rows, columns, components) float32 in [−3, 3], 0 where
            masked.
        """
        sample = self._scene.take(self._at)
        scalings = [standard(sample[:, date], _CLIP) for date in (0, 1)]
        vectors, unit = _axes(_scaled(sample, scalings))

        def make(band: slice, _: bool) -> np.ndarray:
            found = np.empty((band.stop - band.start, self._known.shape[1], vectors.shape[1]), np.float32)
            for row, left, spectra in self._spectra(band, scalings):
                # In which order a product adds up depends on how many pixels there are.
                for start in range(0, spectra.shape[1], tools.SIDE):
                    of = spectra[:, start : start + tools.SIDE] @ vectors / unit
                    at = slice(row, row + len(of)), slice(left + start, left + start + of.shape[1])
                    found[at] = np.clip(of, -_FAR, _FAR)
            found[~self._known[band]] = 0
            return np.moveaxis(found, 2, 0)

        rows = Rows(self._known.shape[0], self._high, make)
        return lambda part: np.moveaxis(rows(part), 0, 2)

    def _spectra(self, band: slice, scalings: Sequence[BandScaling]) -> Iterator[tuple[int, int, np.ndarray]]:
        """Strips of scaled spectra, part after part of the columns: first row in the band, first column, strip."""
        for left in range(0, self._known.shape[1], self._wide):
            columns = slice(left, min(left + self._wide, self._known.shape[1]))
            pairs = self._scene.block(Window(band, columns)).pairs
            high = max(1, _SCALED_BYTES // pairs[0].nbytes)
            for row in range(0, len(pairs), high):
                yield row, left, _scaled(pairs[row : row + high], scalings)
            del pairs  # before the next ones are read

    def _scaled_by(self) -> tuple[list[BandScaling], float]:
        """The scaling of each date, and the mean squared difference of neighbours: those of the sample."""
        columns, size = self._known.shape[1], self._known.size
        steps = (1, self._at % columns < columns - 1), (columns, self._at + columns < size)
        has = [there & self._known.ravel()[np.where(there, self._at + step, 0)] for step, there in steps]
        others = [self._at[there] + step for there, (step, _) in zip(has, steps, strict=True)]
        # All in one pass over the images.
        ends = np.cumsum([len(self._at), *map(len, others[:-1])])
        sample, *beside = np.split(self._scene.take(np.concatenate([self._at, *others])), ends)
        scalings = [standard(sample[:, date], _CLIP) for date in (0, 1)]
        squares = [
            np.square(_scaled(sample[there], scalings) - _scaled(other, scalings)).mean(axis=1)
            for there, other in zip(has, beside, strict=True)
        ]
        every = np.concatenate(squares)
        return scalings, float(every.mean(dtype=np.float64) if every.size else 0) or 1.0


class _Seams:
    """The row above and the column to the left of strips of spectra that are read one after the other."""

    def __init__(self, columns: int, values: int) -> None:
        self._above = np.empty((columns, values), np.float32)

    def start(self, high: int, goes_on: bool) -> None:
        """A band of so many rows begins, below the one before or somewhere else."""
        self._goes_on, self._own = goes_on, np.empty((high + 1, self._above.shape[1]), np.float32)

    def joined(self, row: int, left: int, spectra: np.ndarray) -> tuple[np.ndarray, int, int]:
        """A strip with the row above it and the column to the left, and whether there are any, 0 or 1 each.

        Args:
            row, left: its first row in the band, and its first column.
            spectra: (rows, columns, values).
        """
        high, wide, values = spectra.shape
        here = slice(left, left + wide)
        if not row:  # the first column of each row, and of the one above the band, is that of the strips to the left
            self._side, self._own = self._own, np.empty_like(self._own)
            self._own[0] = self._above[here][-1]
        up, back = int(self._goes_on or row > 0), int(left > 0)
        seen = np.empty((high + up, wide + back, values), np.float32)
        seen[up:, back:] = spectra
        if up:
            seen[0, back:] = self._above[here]
        if back:
            seen[:, 0] = self._side[row + 1 - up : row + 1 + high]
        self._above[here], self._own[row + 1 : row + 1 + high] = spectra[-1], spectra[:, -1]
        return seen, up, back


def _scaled(pairs: np.ndarray, scalings: Sequence[BandScaling]) -> np.ndarray:
    """(…, 2 · bands) float32 of pixel pairs (…, 2, bands)."""
    return np.concatenate([scaling.apply(pairs[..., date, :]) for date, scaling in enumerate(scalings)], -1)


def _axes(scaled: np.ndarray) -> tuple[np.ndarray, np.float32]:
    """Principal axes of a sample (pixels, values), (values, components) float32; the deviation along the first one."""
    exact = scaled.astype(np.float64)
    values, axes = np.linalg.eigh(exact.T @ exact / len(exact))
    unit = np.float32(np.sqrt(max(values[-1], 0))) or np.float32(1)
    return axes[:, ::-1][:, :_COMPONENTS].astype(np.float32), unit
