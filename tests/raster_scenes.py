"""Scenes in rasters of any format and grid, and what a run of `predutils.py` makes of them."""

import pickle
import struct
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pyogrio
import pyogrio.raw
import rasterio
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning
from rasterio.features import rasterize
from rasterio.transform import Affine

from conftest import ONE_PLACE, Workspace, without_times, write_bands, write_mat
from netcdf_files import attach, scales

UNLABELLED = ONE_PLACE.replace("labelPath = data/a/label\n", "").replace(
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
WAVES = [450, 550, 650, 850, 1400, 1650, 1900, 2200]


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


def write_netcdf(path: Path, array: np.ndarray) -> None:
    """A variable (band, y, x), in packed chunks, as netCDF-4 has it; without a place."""
    with h5py.File(path, "w", libver="latest") as file:
        chunks = tuple(min(5, length) for length in array.T.shape)
        cube = file.create_dataset(
            "cube", data=array.transpose(2, 0, 1), chunks=chunks, compression="gzip", shuffle=True
        )
        attach(cube, *scales(file, dict(zip(("band", "y", "x"), cube.shape, strict=True))).values())


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
    elif kind == "nc":
        write_netcdf(path, image)
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
    """Values of a map; a change map (1 changed, 0 unchanged, 255 unknown) in the program's labels, 0, 1 and 2."""
    with opened(path) as file:
        values = file.read(1)
    if values.dtype != np.uint8:
        return values
    assert np.isin(values, (0, 1, 255)).all()
    return np.select([values == 1, values == 0], [0, 1], 2).astype(np.uint8)


def pseudo(space: Workspace, *overrides: str, pair: str = "town") -> Result:
    """Run `predutils.py` on PLACE A."""
    done = space.call("predutils", *overrides)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr  # of Python or GDAL
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


def xy(transform: Affine, row: Any, column: Any) -> tuple[Any, Any]:
    """Coordinates of a place on a grid; 0, 0 is the upper left corner of the first pixel."""
    a, b, c, d, e, f = transform[:6]
    return a * column + b * row + c, d * column + e * row + f


def moved(transform: Affine, row: float, column: float, size: float = 1, *, down: float = 1) -> Affine:
    """A grid that begins at a row and column of another, its pixels so many times as large; upwards for down = -1."""
    a, b, _, d, e, _ = transform[:6]
    x, y = xy(transform, row, column)
    return Affine(a * size, b * size * down, x, d * size, e * size * down, y)
