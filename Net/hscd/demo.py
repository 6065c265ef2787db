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

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from hscd.storage import atomic_file

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.intp]
Image = npt.NDArray[np.uint16]
LabelMap = npt.NDArray[np.uint8]

SPECTRA_PATH = Path(__file__).resolve().parents[2] / "res" / "spectra" / "spectra.csv"
WAVELENGTHS = np.linspace(0.40, 2.45, 224, dtype=np.float32)
VARIABLE = "HypeRvieW"
REFLECTANCE_SCALE = 10_000
# Values in the label files, as in the Bay Area scene; inside the program labels have other values.
FILE_UNKNOWN, FILE_CHANGED, FILE_UNCHANGED = 0, 1, 2
CHANGE_SHARE, UNKNOWN_SHARE = 0.22, 0.38  # of the scene
OVERSAMPLING = 2  # land cover cells along each side of a pixel
PSF_SIGMA = 0.45
LOT = 7.0  # side of a building plot
CHAR = "light_charsoil"  # spectrum of burned ground
# Absorption by water vapour: centre and half width (µm), depth. Next to nothing passes at 1.40 and 1.88 µm.
VAPOUR = ((0.94, 0.025, 0.25), (1.13, 0.03, 0.35), (1.405, 0.048, 6.0), (1.875, 0.075, 6.0))


@dataclass(frozen=True)
class Place:
    """What one place is made of and how its two dates differ."""

    pair: str  # file name without extension
    canopies: tuple[str, str]  # spectra: vigorous, and sparse or chlorotic
    soils: tuple[str, ...]
    litters: tuple[str, ...]
    roofs: tuple[str, ...]
    paving: tuple[str, str]  # streets; country roads and the yards of new buildings
    parcel: float  # mean side
    azimuth: float  # of parcels and streets, radians
    warp: float  # how far parcel limits and country roads meander
    town: float  # radius of the settlement as a share of the rows
    green: float  # mean green cover of the parcels before
    season: float  # share of the green that withers between the dates; negative: of the litter that greens
    relief: float  # standard deviation of the terrain shading
    suns: tuple[float, float]  # azimuth on each date, radians
    gain: float  # brightness of the after image
    haze: float  # added reflectance of the after image at 0.55 µm
    shift: tuple[float, float]  # misregistration of the after image
    changes: Mapping[str, float]  # kind -> relative frequency


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


@dataclass(frozen=True)
class Cover:
    """Land cover of one date on the fine grid, every field (rows, columns).

    `green`, `litter` and `char` are shares of a cell in [0, 1]; the rest is ground: the endmember whose
    number `sealed` gives, or soil where that is -1. `vigour` is the share of vigorous canopy in the green.
    """

    green: FloatArray
    litter: FloatArray
    char: FloatArray
    vigour: FloatArray
    sealed: IntArray


def read_spectra(path: Path = SPECTRA_PATH) -> dict[str, FloatArray]:
    """Read the spectra table: name -> reflectance (bands,) at `WAVELENGTHS`, interpolated across its gaps."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    known = np.array(header[5:], dtype=float)
    measured = {row[0]: np.array(row[5:], dtype=float) for row in rows}
    return {name: np.interp(WAVELENGTHS, known, y).astype(np.float32) for name, y in measured.items()}


def smooth_field(rng: Generator, shape: tuple[int, ...], length: float) -> FloatArray:
    """Gaussian random field (rows, columns), mean 0, standard deviation 1, smooth over `length` cells."""
    from scipy import ndimage

    field = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), length)
    standard: FloatArray = (field - field.mean()) / field.std()
    return standard


def _plan(place: Place, rng: Generator, shape: tuple[int, ...], warp: float) -> FloatArray:
    """Coordinates along and across the parcels, (2, rows, columns) of the fine grid, from 0."""
    grid = np.indices(shape, np.float32) / OVERSAMPLING
    y, x = (axis + warp * smooth_field(rng, shape, 20) for axis in grid)
    cos, sin = np.cos(place.azimuth), np.sin(place.azimuth)
    plan = np.stack([cos * x + sin * y, cos * y - sin * x])
    from_zero: FloatArray = (plan - plan.min(axis=(1, 2), keepdims=True)).astype(np.float32)
    return from_zero


def _parcels(rng: Generator, plan: FloatArray, side: float) -> IntArray:
    """Parcel number of every cell: strips of one width, each cut at its own places."""
    strip: IntArray = (plan[1] / side).astype(np.intp)
    lengths, starts = side * rng.uniform((0.7, 0), (2.0, 1.0), (strip.max() + 1, 2)).T
    cut: IntArray = ((plan[0] + starts[strip]) / lengths[strip]).astype(np.intp)
    cuts = int(cut.max()) + 1
    return strip * cuts + cut


def _settlement(place: Place, rng: Generator, plan: FloatArray, index: Mapping[str, int]) -> IntArray:
    """Endmember number of roofs and streets as if all were built up, -1 in the yards (rows, columns)."""
    column, row = (plan / LOT).astype(np.intp)
    along, across = plan / LOT - (column, row)
    number = row * (column.max() + 1) + column
    width, depth = rng.uniform(0.4, 0.8, (2, number.max() + 1))[:, number]
    roofs = rng.choice([index[name] for name in place.roofs], number.max() + 1)[number]
    surface = np.where((abs(along - 0.6) < width / 2) & (abs(across - 0.6) < depth / 2), roofs, -1)
    street = ((column % 3 == 0) & (along < 0.28)) | ((row % 2 == 0) & (across < 0.28))
    surface[street] = index[place.paving[0]]
    return surface


def _cover_before(
    place: Place, rng: Generator, plan: FloatArray, parcel: IntArray, town: IntArray, gravel: int
) -> Cover:
    """Land cover of the first date; `town` is what `_settlement` gives."""
    shape = town.shape
    lot_green, lot_litter, lot_vigour = rng.uniform((0, 0.05, 0.2), (1, 0.7, 0.9), (parcel.max() + 1, 3)).T
    # Most parcels are either well grown or nearly bare; within one the cover varies smoothly.
    grown = 1 / (1 + np.exp(-12 * (lot_green - 1 + place.green)))
    green = grown[parcel] + 0.1 * smooth_field(rng, shape, 16)
    vigour = lot_vigour[parcel] + 0.15 * smooth_field(rng, shape, 10)
    wood = smooth_field(rng, shape, 24) > 1.1
    green[wood], vigour[wood] = 0.95, 0.9

    offset = np.moveaxis(np.indices(shape), 0, -1) - rng.uniform(0.3, 0.7, 2) * shape
    radius = shape[0] * (place.town + 0.04 * smooth_field(rng, shape, 12))
    inside = np.hypot(offset[..., 0], offset[..., 1]) < radius
    sealed = np.where(inside, town, -1)
    for axis, half_width in ((0, 1.6), (1, 1.3), (1, 1.0)):
        road = abs(plan[axis] - rng.uniform(0.25, 0.75) * plan[axis].max()) < half_width
        sealed[road] = gravel
    green = np.where(sealed >= 0, 0.04, np.clip(green, 0.03, 0.95)).astype(np.float32)
    litter = np.where(sealed >= 0, 0.02, (1 - green) * lot_litter[parcel]).astype(np.float32)
    return Cover(green, litter, np.zeros_like(green), np.clip(vigour, 0, 1).astype(np.float32), sealed)


def _next_season(cover: Cover, place: Place, rng: Generator, parcel: IntArray) -> Cover:
    """The same cover on the second date, parcels greener or drier, which is not labelled as change."""
    rate = place.season * rng.uniform(-0.2, 2.2, parcel.max() + 1)[parcel]
    rate = np.clip(rate + 0.05 * smooth_field(rng, parcel.shape, 12), -0.9, 0.9).astype(np.float32)
    moved = np.where(rate > 0, cover.green, cover.litter) * rate
    vigour = np.clip(cover.vigour - rate, 0, 1)
    return replace(cover, green=cover.green - moved, litter=cover.litter + moved, vigour=vigour)


def _draw_events(cover: Cover, place: Place, rng: Generator, plan: FloatArray) -> tuple[IntArray, list[str]]:
    """Number of the change event of every cell, -1 for none (rows, columns), and the kind of each event."""
    from scipy import ndimage

    open_land = ndimage.gaussian_filter((cover.sealed >= 0).astype(np.float32), 3 * OVERSAMPLING) < 0.15
    open_land &= cover.sealed < 0
    plants = cover.green + cover.litter
    eligible = {
        "built": open_land,
        "burned": open_land & (plants > 0.4),
        "cleared": open_land & (cover.green > 0.5),
        "planted": open_land & (cover.green < 0.2) & (plants < 0.6),
    }
    ragged = 1 + 0.35 * smooth_field(rng, open_land.shape, 6)
    largest = 0.14 * open_land.shape[0] / OVERSAMPLING
    odds = np.array(list(place.changes.values())) / sum(place.changes.values())
    event, kinds = np.full(open_land.shape, -1, dtype=np.intp), list[str]()
    for _ in range(400):  # not every place has room for its share
        if (event >= 0).mean() >= CHANGE_SHARE:
            break
        kind = str(rng.choice(list(place.changes), p=odds))
        free = eligible[kind] & (event < 0)
        if not free.any():
            continue
        centre = plan.reshape(2, -1)[:, rng.choice(np.flatnonzero(free))]
        half = np.minimum(rng.lognormal(1.9, 0.6, 2), largest)
        along, across = abs(plan - centre[:, None, None]) / half[:, None, None]
        # Fire spreads freely; building and planting mostly keep to straight limits.
        free_form = kind == "burned" or rng.random() < 0.3
        reach = np.hypot(along, across) / ragged if free_form else np.maximum(along, across)
        event[free & (reach < 1)] = len(kinds)
        kinds.append(kind)
    return event, kinds


def _apply_events(
    cover: Cover, rng: Generator, event: IntArray, kinds: list[str], town: IntArray, gravel: int
) -> Cover:
    """Land cover after the changes; new settlements look like `town`, with gravel for yards."""
    green, litter, char, vigour, sealed = (np.copy(field) for field in vars(cover).values())
    mottle = np.clip(0.1 * smooth_field(rng, event.shape, 3), -0.25, 0.25)
    for number, kind in enumerate(kinds):
        where = event == number
        strength = (rng.uniform(0.6, 0.9) + mottle[where]).clip(0.3, 1)
        if kind == "built":
            sealed[where] = np.where(town[where] < 0, gravel, town[where])
            green[where], litter[where] = 0.08, 0.05
        elif kind == "burned":
            char[where] = strength
            green[where] *= 0.4 * (1 - strength)
            litter[where] *= 0.6 * (1 - strength)
        elif kind == "cleared":
            green[where], litter[where] = 0.08, 0.5 * (1 - strength)
        else:
            green[where], litter[where], vigour[where] = strength, 0.3 * (1 - strength), rng.uniform(0.4, 0.9)
    return Cover(green, litter, char, vigour, sealed)


def _endmember_numbers(place: Place) -> dict[str, int]:
    """Name of every spectrum of the place -> its number."""
    names = (*place.canopies, *place.soils, *place.litters, *place.roofs, *place.paving, CHAR)
    return {name: number for number, name in enumerate(names)}


def _land_cover(place: Place, rng: Generator, fine: tuple[int, int]) -> tuple[Cover, Cover, FloatArray]:
    """Land cover before and after on the fine grid, and where it really changed, 0 or 1 (rows, columns)."""
    index = _endmember_numbers(place)
    gravel = index[place.paving[1]]
    plan = _plan(place, rng, fine, place.warp)
    town = _settlement(place, rng, _plan(place, rng, fine, 1.0), index)
    parcel = _parcels(rng, plan, place.parcel)
    before = _cover_before(place, rng, plan, parcel, town, gravel)
    event, kinds = _draw_events(before, place, rng, plan)
    after = _apply_events(_next_season(before, place, rng, parcel), rng, event, kinds, town, gravel)
    return before, after, (event >= 0).astype(np.float32)


def _abundances(cover: Cover, place: Place, texture: FloatArray, index: Mapping[str, int]) -> FloatArray:
    """Share of every endmember (rows, columns, endmembers), none negative, of sum one.

    `texture` (rows, columns, 3) rules which soil and which litter prevails.
    """
    out = np.zeros((*cover.green.shape, len(index)), dtype=np.float32)
    ground = 1 - cover.green - cover.litter - cover.char
    out[..., index[place.canopies[0]]] = cover.green * cover.vigour
    out[..., index[place.canopies[1]]] = cover.green * (1 - cover.vigour)
    out[..., index[CHAR]] = cover.char
    soil = np.where(cover.sealed < 0, ground, 0)
    for names, amount in ((place.soils, soil), (place.litters, cover.litter)):
        weight = np.exp(1.5 * texture[..., : len(names)])
        weight *= (amount / weight.sum(axis=-1))[..., None]
        out[..., [index[name] for name in names]] = weight
    row, column = np.nonzero(cover.sealed >= 0)
    out[row, column, cover.sealed[row, column]] += ground[row, column]
    return out


def _to_pixels(cells: FloatArray, shift: tuple[float, float] = (0.0, 0.0)) -> FloatArray:
    """Blur a fine-grid array (rows, columns, x) by the PSF, shift it, and average the cells of each pixel."""
    from scipy import ndimage

    blurred = ndimage.gaussian_filter(cells, (PSF_SIGMA * OVERSAMPLING, PSF_SIGMA * OVERSAMPLING, 0))
    steps = (OVERSAMPLING * shift[0], OVERSAMPLING * shift[1], 0)
    blurred = ndimage.shift(blurred, steps, order=1, mode="nearest")
    rows, columns, depth = blurred.shape
    blocks = blurred.reshape(rows // OVERSAMPLING, OVERSAMPLING, columns // OVERSAMPLING, OVERSAMPLING, depth)
    pixels: FloatArray = blocks.mean(axis=(1, 3))
    return pixels


def _variation(rng: Generator, shape: tuple[int, int], strength: tuple[float, ...]) -> FloatArray:
    """Relative deviation from the endmembers (rows, columns, bands): level, slope and curvature."""
    fields = [smooth_field(rng, shape, 6) + 0.4 * rng.standard_normal(shape, np.float32) for _ in strength]
    position = np.linspace(-1, 1, WAVELENGTHS.size, dtype=np.float32)
    modes = np.stack([s * position**power for power, s in enumerate(strength)]).astype(np.float32)
    return np.stack(fields, axis=-1) @ modes


def _sense(rng: Generator, reflectance: FloatArray, gain: float, haze: float) -> Image:
    """What the sensor records of (rows, columns, bands) on one date: reflectance × 10,000."""
    centre, half, depth = np.array(VAPOUR).T[..., None]
    transmittance = np.exp(-(depth * np.exp(-(((WAVELENGTHS - centre) / half) ** 4))).sum(axis=0))
    ripple = 1 + 0.03 * np.cos(np.outer((2, 5), WAVELENGTHS) + rng.uniform(0, 6, (2, 1))).sum(axis=0)
    path = haze * (WAVELENGTHS / 0.55) ** -2
    signal = ((reflectance * (gain * ripple) + path) * transmittance).astype(np.float32)
    # Noise is given as the signal-to-noise ratio at reflectance 0.3.
    ratio = np.interp(WAVELENGTHS, (0.4, 0.5, 1.3, 2.45), (80, 250, 180, 60))
    sigma = 0.3 / ratio / np.sqrt(np.maximum(transmittance, 0.25))
    signal += sigma.astype(np.float32) * rng.standard_normal(signal.shape, dtype=np.float32)
    counts: Image = np.clip(np.rint(signal * REFLECTANCE_SCALE), 0, 65_535).astype(np.uint16)
    return counts


def _labels(rng: Generator, share: FloatArray) -> LabelMap:
    """Label map from the changed share of every pixel: limits of changes and unvisited areas stay unknown."""
    from scipy import ndimage

    labels = np.full(share.shape, FILE_UNKNOWN, dtype=np.uint8)
    labels[share > 0.8] = FILE_CHANGED
    labels[ndimage.maximum_filter(share, 3) < 0.02] = FILE_UNCHANGED
    # Whole areas remain unvisited, less often where something happened.
    interest = smooth_field(rng, share.shape, 9) + 0.8 * (share > 0.5)
    interest[labels == FILE_UNKNOWN] = -np.inf
    labels[interest <= np.quantile(interest, UNKNOWN_SHARE, method="lower")] = FILE_UNKNOWN
    return labels


def make_scene(
    place: Place, spectra: Mapping[str, FloatArray], shape: tuple[int, int] = (160, 192), seed: int = 0
) -> tuple[Image, Image, LabelMap]:
    """Make one pair of images and its label map.

    Args:
        place: What the place is made of.
        spectra: Name -> reflectance (bands,), as `read_spectra` gives.
        shape: Rows and columns.
        seed: Not negative; the same seed gives the same scene.

    Returns:
        Before and after, (rows, columns, bands), reflectance × 10,000, and the labels (rows, columns):
        0 unknown, 1 changed, 2 unchanged.
    """
    rng = np.random.default_rng([seed, *place.pair.encode()])
    index = _endmember_numbers(place)
    endmembers = np.stack([spectra[name] for name in index])
    before, after, changed = _land_cover(place, rng, (shape[0] * OVERSAMPLING, shape[1] * OVERSAMPLING))
    labels = _labels(rng, _to_pixels(changed[..., None])[..., 0])

    texture = np.stack([smooth_field(rng, changed.shape, length) for length in (20, 12, 30)], axis=-1)
    slopes = np.gradient(smooth_field(rng, changed.shape, 16) + 0.3 * smooth_field(rng, changed.shape, 6))
    lasting = _variation(rng, shape, (0.08, 0.08, 0.05))
    images: list[Image] = []
    for cover, sun, gain, haze, shift in (
        (before, place.suns[0], 1.0, 0.0, (0.0, 0.0)),
        (after, place.suns[1], place.gain, place.haze, place.shift),
    ):
        facing = slopes[0] * np.cos(sun) + slopes[1] * np.sin(sun)
        shading = np.clip(1 + place.relief * facing / facing.std(), 0.3, 1.8)
        pixels = _to_pixels(_abundances(cover, place, texture, index) * shading[..., None], shift)
        # Materials differ from pixel to pixel and, less, from date to date (moisture, ageing).
        variation = 1 + lasting + _variation(rng, shape, (0.04, 0.05, 0.03))
        images.append(_sense(rng, pixels @ endmembers * variation, gain, haze))
    return images[0], images[1], labels


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
        seed: Not negative; same seed, size and versions of NumPy and SciPy, same files, byte for byte.
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
