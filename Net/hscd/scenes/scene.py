"""A pair of images window by window: what of it is valid, how its bands are scaled, and the pixel pairs of any part."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.records import PIXEL_GRID, Grid
from hscd.scenes.image import ByBands, Image, with_bands
from hscd.scenes.nodata import extremes_in_all_bands, suspects, valid_pixels
from hscd.scenes.scaling import band_ranges, fill_pixels, joined
from hscd.system import messages
from hscd.system.arrays import aligned_empty
from hscd.system.errors import InputError

# Bytes that the pixel pairs of a window may take: many batches of a prediction, and little beside what a run needs.
_WINDOW_BYTES = 2**26
# How many times larger windows are of what looks around them: of strips of wide images, little is read twice then.
_TIMES_LARGER = 2
# How many times as many rows as a block has have to be passed over for single ones to be read: each is a call.
_SPARSE = 4
# Seconds without a progress bar.
_PATIENCE = 2
_LABELLED = (CHANGED, "changed"), (UNCHANGED, "unchanged")


def pair_bytes(bands: int) -> int:
    """Bytes of a pixel pair."""
    return 2 * bands * np.dtype(np.float32).itemsize


class Window(NamedTuple):
    """A part of an image, both ends within it."""

    rows: slice
    columns: slice


def windows_of(*images: Image, times: int = 1, halo: int = 0, step: int = 1) -> list[Window]:
    """Windows that cover images of one shape, row by row, of whole blocks of a file where these are small enough.

    They are `times` as large as they are by default, with `halo` pixels around each of them, and begin at multiples of
    `step`.
    """
    rows, columns, bands = images[0].shape
    pixels = max(1, times * _WINDOW_BYTES // pair_bytes(bands))
    # Cutting tiles across costs more than cutting rows.
    blocks = [image.block for image in images if image.block[1] < columns] or [image.block for image in images]
    block_rows, block_columns = np.max(blocks, axis=0).tolist()
    strips = block_columns == columns
    if step > 1 or (strips and pixels // columns < halo):  # most of a strip would be halo
        side = max(step, (math.isqrt(pixels) - 2 * halo) // step * step, halo // step * step)
        high = min(rows, side)
        wide = min(columns, max(side, (pixels // (high + 2 * halo) - 2 * halo) // step * step))
    else:
        wide = min(columns, max(1, pixels // (block_rows * block_columns)) * block_columns)
        around = 2 * halo if strips else 0
        high = min(rows, max(1, pixels // wide - around, min(around, pixels // wide)))
        high = max(high // block_rows * block_rows, min(high, block_rows))
    return [
        Window(slice(row, min(row + high, rows)), slice(column, min(column + wide, columns)))
        for row in range(0, rows, high)
        for column in range(0, columns, wide)
    ]


class Block(NamedTuple):
    """Pixel pairs of a part of a scene, with those around it.

    `pairs`, (rows, columns, 2, bands) float32, 0 where masked; `valid`, (rows, columns), None where no pixel of the
    scene is masked; `inner` is the part that was asked for, within these rows and columns. `start` is the row and
    column of its first pixel in the scene.
    """

    pairs: np.ndarray
    valid: np.ndarray | None
    inner: Window
    start: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Scene:
    """Two images of one place, read window by window, with the labels that are known; `hscd.open_pair` makes one.

    `truth` has the labels, (rows, columns). `valid`, (rows, columns), is False at masked pixels, None where there are
    none; a masked pixel is unknown in `truth`, and 0 in pixel pairs. `ranges` has the smallest and largest value of
    each band that pixel pairs are scaled by, None for values as they are. `classes`, (rows, columns) uint8, has the
    class of change of the pixels that changed, from 1, where labels tell several.
    """

    name: str
    before: Image
    after: Image
    truth: np.ndarray
    valid: np.ndarray | None
    ranges: tuple[np.ndarray, np.ndarray] | None
    classes: np.ndarray | None = None

    def __repr__(self) -> str:
        rows, columns = self.truth.shape
        told = [f"{rows} × {columns} pixels", f"{self.bands} bands", f"{self.before.dtype} and {self.after.dtype}"]
        told.append("no pixel masked" if self.valid is None else f"{100 * (~self.valid).mean():.2f} % masked")
        told.append("values as they are" if self.ranges is None else "bands rescaled to [0, 1]")
        known = [f"{np.count_nonzero(self.truth == label):,} {name}" for label, name in _LABELLED]
        told.append(f"labels: {' and '.join(known)}" if (self.truth != UNKNOWN).any() else "no labels")
        return f"<Scene {self.name}: {', '.join(told)}>"

    @property
    def bands(self) -> int:
        return self.before.shape[2]

    @property
    def grid(self) -> Grid:
        """Where the pixels lie; without georeference, by their numbers."""
        return self.before.grid or self.after.grid or PIXEL_GRID

    @cached_property
    def windows(self) -> list[Window]:
        """Windows that cover the pair."""
        return windows_of(self.before, self.after)

    def crop(self, window: Window) -> Scene:
        """The pair cut to a window, as a scene by itself without a place; scaled as the whole is."""
        valid, classes = (None if array is None else array[window] for array in (self.valid, self.classes))
        images = [_cropped(image, window) for image in (self.before, self.after)]
        return replace(self, before=images[0], after=images[1], truth=self.truth[window], valid=valid, classes=classes)

    def with_bands(self, positions: np.ndarray) -> Scene:
        """The pair with the bands at some positions (from 0) alone; scaled as the whole is."""
        ranges = None if self.ranges is None else (self.ranges[0][positions], self.ranges[1][positions])
        before, after = (with_bands(image, positions) for image in (self.before, self.after))
        return replace(self, before=before, after=after, ranges=ranges)

    def pairs(self, window: Window) -> np.ndarray:
        """Pixel pairs of a window, (pixels, 2, bands) float32 in row-major order."""
        rows, columns = window
        pairs = aligned_empty(((rows.stop - rows.start) * (columns.stop - columns.start), 2, self.bands))
        self._fill(pairs, window, None)
        return pairs

    def block(self, window: Window, halo: int = 0) -> Block:
        """The pixel pairs of a window and of those around it, as far as `halo` reaches and the images do."""
        reach = [
            slice(max(part.start - halo, 0), min(part.stop + halo, length))
            for part, length in zip(window, self.truth.shape, strict=True)
        ]
        around = Window(*reach)
        inner = Window(
            *(slice(part.start - wide.start, part.stop - wide.start) for part, wide in zip(window, around, strict=True))
        )
        shape = tuple(wide.stop - wide.start for wide in around)
        valid = None if self.valid is None else self.valid[around]
        start = around.rows.start, around.columns.start
        return Block(self.pairs(around).reshape(*shape, 2, self.bands), valid, inner, start)

    def squares(self, side: int) -> list[Window]:
        """Squares of so many pixels a side, smaller at the ends, that cover all valid pixels."""
        rows, columns = self.truth.shape
        found = (
            Window(slice(top, min(top + side, rows)), slice(left, min(left + side, columns)))
            for top in range(0, rows, side)
            for left in range(0, columns, side)
        )
        return [square for square in found if self.valid is None or self.valid[square].any()]

    def score(
        self, scorer: Callable[[Block], np.ndarray], halo: int = 0, what: str = "score", step: int = 1
    ) -> np.ndarray:
        """Scores of all pixels, window by window, as (rows, columns) float32, NaN where masked.

        Args:
            scorer: gets a block; returns the scores of its inner pixels, in any shape that is row-major, whatever it
                likes for masked ones.
            halo: how far around a window it looks.
            what: name of the numbers, for errors and the progress bar of a run that takes long.
            step: windows begin at multiples of it.

        Raises:
            InputError: if the score of a valid pixel is NaN or infinite.
        """
        found = np.empty(self.truth.shape, np.float32)
        unusable = 0
        with progress(f"{what} of {self.name}", self.truth.size) as bar:
            for window in self._around(halo, step) if halo or step > 1 else self.windows:
                block = self.block(window, halo)
                scores = found[window]
                scores[:] = np.reshape(scorer(block), scores.shape)
                if block.valid is not None:
                    masked = ~block.valid[block.inner]
                    scores[masked] = 0
                    unusable += int(np.count_nonzero(~np.isfinite(scores)))
                    scores[masked] = np.nan
                else:
                    unusable += int(np.count_nonzero(~np.isfinite(scores)))
                bar.update(scores.size)
        if unusable:
            raise InputError(
                f"the {what} of {unusable:,} pixels is NaN or infinite: their values are too large; rescale them "
                "(apply_rescaling, scale), or say which value stands for no data (nodata)"
            )
        return found

    def _around(self, halo: int, step: int) -> list[Window]:
        """Windows for what looks so far around them."""
        return windows_of(self.before, self.after, times=_TIMES_LARGER, halo=halo, step=step)

    def nothing_changed(self) -> bool:
        """Whether the two images are the same in every valid pixel, and these pixels are not all the same."""

        def spectra() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for window in self.windows:
                pairs = self.pairs(window)
                if self.valid is not None:
                    pairs = pairs[self.valid[window].ravel()]
                yield pairs[:, 0], pairs[:, 1]

        return same_and_varied(spectra())

    def take(self, positions: np.ndarray) -> np.ndarray:
        """Pixel pairs at row-major positions of valid pixels, (positions, 2, bands) float32 in that order."""
        taken = aligned_empty((len(positions), 2, self.bands))
        rows, columns = np.divmod(positions, self.truth.shape[1])
        high, wide = self.windows[0].rows.stop, self.windows[0].columns.stop  # of all but the last ones
        across = -(-self.truth.shape[1] // wide)
        of_window = rows // high * across + columns // wide
        order = np.argsort(of_window, kind="stable")
        bounds = np.searchsorted(of_window[order], np.arange(len(self.windows) + 1))
        for window, first, end in zip(self.windows, bounds, bounds[1:], strict=False):
            chosen = order[first:end]
            if len(chosen):
                width = window.columns.stop - window.columns.start
                inside = (rows[chosen] - window.rows.start) * width + columns[chosen] - window.columns.start
                rising, back = np.unique(inside, return_inverse=True)
                found = aligned_empty((len(rising), 2, self.bands))
                self._fill(found, window, rising)
                taken[chosen] = found[back]
        return taken

    def _fill(self, pairs: np.ndarray, window: Window, keep: np.ndarray | None) -> None:
        valid = None if self.valid is None else self.valid[window]
        for date, image in enumerate((self.before, self.after)):
            fill_pixels(pairs[:, date], image.window(*window), keep, self.ranges, valid)


def _cropped(image: Image, window: Window) -> Image:
    rows, columns = window

    def read(down: slice, across: slice) -> np.ndarray:
        return image.window(
            slice(down.start + rows.start, down.stop + rows.start),
            slice(across.start + columns.start, across.stop + columns.start),
        )

    shape = (rows.stop - rows.start, columns.stop - columns.start, image.shape[2])
    block = min(image.block[0], shape[0]), min(image.block[1], shape[1])
    return replace(image, shape=shape, block=block, window=read, grid=None, unmoved=None)


def same_and_varied(parts: Iterable[tuple[np.ndarray, np.ndarray]]) -> bool:
    """Whether before and after spectra, given part by part, are the same, but not all those of one pixel."""
    first: np.ndarray | None = None
    varied = False
    for before, after in parts:
        if not np.array_equal(before, after):
            return False
        if len(before):
            first = before[0] if first is None else first
            varied = varied or bool((before != first).any())
    return varied


class Survey(NamedTuple):
    """What a pass over a pair finds.

    The mask of valid pixels (None: all are), ranges by band (None: no pixel is valid), by image what looks like nodata.
    """

    valid: np.ndarray | None
    ranges: tuple[np.ndarray, np.ndarray] | None
    suspects: list[list[str]]


def survey(before: Image, after: Image, windows: Sequence[Window]) -> Survey:
    """Look at every pixel of a pair once.

    Args:
        before: image in physical values.
        after: image of the same shape; the same.
        windows: that cover them, in the order they are looked at.

    Raises:
        InputError: as reading a window does.
    """
    masking = before.masked or after.masked
    valid: np.ndarray | None = None
    ends: tuple[list[Any], list[Any]] = ([], [])
    extremes: list[Counter[float]] = [Counter(), Counter()]
    with progress(f"reading {before.path.name}", math.prod(before.shape[:2])) as bar:
        for window in windows:
            parts = [image.window(*window) for image in (before, after)]
            mask = valid_pixels(parts, [None, None]) if masking else None
            if mask is not None:
                if valid is None:
                    valid = np.ones(before.shape[:2], bool)
                valid[window] = mask
            if mask is None or mask.any():
                for counts, of_image, part in zip(extremes, ends, parts, strict=True):
                    of_image.append(band_ranges([part], [mask]))
                    counts.update(extremes_in_all_bands(part, mask))
            bar.update(math.prod(parts[0].shape[:2]))
    size, told = math.prod(before.shape[:2]), zip(extremes, map(joined, ends), (before, after), strict=True)
    found = [suspects(counts, size, ranges, image.band_numbers) for counts, ranges, image in told]
    return Survey(valid, joined([*ends[0], *ends[1]]), found)


def thinned(image: Image, windows: Sequence[Window], step: int) -> np.ndarray:
    """Every so manieth row and column of an image, from 0, read by windows, or by rows where most are passed over.

    Where a file has its bands apart, windows of a few of them hold so little that a call for each row takes longer.
    """
    if step == 1:
        return image.read()
    saves_reading = isinstance(image.window, ByBands) and image.window.saves_reading
    if _SPARSE * image.block[0] <= step and not saves_reading:
        windows = [Window(slice(row, row + 1), part) for rows, part in windows for row in _multiples(rows, step)]
    rows, columns, bands = image.shape
    found = np.empty((-(-rows // step), -(-columns // step), bands), image.dtype)
    for window in windows:
        first, left = -window.rows.start % step, -window.columns.start % step
        pixels = image.window(*window)[first::step, left::step]
        row, column = (window.rows.start + first) // step, (window.columns.start + left) // step
        found[row : row + pixels.shape[0], column : column + pixels.shape[1]] = pixels
    return found


def _multiples(of: slice, step: int) -> range:
    """The multiples of a step in a slice."""
    return range(of.start + -of.start % step, of.stop, step)


def progress(what: str, pixels: int) -> Any:
    """A bar that counts pixels, and shows only if they take a while."""
    return messages.progress(desc=what, total=pixels, unit="pixel", unit_scale=True, delay=_PATIENCE, leave=False)
