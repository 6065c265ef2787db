"""Tables of kinds of change and their spectra by hand, and the colours of their map."""

import numpy as np
import pytest
from PIL import Image

from hscd.evaluation.matching import Matching
from hscd.kinds import MOST, KindMap
from hscd.reports import kinds as reports
from hscd.system import storage

# Of 12 known pixels 3 are of kind 1, one of kind 2; four are not known.
VALUES = np.array([[0, 1, 1, 255], [0, 0, 1, 255], [2, 0, 0, 255], [0, 0, 0, 255]], np.uint8)
SPECTRA = np.arange(8, dtype=float).reshape(2, 2, 2)


def kind_map(values=VALUES, pixels=(3, 1), spectra=SPECTRA):
    return KindMap("clusters", values, np.array(pixels), spectra, spectra / 10)


def test_a_row_for_each_kind():
    assert reports.rows(kind_map(), [300.0, 100.0], "m²") == [
        {"kind": 1, "pixels": 3, "share_of_change": 0.75, "share_of_map": 0.25, "area": 300.0, "unit": "m²"},
        {"kind": 2, "pixels": 1, "share_of_change": 0.25, "share_of_map": 1 / 12, "area": 100.0, "unit": "m²"},
    ]


def test_a_row_for_each_band():
    first, second = reports.spectra_rows(kind_map(), np.array([3, 7]), np.array([500.0, 600.0]))
    assert first == {
        "band": 3, "wavelength": 500.0,
        "kind_1_before": 0.0, "kind_1_before_deviation": 0.0, "kind_1_after": 2.0, "kind_1_after_deviation": 0.2,
        "kind_2_before": 4.0, "kind_2_before_deviation": 0.4, "kind_2_after": 6.0, "kind_2_after_deviation": 0.6,
    }  # fmt: skip
    assert (second["band"], second["wavelength"], second["kind_2_after"]) == (7, 600.0, 7.0)
    assert reports.spectra_rows(kind_map(), np.array([3, 7]), None)[0]["wavelength"] is None


def test_a_row_for_each_kind_with_its_classes():
    matching = Matching(np.array([[5, 1], [2, 3], [0, 1]]), np.array([1, 0]), 0.5)
    assert reports.matching_rows(matching, ["4"]) == [
        {"kind": 0, "class": "unchanged", "unchanged": 5, "class_4": 1},
        {"kind": 1, "class": "4", "unchanged": 2, "class_4": 3},
        {"kind": 2, "class": None, "unchanged": 0, "class_4": 1},
    ]


def test_every_kind_has_a_colour_of_its_own_and_says_its_share():
    found = reports.classes(kind_map(pixels=range(MOST, 0, -1)))
    assert [value for value, _, _ in found] == [*range(MOST + 1), 255]
    assert len({colour for _, colour, _ in found}) == MOST + 2
    assert found[1].name == "kind 1, 22 % of the change"  # 8 of 36


# Each map pixel is drawn as several; there are as many of each colour as there are pixels, within a legend's squares.
@pytest.mark.parametrize("wavelengths", [None, [2200.0, 500.0]])
def test_the_picture_has_the_colours_of_the_map(tmp_path, wavelengths):
    wide = None if wavelengths is None else np.array(wavelengths)
    values = VALUES.repeat(10, axis=0).repeat(10, axis=1)
    reports.write_picture(tmp_path / "k.png", kind_map(values), np.array([1, 2]), wide, "Kinds of $town$")
    pixels = np.asarray(Image.open(tmp_path / "k.png").convert("RGB")).reshape(-1, 3)
    counts = [
        int((pixels == list(bytes.fromhex(colour[1:]))).all(axis=1).sum())
        for _, colour, _ in reports.classes(kind_map())
    ]
    shares = np.array(counts) / sum(counts)
    np.testing.assert_allclose(shares, np.array([8, 3, 1, 4]) / 16, atol=0.03)


@pytest.mark.parametrize("count", [1, MOST])
def test_as_many_panels_as_kinds(tmp_path, count):
    spectra = np.ones((count, 2, 30))
    values = np.arange(1, count + 1, dtype=np.uint8)[None]
    found = KindMap("clusters", values, np.ones(count, int), spectra, spectra)
    reports.write_picture(tmp_path / "k.png", found, np.arange(30), np.linspace(400, 2400, 30), "t")
    # A row of pixels is low, the panels beside it are not: 110 dots an inch, 1.4 inches each.
    assert np.asarray(Image.open(tmp_path / "k.png").convert("L")).shape[0] >= 110 * 1.4 * min(count, 4)


# Five are a column of four and one of one; both have an axis with numbers below. Row by row, the fifth comes second.
def test_each_column_of_panels_has_an_axis(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(storage, "write_figure", lambda path, figure, dpi: drawn.extend(figure.axes[1:]))
    spectra = np.ones((5, 2, 30))
    found = KindMap("clusters", np.ones((2, 30), np.uint8), np.ones(5, int), spectra, spectra)
    reports.write_picture(tmp_path / "k.png", found, np.arange(30), None, "t")
    assert [axes.xaxis.get_tick_params()["labelbottom"] for axes in drawn] == [False, True, False, False, True]
