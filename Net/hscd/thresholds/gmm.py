"""Threshold between two normal distributions."""

from __future__ import annotations

import numpy as np

from hscd.scores import Cut
from hscd.thresholds import THRESHOLDS, looks
from hscd.thresholds.otsu import otsu

_BINS = 512
_ROUNDS, _SETTLED = 500, 1e-8


@THRESHOLDS.register("gmm")
def gmm(scores: np.ndarray, *, scale: str = "linear", degrees: float | None = None) -> Cut:
    """Where a pixel is as likely of the upper as of the lower of two normal distributions, fitted by EM.

    EM runs on a histogram, begun from the classes of Otsu's threshold. The mixture is the change detection of Bruzzone
    and Prieto.

    Args:
        scores: array of any shape; NaN is ignored.
        scale: how to look at them, "linear", "root" or "log"; a score map says it.
        degrees: not used.

    Raises:
        InputError: if fewer than two different finite values are left.

    References:
        Dempster, Laird, Rubin (1977), "Maximum likelihood from incomplete data via the EM algorithm", J. Royal Stat.
        Soc. B 39(1).
        Bruzzone, Prieto (2000), "Automatic analysis of the difference image for unsupervised change detection", IEEE
        Trans. Geosci. Remote Sens. 38(3).
    """
    values = looks.seen(scores, scale)
    counts, middles = looks.histogram(values, _BINS)
    start = otsu(looks.clipped(values))
    upper = fitted_mixture(counts, middles, (middles > start).astype(np.float64))
    peaks = [float((counts * of) @ middles / max((counts * of).sum(), 1e-300)) for of in (1 - upper, upper)]
    # The upper one may be the likelier one far below, too, if it is wide: above the mean of the lower one it counts.
    crossing = np.flatnonzero((upper > 0.5) & (middles > min(peaks)))
    if not len(crossing) or peaks[1] <= peaks[0]:
        cut = start
        found: tuple[str, ...] = ("the scores are not a mixture of two normal distributions; Otsu's threshold is used",)
    else:
        cut = float(middles[crossing[0]] - (middles[1] - middles[0]) / 2)
        found = looks.doubts(values, cut)
    return Cut(looks.back(cut, scale), found)


def fitted_mixture(counts: np.ndarray, middles: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """The chance of each bin to be of the second of two normal distributions, (bins,).

    Args:
        counts: of the bins.
        middles: of the bins.
        upper: that chance to begin with.
    """
    least = (middles[1] - middles[0]) ** 2 / 12
    for _ in range(_ROUNDS):
        logs = []
        for part in (1 - upper, upper):
            weights = counts * part
            total = max(weights.sum(), 1e-300)
            mean = weights @ middles / total
            variance = max(weights @ (middles - mean) ** 2 / total, least)
            logs.append(np.log(total) - 0.5 * np.log(variance) - (middles - mean) ** 2 / (2 * variance))
        before, upper = upper, 1 / (1 + np.exp(np.clip(logs[0] - logs[1], -700, 700)))
        if counts @ np.abs(upper - before) < _SETTLED * counts.sum():
            break
    return upper
