"""Which pseudo-labels are chosen: by hand, against slow loops, and on the pseudo-labels of Bay Area."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from conftest import SHARED, needs_shared
from hscd.scores import classify
from hscd.selections import SELECTIONS, by_code, corrected_labels
from hscd.selections.agreement import labels_by_agreement
from hscd.selections.everything import all_labels
from hscd.selections.neighborhood import labels_by_neighborhood
from hscd.selections.percentage import labels_by_percentage
from hscd.system import storage
from hscd.system.errors import InputError

CHANGED, UNCHANGED, UNKNOWN = 0, 1, 2


def pseudo(distances, threshold, shape=None):
    distances = np.asarray(distances)
    return {"threshold": threshold, "distances": distances.ravel(), "shape": shape or distances.shape}


def random_pseudo(seed, shape, levels=8, threshold=3.0):
    """Few levels, so that many distances are equal and some lie on the threshold."""
    return pseudo(np.random.default_rng([seed, *shape]).integers(0, levels, shape).astype(np.float32), threshold)


# --- oracles ---------------------------------------------------------------------------------------------------------


def slow_labels(pseudo_dict):
    rows, columns = pseudo_dict["shape"]
    flat = [
        UNKNOWN if np.isnan(d) else CHANGED if d > pseudo_dict["threshold"] else UNCHANGED
        for d in np.ravel(pseudo_dict["distances"])
    ]
    return [flat[row * columns : (row + 1) * columns] for row in range(rows)]


def slow_window(labels, row, column, radius):
    return [
        labels[i][j]
        for i in range(max(row - radius + 1, 0), min(row + radius, len(labels)))
        for j in range(max(column - radius + 1, 0), min(column + radius, len(labels[0])))
    ]


def slow_corrected(pseudo_dict):
    """Majority of the known of 5 × 5 pixels; a tie keeps the pixel's own class, and unknown pixels stay."""
    labels = slow_labels(pseudo_dict)
    corrected = []
    for row, line in enumerate(labels):
        corrected.append([])
        for column, own in enumerate(line):
            counts = Counter(slow_window(labels, row, column, 3))
            keep = own == UNKNOWN or counts[CHANGED] == counts[UNCHANGED]
            corrected[-1].append(own if keep else CHANGED if counts[CHANGED] > counts[UNCHANGED] else UNCHANGED)
    return corrected


def slow_by_percentage(pseudo_dict, percentage):
    labels = [label for line in slow_labels(pseudo_dict) for label in line]
    distances = [float(d) for d in np.ravel(pseudo_dict["distances"])]
    positions, chosen = [], []
    for label, sign in ((UNCHANGED, 1), (CHANGED, -1)):
        members = [position for position, value in enumerate(labels) if value == label]
        members.sort(key=lambda position: (sign * distances[position], position))
        members = members[: int(percentage * len(members))]
        positions += members
        chosen += [label] * len(members)
    return positions, chosen


def slow_by_neighborhood(pseudo_dict, radius):
    corrected = slow_corrected(pseudo_dict)
    columns = len(corrected[0])
    positions = [
        row * columns + column
        for row, line in enumerate(corrected)
        for column, own in enumerate(line)
        if own != UNKNOWN and all(label in (own, UNKNOWN) for label in slow_window(corrected, row, column, radius))
    ]
    return positions, [corrected[position // columns][position % columns] for position in positions]


def slow_all(pseudo_dict):
    labels = [label for line in slow_corrected(pseudo_dict) for label in line]
    positions = [position for position, label in enumerate(labels) if label != UNKNOWN]
    return positions, [labels[position] for position in positions]


def assert_selects(found, expected):
    positions, labels = found
    assert positions.tolist() == list(expected[0])
    assert labels.tolist() == list(expected[1])
    assert labels.dtype == np.uint8
    assert np.issubdtype(positions.dtype, np.integer)


# --- labels ----------------------------------------------------------------------------------------------------------


# Changed is only what is greater than the threshold: 0.5 itself is unchanged.
def test_distance_at_the_threshold_is_unchanged():
    labels = classify(np.array([0.25, 0.5, 0.75]), 0.5)
    np.testing.assert_array_equal(labels, np.array([1, 1, 0], dtype=np.uint8), strict=True)


# The same in the percentage selection: two unchanged (0.25, 0.5), one changed (0.75), all kept.
def test_distance_at_the_threshold_is_selected_as_unchanged():
    assert_selects(labels_by_percentage(pseudo([[0.5, 0.75, 0.25]], 0.5), 1), ([2, 0, 1], [1, 1, 0]))


# One row; correction with radius 3 sees two pixels aside. Labels: 0.9 -> 0, else 1: 1 1 0 1 1. The middle pixel sees
# four 1 and one 0 and becomes 1.
def test_all_labels_are_every_pixel_after_correction():
    assert_selects(all_labels(pseudo([[0.1, 0.1, 0.9, 0.1, 0.2]], 0.5)), (range(5), [1, 1, 1, 1, 1]))


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (2, 3), (9, 12)])
@pytest.mark.parametrize("seed", range(3))
def test_corrected_labels_of_random_maps(shape, seed):
    pseudo_dict = random_pseudo(seed, shape)
    expected = np.array(slow_corrected(pseudo_dict), dtype=np.uint8)
    np.testing.assert_array_equal(corrected_labels(pseudo_dict), expected, strict=True)
    assert_selects(all_labels(pseudo_dict), (range(expected.size), expected.ravel()))


# --- by percentage ---------------------------------------------------------------------------------------------------


# Threshold 5. Unchanged: positions 1 (4), 3 (2), 5 (3), 6 (1), 8 (5); changed: 0 (9), 2 (6), 4 (8), 7 (7).
# Half of 5 is int(2.5) = 2: the smallest are 6 (1), 3 (2). Half of 4 is 2: the largest are 0 (9), 4 (8).
def test_percentage_by_hand():
    pseudo_dict = pseudo([[9.0, 4, 6], [2, 8, 3], [1, 7, 5]], 5.0)
    assert_selects(labels_by_percentage(pseudo_dict, 0.5), ([6, 3, 0, 4], [1, 1, 0, 0]))


# The same scene. 1 keeps everything, unchanged by rising, changed by falling distance.
def test_percentage_one_keeps_everything():
    pseudo_dict = pseudo([[9.0, 4, 6], [2, 8, 3], [1, 7, 5]], 5.0)
    assert_selects(labels_by_percentage(pseudo_dict, 1), ([6, 3, 5, 1, 8, 0, 4, 7, 2], [1] * 5 + [0] * 4))


# int(p · 10) of ten unchanged and int(p · 4) of four changed.
@pytest.mark.parametrize(
    ("percentage", "unchanged", "changed"),
    [(0.09, 0, 0), (0.1, 1, 0), (0.24, 2, 0), (0.25, 2, 1), (0.5, 5, 2), (0.99, 9, 3), (1.0, 10, 4)],
)
def test_number_of_pixels_is_rounded_down_in_each_class(percentage, unchanged, changed):
    distances = np.concatenate([np.arange(10), 20 + np.arange(4)]).astype(float)
    positions, labels = labels_by_percentage(pseudo(distances, 15.0, (2, 7)), percentage)
    # Unchanged from the left, changed from the right.
    assert positions.tolist() == [*range(unchanged), *range(13, 13 - changed, -1)]
    assert labels.tolist() == [1] * unchanged + [0] * changed


# Unchanged 1 2 3 4 at 0 to 3, changed 6 7 8 9 at 4 to 7: int(0.5 · 4) = 2 of the changed, int(0.75 · 4) = 3 others.
def test_the_classes_may_have_a_percentage_each():
    pseudo_dict = pseudo([[1.0, 2, 3, 4], [6, 7, 8, 9]], 5.0)
    assert_selects(labels_by_percentage(pseudo_dict, 0.5, of_unchanged=0.75), ([0, 1, 2, 7, 6], [1] * 3 + [0] * 2))
    select = SELECTIONS["percentage"].select
    found = select(pseudo_dict, None, pseudo_percentage=0.5, pseudo_percentage_unchanged=0.75)
    assert_selects(found, ([0, 1, 2, 7, 6], [1] * 3 + [0] * 2))
    assert_selects(select(pseudo_dict, None, pseudo_percentage=0.5), ([0, 1, 7, 6], [1] * 2 + [0] * 2))
    for of_unchanged in (0, 1.5):
        with pytest.raises(ValueError, match="percentage must be in"):
            labels_by_percentage(pseudo_dict, 0.5, of_unchanged=of_unchanged)


# Unchanged 1 1 1 at 0, 2, 4 and changed 9 9 9 at 1, 3, 5: of equal distances the first positions, int(0.7 · 3) = 2.
def test_equal_distances_are_taken_by_position_in_both_classes():
    pseudo_dict = pseudo([[1.0, 9, 1], [9, 1, 9]], 5.0)
    assert_selects(labels_by_percentage(pseudo_dict, 0.7), ([0, 2, 1, 3], [1, 1, 0, 0]))


@pytest.mark.parametrize(("distances", "label"), [([1.0, 2.0], UNCHANGED), ([8.0, 7.0], CHANGED)])
def test_one_class_may_be_empty(distances, label):
    assert_selects(labels_by_percentage(pseudo([distances], 5.0), 1), ([0, 1], [label] * 2))


@pytest.mark.parametrize("percentage", [0, -0.1, 1.0001, 2, float("nan"), float("inf")])
def test_percentage_out_of_range_is_an_error(percentage):
    with pytest.raises(ValueError, match=r"percentage must be in \]0, 1\], received"):
        labels_by_percentage(pseudo([[1.0, 9.0]], 5.0), percentage)


@settings(max_examples=100, deadline=None)
@given(
    distances=hnp.arrays(np.float32, st.integers(1, 40), elements=st.integers(0, 6).map(float)),
    threshold=st.sampled_from([-1.0, 0.0, 2.0, 2.5, 6.0]),
    percentage=st.floats(0, 1, exclude_min=True),
)
def test_percentage_of_any_distances(distances, threshold, percentage):
    pseudo_dict = pseudo(distances, threshold, (1, len(distances)))
    assert_selects(labels_by_percentage(pseudo_dict, percentage), slow_by_percentage(pseudo_dict, percentage))


# --- by neighbourhood ------------------------------------------------------------------------------------------------


# Columns 0–4 unchanged, 5–9 changed, 5 rows; correction leaves a straight edge as it is: on both sides of it three of
# five columns are the pixel's own (pixel column 4 sees columns 2–6), and in the clipped windows it is the same.
# Radius 2 looks one column aside: 4 and 5 see both classes and are left out. Radius 3: 3, 4, 5, 6.
@pytest.mark.parametrize(("radius", "left_out"), [(1, []), (2, [4, 5]), (3, [3, 4, 5, 6]), (5, range(1, 9))])
def test_neighborhood_along_an_edge(radius, left_out):
    distances = np.repeat([[1.0] * 5 + [9.0] * 5], 5, axis=0)
    kept = [position for position in range(50) if position % 10 not in left_out]
    expected = kept, [1 if position % 10 < 5 else 0 for position in kept]
    assert_selects(labels_by_neighborhood(pseudo(distances, 5.0), radius), expected)


# A changed block of 5 × 5 at the top left of 12 × 12 loses the corner (4, 4) to the correction: its 5 × 5 window holds
# 9 changed pixels of 25. (3, 4) sees rows 1–5, columns 2–6: 4 rows · 3 columns = 12 of 25, lost too, and (4, 3) like
# it; (3, 3) sees 4 · 4 = 16 and stays. (2, 4) sees rows 0–4: 5 · 3 = 15 and stays. Nothing is gained: (0, 5) sees
# rows 0–2, columns 3–7: 3 · 2 = 6 of 15.
# Radius 2 then keeps, of the changed, those without an unchanged neighbour: rows 0–1 of columns 0–3 (their neighbours
# reach row 2, column 4), row 2 of columns 0–2 ((2, 3) touches (3, 4)), row 3 of columns 0–1 ((3, 2) touches (4, 3)),
# and nothing of row 4, which touches row 5.
def test_neighborhood_is_taken_after_correction():
    distances = np.ones((12, 12))
    distances[:5, :5] = 9
    positions, labels = labels_by_neighborhood(pseudo(distances, 5.0), 2)
    changed = sorted(divmod(int(position), 12) for position in positions[labels == CHANGED])
    expected = [(row, column) for row, width in enumerate((4, 4, 3, 2)) for column in range(width)]
    assert changed == expected


# The noise of single pixels is gone before the neighbourhood is looked at, so it excludes nothing.
def test_single_wrong_pixels_are_corrected_and_do_not_exclude_their_neighbours():
    distances = np.ones((9, 9))
    distances[4, 4] = 9
    assert_selects(labels_by_neighborhood(pseudo(distances, 5.0), 3), (range(81), [UNCHANGED] * 81))


# A changed block of 5 × 5 survives correction but for its corners and some of its edge. A window of radius 12 reaches
# the whole map of 11 × 11 from everywhere, so it holds both classes everywhere.
def test_nothing_is_selected_where_every_window_holds_both_classes():
    distances = np.ones((11, 11))
    distances[3:8, 3:8] = 9
    positions, labels = labels_by_neighborhood(pseudo(distances, 5.0), 12)
    assert positions.size == labels.size == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2), (8, 11)])
@pytest.mark.parametrize("radius", range(1, 6))
def test_neighborhood_of_random_maps(shape, radius):
    # Mostly unchanged, so that both kept and excluded pixels occur.
    pseudo_dict = random_pseudo(radius, shape, levels=9, threshold=5.5)
    assert_selects(labels_by_neighborhood(pseudo_dict, radius), slow_by_neighborhood(pseudo_dict, radius))


@settings(max_examples=60, deadline=None)
@given(
    distances=hnp.arrays(
        np.float64, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.sampled_from([0.0, 1.0])
    ),
    radius=st.integers(1, 5),
)
def test_neighborhood_of_any_map(distances, radius):
    pseudo_dict = pseudo(distances, 0.5)
    assert_selects(labels_by_neighborhood(pseudo_dict, radius), slow_by_neighborhood(pseudo_dict, radius))


# --- masked pixels ---------------------------------------------------------------------------------------------------


NAN = np.nan


def test_a_pixel_without_a_distance_is_unknown():
    labels = classify(np.array([[0.25, NAN], [0.75, NAN]], dtype=np.float32), 0.5)
    np.testing.assert_array_equal(labels, np.array([[1, 2], [0, 2]], dtype=np.uint8), strict=True)


# Threshold 5. Unchanged: positions 1 (4), 3 (2), 6 (1), 8 (5); changed: 0 (9), 2 (6), 7 (7); masked: 4 and 5.
# Half of 4 is 2: the smallest are 6 (1), 3 (2). Half of 3 is int(1.5) = 1: the largest is 0 (9).
def test_percentage_of_pixels_that_are_not_masked_by_hand():
    pseudo_dict = pseudo([[9.0, 4, 6], [2, NAN, NAN], [1, 7, 5]], 5.0)
    assert_selects(labels_by_percentage(pseudo_dict, 0.5), ([6, 3, 0], [1, 1, 0]))
    assert_selects(labels_by_percentage(pseudo_dict, 1), ([6, 3, 1, 8, 0, 7, 2], [1] * 4 + [0] * 3))


# One row of labels 1 1 ? 0 0 0 1, position 2 masked. Correction, two pixels aside: 0 sees 1 1 ?, 1 sees 1 1 ? 0, both
# stay 1; 3 sees 1 ? 0 0 0, 4 sees ? 0 0 0 1, 5 sees 0 0 0 1, all stay 0; 6 sees 0 0 1, becomes 0.
# So 1 1 ? 0 0 0 0, and with radius 2 no neighbourhood holds both classes; with radius 3 those of 1 (1 1 ? 0) and of
# 3 (1 ? 0 0 0) do.
def test_all_and_neighbourhood_beside_a_masked_pixel_by_hand():
    pseudo_dict = pseudo([[1.0, 1, NAN, 9, 9, 9, 1]], 5.0)
    everything = [0, 1, 3, 4, 5, 6], [1, 1, 0, 0, 0, 0]
    assert_selects(all_labels(pseudo_dict), everything)
    assert_selects(labels_by_neighborhood(pseudo_dict, 2), everything)
    assert_selects(labels_by_neighborhood(pseudo_dict, 3), ([0, 4, 5, 6], [1, 0, 0, 0]))


@pytest.mark.parametrize(
    "select", [all_labels, lambda p: labels_by_percentage(p, 1), lambda p: labels_by_neighborhood(p, 1)]
)
def test_nothing_is_selected_of_masked_pixels_only(select):
    assert_selects(select(pseudo(np.full((2, 3), NAN, np.float32), 5.0)), ([], []))


@settings(max_examples=100, deadline=None)
@given(
    distances=hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=8),
        elements=st.sampled_from([0.0, 1.0, 2.0, 3.0, NAN]),
    ),
    radius=st.integers(1, 4),
    percentage=st.floats(0, 1, exclude_min=True),
)
def test_any_selection_with_masked_pixels(distances, radius, percentage):
    pseudo_dict = pseudo(distances, 1.0)
    assert_selects(all_labels(pseudo_dict), slow_all(pseudo_dict))
    assert_selects(labels_by_neighborhood(pseudo_dict, radius), slow_by_neighborhood(pseudo_dict, radius))
    assert_selects(labels_by_percentage(pseudo_dict, percentage), slow_by_percentage(pseudo_dict, percentage))


@pytest.mark.parametrize("radius", [0, -2])
def test_radius_below_one_is_an_error(radius):
    with pytest.raises(ValueError, match="at least 1"):
        labels_by_neighborhood(pseudo([[1.0, 9.0]], 5.0), radius)


def test_input_is_not_mutated():
    pseudo_dict = random_pseudo(0, (6, 7))
    original = pseudo_dict["distances"].copy()
    labels_by_percentage(pseudo_dict, 0.4)
    labels_by_neighborhood(pseudo_dict, 2)
    all_labels(pseudo_dict)
    np.testing.assert_array_equal(pseudo_dict["distances"], original, strict=True)


# The guide's program saved distances as a column, (pixels, 1). Unchanged 0 (1), 2 (2), 3 (0), changed 1 (9), 4 (8).
def test_distances_in_a_column_are_selected_like_others():
    distances = np.array([[1.0], [9.0], [2.0], [0.0], [8.0]])
    pseudo_dict = {"threshold": 5.0, "distances": distances, "shape": (1, 5)}
    assert_selects(labels_by_percentage(pseudo_dict, 1), ([3, 0, 2, 1, 4], [1, 1, 1, 0, 0]))
    # Of the five pixels in a row, correction sees 1 0 1 | 1 0 1 1 | 1 0 1 1 0 | 0 1 1 0, a tie | 1 1 0: all become 1.
    assert_selects(all_labels(pseudo_dict), (range(5), [1] * 5))
    assert_selects(labels_by_neighborhood(pseudo_dict, 2), (range(5), [1] * 5))


# --- the guide's own pseudo-labels -----------------------------------------------------------------------------------

# Section 7 of the specification: 600 × 500 pixels. 64,598 distances are greater than the threshold, 235,402 are not.
# 40 × 40 pixels in each kind of place: two corners, an edge, the middle.
REGIONS = [(0, 0), (560, 460), (0, 230), (300, 200)]


@pytest.fixture(scope="module")
def bay_area():
    return storage.read_pickle(SHARED / "legacy" / "bayarea.pickle")


def slow_region(pseudo_dict, top, left, select):
    """What `select` makes of the 40 × 40 pixels, by whole-map position.

    It sees four more pixels on each side that has them: the correction looks two pixels aside, and the neighbourhood
    of radius 3 another two.
    """
    first_row, first_column = max(top - 4, 0), max(left - 4, 0)
    distances = np.reshape(pseudo_dict["distances"], (600, 500))[first_row : top + 44, first_column : left + 44]
    columns = distances.shape[1]
    positions, labels = select(pseudo(distances, pseudo_dict["threshold"]))
    places = [(first_row + p // columns, first_column + p % columns) for p in positions]
    return keep_region(
        ((row * 500 + column, label) for (row, column), label in zip(places, labels, strict=True)), top, left
    )


def keep_region(labelled, top, left):
    return {p: label for p, label in labelled if top <= p // 500 < top + 40 and left <= p % 500 < left + 40}


@needs_shared
def test_bay_area_has_the_known_number_of_changed_pixels(bay_area):
    labels = classify(bay_area["distances"], bay_area["threshold"])
    assert np.bincount(labels.ravel()).tolist() == [64_598, 235_402]


@needs_shared
@pytest.mark.parametrize("percentage", [0.1, 0.4])
def test_bay_area_by_percentage(bay_area, percentage):
    # int(0.1 · 235,402) = 23,540 and int(0.1 · 64,598) = 6,459; with 0.4, 94,160 and 25,839.
    unchanged, changed = {0.1: (23_540, 6_459), 0.4: (94_160, 25_839)}[percentage]
    positions, labels = labels_by_percentage(bay_area, percentage)
    assert labels.tolist() == [UNCHANGED] * unchanged + [CHANGED] * changed
    assert_selects((positions, labels), slow_by_percentage(bay_area, percentage))


@needs_shared
@pytest.mark.parametrize(("top", "left"), REGIONS)
def test_bay_area_all_labels(bay_area, top, left):
    positions, labels = all_labels(bay_area)
    np.testing.assert_array_equal(positions, np.arange(300_000))
    found = keep_region(enumerate(labels.tolist()), top, left)
    assert len(found) == 1600
    assert found == slow_region(bay_area, top, left, slow_all)


@needs_shared
@pytest.mark.parametrize(("top", "left"), REGIONS)
def test_bay_area_by_neighborhood(bay_area, top, left):
    positions, labels = labels_by_neighborhood(bay_area, 3)
    assert (np.diff(positions) > 0).all()
    found = keep_region(zip(positions.tolist(), labels.tolist(), strict=True), top, left)
    assert 0 < len(found) < 1600
    assert found == slow_region(bay_area, top, left, lambda region: slow_by_neighborhood(region, 3))


def test_codes_and_names_of_files_are_those_of_the_guide():
    assert {name: SELECTIONS[name].code for name in SELECTIONS} == {
        "all": 0, "percentage": 1, "neighborhood": 2, "agreement": 3,
    }  # fmt: skip
    assert [by_code(code) for code in range(3)] == ["all", "percentage", "neighborhood"]
    with pytest.raises(KeyError):
        by_code(4)
    assert SELECTIONS["all"].label() == "all"
    assert SELECTIONS["percentage"].label(pseudo_percentage=0.4) == "0.4"
    both = {"pseudo_percentage": 0.7, "pseudo_percentage_unchanged": 0.85}
    assert SELECTIONS["percentage"].label(**both) == "0.7-0.85"
    assert SELECTIONS["percentage"].label(pseudo_percentage=0.4, pseudo_percentage_unchanged=None) == "0.4"
    assert SELECTIONS["neighborhood"].label(pseudo_radius=3) == "r=3"


def test_selections_correct_as_they_are_told_to():
    pseudo_dict = pseudo([[0.1, 0.9, 0.1]], 0.5)

    def untouched(labels, scores):
        assert scores.shape == labels.shape == (1, 3)
        return labels

    pseudo_dict["votes"] = np.array([0, 1, 0], np.float32)
    options = {
        "all": {}, "percentage": {"pseudo_percentage": 1.0}, "neighborhood": {"pseudo_radius": 1},
        "agreement": {"pseudo_agreement": 1.0},
    }  # fmt: skip
    for name, selection in SELECTIONS.items():
        positions, labels = selection.select(pseudo_dict, untouched, **options[name])
        # Uncorrected, the pixel in the middle stays changed.
        assert dict(zip(positions.tolist(), labels.tolist(), strict=True)) == {0: 1, 1: 0, 2: 1}, name


# Changed are pixels 1, 2 and 5, by distances above .5; 4 is masked. Of 5 members 4 say so of pixel 1, all of 2, 1 of 5;
# of the unchanged ones all say so of pixel 0, 3 of pixel 3.
@pytest.mark.parametrize(
    ("share", "expected"),
    [(1.0, [0, 2]), (0.8, [0, 1, 2]), (0.61, [0, 1, 2]), (0.6, [0, 1, 2, 3]), (0.2, [0, 1, 2, 3, 5])],
)
def test_agreement_keeps_what_so_many_members_call_alike(share, expected):
    pseudo_dict = pseudo(np.array([[0.1, 0.9, 0.8], [0.2, np.nan, 0.7]]), 0.5)
    pseudo_dict["votes"] = (np.array([0, 4, 5, 2, 0, 1]) / 5).astype(np.float32)
    positions, labels = labels_by_agreement(pseudo_dict, share)
    assert positions.tolist() == expected
    assert labels.tolist() == [[1, 0, 0, 1, 2, 0][position] for position in expected]


def test_agreement_needs_votes():
    with pytest.raises(InputError, match="fine_tuning = 3 needs pseudo-labels of an ensemble"):
        labels_by_agreement(pseudo([[0.1, 0.9]], 0.5), 1.0)
