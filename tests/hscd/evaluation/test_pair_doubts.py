"""What makes two images doubtful as a pair."""

import numpy as np
import pytest

from detector_scenes import scene_of
from hscd.evaluation import pair_doubts
from hscd.scenes.registration import Registration


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, []),
        (Registration(0.75, -0.75, 1.0, 9), []),
        (Registration(0.0, -0.76, 1.0, 9), ["shifted by 0.0 rows and 0.8 columns against each other"]),
        (Registration(-3.04, 0.2, 0.1, 1), ["shifted by 3.0 rows and 0.2 columns against each other"]),
        (
            Registration(0.1, 0.2, 1.3, 4),
            ["differs from place to place, by 1.3 pixels (standard deviation of 4 blocks)"],
        ),
        (Registration(0.1, 0.2, 1.3, 3), []),
    ],
)
def test_a_shift_of_pixels_is_told_and_one_that_is_not_the_same_everywhere(found, said):
    told = pair_doubts.of_registration(found)
    assert [expected in text for expected, text in zip(said, told, strict=True)] == [True] * len(said)


@pytest.mark.parametrize(
    ("right", "said"), [(-0.33, "too small to need registration"), (-0.34, "register = True may help")]
)
def test_a_shift_of_a_third_of_a_pixel_is_worth_registering(right, said):
    assert pair_doubts.verdict_of_registration(Registration(0.1, right, 0.1, 9)) == said


def likeness(before, after, valid=None):
    return pair_doubts.of_likeness(scene_of(np.dstack(before), np.dstack(after), valid), np.random.default_rng(0))


# Ramps along rows and along columns have a correlation of 0; with its multiple, less something, a ramp has one of -1.
def test_images_that_have_nothing_in_common_are_doubted():
    down, right = np.mgrid[0:40, 0:40].astype(np.float32)
    constant = np.ones_like(down)
    (doubt,) = likeness((down, constant), (right, constant))
    assert doubt.startswith("the images have little in common (the rank correlation between the dates is 0.00 at most")
    assert likeness((down, right), (right, 5 - 3 * right)) == []
    assert likeness((constant,), (constant,)) == []


# Two corners are the least and the greatest value at both dates, which do not count: of 40 × 26 = 1,040 pixels there is
# a doubt, of 998 there is none. What is masked is the same at both dates, which would be in common.
@pytest.mark.parametrize(("columns", "count"), [(26, 1), (25, 0)])
def test_likeness_of_valid_pixels_if_there_are_enough(columns, count):
    down, right = np.mgrid[0:40, 0:40].astype(np.float32)
    valid = right < columns
    before, after = (np.where(valid, of, 1000 + 40 * down + right) for of in (down, right))
    assert len(likeness((before,), (after,), valid)) == count
    assert likeness((before,), (after,)) == []


def test_equal_values_have_the_mean_of_their_ranks():
    assert pair_doubts._ranks(np.array([5.0, 1, 5, 9])).tolist() == [2.5, 1, 2.5, 4]


# The correlation of the values is that of the saturated pixels: of 25 at one date and 25 others at the other one.
def test_saturated_pixels_make_no_pair_one_of_two_places():
    down = np.mgrid[0:40, 0:40][0].astype(np.float32)
    before, after = down.copy(), down.copy()
    before.flat[100:125] = after.flat[800:825] = 1e6
    assert abs(np.corrcoef(before.ravel(), after.ravel())[0, 1]) < 0.2
    assert likeness((before,), (after,)) == []


# Ramps within, which have nothing in common; the border has, whether it is the least or the greatest value.
@pytest.mark.parametrize("border", [-9999, 9999])
def test_a_border_without_data_makes_no_two_places_alike(border):
    down, right = (np.pad(of.astype(np.float32), 5, constant_values=border) for of in np.mgrid[0:40, 0:40])
    (doubt,) = likeness((down, down + 1), (right, right + 1))
    assert "0.00 at most" in doubt
