"""Which band of one image is which of another."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from hscd.scenes import pairing
from hscd.scenes.band_matching import match
from hscd.scenes.image import Image

SAFE = ("B01", "B02", "B8A", "B09")


def image(count, names=(), wavelengths=None, path="a"):
    """An image of one pixel whose bands hold 0, 1, 2, …"""
    pixels = np.arange(count, dtype=np.uint16).reshape(1, 1, count)
    waves = None if wavelengths is None else np.array(wavelengths, float)
    return Image(
        Path(path), "", pixels.shape, pixels.dtype, (1, 1), lambda rows, columns: pixels[rows, columns], names=names,
        wavelengths=waves,
    )  # fmt: skip


def bands(matched):
    """The bands of both images that come together, by their places in each, and the numbers they are called by."""
    first, second = matched.first.read().ravel().tolist(), matched.second.read().ravel().tolist()
    for image in matched[:2]:
        assert image.band_numbers.tolist() == [band + 1 for band in first]
    return first, second


def test_bands_without_names_keep_their_places():
    found = match(image(3), image(3))
    assert bands(found) == ([0, 1, 2], [0, 1, 2])
    assert found.notes == ()
    assert match(image(3), image(4)) is None


@pytest.mark.parametrize(
    "others",
    [("B01", "B02", "B09", "B8A"), ("b1", "b2", "b9", "b8a"), ("T33_B01", "T33_B02_10m", "T33_B09_60m", "T33_B8A_20m")],
)
def test_names_go_before_places(others):
    found = match(image(4, SAFE), image(4, others))
    assert bands(found) == ([0, 1, 2, 3], [0, 1, 3, 2])
    assert found.notes == ()


def test_names_go_before_wavelengths():
    # Two detectors whose bands overlap: their order by wavelength is another one on each date.
    found = match(image(2, ("VNIR 60", "SWIR 1"), [950, 951]), image(2, ("SWIR 1", "VNIR 60"), [949, 950]))
    assert bands(found) == ([0, 1], [1, 0])


def test_names_that_wavelengths_contradict_say_nothing():
    # B1 to B4 of two Landsat sensors: only three of their bands are the same.
    names = ("B1", "B2", "B3", "B4")
    found = match(image(4, names, [443, 483, 561, 655]), image(4, names, [485, 560, 660, 835], "c"))
    assert bands(found) == ([1, 2, 3], [0, 1, 2])
    assert len(found.notes) == 2


def test_bands_that_one_image_lacks_are_left_out_and_told():
    more = image(5, ("B01", "B02", "B10", "B8A", "B09"), path="c")
    found = match(image(4, SAFE), more)
    assert bands(found) == ([0, 1, 2, 3], [0, 1, 3, 4])
    assert found.notes == ("c: left out, as a has no such band: B10",)
    assert bands(match(more, image(4, SAFE))) == ([0, 1, 3, 4], [0, 1, 2, 3])
    # Most of the names, not all of either image.
    found = match(image(3, ("red", "green", "nir")), image(3, ("Green", "Red", "blue"), path="c"))
    assert bands(found) == ([0, 1], [1, 0])
    assert found.notes == ("a: left out, as c has no such band: nir", "c: left out, as a has no such band: blue")


def test_names_that_say_nothing_are_none():
    assert match(image(3, ("Band 1", "Band 2", "Band 3")), image(2, ("Band 2", "Band 3"))) is None
    found = match(image(2, ("Band 1", "Band 2")), image(2, ("Band 2", "Band 1")))
    assert bands(found) == ([0, 1], [0, 1])
    scenes = [tuple(f"Resize (ETM+ Meta (Band {band}):L7_{year}.txt)" for band in (1, 2)) for year in (2000, 2003)]
    found = match(image(2, scenes[0]), image(2, scenes[1]))
    assert (bands(found), found.notes) == (([0, 1], [0, 1]), ())
    # Nor are names of which two are the same, or one is missing.
    for names in (("red", "red"), ("red", "")):
        assert bands(match(image(2, names), image(2, ("red", "nir")))) == ([0, 1], [0, 1])


def test_names_that_have_nothing_in_common_are_told():
    found = match(image(2, ("red", "nir")), image(2, ("rot", "infrarot"), path="c"))
    assert bands(found) == ([0, 1], [0, 1])
    assert found.notes == ("c: its bands (rot, infrarot) are called otherwise than those of a (red, nir); compared in "
                           "their order",)  # fmt: skip


def test_wavelengths_go_before_places():
    # The second image begins a band later: at the same place is the neighbour, 10 nm off.
    waves = np.arange(400, 500, 10.0)
    found = match(image(10, (), waves), image(10, (), waves + 10, "c"))
    assert bands(found) == (list(range(1, 10)), list(range(9)))
    assert found.notes == ("a: left out, as c has no such band: band 1", "c: left out, as a has no such band: band 10")
    # Water vapour bands that one of them lacks; their neighbours have counterparts of their own.
    found = match(image(10, (), waves), image(7, (), np.delete(waves, [4, 5, 6])))
    assert bands(found) == ([0, 1, 2, 3, 7, 8, 9], list(range(7)))
    # From the longest to the shortest.
    assert bands(match(image(10, (), waves), image(10, (), waves[::-1]))) == (list(range(10)), list(range(9, -1, -1)))


def test_wavelengths_that_drift_or_repeat_keep_their_places():
    waves = np.array([940, 947, 947, 950, 956.0])
    for drift in (0, 0.9, -0.9):
        assert bands(match(image(5, (), waves), image(5, (), waves + drift))) == (list(range(5)), list(range(5)))
    # Two sensors of few bands.
    few = np.array([450, 550, 650, 850])
    assert bands(match(image(4, (), few), image(4, (), few + 25))) == ([0, 1, 2, 3], [0, 1, 2, 3])


def test_wavelengths_that_one_band_lacks():
    waves = [450, np.nan, 650]
    assert bands(match(image(3, (), waves), image(3, (), [451, 550, 649]))) == ([0, 1, 2], [0, 1, 2])
    assert bands(match(image(3, (), waves), image(2, (), [650, 450]))) == ([0, 2], [1, 0])
    # None at all are no wavelengths.
    assert match(image(3, (), waves), image(2, (), [np.nan, np.nan])) is None


def test_other_bands_are_an_error():
    with pytest.raises(ValueError, match="not those of a: none is near the 2200 nm of band 2 there"):
        match(image(2, (), [900, 2200]), image(2, (), [450, 650]))


def test_very_many_bands():
    # A matrix of all distances would take 80 GB.
    waves = np.linspace(400, 2500, 100_000)
    found = match(image(100_000, (), waves), image(99_999, (), np.delete(waves, 5)))
    assert found.first.shape == found.second.shape == (1, 1, 99_999)
    assert found.first.band_numbers[4:6].tolist() == [5, 7]


def test_what_the_images_say_of_their_bands_goes_with_them():
    first = replace(image(4, SAFE), scale=np.array([1.0, 2, 3, 4]))
    second = replace(image(4, ("B01", "B02", "B09", "B8A")), scale=np.array([5.0, 6, 7, 8]), nodata=(1, 2, 3, None))
    found = match(first, second)
    assert found.first is first
    assert (found.second.scale.tolist(), found.second.nodata) == ([5, 6, 8, 7], (1, 2, None, 3))
    assert found.second.names == ("B01", "B02", "B8A", "B09")


@pytest.mark.parametrize(("bands", "advice"), [((1, 5), ""), ((4, 5), "; if the first 4 bands of both are the same: ")])
def test_one_band_is_not_advised_to_be_the_first_of_many(bands, advice):
    images = [SimpleNamespace(file_bands=None, shape=(1, 1, count)) for count in bands]
    assert pairing._common(*images, pairing.Reading()).startswith(advice)
    assert bool(pairing._common(*images, pairing.Reading())) == bool(advice)
