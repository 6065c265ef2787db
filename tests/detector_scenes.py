"""Small scenes for tests of detectors, thresholds and normalisations."""

from pathlib import Path

import numpy as np

from hscd.scenes.image import Image
from hscd.scenes.scene import Scene


def image_of(pixels, block=None):
    return Image(
        path=Path("a.npy"), format="npy", shape=pixels.shape, dtype=pixels.dtype, block=block or (1, pixels.shape[1]),
        window=lambda rows, columns: pixels[rows, columns],
    )  # fmt: skip


def scene_of(before, after, valid=None, block=None):
    """A scene of arrays (rows, columns, bands), of unknown labels."""
    truth = np.full(before.shape[:2], 2, np.uint8)
    return Scene("town", image_of(before, block), image_of(after, block), truth, valid, None)


def smooth_noise(rng, rows, columns, count, length=2.0):
    """(rows, columns, count) planes, smooth over `length` pixels, of standard deviation one."""
    from scipy import ndimage

    planes = np.stack([ndimage.gaussian_filter(rng.standard_normal((rows, columns)), length) for _ in range(count)], -1)
    return (planes - planes.mean(axis=(0, 1))) / planes.std(axis=(0, 1))


def changed_pair(seed=0, rows=40, columns=50, bands=6, mixed=4):
    """Two dates of one landscape of correlated bands, the second under other light, and where it changed.

    The bands are mixtures of a few smooth planes with a little noise; the square of rows 10 to 16 and columns 20 to 28
    has spectra of its own at the second date.
    """
    rng = np.random.default_rng(seed)
    mixing = rng.normal(0, 1, (mixed, bands))
    planes = smooth_noise(rng, rows, columns, mixed)
    before = planes @ mixing
    changed = np.zeros((rows, columns), bool)
    changed[10:17, 20:29] = True
    after = before.copy()
    after[changed] = (smooth_noise(rng, rows, columns, mixed)[changed] + rng.choice([-3, 3], mixed)) @ mixing
    after = after * rng.uniform(0.7, 1.4, bands) + rng.normal(0, 2, bands)
    noise = rng.normal(0, 0.05, (2, rows, columns, bands))
    return (10 + before + noise[0]).astype(np.float32), (10 + after + noise[1]).astype(np.float32), changed


def uneven_pair(seed=2, rows=80, columns=90):
    """A pair as `changed_pair` with weaker changes, the after image under light that changes by 25 % over 20 pixels."""
    before, after, changed = changed_pair(seed, rows, columns)
    after[changed] = before[changed] + 0.3 * (after - before)[changed]
    gain = 1 + 0.25 * smooth_noise(np.random.default_rng(5), rows, columns, 1, length=20)
    return before, (after * gain).astype(np.float32), changed
