"""Land cover of a demo scene on both dates: parcels, a settlement, roads, woods, and the real changes.

It is drawn on a grid finer than the pixels and described by shares of covers, which become shares of endmembers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.intp]

CHANGE_SHARE = 0.22  # of the scene
OVERSAMPLING = 2  # land cover cells along each side of a pixel
LOT = 7.0  # side of a building plot
CHAR = "light_charsoil"  # spectrum of burned ground


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


def endmember_numbers(place: Place) -> dict[str, int]:
    """Name of every spectrum of the place -> its number."""
    names = (*place.canopies, *place.soils, *place.litters, *place.roofs, *place.paving, CHAR)
    return {name: number for number, name in enumerate(names)}


def land_cover(place: Place, rng: Generator, fine: tuple[int, int]) -> tuple[Cover, Cover, IntArray]:
    """Land cover before and after on the fine grid, and the kind of real change, (rows, columns).

    Kinds are numbered from 0 in the order of `place.changes`; -1 is none.
    """
    index = endmember_numbers(place)
    gravel = index[place.paving[1]]
    plan = _plan(place, rng, fine, place.warp)
    town = _settlement(place, rng, _plan(place, rng, fine, 1.0), index)
    parcel = _parcels(rng, plan, place.parcel)
    before = _cover_before(place, rng, plan, parcel, town, gravel)
    event, kinds = _draw_events(before, place, rng, plan)
    after = _apply_events(_next_season(before, place, rng, parcel), rng, event, kinds, town, gravel)
    numbers = np.array([*(list(place.changes).index(kind) for kind in kinds), -1], np.intp)
    return before, after, numbers[event]


def abundances(cover: Cover, place: Place, texture: FloatArray, index: Mapping[str, int]) -> FloatArray:
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
        weight = np.exp(1.5 * texture[..., : len(names)].astype(np.float64))
        weight *= (amount / weight.sum(axis=-1))[..., None]
        out[..., [index[name] for name in names]] = weight
    row, column = np.nonzero(cover.sealed >= 0)
    out[row, column, cover.sealed[row, column]] += ground[row, column]
    return out
