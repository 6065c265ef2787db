"""What makes a change map doubtful, told without labels."""

from __future__ import annotations

import numpy as np

from hscd.detectors.tools.samples import sampled_pairs
from hscd.scenes.scene import Scene
from hscd.system import naming
from hscd.system.errors import counted

# Of a window each: pixels that count as changed, and any pixels, (pixels, 2, bands).
Samples = list[tuple[np.ndarray, np.ndarray]]

# A sample is enough to see each of these.
_SAMPLE = 20_000
_BINS = 128
# Height that a second mode has to have over the lowest place between the modes.
_RISE = 1.05
# Factor by which the share of change may grow when the threshold falls by a tenth.
_GROWTH = 1.5
# Part of the squared distances that one band may make.
_ONE_BAND = 0.5
# Difference between the dates, as a part of the contrast of the images, that is hardly any; windows that tell.
_TINY, _LOOKED_AT = 0.05, 4
# Share of their squared difference that a gain leaves of two places, from which on bands tell more than brightness; and
# of what counts as changed, below which it is brightness: gains that differ from place to place leave .11 at most,
# seven real scenes .26 to .61. Quantile of a band that is dark.
_TELLING, _LEFT, _DARK = 0.5, 0.15, 0.001
# Step of the root of the scores, as a logarithm, from pixel to pixel across the borders of change, below which they are
# too soft for change: four real scenes have .15 to .21, gains and haze that differ from place to place .11 at most.
# Pairs of pixels, and the share of change, from which on that tells.
_SOFT, _PAIRS, _SHARE = 0.13, 20, 0.009
# Kappa between the maps of a model before and after its fine-tuning, from which on they agree.
_AGREEMENT = 0.5
# Shift of a band between the dates, in its standard deviations; of the median pixel, as change moves the mean too.
_SHIFT = 0.5
# Jeffries–Matusita distance of a place from what a model was trained on. Two parts of one scene, or its labelled pixels
# and all, are 0.07 apart at most, the demo's two places 0.2, two cities in the 13 bands of one sensor 0.35 to 1.2. No
# transfer farther than that reached a kappa of one half (res/domain_shift.md).
DOMAIN_SHIFT = 0.3
# How far values may lie beyond [0, 1] and still be rescaled ones, by the ranges of other images.
_BEYOND = 0.5
# What brings the values of a model to the scale of its training: of two images; of a scene that is open already.
RESCALES = "rescale=True of hscd.detect or hscd.open_pair rescales them"
RESCALES_SCENE = "hscd.open_pair(…, rescale=True) rescales them"


def of_threshold(scores: np.ndarray, threshold: float, modes: bool = True) -> list[str]:
    """Doubts about a threshold: one mode only, or a share of change that hangs on it.

    Args:
        scores: any shape, >= 0, NaN where masked.
        threshold: changed pixels have a greater score.
        modes: whether to look for a second mode.
    """
    found: list[str] = []
    sample = scores[np.isfinite(scores)]
    sample = np.sqrt(np.maximum(sample[:: max(1, sample.size // (50 * _SAMPLE))], 0))
    cut = float(np.sqrt(max(threshold, 0)))
    changed = int(np.count_nonzero(sample > cut))
    if not changed or not cut:  # of what is above 0 no part is nearer to it than another
        return found
    if modes and not _second_mode(sample, cut):
        found.append(
            "the scores have no second mode above the threshold: changed and unchanged pixels are not clearly separated"
        )
    more = int(np.count_nonzero(sample > cut * np.sqrt(0.9)))
    if more > _GROWTH * changed:
        found.append(
            f"the share of change depends on the threshold: a tenth lower, it is {more / changed:.1f} times as large"
        )
    return found


def of_fine_tuning(agreement: float | None) -> list[str]:
    """A doubt where a fine-tuned model and what it was before make two different maps.

    Args:
        agreement: Cohen's kappa between both; None where there is none.
    """
    if agreement is None or agreement >= _AGREEMENT:
        return []
    return [
        f"the fine-tuned model disagrees with what it was before, kappa {agreement:z.3f} between the two maps: either "
        "that model did not fit this place, or the pseudo-labels are wrong; check both"
    ]


def of_domain_shift(shift: float | None) -> list[str]:
    """A doubt about a model at a place whose spectra are far from those that it was trained on.

    Args:
        shift: `hscd.scenes.domain_shift` of both; None where the model's spectra are not known.
    """
    if shift is None or shift <= DOMAIN_SHIFT:
        return []
    return [
        f"the spectra are far from those that the model learned from, Jeffries–Matusita distance {shift:.2f} of 2 (0 "
        f"for the same spectra, 2 for spectra that do not overlap), expected at most {DOMAIN_SHIFT:g}; fine-tune it "
        "here, or train it on a place that is more alike"
    ]


def of_rescaling(
    trained: bool | None, rescaled: bool | None, lowest: float, highest: float, remedy: str = RESCALES
) -> list[str]:
    """A doubt about a model that gets its values on another scale than in its training.

    Args:
        trained: whether it was trained on rescaled bands; None where that is not known.
        rescaled: whether the bands are rescaled here; None where that is not known.
        lowest: the smallest of its values here.
        highest: the largest.
        remedy: what rescales them.
    """
    if trained and not rescaled and not -_BEYOND <= lowest <= highest <= 1 + _BEYOND:
        return [
            f"the model was trained on bands rescaled to [0, 1], and these values go from {lowest:.5g} to "
            f"{highest:.5g}; {remedy}"
        ]
    if trained is False and rescaled:
        return [
            "the model was trained on values as the files have them, and these are rescaled; leave out rescale=True"
        ]
    return []


def of_shared_pairs(shared: int, pairs: int, is_trained: bool = True) -> list[str]:
    """A doubt about figures that are counted on what was trained on.

    Args:
        shared: how many of the pairs that are judged were trained on.
        pairs: how many are judged.
        is_trained: whether the training is done; else it is about to start.
    """
    if not shared:
        return []
    of = "this pair" if pairs == 1 else f"{shared} of these {pairs} pairs"
    learned = "was trained on" if is_trained else "will have been trained on"
    return [f"the model {learned} {of}; its accuracy here says nothing about places that it has not seen"]


def _second_mode(values: np.ndarray, cut: float) -> bool:
    """Whether the density of values rises again above a cut, on a logarithmic axis."""
    from scipy.ndimage import gaussian_filter1d

    positive = np.log(values[values > 0])
    counts, edges = np.histogram(positive, _BINS)
    smooth = gaussian_filter1d(counts.astype(float), 2)
    at = int(np.searchsorted(edges, np.log(cut))) - 1
    # The lowest place may lie a little beside the cut.
    above = smooth[max(at - _BINS // 16, 0) :]
    lowest = int(np.argmin(above[: _BINS // 8 + 1]))
    return bool(above[lowest:].max() > _RISE * above[lowest] + 1)


def of_spectra(scene: Scene, rng: np.random.Generator) -> list[str]:
    """Doubts about distances of raw spectra: one band that makes most of them, and a shift between the dates.

    Args:
        scene: the pair.
        rng: of the sample of pixels.
    """
    pairs = sampled_pairs(scene, rng, _SAMPLE).astype(float)
    found = []
    energy = ((pairs[:, 0] - pairs[:, 1]) ** 2).mean(axis=0)
    bands = len(energy)
    if bands > 2 and energy.max() > _ONE_BAND * energy.sum():
        share = energy.max() / energy.sum()
        band = scene.before.band_numbers[int(energy.argmax())]
        found.append(f"band {band} makes {100 * share:.0f} % of the squared distances of {counted(bands, 'band')}")
    shift = np.abs(np.median(pairs[:, 1] - pairs[:, 0], axis=0))
    spread = pairs.std(axis=0).mean(axis=0)
    shifted = int(np.count_nonzero(shift > _SHIFT * np.where(spread > 0, spread, np.inf)))
    if 2 * shifted > bands:
        remedies = naming.given("normalisation", "pif"), naming.given("detector", "context_regression")
        found.append(
            f"{shifted} of {counted(bands, 'band')} shift between the dates by more than {_SHIFT:g} standard "
            f"deviations, changed or not: light or season ({' or '.join(remedies)} takes that out)"
        )
    return found


def some_changed(scene: Scene, scores: np.ndarray, threshold: float, rng: np.random.Generator) -> Samples:
    """Changed pixels and any pixels of some windows that have change.

    Args:
        scene: the pair.
        scores: (rows, columns), NaN where masked.
        threshold: changed pixels have a greater score.
        rng: draws the windows, and pixels of them.
    """
    samples = []
    for number in rng.permutation(len(scene.windows))[:_LOOKED_AT]:
        rows, columns = scene.windows[number]
        part = scores[rows, columns]
        places = [np.flatnonzero(of) for of in (part > threshold, np.isfinite(part))]
        if not len(places[0]):
            continue
        # All windows are held at once, of hundreds of bands too.
        chosen = [rng.choice(of, min(len(of), _SAMPLE // _LOOKED_AT), replace=False) for of in places]
        down, right = np.divmod(np.concatenate(chosen), part.shape[1])
        pairs = scene.take((rows.start + down) * scores.shape[1] + columns.start + right).astype(float)
        samples.append((pairs[: len(chosen[0])], pairs[len(chosen[0]) :]))
    return samples


def of_size(samples: Samples) -> list[str]:
    """A doubt where what counts as changed hardly differs between the dates, as in one image saved twice.

    Args:
        samples: some of it, of `some_changed`.
    """
    sizes = []
    for marked, every in samples:
        spread = every.std(axis=0).mean(axis=0)
        ratio = (marked[:, 1] - marked[:, 0])[:, spread > 0] / spread[spread > 0]
        sizes.append(float(np.median(np.sqrt(np.square(ratio).mean(axis=1)))) if ratio.size else np.inf)
    if not sizes or max(sizes) >= _TINY:
        return []
    return [
        f"what counts as changed differs between the dates by {100 * max(sizes):.2g} % of the contrast of the images: "
        "there may be no change, but two versions of one image"
    ]


def of_brightness(samples: Samples) -> list[str]:
    """A doubt where what counts as changed is darker or brighter in all bands alike, as by other light.

    Nothing is said of bands in which any two places differ by little else, as the visible ones do.

    Args:
        samples: some of it, of `some_changed`.
    """
    left = []
    for marked, every in samples:
        level, spread = every.mean(axis=0), every.std(axis=0)
        tell = (spread > 0).all(axis=0)
        pixels, marked = (((of - level)[:, :, tell] / spread[:, tell]) for of in (every, marked))
        dark = np.quantile(pixels, _DARK, axis=0).min(axis=0) if tell.any() else 0.0
        places = pixels[:, 0] - dark
        if _beyond_gain(places, np.roll(places, len(places) // 2, axis=0)) >= _TELLING:
            left.append(_beyond_gain(marked[:, 0] - dark, marked[:, 1] - dark))
    if not left or not np.max(left) < _LEFT:
        return []
    return [
        f"{100 * (1 - max(left)):.0f} % of the difference of what counts as changed is brightness that all bands "
        "share: light, slopes or thin cloud look like that"
    ]


def _beyond_gain(first: np.ndarray, second: np.ndarray) -> float:
    """Share of the squared difference that a gain leaves of a pixel, the median; NaN of none; (pixels, bands) each."""
    differ = (first != second).any(axis=1) & first.any(axis=1)
    first, second = first[differ], second[differ]
    if not first.size:
        return np.nan
    gain = (first * second).sum(axis=1, keepdims=True) / np.square(first).sum(axis=1, keepdims=True)
    left, whole = (np.square(second - of).sum(axis=1) for of in (gain * first, first))
    return float(np.median(left / whole))


def of_borders(scores: np.ndarray, threshold: float) -> list[str]:
    """A doubt where scores rise slowly towards what counts as changed, as light and haze do.

    Args:
        scores: (rows, columns), a chi-square statistic, NaN where masked.
        threshold: changed pixels have a greater score.
    """
    step = max(1, round(scores.size / (50 * _SAMPLE)))
    ratios, changed, valid = [], 0, 0
    for lines in (scores[::step], scores[:, ::step].T):
        first, second = lines[:, :-1], lines[:, 1:]
        across = ((first > threshold) != (second > threshold)) & np.isfinite(first) & np.isfinite(second)
        beside = np.maximum([first[across], second[across]], np.finfo(np.float32).tiny)
        ratios.append(0.5 * np.abs(np.diff(np.log(beside), axis=0)[0]))
        changed += int(np.count_nonzero(lines > threshold))
        valid += int(np.count_nonzero(np.isfinite(lines)))
    steps = np.concatenate(ratios)
    if len(steps) < _PAIRS or changed < _SHARE * valid or np.median(steps) >= _SOFT:
        return []
    return [
        f"the borders of change are soft, {100 * np.expm1(np.median(steps)):.0f} % of the threshold from pixel to "
        "pixel: light or haze that differs from place to place looks like that"
    ]
