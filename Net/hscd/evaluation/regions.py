"""Connected regions of a label map, kept as runs: their sums and outlines, without an image of region numbers.

A run is the pixels of one label that follow each other in a row. Runs are found block by block with array operations;
runs that touch along pixels' sides in neighbouring rows belong together, which makes a graph whose connected components
are the regions (labelling by runs: He, Chao and Suzuki, IEEE Transactions on Image Processing 17(5), 2008). Time grows
with the pixels, memory with the runs: some 80 bytes each while regions are found, 20 afterwards.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

_BLOCK_PIXELS = 1 << 20
# Outlines are made of so many runs at a time, or of one region that has more.
_BATCH_RUNS = 100_000


@dataclass(frozen=True)
class Regions:
    """The 4-connected regions of one label in a map of `shape` (rows, columns).

    Run i covers the row-major positions from `starts[i]` up to, not including, `stops[i]`, all in one row; it is a part
    of region `of_run[i]`. Runs are in row-major order; the `count` regions are numbered by their first pixels in it, as
    they are found, or by their sizes.
    """

    shape: tuple[int, int]
    starts: np.ndarray
    stops: np.ndarray
    of_run: np.ndarray
    count: int

    def pixels(self) -> np.ndarray:
        """Number of pixels of each region, (regions,) int64."""
        return self.add_up(self.stops - self.starts).astype(np.int64)  # exact in float64 up to 2^53

    def add_up(self, values: np.ndarray) -> np.ndarray:
        """Sum by region of a value of each run, (runs,) → (regions,) float64."""
        return np.bincount(self.of_run, weights=values, minlength=self.count)

    def boxes(self) -> np.ndarray:
        """Bounding box of each region, (regions, 4): first row and column, and those after the last ones."""
        rows, columns = np.divmod(self.starts, self.shape[1])
        found = np.empty((self.count, 4), np.int64)
        found[:, :2], found[:, 2:] = np.max(self.shape), 0
        for side, values, reach in (
            (0, rows, np.minimum), (1, columns, np.minimum),
            (2, rows + 1, np.maximum), (3, columns + self.stops - self.starts, np.maximum),
        ):  # fmt: skip
            reach.at(found[:, side], self.of_run, values)
        return found

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sum by region of a value of each pixel, (rows, columns) → (regions,) float64.

        A NaN or infinity reaches the sum of its own region and of no other.
        """
        if values.shape != self.shape:
            raise ValueError(f"values of {values.shape} pixels for regions of {self.shape}")
        of_runs = np.zeros(len(self.starts))
        for rows in _row_blocks(self.shape):
            begin = rows.start * self.shape[1]
            runs = slice(*np.searchsorted(self.starts, (begin, rows.stop * self.shape[1])))
            if runs.start == runs.stop:
                continue
            # Sums from each bound to the next: of a run, and, of no use, of what lies between it and the next run.
            bounds = np.column_stack((self.starts[runs], self.stops[runs])).ravel() - begin
            flat = values[rows].astype(np.float64).ravel()
            with np.errstate(invalid="ignore", over="ignore"):
                of_runs[runs] = np.add.reduceat(flat, bounds[:-1] if bounds[-1] == flat.size else bounds)[::2]
        return self.add_up(of_runs)

    def by_size(self, sizes: np.ndarray) -> Regions:
        """The same regions numbered by falling size, (regions,); those of one size keep their order."""
        number = np.empty(self.count, dtype=self.of_run.dtype)
        number[np.argsort(-sizes, kind="stable")] = np.arange(self.count, dtype=self.of_run.dtype)
        return replace(self, of_run=number[self.of_run])

    def outlines(self, kept: np.ndarray) -> Iterator[Outlines]:
        """Outlines of the regions where `kept`, (regions,) boolean, is True; some at a time, in order of their numbers.

        Memory is that of a batch of runs, or of the region with most runs: some 160 bytes each.
        """
        by_region = np.argsort(self.of_run, kind="stable")
        ends = np.concatenate(([0], np.cumsum(np.bincount(self.of_run, minlength=self.count))))
        begin = 0
        while begin < self.count:
            end = max(begin + 1, int(np.searchsorted(ends, ends[begin] + _BATCH_RUNS, side="right")) - 1)
            regions = begin + np.flatnonzero(kept[begin:end])
            if len(regions):
                runs = by_region[ends[begin] : ends[end]]
                runs = runs[kept[self.of_run[runs]]]
                place = np.searchsorted(regions, self.of_run[runs])
                row, column = np.divmod(self.starts[runs], self.shape[1])
                yield _outlines(regions, place, row, column, column + self.stops[runs] - self.starts[runs], self.shape)
            begin = end


@dataclass(frozen=True)
class Outlines:
    """Outlines of regions, along the sides of their pixels.

    `regions` are the numbers of the regions, `rings` how many rings each has: first its outer one, then those of its
    holes. `lengths` is the number of vertices of each ring, whose last is its first again; `rows` and `columns` are the
    vertices of all rings one after the other: (row, column) is the upper left corner of that pixel. Where rows are
    counted downwards, outer rings run counter-clockwise and holes clockwise. Rings of one region may touch in a vertex
    and never cross, as polygons of the OGC Simple Features demand.
    """

    regions: np.ndarray
    rings: np.ndarray
    lengths: np.ndarray
    rows: np.ndarray
    columns: np.ndarray


def find_regions(labels: np.ndarray, label: int) -> Regions:
    """Find the regions of a label: its pixels, connected along their sides, not across corners.

    Args:
        labels: (rows, columns) map of at least one pixel.
        label: the value looked for.

    Returns:
        The regions; none where the label does not occur.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    rows, columns = labels.shape
    starts, stops = _runs(labels, label)
    if not len(starts):
        return Regions((rows, columns), starts, stops, np.zeros(0, dtype=np.int32), 0)
    # Runs are sorted by their starts and by their stops. Those that touch run i from below are those that share a
    # position with it once it is moved down by a row.
    first = np.searchsorted(stops, starts + columns, side="right").astype(np.int32)
    touching = np.searchsorted(starts, stops + columns, side="left").astype(np.int32) - first
    links = np.concatenate(([0], np.cumsum(touching))).astype(np.int32)
    below = np.arange(links[-1], dtype=np.int32) + np.repeat(first - links[:-1], touching)
    del first, touching
    graph = csr_array((np.ones(len(below)), below, links), shape=(len(starts), len(starts)))
    count, found = connected_components(graph, directed=False)
    # Number the regions by their first runs: of several values written to one place, the last one stays.
    first_run = np.empty(count, dtype=np.int64)
    first_run[found[::-1]] = np.arange(len(starts))[::-1]
    number = np.empty(count, dtype=np.int32)
    number[np.argsort(first_run)] = np.arange(count, dtype=np.int32)
    return Regions((rows, columns), starts, stops, number[found], count)


def _runs(labels: np.ndarray, label: int) -> tuple[np.ndarray, np.ndarray]:
    """Row-major positions where runs of a label start, and where they have ended, int64."""
    columns = labels.shape[1]
    starts, stops = [], []
    for rows in _row_blocks(labels.shape):
        # One more column, and one more pixel in front, that are not of the label: values change at the start and at the
        # end of each run, by turns.
        height = rows.stop - rows.start
        padded = np.zeros(1 + height * (columns + 1), dtype=bool)
        np.equal(labels[rows], label, out=padded[1:].reshape(height, columns + 1)[:, :columns])
        changes = np.flatnonzero(padded[1:] != padded[:-1])
        shift = rows.start * columns - changes[::2] // (columns + 1)
        starts.append(changes[::2] + shift)
        stops.append(changes[1::2] + shift)
    return np.concatenate(starts), np.concatenate(stops)


def _row_blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    rows, columns = shape
    height = max(1, _BLOCK_PIXELS // columns)
    for row in range(0, rows, height):
        yield slice(row, min(row + height, rows))


def _outlines(
    regions: np.ndarray, place: np.ndarray, row: np.ndarray, start: np.ndarray, stop: np.ndarray, shape: tuple[int, int]
) -> Outlines:
    """Outlines of regions from their runs.

    Args:
        regions: numbers of the regions, ascending.
        place: (runs,) index in `regions` of each run.
        row, start, stop: (runs,) its row, its first column and the one after its last.
        shape: (rows, columns) of the map.
    """
    height, width = shape[0] + 1, shape[1] + 1  # of the lattice of pixel corners
    # Both ends of a run have a corner on the lines above and below it: sorted by region, line and column.
    corners = np.concatenate(
        [
            (((place * height + row + lower) * width + end) * 2 + right) * 2 + 1 - lower
            for right, end in enumerate((start, stop))
            for lower in (0, 1)
        ]
    )
    corners.sort()
    # Where a run starts, or stops, right below another one, the outline goes straight on. A start below a stop, or the
    # other way round, are two corners at one place, where the region touches itself.
    same = corners[1:] >> 1 == corners[:-1] >> 1
    is_corner = np.ones(len(corners), dtype=bool)
    is_corner[1:] &= ~same
    is_corner[:-1] &= ~same
    corners = corners[is_corner]
    from_below = corners & 1
    corners >>= 2
    of, corners = np.divmod(corners, height * width)
    line, column = (part.astype(np.int32) for part in np.divmod(corners, width))
    del corners, same, is_corner
    # A row of corners is joined by twos, and so is a column of corners. Where two are at one place, sides are joined
    # around the pixels that are not of the region: then a hole has a ring of its own even if it touches the outer one.
    by_column = np.argsort(((of * width + column) * height + line) * 2 + from_below)
    del from_below
    vertical = np.empty(len(by_column), dtype=np.int32)
    vertical[by_column[::2]] = by_column[1::2]
    vertical[by_column[1::2]] = by_column[::2]
    del by_column
    order, lengths = _walk(vertical, np.diff(of, prepend=-1) > 0)
    of_ring = of[order[np.cumsum(lengths) - 1]]
    return Outlines(regions, np.bincount(of_ring, minlength=len(regions)), lengths, line[order], column[order])


def _walk(vertical: np.ndarray, is_first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Follow the rings, sides of a row and of a column by turns.

    Args:
        vertical: (corners,) the corner at the other end of the side in the column; in the row, it is that of the number
            with the lowest bit flipped.
        is_first: (corners,) whether a corner is the first of its region, which is on its outer ring.

    Returns:
        Corners of the rings one after the other, each ending with its first; number of them for each ring.
    """
    order, lengths = array("i"), array("i")
    other_end, outer = vertical.data, is_first.data
    seen = bytearray(len(vertical))
    for first in range(0, len(vertical), 2):
        if seen[first]:
            continue
        # The first corner of a ring in row-major order has a side to the right and one downwards: outer rings begin
        # with the one downwards, holes with the other.
        before, corner = len(order), first
        if outer[first]:
            while not seen[corner]:
                down = other_end[corner]
                order.append(corner)
                order.append(down)
                seen[corner] = seen[down] = 1
                corner = down ^ 1
        else:
            while not seen[corner]:
                beside = corner ^ 1
                order.append(corner)
                order.append(beside)
                seen[corner] = seen[beside] = 1
                corner = other_end[beside]
        order.append(first)
        lengths.append(len(order) - before)
    return np.frombuffer(order, dtype=np.int32), np.frombuffer(lengths, dtype=np.int32)
