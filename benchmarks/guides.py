"""How often a correction that images guide unpacks the blocks of a compressed file: `python benchmarks guides`.

Two tiled GeoTIFFs of uint16, packed by deflate. The plain way reads the images tile by tile, each with its halo, and
three times for the scaling.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

import measure
from hscd.corrections import potts, tools
from hscd.labels import UNKNOWN
from hscd.readers import open_image
from hscd.scenes.image import Image
from hscd.scenes.scene import Scene, Window

SIDE, BANDS, BLOCKS = 2_000, (6, 32), (256, 512)
# Pixels around a tile that a Potts model looks at.
HALO = 10


class Counted:
    """The window of an image that counts the blocks it touches and the seconds that reading takes."""

    def __init__(self, image: Image) -> None:
        self.blocks, self.seconds = 0, 0.0
        self._image = image

    def __call__(self, rows: slice, columns: slice) -> np.ndarray:
        sides = zip((rows, columns), self._image.block, strict=True)
        self.blocks += int(np.prod([-(-part.stop // side) - part.start // side for part, side in sides]))
        started = time.perf_counter()
        found = self._image.window(rows, columns)
        self.seconds += time.perf_counter() - started
        return found


def write(path: Path, bands: int, block: int, seed: int) -> None:
    """Fields of 8 × 8 pixels, with noise."""
    import rasterio

    rng = np.random.default_rng(seed)
    with rasterio.open(
        path, "w", driver="GTiff", width=SIDE, height=SIDE, count=bands, dtype="uint16", compress="deflate",
        predictor=2, interleave="pixel", tiled=True, blockxsize=block, blockysize=block,
    ) as file:  # fmt: skip
        for band in range(1, bands + 1):
            fields = rng.normal(1000, 200, (SIDE // 8, SIDE // 8)).repeat(8, 0).repeat(8, 1)
            file.write((fields + rng.normal(0, 20, fields.shape)).astype(np.uint16), band)


def reading(scene: Scene, work: Callable[[Scene], object]) -> tuple[float, float]:
    """How often each block is unpacked, in the mean, and the seconds of reading, of work on a scene."""
    windows = [Counted(image) for image in (scene.before, scene.after)]
    before, after = (replace(image, window=of) for image, of in zip((scene.before, scene.after), windows, strict=True))
    work(replace(scene, before=before, after=after))
    blocks = np.prod([-(-SIDE // side) for side in scene.before.block])
    return float(sum(of.blocks for of in windows) / (2 * blocks)), sum(of.seconds for of in windows)


def by_tiles(scene: Scene) -> None:
    """The plain way."""
    for _ in range(3):
        for window in scene.windows:
            scene.block(window)
    for around, _ in tools.tiles(scene.truth.shape, HALO):
        scene.block(Window(*around))


def main() -> None:
    scores = np.random.default_rng(0).gamma(2, 1, (SIDE, SIDE)).astype(np.float32)
    labels = (scores < 4).astype(np.uint8)
    for bands, block in itertools.product(BANDS, BLOCKS):
        with tempfile.TemporaryDirectory() as temporary:
            files = [Path(temporary, f"{date}.tif") for date in ("before", "after")]
            for seed, file in enumerate(files):
                write(file, bands, block, seed)
            unknown = np.broadcast_to(np.uint8(UNKNOWN), (SIDE, SIDE))
            scene = Scene("fields", *map(open_image, files), unknown, None, None)
            often, slow = reading(scene, by_tiles)
            ours, quick = reading(scene, lambda of: potts.potts(labels, scores, 3, scene=of))
            measure.row(
                f"reading for potts by the images, {SIDE:,} × {SIDE:,} × {bands}, blocks of {block} × {block}",
                f"each block {often:.2f} times, {slow:.1f} s", f"{ours:.2f} times, {quick:.1f} s", slow / quick,
            )  # fmt: skip


if __name__ == "__main__":
    main()
