"""Threshold of a statistic whose distribution is known where nothing changed."""

from __future__ import annotations

from functools import partial

import numpy as np

from hscd.registry import Option
from hscd.scores import Cut
from hscd.system import naming, parsing
from hscd.thresholds import THRESHOLDS, NoDistributionError, looks


def chi2_value(degrees: float | None, p: float) -> float:
    """What a chi-square variable exceeds with probability p.

    Raises:
        NoDistributionError: if there are no degrees of freedom: the scores are no such statistic.
    """
    from scipy.special import chdtri

    if degrees is None:
        raise NoDistributionError(
            "the scores have no chi-square distribution; choose another threshold, "
            f"{naming.given('threshold', 'otsu_clipped')} for "
            "example, or a detector whose scores have one: context_regression, irmad, isfa, mad, sfa"
        )
    return float(chdtri(degrees, p))


@THRESHOLDS.register(
    "chi2",
    Option("chi2_p", partial(parsing.number, low=0, high=1), "a number in ]0, 1[", 1e-6,
           "share of unchanged pixels that may be called changed"),
)  # fmt: skip
def chi2_cut(scores: np.ndarray, chi2_p: float = 1e-6, *, scale: str = "linear", degrees: float | None = None) -> Cut:
    """What the chi-square statistic of an unchanged pixel exceeds with probability p.

    Args:
        scores: array of any shape; NaN is ignored.
        chi2_p: the probability.
        scale: not used.
        degrees: degrees of freedom of the statistic.

    Raises:
        InputError: if the scores have no such distribution, or fewer than two different finite values are left.
    """
    cut = chi2_value(degrees, chi2_p)
    return Cut(cut, looks.ends(looks.seen(scores), cut))
