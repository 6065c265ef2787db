"""Which bands are meant: by number, by wavelength, by words."""

from pathlib import Path

import numpy as np
import pytest

from hscd.scenes.band_choice import BandRange, chosen, parse_bands
from hscd.scenes.image import Image

WORDS = ("file", "water")


def image(wavelengths=None, bad_bands=None, bands=6):
    said = {"wavelengths": None if wavelengths is None else np.array(wavelengths),
            "bad_bands": None if bad_bands is None else np.array(bad_bands)}  # fmt: skip
    return Image(Path("a.hdr"), "test", (1, 1, bands), np.dtype("u1"), (1, 1), lambda *_: np.empty(0), **said)


def test_parsing():
    found = parse_bands("[1-3, 60, 430-900 nm, 2.0 – 2.4 um, file, water, 550nm]", WORDS)
    assert found == (
        BandRange(1, 3, False), BandRange(60, 60, False), BandRange(430, 900, True), BandRange(2000, 2400, True),
        "file", "water", BandRange(550, 550, True),
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["", ",", "0", "0-3", "3-1", "1.5", "a", "-3", "1 2", "900-430 nm", "1,,2", "nm", "1-2-3", "water"],
)
def test_what_is_no_choice(text):
    with pytest.raises(ValueError):  # noqa: PT011 - the caller says what is allowed
        parse_bands(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", [1]), ("2-3", [2, 3]), ("6, 1", [1, 6]), ("400-600 nm", [1, 2]), ("0.4-0.6 um, 6", [1, 2, 6]),
     ("water", [4, 5]), ("file", [3, 5]), ("file, water", [3, 4, 5]), ("700-710 nm", [])],
)  # fmt: skip
def test_bands_that_are_chosen(text, expected):
    # 1400 and 1900 nm are what water vapour absorbs; 600 nm is the last that is within 400 – 600.
    sample = image([400, 600, 1000, 1400, 1900, 2200], [False, False, True, False, True, False])
    assert (np.flatnonzero(chosen(parse_bands(text, WORDS), sample)) + 1).tolist() == expected


def test_bands_without_wavelength_are_in_no_range():
    assert not chosen(parse_bands("1-9999 nm"), image([np.nan] * 6)).any()


@pytest.mark.parametrize(
    ("text", "said"),
    [("7", "a.hdr has 6 bands, band 7 is asked for"), ("400-600 nm", "wavelengths of a.hdr are not known"),
     ("water", "wavelengths of a.hdr are not known"), ("file", "a.hdr has no list of bad bands")],
)  # fmt: skip
def test_what_the_image_lacks(text, said):
    with pytest.raises(ValueError, match=said):
        chosen(parse_bands(text, WORDS), image())
