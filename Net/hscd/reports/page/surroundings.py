"""What a page shows of points that are labelled by hand: the surroundings of each at both dates, and its spectra."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hscd.labels import UNKNOWN
from hscd.records import Grid
from hscd.reports.page import images, spectra
from hscd.reports.quicklook import Stretch
from hscd.scenes.image import Image
from hscd.scenes.inspection import names_of, picture_bands
from hscd.scenes.scene import Window, progress, windows_of

VERSION = 1
# Points of a page at most: nobody labels more, and a page stays below 5 MB.
MOST_POINTS = 5000
# Side of the surroundings of a point, odd; and pixels of those of all points, for which many points get a smaller one.
_SIDE, _LEAST_SIDE, _AREA = 61, 15, 3_500_000
# Bytes of the spectra of all points; of more bands than that allows, only every so manieth is kept.
_SPECTRA = 900_000
# Bytes of the pictures of both dates, and their qualities, in percent, the first that they are small enough with.
_PICTURES, _QUALITIES = 3_000_000, (85, 60, 30)
# Pixels of each date that the colours are chosen by.
_FOR_COLOURS = 500_000


@dataclass(frozen=True)
class _Sheet:
    """Squares around points, in rows of `across` of them, one picture of all.

    `side` pixels are shown of each. A square goes on to the right and down to `pitch`, a multiple of the blocks of a
    lossy picture, so that no colour of the next one is seen at its edge.
    """

    rows: np.ndarray
    columns: np.ndarray
    side: int

    @property
    def pitch(self) -> int:
        return (self.side // 16 + 1) * 16

    @property
    def across(self) -> int:
        return math.ceil(math.sqrt(len(self.rows)))

    def empty(self, bands: int, value: float, dtype: type) -> np.ndarray:
        """A sheet of (rows, columns, bands) that holds one value."""
        down = math.ceil(len(self.rows) / self.across)
        return np.full((down * self.pitch, self.across * self.pitch, bands), value, dtype)

    def parts(self, window: Window) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice]]]:
        """Of each square that a window has a part of, where that part is in the sheet, and where in the window."""
        half, pitch = self.side // 2, self.pitch
        starts = np.stack([self.rows - half, self.columns - half])
        inside = np.ones(len(self.rows), bool)
        for start, part in zip(starts, window, strict=True):
            inside &= (start < part.stop) & (start + pitch > part.start)
        for number in np.flatnonzero(inside).tolist():
            at, of = [], []
            for start, part, place in zip(starts[:, number], window, divmod(number, self.across), strict=True):
                first, end = max(int(start), part.start), min(int(start) + pitch, part.stop)
                at.append(slice(place * pitch + first - int(start), place * pitch + end - int(start)))
                of.append(slice(first - part.start, end - part.start))
            yield (at[0], at[1]), (of[0], of[1])


def surroundings(
    pair: tuple[Image, Image], labels: np.ndarray, places: tuple[np.ndarray, np.ndarray], grid: Grid
) -> dict[str, Any]:
    """What a page shows of points, as plain values for JSON.

    Both images are read once at most, by windows, and only those in which there are points.

    Args:
        pair: before and after image, of one shape.
        labels: (rows, columns) of the map.
        places: (points,) rows and columns, no more than `MOST_POINTS`.
        grid: where the pixels lie.

    Returns:
        `sheets`, the surroundings of all points as a picture of each date and of the map, in rows of `across` squares,
        `pitch` pixels apart, of which `side` are shown; `spectra` (None of single bands), `bands` of the pictures,
        `places`, and `coordinates`, latitude and longitude in degrees, None where they are not known.
    """
    rows, columns = places
    side = max(_LEAST_SIDE, min(_SIDE, math.isqrt(_AREA // len(rows)) - 1)) // 2 * 2 + 1
    sheet = _Sheet(rows, columns, side)
    shown = picture_bands(pair[0])
    bands = pair[0].shape[2]
    every = math.ceil(4 * len(rows) * bands / _SPECTRA)
    dates = [sheet.empty(3, math.nan, np.float32) for _ in pair]
    values = np.full((len(rows), 2, len(range(0, bands, every))), math.nan, np.float32)
    with progress(f"surroundings of {len(rows):,} points", math.prod(labels.shape)) as bar:
        for window in windows_of(*pair):
            parts = list(sheet.parts(window))
            here = np.ones(len(rows), bool)
            for place, part in zip(places, window, strict=True):
                here &= (part.start <= place) & (place < part.stop)
            for date, image in enumerate(pair if parts else ()):
                pixels = image.window(*window)
                for at, of in parts:
                    dates[date][at] = pixels[of][:, :, shown]
                inside = rows[here] - window.rows.start, columns[here] - window.columns.start
                values[here, date] = pixels[inside][:, ::every]
            bar.update(math.prod(part.stop - part.start for part in window))
    of_map = sheet.empty(1, UNKNOWN, np.uint8)
    for at, of in sheet.parts(Window(slice(0, labels.shape[0]), slice(0, labels.shape[1]))):
        of_map[at][:, :, 0] = labels[of]
    return {
        "version": VERSION, "side": side, "pitch": sheet.pitch, "across": sheet.across,
        "bands": names_of(pair[0], shown),
        "sheets": dict(zip(("before", "after"), _pictures(dates), strict=True))
        | {"map": images.label_map(of_map[:, :, 0])},
        "places": [list(place) for place in zip(rows.tolist(), columns.tolist(), strict=True)],
        "coordinates": _coordinates(rows, columns, grid),
        "spectra": spectra.encoded(values, pair[0], (), every) if bands > 1 else None,
    }  # fmt: skip


def _pictures(dates: Sequence[np.ndarray]) -> list[str]:
    """Pictures of both dates, not larger than a page allows; "" where there is nothing to show."""
    coloured = [_coloured(date) for date in dates]
    for quality in _QUALITIES:
        found = ["" if colours is None else images.picture(colours, quality) for colours in coloured]
        if sum(map(len, found)) <= _PICTURES:
            break
    return found


def _coloured(date: np.ndarray) -> np.ndarray | None:
    """A date in colours of its own: what is to be seen counts, not how the dates differ in light."""
    valid = np.isfinite(date).all(axis=2)
    some = date[valid]
    if not len(some):
        return None
    stretch = Stretch.of(some[:: math.ceil(len(some) / _FOR_COLOURS)].astype(np.float64))
    return stretch.colours(date, valid)


def _coordinates(rows: np.ndarray, columns: np.ndarray, grid: Grid) -> list[list[float]] | None:
    """Latitude and longitude of the middles of pixels, so that they can be looked up elsewhere."""
    import rasterio
    from rasterio._err import CPLE_BaseError
    from rasterio.errors import RasterioError
    from rasterio.warp import transform

    if not grid.crs:
        return None
    a, b, c, d, e, f = grid.transform
    x, y = columns + 0.5, rows + 0.5
    try:
        with rasterio.Env():
            crs = rasterio.CRS.from_wkt(grid.crs)
            far, up = transform(crs, "EPSG:4326", (a * x + b * y + c).tolist(), (d * x + e * y + f).tolist())
    except (RasterioError, CPLE_BaseError):
        return None
    found = np.stack([up, far], axis=1)
    return found.round(6).tolist() if np.isfinite(found).all() else None
