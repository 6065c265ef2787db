"""Change and distance maps: Cloud-Optimised GeoTIFFs, each with a style beside it."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hscd.labels import UNKNOWN
from hscd.records import Grid
from hscd.reports.gis.gdal import crs_of, session
from hscd.reports.gis.styles import CHANGE, MAP_VALUES, MapClass, class_renderer, distance_renderer, write_style
from hscd.system import storage
from hscd.system.hardware import threads
from hscd.system.paths import plain_folder

_TILE = 512
# Of rasters of many bands, which a tile has all of; and columns of them that are read at a time.
_SMALL_TILE, _READ = 128, 1024
# Blue, orange and green, which differ for the colour-blind too (Okabe and Ito).
_PARTS = (MapClass(1, "#0072b2", "train"), MapClass(2, "#e69f00", "validation"), MapClass(3, "#009e73", "test"))
# What GIS programs keep beside a raster: statistics, overviews.
_BESIDE = (".aux.xml", ".ovr", ".msk")


def write_change_map(path: Path, labels: np.ndarray, grid: Grid, tags: Mapping[str, object] | None = None) -> None:
    """Write a change map as GeoTIFF with a colour table, and its style: 1 changed, 0 unchanged, 255 unknown or masked.

    Overviews show the most frequent class; unknown pixels are "no data".

    Args:
        path: GeoTIFF; the style has the same name with the suffix .qml.
        labels: (rows, columns) uint8 labels, 0 changed, 1 unchanged, 2 unknown or masked.
        grid: where the pixels lie.
        tags: further names and values to store in the file.

    Raises:
        InputError: if the coordinate system of the grid is not one.
        OSError: if a file cannot be written; what was there before stays.
    """
    values = np.array([MAP_VALUES[label] for label in sorted(MAP_VALUES)], np.uint8)[labels]
    write_class_map(path, values, CHANGE, grid, "change map", tags)


def write_class_map(
    path: Path,
    values: np.ndarray,
    classes: Sequence[MapClass],
    grid: Grid,
    description: str,
    tags: Mapping[str, object] | None = None,
    nodata: int = MAP_VALUES[UNKNOWN],
) -> None:
    """Write a map of classes as GeoTIFF with a colour table, and its style.

    Args:
        path: GeoTIFF; the style has the same name with the suffix .qml.
        values: (rows, columns) uint8, those of the classes.
        classes: what the values stand for.
        grid: where the pixels lie.
        description: of the band.
        tags: further names and values to store in the file.
        nodata: the value of pixels without data.

    Raises:
        InputError: if the coordinate system of the grid is not one.
        OSError: if a file cannot be written; what was there before stays.
    """
    names = {f"CLASS_{value}": name for value, _, name in classes}
    colours = {value: (*bytes.fromhex(colour[1:]), 255) for value, colour, _ in classes}
    _write_raster(
        path, values, grid, np.dtype(np.uint8), nodata, description, {**names, **(tags or {})}, colours,
        overview_resampling="MODE",
    )  # fmt: skip
    write_style(path, class_renderer(classes))


def write_parts(path: Path, parts: np.ndarray, grid: Grid, description: str) -> None:
    """Write the parts of an image as GeoTIFF with a colour table, and its style: 1 train, 2 validation, 3 test, 0 none.

    Args:
        path: GeoTIFF; the style has the same name with the suffix .qml.
        parts: (rows, columns) uint8.
        grid: where the pixels lie.
        description: of its band.

    Raises:
        InputError: if the coordinate system of the grid is not one.
        OSError: if a file cannot be written; what was there before stays.
    """
    write_class_map(path, parts, _PARTS, grid, description, nodata=0)


def write_distances(
    path: Path,
    distances: np.ndarray,
    grid: Grid,
    threshold: float | None = None,
    tags: Mapping[str, object] | None = None,
) -> None:
    """Write distances as float32 GeoTIFF, and its style: a colour scale with a leap at the threshold.

    Overviews show the mean.

    Args:
        path: GeoTIFF; the style has the same name with the suffix .qml.
        distances: (rows, columns) float32, NaN where masked.
        grid: where the pixels lie.
        threshold: changed pixels have a greater distance; also a tag of the file. None where there is none.
        tags: further names and values to store in the file, as the distance and the model.

    Raises:
        InputError: if the coordinate system of the grid is not one.
        OSError: if a file cannot be written; what was there before stays.
    """
    of_threshold = {} if threshold is None else {"THRESHOLD": repr(float(threshold))}
    _write_raster(
        path, distances, grid, np.dtype(np.float32), np.nan, "distance (higher: more change)",
        {**of_threshold, **(tags or {})}, overview_resampling="AVERAGE", predictor="FLOATING_POINT",
        level="1",  # more takes twice the time and saves some per cent
    )  # fmt: skip
    write_style(path, distance_renderer(distances, threshold))


def write_scores(
    path: Path,
    scores: np.ndarray,
    probability: np.ndarray,
    grid: Grid,
    threshold: float,
    tags: Mapping[str, object] | None = None,
    spread: np.ndarray | None = None,
) -> None:
    """Write scores and the probability of change as bands of a float32 GeoTIFF, and a style of the scores.

    Args:
        path: GeoTIFF; the style has the same name with the suffix .qml.
        scores: (rows, columns) float32, NaN where masked.
        probability: (rows, columns) float32 in [0, 1]; the same.
        grid: where the pixels lie.
        threshold: changed pixels have a greater score; also a tag of the file.
        tags: further names and values to store in the file.
        spread: a third band, (rows, columns) float32: standard deviation of the probability; None for none.

    Raises:
        InputError: if the coordinate system of the grid is not one.
        OSError: if a file cannot be written; what was there before stays.
    """
    bands = {"score (higher: more change)": scores, "probability of change": probability}
    if spread is not None:
        bands["standard deviation of the probability among the members"] = spread
    _write_raster(
        path, list(bands.values()), grid, np.dtype(np.float32), np.nan, tuple(bands),
        {"THRESHOLD": repr(float(threshold)), **(tags or {})}, overview_resampling="AVERAGE",
        predictor="FLOATING_POINT", level="1",
    )  # fmt: skip
    write_style(path, distance_renderer(scores, threshold))


def write_streamed(
    path: Path,
    shape: tuple[int, int],
    parts: Iterable[tuple[tuple[slice, slice], np.ndarray]],
    grid: Grid,
    descriptions: Sequence[str],
    tags: Mapping[str, object] | None = None,
) -> None:
    """Write many bands as a float32 GeoTIFF, part by part as they come: they need not fit into memory.

    Args:
        path: GeoTIFF.
        shape: (rows, columns).
        parts: rows and columns of a part, and its values, (bands, rows, columns) float32, NaN where masked. Together
            they cover the shape, each pixel once; whole tiles of 128 pixels are fastest.
        grid: where the pixels lie.
        descriptions: of the bands.
        tags: further names and values to store in the file.

    Raises:
        InputError: if the coordinate system of the grid is not one.
        OSError: if the file cannot be written; what was there before stays.
    """
    from rasterio.windows import Window

    sums = np.zeros(len(descriptions), np.uint64)

    def fill(file: Any) -> None:
        for (rows, columns), values in parts:
            np.add(sums, _sums(values), out=sums)
            file.write(values, window=Window.from_slices(rows, columns))

    _write_cog(
        path, (len(descriptions), *shape), grid, np.dtype(np.float32), np.nan, descriptions, tags or {}, fill,
        lambda written: _check_sums(written, path, sums),
        {"overview_resampling": "AVERAGE", "predictor": "FLOATING_POINT", "level": "1"}, _SMALL_TILE,
    )  # fmt: skip


def _sums(values: np.ndarray) -> np.ndarray:
    """Of the bits of each band, (bands, rows, columns) float32: the same whatever the parts are that are added up."""
    return np.ascontiguousarray(values).view(np.uint32).sum(axis=(1, 2), dtype=np.uint64)


def _check_sums(written: Path, path: Path, sums: np.ndarray) -> None:
    """As `_check`, of values that are gone: by their `_sums`."""
    import rasterio
    from rasterio.windows import Window

    found = np.zeros(len(sums), np.uint64)
    with rasterio.open(written) as file:
        for row in range(0, file.height, _SMALL_TILE):
            for column in range(0, file.width, _READ):
                high, wide = min(_SMALL_TILE, file.height - row), min(_READ, file.width - column)
                found += _sums(file.read(window=Window(column, row, wide, high)))
    if not np.array_equal(found, sums):
        raise _damaged(path)


def _damaged(path: Path) -> OSError:
    return OSError(errno.EIO, "cannot be written: what is read back is not the same", str(path))


def _write_raster(
    path: Path,
    values: np.ndarray | Sequence[np.ndarray],
    grid: Grid,
    dtype: np.dtype,
    nodata: float,
    descriptions: str | tuple[str, ...],
    tags: Mapping[str, object],
    colours: Mapping[int, tuple[int, ...]] | None = None,
    **options: str,
) -> None:
    """Write bands as Cloud-Optimised GeoTIFF: tiles first, of which GDAL then makes overviews and puts all in order.

    Args:
        path: the file.
        values: (rows, columns) of one band, or of each of several.
        grid: where the pixels lie.
        dtype: type of the pixels in the file.
        nodata: value of pixels without data.
        descriptions: of the band, or of each.
        tags: of the file.
        colours: red, green, blue and opacity (0 to 255) by value.
        options: of GDAL's COG driver.
    """
    from rasterio.windows import Window

    bands = [values] if isinstance(values, np.ndarray) else values
    shape = bands[0].shape

    def fill(file: Any) -> None:
        for row in range(0, shape[0], _TILE):
            part = np.stack([band[row : row + _TILE] for band in bands]).astype(dtype, copy=False)
            file.write(part, window=Window(0, row, part.shape[2], part.shape[1]))
        if colours is not None:
            file.write_colormap(1, colours)

    _write_cog(
        path, (len(bands), *shape), grid, dtype, nodata, tuple(np.atleast_1d(descriptions)), tags, fill,
        lambda written: _check(written, path, bands), options,
    )  # fmt: skip


def _write_cog(
    path: Path,
    shape: tuple[int, ...],
    grid: Grid,
    dtype: np.dtype,
    nodata: float,
    descriptions: Sequence[str],
    tags: Mapping[str, object],
    fill: Callable[[Any], None],
    check: Callable[[Path], None],
    options: Mapping[str, str],
    tile: int = _TILE,
) -> None:
    """`fill` tiles of (bands, rows, columns), have GDAL make a Cloud-Optimised GeoTIFF of them, and `check` that."""
    import rasterio
    import rasterio.shutil

    count, rows, columns = shape
    crs = crs_of(path, grid)
    with session(path), storage.atomic_path(path, _BESIDE) as target, plain_folder(target.parent) as folder:
        written = folder / target.name
        tiles = written.with_name(f"{written.name}.tiles")
        with rasterio.open(
            tiles, "w", driver="GTiff", width=columns, height=rows, count=count, dtype=dtype, nodata=nodata, crs=crs,
            transform=rasterio.Affine(*grid.transform), tiled=True, blockxsize=tile, blockysize=tile,
            bigtiff="IF_SAFER",
        ) as file:  # fmt: skip
            fill(file)
            for band, description in enumerate(descriptions, start=1):
                file.set_band_description(band, str(description))
            file.update_tags(**{name: str(value) for name, value in tags.items()})
        rasterio.shutil.copy(
            tiles, written, driver="COG", blocksize=tile, compress="DEFLATE", bigtiff="IF_SAFER",
            num_threads=threads(), **options,
        )  # fmt: skip
        check(written)


def _check(written: Path, path: Path, bands: Sequence[np.ndarray]) -> None:
    """Read a raster back: on a full disk GDAL can leave a damaged one and report nothing.

    Raises:
        OSError: if its pixels are not those of `bands`, (rows, columns) each; or RasterioError: if it cannot be read.
    """
    import rasterio
    from rasterio.windows import Window

    with rasterio.open(written) as file:
        overviews = len(file.overviews(1))
    for level in range(-1, overviews):
        with rasterio.open(written, **({} if level < 0 else {"overview_level": level})) as file:
            for row in range(0, file.height, _TILE):
                found = file.read(window=Window(0, row, file.width, min(_TILE, file.height - row)))
                if level >= 0:  # an overview has only to be there
                    continue
                expected = np.stack([band[row : row + _TILE] for band in bands]).astype(found.dtype, copy=False)
                if not np.array_equal(found, expected, equal_nan=found.dtype.kind == "f"):
                    raise _damaged(path)
