"""What files and the configuration say of nodata, scale and bands, through the real commands.

Oracles: the same scene written with fewer bands, and distances worked out by hand.
"""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from conftest import ONE_PLACE, Workspace, make_pair
from hscd.reports import maps
from raster_scenes import (
    LEAST,
    PLAIN,
    UNLABELLED,
    UTM,
    WAVES,
    Result,
    assert_maps_say_what_the_distances_do,
    assert_same,
    pseudo,
    write_labels,
    write_pair,
)

pytestmark = pytest.mark.usefixtures("undrawn")


# --- nodata and scale of files ---------------------------------------------------------------------------------------


def yellow_share(file: Path) -> float:
    picture = np.asarray(Image.open(file).convert("RGB")).astype(int)
    return float(((picture[..., 0] > 220) & (picture[..., 1] > 200) & (picture[..., 2] < 130)).mean())


def test_nodata_of_a_file_is_masked_and_what_the_section_says_goes_before(
    space: Workspace, undrawn: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after, changed = make_pair(1)
    before[:3, :, 2] = 0
    after[:, 27:] = 65535
    write_pair(space, before, after, nodata=0, after_nodata=65535)
    write_labels(space, changed)
    masked = np.zeros((20, 30), bool)
    masked[:3] = masked[:, 27:] = True
    with monkeypatch.context() as patch:
        patch.setattr(maps, "write_classes", undrawn)
        found = pseudo(space)
    # 3 of 20 rows and 3 of 30 columns are 23.5 % of both panels, which take half of the picture or more.
    assert 0.1 < yellow_share(found.prefix.with_name(f"{found.prefix.name}.png")) < 0.235
    np.testing.assert_array_equal(np.isnan(found.distances), masked)
    assert_maps_say_what_the_distances_do(found)
    assert found.tables[0][0]["total_examples"] == str(17 * 27)
    # The same without nodata in the files but in the section; then with another one in the section.
    before[:3, :, 2] = 65535
    write_pair(space, before, after)
    assert_same(pseudo(space, "PLACE A.nodata=65535"), found)
    before[5, 5] = 7
    write_pair(space, before, after, nodata=0, after_nodata=65535)
    again = pseudo(space, "PLACE A.nodata=7")
    assert np.argwhere(np.isnan(again.distances)).tolist() == [[5, 5]]
    assert_maps_say_what_the_distances_do(again)


def test_scale_and_offset_of_files(space: Workspace) -> None:
    before, _, changed = make_pair(1)
    space.text = UNLABELLED
    # Reflectances are before · 1e-4; in the other file they are stored twice as large and 1000 above, and where there
    # was a change they are greater by 0.1, which is 0.1 · √5 over the five bands.
    after = (2 * before.astype(np.int32) + 1000 + 2000 * changed[:, :, None]).astype(np.uint16)
    write_pair(space, before, after, scale=(1e-4, 0), after_scale=(5e-5, -0.05))
    found = pseudo(space, *PLAIN)
    np.testing.assert_allclose(found.distances[changed], 0.1 * math.sqrt(5), rtol=1e-5)
    assert found.distances[~changed].max() == LEAST
    np.testing.assert_array_equal(found.changes == 0, changed)
    # As stored; then all by one factor, offsets of the files left aside.
    apart = np.linalg.norm(after.astype(float) - before, axis=2)
    np.testing.assert_allclose(pseudo(space, *PLAIN, "PLACE A.scale=1").distances, apart, rtol=1e-6)
    np.testing.assert_allclose(pseudo(space, *PLAIN, "PLACE A.scale=0.01").distances, apart / 100, rtol=1e-5)


def test_dates_of_which_one_is_scaled_are_pointed_at(space: Workspace) -> None:
    space.text = UNLABELLED
    before, after, _ = make_pair(1)
    write_pair(space, before, after, after_scale=(1e-4, 0.0), **UTM)
    done = space.call("predutils", *PLAIN)
    assert done.returncode == 0
    assert "data/a/after/town.tif: scaled as its file declares" in done.stderr
    assert "warning" not in space.call("predutils", *PLAIN, "PLACE A.scale=1", "settings.stat_path=other").stderr


def test_a_value_that_looks_like_nodata_is_pointed_at(space: Workspace) -> None:
    space.text = UNLABELLED
    before, after, _ = (part.astype(np.int16) for part in make_pair(1))
    before[:2] = -9999  # 60 of 600 pixels
    write_pair(space, before, after, **UTM)
    said = "data/a/before/town.tif: -9999 in every band of 10.0 % of the pixels; if they hold no data: nodata = -9999"
    assert said in space.call("predutils", *PLAIN).stderr
    assert "warning" not in space.call("predutils", *PLAIN, "PLACE A.nodata=-9999", "settings.stat_path=new").stderr


# --- choice of bands -------------------------------------------------------------------------------------------------


KEPT = [0, 2, 3, 5, 7]
# Band 2 is bad in the after image only; 5 and 7 lie in water vapour.
NANOMETRES = {"wavelength": WAVES, "wavelength_units": ["nm"] * 8}
BAD = {"tags": NANOMETRES | {"bbl": [1] * 8}, "after_tags": NANOMETRES | {"bbl": [1, 0, *[1] * 6]}}
CHOICES = [
    ("bands=1, 3-4, 6, 8",),
    ("bands=[8,6,4,3,1]",),
    ("bands=400-500 nm, 0.6-0.9 um, 1650 nm, 2.2 um",),
    ("bad_bands=2, 5, 7",),
    ("bad_bands=file, water",),
    ("bands=1-6, 8", "bad_bands=file, 1390-1410 nm"),
]


@pytest.fixture(scope="module")
def of_bands(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Result]:
    """A scene of eight bands, and what is made of it written with five of them."""
    before, after, changed = make_pair(6, bands=8)
    # With the other bands, something else would come out.
    after[5:9, :, [1, 4, 6]] = 0
    fewer, space = (Workspace(tmp_path_factory.mktemp(name), text=ONE_PLACE) for name in ("fewer", "all"))
    write_pair(fewer, before[:, :, KEPT], after[:, :, KEPT])
    write_pair(space, before, after, **BAD)
    for place in (fewer, space):
        write_labels(place, changed)
    return space, pseudo(fewer)


@pytest.mark.parametrize("choice", CHOICES, ids=" ".join)
def test_chosen_bands_give_what_a_scene_of_them_alone_gives(
    of_bands: tuple[Workspace, Result], choice: tuple[str, ...]
) -> None:
    space, expected = of_bands
    assert_same(pseudo(space, *(f"PLACE A.{entry}" for entry in choice)), expected)


def test_bands_that_are_left_out_matter(of_bands: tuple[Workspace, Result]) -> None:
    space, expected = of_bands
    assert pseudo(space).content != expected.content


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("bands=9",), "[PLACE A] bands: FILE has 8 bands, band 9 is asked for"),
        (("bad_bands=3-20",), "[PLACE A] bad_bands: FILE has 8 bands, band 20 is asked for"),
        (("bands=3000-4000 nm",), "[PLACE A] bands, bad_bands: no band of FILE is left"),
        (("bad_bands=1-8",), "[PLACE A] bands, bad_bands: no band of FILE is left"),
        (("bands=5", "bad_bands=water"), "[PLACE A] bands, bad_bands: no band of FILE is left"),
        (("bands=0",), "[PLACE A] bands: found '0'; expected numbers from 1"),
        (("bands=5-2",), "[PLACE A] bands: found '5-2'"),
        (("bands=water",), "[PLACE A] bands: found 'water'"),
        (("bad_bands=red",), "[PLACE A] bad_bands: found 'red'; expected numbers from 1"),
        (("scale=0",), "[PLACE A] scale: found '0'; expected a number > 0"),
    ],
    ids=str,
)
def test_bands_that_are_not_there(of_bands: tuple[Workspace, Result], overrides: tuple[str, ...], said: str) -> None:
    space, _ = of_bands
    said = said.replace("FILE", str(space.folder / "data/a/before/town.tif"))
    assert said in space.fails("predutils", *(f"PLACE A.{entry}" for entry in overrides))


def test_bands_of_a_file_that_says_nothing_of_them(space: Workspace) -> None:
    space.text = UNLABELLED
    write_pair(space, *make_pair(1)[:2])
    file = space.folder / "data/a/before/town.tif"
    for override, said in (
        ("bad_bands=file", f"{file} has no list of bad bands"),
        ("bad_bands=water", f"the wavelengths of {file} are not known; give the numbers of bands, from 1"),
        ("bands=400-500 nm", f"the wavelengths of {file} are not known"),
    ):
        assert f"[PLACE A] {override.partition('=')[0]}: {said}" in space.fails("predutils", f"PLACE A.{override}")


def test_transparent_pixels_are_masked_and_their_band_is_none(space: Workspace) -> None:
    space.text = UNLABELLED
    before, after, _ = (part[:, :, :3].astype(np.uint8) if part.ndim == 3 else part for part in make_pair(1))
    opaque = np.full((20, 30, 1), 255, np.uint8)
    hidden = opaque.copy()
    hidden[:, :4] = 0
    after[:, :4] = 255
    # As many bands in both; then only one has an alpha band.
    for first in (np.dstack([before, opaque]), before):
        write_pair(space, first, np.dstack([after, hidden]), **UTM)
        found = pseudo(space, *PLAIN)
        assert "alpha" not in found.output
        np.testing.assert_array_equal(np.isnan(found.distances), hidden[:, :, 0] == 0)
        expected = np.sqrt(((before.astype(float) - after) ** 2).sum(axis=2))
        np.testing.assert_allclose(found.distances[:, 4:], expected[:, 4:], rtol=1e-6)  # float32 sums of 3 squares
    # Its number says that it is a band.
    write_pair(space, np.dstack([before, opaque]), np.dstack([after, hidden]), **UTM)
    found = pseudo(space, *PLAIN, "PLACE A.bands=1-4")
    assert np.isfinite(found.distances).all()
    assert (found.distances[:, :4] > 255).all()


def test_a_band_that_one_image_lacks_may_be_asked_for_or_not(space: Workspace) -> None:
    # The numbers are those of the before image, also for a band that the after image lacks.
    space.text = UNLABELLED
    before, after, _ = make_pair(1)
    write_pair(space, before, after[:, :, [0, 1, 2, 4]], **UTM)
    for part, names in (("before", ["B1", "B2", "B3", "B4", "B5"]), ("after", ["B1", "B2", "B3", "B5"])):
        with rasterio.open(space.folder / f"data/a/{part}/town.tif", "r+") as file:
            file.descriptions = names
    both = [0, 1, 2, 4]
    for chosen, kept in (("bad_bands=4", both), ("bands=1-5", both), ("bands=4-5", [4]), ("bad_bands=5", [0, 1, 2])):
        found = pseudo(space, *PLAIN, f"PLACE A.{chosen}")
        expected = np.sqrt(((before[:, :, kept].astype(float) - after[:, :, kept]) ** 2).sum(axis=2))
        # Float32 sums of 4 squares; that of equal spectra is LEAST.
        np.testing.assert_allclose(found.distances, np.maximum(expected, LEAST), rtol=1e-6)
    assert "has 5 bands, band 6 is asked for" in space.fails("predutils", "PLACE A.bands=1-6")


def test_bands_make_images_of_different_numbers_comparable(space: Workspace) -> None:
    space.text = UNLABELLED
    before, after, _ = make_pair(1)
    write_pair(space, before, after[:, :, :4], **UTM)
    line = space.fails("predutils")
    assert "data/a/after/town.tif: 4 bands, 5 in the before image; if the first 4 bands of both are the same: " in line
    assert line.rstrip().endswith(": bands = 1-4")
    found = pseudo(space, *PLAIN, "PLACE A.bands=2-3")
    expected = np.sqrt(((before[:, :, 1:3].astype(float) - after[:, :, 1:3]) ** 2).sum(axis=2))
    np.testing.assert_allclose(found.distances, expected, rtol=1e-6)  # float32 sums of 2 squares
    assert "PLACE A" in space.fails("predutils", "PLACE A.bands=2-5")
