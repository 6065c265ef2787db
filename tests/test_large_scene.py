"""Scenes that do not fit into memory through the real commands: window by window they give what they give as a whole.

The oracle is the run with everything in memory and one window: tables, distances and maps are the same to the bit.
"""

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import rasterio
from PIL import Image as Picture
from rasterio.transform import Affine

import config
import dataprocessing as dp
from conftest import ONE_PLACE, Workspace, make_pair, without_pictures, without_times
from hscd.learn.samples import Samples
from hscd.scenes import image, scene
from raster_scenes import UTM, write_raster

# Two images of 260 × 20 × 52 values of two bytes are 1.03 MiB. Higher than a tile of what is resampled, 256.
ROWS, COLUMNS, BANDS = 260, 20, 52
STRIPES = {"blockysize": 3, "interleave": "band"}
TILES = {"tiled": True, "blockxsize": 16, "blockysize": 16, "interleave": "pixel"}
# Windows of 520 pixels at most, two tiles: 8 bytes a band and pixel.
SMALL = 8 * BANDS * 520
LITTLE_MEMORY = "settings.memory_limit=1"
TEST = "settings.training=False"
FINE_TUNINGS = {-1: "no fine tuning", 0: "all", 2: "r=3"}  # 1, by percentage, where pixels are masked


class Watched(NamedTuple):
    """What is noted of a run: images that were put into memory, the shapes of windows, the numbers of pairs."""

    held: list[Path]
    windows: list[tuple[int, int]]
    gathered: list[int]


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """How well a network is trained, and how pictures look, does not matter here."""
    with pytest.MonkeyPatch.context() as patch, without_pictures():
        patch.setattr(config, "MAX_EPOCHS", 1)
        yield


def make_space(folder: Path, model: Path | None, after: dict[str, Any] | None = None, **options: Any) -> Workspace:
    """The scene as GeoTIFFs, and a model of it; what is said of `after` goes for that image alone."""
    space = Workspace(folder, text=ONE_PLACE)
    before, later, changed = make_pair(8, ROWS, COLUMNS, BANDS)
    if "nodata" in options:
        before[100:130, 5:11, 7] = options["nodata"]
        later[0, 0, 39] = later[200] = options["nodata"]
    write_raster(folder / "data/a/before/town.tif", before, **UTM | options)
    write_raster(folder / "data/a/after/town.tif", later, **UTM | options | (after or {}))
    (folder / "data/a/label").mkdir()
    labels = np.where(changed, 1, 2).astype(np.uint8)
    labels[-4:] = 0
    Picture.fromarray(labels).save(folder / "data/a/label/town.png")
    if model is not None:
        (folder / "model").mkdir()
        for name in ("M.h5", "M_param.pickle"):
            (folder / "model" / name).write_bytes((model / name).read_bytes())
    return space


def results(space: Workspace, fine_tunings: list[int], *overrides: str) -> dict[str, Any]:
    """Run everything but the training; tables without times, and the bytes of pickle files and of maps."""
    runs = [("predutils",), *(("main", TEST, f"settings.fine_tuning={number}") for number in fine_tunings)]
    for script, *more in runs:
        done = space.call(script, *more, *overrides)
        assert done.returncode == 0, done.stderr
    found: dict[str, Any] = {"pickle": (space.folder / "data/a/pseudo/town.pickle").read_bytes()}
    for file in sorted((space.folder / "stat").glob("PLACE A_*")):
        if file.suffix == ".csv":
            found[file.name] = without_times(file)
        elif file.suffix == ".tif":
            with rasterio.open(file) as raster:
                assert (raster.crs, raster.transform) == (rasterio.CRS.from_epsg(32633), UTM["transform"])
                found[file.name] = raster.read(1).tobytes()
        elif file.suffix == ".qml":
            found[file.name] = file.read_bytes()
    return found


def in_windows(space: Workspace, fine_tunings: list[int]) -> tuple[dict[str, Any], Watched]:
    """`results` with tiny windows and little memory, and what went on."""
    watched = Watched([], [], [])
    fill, hold, take = scene.fill_pixels, image.in_memory, Samples.take

    def watched_fill(target: np.ndarray, pixels: np.ndarray, *rest: Any) -> None:
        watched.windows.append(pixels.shape[:2])
        fill(target, pixels, *rest)

    def watched_hold(what: image.Image) -> image.Image:
        watched.held.append(what.path)
        return hold(what)

    def watched_take(of: Samples, numbers: np.ndarray) -> np.ndarray:
        watched.gathered.append(len(numbers))
        return take(of, numbers)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scene, "_WINDOW_BYTES", SMALL)
        patch.setattr(Samples, "take", watched_take)
        patch.setattr(scene, "fill_pixels", watched_fill)
        patch.setattr(dp, "in_memory", watched_hold)
        return results(space, fine_tunings, LITTLE_MEMORY), watched


def assert_windows(watched: Watched) -> None:
    assert watched.held == []
    # Of 5200 pixels 10 windows at least, of two images, for pseudo-labels and for a test.
    assert len(watched.windows) >= 10 * 2 * 2
    assert max(rows * columns for rows, columns in watched.windows) <= 520


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    for name, content in expected.items():
        assert found[name] == content, name


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, dict[str, Any]]:
    """The scene in memory: a model that is trained on it, pseudo-labels and tests with kinds of fine-tuning."""
    space = make_space(tmp_path_factory.mktemp("whole"), None, **STRIPES)
    done = space.call("main", "hyperas settings ED.max_evals=1")
    assert done.returncode == 0, done.stderr
    return space, results(space, list(FINE_TUNINGS))


def test_everything_is_compared(whole: tuple[Workspace, dict[str, Any]]) -> None:
    space, found = whole
    ends = ("_corrected.qml", "_corrected.tif", "_distances.qml", "_distances.tif", ".csv", ".qml", ".tif")
    names = {f"PLACE A_town_on_M_{name}{end}" for name in FINE_TUNINGS.values() for end in ends}
    names |= {f"PLACE A_town_ED_pseudo_rescaling_True{end}" for end in (*ends, "_corrected.csv")}
    assert found.keys() == names | {"pickle"}
    # Each kind of fine-tuning ends in another model.
    assert len({found[f"PLACE A_town_on_M_{name}_distances.tif"] for name in FINE_TUNINGS.values()}) == 3
    # Whatever a map was made of, it says what its distances and the threshold of its table do.
    for name in found:
        if name.endswith("_distances.tif"):
            start = name.removesuffix("_distances.tif")
            changed = np.frombuffer(found[name], np.float32) > float(found[f"{start}.csv"][0]["threshold"])
            np.testing.assert_array_equal(np.frombuffer(found[f"{start}.tif"], np.uint8), changed.astype(int))
    files = (space.folder / "data/a").glob("[ab]*/town.tif")
    assert sum(rasterio.open(file).read().nbytes for file in files) > 2**20


@pytest.mark.parametrize(
    ("layout", "fine_tunings"), [(TILES, list(FINE_TUNINGS)), (STRIPES, [-1])], ids=["tiles", "stripes"]
)
def test_window_by_window_it_is_the_same(
    tmp_path: Path, whole: tuple[Workspace, dict[str, Any]], layout: dict[str, Any], fine_tunings: list[int]
) -> None:
    space = make_space(tmp_path, whole[0].folder / "model", **layout)
    found, watched = in_windows(space, fine_tunings)
    assert_windows(watched)
    # A MiB holds 2^20 / (2 · 52 · 4) = 2520 pairs. All 5200 are learned from in three parts, or judged by in one.
    assert max(watched.gathered, default=0) <= 2520
    assert len(watched.gathered) >= (3 if 0 in fine_tunings else 0)
    left_out = tuple(f"PLACE A_town_on_M_{FINE_TUNINGS[number]}" for number in FINE_TUNINGS.keys() - set(fine_tunings))
    assert_same(found, {name: content for name, content in whole[1].items() if not name.startswith(left_out)})


def test_with_masked_pixels_and_an_after_image_on_another_grid(
    tmp_path: Path, whole: tuple[Workspace, dict[str, Any]]
) -> None:
    # A third of a row up and a turn by a thousandth; two columns to the left, so that the last two are masked.
    other = {"transform": Affine(30, 0.03, 366975 - 60, 0.03, -30, 5808045 + 10)}
    space = make_space(tmp_path, whole[0].folder / "model", after=other, nodata=65535, **STRIPES)
    expected = results(space, [1])
    found, watched = in_windows(space, [1])
    assert_windows(watched)
    assert_same(found, expected)
    masked = np.isnan(pickle.loads(found["pickle"])["distances"].reshape(ROWS, COLUMNS))
    assert masked[:, -2:].all()
    assert masked[100:130, 5:11].all()
    assert masked[200].all()
    assert found["PLACE A_town_on_M_0.5.csv"][0]["total_examples"] == str((~masked[:-4]).sum())


def test_maps_have_to_fit_all_the_same(tmp_path: Path, whole: tuple[Workspace, dict[str, Any]]) -> None:
    space = Workspace(tmp_path, text=ONE_PLACE.replace("labelPath = data/a/label\n", ""))
    # 12 bytes a pixel: 300 · 300 pixels take 1.03 MiB.
    for part in ("before", "after"):
        write_raster(tmp_path / f"data/a/{part}/town.tif", np.ones((300, 300, 1), np.uint8), **UTM)
    assert "memory_limit: the maps of all pairs take 1.03 MiB, 1.00 MiB are available" in space.fails(
        "predutils", LITTLE_MEMORY
    )
