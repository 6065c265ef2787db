"""Spectral distances of a large scene against TensorFlow in one piece."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import measure
import plain as plain_way
from hscd.detectors.spectral import pixel_distances
from hscd.heads import HEADS

PIXELS, BANDS = 730_000, 224


def images() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    before, after = (np.empty((PIXELS, BANDS), np.float32) for _ in range(2))
    for image in (before, after):
        for start in range(0, PIXELS, 10_000):
            image[start : start + 10_000] = rng.random((min(10_000, PIXELS - start), BANDS), dtype=np.float32)
    return before, after


def plain(name: str) -> list[float]:
    """Seconds and bytes beyond the images, of the same formula on whole tensors."""
    import tensorflow as tf

    function = plain_way.DISTANCES[name]
    function(tf.ones((8, BANDS)), tf.ones((8, BANDS)))
    return _measured(lambda before, after: function(tf.constant(before), tf.constant(after)).numpy())


def ours(name: str) -> list[float]:
    function = HEADS[name].function
    return _measured(lambda before, after: pixel_distances(before, after, function))


def _measured(work: Any) -> list[float]:
    before, after = images()
    at_rest = measure.peak_memory()
    started = time.perf_counter()
    work(before, after)
    first = time.perf_counter() - started
    memory = measure.peak_memory() - at_rest
    return [min(first, measure.seconds(lambda: work(before, after), 2)), memory]


def main() -> None:
    for name in HEADS:
        slow, much = measure.apart("distances", "plain", name)
        fast, little = measure.apart("distances", "ours", name)
        measure.row(
            f"{name} of {PIXELS:,} pixels × {BANDS} bands",
            f"{slow:.2f} s, {much / 1e6:,.0f} MB",
            f"{fast:.2f} s, {little / 1e6:,.0f} MB beyond the images",
            slow / fast,
        )
