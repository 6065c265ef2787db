"""How far the after image of a pair is shifted against the before image, and the after image moved back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import NamedTuple

import numpy as np

from hscd.records import Grid
from hscd.scenes.grids import moved, onto
from hscd.scenes.image import Image, in_memory
from hscd.scenes.scene import Scene, Window, pair_bytes
from hscd.system.errors import counted

# Side of what is looked at for shifts of many pixels, and bytes that it may take.
_SIDE, _BYTES = 1024, 2**26
# Side of a block, pixels; a smaller image has blocks of half its side, but no smaller ones than this. Blocks each way.
_BLOCK, _SMALL_BLOCK, _BLOCKS = 128, 64, 5
# Images that are smaller have too few edges to tell.
_LEAST_SIDE = 32
# Pixels from which on a shift has to make the edges more alike, and by how much their correlation has to grow: in small
# images much change looks like a shift.
_FAR, _GAIN = 1.0, 0.1
# Correlation of the gradients of a block below which it tells nothing.
_ALIKE = 0.35
# Parts of a pixel.
_STEPS = 50
# Share of a block that may be masked.
_MASKED = 0.5
_SIGMA = 1.0
# From the median of absolute deviations to the standard deviation of a normal distribution.
_NORMAL = 1.4826


class Registration(NamedTuple):
    """The after image shows what lies at a place `down` rows lower and `right` columns further right.

    `spread` is the robust standard deviation of the shifts of the single blocks, in pixels, the larger one of rows and
    columns; `blocks` is how many there are, of one alone it is 0.
    """

    down: float
    right: float
    spread: float
    blocks: int

    @property
    def far(self) -> float:
        """Pixels, the larger one of rows and columns."""
        return max(abs(self.down), abs(self.right))

    @property
    def is_shifted(self) -> bool:
        """Whether the shift is more than none with two digits."""
        return round(self.far, 2) > 0

    @property
    def told(self) -> str:
        """Where the after image lies, in words that follow its name; one block has no spread."""
        blocks, spread = counted(self.blocks, "block"), f"± {self.spread:.2f}"
        if shift := along_axes(self.down, self.right, ("higher", "lower"), ("further left", "further right")):
            return f"lies {shift}{f', {spread}' if self.blocks > 1 else ''} ({blocks})"
        return f"is not shifted ({f'{spread} pixels, ' if self.blocks > 1 else ''}{blocks})"


def along_axes(down: float, right: float, rows: tuple[str, str], columns: tuple[str, str]) -> str:
    """A shift in words, as "0.32 rows up and 0.54 columns left"; an axis of less than .005 pixels is left out.

    Args:
        down: rows.
        right: columns.
        rows: what to call a negative and a positive number of rows.
        columns: the same of columns.
    """
    parts = (("rows", down, rows), ("columns", right, columns))
    return " and ".join(
        f"{abs(part):.2f} {axis} {names[part > 0]}" for axis, part, names in parts if abs(round(part, 2)) > 0
    )


def moved_in_words(moved_by: tuple[float, float]) -> str:
    """How an image was moved by `registered`, by its `moved_by`; "" where it was not."""
    return along_axes(*moved_by, ("up", "down"), ("left", "right"))


def placed(found: Registration, moved_by: tuple[float, float], verdict: str) -> str:
    """How the after image was moved and where it lies now, in words that follow its name.

    Args:
        found: where it lies.
        moved_by: of the image.
        verdict: on a shift of an image that was not moved; "" for none.
    """
    if moved := moved_in_words(moved_by):
        return f"was moved {moved}; now it {found.told}"
    return f"{found.told}; {verdict}" if verdict and found.is_shifted else found.told


def registration(scene: Scene) -> Registration | None:
    """The shift between two images, the median over blocks; None where they are too small or too different to tell.

    Whole pixels are told by phase correlation of the edges in the middle. Then the gradients of blocks are correlated
    to parts of a pixel: complex numbers of twice the angle, so an edge counts as the same where its sides have changed
    places in brightness. Their correlation is not normalised by phase, which pulls shifts towards whole pixels
    (res/registration.md).

    References:
        Guizar-Sicairos, Thurman, Fienup (2008), "Efficient subpixel image registration algorithms", Optics Letters 33;
        Fitch, Kadyrov, Christmas, Kittler (2002), "Orientation correlation", BMVC.
    """
    if min(scene.truth.shape) < _LEAST_SIDE:
        return None
    side = min(_SIDE, math.isqrt(_BYTES // pair_bytes(scene.bands)))
    middle = [np.abs(gradients) for gradients in _read(scene, _middle(scene.truth.shape, side))]
    edges = middle[0] - middle[0].mean(), middle[1] - middle[1].mean()
    coarse = tuple(round(part) for part in _shift(*edges, normalization="phase", steps=1)[0])
    if max(map(abs, coarse)) <= _FAR or not _gains(*edges, *coarse):
        coarse = (0, 0)
    shifts = np.array(list(_of_blocks(scene, coarse)))
    if not len(shifts):
        return None
    median = np.median(shifts, axis=0)
    spread = _NORMAL * np.median(np.abs(shifts - median), axis=0).max()
    found = Registration(float(-median[0]), float(-median[1]), float(spread), len(shifts))
    if found.far > _FAR and not _gains(*edges, round(median[0]), round(median[1])):
        return None
    return found


def registered(after: Image, found: Registration, original: Image | None = None) -> Image:
    """The after image moved back by a shift, by cubic interpolation; NaN where that has no data.

    Args:
        after: on the grid of the before image.
        found: the shift.
        original: the after image on a grid of its own, where it was interpolated: doing that twice would smooth twice.
    """
    dtype, back = np.result_type(after.dtype, np.float32), (-found.down, -found.right)
    if original is not None:
        assert after.grid is not None
        grid = moved(after.grid, found.down, found.right)
        image = onto(original, grid, after.shape[:2], dtype, math.nan, "cubic")
        return replace(image, grid=after.grid, unmoved=after.window, moved_by=back)
    if after.block == after.shape[:2]:  # packed as a whole, and each tile would unpack it anew
        after = in_memory(after)
    # Not pixels of one unit: those at the origin GDAL takes for an image without a place.
    grid = Grid((2.0, 0.0, 0.0, 0.0, -2.0, 0.0), "")
    place = Grid((2.0, 0.0, -2 * found.right, 0.0, -2.0, 2 * found.down), "")
    image = onto(replace(after, grid=place), grid, after.shape[:2], dtype, math.nan, "cubic")
    return replace(image, grid=after.grid, format=after.format, unmoved=after.window, moved_by=back)


def _middle(shape: tuple[int, int], side: int) -> Window:
    return Window(*(slice(max(0, (length - side) // 2), min(length, (length + side) // 2)) for length in shape))


def _read(scene: Scene, window: Window, moved: tuple[int, int] = (0, 0)) -> list[np.ndarray]:
    """Gradients of both dates in a window; that of the after image may be moved."""
    there = Window(*(slice(part.start + by, part.stop + by) for part, by in zip(window, moved, strict=True)))
    blocks = [scene.block(window)] * 2 if there == window else [scene.block(window), scene.block(there)]
    return [_gradients(block.pairs[:, :, date], block.valid) for date, block in enumerate(blocks)]


def _gradients(image: np.ndarray, valid: np.ndarray | None) -> np.ndarray:
    """Slopes of the mean of all standardised bands, (rows, columns) complex, 0 beside what is masked."""
    from scipy.ndimage import binary_dilation, gaussian_filter

    known = np.isfinite(image).all(axis=2)
    if valid is not None:
        known &= valid
    if not known.any():
        return np.zeros(known.shape, complex)
    spectra = image[known].astype(np.float64)
    spread = spectra.std(axis=0)
    standardised = (spectra - spectra.mean(axis=0)) / np.where(spread > 0, spread, np.inf)
    plane = np.zeros(known.shape)
    plane[known] = standardised.mean(axis=1)
    found = gaussian_filter(plane, _SIGMA, (0, 1)) + 1j * gaussian_filter(plane, _SIGMA, (1, 0))
    if not known.all():
        found[binary_dilation(~known, iterations=math.ceil(3 * _SIGMA))] = 0
    return found


def _of_blocks(scene: Scene, coarse: tuple[int, int]) -> Iterator[np.ndarray]:
    """The shift, (rows, columns), that puts the after image onto the before image, in each block that tells it."""
    rows, columns = scene.truth.shape
    side = min(_BLOCK, max(_SMALL_BLOCK, min(rows, columns) // 2), rows - abs(coarse[0]), columns - abs(coarse[1]))
    if side < _LEAST_SIDE:
        return
    taper = np.outer(*[np.hanning(side + 2)[1:-1]] * 2)
    starts = [_starts(length, side, by) for length, by in zip((rows, columns), coarse, strict=True)]
    for row, column in product(*starts):
        window = Window(slice(row, row + side), slice(column, column + side))
        before, after = (_doubled(found) for found in _read(scene, window, (-coarse[0], -coarse[1])))
        if min(np.count_nonzero(found) for found in (before, after)) < (1 - _MASKED) * side**2:
            continue
        shift, likeness = _shift(before * taper, after * taper)
        if likeness >= _ALIKE:
            yield shift + coarse


def _starts(length: int, side: int, shift: int) -> list[int]:
    """Where blocks start that lie in both images."""
    first, last = max(shift, 0), length - side + min(shift, 0)
    count = min(_BLOCKS, max(1, round((last - first + side) / side)))
    return sorted({round(start) for start in np.linspace(first, last, count)})


def _doubled(gradients: np.ndarray) -> np.ndarray:
    """Gradients of twice the angle and the same length."""
    length = np.abs(gradients)
    return gradients**2 / np.where(length > 0, length, 1)


def _shift(
    before: np.ndarray, after: np.ndarray, normalization: str | None = None, steps: int = _STEPS
) -> tuple[np.ndarray, float]:
    """What puts `after` onto `before`, (rows, columns), and their correlation then."""
    from skimage.registration import phase_cross_correlation

    if not (before.any() and after.any()):
        return np.zeros(2), 0.0
    shift, error, _ = phase_cross_correlation(before, after, upsample_factor=steps, normalization=normalization)
    return np.asarray(shift, float), math.sqrt(max(0.0, 1 - float(error) ** 2))


def _gains(before: np.ndarray, after: np.ndarray, down: int, right: int) -> bool:
    """Whether edges are more alike where `after` is moved."""
    return _likeness(before, after, down, right) >= _GAIN + _likeness(before, after)


def _likeness(first: np.ndarray, second: np.ndarray, down: int = 0, right: int = 0) -> float:
    """Correlation of two images, (rows, columns), where the second one, moved by whole pixels, overlaps the first."""

    def inside(moved: int, length: int) -> slice:
        return slice(max(moved, 0), length + min(moved, 0))

    rows, columns = first.shape
    parts = (
        first[inside(down, rows), inside(right, columns)].ravel(),
        second[inside(-down, rows), inside(-right, columns)].ravel(),
    )
    if min(part.std() if part.size else 0 for part in parts) == 0:
        return 0.0
    return float(np.corrcoef(*parts)[0, 1])
