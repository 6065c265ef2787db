"""Branch networks: the part of a Siamese network that both images go through with the same weights; one file each."""

from __future__ import annotations

from typing import Any

from hscd.registry import Registry

BRANCHES: Registry[Any] = Registry("branch", __name__)
