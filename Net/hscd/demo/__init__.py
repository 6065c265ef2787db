"""Demo data: two AVIRIS-like pairs of images with ground truth, mixed from measured spectra.

A scene is made the way a sensor sees one. Land cover (parcels, a settlement, roads, woods) is drawn on a grid
finer than the pixels; every cell is a mix of endmembers (linear mixing model [1]) that vary a little [2];
terrain and sun shade it; the point spread function (PSF) blurs it into pixels; the sensor adds haze, gain and
noise. The second date differs by season, sun, misregistration and by the real changes, which alone are
labelled as change.

Arrays are (rows, columns) or (rows, columns, x), lengths are in pixels, wavelengths in µm.

References:
    [1] N. Keshava and J. F. Mustard, "Spectral unmixing", IEEE Signal Processing Magazine 19(1), 2002.
    [2] P.-A. Thouvenin, N. Dobigeon and J.-Y. Tourneret, "Hyperspectral unmixing with spectral variability
        using a perturbed linear mixing model", IEEE Transactions on Signal Processing 64(2), 2016.
"""

import io
from pathlib import Path

from hscd.demo.landcover import Place
from hscd.demo.scene import Image, LabelMap, make_scene, read_spectra
from hscd.system.storage import atomic_file

VARIABLE = "HypeRvieW"

# fmt: off
PLACES = {
    "demo_a": Place(
        pair="riverside",
        canopies=("v-LAI-3.1-LMA-0.011-CHL-51.4-N-1.9", "v-LAI-1.7-LMA-0.013-CHL-16.5-N-2.1"),
        soils=("lcxnxx.001-", "FS21_FS964", "FS21_FS1563"),
        litters=("nnpnxx.003-", "nnpnxx.006-"),
        roofs=("fscnye.019-", "fscgye.006-", "fhzgmg.002-", "foznmg.002-", "subrmg.004-"),
        paving=("frrkof.010-", "rpaeyg.006-"),
        parcel=22.0, azimuth=0.35, warp=2.0, town=0.30, green=0.5, season=0.28,
        relief=0.17, suns=(2.2, 2.9), gain=0.70, haze=0.015, shift=(0.25, -0.3),
        changes={"built": 4.0, "cleared": 3.0, "planted": 3.0, "burned": 0.5},
    ),
    "demo_b": Place(
        pair="hillside",
        canopies=("v-LAI-2.0-LMA-0.016-CHL-34.3-N-2.1", "v-LAI-1.5-LMA-0.018-CHL-26.9-N-1.9"),
        soils=("FS21_FS9664", "FS15R_FS5675", "lbxsxx.029-"),
        litters=("nnpnxx.006-", "ndwnmf.005-"),
        roofs=("fttrmm.004-", "fttrme.001-", "spcsmg.010-"),
        paving=("rpakye.010-", "lbxsxx.027-"),
        parcel=30.0, azimuth=-0.6, warp=9.0, town=0.18, green=0.45, season=-0.45,
        relief=0.22, suns=(2.0, 2.8), gain=1.1, haze=0.02, shift=(-0.2, 0.3),
        changes={"burned": 4.0, "cleared": 2.0, "planted": 1.5, "built": 1.5},
    ),
}
# fmt: on


def mat_bytes(array: Image | LabelMap) -> bytes:
    """The array as a compressed MATLAB v5 file, without the date that `savemat` puts into the header text."""
    from scipy.io import savemat

    buffer = io.BytesIO()
    savemat(buffer, {VARIABLE: array}, do_compression=True)
    return b"MATLAB 5.0 MAT-file, demo data".ljust(116) + buffer.getvalue()[116:]


def write_demo(folder: Path, seed: int = 0, size: int = 160, *, overwrite: bool = False) -> list[Path]:
    """Write the data sets `folder/demo_a` and `folder/demo_b`, each with before/, after/ and label/.

    Args:
        folder: Made where it is missing.
        seed: Not negative; same seed, size and versions of NumPy and SciPy, same files, byte for byte,
            on every processor.
        size: Rows of the images, at least 32; the columns are a fifth more.
        overwrite: Make again a data set whose three files are there.

    Returns:
        The files written.
    """
    if size < 32:
        raise ValueError(f"size must be at least 32 rows, got {size}")
    written: list[Path] = []
    for data_set, place in PLACES.items():
        paths = [folder / data_set / part / f"{place.pair}.mat" for part in ("before", "after", "label")]
        if not overwrite and all(path.is_file() for path in paths):
            continue
        scene = make_scene(place, read_spectra(), (size, round(1.2 * size)), seed)
        contents = [mat_bytes(array) for array in scene]
        for path, content in zip(paths, contents, strict=True):
            with atomic_file(path) as file:
                file.write(content)
        written += paths
    return written
