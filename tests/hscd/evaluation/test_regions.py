"""Regions against SciPy's labelling of images, their outlines against GDAL's polygons; small maps by hand."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from hscd.evaluation import regions
from hscd.evaluation.regions import find_regions

maps = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
    lambda shape: hnp.arrays(np.uint8, shape, elements=st.sampled_from([0, 0, 0, 1, 2]), fill=st.nothing())
)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    # A few rows, and a few runs, at a time, so that small maps have several of each.
    monkeypatch.setattr(regions, "_BLOCK_PIXELS", 20)
    monkeypatch.setattr(regions, "_BATCH_RUNS", 5)


def polygons(found, kept=None):
    """Rings of each region by its number: lists of (row, column), outer ring first."""
    result = {}
    for part in found.outlines(np.ones(found.count, dtype=bool) if kept is None else kept):
        vertices = list(zip(part.rows.tolist(), part.columns.tolist(), strict=True))
        ends = np.cumsum(part.lengths)
        assert ends[-1] == len(vertices)
        rings = [vertices[end - length : end] for end, length in zip(ends, part.lengths, strict=True)]
        assert part.rings.sum() == len(rings)
        for region, count in zip(part.regions.tolist(), part.rings, strict=True):
            result[region] = rings[:count]
            rings = rings[count:]
    return result


def signed_area(ring):
    """Twice the area, positive where x = column, y = −row turns counter-clockwise (shoelace formula)."""
    return sum(r1 * c2 - r2 * c1 for (r1, c1), (r2, c2) in itertools.pairwise(ring))


def turned(ring):
    """A closed ring, beginning with its smallest vertex."""
    assert ring[0] == ring[-1]
    at = min(range(len(ring) - 1), key=lambda i: ring[i:-1] + ring[:i])
    return (*ring[at:-1], *ring[:at])


# --- regions ---------------------------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(labels=maps, seed=st.integers(0, 100))
def test_regions_are_those_of_an_image_of_labels(labels, seed):
    numbers, count = ndimage.label(labels == 0)  # 4-neighbourhood, numbered in row-major order from 1
    found = find_regions(labels, 0)
    painted = np.zeros(labels.size, dtype=int)
    for start, stop, region in zip(found.starts, found.stops, found.of_run, strict=True):
        painted[start:stop] += region + 1
    assert found.count == count
    assert np.array_equal(painted.reshape(labels.shape), numbers)
    assert found.pixels().tolist() == np.bincount(numbers.ravel(), minlength=count + 1)[1:].tolist()
    values = np.random.default_rng(seed).random(labels.shape, dtype=np.float32)
    expected = [values[numbers == region].sum(dtype=np.float64) for region in range(1, count + 1)]
    assert found.sums(values) == pytest.approx(expected, rel=1e-14)


# Regions, by their first pixels: (0, 0), (0, 1) and (1, 1); column 3; (2, 0), which touches (1, 1) with a corner only.
# The values are 0 to 11 in row-major order.
def test_corners_do_not_connect():
    labels = np.array([[0, 0, 1, 0], [1, 0, 1, 0], [0, 1, 1, 0]])
    found = find_regions(labels, 0)
    assert found.pixels().tolist() == [3, 3, 1]
    assert found.sums(np.arange(12.0).reshape(3, 4)).tolist() == [0 + 1 + 5, 3 + 7 + 11, 8]


# The last pixel of a row and the first of the next follow each other in memory, but are no neighbours.
def test_rows_do_not_continue_in_the_next():
    assert find_regions(np.array([[1, 1, 0], [0, 1, 1]]), 0).pixels().tolist() == [1, 1]


def test_a_label_that_does_not_occur_has_no_regions():
    found = find_regions(np.ones((4, 5), dtype=np.uint8), 0)
    assert (found.count, found.pixels().size, found.sums(np.zeros((4, 5))).size) == (0, 0, 0)
    assert list(found.outlines(np.zeros(0, dtype=bool))) == []


def test_a_single_pixel():
    found = find_regions(np.zeros((1, 1), dtype=np.uint8), 0)
    assert found.pixels().tolist() == [1]
    assert polygons(found) == {0: [[(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]]}


def test_what_is_not_a_number_stays_in_its_region():
    values = np.array([[np.nan, 9, 1.5, np.inf, 2, -np.inf, 3]])
    assert str(find_regions(np.array([[0, 1, 0, 1, 0, 1, 0]]), 0).sums(values).tolist()) == "[nan, 1.5, 2.0, 3.0]"


def test_sums_are_in_double_precision():
    # In float32, 2^24 + 1 is 2^24.
    values = np.array([[2.0**24, 1, 1, 1]], dtype=np.float32)
    assert find_regions(np.zeros((1, 4)), 0).sums(values).tolist() == [2.0**24 + 3]


def test_values_of_another_map_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 3\)"):
        find_regions(np.zeros((3, 2)), 0).sums(np.zeros((2, 3)))


# --- outlines --------------------------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(labels=maps)
def test_outlines_are_those_of_gdal(labels):
    from rasterio.features import shapes

    mask = (labels == 0).astype(np.uint8)
    expected = set()
    for shape, _ in shapes(mask, mask=mask.view(bool), connectivity=4):
        rings = [[(int(y), int(x)) for x, y in ring] for ring in shape["coordinates"]]
        rings = [ring if (signed_area(ring) > 0) == (i == 0) else ring[::-1] for i, ring in enumerate(rings)]
        expected.add((turned(rings[0]), frozenset(map(turned, rings[1:]))))
    found = polygons(find_regions(labels, 0))
    assert list(found) == list(range(len(expected)))
    assert {(turned(rings[0]), frozenset(map(turned, rings[1:]))) for rings in found.values()} == expected


@settings(max_examples=40, deadline=None)
@given(labels=maps)
def test_outer_rings_less_holes_enclose_the_pixels(labels):
    found = find_regions(labels, 0)
    pixels = found.pixels()
    for region, (outer, *holes) in polygons(found).items():
        assert signed_area(outer) > 0
        assert all(signed_area(hole) < 0 for hole in holes)
        assert signed_area(outer) + sum(map(signed_area, holes)) == 2 * pixels[region]


# 0 0 0    The hole in the middle touches the outside at its lower right corner (2, 2), yet has a ring of its own:
# 0 . 0    an outer ring that passes a point twice would not be a valid polygon.
# 0 0 .
def test_a_hole_that_touches_the_outside_has_its_own_ring():
    (rings,) = polygons(find_regions(np.array([[0, 0, 0], [0, 1, 0], [0, 0, 1]]), 0)).values()
    assert rings == [
        [(0, 0), (3, 0), (3, 2), (2, 2), (2, 3), (0, 3), (0, 0)],
        [(1, 1), (1, 2), (2, 2), (2, 1), (1, 1)],
    ]


def test_regions_that_touch_in_a_corner_have_their_own_outlines():
    found = polygons(find_regions(np.array([[0, 1], [1, 0]]), 0))
    assert found == {
        0: [[(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]],
        1: [[(1, 1), (2, 1), (2, 2), (1, 2), (1, 1)]],
    }


def test_only_regions_that_are_kept_have_outlines():
    labels = np.zeros((7, 9), dtype=np.uint8)
    labels[::2], labels[:, ::2] = 1, 1  # 3 rows of 4 single pixels
    found = find_regions(labels, 0)
    assert found.count == 12
    kept = np.arange(12) % 5 == 0
    everything = polygons(found)
    assert polygons(found, kept) == {region: everything[region] for region in (0, 5, 10)}
    assert polygons(found, np.zeros(12, dtype=bool)) == {}
