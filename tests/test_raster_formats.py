"""Every format through the real commands: the same scene gives the same results, and lies where its file says."""

import gzip
import math
import shutil
from pathlib import Path

import numpy as np
import pyogrio
import pyogrio.raw
import pytest
import rasterio

import image_pairs
from conftest import ONE_PLACE, SHARED, Workspace, make_pair, needs_shared
from netcdf_files import write_emit
from raster_scenes import (
    LEAST,
    PLAIN,
    UNLABELLED,
    UTM,
    Result,
    assert_maps_say_what_the_distances_do,
    assert_same,
    moved,
    opened,
    painted,
    polygons,
    pseudo,
    write_as,
    write_raster,
)
from settings import read_settings

pytestmark = pytest.mark.usefixtures("undrawn")


# Before, after, labels.
FORMATS = [
    ("mat73", "mat73", "mat73"), ("tif", "tif", "tif"), ("npy", "npy", "npy"), ("folder", "folder", "png"),
    ("bsq", "bsq", "bsq"), ("bil", "bip", "png"), ("mat", "bil", "tif"), ("bip", "folder", "mat"),
    ("npy", "mat73", "bsq"), ("tif", "mat", "npy"), ("nc", "nc", "nc"),
]  # fmt: skip


def scene_of_formats() -> list[np.ndarray]:
    before, after, changed = make_pair(1)
    labels = np.where(changed, 1, 2).astype(np.uint8)
    labels[-4:] = 0
    return [before, after, labels[:, :, None]]


def write_formats(space: Workspace, kinds: tuple[str, str, str]) -> list[Path]:
    folders = [space.folder / "data/a" / part for part in ("before", "after", "label")]
    return [write_as(*entry) for entry in zip(kinds, folders, scene_of_formats(), strict=True)]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The scene in .mat files, as the program has always read it."""
    space = Workspace(tmp_path_factory.mktemp("mat"), text=ONE_PLACE)
    write_formats(space, ("mat", "mat", "mat"))
    return pseudo(space)


@pytest.mark.parametrize("kinds", FORMATS, ids="-".join)
def test_every_format_gives_the_same(space: Workspace, reference: Result, kinds: tuple[str, str, str]) -> None:
    write_formats(space, kinds)
    assert_same(pseudo(space), reference)


@pytest.mark.parametrize("kinds", [("bil", "tif", "png"), ("npy", "bip", "mat")], ids="-".join)
def test_paths_may_name_one_file_each(space: Workspace, reference: Result, kinds: tuple[str, str, str]) -> None:
    # Others lie beside them, and names need not be the same: the pair is named like the before image.
    write_formats(space, ("mat73", "mat73", "mat73"))
    parts = zip(kinds, ("before", "after", "label"), scene_of_formats(), strict=True)
    for key, (kind, part, image) in zip(("imgAPath", "imgBPath", "labelPath"), parts, strict=True):
        path = write_as(kind, space.folder / "data/a" / part, image, "town" if part == "before" else f"{part}_2003")
        space.text = space.text.replace(f"{key} = data/a/{part}\n", f"{key} = {path.relative_to(space.folder)}\n")
    assert_same(pseudo(space), reference)


def pack(header: Path, pixels: Path) -> None:
    """Pack the pixels of an ENVI image, as its header then says."""
    pixels.write_bytes(gzip.compress(pixels.read_bytes()))
    with header.open("a", encoding="utf-8") as file:
        file.write("file compression = 1\n")


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_envi_by_its_header_or_its_pixels_packed_or_not(
    space: Workspace, reference: Result, packed: bool, named: bool
) -> None:
    headers = write_formats(space, ("bil", "bip", "bsq"))
    for key, header, kind in zip(("imgAPath", "imgBPath", "labelPath"), headers, ("bil", "bip", "bsq"), strict=True):
        pixels = header.with_suffix(f".{kind}")
        if packed:
            pack(header, pixels)
        if named:
            of_shared(space, **{key: pixels})
    found = pseudo(space)
    assert_same(found, reference)
    assert "warning" not in found.output


def test_a_packed_image_is_unpacked_once(space: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    # Two images of 200 · 250 · 5 values of 2 bytes are 0.95 MiB, the maps 0.57 MiB: not all fits into 1 MiB.
    before, after, _ = make_pair(7, rows=200, columns=250)
    space.text = UNLABELLED
    write_as("bil", space.folder / "data/a/before", before)
    write_as("tif", space.folder / "data/a/after", after)
    pack(space.folder / "data/a/before/town.hdr", space.folder / "data/a/before/town.bil")
    unpacked, known = [], gzip.open
    monkeypatch.setattr(gzip, "open", lambda path, mode: unpacked.append(path) or known(path, mode))
    pseudo(space, "settings.memory_limit=1")
    assert unpacked == [space.folder / "data/a/before/town.bil"]


def test_what_an_envi_header_says_and_is_passed_over_is_told_once(space: Workspace) -> None:
    header = write_formats(space, ("bsq", "bsq", "bsq"))[0]
    header.write_text(header.read_text(encoding="utf-8") + "data ignore value = none\n", encoding="utf-8")
    done = space.call("predutils")
    assert done.returncode == 0
    assert done.stderr.count("warning") == 1
    assert f"warning: {header}: its data ignore value, 'none', is no number, and not used\n" in done.stderr


def test_a_file_beside_folders_is_told(space: Workspace) -> None:
    write_formats(space, ("tif", "tif", "tif"))
    line = space.fails("predutils", "PLACE A.imgAPath=data/a/before/town.tif")
    assert "data/a/before/town.tif: an image ([PLACE A] imgAPath), but imgBPath is a folder of images" in line


def test_pairs_that_differ_in_format_alone_have_one_name(space: Workspace) -> None:
    write_formats(space, ("tif", "tif", "tif"))
    write_as("bsq", space.folder / "data/a/after", scene_of_formats()[1])
    assert "two pairs are named 'town', town.hdr and town.tif" in space.fails("predutils")


# Level 1C: ten thousand times the reflectance; from baseline 04.00 on, 1000 less than what is stored.
METADATA = """<p><QUANTIFICATION_VALUE>10000</QUANTIFICATION_VALUE>OFFSETS</p>"""
OFFSETS = "".join(f'<RADIO_ADD_OFFSET band_id="{band}">-1000</RADIO_ADD_OFFSET>' for band in range(13))


def test_sentinel_2_products_before_and_after_the_offset(space: Workspace) -> None:
    rng = np.random.default_rng(9)
    space.text = UNLABELLED
    fields = {
        name: rng.integers(500, 3000, (60 // size, 60 // size)) for name, size in (("B02", 1), ("B05", 2), ("B01", 6))
    }
    changed = np.zeros((60, 60), bool)
    changed[12:30, 24:42] = True
    for part, offset in (("before", 0), ("after", 1000)):
        product = space.folder / f"data/a/{part}/T33UUU.SAFE"
        for name, values in fields.items():
            size = 60 // len(values)
            stored = values + offset + 500 * (part == "after") * changed[::size, ::size]
            path = product / f"GRANULE/L1C_T33UUU/IMG_DATA/T33UUU_20220724T100611_{name}.tif"
            write_raster(
                path, stored.astype(np.uint16)[:, :, None],
                crs=UTM["crs"], transform=moved(UTM["transform"], 0, 0, size),
            )  # fmt: skip
        text = METADATA.replace("OFFSETS", OFFSETS if offset else "")
        (product / "MTD_MSIL1C.xml").write_text(text, encoding="utf-8")
    found = pseudo(space, *PLAIN, pair="T33UUU")
    # What changed did so by 0.05 in three bands; interpolation reaches 9 pixels farther, one and a half of 60 m.
    np.testing.assert_allclose(found.distances[20:22, 32:34], 0.05 * math.sqrt(3), rtol=1e-4)
    far = np.ones((60, 60), bool)
    far[2:40, 14:52] = False
    assert found.distances[far].max() < 1.1 * LEAST
    assert_maps_say_what_the_distances_do(found)
    with opened(found.prefix.with_name(f"{found.prefix.name}.tif")) as file:
        assert (file.shape, file.transform) == ((60, 60), UTM["transform"])


@pytest.mark.parametrize("named", ["T33UUU", "T33UUU/GRANULE/L1C_T33UUU"])
def test_a_sentinel_2_product_may_have_any_name_or_be_named_by_its_granule(space: Workspace, named: str) -> None:
    space.text = UNLABELLED
    for part, level in (("before", 2000), ("after", 2500)):
        product = space.folder / f"data/a/{part}/T33UUU"
        band = np.full((20, 20, 1), 2000, np.uint16)
        band[5:9, 5:9] = level
        write_raster(product / "GRANULE/L1C_T33UUU/IMG_DATA/S2A_OPER_MSI_L1C_TL_T33UUU_B02.tif", band, **UTM)
        metadata = product / "S2A_OPER_MTD_SAFL1C_PDMC.xml"
        metadata.write_text(METADATA.replace("OFFSETS", ""), encoding="utf-8")
    in_folders = pseudo(space, *PLAIN, pair="T33UUU")
    of_shared(space, imgAPath=space.folder / "data/a/before" / named, imgBPath=space.folder / "data/a/after" / named)
    found = pseudo(space, *PLAIN, pair=Path(named).name)
    np.testing.assert_array_equal(found.distances, in_folders.distances)
    # 500 of 10,000.
    np.testing.assert_allclose(found.distances[5:9, 5:9], 0.05, rtol=1e-4)
    assert np.count_nonzero(found.distances > 0.01) == 16


# Two swaths of one scene, the second seen in the other direction: on the grid of their tables they lie on each other.
def test_swaths_with_lookup_tables(space: Workspace) -> None:
    space.text = UNLABELLED
    before, after, _ = make_pair(1)
    rows, columns = before.shape[:2]
    line, sample = np.indices((rows, columns)) + 1
    seen = (line + sample) % 7 > 0
    for part, image, turned in (("before", before, False), ("after", after, True)):
        swath = image[::-1, ::-1] if turned else image
        table = (rows + 1 - line, columns + 1 - sample) if turned else (line, sample)
        path = space.folder / f"data/a/{part}/town.nc"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_emit(
            path, swath.astype("f4"), *(seen * numbers for numbers in table), chunks=(4, 5, 3), compression="gzip"
        )
    found = pseudo(space, *PLAIN, "PLACE A.matLabel=reflectance")
    expected = np.sqrt(((before.astype(float) - after) ** 2).sum(axis=2))
    # Float32 holds seven digits.
    np.testing.assert_allclose(found.distances, np.where(seen, expected, np.nan), rtol=1e-6, atol=2 * LEAST)
    assert_maps_say_what_the_distances_do(found)
    with opened(found.prefix.with_name(f"{found.prefix.name}.tif")) as file:
        assert (file.shape, file.transform[:6]) == ((rows, columns), (0.25, 0, 15, 0, -0.25, 50))


def test_a_coarser_band_that_ends_within_a_pixel_of_the_finest(space: Workspace) -> None:
    # 41 × 31 pixels of 10 m, and 20 × 15 of 20 m: nothing of the last row and column lies in the coarser band.
    space.text = UNLABELLED
    for part, value in (("before", 1000), ("after", 1600)):
        for name, shape, size in (("B02", (41, 31), 1), ("B05", (20, 15), 2)):
            band = np.full((*shape, 1), value, np.uint16)
            transform = moved(UTM["transform"], 0, 0, size)
            band[0, 0] = 1000  # Otsu needs two distances
            write_raster(space.folder / f"data/a/{part}/town/{name}.tif", band, crs=UTM["crs"], transform=transform)
    found = pseudo(space, *PLAIN)
    # Either masked or the value that is nearest: 600 in both bands.
    beside = np.concatenate([found.distances[-1], found.distances[:, -1]])
    assert (np.isnan(beside) | np.isclose(beside, 600 * math.sqrt(2))).all()


def test_folders_of_bands_are_one_image_each_and_not_taken_for_pairs(space: Workspace) -> None:
    space.text = UNLABELLED
    before, after, changed = make_pair(1)
    for part, image in (("before", before), ("after", after)):
        for band in range(image.shape[2]):
            write_raster(space.folder / f"data/a/{part}/T33UUU_B0{band + 1}.tif", image[:, :, band : band + 1], **UTM)
    # Both folders are one image each.
    found = pseudo(space, *PLAIN, pair="before")
    np.testing.assert_array_equal(found.distances > found.threshold, changed)
    # Beside a folder of images it is not clear.
    line = space.fails("predutils", "PLACE A.imgBPath=data/a", "PLACE A.pseudoPath=pseudo")
    assert "data/a/before: holds the bands of one image" in line
    space.text = ONE_PLACE.replace("labelPath = data/a/label", "labelPath = data/a/before")
    line = space.fails("predutils")
    assert "data/a/before: holds the bands of one image ([PLACE A] labelPath), not images; name one image" in line


def test_a_header_without_its_pixels_is_named_as_that(space: Workspace) -> None:
    space.text = UNLABELLED
    before, after, _ = make_pair(1)
    for part, image in (("before", before), ("after", after)):
        write_as("bsq", space.folder / f"data/a/{part}", image)
    (space.folder / "data/a/after/town.bsq").unlink()
    assert "data/a/after/town.hdr: no file of pixels beside this header" in space.fails("predutils")


# --- real data -------------------------------------------------------------------------------------------------------


def of_shared(space: Workspace, **paths: Path) -> None:
    """Let PLACE A be somewhere else."""
    for key, path in paths.items():
        old = next(line for line in space.text.splitlines() if line.startswith(f"{key} ="))
        space.text = space.text.replace(old, f"{key} = {path}", 1)


def assert_in_place(found: Result, source: Path, epsg: int) -> None:
    """Maps and polygons lie where a file does that the scene was read from."""
    assert_maps_say_what_the_distances_do(found)
    with rasterio.open(source) as image:
        for end in ("", "_corrected", "_distances"):
            with rasterio.open(found.prefix.with_name(f"{found.prefix.name}{end}.tif")) as file:
                assert file.crs == rasterio.CRS.from_epsg(epsg)
                assert (file.shape, file.transform) == (image.shape, image.transform)
                assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        path = found.prefix.with_name(f"{found.prefix.name}_changes.gpkg")
        shapes, _ = polygons(path)
        np.testing.assert_array_equal(painted(shapes, image.shape, image.transform) > 0, found.corrected == 0)
        assert rasterio.CRS.from_user_input(pyogrio.read_info(path)["crs"]) == rasterio.CRS.from_epsg(epsg)


@needs_shared
def test_taizhou_as_envi(space: Workspace) -> None:
    envi, mat = SHARED / "data/taizhou_envi", SHARED / "data/taizhou"
    of_shared(space, imgAPath=envi / "before", imgBPath=envi / "after", labelPath=envi / "label")
    found = pseudo(space, pair="taizhou")
    assert_in_place(found, envi / "before/taizhou.img", 32651)
    assert found.tables[0][0]["total_examples"] == str(4227 + 17163)
    of_shared(space, imgAPath=mat / "before", imgBPath=mat / "after", labelPath=mat / "label", matLabel="HypeRvieW")
    assert_same(pseudo(space, pair="taizhou"), found)


@needs_shared
def test_sentinel_2_bands_of_three_resolutions(space: Workspace) -> None:
    onera = SHARED / "data/onera_native"
    of_shared(space, imgAPath=onera / "before", imgBPath=onera / "after", labelPath=onera / "label", changedLabel=2)
    of_shared(space, unchangedLabel=1)
    found = pseudo(space, pair="bercy")
    assert_in_place(found, onera / "before/bercy/B02.tif", 4326)
    assert found.distances.shape == (395, 360)


@needs_shared
def test_an_enmap_tile(space: Workspace) -> None:
    tile = SHARED / "data/enmap_tile/enmap_potsdam_tile_160_64.tif"
    for part in ("before", "after"):
        (space.folder / "data/a" / part).mkdir(parents=True)
        shutil.copyfile(tile, space.folder / f"data/a/{part}/potsdam.tif")
    with rasterio.open(space.folder / "data/a/after/potsdam.tif", "r+") as file:
        stored = file.read()
        good = np.array([file.tags(band)["bbl"] == "1" for band in file.indexes])
        stored[:, 8:20, 4:16] *= 2
        file.write(stored)
    space.text = UNLABELLED
    found = pseudo(space, *PLAIN, "PLACE A.bad_bands=file", pair="potsdam")
    assert_in_place(found, tile, 32633)
    # Twice the reflectance, stored times 10,000: the distance is the length of the spectrum that was there.
    expected = np.linalg.norm(stored[good, 8:20, 4:16].astype(float) / 2 * 1e-4, axis=0)
    np.testing.assert_allclose(found.distances[8:20, 4:16], expected, rtol=1e-4)
    assert np.count_nonzero(found.distances > LEAST) == 12 * 12
    settings = read_settings(space.file, ["PLACE A.bad_bands=file"])
    ((_, image, _),) = image_pairs.open_pairs(settings["PLACE A"], settings)
    assert image.shape == (32, 32, good.sum())
    assert 400 < image.wavelengths.min() < image.wavelengths.max() < 2500
