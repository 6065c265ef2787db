"""No kinds: changed is changed."""

from __future__ import annotations

import numpy as np

from hscd.kinds import KINDS
from hscd.kinds.vectors import Changes


@KINDS.register("none")
def none(changes: Changes, rng: np.random.Generator) -> None:
    """Tell no kinds of change apart."""
