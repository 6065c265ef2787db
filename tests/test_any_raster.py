"""Rasters of any format and grid through the real commands: the same results, in the right place.

Oracles: the same scene in another format, cut, or written with fewer bands; values that are linear in the coordinates,
which bilinear interpolation does not change; and polygons painted back onto the grid of the input.
"""

import json
import math
import pickle
import shutil
import struct
import subprocess
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pyogrio
import pyogrio.raw
import pytest
import rasterio
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning
from rasterio.features import rasterize
from rasterio.transform import Affine
from rasterio.warp import transform as transformed
from scipy import ndimage

import config
import image_pairs
from conftest import CONFIGURATION, SHARED, Workspace, make_pair, needs_shared, without_times, write_bands, write_mat
from hscd.readers import open_image
from hscd.records import Grid
from hscd.reports import maps
from hscd.reports.gis import write_polygons

TEXT = CONFIGURATION.replace("test_set = PLACE B", "test_set = PLACE A")
UNLABELLED = TEXT.replace("labelPath = data/a/label\n", "").replace(
    "changedLabel = 1\nunchangedLabel = 2\nunknownLabel = 0\n", ""
)
PLAIN = ("settings.apply_rescaling=False",)
UTM = {"crs": "EPSG:32633", "transform": Affine(30, 0, 366975, 0, -30, 5808045)}
# A turn by arctan 3/4, a pixel of 10 × 10 m.
ROTATED = {"crs": "EPSG:32633", "transform": Affine(8, 6, 412345.678, 6, -8, 5000000.1)}
DEGREES = {"crs": "EPSG:4326", "transform": Affine(1 / 3600, 0, 11.1, 0, -1 / 7200, 48.2)}
GRIDS: dict[str, dict[str, Any]] = {"north up": UTM, "rotated": ROTATED, "geographic": DEGREES, "none": {}}

# The Euclidean distance of equal spectra: its square is no less than Keras' epsilon.
LEAST = np.sqrt(np.float32(1e-7))

needs_gdalinfo = pytest.mark.skipif(shutil.which("gdalinfo") is None, reason="GDAL's gdalinfo is not on the PATH")
needs_ogrinfo = pytest.mark.skipif(shutil.which("ogrinfo") is None, reason="GDAL's ogrinfo is not on the PATH")


@pytest.fixture(scope="module", autouse=True)
def pictures() -> Iterator[Callable[[], Any]]:
    """Pictures are not drawn, half of the time of a small scene is theirs; what draws them again while it is open."""
    with pytest.MonkeyPatch.context() as patch:
        drawn = maps.write_classes
        patch.setattr(maps, "write_classes", lambda *_: None)

        def drawing() -> Any:
            again = pytest.MonkeyPatch()
            again.setattr(maps, "write_classes", drawn)
            return again

        yield drawing


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path, text=TEXT)


# --- scenes in files -------------------------------------------------------------------------------------------------


def write_raster(
    path: Path,
    image: np.ndarray,
    driver: str = "GTiff",
    tags: dict[str, list] | None = None,
    scale: tuple[float, float] | None = None,
    **options: Any,
) -> None:
    """Write (rows, columns, bands); `tags` by name and band, one scale and offset of all bands."""
    rows, columns, bands = image.shape
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path, "w", driver=driver, count=bands, height=rows, width=columns, dtype=image.dtype, **options
        ) as file:
            file.write(np.moveaxis(image, 2, 0))
            for band in range(bands if tags else 0):
                file.update_tags(band + 1, **{name: str(values[band]) for name, values in tags.items()})
            if scale:
                file.scales, file.offsets = [scale[0]] * bands, [scale[1]] * bands


def write_mat73(path: Path, array: np.ndarray) -> None:
    """As MATLAB does: axes reversed, in packed chunks, behind a header of its own."""
    with h5py.File(path, "w", userblock_size=512, libver="earliest") as file:
        chunks = tuple(min(7, length) for length in array.T.shape)
        data = file.create_dataset("cube", data=array.T, chunks=chunks, compression="gzip")
        data.attrs["MATLAB_class"] = np.bytes_(array.dtype.name)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM")


def write_as(kind: str, folder: Path, image: np.ndarray, name: str = "town") -> Path:
    """Write an image, or a label map of one band, in a format; the file or folder that is to be named for it."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "folder":
        write_bands(folder / name, image)
        return folder / name
    if kind in ("bsq", "bil", "bip"):
        write_raster(folder / f"{name}.{kind}", image, "ENVI", interleave=kind)
        return folder / f"{name}.hdr"
    path = folder / f"{name}.{'mat' if kind == 'mat73' else kind}"
    if kind == "mat":
        write_mat(path, image)
    elif kind == "mat73":
        write_mat73(path, image)
    elif kind == "npy":
        np.save(path, image)
    elif kind == "png":
        Image.fromarray(image[:, :, 0]).save(path)
    else:
        write_raster(path, image, interleave="pixel", tiled=True, blockxsize=16, blockysize=16)
    return path


def write_pair(space: Workspace, before: np.ndarray, after: np.ndarray, **options: Any) -> None:
    """A pair of GeoTIFFs; an option that starts with `after_` is of the after image alone."""
    ends = {name.removeprefix("after_"): value for name, value in options.items() if name.startswith("after_")}
    common = {name: value for name, value in options.items() if not name.startswith("after_")}
    write_raster(space.folder / "data/a/before/town.tif", before, **common)
    write_raster(space.folder / "data/a/after/town.tif", after, **common | ends)


def write_labels(space: Workspace, changed: np.ndarray) -> None:
    write_as("png", space.folder / "data/a/label", np.where(changed, 1, 2).astype(np.uint8)[:, :, None])


# --- what a run leaves -----------------------------------------------------------------------------------------------


class Result(NamedTuple):
    """What `predutils.py` makes of a pair: tables, maps, distances of the pickle file, and the bytes of that."""

    tables: list[dict[str, str]]
    changes: np.ndarray
    corrected: np.ndarray
    raster: np.ndarray
    distances: np.ndarray
    threshold: float
    content: bytes
    prefix: Path
    output: str


def opened(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(path)


def band_of(path: Path) -> np.ndarray:
    with opened(path) as file:
        return file.read(1)


def pseudo(space: Workspace, *overrides: str, pair: str = "town") -> Result:
    """Run `predutils.py` on PLACE A."""
    done = space.call("predutils", *overrides)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr.lower(), done.stderr
    prefix = space.folder / f"stat/PLACE A_{pair}_ED_pseudo_rescaling_{PLAIN[0] not in overrides}"
    content = (space.folder / f"data/a/pseudo/{pair}.pickle").read_bytes()
    saved = pickle.loads(content)
    return Result(
        [without_times(prefix.with_name(prefix.name + end)) for end in (".csv", "_corrected.csv")],
        *(band_of(prefix.with_name(prefix.name + end)) for end in (".tif", "_corrected.tif", "_distances.tif")),
        saved["distances"].reshape(saved["shape"]),
        saved["threshold"],
        content,
        prefix,
        done.stdout + done.stderr,
    )


def assert_same(found: Result, expected: Result) -> None:
    assert found.tables == expected.tables
    assert found.content == expected.content
    for one, other in ((found.changes, expected.changes), (found.corrected, expected.corrected)):
        np.testing.assert_array_equal(one, other, strict=True)
    assert found.raster.tobytes() == expected.raster.tobytes() == expected.distances.tobytes()


def assert_maps_say_what_the_distances_do(found: Result) -> None:
    masked = np.isnan(found.distances)
    np.testing.assert_array_equal(
        found.changes, np.where(masked, 2, np.where(found.distances > found.threshold, 0, 1)).astype(np.uint8)
    )
    assert found.raster.tobytes() == found.distances.tobytes()
    np.testing.assert_array_equal(found.corrected == 2, masked)


def polygons(path: Path) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """The polygons of a GeoPackage, as rasterio takes them, and their fields."""
    described, _, geometry, fields = pyogrio.raw.read(path, layer="changed")
    shapes = [{"type": "Polygon", "coordinates": rings_of(polygon)} for polygon in geometry]
    return shapes, dict(zip(described["fields"].tolist(), fields, strict=True))


def rings_of(polygon: bytes) -> list[np.ndarray]:
    """Rings of a WKB polygon: byte order, type, number of rings; for each the number of its points, and these."""
    at, rings = 9, []
    for _ in range(struct.unpack_from("<BII", polygon)[2]):
        (length,) = struct.unpack_from("<I", polygon, at)
        rings.append(np.frombuffer(polygon, "<f8", 2 * length, at + 4).reshape(-1, 2))
        at += 4 + 16 * length
    return rings


def painted(shapes: list[dict[str, Any]], shape: tuple[int, int], transform: Affine) -> np.ndarray:
    """Polygons on a grid: the number of each from 1, 0 beside them."""
    numbered = [(polygon, number) for number, polygon in enumerate(shapes, start=1)]
    return rasterize(numbered, shape, transform=transform, dtype=np.int32) if numbered else np.zeros(shape, np.int32)


# --- formats ---------------------------------------------------------------------------------------------------------

# Before, after, labels.
FORMATS = [
    ("mat73", "mat73", "mat73"), ("tif", "tif", "tif"), ("npy", "npy", "npy"), ("folder", "folder", "png"),
    ("bsq", "bsq", "bsq"), ("bil", "bip", "png"), ("mat", "bil", "tif"), ("bip", "folder", "mat"),
    ("npy", "mat73", "bsq"), ("tif", "mat", "npy"),
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
    space = Workspace(tmp_path_factory.mktemp("mat"), text=TEXT)
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


# --- where results lie -----------------------------------------------------------------------------------------------


def patches() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two uint16 images of 40 × 50 × 3, equal but for three rectangles, one with a hole; and the map of these."""
    changed = np.zeros((40, 50), bool)
    changed[4:18, 6:24] = True
    changed[9:13, 12:18] = False
    changed[25:31, 5:12] = True
    changed[22:36, 30:40] = True
    noise = np.random.default_rng(5).integers(0, 60, (2, 40, 50, 3))
    before = (1000 + noise[0]).astype(np.uint16)
    after = np.where(changed[:, :, None], before + 900 + noise[1], before).astype(np.uint16)
    return before, after, changed


# Masked: rows 0 and 1 by the before image, a corner of the third rectangle by the after image.
MASKED = np.zeros((40, 50), bool)
MASKED[:2] = MASKED[33:38, 37:] = True


@pytest.fixture(scope="module")
def placed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Workspace, Result]]:
    """The patches on every grid."""
    found = {}
    for name, grid in GRIDS.items():
        space = Workspace(tmp_path_factory.mktemp(name.replace(" ", "_")), text=TEXT)
        before, after, changed = patches()
        before[:2, :, 1] = 65535
        after[33:38, 37:] = 0
        write_pair(space, before, after, nodata=65535, after_nodata=0, **grid)
        write_labels(space, changed)
        found[name] = space, pseudo(space)
    return found


on_grids = pytest.mark.parametrize("grid", GRIDS)


@on_grids
def test_maps_lie_where_the_before_image_does(placed: dict[str, tuple[Workspace, Result]], grid: str) -> None:
    space, found = placed[grid]
    with opened(space.folder / "data/a/before/town.tif") as image:
        for end in ("", "_corrected", "_distances"):
            with opened(found.prefix.with_name(f"{found.prefix.name}{end}.tif")) as file:
                assert file.shape == (40, 50)
                assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
                assert file.crs == image.crs
                if grid == "none":
                    continue  # see below
                assert file.transform == image.transform == GRIDS[grid]["transform"]
                for row, column in ((0, 0), (39, 0), (0, 49), (17, 23), (39, 49)):
                    assert file.xy(row, column) == image.xy(row, column)
                    assert file.index(*image.xy(row, column)) == (row, column)


def test_without_georeference_coordinates_are_those_of_pixels(placed: dict[str, tuple[Workspace, Result]]) -> None:
    # y grows upwards in a GIS: row 3, column 5 has its upper left corner at x = 5, y = −3.
    for end in ("", "_corrected", "_distances"):
        prefix = placed["none"][1].prefix
        with opened(prefix.with_name(f"{prefix.name}{end}.tif")) as file:
            assert file.crs is None
            assert file.xy(3, 5, offset="ul") == (5, -3)
    assert pyogrio.read_info(prefix.with_name(f"{prefix.name}_changes.gpkg"))["crs"] is None


@on_grids
def test_maps_are_the_distances_and_none_where_masked(placed: dict[str, tuple[Workspace, Result]], grid: str) -> None:
    found = placed[grid][1]
    assert_maps_say_what_the_distances_do(found)
    np.testing.assert_array_equal(np.isnan(found.distances), MASKED)
    with opened(found.prefix.with_name(f"{found.prefix.name}.tif")) as file:
        assert file.nodata == 2
        np.testing.assert_array_equal(file.read_masks(1) == 0, MASKED)
    with opened(found.prefix.with_name(f"{found.prefix.name}_distances.tif")) as file:
        assert math.isnan(file.nodata)
        assert float(file.tags()["THRESHOLD"]) == found.threshold
    # All that lies in rectangles and nothing else.
    np.testing.assert_array_equal(found.changes == 0, patches()[2] & ~MASKED)
    # 2000 pixels less 2 rows of 50 and 5 × 13.
    assert found.tables[0][0]["total_examples"] == str(2000 - 100 - 65)
    assert found.tables[0][0]["overall_accuracy"] in ("1", "1.0")


def test_results_are_the_same_wherever_they_lie(placed: dict[str, tuple[Workspace, Result]]) -> None:
    first, *others = (found for _, found in placed.values())
    for other in others:
        assert_same(other, first)


@on_grids
def test_polygons_cover_the_changed_pixels(placed: dict[str, tuple[Workspace, Result]], grid: str) -> None:
    _, found = placed[grid]
    path = found.prefix.with_name(f"{found.prefix.name}_changes.gpkg")
    shapes, fields = polygons(path)
    with opened(found.prefix.with_name(f"{found.prefix.name}.tif")) as file:
        transform = file.transform
    numbers = painted(shapes, (40, 50), transform)
    np.testing.assert_array_equal(numbers > 0, found.corrected == 0)
    assert len(shapes) == ndimage.label(found.corrected == 0)[1] == 3
    assert fields["pixels"].tolist() == [np.count_nonzero(numbers == number) for number in (1, 2, 3)]
    for number, mean in enumerate(fields["mean_distance"], start=1):
        assert mean == pytest.approx(found.distances[numbers == number].mean(dtype=float))
    if grid == "none":
        assert fields["area"].tolist() == fields["pixels"].tolist()
        return
    assert rasterio.CRS.from_user_input(pyogrio.read_info(path)["crs"]) == rasterio.CRS.from_string(GRIDS[grid]["crs"])
    # 30 × 30 m and 10 × 10 m. An arc second at 48.2° is about 20.6 m by 30.9 m, the pixel half as high.
    pixel = {"north up": 900, "rotated": 100, "geographic": 20.6 * 30.9 / 2}[grid]
    np.testing.assert_allclose(fields["area"], pixel * fields["pixels"], rtol=0.01 if grid == "geographic" else 1e-12)


def test_small_regions_are_left_out(space: Workspace, placed: dict[str, tuple[Workspace, Result]]) -> None:
    there, found = placed["north up"]
    shutil.copytree(there.folder / "data", space.folder / "data")
    regions, _ = ndimage.label(found.corrected == 0)
    sizes = np.bincount(regions.ravel())[1:]
    smallest = sizes.argmin() + 1
    # A pixel has 900 m²; a square metre more than the smallest of three has.
    again = pseudo(space, f"settings.min_area={sizes.min() * 900 + 1}")
    shapes, fields = polygons(again.prefix.with_name(f"{again.prefix.name}_changes.gpkg"))
    assert sorted(fields["pixels"]) == sorted(sizes)[1:]
    numbers = painted(shapes, (40, 50), UTM["transform"])
    np.testing.assert_array_equal(numbers > 0, (regions > 0) & (regions != smallest))
    assert_same(again, found)  # maps show it all the same


@needs_gdalinfo
@on_grids
def test_gdalinfo_agrees_with_the_input(placed: dict[str, tuple[Workspace, Result]], grid: str) -> None:
    space, found = placed[grid]

    def told(path: Path) -> Any:
        return json.loads(subprocess.run(["gdalinfo", "-json", path], capture_output=True, check=True).stdout)

    image = told(space.folder / "data/a/before/town.tif")
    for end in ("", "_corrected", "_distances"):
        described = told(found.prefix.with_name(f"{found.prefix.name}{end}.tif"))
        assert described["size"] == [50, 40]
        if grid != "none":
            assert described["coordinateSystem"] == image["coordinateSystem"]
            assert described["geoTransform"] == image["geoTransform"]
            assert described["cornerCoordinates"] == image["cornerCoordinates"]


@needs_ogrinfo
@on_grids
def test_ogrinfo_reads_the_polygons(placed: dict[str, tuple[Workspace, Result]], grid: str) -> None:
    prefix = placed[grid][1].prefix
    done = subprocess.run(  # -json came with GDAL 3.7
        ["ogrinfo", "-ro", "-so", "-al", prefix.with_name(f"{prefix.name}_changes.gpkg")],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Layer name: changed" in done.stdout
    assert "Feature Count: 3" in done.stdout
    assert ("UTM zone 33N" in done.stdout) == (grid in ("north up", "rotated"))


# --- images on different grids ---------------------------------------------------------------------------------------


def xy(transform: Affine, row: Any, column: Any) -> tuple[Any, Any]:
    """Coordinates of a place on a grid; 0, 0 is the upper left corner of the first pixel."""
    a, b, c, d, e, f = transform[:6]
    return a * column + b * row + c, d * column + e * row + f


def moved(transform: Affine, row: float, column: float, size: float = 1, *, down: float = 1) -> Affine:
    """A grid that begins at a row and column of another, its pixels so many times as large; upwards for down = -1."""
    a, b, _, d, e, _ = transform[:6]
    x, y = xy(transform, row, column)
    return Affine(a * size, b * size * down, x, d * size, e * size * down, y)


@pytest.fixture(scope="module")
def unmoved(tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, np.ndarray, Result]:
    """Before image, an after image that reaches 6 pixels farther on each side, and what is made of both cut alike."""
    before, after, _ = make_pair(4, rows=32, columns=42)
    space = Workspace(tmp_path_factory.mktemp("unmoved"), text=UNLABELLED)
    write_pair(space, before[6:-6, 6:-6], after[6:-6, 6:-6], **UTM)
    return before[6:-6, 6:-6], after, pseudo(space, *PLAIN)


def test_an_after_image_that_reaches_farther_gives_the_same(
    space: Workspace, unmoved: tuple[np.ndarray, np.ndarray, Result]
) -> None:
    before, after, expected = unmoved
    space.text = UNLABELLED
    write_pair(space, before, after, **UTM, after_transform=moved(UTM["transform"], -6, -6))
    found = pseudo(space, *PLAIN)
    assert "town: the after image is resampled onto the grid of the before image (bilinear)" in found.output
    assert_same(found, expected)


@pytest.mark.parametrize(
    ("window", "transform"),
    [
        # 3 rows down, 4 columns to the left.
        (np.s_[9:29, 2:32], moved(UTM["transform"], 3, -4)),
        # The same from the south upwards: row 0 is the lowest.
        (np.s_[28:8:-1, 2:32], moved(UTM["transform"], 23, -4, down=-1)),
    ],
    ids=["moved", "south up"],
)
def test_a_shift_by_whole_pixels_changes_nothing_where_images_overlap(
    space: Workspace, unmoved: tuple[np.ndarray, np.ndarray, Result], window: tuple, transform: Affine
) -> None:
    before, after, expected = unmoved
    space.text = UNLABELLED
    write_pair(space, before, after[window], **UTM, after_transform=transform)
    found = pseudo(space, *PLAIN)
    # 20 × 30 pixels each: rows 3 to 19 and columns 0 to 25 of the before image lie in both.
    overlap = np.zeros((20, 30), bool)
    overlap[3:, :26] = True
    assert found.distances[overlap].tobytes() == expected.distances[overlap].tobytes()
    np.testing.assert_array_equal(np.isnan(found.distances), ~overlap)
    assert_maps_say_what_the_distances_do(found)


# Where the after image begins, row and column of the before image, how large its pixels are in pixels of that, and its
# shape.
SLOPES = {
    "half a pixel": (0.5, 0.5, 1.0, (30, 40)),
    "a pixel and a quarter": (1.25, -1.25, 1.0, (30, 40)),
    "coarser": (0, 0, 2.0, (15, 20)),
    "coarser, aside": (-3, 7, 3.0, (9, 9)),
    "finer": (-2, -2, 0.5, (70, 90)),
}


def slope(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Values that are linear in the coordinates: 3 a column and 6 a row of 30 m."""
    return 0.1 * (x - 366975) + 0.2 * (5808045 - y) + 50


def centres(transform: Affine, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    row, column = np.mgrid[: shape[0], : shape[1]] + 0.5
    return xy(transform, row, column)


@pytest.mark.parametrize("name", SLOPES)
def test_interpolation_keeps_values_that_are_linear_in_the_coordinates(space: Workspace, name: str) -> None:
    row, column, size, shape = SLOPES[name]
    transform = moved(UTM["transform"], row, column, size)
    space.text = UNLABELLED
    after = slope(*centres(transform, shape)).astype(np.float32)[:, :, None]
    write_pair(space, np.zeros((30, 40, 1), np.uint16), after, **UTM, after_transform=transform)
    # One band, and 0 before: the distance is what was interpolated.
    found = pseudo(space, *PLAIN)
    x, y = centres(UTM["transform"], (30, 40))
    expected = slope(x, y)
    # Where in the after image, in its pixels, the middle of each pixel lies.
    columns, rows = (x - transform.c) / transform.a, (y - transform.f) / transform.e
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    np.testing.assert_array_equal(np.isfinite(found.distances), inside)
    # Towards the border there is nothing on the other side to interpolate with.
    margin = max(0.5, 0.5 / size + 0.5)
    safe = (np.minimum(rows, shape[0] - rows) >= margin) & (np.minimum(columns, shape[1] - columns) >= margin)
    assert np.count_nonzero(safe) > 300
    np.testing.assert_allclose(found.distances[safe], expected[safe], rtol=1e-5)
    np.testing.assert_array_equal(found.changes == 2, ~inside)


@pytest.mark.parametrize(
    ("crs", "size"), [("EPSG:4326", (1 / 2400, 1 / 3600)), ("EPSG:32632", (30, 30)), ("EPSG:3035", (40, 25))]
)
def test_another_coordinate_system(space: Workspace, crs: str, size: tuple[float, float]) -> None:
    x, y = centres(UTM["transform"], (30, 40))
    there = np.stack(transformed("EPSG:32633", crs, x.ravel(), y.ravel()))
    # Pixels of about 30 m that reach some pixels farther on each side.
    left, top = there.min(axis=1)[0] - 8 * size[0], there.max(axis=1)[1] + 8 * size[1]
    transform = Affine(size[0], 0, left, 0, -size[1], top)
    width, height = np.ceil(np.ptp(there, axis=1) / size).astype(int) + 16
    back = transformed(crs, "EPSG:32633", *(axis.ravel() for axis in centres(transform, (height, width))))
    after = slope(*map(np.array, back)).reshape(height, width).astype(np.float32)
    space.text = UNLABELLED
    write_pair(
        space, np.zeros((30, 40, 1), np.uint16), after[:, :, None], **UTM, after_transform=transform, after_crs=crs
    )
    found = pseudo(space, *PLAIN)
    # To an eighth of a pixel, as GDAL follows transformations: an eighth of a column, 3, and of a row, 6.
    np.testing.assert_allclose(found.distances, slope(x, y), atol=9 / 8)
    with opened(found.prefix.with_name(f"{found.prefix.name}.tif")) as file:
        assert (file.crs, file.transform) == (rasterio.CRS.from_epsg(32633), UTM["transform"])


def test_shapes_that_differ_without_georeference(space: Workspace) -> None:
    space.text = UNLABELLED
    before, after, _ = make_pair(1)
    for options in ({}, {"after_crs": UTM["crs"], "after_transform": UTM["transform"]}):
        write_pair(space, before, after[:-1], **options)
        line = space.fails("predutils")
        assert "data/a/after/town.tif: shape (19, 30, 5) differs from (20, 30, 5) of the before image" in line
        assert "without georeference of both it cannot be resampled" in line


def test_wavelengths_that_differ(space: Workspace) -> None:
    space.text = UNLABELLED
    before, after, _ = make_pair(1)
    waves = [450, 550, 650, 850, 1650]
    options = {"tags": {"wavelength": waves}, "after_tags": {"wavelength": [*waves[:3], 1240, 1650]}}
    write_pair(space, before, after, **options)
    line = space.fails("predutils")
    assert "data/a/after/town.tif: band 4 is at 1240 nm, at 850 nm in the before image" in line
    # Nothing is wrong with the other bands of two sensors, so many nm apart.
    options["after_tags"]["wavelength"] = [wave + 25 for wave in waves]
    write_pair(space, before, after, **options)
    assert np.isfinite(pseudo(space).distances).all()


def test_images_of_different_places(space: Workspace) -> None:
    space.text = UNLABELLED
    before, after, _ = make_pair(1)
    for far in (moved(UTM["transform"], 0, 31), moved(UTM["transform"], 40_000, 0)):
        write_pair(space, before, after, **UTM, after_transform=far)
        assert "after/town.tif: does not overlap" in space.fails("predutils")


# --- nodata and scale of files ---------------------------------------------------------------------------------------


def yellow_share(file: Path) -> float:
    picture = np.asarray(Image.open(file).convert("RGB")).astype(int)
    return float(((picture[..., 0] > 220) & (picture[..., 1] > 200) & (picture[..., 2] < 130)).mean())


def test_nodata_of_a_file_is_masked_and_what_the_section_says_goes_before(
    space: Workspace, pictures: Callable[[], Any]
) -> None:
    before, after, changed = make_pair(1)
    before[:3, :, 2] = 0
    after[:, 27:] = 65535
    write_pair(space, before, after, nodata=0, after_nodata=65535)
    write_labels(space, changed)
    masked = np.zeros((20, 30), bool)
    masked[:3] = masked[:, 27:] = True
    drawing = pictures()
    try:
        found = pseudo(space)
        # 3 of 20 rows and 3 of 30 columns are 23.5 % of both panels, which take half of the picture or more.
        assert 0.1 < yellow_share(found.prefix.with_name(f"{found.prefix.name}.png")) < 0.235
    finally:
        drawing.undo()
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


# --- choice of bands -------------------------------------------------------------------------------------------------

WAVES = [450, 550, 650, 850, 1400, 1650, 1900, 2200]
KEPT = [0, 2, 3, 5, 7]
# Band 2 is bad in the after image only; 5 and 7 lie in water vapour.
BAD = {"tags": {"wavelength": WAVES, "bbl": [1] * 8}, "after_tags": {"wavelength": WAVES, "bbl": [1, 0, *[1] * 6]}}
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
    fewer, space = (Workspace(tmp_path_factory.mktemp(name), text=TEXT) for name in ("fewer", "all"))
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
        (("bands=0",), "[PLACE A] bands: found '0'; expected numbers of bands from 1"),
        (("bands=5-2",), "[PLACE A] bands: found '5-2'"),
        (("bands=water",), "[PLACE A] bands: found 'water'"),
        (("bad_bands=red",), "[PLACE A] bad_bands: found 'red'; expected numbers of bands"),
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


# --- a look at the data ----------------------------------------------------------------------------------------------


def test_inspection_says_what_files_say(space: Workspace) -> None:
    before, after, changed = make_pair(6, bands=8)
    before[:5] = 0
    tags = {"wavelength": WAVES, "bbl": [1, 0, *[1] * 6]}
    write_pair(space, before, after, **UTM, nodata=0, scale=(1e-4, 0), tags=tags)
    write_labels(space, changed)
    done = space.call("inspect_data")
    assert done.returncode == 0, done.stderr
    for line in (
        "town.tif: 20 × 30 pixels, 8 bands",
        "before: TIFF, float32, 0.",
        "wavelengths: 450 … 2200 nm",
        "grid: EPSG:32633 (metre), pixels of 30 × 30, upper left corner at 366975, 5808045",
        "masked: 150 pixels (25.0%)",  # 5 of 20 rows
        "the before file says: nodata 0, scale 0.0001, 1 of 8 bands on the file's list of bad bands (2; "
        "bad_bands = file drops them), 2 of 8 bands in water vapour (5, 7; bad_bands = water drops them)",
        "the after file says: nodata 0",
    ):
        assert line in done.stdout
    told = space.call("inspect_data", "PLACE A.bad_bands=file", "PLACE A.nodata=nan", "PLACE A.scale=1").stdout
    assert "town.tif: 20 × 30 pixels, 7 bands" in told
    assert "nodata 0 (not used, nan is configured), scale 0.0001 (not used, 1 is configured)" in told
    assert "bad bands (2; dropped)" in told
    assert "masked" not in told


def test_inspection_of_two_formats_and_grids(space: Workspace) -> None:
    before, after, changed = make_pair(6)
    write_raster(space.folder / "data/a/before/town.dat", before, "ENVI", interleave="bil", **DEGREES)
    write_raster(
        space.folder / "data/a/after/town.tif", after, crs="EPSG:4326", transform=moved(DEGREES["transform"], 2, 0)
    )
    write_labels(space, changed)
    told = space.call("inspect_data").stdout
    assert "before: ENVI, uint16" in told
    assert "after: TIFF, resampled, float32" in told
    assert "grid: EPSG:4326 (degrees), pixels of 0.000277778 × 0.000138889, upper left corner at 11.1, 48.2" in told
    assert "masked: 60 pixels (10.0%)" in told  # 2 of 20 rows


def test_inspection_of_a_scene_larger_than_memory(space: Workspace) -> None:
    before, after, changed = make_pair(7, rows=150, columns=200)
    write_pair(space, before, after)
    write_labels(space, changed)
    # Two images of 150 · 200 · 5 values of 2 bytes are 0.572 MiB, thrice that a 1.717-fold of the memory: √1.717 < 2.
    told = space.call("inspect_data", "settings.memory_limit=1").stdout
    assert "town.tif: 150 × 200 pixels, 5 bands" in told
    assert "images larger than memory: every 2 rows and columns looked at" in told
    # All of the labels are looked at: a rectangle of rows 37 to 76 and columns 40 to 99.
    assert "labels: changed 2,400 (8.0%), unchanged 27,600 (92.0%)" in told
    assert "every" not in space.call("inspect_data").stdout


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
    settings = config.read(space.file, ["PLACE A.bad_bands=file"])
    ((_, image, _),) = image_pairs.open_pairs(settings["PLACE A"], settings)
    assert image.shape == (32, 32, good.sum())
    assert 400 < image.wavelengths.min() < image.wavelengths.max() < 2500


# --- what looks wrong ------------------------------------------------------------------------------------------------


def test_a_folder_of_bands_is_not_taken_for_pairs(space: Workspace) -> None:
    space.text = UNLABELLED
    before, after, _ = make_pair(1)
    for part, image in (("before", before), ("after", after)):
        for band in range(image.shape[2]):
            write_raster(space.folder / f"data/a/{part}/T33UUU_B0{band + 1}.tif", image[:, :, band : band + 1], **UTM)
    assert "data/a/before: holds the bands of one image" in space.fails("predutils")


def test_dates_of_which_one_is_scaled_are_pointed_at(space: Workspace) -> None:
    space.text = UNLABELLED
    before, after, _ = make_pair(1)
    write_pair(space, before, after, after_scale=(1e-4, 0.0), **UTM)
    done = space.call("predutils", *PLAIN)
    assert done.returncode == 0
    assert "data/a/after/town.tif: look at it: it is scaled as its file says" in done.stderr
    assert "look at it" not in space.call("predutils", *PLAIN, "PLACE A.scale=1").stderr


def test_a_value_that_looks_like_nodata_is_pointed_at(space: Workspace) -> None:
    space.text = UNLABELLED
    before, after, _ = (part.astype(np.int16) for part in make_pair(1))
    before[:2] = -9999  # 60 of 600 pixels
    write_pair(space, before, after, **UTM)
    said = "data/a/before/town.tif: look at it: it is -9999 in every band of 10.0% of its pixels: nodata = -9999?"
    assert said in space.call("predutils", *PLAIN).stderr
    assert "look at it" not in space.call("predutils", *PLAIN, "PLACE A.nodata=-9999").stderr


def test_labels_of_another_place_are_refused(space: Workspace) -> None:
    before, after, changed = make_pair(1)
    write_pair(space, before, after, **UTM)
    labels = np.where(changed, 1, 2).astype(np.uint8)[:, :, None]
    file = space.folder / "data/a/label/town.tif"
    write_raster(file, labels, **UTM)
    assert space.call("predutils").returncode == 0
    write_raster(file, labels, crs="EPSG:32633", transform=Affine(30, 0, 366975 + 1200, 0, -30, 5808045))
    assert "data/a/label/town.tif: lies on another grid than" in space.fails("predutils")


def test_a_header_without_its_pixels_is_named_as_that(space: Workspace) -> None:
    space.text = UNLABELLED
    before, after, _ = make_pair(1)
    for part, image in (("before", before), ("after", after)):
        write_as("bsq", space.folder / f"data/a/{part}", image)
    (space.folder / "data/a/after/town.bsq").unlink()
    assert "data/a/after/town.hdr: no file of pixels beside this header" in space.fails("predutils")


@needs_shared
def test_polygons_have_the_code_of_their_coordinate_system(tmp_path: Path) -> None:
    image = open_image(SHARED / "data/taizhou_envi/before/taizhou.hdr")
    assert isinstance(image.grid, Grid)
    write_polygons(tmp_path / "a.gpkg", np.zeros((2, 2), np.uint8), np.ones((2, 2), np.float32), image.grid)
    assert pyogrio.read_info(tmp_path / "a.gpkg")["crs"] == "EPSG:32651"
