"""NetCDF-4 files, which are HDF5: cubes of EMIT, AVIRIS-3 and PACE as they are published, and of other CF grids.

The cube is the one variable of three axes that fits; what else is known lies in variables and attributes beside it:
wavelengths, good bands, fill value, scale, place (`netcdf_grid`). EMIT L2A: "reflectance" (downtrack, crosstrack,
bands); AVIRIS-3 L2A "reflectance/reflectance" (wavelength, northing, easting); PACE OCI L2 "geophysical_data/rhos"
(number_of_lines, pixels_per_line, wavelength_3d), L3 (lat, lon, wavelength).
Sources: LP DAAC, "EMIT L2A User Guide", version 1; ORNL DAAC, "AVIRIS-3 L2A"; OBPG, "PACE OCI Data Structure"; "NetCDF
Climate and Forecast Metadata Conventions", version 1.11.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hscd.readers import netcdf_grid
from hscd.readers.formats import reads
from hscd.readers.limits import check_size
from hscd.readers.wavelengths import widths
from hscd.scenes.image import Image, axes_of_image
from hscd.system import hdf5, naming
from hscd.system.errors import InputError, brief, listing

SUFFIXES = (".nc",)

_WHAT = "netCDF-4 file"
_CLASSIC = b"CDF"
_MOST_NODES, _DEEPEST = 5000, 8
_MOST_VALUES = 2**20  # of an axis whose coordinates are read
_WAVELENGTHS = ("wavelengths", "wavelength", "wavelength_3d", "wavelength3d", "band_wavelength", "wvl")
_GOOD_BANDS = ("good_wavelengths", "good_bands", "bbl")
_ROWS = (*netcdf_grid.Y, "row", "rows", "line", "lines", "number_of_lines", "downtrack", "scans")
_COLUMNS = (*netcdf_grid.X, "column", "columns", "sample", "samples", "pixels_per_line", "crosstrack", "pixels")
_NANOMETRES = {"nm": 1.0, "nanometer": 1.0, "nanometre": 1.0, "um": 1e3, "µm": 1e3, "μm": 1e3, "micrometer": 1e3,
               "micrometre": 1e3, "micron": 1e3, "m": 1e9, "meter": 1e9, "metre": 1e9}  # fmt: skip
# Without a unit: no sensor of these images sees 100 µm, nor below 100 nm.
_LARGEST_MICROMETRES = 100


@dataclass(frozen=True)
class _Cube:
    """A variable with the axes of the file that are rows, columns and bands; `bands` is None for a map of two axes."""

    path: str
    node: hdf5.Node
    rows: int
    columns: int
    bands: int | None
    wavelengths: hdf5.Node | None
    notes: tuple[str, ...] = ()


@reads(*SUFFIXES)
def open_image(path: Path, variable: str | None, limit: int) -> Image:
    """Open the cube of a netCDF-4 file: that of the name or path `variable`, else the one that fits.

    A swath with a lookup table of its places (EMIT) is put on the grid of the table, masked outside of the swath; one
    with mere arrays of coordinates (PACE L2) stays in the geometry of the sensor, which is noted.

    Raises:
        InputError: if the file is unreadable or does not hold the variable, if several fit, or if a chunk declares more
            than `limit` bytes; reading, if the file is damaged.
    """
    if path.is_file() and _is_classic(path):
        raise InputError(f"{path}: netCDF of the classic format; save it as netCDF-4 (nccopy -k nc4)")
    with hdf5.opened(path, _WHAT) as file:
        variables = _variables(path, file.root)
        cube = _cube(path, variables, variable)
        dataset = cube.node.dataset(plain=False)
        check_size(path, dataset.chunk_nbytes, limit)
        lengths = [dataset.shape[axis] for axis in (cube.rows, cube.columns)]
        bands = 1 if cube.bands is None else dataset.shape[cube.bands]
        shape = axes_of_image(path, (*lengths, bands))
        place = netcdf_grid.place_of(path, file.root, variables, cube.path, shape[:2], (cube.rows, cube.columns))
        wavelengths = _nanometres(cube.wavelengths)
        found: dict[str, Any] = {"wavelengths": wavelengths, "bad_bands": _bad(variables, bands)}
        found["fwhm"] = _widths(variables, cube.wavelengths, wavelengths)
        found |= _values(cube.node, bands)
    chunk = dataset.chunk or (1,) * len(dataset.shape)
    image = Image(
        path=path,
        format="netCDF",
        shape=shape,
        dtype=dataset.dtype,
        block=(min(shape[0], chunk[cube.rows]), min(shape[1], chunk[cube.columns] if dataset.chunk else shape[1])),
        window=lambda rows, columns: _window(path, dataset, cube, rows, columns),
        grid=place.grid,
        notes=(*cube.notes, *place.notes),
        **found,
    )
    return image if place.table is None else _on_grid(image, place.table, limit)


def _window(path: Path, dataset: hdf5.Dataset, cube: _Cube, rows: slice, columns: slice) -> np.ndarray:
    window = [slice(0, length) for length in dataset.shape]
    window[cube.rows], window[cube.columns] = rows, columns
    with hdf5.opened(path, _WHAT):
        values = dataset.window(window)
    if cube.bands is None:
        return values.transpose(cube.rows, cube.columns)[:, :, None]
    return values.transpose(cube.rows, cube.columns, cube.bands)


def _on_grid(image: Image, table: netcdf_grid.Table, limit: int) -> Image:
    """A swath on the grid of its lookup table, each pixel that of the swath which the table names."""
    outside = next((value for value in image.nodata if value is not None), 0)

    def read(rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        with hdf5.opened(image.path, _WHAT):
            return table.window(image.shape[:2], rows, columns)

    def window(rows: slice, columns: slice) -> np.ndarray:
        pixels = np.full((rows.stop - rows.start, columns.stop - columns.start, image.shape[2]), outside, image.dtype)
        for part in netcdf_grid.tiles(rows, columns):
            there, line, sample = read(*part)
            if not there.any():
                continue
            box = slice(int(line.min()), int(line.max()) + 1), slice(int(sample.min()), int(sample.max()) + 1)
            size = math.prod(side.stop - side.start for side in box) * image.shape[2] * image.dtype.itemsize
            check_size(image.path, size, limit)
            swath = image.window(*box)
            some = pixels[
                part[0].start - rows.start : part[0].stop - rows.start,
                part[1].start - columns.start : part[1].stop - columns.start,
            ]
            some[there] = swath[line - box[0].start, sample - box[1].start]
        return pixels

    def mask(rows: slice, columns: slice) -> np.ndarray:
        return read(rows, columns)[0]

    rows, columns = table.shape
    block = (min(netcdf_grid.TILE, rows), min(netcdf_grid.TILE, columns))
    return replace(image, shape=(rows, columns, image.shape[2]), block=block, window=window, mask=mask)


def _is_classic(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_CLASSIC)) == _CLASSIC
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


# --- what the file holds ---------------------------------------------------------------------------------------------


def _variables(path: Path, root: hdf5.Node) -> dict[str, hdf5.Node]:
    """The arrays of a file by their full paths."""
    found: dict[str, hdf5.Node] = {}
    groups, places, seen = [root], set(), 0
    while groups:
        group = groups.pop()
        if group.place in places:
            continue
        places.add(group.place)
        for node in group.children.values():
            seen += 1
            if seen > _MOST_NODES or node.path.count("/") > _DEEPEST:
                raise InputError(f"{path}: holds more groups and variables than are searched ({_MOST_NODES})")
            if node.is_group:
                groups.append(node)
            else:
                found[node.path] = node
    return found


def _cube(path: Path, variables: dict[str, hdf5.Node], variable: str | None) -> _Cube:
    arrays = {name: node for name, node in variables.items() if node.is_numeric and 0 not in node.shape}
    fit = {name: node for name, node in arrays.items() if len(node.shape) == 3}
    if variable is not None:
        wanted = variable.strip("/")
        named = [name for name in arrays if wanted == name.rpartition("/")[2] and len(arrays[name].shape) in (2, 3)]
        name = wanted if wanted in arrays else named[0] if len(named) == 1 else ""
        if not name:
            raise InputError(
                f"{path}: {len(named) or 'no'} variables {variable!r} ({naming.named('matLabel')}); of three axes, by "
                f"full path: {_list(fit)}"
            )
        return _with_axes(name, arrays[name], variables)
    cubes = [_with_axes(name, node, variables) for name, node in fit.items()]
    if len(cubes) > 1:
        cubes = [cube for cube in cubes if cube.wavelengths is not None]
    if len(cubes) != 1:
        raise InputError(
            f"{path}: expected one variable of three axes (rows, columns, bands); set matLabel to one of: {_list(fit)}"
        )
    return cubes[0]


def _list(nodes: dict[str, hdf5.Node]) -> str:
    return listing(list(nodes.items()), lambda found: f"{brief(found[0])} {found[1].shape}")


def _with_axes(path: str, node: hdf5.Node, variables: dict[str, hdf5.Node]) -> _Cube:
    """A variable with what its axes are: by its dimensions, by the wavelengths, else the shortest are the bands."""
    axes = list(range(len(node.shape)))
    names = [name.rpartition("/")[2].lower() for name in node.dimensions] or [""] * len(axes)
    wavelengths, bands = None, None
    notes: tuple[str, ...] = ()
    if len(axes) == 3:
        wavelengths, bands = _spectral_axis(path, node, names, variables)
        if bands is None:
            others = [axis for axis in axes if names[axis] not in (*_ROWS, *_COLUMNS)]
            bands = others[0] if len(others) == 1 else int(np.argmin(node.shape))
            if len(others) != 1:
                notes = (f"nothing tells which axis of {brief(path)} are the bands; the shortest is taken for them",)
        axes.remove(bands)
    rows, columns = axes
    if names[rows] in _COLUMNS and names[columns] in _ROWS:
        rows, columns = columns, rows
    return _Cube(path, node, rows, columns, bands, wavelengths, notes)


def _spectral_axis(
    path: str, node: hdf5.Node, names: list[str], variables: dict[str, hdf5.Node]
) -> tuple[hdf5.Node | None, int | None]:
    """The wavelengths of a cube, the nearest that fit, and the axis along which they lie."""
    group = path.rpartition("/")[0]
    candidates = [
        name
        for name, other in variables.items()
        if name.rpartition("/")[2].lower() in _WAVELENGTHS and other.is_numeric and len(other.shape) == 1
    ]
    for name in sorted(candidates, key=lambda name: name.rpartition("/")[0] != group):
        other = variables[name]
        along = {name.rpartition("/")[2].lower(), *(axis.rpartition("/")[2].lower() for axis in other.dimensions)}
        fitting = [axis for axis, length in enumerate(node.shape) if (length,) == other.shape]
        named = [axis for axis in fitting if names[axis] in along]
        free = [axis for axis in fitting if names[axis] not in (*_ROWS, *_COLUMNS)]
        for choice in (named, free):
            if len(choice) == 1:
                return other, choice[0]
    return None, None


# --- metadata --------------------------------------------------------------------------------------------------------


def _nanometres(node: hdf5.Node | None) -> np.ndarray | None:
    if node is None or node.shape[0] > _MOST_VALUES:
        return None
    values = node.dataset(plain=False).read().astype(float)
    values[~(values > 0) | ~np.isfinite(values)] = np.nan
    if np.isnan(values).all():
        return None
    unit = "".join(node.texts("units") or ()).strip().lower()
    factor = _NANOMETRES.get(unit) or _NANOMETRES.get(unit.removesuffix("s"))
    if factor is None:
        factor = 1e3 if np.nanmax(values) < _LARGEST_MICROMETRES else 1.0
    return values * factor


def _widths(
    variables: dict[str, hdf5.Node], stored: hdf5.Node | None, wavelengths: np.ndarray | None
) -> np.ndarray | None:
    """Widths of the bands, nm, in the unit of the wavelengths."""
    if stored is None or wavelengths is None:
        return None
    for name, node in variables.items():
        if name.rpartition("/")[2].lower() == "fwhm" and node.is_numeric and node.shape == stored.shape:
            values, others = (of.dataset(plain=False).read().astype(float).tolist() for of in (node, stored))
            return widths(values, others, wavelengths)
    return None


def _bad(variables: dict[str, hdf5.Node], bands: int) -> np.ndarray | None:
    """Bands whose flag is 0."""
    for name, node in variables.items():
        if name.rpartition("/")[2].lower() in _GOOD_BANDS and node.is_numeric and node.shape == (bands,):
            return node.dataset(plain=False).read() == 0
    return None


def _values(node: hdf5.Node, bands: int) -> dict[str, Any]:
    """Nodata, scale and offset of all bands, where the variable has them."""
    fill = next((value for name in ("_FillValue", "missing_value") if (value := _number(node, name)) is not None), None)
    scale, offset = _number(node, "scale_factor"), _number(node, "add_offset")
    found: dict[str, Any] = {"nodata": () if fill is None else (fill,) * bands}
    if (scale, offset) not in ((None, None), (1, 0), (1, None), (None, 0)):
        if not all(math.isfinite(value or 0) for value in (scale, offset)) or scale == 0:
            raise ValueError(f"its scale_factor is {scale}, its add_offset {offset}")
        found["scale"] = np.full(bands, 1.0 if scale is None else scale)
        found["offset"] = np.full(bands, offset or 0.0)
    return found


def _number(node: hdf5.Node, name: str) -> float | None:
    values = node.numbers(name)
    return None if values is None or not values.size else float(values.reshape(-1)[0])
