"""What is marked where nothing changed: `python benchmarks nulls` writes res/nulls.md.

One date twice, the second with noise, other light, haze, blur, a shift below a pixel, stripes or coarser values; of a
Landsat, two Sentinel-2, a hyperspectral and a simulated image. The method is that of `detect.py`. To run a part, which
writes nothing:

    python benchmarks/nulls.py --scenes taizhou
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

import numpy as np

import measure
import scenes
from hscd.demo.landcover import smooth_field
from hscd.detection import UNSUPERVISED
from hscd.detectors import DETECTORS, scored
from hscd.evaluation import doubts
from hscd.labels import UNCHANGED
from hscd.thresholds import THRESHOLDS

RESULTS = measure.FOLDER.parent / "res" / "nulls.md"
SCENES = ("taizhou", "rennes", "bercy", "enmap_unchanged", "demo_a")
# Noise of what is altered in other ways too, in parts of the mean of a band.
NOISE = 0.01
SEED = 0

HEAD = """# What is marked where nothing changed

Made by `python benchmarks nulls`: the share of the pixels that the method of `detect.py` takes for changed where one
date is compared with itself, altered. A star: the map comes with a warning. Gains over places are smooth. Where no
other noise is named, it is 1 % of the mean of a band.

"""

Altered = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def noise(share: float) -> Altered:
    """Normal noise of a share of the mean of each band."""
    return lambda image, rng: image + share * _level(image) * _normal(rng, image.shape)


def noise_of_signal(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Normal noise of 3 % of each value."""
    return image * (1 + 0.03 * _normal(rng, image.shape))


def light(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another gain for each band, and an offset."""
    return image * (1 + 0.2 * _bands(rng, image)) + 0.05 * _level(image)


def gain(length: int, share: float) -> Altered:
    """A gain that differs from place to place, smooth over so many pixels."""
    return lambda image, rng: image * (1 + share * _field(rng, image, length))


def haze(length: int, share: float) -> Altered:
    """What is added differs from place to place and falls from the first band to the last; parts of their deviation."""

    def altered(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        falling = np.linspace(1, 0.2, image.shape[2], dtype=np.float32)
        return image + share * image.std(axis=(0, 1)) * falling * np.abs(_field(rng, image, length))

    return altered


def blur(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Less sharp, by a Gaussian of 0.7 pixels."""
    from scipy import ndimage

    return np.asarray(ndimage.gaussian_filter(image, (0.7, 0.7, 0)))


def shift(pixels: float) -> Altered:
    """Moved by so many rows, and four fifths of it as columns."""

    def altered(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        from scipy import ndimage

        return np.asarray(ndimage.shift(image, (pixels, -0.8 * pixels, 0), order=3, mode="nearest"))

    return altered


def stripes(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another gain for each column, by 2 %."""
    return image * (1 + 0.02 * _normal(rng, (1, image.shape[1], 1)))


def coarse(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rounded to eighths of the deviation of each band."""
    step = image.std(axis=(0, 1)) / 8
    return np.asarray(np.round(image / step) * step)


def light_and_shift(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Smooth gains over bands and places, moved by 0.3 rows."""
    return shift(0.3)(gain(12, 0.12)(image, rng) * (1 + 0.08 * _bands(rng, image)), rng)


# What is done to the second date, and whether noise is added to it.
KINDS: dict[str, tuple[Altered, bool]] = {
    "noise of .1 %": (noise(0.001), False),
    "noise of 1 %": (noise(0.01), False),
    "noise of 5 %": (noise(0.05), False),
    "noise of 3 % of each value": (noise_of_signal, False),
    "rounded": (coarse, False),
    "stripes": (stripes, True),
    "blurred": (blur, True),
    "shifted by .3 pixels": (shift(0.3), True),
    "shifted by .6 pixels": (shift(0.6), True),
    "gains of bands": (light, True),
    "gain over places, 12 %": (gain(12, 0.12), True),
    "gain over places, 20 %, short": (gain(4, 0.2), True),
    "gains, and shifted by .3 pixels": (light_and_shift, True),
    "haze, a fifth of the contrast": (haze(10, 0.2), True),
    "haze, half of the contrast": (haze(6, 0.5), True),
}


def _level(image: np.ndarray) -> np.ndarray:
    return image.mean(axis=(0, 1))


def _normal(rng: np.random.Generator, shape: Sequence[int]) -> np.ndarray:
    return rng.standard_normal(shape, dtype=np.float32)


def _bands(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    return smooth_field(rng, (1, image.shape[2]), 8)[0]


def _field(rng: np.random.Generator, image: np.ndarray, length: int) -> np.ndarray:
    return smooth_field(rng, image.shape[:2], length)[:, :, None]


def marked(name: str, kind: str) -> tuple[float, bool]:
    """Share of the pixels of a scene of one date that are taken for changed, and whether a warning comes with it."""
    before = scenes.available()[name](SEED).before.read().astype(np.float32)
    rng = np.random.default_rng([SEED, *kind.encode()])
    altered, noisy = KINDS[kind]
    after = altered(before, rng)
    if noisy:
        after = noise(NOISE)(after, rng)
    unchanged = np.full(before.shape[:2], UNCHANGED, np.uint8)
    scene = scenes.scene(name, before, after.astype(np.float32), unchanged)
    detector = DETECTORS[UNSUPERVISED["detector"]]()
    found = scored(detector, scene, np.random.default_rng(SEED))
    cut = THRESHOLDS[UNSUPERVISED["threshold"]](found.scores, scale=detector.scale, degrees=detector.degrees)
    told = [*cut.warnings, *doubts.of_threshold(found.scores, cut.value, modes=False)]
    told += doubts.of_borders(found.scores, cut.value)
    samples = doubts.some_changed(scene, found.scores, cut.value, np.random.default_rng(SEED))
    told += doubts.of_size(samples) + doubts.of_brightness(samples)
    return float((found.scores > cut.value).mean()), bool(told)


def table(names: Sequence[str]) -> str:
    """A row for each kind, a column for each scene."""
    lines = [f"| second date | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for kind in KINDS:
        cells = []
        for name in names:
            share, doubted = marked(name, kind)
            cells.append(f"{100 * share:.2f} %{' *' if doubted else ''}")
        lines.append(f"| {kind} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] = ()) -> None:
    """Print the table; of all scenes, write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", default=",".join(SCENES))
    names = [name for name in parser.parse_args(arguments).scenes.split(",") if name in scenes.available()]
    found = table(names)
    if tuple(names) == SCENES:
        RESULTS.write_text(HEAD + found, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
