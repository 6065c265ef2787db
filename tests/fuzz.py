"""Damaged files: each format cut at every 1/64 and with bits flipped, each file read in a process of its own.

That process has an address space a little larger than it started with and a few seconds; what it must end with is a
value that makes sense, or an InputError of one line. `PYTHONPATH=Net python tests/fuzz.py [CUTS [FLIPS [SEED]]]` prints
the table.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import netcdf_files
from conftest import CONFIGURATION, PROJECT, SHARED
from hscd.system import hdf5

LEGACY = SHARED / "legacy"
SECONDS = 10
# What a case may take on top of what the process has, and what an array may declare: reading takes a few times that.
MEMORY = 512 * 2**20
LIMIT = 64 * 2**20
LONGEST_MESSAGE = 1000
# Every other flip is among the first bytes, where most formats say how large things are.
HEADER = 4096


@dataclass(frozen=True)
class Format:
    """A sound file and how it is read. `path` may lie in a folder of `others`, which stay sound; `named` is what errors
    name then, the folder of the file if it is empty.

    `read` raises InputError, or returns whether the file was taken (a record that is set aside was not).
    """

    path: str
    content: bytes
    read: Callable[[Path], bool]
    others: dict[str, bytes] = field(default_factory=dict)
    named: str = ""


@dataclass
class Row:
    """What became of the damaged files of a format; `memory` counts errors that ran into the memory limit."""

    format: str
    cases: int = 0
    valid: int = 0
    clear: int = 0
    memory: int = 0
    failures: list[str] = field(default_factory=list)


# --- the formats -----------------------------------------------------------------------------------------------------


def formats() -> dict[str, Format]:
    """Every format by name, with a sample that is mostly header."""
    found: dict[str, Format] = {}
    rng = np.random.default_rng(0)
    image = rng.integers(0, 5000, (6, 5, 4)).astype(np.uint16)
    labels = rng.integers(0, 3, (6, 5)).astype(np.uint8)
    for name, options in (
        ("mat 5 compressed", {"do_compression": True}),
        ("mat 5", {}),
        ("mat 4", {"format": "4"}),
    ):
        values = labels if name == "mat 4" else image
        found[name] = Format("a.mat", _mat(values, **options), _read_image)
    found["mat 5 without a name"] = Format("a.mat", _mat(image), lambda path: _read_image(path, None))
    found["mat 5 labels"] = Format("a.mat", _mat(labels, do_compression=True), _read_labels)
    for name, options in (
        ("tiff", {}),
        ("tiff lzw", {"compression": "tiff_lzw"}),
        ("tiff deflate", {"compression": "tiff_adobe_deflate"}),
        ("tiff packbits", {"compression": "packbits"}),
    ):
        found[name] = Format("a.tif", _tif(image[:, :, 0], **options), _read_image)
    found["tiff tiles"] = Format("a.tif", _tiled_tif(rng.integers(0, 255, (20, 30)).astype(np.uint8)), _read_image)
    found["tiff labels"] = Format("a.tif", _tif(labels, compression="tiff_lzw"), _read_labels)
    bands = {f"a.tif/B{band}.tif": _tif(image[:, :, band]) for band in range(4)}
    damaged = bands.pop("a.tif/B2.tif")
    found["folder of bands"] = Format("a.tif/B2.tif", damaged, lambda path: _read_image(path.parent), bands)
    found |= _rasters(image, labels) | _hdf5_images(image) | _models() | _pickles()
    found["list of pairs"] = Format("a.csv", _LIST.encode(), _read_list)
    found["net.conf"] = Format("net.conf", ("# città\n" + CONFIGURATION).encode(), _read_configuration)
    found["search record"] = Format("a.json", _record(), _read_record)
    return found


def _rasters(image: np.ndarray, labels: np.ndarray) -> dict[str, Format]:
    """What GDAL and NumPy read beside single bands of TIFF."""
    georeferenced = {"crs": "EPSG:32633", "transform": (30, 0, 366975, 0, -30, 5808045)}
    bands = np.moveaxis(image, 2, 0)
    found = {
        name: Format("a.tif", _written("GTiff", bands, **georeferenced, **options)["a"], _read_image)
        for name, options in (
            ("geotiff of bands", {}),
            ("geotiff interleaved, tiled, deflate",
             {"interleave": "pixel", "tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "deflate"}),
            ("geotiff zstd, bigtiff", {"compress": "zstd", "bigtiff": "YES"}),
        )
    }  # fmt: skip
    found |= _envi(bands, georeferenced)
    for driver in ("PNG", "BMP"):
        name = driver.lower()
        found[f"{name} labels"] = Format(f"a.{name}", _written(driver, labels[None])["a"], _read_labels)
    array = io.BytesIO()
    np.save(array, image)
    found["npy"] = Format("a.npy", array.getvalue(), _read_image)
    return found | _sentinel_2(bands, georeferenced)


# What else a header can say, of pixels that are packed.
ENVI = b"""ENVI
; made by hand
samples = 5
lines = 6
bands = 4
header offset = 0
data type = 12
interleave = bil
byte order = 1
file compression = 1
data ignore value = {65535}
bbl = {1, 1, 0, 1}
data gain values = {1, 2, 1, 1}
wavelength units = Micrometers
wavelength = {
 0.4, 0.5, 0.6, 0.7}
band names = {a, b, c, d}
map info = {UTM, 2, 3, 366975, 5808045, 30, 20, 33, North, WGS-84, units=Meters, rotation=30}
"""


def _envi(bands: np.ndarray, georeferenced: dict[str, Any]) -> dict[str, Format]:
    """Headers of each interleave, and of packed pixels; and the pixels of either kind."""
    found = {}
    for interleave in ("bsq", "bil", "bip"):
        envi = _written("ENVI", bands, interleave=interleave, **georeferenced)
        pixels, header = (
            {"a.img": envi["a"]},
            envi["a.hdr"] + b"wavelength units = nm\nwavelength = {400,500,600,700}\n",
        )
        found[f"envi {interleave}"] = Format("a.hdr", header, _read_image, pixels)
    found["envi pixels"] = Format(
        "b/a.img", pixels["a.img"], lambda path: _read_image(path.with_suffix(".hdr")), {"b/a.hdr": header}
    )
    packed = gzip.compress(bands.transpose(1, 0, 2).astype(">u2").tobytes(), mtime=0)
    found["envi packed"] = Format("a.hdr", ENVI, _read_image, {"a.img": packed})
    found["envi packed pixels"] = Format(
        "b/a.img", packed, lambda path: _read_image(path.with_suffix(".hdr")), {"b/a.hdr": ENVI}
    )
    return found


SAFE = b"""<Level-2A_User_Product><Product_Image_Characteristics><QUANTIFICATION_VALUES_LIST>
<BOA_QUANTIFICATION_VALUE unit="none">10000</BOA_QUANTIFICATION_VALUE></QUANTIFICATION_VALUES_LIST>
<BOA_ADD_OFFSET_VALUES_LIST><BOA_ADD_OFFSET band_id="1">-1000</BOA_ADD_OFFSET></BOA_ADD_OFFSET_VALUES_LIST>
</Product_Image_Characteristics></Level-2A_User_Product>"""
OLD_SAFE = b"""<Level-2A_User_Product><PROCESSING_BASELINE>02.04</PROCESSING_BASELINE>
<L2A_Product_Image_Characteristics>
<Special_Values><SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT><SPECIAL_VALUE_INDEX>0</SPECIAL_VALUE_INDEX>
</Special_Values><Special_Values><SPECIAL_VALUE_TEXT>SATURATED</SPECIAL_VALUE_TEXT>
<SPECIAL_VALUE_INDEX>65535</SPECIAL_VALUE_INDEX></Special_Values>
<L2A_BOA_QUANTIFICATION_VALUE unit="none">10000</L2A_BOA_QUANTIFICATION_VALUE>
</L2A_Product_Image_Characteristics></Level-2A_User_Product>"""


def _sentinel_2(bands: np.ndarray, georeferenced: dict[str, Any]) -> dict[str, Format]:
    """A product of two bands of different resolution, its band or its metadata damaged."""
    folder = "S2A.SAFE/GRANULE/L2A/IMG_DATA"
    large = np.tile(bands[:1], (1, 6, 6))
    lossless = {"CODEC": "JP2", "REVERSIBLE": "YES", "QUALITY": "100"}
    fine, coarse = f"{folder}/R10m/T_B02_10m.jp2", f"{folder}/R20m/T_B05_20m.tif"
    files = {
        fine: _written("JP2OpenJPEG", large, **georeferenced, **lossless)["a"],
        coarse: _written(
            "GTiff", large[:, ::2, ::2], **georeferenced | {"transform": (60, 0, 366975, 0, -60, 5808045)}
        )["a"],
    }
    metadata, old_metadata = "S2A.SAFE/MTD_MSIL2A.xml", "S2A.SAFE/S2A_USER_MTD_SAFL2A_PDMC.xml"

    def read(path: Path) -> bool:
        return _read_image(next(folder for folder in path.parents if folder.suffix == ".SAFE"))

    return {
        "safe metadata": Format(metadata, SAFE, read, files, "S2A.SAFE"),
        "safe metadata, old": Format(old_metadata, OLD_SAFE, read, files, "S2A.SAFE"),
        "safe, jpeg 2000": Format(fine, files[fine], read, {coarse: files[coarse], metadata: SAFE}, "S2A.SAFE"),
    }


def _written(driver: str, bands: np.ndarray, **options: Any) -> dict[str, bytes]:
    """(bands, rows, columns) in a format of GDAL, as the files of the name "a" that it consists of."""
    import rasterio
    from rasterio.transform import Affine

    if "transform" in options:
        options["transform"] = Affine(*options["transform"])
    count, rows, columns = bands.shape
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        profile = {"count": count, "height": rows, "width": columns, "dtype": bands.dtype}
        with rasterio.open(Path(folder) / "a", "w", driver=driver, **profile, **options) as file:
            file.write(bands)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def _hdf5_images(image: np.ndarray) -> dict[str, Format]:
    import h5py

    def written(write: Callable[[Any], None], libver: str = "earliest", **options: Any) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a"
            with h5py.File(path, "w", libver=libver, **options) as file:
                write(file)
            return path.read_bytes()

    def matlab(file: Any) -> None:
        cube = file.create_dataset("cube", data=image.T, chunks=(2, 5, 3), compression="gzip", compression_opts=3)
        cube.attrs["MATLAB_class"] = np.bytes_("uint16")

    def prisma(file: Any) -> None:
        corners = {"ULcorner_easting": 0, "ULcorner_northing": 150, "LRcorner_easting": 120, "LRcorner_northing": 0}
        file.attrs.update({f"Product_{name}": np.float32(value) for name, value in corners.items()})
        file.attrs["Epsg_Code"] = np.int32(32633)
        for name, wavelengths in (("Vnir", (700, 500, 0, 450)), ("Swir", (2400, 1600, 1000, 0))):
            file.attrs[f"List_Cw_{name}"] = np.array(wavelengths, np.float32)
            file.attrs[f"L2Scale{name}Min"], file.attrs[f"L2Scale{name}Max"] = np.float32(0), np.float32(1)
            fields = "HDFEOS/SWATHS/PRS_L2D_HCO/Data Fields"
            file[f"{fields}/{name.upper()}_Cube"] = image.transpose(0, 2, 1)

    header = b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM"
    content = written(matlab, userblock_size=512)
    return {
        "mat 7.3": Format("a.mat", header + content[len(header) :], _read_image),
        "hdf5 named mat": Format("a.mat", written(matlab, "latest"), _read_image),
        "prisma": Format("a.he5", written(prisma), _read_image),
    } | _netcdf(image)


def _netcdf(image: np.ndarray) -> dict[str, Format]:
    """A swath with a lookup table, and a map, in the layouts of EMIT and AVIRIS-3."""
    lines, samples = np.ogrid[:8, :7]
    table = (lines + 0 * samples) % 7, (samples + 0 * lines) % 6  # 0 here and there
    chunks = {"chunks": (3, 5, 2), "compression": "gzip", "shuffle": True}
    with tempfile.TemporaryDirectory() as folder:
        emit, old, aviris = (Path(folder) / name for name in ("emit", "old", "aviris"))
        netcdf_files.write_emit(emit, image.astype("f4"), *table, **chunks)
        netcdf_files.write_emit(old, image.astype("f4"), *table, libver="earliest", **chunks)
        netcdf_files.write_aviris(aviris, image.transpose(2, 0, 1))
        return {
            "netcdf swath": Format("a.nc", emit.read_bytes(), _read_netcdf),
            "netcdf swath, old layout": Format("a.nc", old.read_bytes(), _read_netcdf),
            "netcdf map": Format("a.nc", aviris.read_bytes(), _read_netcdf),
        }


def _mat(values: np.ndarray, **options: Any) -> bytes:
    from scipy.io import savemat

    file = io.BytesIO()
    savemat(file, {"other": np.arange(3.0), "cube": values}, **options)
    return file.getvalue()


def _tif(values: np.ndarray, **options: Any) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(values).save(file, format="TIFF", **options)
    return file.getvalue()


def _tiled_tif(values: np.ndarray) -> bytes:
    import tifffile

    file = io.BytesIO()
    tifffile.imwrite(file, values, tile=(16, 16), compression="deflate", predictor=2)
    return file.getvalue()


def _weights() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = {"dense/kernel": (5, 8), "dense/bias": (8,), "dense_1/kernel": (8, 3), "dense_1/bias": (3,)}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def _models() -> dict[str, Format]:
    import h5py

    from hscd.models import weights

    # The layout of Keras 2: a layer for each image, and the branch network that they share.
    file = io.BytesIO()
    with h5py.File(file, "w") as h5:
        h5.attrs["backend"] = b"tensorflow"
        h5.attrs["keras_version"] = b"2.4.0"
        h5.attrs["layer_names"] = [b"input_1", b"input_2", b"model", b"lambda"]
        for layer in ("input_1", "input_2", "model", "lambda"):
            names = [f"{name}:0" for name in _weights()] if layer == "model" else []
            group = h5.create_group(layer)
            group.attrs["weight_names"] = np.array([name.encode() for name in names], dtype="S" if names else float)
            for name, values in zip(names, _weights().values(), strict=False):
                group.create_dataset(name, data=values)
    found = {
        "weights": Format("a.h5", weights.packed(_weights(), "digest"), _read_weights),
        "weights of Keras 2": Format("a.h5", file.getvalue(), _read_weights),
    }
    if LEGACY.is_dir():
        found["weights of the guide"] = Format("a.h5", (LEGACY / "BAEDotsu.h5").read_bytes(), _read_weights)
    return found


def _pickles() -> dict[str, Format]:
    from hscd.heads import HEADS
    from hscd.models import saved as models

    parameters = {
        "batch_size": 64, "dropout_rate": 0.25, "lr": 1e-3, "layer": np.float64(0.5), "neurons": [8, 6, 4],
        "head": HEADS["ED"].function, "name": "città", "none": None, "flag": True,
    }  # fmt: skip
    pseudo = {"threshold": 0.5, "distances": np.linspace(0, 1, 30, dtype=np.float32), "shape": (6, 5)}
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (("parameters", parameters), ("pseudo", pseudo)):
            models.write_parameter_file(Path(folder) / name, content)
        parameter_file, pseudo_file = ((Path(folder) / name).read_bytes() for name in ("parameters", "pseudo"))
    return {
        "parameters": Format("a.pickle", parameter_file, _read_pickle),
        "pseudo-labels": Format("a.pickle", pseudo_file, _read_pickle),
        "pseudo-labels of a pair": Format("a.pickle", pseudo_file, _read_pseudo_labels),
    }


def _record() -> bytes:
    from hscd.records import Trial
    from hscd.search.record import Finished, SearchRecord

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.json"
        record = SearchRecord(path, _QUESTION, 3)
        for number in range(2):
            trial = Trial(number, "ok", 1.5, {"loss": 0.25, "epochs": 7}, "")
            record.add(Finished(trial, {"lr": 1e-3, "neurons": 1}, "digest"))
        return path.read_bytes()


_QUESTION = {"seed": 0, "data": "digest", "choices": [1, 2, 3]}


# --- reading ---------------------------------------------------------------------------------------------------------


def _read_image(path: Path, variable: str | None = "cube") -> bool:
    from hscd.readers import read_image

    image = read_image(path, variable, LIMIT)
    return image.ndim == 3 and image.size > 0 and bool(np.isfinite(image).all())


def _read_netcdf(path: Path) -> bool:
    from hscd.readers import read_image

    image = read_image(path, None, LIMIT)  # values have no checksum: a flipped bit may make one NaN
    return image.ndim == 3 and image.size > 0


def _read_labels(path: Path) -> bool:
    from hscd.readers import read_label_map

    labels = read_label_map(path, "cube", LIMIT)
    return labels.ndim == 2 and labels.dtype.kind in "uifb"


def _read_weights(path: Path) -> bool:
    from hscd.models import weights

    with weights.open_file(path) as file:
        arrays = file.read()
        return [array.shape for array in arrays] == file.shapes


def _read_pickle(path: Path) -> bool:
    from hscd.models import saved as models

    return isinstance(models.read_parameter_file(path), dict)


def _read_pseudo_labels(path: Path) -> bool:
    from predutils import load_pseudo_labels
    from settings import DataSet

    folder = path.parent
    section = DataSet("PLACE", folder, folder, folder, folder, None, (1,), (2,), None)
    pseudo = load_pseudo_labels(section, path.stem)
    return pseudo["distances"].size == pseudo["shape"][0] * pseudo["shape"][1]


def _read_configuration(path: Path) -> bool:
    from settings import read_settings

    return bool(read_settings(path).data_sets)


_LIST = "name,before,after,label,split\n" + "".join(
    f"città {n},a/{n}.tif,b/{n}.tif,l/{n}.png,train\n" for n in range(9)
)


def _read_list(path: Path) -> bool:
    from hscd.scenes import pair_list
    from hscd.system.errors import InputError

    rows = pair_list.read(path, "train")
    try:
        pair_list.require_files(path, rows)
    except InputError as error:
        return "no such file or folder" in str(error)
    return False


def _read_record(path: Path) -> bool:
    from hscd.search.record import SearchRecord
    from hscd.system.errors import InputError

    record = SearchRecord(path, _QUESTION, 3)
    if record.discarded:
        raise InputError(f"{path}: {record.discarded}")
    return all(0 <= number < 3 for number in record.finished)


# --- damage ----------------------------------------------------------------------------------------------------------


def damaged(content: bytes, cuts: int, flips: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """What was done to a file, and what it holds then."""
    for part in range(cuts):
        length = len(content) * part // cuts
        yield f"cut at {length}", content[:length]
    rng = random.Random(seed)
    for number in range(flips):
        reach = min(HEADER, len(content)) if number % 2 else len(content)
        bits = [rng.randrange(8 * reach) for _ in range(rng.choice((1, 1, 2, 8)))]
        flipped = bytearray(content)
        for bit in bits:
            flipped[bit // 8] ^= 1 << bit % 8
        yield f"bits {' '.join(map(str, bits))} flipped", bytes(flipped)


def outcome(case: Format, folder: Path) -> tuple[str, str]:
    """Read a file in a process of its own: "valid", "clear", "memory" or "failure", and its message."""
    messages, reports = (folder / name for name in ("stderr", "report"))
    reports.unlink(missing_ok=True)
    of_hdf5 = _processes_of_hdf5()
    child = os.fork()
    if child == 0:
        try:
            # This process only waits: the one it forks may use what runs the HDF5 library, and need not start its own.
            hdf5.process.idle, hdf5.process.PATIENCE = of_hdf5, SECONDS / 2
            with messages.open("wb") as stream:
                os.dup2(stream.fileno(), 2)
            allowed = _address_space() + MEMORY
            resource.setrlimit(resource.RLIMIT_AS, (allowed, allowed))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            signal.alarm(SECONDS)
            result = _judged(case, folder / case.path)
            sys.stderr.flush()
            reports.write_text(json.dumps(result), encoding="utf-8")
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        name = signal.Signals(os.WTERMSIG(status)).name
        return "failure", "it hangs" if name == "SIGALRM" else f"it dies of {name}"
    if said := messages.read_text(encoding="utf-8", errors="replace"):
        return "failure", f"on stderr: {said}"
    if not reports.is_file():
        return "failure", "it ends without a word"
    kind, message = json.loads(reports.read_text(encoding="utf-8"))
    return kind, message


def _processes_of_hdf5() -> list[Any]:
    """The processes in which the HDF5 library runs, if it does; a new one for each that the last case ended."""
    found = hdf5.process.idle
    found[:] = [server if server.runs() else hdf5.process.Server() for server in found]
    return [*found]


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()


def _judged(case: Format, path: Path) -> tuple[str, str]:
    from hscd.system.errors import InputError

    with warnings.catch_warnings():
        warnings.simplefilter("always")  # to stderr
        try:
            return ("valid", "") if case.read(path) else ("failure", "it makes no sense")
        except InputError as error:
            message = str(error)
        except BaseException as error:
            return "failure", f"{type(error).__name__}: {error}"
    # A configuration file gets a line a problem.
    lines = message.splitlines() if path.suffix == ".conf" else [message]
    place = case.named or str(path.parent if case.others else path)
    for line in lines:
        if "\n" in line or not line.isprintable() or len(line) >= LONGEST_MESSAGE or place not in line:
            return "failure", f"unclear message: {line!r}"
    memory = ("MemoryError", "Unable to allocate", "memory to read", "errno = 12", "Cannot allocate")
    return ("memory" if any(text in message for text in memory) else "clear"), message


def row(name: str, case: Format, cuts: int, flips: int, seed: int) -> Row:
    """Damage the sample of a format and read it; what reading imports stays in this process."""
    result = Row(name)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for other, content in case.others.items():
            _write(folder / other, content)
        # Sound, and with everything imported.
        _write(folder / case.path, case.content)
        if not case.read(folder / case.path):
            raise AssertionError(f"{name}: the sample is not read")
        for what, content in damaged(case.content, cuts, flips, seed):
            _write(folder / case.path, content)
            kind, message = outcome(case, folder)
            result.cases += 1
            result.valid += kind == "valid"
            result.clear += kind in ("clear", "memory")
            result.memory += kind == "memory"
            if kind in ("failure", "memory"):
                result.failures.append(f"{name}, {what}: {message}")
    return result


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def report(cuts: int, flips: int, seed: int) -> list[Row]:
    """What became of the damaged files of every format, so many cut and with flipped bits each; on all cores."""
    names, cores = list(formats()), len(os.sched_getaffinity(0))
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT / "Net")}

    def run(share: list[str]) -> list[Row]:
        command = [sys.executable, __file__, str(cuts), str(flips), str(seed), *share]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode:
            return [Row(name, failures=[done.stderr]) for name in share]
        return [Row(**result) for result in json.loads(done.stdout)]

    with ThreadPoolExecutor(cores) as pool:
        found = [row for rows in pool.map(run, (names[core::cores] for core in range(cores))) for row in rows]
    return sorted(found, key=lambda row: names.index(row.format))


def main() -> int:
    defaults = ((1, 64), (2, 1000), (3, 0))
    cuts, flips, seed = (int(sys.argv[place]) if len(sys.argv) > place else value for place, value in defaults)
    if names := sys.argv[4:]:
        samples = formats()
        print(json.dumps([asdict(row(name, samples[name], cuts, flips, seed)) for name in names]))
        return 0
    rows = report(cuts, flips, seed)
    print(f"{'format':26}{'cases':>8}{'valid':>8}{'clear':>8}{'failures':>10}")
    for result in rows:
        print(f"{result.format:26}{result.cases:8}{result.valid:8}{result.clear:8}{len(result.failures):10}")
    for failure in [failure for result in rows for failure in result.failures]:
        print(failure)
    return int(any(result.failures for result in rows))


if __name__ == "__main__":
    raise SystemExit(main())
