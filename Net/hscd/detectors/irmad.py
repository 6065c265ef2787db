"""Iteratively reweighted multivariate alteration detection (IR-MAD)."""

from __future__ import annotations

from hscd.detectors import DETECTORS
from hscd.detectors.mad import Mad


@DETECTORS.register("irmad")
class IrMad(Mad):
    """MAD, fitted again with each pixel weighted by the chance that it did not change, until that settles.

    References:
        Nielsen (2007), "The regularized iteratively reweighted MAD method for change detection in multi- and
        hyperspectral data", IEEE Trans. Image Processing 16(2).
    """

    name = "irmad"
    _again = True
