"""Keys of [settings] that go together under one name."""

from __future__ import annotations

# What is not given is taken from here.
PRESETS = {
    "unsupervised": {"detector": "ED", "threshold": "otsu", "correction": "none"},
}
