"""Surroundings of points on a page: those of the images, wherever windows and borders are."""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Picture

import hscd.detection
import hscd.scenes.scene
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.records import PIXEL_GRID, Grid
from hscd.reports.maps import COLOURS
from hscd.reports.page import surroundings as of_points
from hscd.reports.page.surroundings import surroundings

ROWS, COLUMNS = np.array([0, 39, 20, 8]), np.array([0, 49, 25, 48])


def opened(uri: str) -> np.ndarray:
    return np.asarray(Picture.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB"))


def pair(bands: int = 4):
    rng = np.random.default_rng(0)
    before = rng.random((40, 50, bands)).astype(np.float32)
    found = hscd.detection._scene(before, before + 1, None, None)
    return (found.before, found.after), before


# Windows of all, and of one row of 32 bytes a pixel pair, which cut through every square.
@pytest.mark.parametrize("window_bytes", [2**26, 50 * 32])
def test_the_squares_of_all_points(window_bytes, monkeypatch) -> None:
    monkeypatch.setattr(hscd.scenes.scene, "_WINDOW_BYTES", window_bytes)
    images, before = pair()
    labels = np.random.default_rng(1).choice(np.array([CHANGED, UNCHANGED], np.uint8), (40, 50))
    found = surroundings(images, labels, (ROWS, COLUMNS), PIXEL_GRID)
    side, pitch = found["side"], found["pitch"]
    assert (side, pitch, found["across"]) == (61, 64, 2)
    around = np.pad(labels, 64, constant_values=UNKNOWN)
    colours = np.array([[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in COLOURS])
    sheet = opened(found["sheets"]["map"])
    for number, (row, column) in enumerate(zip(ROWS, COLUMNS, strict=True)):
        down, right = divmod(number, 2)
        square = sheet[down * 64 : down * 64 + 61, right * 64 : right * 64 + 61]
        assert (square == colours[around[row + 34 : row + 95, column + 34 : column + 95]]).all()
        # What lies beyond the image is yellow in the pictures too, as far as they keep it.
        outside = np.pad(np.zeros_like(labels), 64, constant_values=1)[row + 34 : row + 95, column + 34 : column + 95]
        picture = opened(found["sheets"]["before"])[down * 64 : down * 64 + 61, right * 64 : right * 64 + 61]
        yellow = np.abs(picture[outside == 1].astype(int) - colours[UNKNOWN])
        assert np.median(yellow) < 4
    spectra = found["spectra"]
    levels = np.frombuffer(base64.b64decode(spectra["values"]), "<u2").reshape(4, 2, 4)
    values = spectra["low"] + (spectra["high"] - spectra["low"]) * levels / 65535
    assert np.abs(values[:, 0] - before[ROWS, COLUMNS]).max() <= 2 / 65535
    assert found["coordinates"] is None


def test_many_points_get_smaller_squares_coarser_pictures_and_fewer_bands(monkeypatch) -> None:
    images, _ = pair(bands=90)
    labels = np.ones((40, 50), np.uint8)
    fine = surroundings(images, labels, (ROWS, COLUMNS), PIXEL_GRID)
    # 3,600 / 4 pixels are 30 × 30; 4 · 4 · 90 bytes are 1.5 times 960: every second band.
    for name, value in (("_AREA", 3600), ("_SPECTRA", 960)):
        monkeypatch.setattr(of_points, name, value)
    found = surroundings(images, labels, (ROWS, COLUMNS), PIXEL_GRID)
    assert (fine["side"], found["side"], found["pitch"]) == (61, 29, 32)
    assert found["spectra"]["x"] == list(range(1, 90, 2))
    sizes = [sum(len(found["sheets"][date]) for date in ("before", "after"))]
    for _ in range(2):
        monkeypatch.setattr(of_points, "_PICTURES", sizes[-1] - 1)
        coarse = surroundings(images, labels, (ROWS, COLUMNS), PIXEL_GRID)
        sizes.append(sum(len(coarse["sheets"][date]) for date in ("before", "after")))
    assert sizes[0] > sizes[1] > sizes[2]


def test_places_and_bands() -> None:
    images, _ = pair(bands=1)
    # Of degrees: from 12 E, 50 N, a pixel of a tenth of a degree; its middle is half a pixel further.
    import rasterio

    grid = Grid((0.1, 0, 12, 0, -0.1, 50), rasterio.CRS.from_epsg(4326).to_wkt())
    found = surroundings(images, np.ones((40, 50), np.uint8), (ROWS, COLUMNS), grid)
    assert found["coordinates"][0] == pytest.approx([49.95, 12.05])
    assert (found["spectra"], found["places"][1]) == (None, [39, 49])
    masked = tuple(replace(of, window=lambda rows, columns: np.full((rows.stop - rows.start, 50, 1), np.nan))
                   for of in images)  # fmt: skip
    assert surroundings(masked, np.ones((40, 50), np.uint8), (ROWS, COLUMNS), grid)["sheets"]["before"] == ""
