"""Remapping of label values: every value is translated once, from the untouched input."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hscd.labels import CHANGED, UNCHANGED, UNKNOWN, Colour, counted_values, doubt_of, remap
from hscd.system.errors import InputError


def test_label_values_are_those_of_the_specification():
    assert (CHANGED, UNCHANGED, UNKNOWN) == (0, 1, 2)


# The file holds 0, 1, 2 in this order; by the specification changed becomes 0, unchanged 1, unknown 2. In each case
# some value is both a source and a target, so that translating step by step in one array would mix classes up.
@pytest.mark.parametrize(
    ("changed", "unchanged", "unknown", "expected"),
    [
        (1, 2, 0, [2, 0, 1]),  # Bay Area: 0 unknown, 1 changed, 2 unchanged
        (2, 1, 0, [2, 1, 0]),
        (0, 1, 2, [0, 1, 2]),
        (0, 2, 1, [0, 2, 1]),
        (1, 0, 2, [1, 0, 2]),
        (2, 0, 1, [1, 2, 0]),
    ],
)
def test_values_that_are_both_source_and_target_are_translated_once(changed, unchanged, unknown, expected):
    found = remap(np.array([0, 1, 2]), changed, unchanged, unknown)
    assert found.tolist() == expected


# Onera: changed 2 -> 0, unchanged 1 -> 1.
def test_without_unknown_value_two_classes_are_enough():
    assert remap(np.array([[2, 1], [1, 1]]), 2, 1).tolist() == [[0, 1], [1, 1]]


def test_without_unknown_value_the_label_2_is_not_taken_for_unknown():
    with pytest.raises(InputError, match="found 0, 1, 2"):
        remap(np.array([0, 1, 2]), 0, 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int64, np.float32, np.float64, ">i2", bool])
def test_result_is_uint8_of_the_same_shape_whatever_the_type(dtype):
    # 1 changed -> 0, 0 unchanged -> 1.
    found = remap(np.array([[0, 1, 1], [0, 0, 1]], dtype=dtype), 1, 0)
    np.testing.assert_array_equal(found, np.array([[1, 0, 0], [1, 1, 0]], dtype=np.uint8), strict=True)


# 0.5 -> changed, -1 -> unchanged, 1e6 -> unknown.
def test_float_negative_and_large_values():
    found = remap(np.array([1e6, -1.0, 0.5, 0.5]), changed=0.5, unchanged=-1, unknown=1e6)
    assert found.tolist() == [2, 1, 0, 0]


# 255 is a likely file value; it must not be confused with any mark the function uses on the way.
def test_255_is_a_value_like_any_other():
    assert remap(np.array([255, 0], dtype=np.uint8), 255, 0).tolist() == [0, 1]
    with pytest.raises(InputError, match="255"):
        remap(np.array([255, 0, 1], dtype=np.uint8), 1, 0)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_input_is_not_mutated(dtype):
    labels = np.array([[0, 1], [2, 1]], dtype=dtype)
    original = labels.copy()
    remap(labels, 1, 2, 0)
    np.testing.assert_array_equal(labels, original, strict=True)


def test_result_is_a_new_array_even_if_nothing_changes():
    labels = np.array([0, 1, 2], dtype=np.uint8)
    assert not np.shares_memory(remap(labels, 0, 1, 2), labels)


def test_error_lists_the_values_found_and_the_configured_ones():
    with pytest.raises(InputError) as caught:
        remap(np.array([[1, 7], [2, 9]]), changed=1, unchanged=2, unknown=0)
    message = str(caught.value)
    assert "found 1, 2, 7, 9" in message
    assert "changedLabel=1, unchangedLabel=2, unknownLabel=0" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("labels", "advice"),
    [([0, 1, 2], "; if 0 stands for pixels without ground truth: unknownLabel = 0"), ([0, 1, 2, 7], "")],
)
def test_one_value_of_no_class_may_be_unknown(labels, advice):
    with pytest.raises(InputError) as caught:
        remap(np.array(labels), changed=2, unchanged=1)
    assert str(caught.value).endswith(f"configured changedLabel=2, unchangedLabel=1{advice}")


def test_nan_is_a_value_that_is_not_configured():
    with pytest.raises(InputError, match=r"found 1, nan; configured .*; if NaN stands for .*: unknownLabel = nan"):
        remap(np.array([1.0, np.nan]), 1, 2, 0)


def test_nan_that_is_configured_is_not_advised():
    with pytest.raises(InputError) as caught:
        remap(np.array([1.0, np.nan, 7]), 1, 2, math.nan)
    configured = "configured changedLabel=1, unchangedLabel=2, unknownLabel=nan"
    assert str(caught.value).endswith(f"found 1, 7, nan; {configured}; unchangedLabel=2 does not occur")


# Of labels 1 and 2 all of 255 and 2 may be meant; of 1, 2 and 3 it is only clear that there is no 255.
@pytest.mark.parametrize(
    ("labels", "advice"),
    [
        (
            [1, 2],
            "; changedLabel=255 does not occur: if 2 stands for changed: changedLabel = 2; if it stands for pixels "
            "without ground truth: unknownLabel = 2",
        ),
        ([1, 2, 3], "; changedLabel=255 does not occur"),
        ([2, 3], ""),
    ],
)
def test_a_value_that_does_not_occur_is_told(labels, advice):
    with pytest.raises(InputError) as caught:
        remap(np.array(labels), changed=255, unchanged=1)
    assert str(caught.value).endswith(f"configured changedLabel=255, unchangedLabel=1{advice}")


@pytest.mark.parametrize(
    ("labels", "values", "said"),
    [
        ([1, 2], (7, 1, "other"), "changedLabel=7 does not occur: label map holds 1, 2 (2 counted as unknown)"),
        ([1, 2, 3], (1, (8, 9), (2, 3)), "unchangedLabel=8, 9 do not occur: label map holds 1, 2, 3"),
        ([0, 0], (1, 2, 0), "changedLabel=1, unchangedLabel=2 do not occur: label map holds 0"),
        (np.ma.masked_all(2), (1, 2, 0), "changedLabel=1, unchangedLabel=2 do not occur: label map holds nothing"),
        ([0, 0xFF0000], (0xFF, 0, "other"), None),
        # One of several values is enough; of classes that both occur only values taken for unknown are told.
        ([1, 2], ((1, 7), 2, 0), ""),
        ([1, 2, 5], (1, 2, "other"), "label map holds 5: neither changed nor unchanged, counted as unknown"),
        ([1, 2, 5], (1, 2, 5), ""),
    ],
)
def test_a_class_that_no_pixel_has_is_told(labels, values, said):
    labels, colours = np.ma.asarray(labels), said is None
    found = doubt_of(labels, remap(labels, *values, colours=colours), values, colours=colours)
    if colours:
        said = "changedLabel=255 does not occur: label map holds 0x000000, 0xff0000 (0xff0000 counted as unknown)"
    assert found == said + (", so kappa and F1 are undefined" if "occur" in said else "")


# Changed 1, 3, 0.5 -> 0; unchanged 0, 2 -> 1; unknown NaN, 9 -> 2.
def test_several_values_of_each_class():
    labels = np.array([[0, 1, 2, 3], [np.nan, 0.5, 9, 1]])
    found = remap(labels, (1, 3, 0.5), [0, 2], (math.nan, 9))
    assert found.tolist() == [[1, 0, 1, 0], [2, 0, 2, 0]]
    with pytest.raises(InputError, match=r"changedLabel=1, 3, unchangedLabel=0, 2, unknownLabel=nan, 9$"):
        remap(labels, (1, 3), (0, 2), (math.nan, 9))


def test_what_is_masked_is_unknown_whatever_its_value():
    labels = np.ma.array([[1, 2], [7, 1]], mask=[[False, False], [True, True]])
    found = remap(labels, 1, 2)
    np.testing.assert_array_equal(found, np.array([[0, 1], [2, 2]], np.uint8), strict=True)
    assert type(found) is np.ndarray


def test_colours_are_named_as_colours():
    with pytest.raises(InputError, match="found 0x000007, 0xff0000; configured changedLabel=0x00ff00, unchanged"):
        remap(np.array([7, 0xFF0000]), 0xFF00, 1, math.nan, colours=True)


# 0x00ff00 is 65280. Black, 0, stands for itself in both.
@pytest.mark.parametrize(
    ("found", "colours", "changed", "said"),
    [
        ([0, 0xFF0000], True, 1,
         "found 0x000000, 0xff0000; configured changedLabel=1, unchangedLabel=0; the file holds colours (written 0xff"),
        ([0, 1], False, Colour(0xFF00),
         "found 0, 1; configured changedLabel=0x00ff00, unchangedLabel=0; the file holds numbers (grey values or "),
        ([0, 1], False, 65280, "found 0, 1; configured changedLabel=65280, unchangedLabel=0"),
        ([0, 0xFF0000], True, Colour(0xFF00), "found 0x000000, 0xff0000; configured changedLabel=0x00ff00, unchanged"),
    ],
)  # fmt: skip
def test_colours_in_place_of_numbers_and_the_reverse(found, colours, changed, said):
    with pytest.raises(InputError) as caught:
        remap(np.array(found), changed, 0, colours=colours)
    assert said in str(caught.value)
    assert ("the file holds" in str(caught.value)) == ("the file holds" in said)


def test_values_next_to_a_configured_one_are_not_rounded_to_it():
    with pytest.raises(InputError, match=r"1\.25"):
        remap(np.array([1.0, 2.0, 1.25]), 1, 2, 0)


def test_a_configured_value_may_be_absent():
    assert remap(np.array([1, 1], dtype=np.uint8), 1, 2, 0).tolist() == [0, 0]


# At most three of a thousand values are configured, so any ten of them show some that are not.
def test_error_for_many_values_shows_only_the_first():
    with pytest.raises(InputError, match="found 0, 1, 2, 3") as caught:
        remap(np.arange(1000), 1, 2, 0)
    assert len(str(caught.value)) < 300


_VALUES = st.sampled_from([0, 1, 2, 3, 200, 255])


@settings(max_examples=200, deadline=None)
@given(
    labels=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=6), elements=_VALUES),
    values=st.lists(_VALUES, min_size=2, max_size=3, unique=True),
)
def test_any_map_and_any_values(labels, values):
    before = labels.copy()
    # One pixel after the other, by a table.
    table = dict(zip(values, (CHANGED, UNCHANGED, UNKNOWN), strict=False))
    if {*labels.ravel().tolist()} <= {*table}:
        expected = np.array([[table[value] for value in row] for row in labels.tolist()])
        np.testing.assert_array_equal(remap(labels, *values), expected)
    else:
        with pytest.raises(InputError, match="not configured"):
            remap(labels, *values)
    np.testing.assert_array_equal(labels, before)


@pytest.mark.parametrize("values", [([1, 2], 1, 0), (1, 2, [0, 2.0]), ([1, 1], 2, 0), (1, 2, (math.nan, float("nan")))])
def test_a_value_stands_for_one_class(values):
    with pytest.raises(ValueError, match=r"found changedLabel=1.*; expected different values"):
        remap(np.array([1, 2]), *values)


# 400 values of changed, of which the last one is unchanged, too, and a map of 40 others: ten are shown of each.
def test_of_many_values_messages_show_the_first():
    changed, labels = list(range(100, 500)), np.arange(40)
    first, last = "100, 101, 102, 103, 104, 105, 106, 107, 108, 109", "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
    with pytest.raises(InputError) as caught:
        remap(labels, changed, 499)
    said = f"found changedLabel={first} and 390 more, unchangedLabel=499 (499 twice); expected different values"
    assert str(caught.value) == said
    values = changed, 2, "other"
    found = doubt_of(labels, remap(labels, *values), values)
    assert found.startswith(f"changedLabel={first} and 390 more do not occur: label map holds {last} and 30 more (")


def test_values_are_counted_and_those_without_data_apart() -> None:
    labels = np.ma.array([0.5, 3, 3, 9, 9, 9], mask=[False, False, False, True, True, True])
    assert counted_values(labels) == "0.5 (1 pixel), 3 (2 pixels), and 3 pixels without data"
    assert counted_values(np.array([255, 65280, 255]), colours=True) == "0x0000ff (2 pixels), 0x00ff00 (1 pixel)"
