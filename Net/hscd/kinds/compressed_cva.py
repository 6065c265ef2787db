"""Compressed change vector analysis (C²VA)."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from hscd.detectors.cva import magnitudes
from hscd.detectors.tools.reweighted import moments
from hscd.kinds import COUNT, KINDS, MOST, Told
from hscd.kinds.vectors import Changes, differences
from hscd.registry import Option
from hscd.system import parsing

REFERENCES = ("principal", "uniform")
# Of the histogram of angles over [0, π]: its bins, of a degree each, and the deviation of what smooths it.
_BINS, _SMOOTH = 180, 5.0
# Height over the saddle to a higher mode that makes a mode one of its own, as a part of the highest mode.
_PROMINENCE = 0.05


@KINDS.register(
    "compressed_cva", COUNT,
    Option("kinds_reference", parsing.one_of(REFERENCES), " or ".join(REFERENCES), "principal",
           "reference direction of angles of change: that of most change, or all bands alike"),
)  # fmt: skip
def compressed_cva(
    changes: Changes, rng: np.random.Generator, kinds_count: int | None = None, kinds_reference: str = "principal"
) -> Told:
    """Sectors of the angle between a change vector and a reference; a mode of its histogram each.

    The spectral change vector is compressed to its magnitude, which the detector has judged, and the angle
    θ = arccos(x·r / |x|) to the reference r: (1, …, 1) / √bands of the first paper, or the leading eigenvector of the
    second moments of the change vectors, as in the second. Sectors meet where the smoothed histogram of the changed
    pixels is lowest between two modes.

    Args:
        changes: a sample.
        rng: not used.
        kinds_count: the number of sectors, of the most prominent modes; None for that of all clear modes.
        kinds_reference: "principal" or "uniform".

    References:
        Bovolo, Marchesi, Bruzzone (2012), "A framework for automatic and unsupervised detection of multiple changes in
        multitemporal images", IEEE Trans. Geosci. Remote Sens. 50(6).
        Liu, Bruzzone, Bovolo, Zenoni, Du (2015), "Sequential spectral change vector analysis for iteratively
        discovering and detecting multiple changes in hyperspectral images", IEEE Trans. Geosci. Remote Sens. 53(8).
    """
    bands = changes.pairs.shape[2]
    if kinds_reference == "uniform":
        reference = np.full(bands, bands**-0.5)
    else:
        vectors = differences(changes.pairs, changes.scalings)
        mean, covariance = moments(vectors, np.ones(len(vectors)))
        reference = np.linalg.eigh(covariance + np.outer(mean, mean))[1][:, -1]

    def angles(pairs: np.ndarray) -> np.ndarray:
        lengths = magnitudes(pairs, changes.scalings).astype(np.float64)
        cosines = changes.along(reference[None], pairs)[0] / np.where(lengths > 0, lengths, 1)
        return np.arccos(np.clip(cosines, -1, 1))

    limits = sector_limits(angles(changes.pairs), MOST if kinds_count is None else kinds_count)
    found = len(limits) + 1
    doubts = () if kinds_count in (None, found) else (f"the angles of change have {found} modes, not {kinds_count}",)
    return Told(lambda pairs: np.searchsorted(limits, angles(pairs)), found, doubts)


def sector_limits(angles: np.ndarray, most: int) -> np.ndarray:
    """Angles at which sectors meet, rising: the lowest places between the most prominent modes.

    Args:
        angles: (pixels,) in [0, π].
        most: number of modes.
    """
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import find_peaks

    counts, edges = np.histogram(angles, _BINS, (0, np.pi))
    # Nothing lies beyond 0 and π; zeros at the ends let a mode there be one.
    smooth = np.pad(gaussian_filter1d(counts.astype(float), _SMOOTH, mode="constant"), 1)
    modes, told = find_peaks(smooth, prominence=_PROMINENCE * smooth.max())
    modes = np.sort(modes[np.argsort(-told["prominences"], kind="stable")[:most]]) - 1
    smooth = smooth[1:-1]
    middles = (edges[:-1] + edges[1:]) / 2
    return np.array([middles[one + int(smooth[one:other].argmin())] for one, other in pairwise(modes)])
