"""NetCDF-4 files in the layouts of EMIT, AVIRIS-3, PACE and of plain CF grids, written with h5py as netCDF does.

Sources: as in `hscd.readers.netcdf`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from rasterio.crs import CRS

WGS_84, UTM_33 = CRS.from_epsg(4326).to_wkt(), CRS.from_epsg(32633).to_wkt()
FILL = -9999.0


def scales(file: h5py.File, dimensions: dict[str, int]) -> dict[str, h5py.Dataset]:
    """Dimensions without coordinates, as netCDF keeps them."""
    made = {}
    for name, length in dimensions.items():
        made[name] = file.create_dataset(name, (length,), "f4")
        made[name].make_scale("This is a netCDF dimension but not a netCDF variable.")
    return made


def attach(variable: h5py.Dataset, *dimensions: h5py.Dataset) -> None:
    for axis, dimension in enumerate(dimensions):
        variable.dims[axis].attach_scale(dimension)


def write_emit(path: Path, cube: np.ndarray, lines: np.ndarray, samples: np.ndarray, **options: Any) -> None:
    """A swath (downtrack, crosstrack, bands) with its lookup table, glt_y and glt_x."""
    with h5py.File(path, "w", libver=options.pop("libver", "latest"), track_order=True) as file:
        file.attrs["geotransform"] = np.array([15.0, 0.25, 0, 50.0, 0, -0.25])
        file.attrs["spatial_ref"] = WGS_84
        rows, columns, bands = cube.shape
        axes = scales(
            file,
            {
                "downtrack": rows,
                "crosstrack": columns,
                "bands": bands,
                "ortho_y": len(lines),
                "ortho_x": lines.shape[1],
            },
        )
        reflectance = file.create_dataset("reflectance", data=cube, **options)
        reflectance.attrs["_FillValue"] = np.array([FILL], cube.dtype)
        attach(reflectance, axes["downtrack"], axes["crosstrack"], axes["bands"])
        for name, values in (("glt_x", samples), ("glt_y", lines)):
            file[f"location/{name}"] = values.astype("i4")
            attach(file[f"location/{name}"], axes["ortho_y"], axes["ortho_x"])
        for name in ("lon", "lat", "elev"):
            file[f"location/{name}"] = np.zeros((rows, columns))
        for name, band in (
            ("wavelengths", np.linspace(400, 2500, bands)),
            ("fwhm", np.full(bands, 8.0)),
            ("good_wavelengths", (np.arange(bands) != 1).astype("f4")),
        ):
            file[f"sensor_band_parameters/{name}"] = band.astype("f4")
            attach(file[f"sensor_band_parameters/{name}"], axes["bands"])
        file["sensor_band_parameters/wavelengths"].attrs["units"] = "nm"


def write_aviris(path: Path, cube: np.ndarray, *, attributes: bool = True) -> None:
    """A map (wavelength, northing, easting) with its coordinate system, with or without GeoTransform."""
    with h5py.File(path, "w", libver="v110") as file:
        bands, rows, columns = cube.shape
        mapping = file.create_dataset("transverse_mercator", data=b"")
        mapping.attrs["grid_mapping_name"] = "transverse_mercator"
        mapping.attrs["crs_wkt"] = UTM_33
        if attributes:
            mapping.attrs["GeoTransform"] = "500000.0 5.0 0 5000000.0 0 -5.0 "
        file["northing"], file["easting"] = 5e6 - 2.5 - 5 * np.arange(rows), 5e5 + 2.5 + 5 * np.arange(columns)
        file["reflectance/wavelength"] = np.linspace(0.4, 2.5, bands)
        file["reflectance/wavelength"].attrs["units"] = "um"
        file["reflectance/fwhm"] = np.full(bands, 0.008)
        cubes = file.create_dataset(
            "reflectance/reflectance", data=cube, chunks=(2, 3, 3), compression="gzip", shuffle=True
        )
        cubes.attrs["_FillValue"] = np.float32(FILL)
        if attributes:
            cubes.attrs["grid_mapping"] = "transverse_mercator"
        for name in ("northing", "easting", "reflectance/wavelength"):
            file[name].make_scale(name)
        attach(cubes, file["reflectance/wavelength"], file["northing"], file["easting"])


def write_pace(path: Path, cube: np.ndarray) -> None:
    """A swath (number_of_lines, pixels_per_line, wavelength_3d) of scaled integers, with a place of each pixel."""
    with h5py.File(path, "w") as file:
        rows, columns, bands = cube.shape
        axes = scales(file, {"number_of_lines": rows, "pixels_per_line": columns})
        file["sensor_band_parameters/wavelength_3d"] = np.linspace(350, 2200, bands).astype("f4")
        file["sensor_band_parameters/wavelength_3d"].make_scale("wavelength_3d")
        rhos = file.create_dataset("geophysical_data/rhos", data=cube)
        rhos.attrs.update(
            {"_FillValue": np.int16([-32767]), "scale_factor": np.float32([2e-5]), "add_offset": np.float32([0.5])}
        )
        attach(rhos, axes["number_of_lines"], axes["pixels_per_line"], file["sensor_band_parameters/wavelength_3d"])
        file["geophysical_data/l2_flags"] = np.zeros((rows, columns), "i4")
        for name in ("longitude", "latitude"):
            file[f"navigation_data/{name}"] = np.zeros((rows, columns), "f4")


def write_map(
    path: Path, cube: np.ndarray, y: np.ndarray, x: np.ndarray, names: tuple[str, str] = ("lat", "lon")
) -> None:
    """A map (y, x, wavelength) with coordinates and nothing else, as PACE L3."""
    with h5py.File(path, "w") as file:
        file[names[0]], file[names[1]], file["wavelength"] = y, x, np.linspace(400, 700, cube.shape[2])
        file["rhos"] = cube
        for name in (*names, "wavelength"):
            file[name].make_scale(name)
        attach(file["rhos"], *(file[name] for name in (*names, "wavelength")))
        file["palette"] = np.zeros((3, 256), "u1")
