"""Two sensors at common wavelengths: weights by hand, spectra that keep their shape, and scenes of two sensors."""

from dataclasses import replace

import numpy as np
import pytest

from detector_scenes import image_of
from hscd.readers.sentinel_2 import FWHM, WAVELENGTHS
from hscd.scenes import common_bands
from hscd.scenes.common_bands import Responses, at_common_wavelengths, covered, responses_of, weights

SENTINEL = Responses(np.array(list(WAVELENGTHS.values())), np.array(list(FWHM.values()), float))


def responses(centres, fwhm):
    centres = np.asarray(centres, float)
    return Responses(centres, np.broadcast_to(np.asarray(fwhm, float), centres.shape))


NARROW = responses(np.arange(400, 2501, 10), 10)


def image(of, pixels, **more):
    return replace(image_of(np.asarray(pixels, np.float32)), wavelengths=of.centres, fwhm=of.fwhm, **more)


def sensed(of, spectrum):
    """What bands see of a spectrum on a grid of 1 nm, (…, nm) from 300 to 2700: the mean under each response."""
    nm = np.arange(300, 2701)
    deviation = of.fwhm[:, None] / (2 * np.sqrt(2 * np.log(2)))
    response = np.exp(-0.5 * ((nm - of.centres[:, None]) / deviation) ** 2)
    return spectrum @ (response / response.sum(axis=1, keepdims=True)).T


# A target of 50 nm from bands of 30 nm: of 40 nm, √(50² − 30²). Bands 20 nm to its left and right are half of that
# away, where a Gaussian is 1/2, the next ones at 40 nm 1/16; the one at its centre has 1. Of 1 + 2/2 + 2/16 = 17/8.
def test_weights_by_hand():
    found = weights(responses([500], 50), responses([440, 460, 480, 500, 520, 540, 560], 30))[0]
    np.testing.assert_allclose(found[1:-1], np.array([1 / 16, 1 / 2, 1, 1 / 2, 1 / 16]) * 8 / 17, atol=2e-3)
    assert found.sum() == pytest.approx(1)
    assert found[0] == found[-1] < 0.002  # 1/512 of the centre


# Bands at 500 and 510 nm, a target at 503: as narrow as they are, it is interpolated, 0.7 and 0.3.
def test_a_band_between_two_as_narrow_ones_is_interpolated():
    found = weights(responses([503], 10), responses([500, 510], 10))[0]
    np.testing.assert_allclose(found, [0.7, 0.3])


# Detectors overlap: two bands of one centre are no distance apart, and count alike.
def test_two_bands_of_one_centre_count_alike():
    np.testing.assert_allclose(weights(responses([500], 9), responses([500, 500], 10)), [[0.5, 0.5]])


def test_a_gap_at_the_centre_is_none():
    first, second = responses([405], 20), responses([395, 400, 410, 415], 9.8)
    found = at_common_wavelengths(image(first, np.ones((1, 1, 1))), image(second, np.ones((1, 1, 4))))
    assert found.first.wavelengths.tolist() == [405]


def test_a_band_that_is_there_stays_as_it_is():
    np.testing.assert_array_equal(weights(NARROW, NARROW), np.eye(len(NARROW.centres)))


@pytest.mark.parametrize("step", [3.0, 7.5, 12.0])
def test_flat_and_linear_spectra_stay_so(step):
    rng = np.random.default_rng(0)
    centres = np.sort(np.arange(390, 2520, step) + rng.uniform(-1, 1, len(np.arange(390, 2520, step))))
    fine = responses(centres, step)
    for targets in (SENTINEL, responses(np.arange(405, 2400, 11.3), 14)):
        matrix = weights(targets, fine)
        np.testing.assert_allclose(matrix.sum(axis=1), 1)
        np.testing.assert_allclose(matrix @ (0.1 + 3e-4 * fine.centres), 0.1 + 3e-4 * targets.centres)


# Of 400 to 420 nm, bands of 10 nm at 405 and 415 see all; the one at 405 alone the lower half, and one at 410 the
# middle: of a Gaussian within its FWHM, erf(√(ln 2) / 2) / erf(√(ln 2)) = 0.444 / 0.761.
def test_coverage_by_hand():
    target = responses([410], 20)
    assert covered(target, responses([405, 415], 10))[0] == pytest.approx(1)
    assert covered(target, responses([405], 10))[0] == pytest.approx(0.5, abs=0.02)
    assert covered(target, responses([410], 10))[0] == pytest.approx(0.5842, abs=0.02)
    assert covered(target, responses([500], 10))[0] == 0


def test_narrow_bands_become_the_broad_ones():
    rng = np.random.default_rng(0)
    fine, broad = (image(of, rng.random((4, 5, len(of.centres)))) for of in (NARROW, SENTINEL))
    for pair, numbers in (((fine, broad), (0, 1)), ((broad, fine), (1, 0))):
        found = at_common_wavelengths(*pair)
        ours = (found.first, found.second)
        for one in ours:
            np.testing.assert_array_equal(one.wavelengths, np.sort(SENTINEL.centres))
            assert one.shape == (4, 5, 13)
            assert one.dtype == np.float32
            assert one.window(slice(0, 4), slice(0, 5)).dtype == np.float32
        np.testing.assert_array_equal(ours[numbers[1]].read(), broad.read())
        expected = fine.read().astype(float) @ weights(SENTINEL, NARROW).T
        np.testing.assert_allclose(ours[numbers[0]].read(), expected, rtol=1e-5)


# Of one landscape, mixed of smooth spectra with absorptions, two sensors see nearly the same: within 1 %.
@pytest.mark.parametrize(
    "other", [SENTINEL, responses(np.arange(403, 2490, 8.4), 12), responses(np.arange(420, 2400, 6.5), 7)]
)
def test_of_one_scene_two_sensors_see_no_change(other):
    rng = np.random.default_rng(0)
    nm = np.arange(300, 2701)
    ground = [0.2 + 0.15 * np.sin(nm / rng.uniform(150, 500)) - 0.05 * np.exp(-(((nm - at) / 40) ** 2))
              for at in rng.uniform(450, 2300, 5)]  # fmt: skip
    spectra = rng.dirichlet(np.ones(5), (6, 7)) @ np.array(ground)
    found = at_common_wavelengths(*(image(of, sensed(of, spectra)) for of in (NARROW, other)))
    np.testing.assert_allclose(found.first.read(), found.second.read(), rtol=0.01, atol=1e-3)


# Bands of 10 and 5 nm below 700 nm, of 5 and 20 nm above: the coarser ones of each range are taken.
def test_the_coarser_bands_of_each_range_are_taken():
    first = Responses(np.r_[450:700:10, 702:900:5].astype(float), np.r_[np.full(25, 10.0), np.full(40, 5.0)])
    second = Responses(np.r_[452:700:5, 710:890:20].astype(float), np.r_[np.full(50, 5.0), np.full(9, 20.0)])
    found = at_common_wavelengths(*(image(of, np.ones((1, 1, len(of.centres)))) for of in (first, second)))
    low = found.first.wavelengths < 700
    assert set(found.first.fwhm[low]) == {10}
    assert set(found.first.fwhm[~low]) == {20}
    np.testing.assert_array_equal(found.second.wavelengths, found.first.wavelengths)


# Sentinel-2B's bands lie up to some nm beside those of 2A: 13 of each are 13 in common.
def test_two_sensors_of_one_kind_keep_their_bands():
    other = Responses(SENTINEL.centres + np.linspace(-2, 2, 13), SENTINEL.fwhm + np.linspace(1, -1, 13))
    found = at_common_wavelengths(*(image(of, np.ones((1, 1, 13))) for of in (SENTINEL, other)))
    assert found.first.shape == (1, 1, 13)
    assert found.lost == ""
    np.testing.assert_allclose(found.second.read(), 1, rtol=1e-6)


def test_what_is_dropped_and_guessed_is_told():
    fine = image(responses(np.arange(430, 901, 10), 10), np.ones((1, 1, 48)))
    broad = image(SENTINEL, np.ones((1, 1, 13)), names=tuple(WAVELENGTHS))
    found = at_common_wavelengths(replace(fine, fwhm=None), broad)
    # Of B09, 935 to 955 nm, and those beyond it the fine bands, to 905 nm, see nothing.
    assert found.description == "9 common bands of 443 to 865 nm"
    assert "a.npy without B09, B10, B11, B12" in found.lost
    assert "with band widths taken from the spacing of the bands" in found.lost
    assert found.lost.count("widths") == 1


def test_only_bands_that_are_used_are_read():
    seen = []
    fine = image(NARROW, np.ones((1, 1, len(NARROW.centres))))
    pixels = fine.read()
    pixels[..., NARROW.centres > 2450] = np.nan
    fine = replace(fine, window=lambda rows, columns: seen.append(rows) or pixels)
    few = Responses(SENTINEL.centres[:9], SENTINEL.fwhm[:9])
    found = at_common_wavelengths(fine, image(few, np.ones((1, 1, 9))))
    np.testing.assert_allclose(found.first.read(), 1, rtol=1e-6)
    pixels[..., 5] = np.nan  # 450 nm, of B01 and B02
    assert np.isnan(found.first.read()).any()


def test_windows_give_the_same_to_the_last_bit():
    rng = np.random.default_rng(1)
    fine, broad = (image(of, rng.random((6, 9, len(of.centres)))) for of in (NARROW, SENTINEL))
    found = at_common_wavelengths(fine, broad).first
    np.testing.assert_array_equal(found.window(slice(2, 3), slice(4, 5)), found.read()[2:3, 4:5])


def test_what_cannot_be_compared_is_refused():
    fine, broad = image(NARROW, np.ones((1, 1, 211))), image(SENTINEL, np.ones((1, 1, 13)))
    with pytest.raises(ValueError, match=r"the wavelengths of a\.npy are not known"):
        at_common_wavelengths(replace(fine, wavelengths=None), broad)
    with pytest.raises(ValueError, match="no wavelengths in common"):
        at_common_wavelengths(image(responses([9000, 9100], 50), np.ones((1, 1, 2))), broad)
    with pytest.raises(ValueError, match="the width of the one band of"):
        responses_of(replace(image(responses([500], 5), np.ones((1, 1, 1))), fwhm=None))
    assert common_bands._COVERED == 0.8
