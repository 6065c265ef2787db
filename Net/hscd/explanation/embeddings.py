"""Embeddings: what the branch of a network makes of spectra."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hscd.heads import Head
from hscd.scenes.scene import Scene, Window, progress

if TYPE_CHECKING:
    from hscd.system.backend import keras

# Spectra that go through the branch at a time; the last part is padded, so that an embedding does not depend on those
# that are made with it.
_PART = 2048
# Bytes that the embeddings of a part of a scene may take, and the side of the tiles that it has.
_BYTES, _SIDE = 2**26, 128
_TINY = 1e-6


class Part(NamedTuple):
    """The embeddings of a part of a scene, (2 · units, rows, columns) float32: before, then after; NaN where masked."""

    window: Window
    bands: np.ndarray


def units(model: keras.Model) -> int:
    """Length of an embedding of a network."""
    return int(model.get_layer("branch").output_shape[-1])


def embedded(model: keras.Model, pairs: np.ndarray) -> np.ndarray:
    """The embeddings of pixel pairs.

    Args:
        model: network of `build_net`.
        pairs: (pairs, 2, bands) float32.

    Returns:
        (pairs, 2, units) float32.
    """
    from hscd.system.backend import keras

    branch = model.get_layer("branch")
    spectra = pairs.reshape(-1, pairs.shape[-1])
    found = np.empty((len(spectra), units(model)), np.float32)
    for start in range(0, len(spectra), _PART):
        part = spectra[start : start + _PART]
        padded = np.pad(part, [(0, _PART - len(part)), (0, 0)])
        values = branch(keras.ops.convert_to_tensor(padded), training=False)
        found[start : start + len(part)] = keras.ops.convert_to_numpy(values)[: len(part)]
    return found.reshape(*pairs.shape[:2], found.shape[1])


def parts(model: keras.Model, scene: Scene) -> Iterator[Part]:
    """The embeddings of all pixels of a scene, some tiles at a time, whatever memory all would take."""
    count = 2 * units(model)
    rows, columns = scene.truth.shape
    wide = max(1, _BYTES // (count * np.dtype(np.float32).itemsize * _SIDE**2)) * _SIDE
    with progress(f"embeddings of {scene.name}", scene.truth.size) as bar:
        for row in range(0, rows, _SIDE):
            for column in range(0, columns, wide):
                part = Window(slice(row, min(row + _SIDE, rows)), slice(column, min(column + wide, columns)))
                shape = scene.truth[part].shape
                values = embedded(model, scene.pairs(part)).reshape(*shape, count)
                if scene.valid is not None:
                    values[~scene.valid[part]] = np.nan
                yield Part(part, np.ascontiguousarray(np.moveaxis(values, 2, 0)))
                bar.update(shape[0] * shape[1])


def differences(vectors: np.ndarray, head: Head) -> np.ndarray:
    """The point of a pair among others: after minus before, so that its length grows with the distance.

    Of a distance that does not see how long vectors are, as an angle, these are brought to length 1 before.

    Args:
        vectors: (pairs, 2, units).
        head: whose distance it is.

    Returns:
        (pairs, units) float64.
    """
    vectors = vectors.astype(np.float64)
    sample = np.arange(1.0, 3.0)[None]
    if head.function(sample, 2 * sample)[0] < _TINY:
        lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
        vectors = vectors / np.where(lengths > 0, lengths, 1)
    return vectors[:, 1] - vectors[:, 0]
