"""Keys of [settings] that go together under one name."""

from __future__ import annotations

from hscd.detection import UNSUPERVISED

# What is not given is taken from here.
PRESETS = {"unsupervised": UNSUPERVISED}
