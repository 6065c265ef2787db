"""What a page keeps of a pair: that it can be read back, and how large it is."""

import base64
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Picture
from rasterio import CRS

import hscd.detection
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.records import Grid
from hscd.reports.maps import COLOURS
from hscd.reports.page import images
from hscd.reports.page import view as of_pairs
from hscd.reports.page.spectra import encoded
from hscd.reports.page.view import Shown, agreement, histogram, quantised, sampled, view


def opened(uri: str) -> np.ndarray:
    return np.asarray(Picture.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGBA"))


def scene(rows: int, columns: int, bands: int = 3, valid: bool = False):
    rng = np.random.default_rng(0)
    before = rng.random((rows, columns, bands)).astype(np.float32)
    after = before + 1
    if valid:
        before[0, 0] = np.nan
    return hscd.detection._scene(before, after, None, None), before


def shown(rows: int, columns: int, labelled: bool = True) -> Shown:
    scores = np.linspace(0, 10, rows * columns, dtype=np.float32).reshape(rows, columns)
    labels = np.where(scores > 5, CHANGED, UNCHANGED).astype(np.uint8)
    truth = np.roll(labels, 1) if labelled else np.full((rows, columns), UNKNOWN, np.uint8)
    return Shown(labels, labels, truth, scores, 5.0)


def test_maps_are_read_back_from_their_colours() -> None:
    pair, _ = scene(6, 8)
    of = shown(6, 8)
    found = view(pair, of, 1)
    json.dumps(found, allow_nan=False)
    assert found["aspect"] == 1
    assert found["unknown"] is False
    some = of.truth.copy()
    some[0, 0] = UNKNOWN
    assert view(pair, of._replace(truth=some), 1)["unknown"] is True
    degrees = Grid((1e-4, 0, 10, 0, -1e-4, 60), CRS.from_epsg(4326).to_wkt())
    assert view(replace(pair, before=replace(pair.before, grid=degrees)), of, 1)["aspect"] == pytest.approx(
        2, rel=1e-3
    )  # 1 / cos 60°
    layers = {layer["key"]: layer for layer in found["layers"]}
    # Scores above 5 of 0 to 10 are rows 3 to 5 of 6, all 8 columns: the middle lies in the middle, (3.5 + .5) / 8.
    assert found["swipe"] == 50
    # Change in the columns 6 and 7 alone: (6.5 + .5) / 8 is 87.5 %. Without any, the line is in the middle.
    right = np.where(np.arange(8) > 5, CHANGED, UNCHANGED) * np.ones((6, 1), np.uint8)
    assert [view(pair, of._replace(corrected=now), 1)["swipe"] for now in (right, right[:, ::-1] * 0 + UNCHANGED)] == [
        88,
        50,
    ]
    # The labels before correction are those after it, and not shown twice.
    assert list(layers) == ["before", "after", "map", "scores", "truth", "errors"]
    colours = np.array([[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in COLOURS])
    for key, labels in (("map", of.corrected), ("truth", of.truth)):
        assert (opened(layers[key]["image"])[..., :3] == colours[labels]).all()
    ramp = {tuple(colour): level for level, colour in enumerate(found["ramp"])}
    assert len(ramp) == 256
    levels = np.apply_along_axis(lambda colour: ramp[tuple(colour)], 2, opened(layers["scores"]["image"])[..., :3])
    low, high = layers["scores"]["low"], layers["scores"]["high"]
    read = low + (high - low) * (levels - 1) / 254
    # Half a level of 254 between 0 and the 99.5th percentile of 0 to 10; the few scores above that are cut off there.
    assert np.abs(read - np.minimum(of.scores, high)).max() <= 10 / 254 / 2 + 1e-6


def test_layers_without_labels_and_with_a_correction() -> None:
    pair, _ = scene(6, 8)
    of = shown(6, 8, labelled=False)
    corrected = of.corrected.copy()
    corrected[0, 0] = CHANGED
    found = view(pair, of._replace(corrected=corrected), 1)
    assert found["unknown"] is False  # no truth is shown
    masked = of._replace(corrected=np.where(corrected == CHANGED, np.uint8(UNKNOWN), corrected))
    assert view(pair, masked, 1)["unknown"] is True
    keys = [layer["key"] for layer in found["layers"]]
    assert keys == ["before", "after", "map", "raw", "scores"]


def test_spectra_are_read_back() -> None:
    pair, before = scene(6, 8, valid=True)
    spectra = view(pair, shown(6, 8), 1)["spectra"]
    levels = np.frombuffer(base64.b64decode(spectra["values"]), "<u2").reshape(-1, 2, 3)
    values = spectra["low"] + (spectra["high"] - spectra["low"]) * levels / 65535
    rows, columns = np.array(spectra["places"]).T
    assert (spectra["x"], spectra["unit"]) == ([1, 2, 3], "band")
    assert (0, 0) not in list(zip(rows.tolist(), columns.tolist(), strict=True))  # masked
    # 2 are the values of both dates; half a level of 65535.
    assert np.abs(values[:, 0] - before[rows, columns]).max() <= 2 / 65535
    assert np.abs(values[:, 1] - values[:, 0] - 1).max() <= 4 / 65535
    pair, _ = scene(6, 8, bands=1)
    assert view(pair, shown(6, 8), 1)["spectra"] is None


# As in a folder of Sentinel-2, where B8A is the last: 865, 945 and 2202 nm. One value, 0 to 2, each of 65535 levels.
def test_spectra_are_by_rising_wavelength() -> None:
    pair, _ = scene(6, 8)
    image = replace(pair.before, wavelengths=np.array([945.0, 2202, 865]))
    found = encoded(np.array([[[1.0, 2, 0], [1, 2, 0]]]), image, [(0, 0)])
    levels = np.frombuffer(base64.b64decode(found["values"]), "<u2").reshape(2, 3)
    assert (found["x"], levels.tolist()) == ([865, 945, 2202], [[0, 32768, 65535]] * 2)


# Blocks of 5 × 5 pixels, 50 · 3 · 4 bytes of both dates, that is 600: two fit into 1,250 bytes, and there are 4 × 6.
@pytest.mark.parametrize(("bytes_read", "blocks"), [(1250, 2), (600, 1), (599, 0), (10**6, 24)])
def test_of_a_very_large_pair_spectra_are_of_some_blocks(bytes_read, blocks, monkeypatch) -> None:
    monkeypatch.setattr(of_pairs, "_MOST_BYTES", 0)
    monkeypatch.setattr(of_pairs, "_READ", bytes_read)
    pair, before = scene(20, 30)
    read = []

    def window(rows, columns):
        read.append((rows, columns))
        return before[rows, columns]

    pair = replace(pair, **{
        date: replace(getattr(pair, date), block=(5, 5), window=window) for date in ("before", "after")
    })  # fmt: skip
    looked = of_pairs._looked_at(pair)
    assert len(looked) == blocks
    places = {(rows.start // 5, columns.start // 5) for rows, columns in looked}
    assert len(places) == blocks
    if blocks == 2:  # of 4 down the one in the middle, of 6 across those in the middle of either half
        assert places == {(2, 1), (2, 4)}
    found = of_pairs._spectra(pair, shown(20, 30).corrected, 600, 0)
    assert sum((rows.stop - rows.start) * (columns.stop - columns.start) for rows, columns in read) == 2 * 25 * blocks
    if not blocks:
        assert found is None
        return
    levels = np.frombuffer(base64.b64decode(found["values"]), "<u2").reshape(-1, 2, 3)
    rows, columns = np.array(found["places"]).T
    values = found["low"] + (found["high"] - found["low"]) * levels / 65535
    assert np.abs(values[:, 0] - before[rows, columns]).max() <= 1 / 65535
    assert len(set(zip((rows // 5).tolist(), (columns // 5).tolist(), strict=True))) == blocks


# All pairs of a page have 800,000 pixels together: 890 × 890 are fewer; four such pairs have 3.17 million, of which
# one in 2 × 2 is shown. The longer side has 2048 at most: of 5000, one in 3.
@pytest.mark.parametrize(("shape", "pairs", "step"), [((890, 890), 1, 1), ((890, 890), 4, 2), ((4, 5000), 1, 3)])
def test_large_pairs_are_thinned(shape, pairs, step) -> None:
    pair, _ = scene(*shape, bands=2)
    found = view(pair, shown(*shape), pairs)
    assert found["step"] == step
    assert opened(found["layers"][2]["image"]).shape[:2] == tuple(-(-length // step) for length in shape)
    assert len(json.dumps(found)) * pairs < 5_000_000


def test_right_and_wrong_pixels() -> None:
    labels = np.array([[CHANGED, UNCHANGED, CHANGED, UNCHANGED, UNKNOWN, CHANGED]])
    truth = np.array([[CHANGED, CHANGED, UNCHANGED, UNCHANGED, CHANGED, UNKNOWN]])
    assert agreement(labels, truth).tolist() == [[0, 1, 2, 3, 4, 4]]


def test_scores_as_levels() -> None:
    # From 0 to 4, a quarter beyond the threshold: 255 levels from 1 to 255, so that 2 is in the middle at 128.
    levels, low, high = quantised(np.array([[0.0, 2.0, np.nan]]), 3.2)
    assert (levels.tolist(), low, high) == ([[1, 128, 0]], 0, 4)
    assert quantised(np.full((1, 2), np.nan), 1.0)[0].tolist() == [[0, 0]]
    assert quantised(np.ones((1, 2)), 1.0)[0].tolist() == [[1, 1]]


def test_a_histogram_by_labels() -> None:
    scores = np.array([0.0, 1.0, 64.0, np.nan, 1.0])
    labels = np.array([UNCHANGED, UNCHANGED, CHANGED, CHANGED, UNKNOWN])
    # 64 bins from 0 to the 99.5th percentile, 63.055, or a quarter beyond the threshold, which is more here: bins of 1.
    found = histogram(scores, labels, 51.2)
    assert histogram(scores, labels, 64.0)["above"] == 0  # a score at the threshold is not above it
    # Ten times the threshold at most, where the scores go on much further.
    assert histogram(scores, labels, 0.5)["edges"][-1] == 5
    assert histogram(scores, labels, 0.5)["above"] == 3
    assert found["edges"][:3] == [0, 1, 2]
    assert (found["all"][0], found["all"][1], found["all"][-1]) == (1, 2, 1)
    assert (sum(found["changed"]), found["changed"][-1], sum(found["unchanged"])) == (1, 1, 2)
    assert sum(histogram(np.append(np.zeros(999), 1e9), np.ones(1000), 1.0)["all"]) == 1000  # what is beyond is kept
    assert histogram(np.array([np.nan]), np.array([2]), 1.0)["edges"] == []
    assert len(histogram(np.zeros(2), np.ones(2), 0.0)["edges"]) == 65


def test_pixels_for_spectra_lie_on_a_grid_and_among_the_changed() -> None:
    corrected = np.full((30, 40), UNCHANGED, np.uint8)
    corrected[3, 4:10] = CHANGED
    found = sampled(corrected, None, 16, seed=1)
    # 12 of 16 on a grid: of 1,200 pixels one in 100, 10 apart from 5 on: 3 rows, 4 columns.
    grid = [row * 40 + column for row in (5, 15, 25) for column in (5, 15, 25, 35)]
    assert set(grid) < set(found.tolist())
    assert len(found) == 16
    assert {divmod(place, 40)[0] for place in set(found.tolist()) - set(grid)} == {3}
    valid = np.ones((30, 40), bool)
    valid[5] = False
    assert not {place // 40 for place in sampled(corrected, valid, 16, seed=1)} & {5}
    for shape in ((1, 1), (1, 500), (3, 2)):
        places = sampled(np.ones(shape, np.uint8), None, 5, seed=0)
        assert 1 <= len(places) <= 6
        assert places.max() < shape[0] * shape[1]


def test_a_picture_of_a_file_is_made_narrower() -> None:
    file = io.BytesIO()
    Picture.new("RGB", (300, 90)).save(file, "PNG")
    assert opened(images.of_file(file.getvalue(), 100)).shape == (30, 100, 4)


def test_a_thumbnail_shows_what_changed() -> None:
    changed = np.zeros((300, 400), bool)
    changed[:, 200:] = True
    found = opened(images.thumbnail(np.full((300, 400, 3), 0.5), changed))
    assert found.shape == (96, 128, 4)
    # Grey, and #d7191c, as far as a lossy picture keeps them.
    assert np.abs(found[50, 20, :3].astype(int) - 128).max() < 8
    assert np.abs(found[50, 110, :3].astype(int) - [0xD7, 0x19, 0x1C]).max() < 16
