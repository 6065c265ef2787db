"""Keys of [settings] that go together under one name."""

from __future__ import annotations

# What is not given is taken from here.
PRESETS = {
    "unsupervised": {"detector": "context_regression", "threshold": "floor", "correction": "none"},
}
