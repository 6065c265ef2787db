"""A pair of images is told from others by its values."""

import numpy as np
import pytest

from hscd.scenes.fingerprint import NO, PART, YES, fingerprint, part_of, seen_in_training, window_of


def of(before, after):
    return fingerprint(window_of(before), window_of(after), before.shape)


@pytest.fixture
def pair():
    return np.random.default_rng(0).integers(0, 99, (2, 20, 40, 3)).astype(np.uint16)


def test_values_count_and_not_how_they_are_stored(pair):
    known = of(*pair)
    assert len(known) == 16
    assert of(pair[0].astype(np.float32), pair[1].astype(">f8")) == known
    assert of(*np.asfortranarray(pair)) == known


def test_every_nan_is_alike(pair):
    before, after = pair.astype(np.float32)
    before[0, 0, 0] = np.nan
    known = of(before, after)
    before[0, 0, 0] = -np.nan
    assert of(before, after) == known != of(*pair)


# Of 20 rows and 40 columns the sixteen places along the diagonal begin at (0, 0), go on to (1, 2), as 19 / 15 = 1.27
# and 39 / 15 = 2.6, and end at (19, 39).
@pytest.mark.parametrize("place", [(0, 0), (1, 2), (19, 39)])
@pytest.mark.parametrize("date", [0, 1])
def test_another_value_in_one_of_the_places_is_another_pair(pair, date, place):
    known = of(*pair)
    pair[date][place][2] += 1
    assert of(*pair) != known


def test_dates_and_shape_count(pair):
    assert of(*pair) != of(*pair[::-1])
    constant = np.ones((20, 40, 3))
    assert of(constant, constant) != of(constant[:19], constant[:19])


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 9, 2), (3, 2, 4)])
def test_images_of_few_pixels_are_told_apart_too(shape):
    first, second = np.random.default_rng(1).random((2, *shape))
    assert of(first, second) != of(second, first)


def test_what_was_learned_from_is_told_from_what_was_kept_apart():
    one, other = np.array([[1, 2], [3, 3]], np.uint8), np.array([[1, 2], [3, 0]], np.uint8)
    parts, others = part_of("ab", one), part_of("ab", other)
    assert parts == part_of("ab", one[:, :]) != others
    assert parts.startswith("ab/")
    for place in ("ab", parts):
        assert seen_in_training(place, ()) is None
        assert seen_in_training(place, ["abc", part_of("abc", one)]) == NO
        assert seen_in_training(place, ["cd", "ab"]) == seen_in_training(place, ["ab", parts]) == YES
    # Parts: all pixels have some that were learned from, the same parts keep the test part out, others do not.
    assert seen_in_training("ab", [parts]) == PART
    assert seen_in_training(parts, ["cd", parts]) == NO
    assert seen_in_training(parts, [others]) == seen_in_training(parts, [parts, others]) == PART
