"""Sizes of the branch network, told without Keras."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

FOURTH_LAYER_UNITS = 512


def weight_shapes(bands: int, parameters: Mapping[str, Any]) -> list[tuple[int, ...]]:
    """Shapes of the weights of `dense_branch`, without building it: a kernel and a bias a layer."""
    units = [int(parameters[name]) for name in ("layer", "layer_1", "layer_2")]
    if parameters["fourth_layer"]:
        units.append(FOURTH_LAYER_UNITS)
    return [shape for before, after in itertools.pairwise([bands, *units]) for shape in ((before, after), (after,))]
