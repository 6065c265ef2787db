"""Results for a GIS: time and memory as maps grow; polygons against an image of region numbers and GDAL's polygons."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

import measure
from hscd.records import Grid

SIDES = (1_000, 3_000, 10_000)
PLAIN_SIDE = 3_000
CELL = 31
WRITERS = ("change map", "distance map", "polygons")


def scene(side: int) -> tuple[np.ndarray, np.ndarray, Grid]:
    """A map with a frayed region in every square of 31 pixels, many with a hole: labels, distances and their grid.

    Distances are noise, which no compression makes small.
    """
    from rasterio.crs import CRS

    rng = np.random.default_rng(0)
    labels = np.ones((side, side), np.uint8)
    y, x = np.ogrid[:CELL, :CELL]
    for top in range(0, side - CELL + 1, CELL):
        for left in range(0, side - CELL + 1, CELL):
            radius, row, column = rng.integers((2, 13, 13), (13, 18, 18))
            from_middle = np.hypot(y - row, x - column) + rng.random((CELL, CELL)) * 3
            labels[top : top + CELL, left : left + CELL][(from_middle < radius) & (from_middle >= 0.2 * radius)] = 0
    distances = rng.random((side, side), dtype=np.float32)
    return labels, distances, Grid((10.0, 0.0, 5e5, 0.0, -10.0, 4e6), CRS.from_epsg(32633).to_wkt())


def write(name: str, side: int, min_area: float = 0.0) -> list[float]:
    """Seconds, seconds of all cores, bytes beyond the two maps and the libraries, and polygons written.

    What a first call costs is paid before, on a small scene.
    """
    from hscd.reports import gis

    def run(labels: np.ndarray, distances: np.ndarray, grid: Grid) -> int:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / ("result.gpkg" if name == "polygons" else "result.tif")
            if name == "polygons":
                return gis.write_polygons(path, labels, distances, grid, min_area)
            if name == "change map":
                gis.write_change_map(path, labels, grid)
            else:
                gis.write_distances(path, distances, grid, threshold=0.5)
            return 0

    run(*scene(100))
    inputs = scene(side)
    idle, started, processor = measure.peak_memory(), time.perf_counter(), time.process_time()
    count = run(*inputs)
    return [
        time.perf_counter() - started, time.process_time() - processor, measure.peak_memory() - idle, count
    ]  # fmt: skip


def plain_polygons(side: int) -> list[float]:
    """The same regions from an image of region numbers, their outlines one by one from GDAL; nothing is written."""
    from rasterio.features import shapes
    from scipy import ndimage

    labels, distances, _ = scene(side)
    idle, started = measure.peak_memory(), time.perf_counter()
    numbers, count = ndimage.label(labels == 0)
    index = np.arange(1, count + 1)
    ndimage.sum_labels(distances, numbers, index)
    ndimage.sum_labels(np.ones_like(distances), numbers, index)
    found = sum(1 for _ in shapes(numbers, mask=numbers > 0, connectivity=4))
    assert found == count
    return [time.perf_counter() - started, measure.peak_memory() - idle]


def own_polygons(side: int) -> list[float]:
    """Regions, their sums and outlines; nothing is written."""
    from hscd.evaluation.regions import find_regions

    labels, distances, _ = scene(side)
    find_regions(labels[:100, :100], 0)
    idle, started = measure.peak_memory(), time.perf_counter()
    regions = find_regions(labels, 0)
    regions.sums(distances), regions.pixels()
    for _ in regions.outlines(np.ones(regions.count, dtype=bool)):
        pass
    return [time.perf_counter() - started, measure.peak_memory() - idle]


def main() -> None:
    plain, plain_bytes = measure.apart("gis", "plain_polygons", PLAIN_SIDE)
    ours, our_bytes = measure.apart("gis", "own_polygons", PLAIN_SIDE)
    measure.row(
        f"regions, their sums and outlines, {PLAIN_SIDE:,} × {PLAIN_SIDE:,} pixels",
        f"{plain:.1f} s, {plain_bytes / 1e6:.0f} MB beyond the maps",
        f"{ours:.2f} s, {our_bytes / 1e6:.0f} MB beyond the maps",
        plain / ours,
    )
    for name in WRITERS:
        for side in SIDES:
            seconds, processor, size, count = measure.apart("gis", "write", name, side)
            measure.row(
                f"{f'{count:,} ' if count else ''}{name} of {side:,} × {side:,} pixels for a GIS",
                "",
                f"{seconds:.1f} s, {processor:.1f} s of processor, {processor / side**2 * 1e9:.0f} ns a pixel; "
                f"{size / 1e6:.0f} MB beyond the maps",
            )
