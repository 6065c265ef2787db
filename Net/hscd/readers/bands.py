"""A folder of single-band files in alphanumeric order (B01.tif, B02.tif, …), of one or of several resolutions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from hscd.readers import sentinel_2
from hscd.readers.raster import open_raster
from hscd.scenes.grids import RESAMPLED, covers, onto, pixel_size
from hscd.scenes.image import ByBands, Image, everywhere, physical, without_alpha
from hscd.system.errors import InputError

# GDAL's drivers by suffix, and what users call the format.
DRIVERS = {".tif": ("GTiff", "TIFF"), ".tiff": ("GTiff", "TIFF"), ".jp2": ("JP2OpenJPEG", "JPEG 2000")}


def band_files(folder: Path) -> list[Path]:
    """The files of bands in a folder, in the order of their names."""
    found = [entry for entry in folder.iterdir() if entry.suffix.lower() in DRIVERS and not entry.name.startswith(".")]
    return sorted(found, key=lambda entry: entry.name)


def open_folder(folder: Path, limit: int) -> Image:
    """Open a folder of bands as one image; those of Sentinel-2 have their wavelengths by their names.

    Raises:
        InputError: as `open_raster` and `stacked`; also if there is no band, or a file has several.
    """
    files = band_files(folder)
    if not files:
        raise InputError(f"{folder}: holds no bands ({', '.join(DRIVERS)})")
    names = [file.stem for file in files]
    image, bands = stacked(folder, [open_band(file, limit) for file in files], names), sentinel_2.named(names)
    if bands is None or image.wavelengths is not None:
        return image
    wavelengths, fwhm = sentinel_2.responses(bands)
    return replace(image, wavelengths=wavelengths, fwhm=fwhm if image.fwhm is None else image.fwhm)


def open_band(file: Path, limit: int) -> Image:
    """Open a file of one band.

    Raises:
        InputError: as `open_raster`; also if it has several bands or is a folder.
    """
    if file.is_dir():
        raise InputError(f"{file}: is a folder; expected the files of the bands in one folder")
    image = without_alpha(open_raster(file, *DRIVERS[file.suffix.lower()], limit))
    if image.shape[2] != 1:
        raise InputError(f"{file}: expected a single band, found {image.shape[2]}; save each as a separate file")
    return image


def stacked(folder: Path, bands: Sequence[Image], names: Sequence[str]) -> Image:
    """Single-band images as one image, on the grid of the finest of them.

    Values of coarser bands are interpolated (bilinear), in the type of their file.

    Raises:
        InputError: if bands differ in shape and not all of them are georeferenced, or one does not cover the finest.
    """
    finest = min(bands, key=lambda band: -band.shape[0] * band.shape[1] if band.grid is None else pixel_size(band))
    bands = [_on_grid(band, finest) for band in bands]
    dtype = np.result_type(*(band.dtype for band in bands))

    def window(rows: slice, columns: slice, of: np.ndarray | None) -> np.ndarray:
        chosen = bands if of is None else [bands[position] for position in of]
        pixels = np.empty((len(chosen), rows.stop - rows.start, columns.stop - columns.start), dtype)
        for place, band in zip(pixels, chosen, strict=True):
            place[...] = band.window(rows, columns)[:, :, 0]
        return np.moveaxis(pixels, 0, 2)

    nodata = tuple(np.nan if band.masked else band.nodata[0] if band.nodata else None for band in bands)
    scales = [(band.scale, band.offset) for band in bands]
    scaled = any(scale is not None for scale, _ in scales)
    return Image(
        path=folder,
        format=f"folder of {finest.format} bands",
        shape=(*finest.shape[:2], len(bands)),
        dtype=dtype,
        block=_block(bands, finest),
        window=ByBands(window),
        grid=finest.grid,
        wavelengths=_joined([band.wavelengths for band in bands], np.nan),
        fwhm=_joined([band.fwhm for band in bands], np.nan),
        names=tuple(names),
        scale=_joined([scale for scale, _ in scales], 1.0) if scaled else None,
        offset=_joined([offset for _, offset in scales], 0.0) if scaled else None,
        nodata=nodata if any(value is not None for value in nodata) else (),
        mask=everywhere([band.mask for band in bands if band.mask is not None]),
        notes=tuple(f"{band.path.name}: {note}" for band in bands for note in band.notes),
    )


def _block(bands: Sequence[Image], finest: Image) -> tuple[int, int]:
    """What to read at once: blocks of the finest band, but no less than the tiles of one that is interpolated."""
    blocks = [finest.block, *(band.block for band in bands if RESAMPLED in band.format)]
    rows, columns = np.max(blocks, axis=0).tolist()
    return rows, columns


def _joined(parts: Sequence[np.ndarray | None], missing: float) -> np.ndarray | None:
    if all(part is None for part in parts):
        return None
    return np.concatenate([[missing] if part is None else part for part in parts])


def _on_grid(band: Image, finest: Image) -> Image:
    if band.shape == finest.shape and (band.grid == finest.grid or band.grid is None or finest.grid is None):
        return band
    if band.grid is None or finest.grid is None:
        rows, columns = finest.shape[:2]
        raise InputError(
            f"{band.path}: {band.shape[0]} × {band.shape[1]} pixels, {finest.path.name} has {rows} × {columns}; "
            "bands of different resolution have to be georeferenced"
        )
    if band.mask is not None:  # NaN is interpolated around, a mask is not
        band = replace(physical(replace(band, scale=None, offset=None)), scale=band.scale, offset=band.offset)
    nodata = np.nan if band.masked else next((value for value in band.nodata if value is not None), 0.0)
    moved = onto(_with_border(band), finest.grid, finest.shape[:2], band.dtype, nodata)
    if not covers(band, finest):
        raise InputError(f"{band.path}: does not cover the area of {finest.path.name}")
    return replace(moved, nodata=band.nodata)


def _with_border(band: Image) -> Image:
    """A band with its outermost pixels repeated once beyond each side, which is what `covers` allows it to lack."""
    assert band.grid is not None
    rows, columns = band.shape[:2]
    a, b, c, d, e, f = band.grid.transform

    def window(rows_of: slice, columns_of: slice) -> np.ndarray:
        down, across = (
            np.clip(np.arange(part.start - 1, part.stop - 1), 0, length - 1)
            for part, length in ((rows_of, rows), (columns_of, columns))
        )
        pixels = band.window(slice(down[0], down[-1] + 1), slice(across[0], across[-1] + 1))
        return pixels[np.ix_(down - down[0], across - across[0])]

    grid = replace(band.grid, transform=(a, b, c - a - b, d, e, f - d - e))
    return replace(band, shape=(rows + 2, columns + 2, 1), window=window, grid=grid)
