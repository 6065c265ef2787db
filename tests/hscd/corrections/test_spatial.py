"""Windows over class maps against nested loops that follow the definition word for word."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hscd.corrections import CORRECTIONS
from hscd.corrections.spatial import spatial_correction, uniform_neighborhood, window_counts, window_sizes

UNKNOWN = 2
SHAPES = [(1, 1), (1, 2), (1, 9), (9, 1), (2, 2), (3, 3), (4, 7), (7, 4), (12, 11), (2, 20)]
RADII = range(1, 7)


def window(values, row, column, radius):
    """The pixels of the (2r−1) × (2r−1) window, clipped at the border, as a list."""
    found = []
    for i in range(row - radius + 1, row + radius):
        for j in range(column - radius + 1, column + radius):
            if 0 <= i < values.shape[0] and 0 <= j < values.shape[1]:
                found.append(values[i, j])
    return found


def by_pixel(values, radius, decide):
    """The map of `decide(own value, window)` of each pixel."""
    rows, columns = values.shape
    return np.array([[decide(values[i, j], window(values, i, j, radius)) for j in range(columns)] for i in range(rows)])


def majority(own, pixels):
    """The most frequent class; the pixel's own in a tie. Unknown is no class, and stays."""
    if own == UNKNOWN:
        return own
    counts = Counter(value for value in pixels if value != UNKNOWN)
    most = max(counts.values())
    winners = [value for value, count in counts.items() if count == most]
    return winners[0] if len(winners) == 1 else own


def slow_correction(labels, radius):
    return by_pixel(labels, radius, majority)


def slow_uniform(labels, radius):
    return by_pixel(
        labels, radius, lambda own, pixels: own != UNKNOWN and all(value in (own, UNKNOWN) for value in pixels)
    )


def random_map(shape, classes, seed, share=None):
    rng = np.random.default_rng([seed, *shape])
    return rng.choice(np.arange(classes, dtype=np.uint8), size=shape, p=share)


# --- against the loops -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("radius", RADII)
def test_window_counts_and_sizes(shape, radius):
    mask = random_map(shape, 2, 0).astype(bool)
    np.testing.assert_array_equal(window_counts(mask, radius), by_pixel(mask, radius, lambda _, pixels: sum(pixels)))
    np.testing.assert_array_equal(window_sizes(shape, radius), by_pixel(mask, radius, lambda _, pixels: len(pixels)))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("radius", RADII)
@pytest.mark.parametrize("classes", [1, 2, 3, 4])
def test_correction_of_random_maps(shape, radius, classes):
    labels = random_map(shape, classes, 1)
    np.testing.assert_array_equal(spatial_correction(labels, radius), slow_correction(labels, radius))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("radius", RADII)
@pytest.mark.parametrize("share", [(0.5, 0.5), (0.95, 0.05), (0.6, 0.1, 0.3), (0.02, 0.03, 0.95)])
def test_uniform_neighborhood_of_random_maps(shape, radius, share):
    labels = random_map(shape, len(share), 2, share)
    np.testing.assert_array_equal(uniform_neighborhood(labels, radius), slow_uniform(labels, radius))


_SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=8)


@settings(max_examples=80, deadline=None)
@given(
    labels=hnp.arrays(np.uint8, _SHAPES, elements=st.sampled_from([0, 1])),
    other=st.sampled_from([1, 3, 7]),
    radius=st.integers(1, 6),
)
def test_any_map_of_two_classes(labels, other, radius):
    labels = labels * np.uint8(other)
    np.testing.assert_array_equal(spatial_correction(labels, radius), slow_correction(labels, radius))
    np.testing.assert_array_equal(uniform_neighborhood(labels, radius), slow_uniform(labels, radius))


@settings(max_examples=60, deadline=None)
@given(labels=hnp.arrays(np.uint8, _SHAPES, elements=st.sampled_from([0, 1, 3])), radius=st.integers(1, 6))
def test_any_map_of_three_classes(labels, radius):
    np.testing.assert_array_equal(spatial_correction(labels, radius), slow_correction(labels, radius))


@settings(max_examples=100, deadline=None)
@given(
    labels=hnp.arrays(np.uint8, _SHAPES, elements=st.sampled_from([0, 1, UNKNOWN])),
    other=st.sampled_from([1, 4]),
    radius=st.integers(1, 6),
)
def test_any_map_with_unknown_pixels(labels, other, radius):
    np.testing.assert_array_equal(uniform_neighborhood(labels, radius), slow_uniform(labels, radius))
    labels[0, 0] *= other  # a third class, where it was 1
    np.testing.assert_array_equal(spatial_correction(labels, radius), slow_correction(labels, radius))


# Unknown pixels around a map are the same as nothing around it.
@settings(max_examples=60, deadline=None)
@given(labels=hnp.arrays(np.uint8, _SHAPES, elements=st.sampled_from([0, 1])), radius=st.integers(1, 6))
def test_unknown_pixels_are_like_those_beyond_the_border(labels, radius):
    framed = np.pad(labels, 2, constant_values=UNKNOWN)
    inside = np.s_[2:-2, 2:-2]
    np.testing.assert_array_equal(
        spatial_correction(framed, radius), np.pad(spatial_correction(labels, radius), 2, constant_values=UNKNOWN)
    )
    uniform = uniform_neighborhood(framed, radius)
    np.testing.assert_array_equal(uniform[inside], uniform_neighborhood(labels, radius))
    assert uniform.sum() == uniform[inside].sum()


# --- by hand ---------------------------------------------------------------------------------------------------------


# Radius 2 is 3 × 3: nine pixels in the middle, six at an edge, four in a corner.
def test_window_sizes_by_hand():
    assert window_sizes((3, 4), 2).tolist() == [[4, 6, 6, 4], [6, 9, 9, 6], [4, 6, 6, 4]]


# One set pixel is seen from every pixel whose 5 × 5 window (radius 3) reaches it: two steps in each direction.
def test_radius_counts_the_centre():
    mask = np.zeros((7, 7), dtype=bool)
    mask[3, 3] = True
    seen = np.zeros((7, 7), dtype=int)
    seen[1:6, 1:6] = 1
    np.testing.assert_array_equal(window_counts(mask, 3), seen)


def test_radius_one_is_the_pixel_itself():
    labels = random_map((5, 6), 3, 3)
    np.testing.assert_array_equal(spatial_correction(labels, 1), labels)
    np.testing.assert_array_equal(uniform_neighborhood(labels, 1), labels != UNKNOWN)


# A 4 × 4 checkerboard with 0 in the top left. Radius 2:
# corners: windows of 2 × 2 hold two of each class, a tie; they keep their own.
# edges: windows of 2 × 3 hold three of each, a tie; they keep their own.
# middle: windows of 3 × 3 hold five of the centre's class and four of the other; it wins.
# So nothing changes, and only because a tie keeps the pixel's own class.
def test_checkerboard_is_all_ties_and_keeps_its_classes():
    board = np.indices((4, 4)).sum(axis=0).astype(np.uint8) % 2
    np.testing.assert_array_equal(spatial_correction(board, 2), board)


# Radius 2, both polarities. Top-left corner: its window is a b / b a, two each, a tie; it stays a. The pixel on its
# right (b) sees a b a / b a a: a a a a against b b; it becomes a. By symmetry so does the one below it.
# The bottom-right corner and all others see more a than b anyway.
@pytest.mark.parametrize(("a", "b"), [(0, 1), (1, 0), (1, 3)])
def test_checkerboard_in_a_corner(a, b):
    labels = np.array([[a, b, a, a], [b, a, a, a], [a, a, a, a]], dtype=np.uint8)
    assert (spatial_correction(labels, 2) == a).all()


# The corner itself differs now. It (b) sees b a / a b: a tie, so it stays b, although a is far more frequent outside
# of the window. Its right neighbour (a) sees b a a / a b a: four a, two b, stays a. Pixel (1, 1) (b) sees two b of
# nine and becomes a.
@pytest.mark.parametrize(("a", "b"), [(0, 1), (1, 0), (3, 1)])
def test_tie_in_a_corner_keeps_the_own_class(a, b):
    labels = np.full((4, 4), a, dtype=np.uint8)
    labels[0, 0] = labels[1, 1] = b
    expected = np.full((4, 4), a, dtype=np.uint8)
    expected[0, 0] = b
    np.testing.assert_array_equal(spatial_correction(labels, 2), expected)


# Radius 2 in one row: pixel 0 (0) sees 0 1, a tie, stays 0; pixel 1 (1) sees 0 1 3, a tie of three, stays 1; pixel 2
# (3) sees 1 3 3, stays 3; pixel 3 (3) sees 3 3 1, stays 3; pixel 4 (1) sees 3 1, a tie, stays 1.
# With radius 3: pixel 0 sees 0 1 3, stays 0; pixel 1 sees 0 1 3 3: becomes 3; pixels 2 and 3 see 0 1 3 3 1 and
# 1 3 3 1: ties of 1 and 3, stay 3; pixel 4 sees 3 3 1: becomes 3.
def test_ties_of_three_classes():
    labels = np.array([[0, 1, 3, 3, 1]], dtype=np.uint8)
    assert spatial_correction(labels, 2).tolist() == [[0, 1, 3, 3, 1]]
    assert spatial_correction(labels, 3).tolist() == [[0, 3, 3, 3, 3]]


# Radius 3 around the middle of 0 0 1 3 3: two 0 and two 3 tie for the first place. The centre is 1, not among the
# tied, and keeps its own class all the same.
def test_tie_among_other_classes_keeps_the_own_class():
    labels = np.array([[0, 0, 1, 3, 3]], dtype=np.uint8)
    assert spatial_correction(labels, 3)[0, 2] == 1


# Radius 3 in one row. 0 0 1 ? ?: pixel 2 (1) sees all; two of the three known ones are 0, though not most of the five.
# 1 ? ? 0: pixel 0 sees 1 ? ?, pixel 3 sees ? ? 0; more unknown pixels than known ones do not win.
# 0 ? ? 1: the same with pixel 0 seeing no 1. 1 ? 0: a tie for both known pixels, they stay.
@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([0, 0, 1, 2, 2], [0, 0, 0, 2, 2]),
        ([1, 2, 2, 0], [1, 2, 2, 0]),
        ([0, 2, 2, 1], [0, 2, 2, 1]),
        ([1, 2, 0], [1, 2, 0]),
    ],
)
def test_unknown_pixels_have_no_vote_and_stay_unknown(labels, expected):
    assert spatial_correction(np.array([labels], dtype=np.uint8)).tolist() == [expected]


# One row of radius 2, windows of three. Pixel 0 (1) sees 1 1; pixel 1 sees 1 1 ?, all of its class; pixel 2 is unknown
# itself; pixel 3 (0) sees ? 0 0; pixel 4 (0) sees 0 0 1, pixel 5 (1) sees 0 1: both classes.
def test_unknown_pixels_spoil_no_neighbourhood_and_have_none():
    labels = np.array([[1, 1, 2, 0, 0, 1]], dtype=np.uint8)
    assert uniform_neighborhood(labels, 2).tolist() == [[True, True, False, True, False, False]]


@pytest.mark.parametrize("radius", [1, 3])
def test_a_map_of_unknown_pixels_only(radius):
    labels = np.full((3, 4), UNKNOWN, dtype=np.uint8)
    np.testing.assert_array_equal(spatial_correction(labels, radius), labels)
    assert not uniform_neighborhood(labels, radius).any()


# 24 pixels of one class against one of the other in a 5 × 5 window.
def test_a_single_wrong_pixel_disappears():
    labels = np.zeros((9, 9), dtype=np.uint8)
    labels[4, 4] = 1
    assert (spatial_correction(labels) == 0).all()


# Default radius 3, a map of 1 × 5: the window of pixel 2 is the whole row, three 1 against two 0. Radius 2 sees 1 0 1,
# too; with radius 4 pixel 0 would see 1 1 0 1, with radius 3 it sees 1 1 0. Pixel 4 (0) sees 0 1 0 with radius 3 and
# 1 0 1 0, a tie, with radius 4; pixel 3 (1) sees 1 0 1 0, a tie, with radius 3 and three 1 with radius 4.
def test_default_radius_is_three():
    labels = np.array([[1, 1, 0, 1, 0]], dtype=np.uint8)
    assert spatial_correction(labels).tolist() == [[1, 1, 1, 1, 0]]
    np.testing.assert_array_equal(spatial_correction(labels), spatial_correction(labels, 3))


# A window of 5 × 5 around each of 3 × 3 pixels is the whole map: the majority of five takes all.
def test_map_smaller_than_the_window():
    labels = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]], dtype=np.uint8)
    assert (spatial_correction(labels, 3) == 1).all()
    assert not uniform_neighborhood(labels, 3).any()


# Radius 2: the wrong pixel (2, 3) spoils the 3 × 3 pixels around it, and is itself among others.
def test_one_wrong_pixel_excludes_all_within_the_window():
    labels = np.ones((6, 7), dtype=np.uint8)
    labels[2, 3] = 0
    expected = np.ones((6, 7), dtype=bool)
    expected[1:4, 2:5] = False
    np.testing.assert_array_equal(uniform_neighborhood(labels, 2), expected)


# Columns 0–2 are 0, columns 3–6 are 1. Radius 3 looks two steps aside: columns 1–4 see both.
def test_both_classes_can_be_uniform():
    labels = np.repeat(np.array([[0, 0, 0, 1, 1, 1, 1]], dtype=np.uint8), 5, axis=0)
    assert uniform_neighborhood(labels, 3).tolist() == [[True, False, False, False, False, True, True]] * 5


# --- types and errors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [1, 2, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_correction_keeps_the_type_and_the_input(classes, dtype):
    labels = random_map((6, 8), classes, 4).astype(dtype)
    original = labels.copy()
    assert spatial_correction(labels, 2).dtype == dtype
    uniform_neighborhood(labels, 2)
    np.testing.assert_array_equal(labels, original, strict=True)


def test_transposed_and_sliced_maps():
    labels = random_map((10, 14), 2, 5).T[::2, 1:]
    np.testing.assert_array_equal(spatial_correction(labels, 3), slow_correction(labels, 3))


@pytest.mark.parametrize("radius", [0, -1])
@pytest.mark.parametrize("classes", [1, 2, 3])
def test_radius_below_one_is_an_error(radius, classes):
    labels = random_map((4, 4), classes, 6)
    for function in (spatial_correction, uniform_neighborhood):
        with pytest.raises(ValueError, match=f"at least 1, received {radius}"):
            function(labels, radius)


# More pixels than 2¹⁶ and 2⁸ in one window: 300 · 300 = 90,000.
def test_counts_of_large_windows_do_not_overflow():
    mask = np.ones((300, 300), dtype=bool)
    assert (window_counts(mask, 300) == 90_000).all()
    assert (window_sizes((300, 300), 300) == 90_000).all()


# Of three columns the middle one is changed; in the last row its pixel is masked.
def test_lists_and_masked_arrays_are_corrected_as_plain_arrays_are():
    labels = np.array([[1, 0, 1]] * 4)
    scores = 1.0 - labels
    majority = CORRECTIONS["majority"]
    np.testing.assert_array_equal(majority(labels=labels.tolist(), scores=scores.tolist(), radius=2), np.ones((4, 3)))
    hidden = (labels == 0) & (np.arange(4) == 3)[:, None]
    found = majority(np.ma.masked_array(labels, hidden), scores=np.ma.masked_array(scores, hidden), radius=1)
    assert not np.ma.isMaskedArray(found)
    np.testing.assert_array_equal(found, np.where(hidden, UNKNOWN, labels))
