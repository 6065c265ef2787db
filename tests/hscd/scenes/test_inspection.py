"""What a pair holds, counted by hand, and what looks wrong about it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hscd.reports import quicklook
from hscd.scenes.image import Image as Raster
from hscd.scenes.inspection import best_bands, names_of, picture_bands, summarise


def pair(rows=20, columns=30, bands=5):
    rng = np.random.default_rng(0)
    return tuple(rng.integers(100, 200, (rows, columns, bands)).astype(np.int16) for _ in range(2))


def labels_of(rows=20, columns=30):
    labels = np.full((rows, columns), 1, np.uint8)
    labels[:2] = 0
    labels[-1] = 2
    return labels


def test_numbers_of_a_sound_pair():
    before, after = pair()
    before[3, 4, 1], after[5, 6, 0] = 7, 999
    found = summarise((before, after), None, labels_of(), has_labels=True)
    assert found.shape == (20, 30, 5)
    assert found.types == ("int16", "int16")
    assert (found.ranges[0][0], found.ranges[1][1]) == (7, 999)
    # 2, 17 and 1 of 20 rows of 30.
    assert found.labels == {"changed": 60, "unchanged": 510, "unknown": 30}
    assert (found.masked, found.constant_bands, found.problems) == (0, [], [])


# Of 20 rows 1 is unknown, so 19 are labelled: 11 of them are 57.9 %, 12 are 63.2 %.
@pytest.mark.parametrize(("rows", "doubted"), [(11, False), (12, True)])
def test_much_change_among_labels_looks_swapped(rows, doubted):
    labels = labels_of()
    labels[:rows] = 0
    problems = summarise(pair(), None, labels, has_labels=True).problems
    said = "63.2 % of the labelled pixels are changed: are the values of changed and unchanged swapped?"
    assert problems == ([said] if doubted else [])


def test_masked_pixels_have_no_part_in_the_ranges():
    before, after = pair()
    valid = np.ones((20, 30), bool)
    valid[:, :3] = False
    before[:, :3] = -9999
    found = summarise((before, after), valid, labels_of(), has_labels=False)
    assert found.masked == 60
    assert found.ranges[0][0] >= 100
    assert found.labels == {}
    assert found.problems == []


def test_constant_bands_are_listed_from_one_and_in_runs():
    before, after = pair(bands=8)
    for band in (0, 3, 4, 5):
        before[:, :, band] = after[:, :, band] = 5
    found = summarise((before, after), None, labels_of(), has_labels=True)
    assert found.constant_bands == [1, 4, 5, 6]
    assert found.problems == ["4 of 8 bands are constant: 1, 4–6"]


# A band that is constant in each image, but not the same in both, tells something.
def test_a_band_that_differs_between_the_dates_is_not_constant():
    before, after = pair()
    before[:, :, 2], after[:, :, 2] = 5, 6
    assert summarise((before, after), None, labels_of(), has_labels=True).constant_bands == []


@pytest.mark.parametrize("value", [-9999, 32767])
def test_a_value_of_many_pixels_in_every_band_is_likely_nodata(value):
    before, after = pair()
    after[:, :3] = value
    (problem,) = summarise((before, after), None, labels_of(), has_labels=True).problems
    # 3 of 30 columns.
    assert (
        problem
        == f"the after image: {value} in every band of 10.0 % of the pixels; if they hold no data: nodata = {value}"
    )
    # In one band alone, or of two pixels, it may be a measurement.
    before, after = pair()
    after[:, :3, 0] = value
    after[0, :2] = value
    assert summarise((before, after), None, labels_of(), has_labels=True).problems == []


def test_labels_of_one_class():
    (problem,) = summarise(pair(), None, np.ones((20, 30), np.uint8), has_labels=True).problems
    assert "one class" in problem


# Of 9 bands all are noise but 2, 5 and 7 (from 0), one in each third.
def test_the_best_bands_are_those_of_the_highest_signal_to_noise():
    rng = np.random.default_rng(1)
    image = rng.normal(0, 1, (40, 50, 9))
    for band in (2, 5, 7):
        image[:, :, band] = np.linspace(0, 9, 50) + rng.normal(0, 0.1, (40, 50))
    assert best_bands(image) == [7, 5, 2]
    image[0, 0, 5] = np.nan
    assert best_bands(image) == [7, 5, 2]
    assert best_bands(image[:, :, :2]) == [0, 0, 0]
    assert best_bands(np.zeros((4, 4, 3))) == [2, 1, 0]


def test_both_dates_are_stretched_alike_and_masked_pixels_are_yellow():
    before = np.linspace(0, 100, 101 * 3).reshape(101, 1, 3)
    valid = np.ones((101, 1), bool)
    valid[50] = False
    first, second = quicklook.stretched((before, before + 50), valid)
    # The stretch runs from about 3 to 147, the 2nd and the 98th percentile of both.
    assert first[0, 0].tolist() == [0, 0, 0]
    assert second[-1, 0].tolist() == [1, 1, 1]
    np.testing.assert_allclose(second[0] - first[0], first[51] - first[0], atol=0.03)
    np.testing.assert_allclose(first[50, 0], [1, 0xE3 / 255, 0x4D / 255])


@pytest.mark.parametrize(("known", "panels"), [(True, 3), (False, 2)])
def test_a_picture_has_a_panel_of_labels_where_there_are_any(tmp_path, known, panels):
    labels = labels_of() if known else np.full((20, 30), 2, np.uint8)
    before, after = pair()
    colours = quicklook.stretched((before[:, :, [4, 2, 0]], after[:, :, [4, 2, 0]]), None)
    quicklook.write(tmp_path / "q.png", colours, ["band 5", "band 3", "band 1"], labels)
    with Image.open(tmp_path / "q.png") as picture:
        assert picture.width / picture.height == pytest.approx(panels * 4.9 / 4.0, rel=0.05)


# Brightness 0, 1, 4, 25 of 100 in equal parts: the stretch goes from 0 to 100 and the middle is 2.5 %. The square root
# (less is not allowed) of 4 % and of 25 % is 0.2 and 0.5.
def test_a_dark_scene_with_a_few_bright_pixels_is_lightened():
    values = np.repeat([0.0, 1.0, 4.0, 25.0, 100.0], [100, 100, 100, 100, 20])
    image = np.repeat(values[:, None, None], 3, axis=2)
    first, second = quicklook.stretched((image, image), None)
    np.testing.assert_allclose(first[[0, 250, 350, 410], 0, 0], [0, 0.2, 0.5, 1], atol=1e-6)
    np.testing.assert_array_equal(first, second)


# Values 0 and 100 make pure colours, of chroma 1; 0.4 is left of it. Pure blue is (0, 0, 1), its grey 1/3:
# 1/3 - 0.4/3 = 1/5, and 1/3 + 0.4 · 2/3 = 3/5. Grey pixels stay as they are.
def test_pure_colours_are_toned_down_and_grey_stays_grey():
    image = np.repeat(np.array([[[0.0, 0, 100]], [[100, 0, 0]], [[0, 0, 0]], [[100, 100, 100]]]), 25, axis=0)
    first, _ = quicklook.stretched((image, image), None)
    np.testing.assert_allclose(first[0, 0], [1 / 5, 1 / 5, 3 / 5], atol=1e-9)
    np.testing.assert_allclose(first[[60, 90], 0], [[0, 0, 0], [1, 1, 1]], atol=1e-9)


# Of 200 rows only the middle 128, from 36 to 163, say which bands are shown: bands 7, 5 and 2 (from 0). Above and below
# them others have the better signal.
def test_all_pictures_of_a_pair_show_the_bands_of_its_middle():
    rng = np.random.default_rng(1)
    pixels = rng.normal(0, 1, (200, 50, 9)).astype(np.float32)
    for band in (2, 5, 7):
        pixels[36:164, :, band] = np.linspace(0, 9, 50) + rng.normal(0, 0.1, (128, 50))
    for band in (0, 3, 8):
        pixels[:36, :, band] = pixels[164:, :, band] = np.linspace(0, 9000, 50)
    image = Raster(
        Path("pair"), "array", (200, 50, 9), pixels.dtype, (1, 50), lambda rows, columns: pixels[rows, columns]
    )
    bands = picture_bands(image)
    assert bands.tolist() == [7, 5, 2]
    assert names_of(image, bands) == ["band 8", "band 6", "band 3"]


def test_bands_of_one_customary_value_are_named_as_in_the_file():
    before, after = (image.astype(np.float32) for image in pair())
    after[:, :, 1] = -9999
    numbers = np.arange(21, 21 + before.shape[2])
    found = summarise((before, after), None, labels_of(), has_labels=True, numbers=numbers)
    assert "the after image: band 22 is -9999 in every pixel; if that means no data: bad_bands = 22" in found.problems
    assert np.flatnonzero(found.filled_bands).tolist() == [1]
