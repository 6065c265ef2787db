"""Products of PRISMA, the hyperspectral satellite of the Italian Space Agency (ASI): HDF-EOS5, .he5.

Each has two cubes of (rows, bands, columns), VNIR and SWIR, whose bands lie by falling wavelength and overlap from
about 940 to 980 nm. Here all bands are put in the order of their wavelengths; those of wavelength 0 were never
acquired, hold nothing and are left out. L2D is on a map; the levels before it are as the sensor saw them, with no grid.
Source: ASI, "PRISMA Products Specification Document", issue 2.3, 2020.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hscd.readers.formats import reads
from hscd.readers.limits import check_size
from hscd.records import Grid
from hscd.scenes.image import Image
from hscd.system import hdf5
from hscd.system.errors import InputError, brief

SUFFIXES = (".he5",)

_WHAT = "PRISMA product"
_DETECTORS = ("Vnir", "Swir")
_SWATH = re.compile(r"PRS_(L1|L2B|L2C|L2D)_HCO")  # the coregistered cubes
_MOST = 65535  # stored for the largest value of level 2
_PIXEL = 30.0  # metres
_EPSG_CODES = range(1024, 100_000)
# A stored 0 is what is outside of the swath, and also where the atmospheric correction of a band failed.
_NODATA, _LEAST = 0, 1
_ROWS = 64  # put together at a time


@dataclass(frozen=True)
class _Cube:
    """The cube of a detector: `kept` are the bands that were acquired, with their wavelengths and widths in nm.

    A physical value is the stored one · scale + offset.
    """

    detector: str
    dataset: hdf5.Dataset
    kept: np.ndarray
    wavelengths: np.ndarray
    fwhm: np.ndarray
    scale: float
    offset: float


@reads(*SUFFIXES)
def open_image(path: Path, variable: str | None, limit: int) -> Image:
    """Open a product of level L1, L2B, L2C or L2D; `variable` has no meaning here.

    A pixel without data is 0 in all bands, and in no other pixel is a band 0: where a single band is 0 it becomes 1, a
    65535th of the range of values, so that `nodata` masks what lies outside of the swath and nothing else.

    Raises:
        InputError: if the file is unreadable or no such product, or if a chunk of it declares more than `limit` bytes;
            reading, if the file is damaged.
    """
    with hdf5.opened(path, _WHAT) as file:
        level, swath = _swath(path, file.root)
        cubes = [_cube(path, file.root, swath, detector, level) for detector in _DETECTORS]
        rows, _, columns = cubes[0].dataset.shape
        grid = _grid(path, file.root, rows, columns) if level == "L2D" else None
    _check(path, cubes, limit)
    wavelengths = np.concatenate([cube.wavelengths for cube in cubes])
    order = np.argsort(wavelengths, kind="stable")
    fwhm = np.concatenate([cube.fwhm for cube in cubes])[order]
    counts = [len(cube.kept) for cube in cubes]
    # Where the bands of each cube go.
    places = np.split(np.argsort(order, kind="stable"), [counts[0]])
    names = [f"{cube.detector.upper()} {band + 1}" for cube in cubes for band in cube.kept]
    chunks = [cube.dataset.chunk or (1, 0, columns) for cube in cubes]
    block = (min(rows, max(chunk[0] for chunk in chunks)), min(columns, max(chunk[2] for chunk in chunks)))

    def window(rows: slice, columns: slice) -> np.ndarray:
        pixels = np.empty((rows.stop - rows.start, len(order), columns.stop - columns.start), np.uint16)
        step = max(block[0], _ROWS // block[0] * block[0])
        with hdf5.opened(path, _WHAT):
            # From one row of blocks to the next, wherever the window begins.
            for start in range(rows.start - rows.start % step, rows.stop, step):
                part = slice(max(start, rows.start), min(start + step, rows.stop))
                some = pixels[part.start - rows.start : part.stop - rows.start]
                for cube, place in zip(cubes, places, strict=True):
                    values = cube.dataset.window([part, slice(0, cube.dataset.shape[1]), columns])
                    some[:, place] = values[:, cube.kept]
                valid = some.any(axis=1, keepdims=True)
                np.maximum(some, _LEAST, out=some)
                np.multiply(some, valid, out=some)
        return pixels.transpose(0, 2, 1)

    return Image(
        path=path,
        format=f"PRISMA {level}",
        shape=(rows, columns, len(order)),
        dtype=np.dtype(np.uint16),
        block=block,
        window=window,
        grid=grid,
        wavelengths=wavelengths[order],
        fwhm=fwhm if np.isfinite(fwhm).any() else None,
        names=tuple(names[band] for band in order),
        scale=np.repeat([cube.scale for cube in cubes], counts)[order],
        offset=np.repeat([cube.offset for cube in cubes], counts)[order],
        nodata=(_NODATA,) * len(order),
    )


def _check(path: Path, cubes: list[_Cube], limit: int) -> None:
    """Raise `InputError` for cubes of different sizes, or whose chunks take more than `limit` bytes."""
    for cube in cubes:
        if cube.dataset.shape[::2] != cubes[0].dataset.shape[::2]:
            raise InputError(f"{path}: its cubes differ in size: {[cube.dataset.shape for cube in cubes]}")
        if cube.dataset.chunk is not None:
            check_size(path, cube.dataset.chunk_nbytes, limit)


def _swath(path: Path, root: hdf5.Node) -> tuple[str, hdf5.Node]:
    """The level of the product, and the group of its cubes."""
    node = root
    for name in ("HDFEOS", "SWATHS"):
        if name not in node.children or not node.children[name].is_group:
            raise InputError(f"{path}: expected a PRISMA product, found no group HDFEOS/SWATHS")
        node = node.children[name]
    for name, swath in node.children.items():
        if found := _SWATH.fullmatch(name):
            return found[1], swath
    present = ", ".join(brief(name) for name in node.children) or "none"
    raise InputError(f"{path}: expected a PRISMA product of level L1, L2B, L2C or L2D, found the swaths: {present}")


def _cube(path: Path, root: hdf5.Node, swath: hdf5.Node, detector: str, level: str) -> _Cube:
    fields = swath.children.get("Data Fields")
    name = f"{detector.upper()}_Cube"
    if fields is None or name not in fields.children:
        raise InputError(f"{path}: holds no {name}")
    dataset = fields.children[name].dataset(plain=False)
    if len(dataset.shape) != 3 or 0 in dataset.shape or dataset.dtype != np.uint16:
        raise InputError(f"{path}: expected {name} as (rows, bands, columns) of uint16, found {dataset.shape}")
    centres = _numbers(path, root, f"List_Cw_{detector}").astype(float).ravel()
    if len(centres) != dataset.shape[1] or not (centres >= 0).all() or not np.isfinite(centres).all():
        raise InputError(f"{path}: List_Cw_{detector} does not hold the wavelengths of {dataset.shape[1]} bands")
    if level == "L1":  # radiance in W/(m²·sr·μm)
        scale, offset = 1 / _number(path, root, f"ScaleFactor_{detector}"), -_number(path, root, f"Offset_{detector}")
    else:
        least, most = (_number(path, root, f"L2Scale{detector}{end}") for end in ("Min", "Max"))
        scale, offset = (most - least) / _MOST, least
    kept = np.flatnonzero(centres)
    if not len(kept):
        raise InputError(f"{path}: no band of {name} was acquired: List_Cw_{detector} is 0 throughout")
    widths = root.numbers(f"List_Fwhm_{detector}")
    fwhm = (
        np.full(len(centres), np.nan) if widths is None or widths.size != len(centres) else widths.ravel().astype(float)
    )
    return _Cube(detector, dataset, kept, centres[kept], np.where(fwhm > 0, fwhm, np.nan)[kept], scale, offset)


def _grid(path: Path, root: hdf5.Node, rows: int, columns: int) -> Grid:
    """The grid of level L2D.

    The corners are those of pixel centres: prismaread (IREA-CNR) and EnMAP-Box both put the border half a pixel outside
    of them. That shows in the attributes: from corner to corner it is a pixel less than the size of the image. Where it
    is the size of the image, the corners can only be its border.
    """
    left, right = (_number(path, root, f"Product_{corner}corner_easting") for corner in ("UL", "LR"))
    top, bottom = (_number(path, root, f"Product_{corner}corner_northing") for corner in ("UL", "LR"))
    across, down = (right - left) / _PIXEL, (top - bottom) / _PIXEL
    if max(abs(across - columns), abs(down - rows)) < 0.5:
        margin = 0.0
    elif max(abs(across - columns + 1), abs(down - rows + 1)) < 0.5:
        margin = _PIXEL / 2
    else:
        raise InputError(
            f"{path}: its corners are {across:g} × {down:g} pixels of {_PIXEL:g} m apart, its image has "
            f"{columns} × {rows}"
        )
    code = _number(path, root, "Epsg_Code")
    if code not in _EPSG_CODES:
        raise InputError(f"{path}: Epsg_Code {code:g} is not a coordinate system")
    return Grid((_PIXEL, 0.0, left - margin, 0.0, -_PIXEL, top + margin), _wkt(path, int(code)))


def _wkt(path: Path, code: int) -> str:
    from rasterio.crs import CRS  # here: --help has no use for it
    from rasterio.errors import CRSError

    try:
        return CRS.from_epsg(code).to_wkt()
    except CRSError as error:
        raise InputError(f"{path}: Epsg_Code {code} is not a coordinate system: {brief(error)}") from error


def _numbers(path: Path, root: hdf5.Node, name: str) -> np.ndarray:
    values = root.numbers(name)
    if values is None:
        raise InputError(f"{path}: has no attribute {name}, which a PRISMA product has")
    return values


def _number(path: Path, root: hdf5.Node, name: str) -> float:
    values = _numbers(path, root, name)
    if values.size != 1 or not np.isfinite(values).all():
        raise InputError(f"{path}: its attribute {name} is not a number")
    return float(values.reshape(-1)[0])
