"""Parts of an image in blocks: their shares, the guard band between them, and that they come again."""

import numpy as np
import pytest

from hscd.evaluation.blocks import NO_PART, block_side, drawn_parts, drawn_together

SHARES = (60, 10, 30)


def parts(seed=0, shape=(60, 90), side=6, guard=0, shares=SHARES, classes=None):
    return drawn_parts(shape, side, guard, shares, np.random.default_rng(seed), classes)


def test_parts_are_made_of_whole_blocks():
    found = parts(shape=(20, 31), side=6)
    for row in range(0, 20, 6):
        for column in range(0, 31, 6):
            assert len(np.unique(found[row : row + 6, column : column + 6])) == 1
    assert found.dtype == np.uint8
    assert set(np.unique(found)) == {1, 2, 3}


def test_parts_have_their_shares():
    # 150 blocks of 36 pixels: 90, 15 and 45 of them, whatever the seed.
    for seed in range(3):
        assert np.bincount(parts(seed).ravel(), minlength=4).tolist() == [0, 90 * 36, 15 * 36, 45 * 36]
    assert (parts(shares=(1, 0, 1)) != 2).all()


def test_each_class_has_its_shares_where_it_is_rare_and_in_patches():
    rng = np.random.default_rng(3)
    classes = np.full((120, 120), -1)
    classes[rng.random((120, 120)) < 0.3] = 1
    for row, column in rng.integers(0, 110, (25, 2)):
        classes[row : row + 7, column : column + 7] = 0
    found = parts(shape=classes.shape, classes=classes)
    for kind in (0, 1):
        shares = np.bincount(found[classes == kind], minlength=4)[1:] / np.count_nonzero(classes == kind)
        assert shares == pytest.approx([0.6, 0.1, 0.3], abs=0.02)


def test_a_guard_band_keeps_parts_apart():
    whole, found = parts(), parts(guard=2)
    assert np.array_equal(found[found != NO_PART], whole[found != NO_PART])
    rows, columns = found.shape
    for row in range(rows):
        for column in range(columns):
            near = whole[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3]
            assert found[row, column] == (whole[row, column] if (near == whole[row, column]).all() else NO_PART)


def test_the_same_seed_draws_the_same_parts_and_another_one_others():
    assert np.array_equal(parts(5), parts(5))
    assert not np.array_equal(parts(5), parts(6))


def test_pixels_that_do_not_count_are_in_parts_all_the_same():
    found = parts(classes=np.full((60, 90), -1))
    # By lot, 150 blocks: 90 ± 6.
    assert 70 * 36 < np.count_nonzero(found == 1) < 110 * 36
    assert (found > 0).all()
    assert (parts(shares=(1, 0, 1), classes=np.full((60, 90), -1)) != 2).all()


@pytest.mark.parametrize(("shape", "side"), [((400, 300), 30), ((3, 3), 1), ((94, 1000), 9), ((96, 1000), 10)])
def test_the_side_of_blocks(shape, side):
    assert block_side(shape) == side


def test_images_together_have_the_shares_that_one_alone_could_not():
    # Two images of two blocks. All of class 0 is in the first block of the first image, all of class 1 in the others:
    # of each class alone a part would get a half of every image, together class 0 goes to the larger part.
    classes = [np.array([[0, 0, 1, 1]]), np.array([[1, 1, -1, -1]])]
    for seed in range(5):
        first, second = drawn_together(classes, [2, 2], 0, (0.8, 0.2), np.random.default_rng(seed))
        assert first[0, 0] == first[0, 1] == 1
        # Class 1: two blocks of equal size, the first of which goes to the part that lacks 0.8, the second to that
        # which lacks more of 0.3 and 0.2.
        assert (first[0, 2], second[0, 0]) == (1, 1)
    one, other = np.zeros((30, 40), int), np.zeros((20, 10), int)
    found = drawn_together([one, other], [5, 2], 0, (1, 1), np.random.default_rng(0))
    assert [of.shape for of in found] == [(30, 40), (20, 10)]
    counts = np.bincount(np.concatenate([of.ravel() for of in found]), minlength=3)[1:]
    assert abs(counts[0] - counts[1]) <= 25  # the largest block
    # The sides are those of each image: blocks of five there, of two here.
    assert all(len(np.unique(one_block)) == 1 for one_block in np.split(found[0][:5], 8, axis=1))
    assert all(len(np.unique(one_block)) == 1 for one_block in np.split(found[1][:2], 5, axis=1))
    guarded = drawn_together([one, other], [5, 2], 1, (1, 1), np.random.default_rng(0))
    assert all(np.array_equal(of[there > 0], there[there > 0]) for of, there in zip(found, guarded, strict=True))
    assert all((there == 0).any() for there in guarded)
