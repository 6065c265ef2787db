"""Prediction of whole images by networks that see neighbours."""

from __future__ import annotations

import numpy as np

from hscd.learn.training import check_bands, epochs_of, memory_error
from hscd.networks.siamese import reach
from hscd.scenes.patches import strips
from hscd.scenes.scene import Block
from hscd.system.backend import keras
from hscd.system.interrupts import ctrl_c_heeded

# Pixels along a side of a tile.
_TILE = 64


def predict_block(model: keras.Model, block: Block) -> np.ndarray:
    """Distances of the inner pixels of a block, which is extended tile by tile.

    Args:
        model: network of `build_net` with `reach(model)` > 0.
        block: with a halo of `scenes.patches.halo(reach(model))`, where the image goes on.

    Returns:
        (rows, columns) float32, 0 in tiles without data.

    Raises:
        InputError: if model and block have different numbers of bands.
    """
    wanted = None if block.valid is None else block.valid[block.inner]
    found = [
        predict_image(model, pairs, None if wanted is None else wanted[rows])
        for rows, pairs in strips(block, reach(model), _TILE)
    ]
    return np.concatenate(found)


def predict_image(model: keras.Model, pairs: np.ndarray, wanted: np.ndarray | None = None) -> np.ndarray:
    """Distances of all pixels of an image, by a network that sees neighbours: convolutions share what patches share.

    It goes through tiles of one size, the last ones padded: how the sums of a convolution are ordered may depend on the
    size, so only then the distance of a pixel does not depend on what is around its patch.

    Args:
        model: network of `build_net` with `reach(model)` > 0.
        pairs: (rows + 2 · reach, columns + 2 · reach, 2, bands) float32 pixel pairs, as of `scenes.patches.extended`.
        wanted: (rows, columns) mask, tiles without a pixel of which are left out; None for all.

    Returns:
        (rows, columns) float32, 0 in tiles that are left out.

    Raises:
        InputError: if model and pairs have different numbers of bands.
    """
    check_bands(model, pairs)
    around = 2 * reach(model)
    found = np.zeros([length - around for length in pairs.shape[:2]], np.float32)
    tile = np.zeros((2, _TILE + around, _TILE + around, pairs.shape[-1]), np.float32)
    with ctrl_c_heeded(), memory_error():
        epochs = epochs_of(model)
        for row, column in np.ndindex(*(-(-length // _TILE) for length in found.shape)):
            part = slice(row * _TILE, (row + 1) * _TILE), slice(column * _TILE, (column + 1) * _TILE)
            if wanted is None or wanted[part].any():
                seen = pairs[tuple(slice(of.start, of.stop + around) for of in part)]
                tile[:, : seen.shape[0], : seen.shape[1]] = np.moveaxis(seen, 2, 0)
                rows, columns = found[part].shape
                found[part] = epochs.image(tile).reshape(_TILE, _TILE)[:rows, :columns]
    return found
