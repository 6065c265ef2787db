"""Time and peak memory as scenes grow, in pixels and in bands."""

from __future__ import annotations

import time

import numpy as np

import measure

PIXELS = (10_000, 100_000, 1_000_000, 10_000_000)
BANDS = (8, 50, 100, 200, 400)
PIXELS_OF_BANDS = 300_000


def scene(pixels: int, bands: int) -> list[float]:
    """Seconds of pseudo-labels, selection, correction and prediction; peak memory as a multiple of the two images.

    What a first call costs, imports and compiling, is paid before on a small scene.
    """
    from pathlib import Path

    from dataprocessing import preprocessing
    from hscd.corrections.spatial import spatial_correction
    from hscd.heads.spectral_angle import SAM
    from hscd.learn.training import predict
    from hscd.networks.siamese import build_net
    from hscd.selections.neighborhood import labels_by_neighborhood
    from hscd.thresholds.otsu import otsu
    from predutils import pseudo_labels
    from settings import DataSet

    section = DataSet("bench", *[Path()] * 4, None, (1,), (2,), (0,))
    parameters = {
        "dropout_rate": 0.1, "dropout_rate_1": 0.1, "lr": 1e-3, "layer": 128, "layer_1": 96, "layer_2": 64,
        "score_function": "ED", "margin": 1.0, "fourth_layer": False, "batch_size": 64,
    }  # fmt: skip
    model = build_net((bands,), parameters, seed=0)

    def run(rows: int, columns: int) -> tuple[float, float]:
        rng = np.random.default_rng(0)
        images = [np.empty((rows, columns, bands), np.float32) for _ in range(2)]
        for image in images:
            for line in image:
                line[:] = rng.random((columns, bands), dtype=np.float32)
        labels = rng.integers(0, 3, (rows, columns)).astype(np.uint8)
        started = time.perf_counter()
        pairs, _ = preprocessing(images[:1], images[1:], [labels], section, keep_unlabeled=True, apply_rescaling=True)
        distances, threshold = pseudo_labels(pairs[:, 0], pairs[:, 1], SAM, return_distances=True)
        labels_by_neighborhood({"threshold": threshold, "distances": distances, "shape": (rows, columns)}, 3)
        distances = predict(model, pairs)
        spatial_correction((distances > otsu(distances)).astype(np.uint8).reshape(rows, columns))
        return time.perf_counter() - started, pairs.nbytes

    run(20, 50)
    idle = measure.peak_memory()
    rows = max(1, round(pixels**0.5))
    seconds, size = run(rows, pixels // rows)
    return [seconds, (measure.peak_memory() - idle) / size, size]


def main() -> None:
    scenes = [(pixels, 8) for pixels in PIXELS] + [(PIXELS_OF_BANDS, bands) for bands in BANDS]
    for pixels, bands in scenes:
        seconds, memory, size = measure.apart("growth", "scene", pixels, bands)
        measure.row(
            f"pseudo-labels, selection, prediction, correction of {pixels:,} pixels × {bands} bands",
            "",
            f"{seconds:.2f} s, {seconds / pixels / bands * 1e9:.0f} ns a value; "
            f"peak memory {memory:.2f} × the two images ({size / 1e6:,.0f} MB)",
        )
