"""Wavelengths of every unit that ENVI headers know, and of none."""

import numpy as np
import pytest

from hscd.readers.wavelengths import in_nanometres, widths


@pytest.mark.parametrize(
    ("unit", "values"),
    [("Nanometers", "450 850"), ("nm", "450 850"), ("nanometre", "450 850"), ("Micrometers", "0.45 0.85"),
     ("um", "0.45 0.85"), ("µm", "0.45 0.85"), ("μm", "0.45 0.85"), (" MICRONS ", "0.45 0.85"),
     ("Angstroms", "4500 8500"), ("Millimeters", "0.00045 0.00085"), ("mm", "4.5e-4 8.5e-4"),
     ("Centimeters", "4.5e-5 8.5e-5"), ("cm", "4.5e-5 8.5e-5"), ("Meters", "4.5e-7 8.5e-7"), ("m", "4.5e-7 8.5e-7")],
)  # fmt: skip
def test_units_of_length(unit, values):
    found, notes = in_nanometres(values.split(), unit)
    np.testing.assert_allclose(found, [450, 850])
    assert notes == ()


@pytest.mark.parametrize("unit", ["Index", "Wavenumber", "GHz", "MHz", "seconds"])
def test_other_units_are_not_used(unit):
    assert in_nanometres(["400", "500"], unit) == (
        None,
        (f"its wavelengths are in {unit!r}, which is no unit of length; they are not used",),
    )


# 100 µm are 100,000 nm, the longest that is believed, and 0.1 µm or 100 nm the shortest.
@pytest.mark.parametrize(
    ("values", "nanometres", "name"),
    [("0.45 2.4", [450, 2400], "micrometres"), ("0.1 99.9", [100, 99_900], "micrometres"),
     ("450 2400", [450, 2400], "nanometres"), ("100 99999", [100, 99_999], "nanometres"),
     ("2 3", [2e3, 3e3], "micrometres")],
)  # fmt: skip
@pytest.mark.parametrize("unit", ["", "Unknown", "unknown "])
def test_without_a_unit_the_size_of_the_numbers_tells(unit, values, nanometres, name):
    found, notes = in_nanometres(values.split(), unit)
    np.testing.assert_allclose(found, nanometres)
    assert len(notes) == 1
    assert notes[0].endswith(f"without a unit, are taken for {name}")


@pytest.mark.parametrize(
    ("values", "said"),
    [("1 2 3", "count its bands"), ("1", "count its bands"), ("0 1 2", "count its bands"),
     ("0.5 450", "neither micrometres nor nanometres"), ("0.05 0.4", "neither"), ("450 100000", "neither")],
)  # fmt: skip
def test_without_a_unit_what_can_be_no_wavelength(values, said):
    found, notes = in_nanometres(values.split(), "")
    assert found is None
    assert said in notes[0]
    assert notes[0].endswith("they are not used")


# Micrometres called nanometres, and the other way round.
@pytest.mark.parametrize(
    ("values", "unit"), [("0.45 2.4", "nm"), ("450 2400", "um"), ("99 500", "nm"), ("100 5", "µm")]
)
def test_a_unit_that_cannot_be(values, unit):
    found, notes = in_nanometres(values.split(), unit)
    assert found is None
    assert "are those of no optical sensor; they are not used" in notes[0]


def test_bands_without_a_wavelength_have_none():
    found, notes = in_nanometres(["450", None, "x", "0", "-3", "nan", "inf", "2400"], "nm")
    np.testing.assert_array_equal(found, [450, *[np.nan] * 6, 2400])
    # Band 2 has none; five others have something else.
    assert notes == ("the wavelength of 5 of its 8 bands is no positive number, and not used",)
    assert in_nanometres([None, None], "nm") == in_nanometres([], "") == (None, ())
    assert in_nanometres(["x", None], "nm") == (None, ("its wavelengths are not positive numbers; they are not used",))


# Micrometres are 1000 nm: 0.01 is 10 nm. Widths of 0 or below are none; a unit is that of the wavelengths.
def test_widths_are_in_the_unit_of_the_wavelengths():
    stored = [None, "0.4", "0.5", "0.6", "0.7"]
    wavelengths, _ = in_nanometres(stored, "um")
    np.testing.assert_allclose(
        widths(["0.01", "0.01", "0.02", "0", "x"], stored, wavelengths), [10, 10, 20, *[np.nan] * 2]
    )
    np.testing.assert_allclose(widths([7.5], [450.0], np.array([450.0])), [7.5])
    assert widths([None] * 5, stored, wavelengths) is None
    assert widths(["1"], stored, wavelengths) is None
    assert widths(["1"], ["x"], None) is None


def test_wavelengths_need_no_order():
    found, notes = in_nanometres(["700", "500", "1000", "940"], "nm")
    np.testing.assert_array_equal(found, [700, 500, 1000, 940])
    assert notes == ()
