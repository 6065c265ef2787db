"""Iterative slow feature analysis (ISFA)."""

from __future__ import annotations

from hscd.detectors import DETECTORS
from hscd.detectors.sfa import Sfa


@DETECTORS.register("isfa")
class Isfa(Sfa):
    """SFA, fitted again with each pixel weighted by the chance that it did not change, until that settles.

    References:
        Wu, Du, Zhang (2014), "Slow feature analysis for change detection in multispectral imagery", IEEE Trans.
        Geosci. Remote Sens. 52(5), section on iterative SFA.
    """

    name = "isfa"
    _again = True
