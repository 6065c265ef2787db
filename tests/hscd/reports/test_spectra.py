"""Curves along the bands."""

import numpy as np

from hscd.reports.spectra import along, axis_name, columns


# By rising wavelength; a band without one is left out, and between 480 and 600 nm, of 20 bands and more, is a gap.
def test_curves_are_drawn_by_wavelength_with_gaps():
    wavelengths = np.array([np.nan, *range(480, 280, -10), 600.0])
    places, means, one = along(np.arange(1, 23), wavelengths, np.tile(np.arange(22.0), (2, 1)), np.arange(22.0))
    np.testing.assert_array_equal(places, [*range(290, 490, 10), 540, 600])
    np.testing.assert_array_equal(means[1], [*range(20, 0, -1), np.nan, 21])
    np.testing.assert_array_equal(one, means[0])


def test_without_wavelengths_bands_go_by_their_numbers():
    places, curve = along(np.array([3, 1, 7]), None, np.array([30.0, 10, 70]))
    assert (places.tolist(), curve.tolist()) == ([1, 3, 7], [10, 30, 70])
    assert (axis_name(None), axis_name(places)) == ("band", "wavelength (nm)")
    assert columns(np.array([3, 1]), None, 1) == {"band": 1, "wavelength": None}
    assert columns(np.array([3, 1]), np.array([400.0, 500]), 0) == {"band": 3, "wavelength": 400}
