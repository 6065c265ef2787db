"""Deep change vector analysis: the difference of what a network made for photographs sees in both images."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hscd.detectors import DETECTORS, Scorer
from hscd.detectors.tools.products import linear
from hscd.detectors.tools.samples import chosen, sampled_pairs
from hscd.detectors.tools.scaling import BandScaling, standard
from hscd.networks.pretrained import LAYER, NETWORK, UNIT, UNTRAINED, WEIGHTS, Geometry, Network, network
from hscd.scenes.inspection import true_colour
from hscd.scenes.scene import Block, Scene, Window

_PIXELS = 100_000
# Side of the tiles that the network sees at a time, beside what is around them; tiles that it is looked at on to scale
# channels.
_TILE, _TILES = 128, 8
# Share of the values on each side that are clipped before they are put together; white; how many interquartile ranges
# beyond the quartiles black and white lie, as Tukey's fences.
_CLIP, _WHITE, _FENCE = 0.02, 255.0, 1.5
# Channels that a picture shows, and its side.
_SHOWN, _PICTURE = 6, 512


class _Pictures(NamedTuple):
    """Three channels of both dates, each stretched by itself; `low` and `high` are (2, 3), `vectors` (3, bands)."""

    scalings: tuple[BandScaling, BandScaling]
    vectors: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def of(self, pairs: np.ndarray) -> np.ndarray:
        """(2, rows, columns, 3) float32 in [0, 255] of (rows, columns, 2, bands)."""
        flat = pairs.reshape(-1, *pairs.shape[2:])
        found = [self._channels(date, flat[:, date]) for date in (0, 1)]
        return np.stack(found).reshape(2, *pairs.shape[:2], 3)

    def _channels(self, date: int, spectra: np.ndarray) -> np.ndarray:
        values = linear(self.scalings[date], spectra, self.vectors).T
        spread = self.high[date] - self.low[date]
        shares = (values - self.low[date]) / np.where(spread > 0, spread, np.inf)
        return (np.clip(shares, 0, 1) * _WHITE).astype(np.float32)


@DETECTORS.register("deep_features", NETWORK, WEIGHTS, LAYER)
class DeepFeatures:
    """Length of the difference between the channels of a layer of a network, interpolated at each pixel.

    The network sees red, green and blue where the wavelengths are known, otherwise the first three principal components
    of both dates together. Each channel of the layer counts by its deviation. The channels of an untrained network tell
    textures apart, too (Saha 2021). Masked pixels are seen as grey.

    Args:
        imagenet_network: name in keras.applications.
        imagenet_weights: "none", "imagenet" or a file.
        imagenet_layer: name of its layer; None for the last one of the finest resolution.

    References:
        Saha, Bovolo, Bruzzone (2019), "Unsupervised deep change vector analysis for multiple-change detection in VHR
        images", IEEE Trans. Geosci. Remote Sens. 57(6);
        Saha, Kondmann, Song, Zhu (2021), "Change detection in hyperdimensional images using untrained models", IEEE
        J. Sel. Topics Appl. Earth Obs. Remote Sens. 14.
    """

    name = "deep_features"
    unit = "scores"
    scale = "linear"
    degrees: float | None = None

    def __init__(
        self,
        imagenet_network: str = "VGG16",
        imagenet_weights: str | Path = UNTRAINED,
        imagenet_layer: str | None = None,
    ) -> None:
        self._asked = imagenet_network, imagenet_weights, imagenet_layer
        self.halo = self.step = _TILE  # known after `fit`
        self._channels: Callable[[Scene, Window], np.ndarray] | None = None

    def fit(self, scene: Scene, rng: np.random.Generator) -> Scorer:
        """Choose what the network sees, and scale its channels by a sample.

        Raises:
            InputError: if no pixel is valid, or as `pretrained.network` does.
        """
        found = network(*self._asked, int(rng.integers(2**31)))
        pictures = _pictures(scene, rng)
        margin = UNIT * math.ceil((found.geometry.radius + found.geometry.stride) / UNIT)
        side = min(_TILE, UNIT * math.ceil(max(scene.truth.shape) / UNIT))
        self.halo, self.step = margin, side
        tiles = _Tiles(found, pictures, side, margin)
        deviation = _deviation(scene, rng, tiles)
        self._channels = partial(tiles.channels, deviation)

        def score(block: Block) -> np.ndarray:
            scores = np.empty([part.stop - part.start for part in block.inner], np.float32)
            for tile in tiles.under(block):
                tiles.put(scores, tiles.lengths(tiles.seen(block, tile), deviation), block, tile)
            return scores

        return score

    def channels(self, scene: Scene) -> np.ndarray:
        """Channels in the middle of the fitted scene, (channels, 2, rows, columns), those first that differ most."""
        assert self._channels is not None
        window = Window(
            *(slice(max(0, (of - _PICTURE) // 2), min(of, (of + _PICTURE) // 2)) for of in scene.truth.shape)
        )
        return self._channels(scene, window)[:_SHOWN]


def _pictures(scene: Scene, rng: np.random.Generator) -> _Pictures:
    sample = sampled_pairs(scene, rng, _PIXELS)
    scalings = standard(sample[:, 0], _CLIP), standard(sample[:, 1], _CLIP)
    bands = true_colour(scene.before.wavelengths, scene.before.names)
    if bands is not None:
        vectors = np.eye(scene.bands)[bands]
    else:
        scaled = np.concatenate([scaling.apply(sample[:, date]) for date, scaling in enumerate(scalings)]).astype(float)
        _, axes = np.linalg.eigh(scaled.T @ scaled)
        first = axes.T[::-1][:3]
        # Of the two directions of an axis the one in which most bands grow: which one is found is chance.
        first = first * np.where(first.sum(axis=1, keepdims=True) < 0, -1, 1)
        vectors = first[np.minimum(np.arange(3), len(first) - 1)]
    values = [linear(scaling, sample[:, date], vectors) for date, scaling in enumerate(scalings)]
    # By the quartiles: extreme values may be those of change, and the dates differ in how much of them there is.
    first_quarter, third_quarter = np.quantile(np.stack(values), [0.25, 0.75], axis=2).astype(np.float32)
    beyond = np.float32(_FENCE) * (third_quarter - first_quarter)
    return _Pictures(scalings, vectors, first_quarter - beyond, third_quarter + beyond)


class _Tiles(NamedTuple):
    """Tiles of a fixed place, which the network sees with `margin` around them: so windows do not matter."""

    network: Network
    pictures: _Pictures
    side: int
    margin: int

    def under(self, block: Block) -> list[tuple[int, int]]:
        """Rows and columns where the tiles under a block's inner part begin, in the scene."""
        ranges = [
            range((start + part.start) // self.side * self.side, start + part.stop, self.side)
            for start, part in zip(block.start, block.inner, strict=True)
        ]
        return [(row, column) for row in ranges[0] for column in ranges[1]]

    def seen(self, block: Block, tile: tuple[int, int]) -> np.ndarray:
        """What the network sees of a tile, (2, pixels, pixels, 3); beyond the border of the scene its mirror image."""
        parts, beyond = [], []
        for first, start, length in zip(tile, block.start, block.pairs.shape[:2], strict=True):
            low, high = first - self.margin - start, first + self.side + self.margin - start
            parts.append(slice(max(low, 0), min(high, length)))
            beyond.append((max(-low, 0), max(high - length, 0)))
        around = Window(*parts)
        images = self.pictures.of(block.pairs[around])
        if block.valid is not None:
            images[:, ~block.valid[around]] = _WHITE / 2
        return np.pad(images, [(0, 0), *beyond, (0, 0)], mode="symmetric")

    def lengths(self, seen: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        """Root mean square difference of the scaled channels of a tile, (side, side)."""
        before, after = self.network.features(seen)
        difference = self.at_pixels((after - before) / deviation)
        return np.sqrt(np.mean(np.square(difference), axis=2))

    def at_pixels(self, features: np.ndarray) -> np.ndarray:
        """(side, side, channels) of (places, places, channels): bilinear interpolation."""
        rows, columns = (
            _interpolation(count, self.side, self.margin, self.network.geometry) for count in features.shape[:2]
        )
        along = np.tensordot(rows, features, (1, 0))
        return np.tensordot(along, columns, (1, 1)).transpose(0, 2, 1)

    def put(self, scores: np.ndarray, found: np.ndarray, block: Block, tile: tuple[int, int]) -> None:
        """Write a tile's part of the scores of a block's inner part."""
        into, of = [], []
        for first, start, part in zip(tile, block.start, block.inner, strict=True):
            low, high = max(first, start + part.start), min(first + self.side, start + part.stop)
            into.append(slice(low - start - part.start, high - start - part.start))
            of.append(slice(low - first, high - first))
        scores[tuple(into)] = found[tuple(of)]

    def channels(self, deviation: np.ndarray, scene: Scene, window: Window) -> np.ndarray:
        """Scaled channels of both dates in a window, (channels, 2, rows, columns), those first that differ most."""
        block = scene.block(window, self.side - 1 + self.margin)
        shape = [part.stop - part.start for part in window]
        found = np.empty((2, *shape, len(deviation)), np.float32)
        for tile in self.under(block):
            for date, features in enumerate(self.network.features(self.seen(block, tile))):
                self.put(found[date], self.at_pixels(features / deviation), block, tile)
        order = np.argsort(-np.square(found[1] - found[0]).mean(axis=(0, 1)), kind="stable")
        return found[..., order].transpose(3, 0, 1, 2)


def _interpolation(count: int, side: int, margin: int, geometry: Geometry) -> np.ndarray:
    """Weights (side, count) float32 of places for the pixels of a tile."""
    places = (margin + np.arange(side) - geometry.centre) / geometry.stride
    places = np.clip(places, 0, count - 1)
    return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(count))).astype(np.float32)


def _deviation(scene: Scene, rng: np.random.Generator, tiles: _Tiles) -> np.ndarray:
    """Standard deviation of each channel over some tiles of both dates, (channels,) float32; infinite for constants."""
    windows = scene.squares(tiles.side)
    found = []
    for number in chosen(len(windows), rng, _TILES).tolist():
        block = scene.block(windows[number], tiles.margin)
        place = windows[number].rows.start, windows[number].columns.start
        features = tiles.network.features(tiles.seen(block, place))
        found.append(features.reshape(-1, features.shape[-1]).astype(np.float64))
    values = np.concatenate(found)
    deviation = values.std(axis=0)
    varies = deviation > 1e-6 * (np.abs(values).max() + np.finfo(float).tiny)
    return np.where(varies, deviation, np.inf).astype(np.float32)
