"""Images that are read window by window, with what their files say about them; and images made of others.

Readers hand over an `Image`; `held`, `with_bands` and `physical` make others of it, `grids.onto` one on another grid.
Nothing but `held` reads ahead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hscd.records import Grid
from hscd.scenes.nodata import as_stored
from hscd.system.errors import InputError, counted

Window = Callable[[slice, slice], np.ndarray]
# A window of the bands at some positions (from 0), None for all.
BandsRead = Callable[[slice, slice, np.ndarray | None], np.ndarray]


@dataclass(frozen=True)
class ByBands:
    """The `window` of an image of which some bands can be read without the others.

    `saves_reading` is whether that takes less of the file too, as where it does not hold its values pixel by pixel.
    """

    read: BandsRead
    saves_reading: bool = True

    def __call__(self, rows: slice, columns: slice) -> np.ndarray:
        return self.read(rows, columns, None)


class Alpha(NamedTuple):
    """Positions of bands that say how opaque a pixel is, the mask of pixels that are not transparent, and notes."""

    bands: tuple[int, ...]
    mask: Window
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Image:
    """An image file, or folder of bands, whose pixels are read when they are asked for.

    `window` takes a slice of rows and one of columns, both with ends inside the image, and returns (rows, columns,
    bands) in `dtype`; the memory order is as the file has it. Reading whole `block`s (rows, columns) is cheapest.
    What a file does not say is None or empty: `grid`, `wavelengths` and `fwhm`, the widths of bands at half of their
    maximum (nm, NaN where a band has none), `bad_bands` (boolean), `names` of the bands, `scale` and `offset` (a
    physical value is the stored one · scale + offset, by band), `nodata` (by band, the stored value of pixels without
    data; None for a band that has none), `mask` (takes
    the slices that `window` takes and returns (rows, columns), True where the file says that there is data).
    `alpha` are its bands of opacity, which `without_alpha` takes for a mask.
    In an image that is `masked`, NaN stands for no data, and there is neither `nodata` nor `mask`.
    `numbers` are those that its bands have in the file, from 1, where some of them are left out, or in the file of the
    image they are compared with; `file_bands` is how many that has. `unmoved` is the window of an image that was moved
    onto another one, as it lay before, and `moved_by` the rows (down) and columns (to the right) that it was moved by.
    `notes` say what of the file is guessed or passed
    over, each in words that can follow its name.
    """

    path: Path
    format: str
    shape: tuple[int, int, int]
    dtype: np.dtype
    block: tuple[int, int]
    window: Window
    grid: Grid | None = None
    wavelengths: np.ndarray | None = None
    fwhm: np.ndarray | None = None
    bad_bands: np.ndarray | None = None
    names: tuple[str, ...] = ()
    scale: np.ndarray | None = None
    offset: np.ndarray | None = None
    nodata: tuple[float | None, ...] = ()
    mask: Window | None = None
    alpha: Alpha | None = None
    masked: bool = False
    numbers: tuple[int, ...] = ()
    file_bands: int = 0
    unmoved: Window | None = None
    moved_by: tuple[float, float] = (0.0, 0.0)
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        rows, columns, bands = self.shape
        return f"<Image {self.path}: {rows} × {columns} pixels, {counted(bands, 'band')}, {self.dtype}>"

    @property
    def band_numbers(self) -> np.ndarray:
        """The number that each band is called by, from 1."""
        return np.array(self.numbers) if self.numbers else np.arange(1, self.shape[2] + 1)

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def read(self) -> np.ndarray:
        """The whole image."""
        rows, columns, _ = self.shape
        return self.window(slice(0, rows), slice(0, columns))


def in_memory(image: Image) -> Image:
    """The same image, its pixels read once and kept in memory."""
    pixels = image.read()
    return replace(image, window=lambda rows, columns: pixels[rows, columns], block=(1, image.shape[1]))


def by_bands(window: Window) -> BandsRead:
    """What reads some bands of a window: without the others, or, where that is not possible, out of all of them."""
    if isinstance(window, ByBands):
        return window.read
    return lambda rows, columns, of: window(rows, columns) if of is None else window(rows, columns)[:, :, of]


def like(window: Window, read: BandsRead) -> Window:
    """A window by another way of reading: of some bands without the others if `window` is, which it reads from."""
    if isinstance(window, ByBands):
        return ByBands(read, window.saves_reading)
    return lambda rows, columns: read(rows, columns, None)


def with_bands(image: Image, positions: np.ndarray) -> Image:
    """The bands at some positions (from 0), in their order there; the others are not read if the file allows that."""
    read = by_bands(image.window)

    def window(rows: slice, columns: slice, among: np.ndarray | None) -> np.ndarray:
        return read(rows, columns, positions if among is None else positions[among])

    def of(values: np.ndarray | None) -> np.ndarray | None:
        return None if values is None else values[positions]

    def lying(unmoved: Window) -> Window:
        return lambda rows, columns: unmoved(rows, columns)[:, :, positions]

    return replace(
        image,
        shape=(*image.shape[:2], len(positions)),
        window=like(image.window, window),
        unmoved=None if image.unmoved is None else lying(image.unmoved),
        wavelengths=of(image.wavelengths),
        fwhm=of(image.fwhm),
        bad_bands=of(image.bad_bands),
        names=tuple(image.names[band] for band in positions) if image.names else (),
        scale=of(image.scale),
        offset=of(image.offset),
        nodata=tuple(image.nodata[band] for band in positions) if image.nodata else (),
        numbers=tuple(image.band_numbers[positions].tolist()),
        file_bands=image.file_bands or image.shape[2],
    )


def without_alpha(image: Image) -> Image:
    """The image of the other bands, masked where a pixel is transparent."""
    if image.alpha is None:
        return image
    spectral = [band for band in range(image.shape[2]) if band not in image.alpha.bands]
    masks = [image.alpha.mask] if image.mask is None else [image.mask, image.alpha.mask]
    notes = image.notes + image.alpha.notes
    return replace(with_bands(image, np.array(spectral)), mask=everywhere(masks), alpha=None, notes=notes)


def everywhere(masks: Sequence[Window]) -> Window | None:
    """The mask that is True where all masks are; None without any."""
    if len(masks) < 2:
        return masks[0] if masks else None
    return lambda rows, columns: np.logical_and.reduce([mask(rows, columns) for mask in masks])


def physical(image: Image) -> Image:
    """An image in floating point: stored values · scale + offset, and NaN where there is no data.

    Integers of up to 16 bits and float32 become float32, others float64. An image that is neither scaled nor has nodata
    or a mask stays as it is.
    """
    if image.scale is None and not image.nodata and image.mask is None:
        return image
    read, dtype = by_bands(image.window), np.result_type(image.dtype, np.float32)

    def window(rows: slice, columns: slice, of: np.ndarray | None) -> np.ndarray:
        stored = read(rows, columns, of)
        values = stored.astype(dtype, order="K")
        chosen = slice(None) if of is None else of
        if image.scale is not None:
            values *= image.scale[chosen].astype(dtype)
            if image.offset is not None:
                values += image.offset[chosen].astype(dtype)
        nodata = image.nodata if of is None or not image.nodata else tuple(image.nodata[band] for band in of)
        _make_nan(values, stored, _missing(nodata, image.dtype))
        if image.mask is not None:
            values[~image.mask(rows, columns)] = np.nan
        return values

    masked, read_as = image.masked or bool(image.nodata) or image.mask is not None, like(image.window, window)
    return replace(image, dtype=dtype, window=read_as, scale=None, offset=None, nodata=(), mask=None, masked=masked)


def _missing(nodata: Sequence[float | None], dtype: np.dtype) -> dict[Any, slice | list[int]]:
    """The stored values of pixels without data, each with the bands in which it stands for that."""
    bands: dict[Any, list[int]] = {}
    for band, value in enumerate(nodata):
        stored = None if value is None else as_stored(value, dtype)
        if stored is not None:
            bands.setdefault(stored, []).append(band)
    every = list(range(len(nodata)))
    return {value: slice(None) if found == every else found for value, found in bands.items()}


def _make_nan(values: np.ndarray, stored: np.ndarray, missing: dict[Any, slice | list[int]]) -> None:
    """Make the values NaN whose stored ones stand for no data in their band."""
    for value, bands in missing.items():
        for band in [bands] if isinstance(bands, slice) else bands:
            values[:, :, band][stored[:, :, band] == value] = np.nan


def axes_of_image(path: Path, shape: Sequence[int]) -> tuple[int, int, int]:
    """The (rows, columns, bands) that an array of two or three axes is.

    Raises:
        InputError: if it has other axes, or no pixels.
    """
    found = (*shape, 1) if len(shape) == 2 else tuple(shape)
    if len(found) != 3 or min(found) < 1:
        raise InputError(f"{path}: expected an image of (rows, columns, bands), found shape {tuple(shape)}")
    return found
