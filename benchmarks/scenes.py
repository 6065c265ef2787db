"""Scenes to judge detectors by: real ones with labels, the demo's, and one date twice with changes put into it.

Real ones are in ../shared/data and are left out where that is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

import measure
from hscd import readers
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.scenes.image import Image, physical
from hscd.scenes.scene import Scene

DATA = measure.FOLDER.parents[1] / "shared" / "data"
CITIES = ("rennes", "bercy", "nantes", "pisa", "cupertino")
ENMAP = (
    "enmap_potsdam_tile_160_64",
    "enmap_potsdam_tile_192_64",
    "enmap_potsdam_tile_160_96",
    "enmap_potsdam_tile_192_96",
)
# Of the pairs made from one date: how far the second lies from the first (pixels), the share that changes.
SHIFT = (0.3, -0.25)
CHANGED_SHARE = 0.1


def scene(
    name: str, before: np.ndarray, after: np.ndarray, truth: np.ndarray, classes: np.ndarray | None = None
) -> Scene:
    """A scene of arrays (rows, columns, bands), labels (rows, columns), and classes of change, if it has several."""
    return Scene(name, *(_image(name, pixels) for pixels in (before, after)), truth, None, None, classes)


def _image(name: str, pixels: np.ndarray) -> Image:
    return Image(
        path=Path(name), format="array", shape=pixels.shape, dtype=pixels.dtype, block=(1, pixels.shape[1]),
        window=lambda rows, columns: pixels[rows, columns],
    )  # fmt: skip


def _labels(values: np.ndarray, changed: int, unchanged: int) -> np.ndarray:
    return np.select([values == changed, values == unchanged], [CHANGED, UNCHANGED], UNKNOWN).astype(np.uint8)


def taizhou(seed: int) -> Scene:
    parts = [readers.open_image(DATA / "taizhou" / part / "taizhou.mat", "HypeRvieW").read()
             for part in ("before", "after", "label")]  # fmt: skip
    return scene("taizhou", parts[0], parts[1], _labels(parts[2][:, :, 0], 1, 2))


def city(name: str, seed: int) -> Scene:
    before, after, label = (
        readers.open_image(DATA / "onera" / part / f"{name}.tif").read() for part in ("before", "after", "label")
    )
    return scene(name, before, after, _labels(label[:, :, 0], 2, 1))


def demo(place: str, seed: int) -> Scene:
    from hscd.demo import PLACES, make_scene, read_spectra
    from hscd.demo.scene import make_kinds

    before, after, labels = make_scene(PLACES[place], read_spectra(), seed=seed)
    classes = make_kinds(PLACES[place], labels.shape, seed)
    return scene(place, before, after, _labels(labels, 1, 2), np.where(classes == 255, 0, classes))


@lru_cache
def enmap_tiles() -> np.ndarray:
    """The four EnMAP tiles side by side, (64, 64, bands) reflectance, without the bands that hold no data."""
    tiles = [physical(readers.open_image(DATA / "enmap_tile" / f"{name}.tif")).read() for name in ENMAP]
    pixels = np.vstack([np.hstack(tiles[:2]), np.hstack(tiles[2:])])
    return pixels[:, :, np.isfinite(pixels).all(axis=(0, 1))]


def twice(
    name: str, pixels: Callable[[], np.ndarray], share: float, shift: Sequence[float], seed: int, kinds: int = 0
) -> Scene:
    """A scene of one date twice: changes put into the second, which has other light, gains and noise, and is moved.

    A changed pixel gets 60 to 100 % of the spectrum of another place, in patches and thin lines. With `kinds`, that is
    a random place of one of as many materials, the clusters of the spectra.
    """
    from scipy import ndimage

    from hscd.demo.landcover import smooth_field

    rng = np.random.default_rng([seed, *name.encode()])
    before = pixels().astype(np.float32)
    rows, columns, bands = before.shape
    changed, after = np.zeros((rows, columns), bool), before.copy()
    classes = np.zeros((rows, columns), np.uint8)
    materials = _materials(before, kinds) if kinds else []
    while changed.mean() < share:
        part = _patch(rng, rows, columns) & ~changed
        if kinds:
            classes[part] = number = rng.integers(kinds) + 1
            other = materials[number - 1][rng.integers(len(materials[number - 1]), size=np.count_nonzero(part))]
        else:
            offset = rng.integers((rows // 4, columns // 4), (3 * rows // 4, 3 * columns // 4))
            other = np.roll(before, offset, (0, 1))[part]
        after[part] += rng.uniform(0.6, 1) * (other - after[part])
        changed |= part
    if any(shift):
        for band in range(bands):
            after[:, :, band] = ndimage.shift(after[:, :, band], shift, order=3, mode="nearest")
    gain = 1 + 0.08 * smooth_field(rng, (1, bands), 8)[0]
    after *= gain * (1 + 0.12 * smooth_field(rng, (rows, columns), 12)[:, :, None])
    level = before.mean(axis=(0, 1))
    after += 0.05 * level * smooth_field(rng, (1, bands), 8)[0]
    for date in (before, after):
        date += 0.01 * level * rng.standard_normal(date.shape, dtype=np.float32)
    truth = np.where(changed, CHANGED, UNCHANGED).astype(np.uint8)
    return scene(name, before, after, truth, classes if kinds else None)


def _materials(pixels: np.ndarray, count: int) -> list[np.ndarray]:
    """The spectra of each of so many clusters of an image, (pixels, bands)."""
    from sklearn.cluster import KMeans

    spectra = pixels.reshape(-1, pixels.shape[2])
    of_cluster = KMeans(count, n_init=4, random_state=0).fit_predict(spectra)
    return [spectra[of_cluster == number] for number in range(count)]


def _patch(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """An ellipse, or one time in three a line one or two pixels wide."""
    y, x = np.indices((rows, columns), np.float32)
    y, x = y - rng.uniform(0, rows), x - rng.uniform(0, columns)
    angle = rng.uniform(0, np.pi)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    if rng.random() < 1 / 3:
        return (np.abs(along) < rng.uniform(4, 12)) & (np.abs(across) < rng.uniform(0.5, 1))
    return np.hypot(along / rng.uniform(2, 6), across / rng.uniform(1.5, 4)) < 1


def available() -> dict[str, Callable[[int], Scene]]:
    """What makes each scene from a seed; scenes whose files are not there are left out."""
    found: dict[str, Callable[[int], Scene]] = {}
    if (DATA / "taizhou").is_dir():
        found["taizhou"] = taizhou
    for name in CITIES:
        if (DATA / "onera" / "before" / f"{name}.tif").is_dir():
            found[name] = partial(city, name)
    found |= {place: partial(demo, place) for place in ("demo_a", "demo_b")}
    if (DATA / "enmap_tile").is_dir():
        found["enmap"] = partial(twice, "enmap", enmap_tiles, CHANGED_SHARE, (0, 0))
        found["enmap_shifted"] = partial(twice, "enmap_shifted", enmap_tiles, CHANGED_SHARE, SHIFT)
        found["enmap_unchanged"] = partial(twice, "enmap_unchanged", enmap_tiles, 0, SHIFT)
    if "rennes" in found:
        found["rennes_unchanged"] = partial(twice, "rennes_unchanged", _rennes, 0, SHIFT)
    return found


def _rennes() -> np.ndarray:
    return city("rennes", 0).before.read()
