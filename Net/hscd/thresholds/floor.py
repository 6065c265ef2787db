"""Otsu's threshold, but never below what unchanged pixels reach by chance."""

from __future__ import annotations

from functools import partial

import numpy as np

from hscd.registry import Option
from hscd.scores import Cut
from hscd.system import parsing
from hscd.thresholds import THRESHOLDS, looks
from hscd.thresholds.chi2 import chi2_value
from hscd.thresholds.otsu import otsu

# Share of the pixels between Otsu's threshold and the floor that is worth a word.
_MATTERS = 1e-3


@THRESHOLDS.register(
    "floor",
    Option("floor_p", partial(parsing.number, low=0, high=1), "a number in ]0, 1[", 1e-5,
           "probability that an unchanged pixel exceeds the least threshold"),
)  # fmt: skip
def floor(scores: np.ndarray, floor_p: float = 1e-5, *, scale: str = "root", degrees: float | None = None) -> Cut:
    """The larger of Otsu's threshold, on the scale of the scores and clipped, and of the chi-square quantile.

    Where change is rare, Otsu's threshold halves what is unchanged; the floor keeps it from that.

    Args:
        scores: a chi-square statistic, array of any shape; NaN is ignored.
        floor_p: chance of an unchanged pixel to exceed the floor.
        scale: how to look at them, "linear", "root" or "log"; a score map says it.
        degrees: degrees of freedom of the statistic.

    Raises:
        InputError: if the scores have no chi-square distribution, or fewer than two different finite values are left.
    """
    least = chi2_value(degrees, floor_p)
    values = looks.seen(scores, scale)
    natural = looks.back(otsu(looks.clipped(values)), scale)
    cut = max(least, natural)
    raw = looks.seen(scores)
    found = looks.ends(raw, cut)
    if not found and ((raw > natural) & (raw <= least)).mean() > _MATTERS:
        found = ("Otsu's threshold lies among unchanged pixels, the floor is used: change is rare, or there is none",)
    return Cut(cut, found)
