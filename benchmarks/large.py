"""Scenes larger than memory, with the real commands: time and peak memory as they grow, up to 10,000 × 10,000 × 32.

The scene is two tiled GeoTIFFs of uint16, 6.4 GB each at the largest size (12.8 GB each as float32), without labels.
`python benchmarks large` needs 20 GB of disk in the folder for temporary files; it is not among those run by default.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

import measure

SIDES = (1_250, 2_500, 5_000, 10_000)
BANDS = 32
TILE = 512
# MiB that images and maps may take; the libraries take some 500 MB beside.
MEMORY_LIMIT = 1_200
CONFIGURATION = """
[settings]
train_set = LARGE
test_set = LARGE
distance = {distance}
model_name = M
apply_rescaling = True
training = False
fine_tuning = -1
pseudo_percentage = 0.4
pseudo_radius = 3
memory_limit = {limit}
min_area = 10000
[LARGE]
imgAPath = before.tif
imgBPath = after.tif
pseudoPath = pseudo
"""
SEARCH = """
[hyperas settings {name}]
batch_size = [64]
neurons = [64]
neurons_1 = [48]
neurons_2 = [32]
max_dropout = 0.5
fourth_layer = False
"""
# A quick detector, and a correction that goes by the images, too.
_GUIDED = "detector=cva", "threshold=otsu", "correction=potts"


def write_scene(folder: Path, side: int, bands: int = BANDS) -> None:
    """Fields of 40 × 40 pixels of 64 spectra with noise; every fiftieth field is another one at the second date."""
    import rasterio
    from rasterio.transform import Affine

    rng = np.random.default_rng(0)
    spectra = rng.integers(500, 5000, (64, bands)).astype(np.uint16)
    fields = rng.integers(0, 64, (side // 40 + 1, side // 40 + 1))
    changed = np.where(rng.random(fields.shape) < 0.02, rng.integers(0, 64, fields.shape), fields)
    noise = rng.normal(0, 60, (bands, TILE, TILE)).astype(np.int16)
    profile = {"driver": "GTiff", "width": side, "height": side, "count": bands, "dtype": "uint16", "tiled": True,
               "blockxsize": TILE, "blockysize": TILE, "crs": "EPSG:32633", "bigtiff": "YES",
               "transform": Affine(10, 0, 400_000, 0, -10, 5_800_000)}  # fmt: skip
    for name, field_map in (("before", fields), ("after", changed)):
        with rasterio.open(folder / f"{name}.tif", "w", **profile) as file:
            for top in range(0, side, TILE):
                for left in range(0, side, TILE):
                    rows, columns = (np.arange(start, min(start + TILE, side)) for start in (top, left))
                    pixels = np.moveaxis(spectra[field_map[np.ix_(rows // 40, columns // 40)]], 2, 0)
                    noise = np.roll(noise, (1, 17, 101), (0, 1, 2))
                    pixels = pixels + noise[:, : len(rows), : len(columns)].view(np.uint16)
                    file.write(pixels, window=((top, top + len(rows)), (left, left + len(columns))))


def write_model(folder: str) -> None:
    """Untrained models, M of single pixels, P of patches: predicting takes as long with them as with any other."""
    from hscd.heads.euclidean import euclidean_dist
    from hscd.models.saved import named_weights, save_model
    from hscd.networks.siamese import build_net

    parameters = {
        "dropout_rate": 0.1, "dropout_rate_1": 0.1, "lr": 1e-3, "layer": 64, "layer_1": 48, "layer_2": 32,
        "score_function": euclidean_dist, "margin": 1.0, "fourth_layer": False, "batch_size": 64,
    }  # fmt: skip
    Path(folder, "model").mkdir(exist_ok=True)
    of_patches = {"network": "patch", "patch_size": (3, 5), "patch_filters": 16}
    for name, of in (("M", parameters), ("P", parameters | of_patches)):
        save_model(Path(folder, "model", name), of, named_weights(build_net((BANDS,), of, seed=0)), bands=BANDS)


def configured(folder: Path, distance: str, model: str = "M") -> list[str]:
    """The option for a configuration that is written for a distance."""
    (folder / "net.conf").write_text(
        CONFIGURATION.format(distance=distance, limit=MEMORY_LIMIT)
        + "".join(SEARCH.format(name=n) for n in ("ED", "SAM")),
        encoding="utf-8",
    )
    return ["--config", str(folder / "net.conf"), "--set", f"settings.model_name={model}"]


def detecting(folder: Path, *settings: str) -> list[str]:
    """Arguments of `detect.py`."""
    options = [part for text in settings for part in ("--set", text)]
    return [*(str(folder / f"{date}.tif") for date in ("before", "after")), "--out", str(folder / "out"), *options]


def run(script: str, arguments: list[str]) -> tuple[float, float]:
    """Seconds and peak memory (bytes) of a command."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, str(measure.NET / script), *arguments],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{script} ended with status {status}")
    return time.perf_counter() - started, usage.ru_maxrss * 1024


def main(sides: Sequence[int] = SIDES, names: Sequence[str] = ()) -> None:
    """All sides and scripts, or those given: `python large.py 10000 detect.py`."""
    for side in sides:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            write_scene(folder, side)
            measure.apart("large", "write_model", str(folder))
            limits = f"memory_limit={MEMORY_LIMIT}", "min_area=10000"
            for script, what, arguments in (
                ("predutils.py", "pseudo-labels", partial(configured, folder, "SAM")),
                ("main.py", "test of a model", partial(configured, folder, "ED")),
                ("main.py", "test of a network of patches", partial(configured, folder, "ED", "P")),
                ("detect.py", "detect.py", partial(detecting, folder, *limits)),
                ("detect.py", "detect.py, cva and potts", partial(detecting, folder, *limits, *_GUIDED)),
            ):
                if names and script not in names:
                    continue
                seconds, memory = run(script, arguments())
                values = side * side * BANDS * 2
                measure.row(
                    f"{what} of {side:,} × {side:,} × {BANDS}, files to maps, memory_limit {MEMORY_LIMIT}",
                    f"{values * 4 / 1e9:.1f} GB for the pixel pairs alone",
                    f"{seconds:.0f} s, {side**2 / seconds / 1e6:.2f} million pixels/s; peak {memory / 2**30:.2f} GiB",
                )


if __name__ == "__main__":
    given = sys.argv[1:]
    main([int(text) for text in given if text.isdecimal()] or SIDES, [text for text in given if text.endswith(".py")])
