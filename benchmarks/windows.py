"""Spatial correction and neighbourhood selection against loops over pixels.

The plain way runs on a part of the map and is scaled up: it is linear in the pixels.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

import measure
from hscd.corrections.spatial import spatial_correction
from hscd.selections.neighborhood import labels_by_neighborhood


def plain_correction(prediction: np.ndarray, radius: int) -> np.ndarray:
    corrected = prediction.copy()
    for row in range(prediction.shape[0]):
        for column in range(prediction.shape[1]):
            window = prediction[
                max(row - radius + 1, 0) : row + radius, max(column - radius + 1, 0) : column + radius
            ].ravel()
            (first, count), *rest = Counter(window.tolist()).most_common(2)
            if not rest or rest[0][1] < count:
                corrected[row, column] = first
    return corrected


def plain_neighborhood(prediction: np.ndarray, radius: int) -> list[int]:
    kept = []
    for row in range(prediction.shape[0]):
        for column in range(prediction.shape[1]):
            window = prediction[max(row - radius + 1, 0) : row + radius, max(column - radius + 1, 0) : column + radius]
            if (window == prediction[row, column]).all():
                kept.append(row * prediction.shape[1] + column)
    return kept


def main() -> None:
    rng = np.random.default_rng(0)
    small = (rng.random((100, 100)) < 0.3).astype(np.uint8)
    for rows, columns in ((600, 500), (1000, 800)):
        pixels = rows * columns
        scale = pixels / small.size
        prediction = (rng.random((rows, columns)) < 0.3).astype(np.uint8)
        ours = measure.seconds(lambda prediction=prediction: spatial_correction(prediction, 3))
        plain = scale * measure.seconds(lambda: plain_correction(small, 3), 1)
        measure.row(f"spatial correction, {pixels:,} pixels", f"{plain:.1f} s", f"{ours * 1e3:.0f} ms", plain / ours)
        pseudo = {"threshold": 0.5, "distances": rng.random(pixels), "shape": (rows, columns)}
        for radius in (2, 5):
            ours = measure.seconds(lambda pseudo=pseudo, radius=radius: labels_by_neighborhood(pseudo, radius))
            plain = scale * measure.seconds(
                lambda radius=radius: plain_neighborhood(plain_correction(small, 3), radius), 1
            )
            measure.row(
                f"neighbourhood selection, radius {radius}, {pixels:,} pixels",
                f"{plain:.1f} s",
                f"{ours * 1e3:.0f} ms",
                plain / ours,
            )
