"""The spectra that ship with the program at the bands of images, against the table itself, and their mixtures."""

from dataclasses import replace

import numpy as np
import pytest

from detector_scenes import image_of
from hscd.demo.scene import read_table
from hscd.scenes.spectral_library import at_bands_of, mixtures


def image(centres, width=10.0):
    centres = np.array(centres, float)
    pixels = image_of(np.zeros((1, 1, len(centres)), np.float32))
    return replace(pixels, wavelengths=centres, fwhm=np.full(len(centres), width))


def test_bands_of_the_table_have_its_values_and_its_gap_is_bridged():
    known, table = read_table()
    first = next(iter(table.values()))
    at = {round(1000 * place): value for place, value in zip(known, first, strict=True)}
    spectra, doubt = at_bands_of(image([650, 400, 1400, 2450]))
    assert (spectra.shape, doubt) == ((len(table), 4), "")
    # 1400 nm lies between 1350 and 1460 nm, the next ones in the table, at 5/11 of the way.
    np.testing.assert_allclose(spectra[0], [at[650], at[400], (6 * at[1350] + 5 * at[1460]) / 11, at[2450]], rtol=1e-9)


# A band of 100 nm at 700 nm, on the red edge of vegetation: the mean of what lies about it.
def test_wide_bands_are_means():
    known, table = read_table()
    canopy = "v-LAI-3.1-LMA-0.011-CHL-51.4-N-1.9"
    places = np.arange(550, 851)
    response = np.exp(-4 * np.log(2) * ((places - 700) / 100) ** 2)
    expected = np.interp(places, 1000 * known, table[canopy]) @ response / response.sum()
    found = at_bands_of(image([700], 100.0))[0][list(table).index(canopy)]
    assert found[0] == pytest.approx(expected, rel=0.02)


def test_bands_beyond_the_table():
    spectra, doubt = at_bands_of(image([2450, 10900]))
    assert doubt == "1 of 2 bands lie beyond 400 to 2450 nm, and have the nearest reflectance known"
    np.testing.assert_array_equal(spectra[:, 1], spectra[:, 0])
    with pytest.raises(ValueError, match=r"no band of .* lies within 400 to 2450 nm"):
        at_bands_of(image([10900, 12000]))
    with pytest.raises(ValueError, match="are not known"):
        at_bands_of(replace(image([650]), wavelengths=None))


# Each spectrum is a unit vector, so that a mixture is its own shares: of at most 3 materials, in sum a brightness.
def test_mixtures_are_of_few_materials_and_one_brightness():
    pairs = mixtures(np.eye(20), 2000, np.random.default_rng(0))
    assert (pairs.shape, pairs.dtype) == ((2000, 2, 20), np.float32)
    shares = pairs.reshape(-1, 20)
    assert shares.min() == 0
    assert set(np.count_nonzero(shares, axis=1)) == {1, 2, 3}
    brightness = shares.sum(axis=1)
    assert 0.5 <= brightness.min() < 0.51
    assert 1.19 < brightness.max() <= 1.2 + 1e-6
    # Every material as often as any other: 4000 · 3 / 20 draws, a deviation of 24.
    np.testing.assert_allclose(np.count_nonzero(shares, axis=0), 600, atol=100)
    assert abs(np.corrcoef(pairs[:, 0].ravel(), pairs[:, 1].ravel())[0, 1]) < 0.02
