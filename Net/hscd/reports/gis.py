"""Results that a geographic information system opens: change and distance maps, polygons of what changed.

Maps are Cloud-Optimised GeoTIFFs (tiles of 512 pixels, overviews) on the grid of the input image, each with a style
beside it that QGIS finds by its name; polygons are a GeoPackage. Beyond its arguments a function takes up to 200 MB.
Polygons take 80 bytes a run of changed pixels if that is more, and 400 bytes a run of a region that has millions of
them. rasterio and pyogrio, slow to import, come with the first call.
"""

from __future__ import annotations

import errno
import logging
import re
import struct
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from hscd import native_stderr, storage
from hscd.errors import InputError, brief
from hscd.hardware import threads
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.records import Grid
from hscd.regions import Outlines, Regions, find_regions
from hscd.reports.maps import COLOURS

CLASSES = {CHANGED: "changed", UNCHANGED: "unchanged", UNKNOWN: "unknown or masked"}
LAYER = "changed"

_TILE = 512
_CACHE_BYTES = 32 << 20
# What GIS programs keep beside a raster or a GeoPackage: statistics, overviews; changes not yet in the database.
_BESIDE_RASTER = (".aux.xml", ".ovr", ".msk")
_BESIDE_GEOPACKAGE = ("-journal", "-wal", "-shm", ".aux.xml")
# Semi-major axis (m) and inverse flattening of WGS 84, for a coordinate system that does not say.
_WGS84 = (6378137.0, 298.257223563)
# The colour scale ends at this percentile, as that of the heat maps; it is taken from so many pixels.
_TOP_PERCENTILE = 99.5
_SAMPLE = 1_000_000
# Of the colour scale, for distances up to the threshold and above it: the gap is seen on the map.
_BELOW, _ABOVE = (0.0, 0.4), (0.7, 1.0)
_STEPS = 9


def write_results(
    prefix: Path,
    distances: np.ndarray,
    threshold: float,
    prediction: np.ndarray,
    corrected: np.ndarray,
    grid: Grid,
    min_area: float,
    tags: Mapping[str, object],
) -> None:
    """Write the maps of a pair, and the polygons of what changed after spatial correction.

    Files: PREFIX.tif and PREFIX_corrected.tif (change maps), PREFIX_distances.tif, PREFIX_changes.gpkg, and styles.

    Args:
        prefix: folder and start of the file names.
        distances: (rows, columns) float32, NaN where masked.
        threshold: changed pixels have a greater distance.
        prediction: (rows, columns) uint8 labels.
        corrected: the same after spatial correction.
        grid: where the pixels lie.
        min_area: as of `write_polygons`.
        tags: what the maps shall say, by name.

    Raises:
        InputError: if the coordinate system of the grid is not one.
        OSError: if a file cannot be written; what was there before stays.
    """

    def file(ending: str) -> Path:
        return prefix.with_name(f"{prefix.name}{ending}")

    write_change_map(file(".tif"), prediction, grid, tags)
    write_change_map(file("_corrected.tif"), corrected, grid, tags)
    write_distances(file("_distances.tif"), distances, grid, threshold, tags)
    write_polygons(file("_changes.gpkg"), corrected, distances, grid, min_area)


def write_change_map(path: Path, labels: np.ndarray, grid: Grid, tags: Mapping[str, object] | None = None) -> None:
    """Write a change map as GeoTIFF with a colour table, and its style.

    Overviews show the most frequent class; unknown pixels are "no data".

    Args:
        path: GeoTIFF; the style has the same name with the suffix .qml.
        labels: (rows, columns) uint8 labels, 0 changed, 1 unchanged, 2 unknown or masked.
        grid: where the pixels lie.
        tags: what else the file shall say, by name.

    Raises:
        InputError: if the coordinate system of the grid is not one.
        OSError: if a file cannot be written; what was there before stays.
    """
    names = {f"CLASS_{label}": name for label, name in CLASSES.items()}
    colours = {label: (*bytes.fromhex(COLOURS[label][1:]), 255) for label in CLASSES}
    _write_raster(
        path, labels, grid, np.dtype(np.uint8), UNKNOWN, "change map", {**names, **(tags or {})}, colours,
        overview_resampling="MODE",
    )  # fmt: skip
    _write_style(path, _class_renderer())


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
        tags: what else the file shall say, by name: the distance, the model.

    Raises:
        InputError: if the coordinate system of the grid is not one.
        OSError: if a file cannot be written; what was there before stays.
    """
    said = {} if threshold is None else {"THRESHOLD": repr(float(threshold))}
    _write_raster(
        path, distances, grid, np.dtype(np.float32), np.nan, "distance (change grows upwards)",
        {**said, **(tags or {})}, overview_resampling="AVERAGE", predictor="FLOATING_POINT",
        level="1",  # more takes twice the time and saves some per cent
    )  # fmt: skip
    _write_style(path, _distance_renderer(distances, threshold))


def write_polygons(path: Path, labels: np.ndarray, distances: np.ndarray, grid: Grid, min_area: float = 0.0) -> int:
    """Write the changed regions as polygons of a GeoPackage, layer "changed".

    A region is changed pixels connected along their sides; its polygon runs along the sides of its pixels. Fields:
    `area`, `mean_distance` (empty where a distance of the region is NaN) and `pixels`. The area is in m² where the
    coordinate system is projected (in the plane of the projection) or geographic (on its ellipsoid), otherwise in
    pixels; the description of the layer says which. Where nothing changed the layer is empty.

    Args:
        path: GeoPackage, written anew.
        labels: (rows, columns) labels.
        distances: (rows, columns).
        grid: where the pixels lie.
        min_area: regions smaller than this are left out; in the unit of `area`.

    Returns:
        Number of polygons.

    Raises:
        InputError: if the coordinate system of the grid is not one.
        OSError: if the file cannot be written; what was there before stays.
    """
    crs = _crs(path, grid)
    regions = find_regions(labels, CHANGED)
    pixels = regions.pixels()
    areas, unit = _areas(regions, grid, crs)
    means = regions.sums(distances) / pixels
    kept = ~(areas < min_area)
    with _gdal(path), storage.atomic_path(path, _BESIDE_GEOPACKAGE) as written:
        _append(written, [], [areas[:0], means[:0], pixels[:0]], grid, unit)
        for outlines in regions.outlines(kept):
            chosen = outlines.regions
            _append(written, _wkb(outlines, grid), [areas[chosen], means[chosen], pixels[chosen]], grid)
    return int(kept.sum())


# --- GDAL ------------------------------------------------------------------------------------------------------------


@contextmanager
def _gdal(path: Path) -> Iterator[None]:
    """GDAL with little memory, without side files and without a word; its errors name `path`."""
    import pyogrio
    import pyogrio.errors
    import rasterio
    from rasterio._err import CPLE_BaseError
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    failures = (
        RasterioError, CPLE_BaseError, pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError,
        pyogrio.errors.FeatureError,
    )  # fmt: skip
    log = logging.getLogger("rasterio")
    level = log.level
    synchronous = pyogrio.get_gdal_config_option("OGR_SQLITE_SYNCHRONOUS")
    with native_stderr.collected() as said:
        try:
            log.setLevel(logging.CRITICAL + 1)
            # The database is nobody's until it is whole, and on the disk, at its place.
            pyogrio.set_gdal_config_options({"OGR_SQLITE_SYNCHRONOUS": "OFF"})
            # rasterio takes the size of the cache in bytes, and puts the former one back in the end.
            with rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES, GDAL_PAM_ENABLED="NO"), warnings.catch_warnings():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                warnings.filterwarnings("ignore", message="'crs' was not provided", category=UserWarning)
                yield
        except failures as error:
            said.seek(0)  # the system's reason, such as a full disk, is told there only
            reasons = said.read().decode("utf-8", "replace").split("\n")
            reason = next((line for line in reversed(reasons) if line.strip()), error)
            raise OSError(errno.EIO, f"cannot be written: {brief(reason)}", str(path)) from error
        finally:
            pyogrio.set_gdal_config_options({"OGR_SQLITE_SYNCHRONOUS": synchronous})
            log.setLevel(level)


def _crs(path: Path, grid: Grid) -> Any:
    """The coordinate system of a grid as rasterio has it; None where it is unknown."""
    import rasterio
    from rasterio.errors import CRSError

    if not grid.crs:
        return None
    try:
        with rasterio.Env():  # without it, GDAL prints
            return rasterio.CRS.from_wkt(grid.crs)
    except CRSError as error:
        raise InputError(f"{path}: coordinate system of the image is not usable: {brief(grid.crs)}") from error


def _write_raster(
    path: Path,
    values: np.ndarray,
    grid: Grid,
    dtype: np.dtype,
    nodata: float,
    description: str,
    tags: Mapping[str, object],
    colours: Mapping[int, tuple[int, ...]] | None = None,
    **options: str,
) -> None:
    """Write one band as Cloud-Optimised GeoTIFF: tiles first, of which GDAL then makes overviews and puts all in order.

    Args:
        path: the file.
        values: (rows, columns).
        grid: where the pixels lie.
        dtype: type of the pixels in the file.
        nodata: value of pixels without data.
        description: of the band.
        tags: of the file.
        colours: red, green, blue and opacity (0 to 255) by value.
        options: of GDAL's COG driver.
    """
    import rasterio
    import rasterio.shutil
    from rasterio.windows import Window

    rows, columns = values.shape
    crs = _crs(path, grid)
    with _gdal(path), storage.atomic_path(path, _BESIDE_RASTER) as written:
        tiles = written.with_name(f"{written.name}.tiles")
        with rasterio.open(
            tiles, "w", driver="GTiff", width=columns, height=rows, count=1, dtype=dtype, nodata=nodata, crs=crs,
            transform=rasterio.Affine(*grid.transform), tiled=True, blockxsize=_TILE, blockysize=_TILE,
            bigtiff="IF_SAFER",
        ) as file:  # fmt: skip
            for row in range(0, rows, _TILE):
                part = values[row : row + _TILE].astype(dtype, copy=False)
                file.write(part, 1, window=Window(0, row, columns, len(part)))
            file.set_band_description(1, description)
            file.update_tags(**{name: str(value) for name, value in tags.items()})
            if colours is not None:
                file.write_colormap(1, colours)
        rasterio.shutil.copy(
            tiles, written, driver="COG", blocksize=_TILE, compress="DEFLATE", bigtiff="IF_SAFER",
            num_threads=threads(), **options,
        )  # fmt: skip
        _check(written, path, values)


def _check(written: Path, path: Path, values: np.ndarray) -> None:
    """Read a raster back: on a full disk GDAL can leave a damaged one and report nothing.

    Raises:
        OSError: if its pixels are not `values`, (rows, columns); or RasterioError: if it cannot be read.
    """
    import rasterio
    from rasterio.windows import Window

    with rasterio.open(written) as file:
        overviews = len(file.overviews(1))
    for level in range(-1, overviews):
        with rasterio.open(written, **({} if level < 0 else {"overview_level": level})) as file:
            for row in range(0, file.height, _TILE):
                found = file.read(1, window=Window(0, row, file.width, min(_TILE, file.height - row)))
                expected = values[row : row + _TILE].astype(found.dtype, copy=False)
                if level < 0 and not np.array_equal(found, expected, equal_nan=found.dtype.kind == "f"):
                    raise OSError(errno.EIO, "cannot be written: what is read back is not the same", str(path))


def _append(path: Path, polygons: list[bytes], fields: list[np.ndarray], grid: Grid, unit: str | None = None) -> None:
    """Add polygons to the layer of a GeoPackage; with the unit of their areas, create both."""
    import pyogrio.raw

    geometry = np.empty(len(polygons), dtype=object)
    geometry[:] = polygons
    creation: dict[str, Any] = {"append": True}
    if unit is not None:  # version 1.2 is as much as programs of 2018 to 2022 read without a warning
        description = f"changed regions, areas in {unit}"
        creation = {"dataset_options": {"VERSION": "1.2"}, "layer_options": {"DESCRIPTION": description}}
    pyogrio.raw.write(
        path, geometry, fields, ["area", "mean_distance", "pixels"], layer=LAYER, driver="GPKG",
        geometry_type="Polygon", crs=_named_crs(grid), **creation,
    )  # fmt: skip


def _wkb(outlines: Outlines, grid: Grid) -> list[bytes]:
    """Polygons as "well-known binary" of the OGC Simple Features."""
    a, b, c, d, e, f = grid.transform
    points = np.empty((len(outlines.rows), 2), dtype="<f8")
    points[:, 0] = a * outlines.columns + b * outlines.rows + c
    points[:, 1] = d * outlines.columns + e * outlines.rows + f
    content = points.data.cast("B")
    lengths = iter(outlines.lengths.tolist())
    polygons, begin = [], 0
    for rings in outlines.rings.tolist():
        parts: list[bytes | memoryview] = [struct.pack("<BII", 1, 3, rings)]  # little-endian, polygon
        for _ in range(rings):
            length = next(lengths)
            parts += struct.pack("<I", length), content[begin : begin + 16 * length]
            begin += 16 * length
        polygons.append(b"".join(parts))
    return polygons


# --- areas -----------------------------------------------------------------------------------------------------------


def _named_crs(grid: Grid) -> str | None:
    """The coordinate system by its code where it has one, as GDAL finds it for the maps."""
    import rasterio

    if not grid.crs:
        return None
    code = rasterio.CRS.from_wkt(grid.crs).to_epsg()
    return grid.crs if code is None else f"EPSG:{code}"


def _areas(regions: Regions, grid: Grid, crs: Any) -> tuple[np.ndarray, str]:
    """Area of each region, (regions,), and its unit.

    On an ellipsoid, a pixel of Δλ·Δφ at latitude φ is N cos φ Δλ wide and M Δφ high, with the radii of curvature N in
    the prime vertical and M in the meridian (Snyder, Map Projections – A Working Manual, USGS Professional Paper 1395,
    1987, equations 4-18 to 4-20). A run of pixels has the latitude of its middle, which for a grid along the meridians
    is that of all its pixels.
    """
    if crs is None or not (crs.is_projected or crs.is_geographic):
        return regions.pixels().astype(float), "pixels"
    a, b, _, d, e, f = grid.transform
    lengths = regions.stops - regions.starts
    pixel = abs(a * e - b * d) * crs.units_factor[1] ** 2  # in m², or square radians
    if crs.is_projected:
        return regions.add_up(lengths) * pixel, "m²"
    row, column = np.divmod(regions.starts, regions.shape[1])
    latitude = (d * (column + lengths / 2) + e * (row + 0.5) + f) * crs.units_factor[1]
    return regions.add_up(lengths * _square_radian(latitude, *_ellipsoid(crs.wkt))) * pixel, "m²"


def _square_radian(latitude: np.ndarray, axis: float, flattening: float) -> np.ndarray:
    """Area M·N·cos φ in m² that a square radian of longitude and latitude would have, at latitudes in radians.

    Args:
        latitude: any shape; 0 m² beyond the poles.
        axis: semi-major axis in m.
        flattening: of the ellipsoid.
    """
    squared = flattening * (2 - flattening)  # of the eccentricity
    bend = 1 - squared * np.sin(latitude) ** 2
    meridian, vertical = axis * (1 - squared) / bend**1.5, axis / np.sqrt(bend)
    return meridian * vertical * np.maximum(np.cos(latitude), 0)


def _ellipsoid(wkt: str) -> tuple[float, float]:
    """Semi-major axis in m and flattening that a coordinate system in WKT is on; of WGS 84 where it does not say."""
    found = re.search(r'(?:SPHEROID|ELLIPSOID)\["(?:[^"]|"")*",([-+.\deE]+),([-+.\deE]+)', wkt)
    axis, inverse = (float(found[1]), float(found[2])) if found else _WGS84
    return axis, 1 / inverse if inverse else 0.0  # 0 is written for a sphere


# --- styles ----------------------------------------------------------------------------------------------------------


def _write_style(raster: Path, renderer: ElementTree.Element) -> None:
    """Write the QGIS style of a raster beside it, nothing smoothed."""
    style = ElementTree.Element("qgis", version="3.22.0", styleCategories="Symbology")
    pipe = ElementTree.SubElement(style, "pipe")
    provider = ElementTree.SubElement(pipe, "provider")
    ElementTree.SubElement(
        provider, "resampling", enabled="false", maxOversampling="2",
        zoomedInResamplingMethod="nearestNeighbour", zoomedOutResamplingMethod="nearestNeighbour",
    )  # fmt: skip
    pipe.append(renderer)
    ElementTree.SubElement(pipe, "brightnesscontrast", brightness="0", contrast="0", gamma="1")
    ElementTree.SubElement(pipe, "huesaturation", saturation="0", grayscaleMode="0", colorizeOn="0")
    ElementTree.SubElement(pipe, "rasterresampler", maxOversampling="2")
    ElementTree.SubElement(style, "blendMode").text = "0"
    ElementTree.indent(style)
    head = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
    text = head + ElementTree.tostring(style, "unicode") + "\n"
    storage.write_bytes(raster.with_suffix(".qml"), text.encode("utf-8"))


def _renderer(kind: str, nodata: str = "", **more: str) -> ElementTree.Element:
    fixed = {"band": "1", "opacity": "1", "alphaBand": "-1", "nodataColor": nodata}
    return ElementTree.Element("rasterrenderer", {"type": kind, **fixed, **more})


def _class_renderer() -> ElementTree.Element:
    # QGIS draws no data as nothing, unless it is given a colour.
    unknown = ",".join(str(part) for part in (*bytes.fromhex(COLOURS[UNKNOWN][1:]), 255))
    renderer = _renderer("paletted", unknown)
    palette = ElementTree.SubElement(renderer, "colorPalette")
    for label, name in CLASSES.items():
        ElementTree.SubElement(palette, "paletteEntry", value=str(label), color=COLOURS[label], alpha="255", label=name)
    return renderer


def _distance_renderer(distances: np.ndarray, threshold: float | None) -> ElementTree.Element:
    items = _ramp(*_range(distances), threshold)
    low, top = repr(items[0][0]), repr(items[-1][0])
    renderer = _renderer("singlebandpseudocolor", classificationMin=low, classificationMax=top)
    shader = ElementTree.SubElement(
        ElementTree.SubElement(renderer, "rastershader"), "colorrampshader", colorRampType="INTERPOLATED",
        classificationMode="1", clip="0", minimumValue=low, maximumValue=top, labelPrecision="6",
    )  # fmt: skip
    for value, colour, label in items:
        ElementTree.SubElement(shader, "item", value=repr(value), color=colour, alpha="255", label=label)
    # A list of the values, in which the threshold is named, instead of a bar.
    ElementTree.SubElement(shader, "rampLegendSettings", useContinuousLegend="0")
    return renderer


def _range(distances: np.ndarray) -> tuple[float, float]:
    """Smallest distance and the one where the colour scale ends, of a regular sample; 0 and 1 where all is masked."""
    every = max(1, round((distances.size / _SAMPLE) ** 0.5))
    sample = distances[::every, ::every]
    sample = sample[np.isfinite(sample)]
    return (float(sample.min()), float(np.percentile(sample, _TOP_PERCENTILE))) if sample.size else (0.0, 1.0)


def _ramp(low: float, top: float, threshold: float | None) -> list[tuple[float, str, str]]:
    """Values in ascending order with their colours and labels, between which QGIS interpolates."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    if threshold is None:
        parts = [(low, top, (0.0, 1.0), 2 * _STEPS)]
    else:
        # A pixel at the threshold is unchanged; the next number of the file's precision is above it.
        rounded = np.float32(threshold)
        above = float(rounded if float(rounded) > threshold else np.nextafter(rounded, np.float32(np.inf)))
        parts = [(min(low, threshold), threshold, _BELOW, _STEPS), (above, max(top, above), _ABOVE, _STEPS)]
    items: list[tuple[float, str, str]] = []
    for first, last, (begin, end), steps in parts:
        for share in np.linspace(1 if first == last else 0, 1, 1 if first == last else steps):
            value = float(last if share == 1 else first + share * (last - first))
            label = f"{value:.6g}"
            if value == threshold:
                label += ", the threshold"
            elif threshold is not None and value == first > threshold:
                label = f"above {threshold:.6g}: changed"
            items.append((value, to_hex(colormaps["inferno"](begin + share * (end - begin))), label))
    return items
