"""Keys of [settings] that go together under one name."""

from __future__ import annotations

from collections.abc import Mapping

from hscd.detection import UNSUPERVISED, natural_threshold
from hscd.detectors import DETECTORS

# The one that messages suggest.
RECOMMENDED = "unsupervised"
# What is not given is taken from here.
PRESETS = {RECOMMENDED: UNSUPERVISED}


def preset_values(given: Mapping[str, str]) -> dict[str, str]:
    """What the preset of [settings] says, by key.

    The threshold is that which goes with the detector that is given, or the first of several.

    Args:
        given: the texts of [settings], by key.
    """
    values = dict(PRESETS.get(given.get("preset", ""), {}))
    several = given.get("ensemble_detectors", "").split(",")
    detector = several[0].strip() or given.get("detector", "")
    if "threshold" in values and detector in DETECTORS:
        values["threshold"] = natural_threshold(detector)
    return values
