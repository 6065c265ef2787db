"""Losses that a network is trained with; one file each."""

from __future__ import annotations

from typing import Any

from hscd.registry import Registry

LOSSES: Registry[Any] = Registry("loss", __name__)
